//! Versions of the files that a node keeps. What a newer synlog made is refused by name and
//! left as it is; nothing of it is guessed at.

use std::path::Path;

use crate::failure::Failure;

/// Refuses a file of a version that is not known yet.
pub(crate) fn check(path: &Path, version: u64, known: u64) -> Result<(), Failure> {
    match version > known {
        true => Err(Failure::Newer {
            path: path.to_path_buf(),
            version,
        }),
        false => Ok(()),
    }
}

/// The same for a file that begins with a byte that says it.
pub(crate) fn check_first(path: &Path, bytes: &[u8], known: u8) -> Result<(), Failure> {
    let version = bytes.first().copied().unwrap_or_default();
    check(path, u64::from(version), u64::from(known))
}
