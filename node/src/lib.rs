//! A node on one machine: composition of the crates, and the command line.

pub mod apps;
pub mod audit;
pub mod backup;
pub mod bench;
pub mod blobs;
pub mod carrying;
pub mod cli;
pub mod clock;
pub mod contacts;
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
pub mod identity;
pub mod import;
pub mod intake;
pub mod ledger;
pub mod lending;
pub mod letters;
pub mod node;
pub mod peering;
pub mod pipeline;
pub mod plain;
pub mod privacy;
pub mod receipts;
pub mod rehearsal;
pub mod replay;
pub mod rows;
pub mod secrets;
pub mod trial;
pub mod upkeep;
pub mod web;
pub mod writing;
pub mod zones;

mod arrivals;
mod frontier;
mod met;
mod skim;

pub use synlog_values::{instant, json, money, paths};
