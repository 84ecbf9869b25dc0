//! The segment store: an append-only log that loses nothing silently.
//!
//! It keeps opaque **records** `(kind, bytes)`. A record of kind 1 is a run of
//! entries and takes one **position** per entry; any other record takes one.
//! Positions are dense, in order of arrival, and never change: they are the
//! cursor for everything derived.
//!
//! What holds at all times:
//! - What [`Store::commit`] returned is there after any crash, or reported by
//!   [`Store::missing`]; nothing is read without a checksum being checked.
//! - Batch k+1 is written only after batch k is synced. So only the last batch
//!   can be torn by a crash; anything else that is bad is damage, whose bytes
//!   are kept and whose positions are reported.
//! - A failed write or sync stops the store until it is opened again.
//! - Everything but `segments/` and `HEAD` is derived: deleted, it is made again.
//!
//! ```text
//! LOCK            held while the store is open
//! HEAD            durable watermark, own feeds, guard      (see `head.rs`)
//! segments/*.seg  the log                                  (see `format.rs`)
//! index/*.idx     per segment: ids, records, runs          (see `side_format.rs`)
//! index/feeds     the feed table                           (see `checkpoint.rs`)
//! index/missing   positions found damaged                  (see `missing.rs`)
//! aside/*         bytes that were cut off the log's end, for a person to look at
//! ```
//!
//! The store knows nothing of entries, signatures or topics' policies: a
//! [`Decoder`] reads runs for it when an index must be made again.

mod archive;
mod checkpoint;
mod commit;
mod error;
mod feeds;
mod filter;
mod format;
mod guard;
mod head;
mod idtable;
mod lookup;
mod missing;
mod opening;
mod others;
mod prune;
mod rebuild;
mod record;
mod recovery;
mod rows;
mod scan;
mod scrub;
mod segment;
mod side;
mod side_format;
mod state;
mod tail;
mod upkeep;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use archive::{
    SegmentCheck, SegmentSnapshot, Snapshot, check_segment, digest_up_to, segment_path,
};
pub use commit::GroupCommitter;
pub use error::StoreError;
pub use feeds::{Branch, FeedState};
pub use format::{KIND_RUN, MAX_BATCH_BYTES, MAX_RECORD_BYTES, MAX_RUN_ENTRIES};
pub use guard::GuardReason;
pub use missing::MissingRange;
pub use prune::PruneReport;
pub use record::{
    Committed, Decoder, Facts, OwnedFacts, OwnedRecord, Record, RunFacts, StoredRecord,
};
pub use recovery::{CutTail, OpenReport};
pub use scan::Scan;
pub use scrub::{Finding, ScrubReport};
pub use state::{Options, Store};
