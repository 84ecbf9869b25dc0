//! Backups: the store's files in a directory or an S3 bucket, each part under the hash
//! of its bytes, so that only what is new travels (`docs/BACKUP.md`).

mod checking;
mod error;
pub mod keys;
mod last;
pub mod manifest;
pub mod place;
mod restoring;
mod session;
mod writing;

#[cfg(test)]
mod tests;

pub use checking::{Checked, check};
pub use error::BackupError;
pub use last::Last;
pub use manifest::Manifest;
pub use place::{Objects, Place};
pub use restoring::{restore, restore_parts};
pub use session::{Restored, restore_home};
pub use writing::{Done, Source, Terms, latest, write};

/// Told how many bytes are done, and of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
