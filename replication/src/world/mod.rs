//! A simulated world: many engines with stores in memory, a network that delays, cuts
//! and parts, clocks that are wrong, disks that are lost, and peers that lie.
//!
//! All of it follows from one seed, so what went wrong once goes wrong again.

mod answers;
mod blobs;
pub mod cast;
mod deeds;
mod disk;
mod ending;
mod gathering;
mod host;
mod intake;
mod lies;
mod memory;
mod network;
pub mod pair;
mod run;
mod setting;
pub mod sheet;
mod story;
mod twists;
mod writing;

pub use blobs::MemoryBlobs;
pub use disk::{Record, RecordDisk};
pub use ending::Sight;
pub use gathering::{Gathering, Received, Spreading};
pub use host::{Host, Life};
pub use lies::Lies;
pub use memory::{Audience, MemoryRepo};
pub use network::{Conditions, End, Passage, Wires};
pub use run::{Counts, World};
pub use setting::Plan;
pub use story::{PEACE_MS, Shared, Story, TROUBLE_MS};
pub use writing::{begin_topic, payload};

#[cfg(test)]
mod tests;
