//! The data directory: the key of a relay, the state of a registry.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use iroh::SecretKey;

use super::ServeError;
use super::clock::random;
use crate::name;

/// Largest file that is read: a registry of 4,096 relays has some 3 MB.
const BYTES_MAX: u64 = 16 << 20;

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> ServeError {
    move |source| ServeError::File {
        path: path.to_path_buf(),
        source,
    }
}

/// Makes the directory, for the owner alone.
pub(crate) fn prepare(home: &Path) -> Result<(), ServeError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(home).map_err(failed(home))
}

/// The key in a directory; made where there is none.
pub(crate) fn key(home: &Path) -> Result<SecretKey, ServeError> {
    prepare(home)?;
    let path = home.join("relay.key");
    match fs::metadata(&path) {
        Ok(found) => {
            let mode = found.permissions().mode();
            if mode & 0o077 != 0 {
                let why = "others can read it: chmod 600 it".to_owned();
                return Err(ServeError::BadFile(path, why));
            }
            let text = read(&path)?.unwrap_or_default();
            let seed = std::str::from_utf8(&text).ok().map(str::trim);
            let seed = seed.and_then(name::bytes32);
            let bad = || ServeError::BadFile(path, "this is no key: 64 hex digits".into());
            Ok(SecretKey::from_bytes(&seed.ok_or_else(bad)?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SecretKey::from_bytes(&random());
            let text = data_encoding::HEXLOWER.encode(&key.to_bytes());
            replace(&path, format!("{text}\n").as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(failed(&path)(error)),
    }
}

/// A file's bytes; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, ServeError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path)(error)),
    };
    let mut bytes = Vec::new();
    let mut bounded = file.take(BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(failed(path))?;
    if bytes.len() as u64 > BYTES_MAX {
        let why = "it is larger than any that this program writes".to_owned();
        return Err(ServeError::BadFile(path.to_path_buf(), why));
    }
    Ok(Some(bytes))
}

/// Writes a file so that after any crash there is the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ServeError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(failed(path))
}

/// When files changed last.
pub(crate) fn changed(paths: [&Path; 2]) -> [Option<SystemTime>; 2] {
    paths.map(|path| fs::metadata(path).ok()?.modified().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_the_owner_alone() {
        let home = tempfile::tempdir().expect("a directory");
        let home = home.path().join("relay");
        let first = key(&home).expect("made");
        assert_eq!(key(&home).expect("read").to_bytes(), first.to_bytes());
        let path = home.join("relay.key");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        assert!(matches!(key(&home), Err(ServeError::BadFile(..))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&path, "no key").expect("written");
        assert!(matches!(key(&home), Err(ServeError::BadFile(..))));
    }
}
