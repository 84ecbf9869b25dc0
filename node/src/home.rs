//! The data directory: where keys and store live, and who may read them.
//!
//! A shell file: besides the store's disk this is where the crate touches files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use synlog_log::disk::RealDisk;
use synlog_log::ids::{DeviceId, EntityId, hex};
use synlog_log::keys::SecretKey;

use crate::failure::Failure;
use crate::identity::lock::{LockError, lock, unlock};
use crate::identity::passphrase::Passphrase;

/// A data directory.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    passphrase: Passphrase,
}

/// Which root key a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSlot {
    /// The one in use.
    Current,
    /// The one that a rotation is about to put in its place.
    Next,
}

/// How the root key is kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootForm {
    /// As it is: whoever reads the file has it.
    Plain,
    /// Under a passphrase.
    Locked,
    /// Not on this machine.
    Absent,
}

impl RootForm {
    /// The word for it in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Locked => "locked",
            Self::Absent => "absent",
        }
    }
}

impl Home {
    /// The directory that was named, or `SYNLOG_HOME`, or `synlog` in the user's data directory.
    pub fn resolve(named: Option<&Path>) -> Result<Self, Failure> {
        let from_env = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = named
            .map(Path::to_path_buf)
            .or_else(|| from_env("SYNLOG_HOME"))
            .or_else(|| from_env("XDG_DATA_HOME").map(|data| data.join("synlog")))
            .or_else(|| from_env("HOME").map(|home| home.join(".local/share/synlog")));
        let missing = || Failure::Usage("no data directory: say where with --home DIR".into());
        Ok(Self::at(&root.ok_or_else(missing)?).with_passphrase(Passphrase::of_process()))
    }

    /// A directory, whatever the environment says.
    pub fn at(path: &Path) -> Self {
        Self {
            root: path.to_path_buf(),
            passphrase: Passphrase::none(),
        }
    }

    /// The same directory, with a passphrase for a locked root key at hand.
    pub fn with_passphrase(mut self, passphrase: Passphrase) -> Self {
        self.passphrase = passphrase;
        self
    }

    /// Where the passphrase of a locked root key comes from.
    pub fn passphrase(&self) -> &Passphrase {
        &self.passphrase
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// File of the root key, where it is not locked.
    pub fn root_key_path(&self) -> PathBuf {
        self.root_path(RootSlot::Current, false)
    }

    fn root_path(&self, slot: RootSlot, locked: bool) -> PathBuf {
        self.root.join(match (slot, locked) {
            (RootSlot::Current, false) => "keys/root.key",
            (RootSlot::Current, true) => "keys/root.key.age",
            (RootSlot::Next, false) => "keys/next-root.key",
            (RootSlot::Next, true) => "keys/next-root.key.age",
        })
    }

    /// How the root key is kept, and in which file.
    pub fn root_form(&self) -> (RootForm, PathBuf) {
        let (plain, locked) = (
            self.root_key_path(),
            self.root_path(RootSlot::Current, true),
        );
        if plain.exists() {
            (RootForm::Plain, plain)
        } else if locked.exists() {
            (RootForm::Locked, locked)
        } else {
            (RootForm::Absent, plain)
        }
    }

    /// File of the device key.
    pub fn device_key_path(&self) -> PathBuf {
        self.root.join("keys/device.key")
    }

    /// Whether there is a node in it.
    pub fn exists(&self) -> bool {
        self.device_key_path().exists()
    }

    /// Makes the directories, readable by the owner alone.
    pub fn create(&self) -> Result<(), Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for directory in ["keys", "store"] {
            let path = self.root.join(directory);
            builder.create(&path).map_err(Failure::file(path))?;
        }
        Ok(())
    }

    /// Where a store is put together that is restored.
    pub fn restoring_disk(&self) -> Result<RealDisk, Failure> {
        let path = self.root.join("store.restoring");
        RealDisk::new(&path).map_err(Failure::file(path))
    }

    /// Puts the store that was restored in its place, which must be empty.
    pub fn adopt_restored(&self) -> Result<(), Failure> {
        let path = self.root.join("store");
        // fails where anything is in it
        match fs::remove_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::HomeExists(self.root.clone()));
            }
            _ => {}
        }
        let from = self.root.join("store.restoring");
        fs::rename(&from, &path).map_err(Failure::file(&path))?;
        sync_parent(&path)
    }

    /// Whether there is anything in the store.
    pub fn has_store(&self) -> bool {
        self.root.join("store/HEAD").exists()
    }

    /// The disk of the store.
    pub fn disk(&self) -> Result<RealDisk, Failure> {
        let path = self.root.join("store");
        RealDisk::new(&path).map_err(Failure::file(path))
    }

    /// Reads a key file.
    pub fn read_key(&self, path: PathBuf) -> Result<SecretKey, Failure> {
        let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
        SecretKey::from_file(&text).map_err(|source| Failure::KeyFile { path, source })
    }

    /// The root key, if it is here.
    pub fn root_key(&self) -> Result<SecretKey, Failure> {
        self.find_root(|_| true)
    }

    /// The first root key here that is the one looked for. After an interrupted
    /// rotation there are two.
    pub fn find_root(&self, wanted: impl Fn(&SecretKey) -> bool) -> Result<SecretKey, Failure> {
        let mut found = None;
        for slot in [RootSlot::Current, RootSlot::Next] {
            for locked in [false, true] {
                let path = self.root_path(slot, locked);
                if !path.exists() {
                    continue;
                }
                let key = if locked {
                    self.unlock_key(&path)?
                } else {
                    self.read_key(path.clone())?
                };
                if wanted(&key) {
                    return Ok(key);
                }
                found = Some(path);
            }
        }
        Err(match found {
            Some(path) => Failure::OtherRoot(path),
            None => Failure::NoRootKey(self.root_key_path()),
        })
    }

    /// A root key from a file anywhere, locked or not.
    pub fn read_root_file(&self, path: &Path) -> Result<SecretKey, Failure> {
        let bytes = fs::read(path).map_err(Failure::file(path))?;
        if bytes.starts_with(b"-----BEGIN AGE") {
            self.unlock_key(path)
        } else {
            self.read_key(path.to_path_buf())
        }
    }

    fn unlock_key(&self, path: &Path) -> Result<SecretKey, Failure> {
        let locked = fs::read(path).map_err(Failure::file(path))?;
        if let Some(key) = self.passphrase.opened(&locked) {
            return Ok(key);
        }
        let asked = self.passphrase.get("the root key")?;
        let passphrase = asked.ok_or_else(|| Failure::RootLocked(path.to_path_buf()))?;
        let text = unlock(&locked, &passphrase).map_err(|error| match error {
            LockError::WrongPassphrase => Failure::WrongPassphrase(path.to_path_buf()),
            damaged => Failure::System(format!("{}: {damaged}", path.display())),
        })?;
        let key = SecretKey::from_file(&String::from_utf8_lossy(&text)).map_err(|source| {
            Failure::KeyFile {
                path: path.to_path_buf(),
                source,
            }
        })?;
        self.passphrase.remember(locked, passphrase, key.clone());
        Ok(key)
    }

    /// Keeps a root key, locked where a passphrase is given, in place of what is there.
    pub fn write_root(
        &self,
        slot: RootSlot,
        key: &SecretKey,
        passphrase: Option<&SecretString>,
    ) -> Result<PathBuf, Failure> {
        let path = self.root_path(slot, passphrase.is_some());
        match passphrase {
            None => write_secret(&path, key.to_file().as_bytes())?,
            Some(passphrase) => {
                let locked = lock(key.to_file().as_bytes(), passphrase)
                    .map_err(|error| Failure::System(format!("{}: {error}", path.display())))?;
                write_secret(&path, &locked)?;
            }
        }
        // the other form goes only when this one is safe
        remove_secret(&self.root_path(slot, passphrase.is_none()))?;
        Ok(path)
    }

    /// Ends a rotation: the next root key takes the place of the one before.
    pub fn promote_next_root(&self) -> Result<(), Failure> {
        for locked in [false, true] {
            let next = self.root_path(RootSlot::Next, locked);
            if !next.exists() {
                continue;
            }
            let path = self.root_path(RootSlot::Current, locked);
            fs::rename(&next, &path).map_err(Failure::file(&path))?;
            sync_parent(&path)?;
            remove_secret(&self.root_path(RootSlot::Current, !locked))?;
        }
        Ok(())
    }

    /// Forgets a next root key that no statement names.
    pub fn drop_next_root(&self) -> Result<(), Failure> {
        remove_secret(&self.root_path(RootSlot::Next, false))?;
        remove_secret(&self.root_path(RootSlot::Next, true))
    }

    /// Takes the root key off this machine.
    pub fn remove_root(&self) -> Result<(), Failure> {
        self.drop_next_root()?;
        remove_secret(&self.root_path(RootSlot::Current, false))?;
        remove_secret(&self.root_path(RootSlot::Current, true))
    }

    /// Writes a key file that did not exist, readable by the owner alone, durably
    /// and in one step: whoever looks sees all of it or nothing.
    pub fn write_key(&self, path: &Path, key: &SecretKey) -> Result<(), Failure> {
        if path.exists() {
            let exists = std::io::ErrorKind::AlreadyExists.into();
            return Err(Failure::file(path)(exists));
        }
        write_secret(path, key.to_file().as_bytes())
    }

    /// File that says of which entity and device this is a restored copy, until it has a
    /// device key of its own.
    pub fn restored_path(&self) -> PathBuf {
        self.root.join("keys/restored")
    }

    /// Whose data was restored here: entity and the device that it was written by. `None`
    /// once there is a device key again.
    pub fn restored(&self) -> Result<Option<(EntityId, DeviceId)>, Failure> {
        if self.exists() {
            return Ok(None);
        }
        self.restored_note()
    }

    /// The same, as long as the device before is not replaced.
    pub fn restored_note(&self) -> Result<Option<(EntityId, DeviceId)>, Failure> {
        let path = self.restored_path();
        let Some(text) = self.read_secret(&path)? else {
            return Ok(None);
        };
        let mut words = text.split_whitespace();
        let parsed = (|| {
            let entity = words.next()?.parse().ok()?;
            Some((entity, words.next()?.parse().ok()?))
        })();
        let wrong = || Failure::System(format!("{} is damaged", path.display()));
        parsed.map(Some).ok_or_else(wrong)
    }

    /// File of a device's request that has no answer yet.
    pub fn request_path(&self) -> PathBuf {
        self.root.join("keys/request.key")
    }

    /// Text of a secret file, if it is there.
    pub fn read_secret(&self, path: &Path) -> Result<Option<String>, Failure> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::file(path)(error)),
        }
    }

    /// Puts a secret file in place of what is there, durably and in one step.
    pub fn write_secret(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        write_secret(path, bytes)
    }

    /// Removes a secret file.
    pub fn remove_secret(&self, path: &Path) -> Result<(), Failure> {
        remove_secret(path)
    }

    /// Puts a new device key in place of the old one, which is kept under its number.
    pub fn replace_device_key(&self, key: &SecretKey) -> Result<PathBuf, Failure> {
        let path = self.device_key_path();
        let fresh = self.root.join("keys/device.key.new");
        let _ = fs::remove_file(&fresh);
        self.write_key(&fresh, key)?;
        let kept = (1..)
            .map(|number| self.root.join(format!("keys/device.key.{number}")))
            .find(|old| !old.exists());
        let kept = kept.unwrap_or_else(|| self.root.join("keys/device.key.old"));
        fs::copy(&path, &kept).map_err(Failure::file(&kept))?;
        fs::rename(&fresh, &path).map_err(Failure::file(&path))?;
        let directory = self.root.join("keys");
        let synced = fs::File::open(&directory).and_then(|directory| directory.sync_all());
        synced.map_err(Failure::file(directory))?;
        Ok(kept)
    }

    /// Path of the key from which the secrets of apps are derived: it outlives device keys.
    pub fn secrets_key_path(&self) -> PathBuf {
        self.root.join("keys/secrets.key")
    }

    /// File of the settings.
    pub fn config_path(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Where the rows are.
    pub fn views_path(&self) -> PathBuf {
        self.root.join("views")
    }

    /// Where compiled modules are kept, for this machine alone.
    pub fn modules_path(&self) -> PathBuf {
        self.root.join("modules")
    }

    /// Where modules are that somebody here installed.
    pub fn apps_path(&self) -> PathBuf {
        self.root.join("apps")
    }

    /// The module with a hash: one that comes with synlog, or that was installed here.
    pub fn module(&self, hash: &[u8; 32]) -> Result<Vec<u8>, Failure> {
        if let Some(app) = crate::apps::named(hash) {
            return Ok(app.pinned.wasm.to_vec());
        }
        let path = self.apps_path().join(format!("{}.wasm", hex(hash)));
        match fs::read(&path) {
            Ok(bytes) if blake3::hash(&bytes).as_bytes() == hash => Ok(bytes),
            Ok(_) => Err(Failure::System(format!(
                "{} is not the module that was installed: remove it and install it again",
                path.display()
            ))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Failure::NoReducer(*hash))
            }
            Err(error) => Err(Failure::file(path)(error)),
        }
    }

    /// Keeps a module as installed. Gives its hash.
    pub fn install_module(&self, wasm: &[u8]) -> Result<[u8; 32], Failure> {
        let hash = *blake3::hash(wasm).as_bytes();
        let directory = self.apps_path();
        fs::create_dir_all(&directory).map_err(Failure::file(&directory))?;
        let path = directory.join(format!("{}.wasm", hex(&hash)));
        let part = path.with_extension("part");
        fs::write(&part, wasm).map_err(Failure::file(&part))?;
        fs::rename(&part, &path).map_err(Failure::file(&path))?;
        Ok(hash)
    }

    /// Hashes of the modules that were installed.
    pub fn installed_modules(&self) -> Result<Vec<String>, Failure> {
        let directory = self.apps_path();
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::file(directory)(error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }
}

/// Writes a file that only its owner reads, durably and in one step.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&part)?;
        // what a crash left of it may be open to others
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(Failure::file(path))?;
    sync_parent(path)
}

fn remove_secret(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

fn sync_parent(path: &Path) -> Result<(), Failure> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(Failure::file(directory))
}
