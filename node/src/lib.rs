//! A node on one machine: composition of the crates, and the command line.

pub mod bench;
pub mod carrying;
pub mod cli;
pub mod clock;
pub mod decoder;
pub mod demo;
pub mod devices;
pub mod entries;
pub mod entropy;
pub mod failure;
pub mod home;
pub mod import;
pub mod instant;
pub mod json;
pub mod ledger;
pub mod node;
pub mod pipeline;
pub mod receipts;
pub mod secrets;
pub mod upkeep;
pub mod writing;
