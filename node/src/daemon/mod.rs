//! The running node: holds the store open, and runs the commands of others on it.
//!
//! A command that is typed while a node runs is sent to it over a socket file and runs
//! there, with the caller's outputs, input and directory (`cli/setting.rs`); what it says
//! and how it ends is the same as if it had opened the store itself.

pub mod announcing;
pub mod board;
pub mod client;
pub mod driver;
mod fetching;
pub mod files;
pub mod frame;
pub mod guesting;
mod placing;
pub mod running;
pub mod serving;
pub mod session;
pub mod socket;
pub mod swarms;
