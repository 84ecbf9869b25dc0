//! Keys in a backup: only when asked for, and only under a passphrase. The device key is
//! never among them, so nothing that is restored can write its old feeds.

use age::secrecy::SecretString;
use synlog_log::cbor::Value;

use crate::failure::Failure;
use crate::home::Home;
use crate::identity::lock::{LockError, lock, unlock};

/// Key files by the names that they have in a backup.
const NAMES: [&str; 3] = ["root", "encryption", "secrets"];

/// The key files of a home, by name.
fn files(home: &Home) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut found = Vec::new();
    match home.root_key() {
        Ok(root) => found.push((NAMES[0], root.to_file())),
        Err(Failure::NoRootKey(_)) => {}
        Err(failure) => return Err(failure),
    }
    for (name, path) in [
        (NAMES[1], home.encryption_key_path()),
        (NAMES[2], home.secrets_key_path()),
    ] {
        found.extend(home.read_secret(&path)?.map(|text| (name, text)));
    }
    Ok(found)
}

/// Collects the keys of a home and locks them. Gives also which they are.
pub fn collect(
    home: &Home,
    passphrase: &SecretString,
) -> Result<(Vec<u8>, Vec<&'static str>), Failure> {
    let files = files(home)?;
    let names = files.iter().map(|(name, _)| *name).collect();
    let pairs = files
        .into_iter()
        .map(|(name, text)| (name, Value::Text(text)));
    let plain = Value::map(pairs).encode();
    let locked = lock(&plain, passphrase)
        .map_err(|error| Failure::System(format!("the keys can't be locked: {error}")))?;
    Ok((locked, names))
}

/// What was in a backup's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// The root key, as the text of its file.
    pub root: Option<String>,
    /// The encryption keys.
    pub encryption: Option<String>,
    /// The key of secrets that apps committed to.
    pub secrets: Option<String>,
}

/// Opens the keys of a backup.
pub fn open(locked: &[u8], passphrase: &SecretString) -> Result<Keys, LockError> {
    let plain = unlock(locked, passphrase)?;
    read(&plain).ok_or_else(|| LockError::Damaged("it holds no keys".into()))
}

/// Reads keys that were unlocked.
pub fn read(plain: &[u8]) -> Option<Keys> {
    let body = Value::decode(plain).ok()?;
    let Value::Map(_) = &body else {
        return None;
    };
    let text = |name: &str| body.get(name).and_then(Value::as_text).map(str::to_owned);
    Some(Keys {
        root: text(NAMES[0]),
        encryption: text(NAMES[1]),
        secrets: text(NAMES[2]),
    })
}
