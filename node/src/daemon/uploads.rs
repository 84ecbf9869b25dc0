//! Files that a browser gave to be imported, for as long as this run of the node.
//!
//! A shell file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::home::Home;

/// Where they are. It is emptied when the node starts: an import is begun again with its
/// file, and skips what it had written.
fn place(home: &Home) -> PathBuf {
    home.path().join("run/imports")
}

/// Throws away what another run left.
pub fn clear(home: &Home) {
    let _ = fs::remove_dir_all(place(home));
}

/// Keeps a file in a directory of its own. Gives the directory.
pub fn keep(home: &Home, id: &str, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let directory = place(home).join(id);
    let path = directory.join(name);
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&path, bytes))
        .map_err(Failure::file(&path))?;
    Ok(directory)
}

/// Opens one.
pub fn open(path: &Path) -> Result<fs::File, Failure> {
    fs::File::open(path).map_err(Failure::file(path))
}

/// Throws one away with its directory.
pub fn forget(directory: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::file(directory)(error))
        }
        _ => Ok(()),
    }
}
