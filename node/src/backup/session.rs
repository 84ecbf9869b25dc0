//! A backup of an open node, and a data directory out of a backup.

use std::sync::Arc;

use age::secrecy::SecretString;
use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::keys::SecretKey;
use synlog_log::store::{GuardReason, Options, Snapshot, Store};

use crate::backup::keys::Keys;
use crate::backup::manifest::Manifest;
use crate::backup::{BackupError, Place, Progress, keys, latest, restore, restore_parts};
use crate::decoder::EntryDecoder;
use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
use crate::identity::lock::LockError;
use crate::node::Node;

/// What was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Number of the backup.
    pub number: u64,
    /// When it was made, UTC ms.
    pub made_ms: u64,
    /// Whose it is.
    pub entity: EntityId,
    /// The device that wrote it, which signs no more.
    pub device: DeviceId,
    /// Position behind the last record.
    pub end: u64,
    /// Bytes of the store.
    pub bytes: u64,
    /// Whether keys are in the backup, and which were taken from it.
    pub keys: Option<Vec<&'static str>>,
    /// The root key, if it was among them.
    pub root: Option<SecretKey>,
}

impl Node {
    /// The store's files as of now, for a backup; refused where some of it is missing.
    pub fn snapshot(&mut self) -> Result<Snapshot, Failure> {
        let lost = self.store.missing()?;
        if let Some(range) = lost.iter().find(|range| !range.healed) {
            return Err(Failure::Findings(format!(
                "positions {} to {} of this store are damaged: a backup would lack them (`synlog doctor` tells more)",
                range.first,
                range.end - 1
            )));
        }
        Ok(self.store.snapshot()?)
    }

    /// The reducers that were installed.
    pub fn installed_reducers(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut modules = Vec::new();
        for name in self.home.installed_modules()? {
            let hash = synlog_log::ids::unhex(&name).and_then(|hash| hash.try_into().ok());
            if let Some(hash) = hash {
                modules.push(self.home.module(&hash)?);
            }
        }
        Ok(modules)
    }
}

/// Puts a store out of a backup into a directory without one. The guard is set, and there
/// is no device key: `recover` or an answer to a request makes it a device again.
pub fn restore_home(
    home: &Home,
    place: &Place,
    passphrase: Option<&SecretString>,
    progress: Progress<'_>,
) -> Result<Restored, Failure> {
    let failed = |source: BackupError| Failure::Backup {
        place: place.name().to_owned(),
        source,
    };
    if home.exists() || home.has_store() {
        return Err(Failure::HomeExists(home.path().to_path_buf()));
    }
    let manifest = latest(place).map_err(failed)?;
    let manifest = manifest.ok_or_else(|| failed(BackupError::Nothing))?;
    let (modules, locked) = restore_parts(place, &manifest).map_err(failed)?;
    let opened = match (&locked, passphrase) {
        (Some(locked), Some(passphrase)) => Some(open_keys(locked, passphrase)?),
        _ => None,
    };
    home.create()?;
    let disk = home.restoring_disk()?;
    restore(place, &manifest, &disk, progress).map_err(failed)?;
    // opened where it was put together: the guard is on the disk before it is a store
    let options = Options::new(random()?);
    let (mut store, _) = Store::open(disk, Arc::new(EntryDecoder), options)?;
    store.trip_guard(GuardReason::IdentityChanged)?;
    store.close()?;
    for module in &modules {
        home.install_module(module)?;
    }
    let (taken, root) = match &opened {
        Some(opened) => take_keys(home, opened)?,
        None => (Vec::new(), None),
    };
    let note = format!("{} {}\n", manifest.entity, manifest.device);
    home.write_secret(&home.restored_path(), note.as_bytes())?;
    home.adopt_restored()?;
    Ok(told(&manifest, locked.map(|_| taken), root))
}

fn told(manifest: &Manifest, keys: Option<Vec<&'static str>>, root: Option<SecretKey>) -> Restored {
    Restored {
        number: manifest.number,
        made_ms: manifest.made_ms,
        entity: manifest.entity,
        device: manifest.device,
        end: manifest.end,
        bytes: manifest.bytes(),
        keys,
        root,
    }
}

fn open_keys(locked: &[u8], passphrase: &SecretString) -> Result<Keys, Failure> {
    keys::open(locked, passphrase).map_err(|error| match error {
        LockError::WrongPassphrase => Failure::WrongPassphrase("the keys in the backup".into()),
        damaged => Failure::System(format!("the keys in the backup: {damaged}")),
    })
}

/// Writes the keys that are used by more than one device. The root key is not kept.
fn take_keys(
    home: &Home,
    opened: &Keys,
) -> Result<(Vec<&'static str>, Option<SecretKey>), Failure> {
    let mut taken = Vec::new();
    for (name, text, path) in [
        ("encryption", &opened.encryption, home.encryption_key_path()),
        ("secrets", &opened.secrets, home.secrets_key_path()),
    ] {
        if let Some(text) = text {
            home.write_secret(&path, text.as_bytes())?;
            taken.push(name);
        }
    }
    let root = opened.root.as_deref().map(SecretKey::from_file);
    let root = root.transpose().map_err(|source| Failure::KeyFile {
        path: "the keys in the backup".into(),
        source,
    })?;
    if root.is_some() {
        taken.push("root");
    }
    Ok((taken, root))
}
