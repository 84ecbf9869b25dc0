//! A simulated world: many engines with stores in memory, a network that delays, cuts
//! and parts, clocks that are wrong, disks that are lost, and peers that lie.
//!
//! All of it follows from one seed, so what went wrong once goes wrong again.

mod answers;
pub mod cast;
pub mod disk;
mod intake;
pub mod memory;
mod writing;

pub use disk::{Record, RecordDisk};
pub use memory::{Audience, MemoryRepo};
pub use writing::{begin_topic, payload};
