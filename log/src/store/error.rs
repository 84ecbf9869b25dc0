//! What can go wrong in the store.

use std::io;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store is open in another process")]
    Locked,
    /// No space is left; nothing was written and the store stays usable.
    #[error("no space left on the disk: {needed_bytes} bytes needed")]
    Full {
        /// How much was asked for.
        needed_bytes: u64,
        /// What the disk said.
        source: io::Error,
    },
    /// A write or sync failed now; what was under way is not acknowledged and
    /// the store refuses everything until it is opened again.
    #[error("could not {action} {path}; the store stops here")]
    Failed {
        /// What was being done.
        action: &'static str,
        /// The file, relative to the store.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
    /// A write or sync failed earlier.
    #[error("the store stopped after a failed write or sync; open it again")]
    Poisoned,
    /// Reading failed.
    #[error("could not read {path}")]
    Read {
        /// The file, relative to the store.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The records at these positions are damaged or lost; they can be
    /// supplied again by a commit, at new positions.
    #[error("positions {first}..{end} are missing")]
    Missing {
        /// First position that is missing.
        first: u64,
        /// First position after them.
        end: u64,
    },
    /// A record that the store cannot hold.
    #[error("a record cannot be stored: {0}")]
    Unstorable(&'static str),
    /// An own sequence number was reported that is not stored.
    #[error("entry {seq} of the feed is not stored, so it cannot be marked as own")]
    NotStored {
        /// The sequence number.
        seq: u64,
    },
    /// A segment of another store lies among the segments.
    #[error("{path} belongs to another store than HEAD")]
    Foreign {
        /// The file, relative to the store.
        path: String,
    },
    /// The store is of a version that this program does not know.
    #[error("{path} of the store: made by a newer synlog: its format has version {version}")]
    Version {
        /// The file, relative to the store.
        path: String,
        /// Its version.
        version: u32,
    },
}
