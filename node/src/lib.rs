//! A node on one machine: composition of the crates, and the command line.

pub mod apps;
pub mod audit;
pub mod bench;
pub mod carrying;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod decoder;
pub mod demo;
pub mod devices;
pub mod entries;
pub mod entropy;
pub mod events;
pub mod failure;
pub mod folding;
pub mod home;
pub mod import;
pub mod instant;
pub mod json;
pub mod ledger;
pub mod lending;
pub mod money;
pub mod node;
pub mod paths;
pub mod peering;
pub mod pipeline;
pub mod plain;
pub mod receipts;
pub mod rehearsal;
pub mod replay;
pub mod rows;
pub mod secrets;
pub mod upkeep;
pub mod writing;
pub mod zones;

mod arrivals;
