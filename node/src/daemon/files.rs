//! What a running node keeps beside the store: its transport key, and the interests.
//!
//! A shell file.

use std::fs;
use std::io;
use std::path::PathBuf;

use synlog_log::keys::SecretKey;

use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
use crate::interests::Interests;

/// File of the transport key. It is made on the machine and never leaves it: who copies
/// a data directory makes two nodes with one address.
pub fn transport_key_path(home: &Home) -> PathBuf {
    home.path().join("keys/transport.key")
}

/// The transport key; it is made where there is none.
pub fn transport_key(home: &Home) -> Result<SecretKey, Failure> {
    let path = transport_key_path(home);
    if !path.exists() {
        let key = SecretKey::from_seed(random()?);
        home.write_key(&path, &key)?;
    }
    home.read_key(path)
}

/// File of the interests.
pub fn interests_path(home: &Home) -> PathBuf {
    home.path().join("interests")
}

/// What the owner wants; nothing where nothing was ever said.
pub fn interests(home: &Home) -> Result<Interests, Failure> {
    let path = interests_path(home);
    match fs::read_to_string(&path) {
        Ok(text) => text
            .parse()
            .map_err(|source| Failure::Interests { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Interests::default()),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

/// Writes the interests down, durably and in one step.
pub fn save_interests(home: &Home, interests: &Interests) -> Result<(), Failure> {
    let path = interests_path(home);
    let part = path.with_extension("part");
    let write = || -> io::Result<()> {
        fs::write(&part, interests.to_string())?;
        fs::File::open(&part)?.sync_all()?;
        fs::rename(&part, &path)?;
        fs::File::open(home.path())?.sync_all()
    };
    write().map_err(Failure::file(&path))
}
