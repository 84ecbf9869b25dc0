//! Bundle files: topics carried from hand to hand (`spec/08-bundle.md`).

mod format;
mod judge;
pub mod signatures;
mod statements;
mod verify;

pub use format::{BundleError, BundleReader, BundleWriter, Record, RecordKind};
pub use verify::{FeedReport, Problem, Report, TopicReport, verify, verify_with};
