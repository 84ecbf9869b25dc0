//! The data directory: where keys and store live, and who may read them.
//!
//! A shell file: besides the store's disk this is where the crate touches files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use synlog_log::disk::RealDisk;
use synlog_log::ids::hex;
use synlog_log::keys::{EncryptionSecret, SecretKey};

use crate::failure::Failure;

/// A data directory.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
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
        Ok(Self {
            root: root.ok_or_else(missing)?,
        })
    }

    /// A directory, whatever the environment says.
    pub fn at(path: &Path) -> Self {
        Self {
            root: path.to_path_buf(),
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// File of the root key.
    pub fn root_key_path(&self) -> PathBuf {
        self.root.join("keys/root.key")
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
        let path = self.root_key_path();
        if path.exists() {
            self.read_key(path)
        } else {
            Err(Failure::NoRootKey(path))
        }
    }

    /// Writes a key file that did not exist, readable by the owner alone, durably
    /// and in one step: whoever looks sees all of it or nothing.
    pub fn write_key(&self, path: &Path, key: &SecretKey) -> Result<(), Failure> {
        self.write_text(path, &key.to_file(), false)
    }

    fn write_text(&self, path: &Path, text: &str, replace: bool) -> Result<(), Failure> {
        let part = path.with_extension("part");
        let write = || -> std::io::Result<()> {
            if !replace && path.exists() {
                return Err(std::io::ErrorKind::AlreadyExists.into());
            }
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&part)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, path)?;
            match path.parent() {
                Some(directory) => fs::File::open(directory)?.sync_all(),
                None => Ok(()),
            }
        };
        write().map_err(Failure::file(path))
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

    /// Path of the entity's encryption key.
    pub fn encryption_key_path(&self) -> PathBuf {
        self.root.join("keys/encryption.key")
    }

    /// The entity's encryption key, if it is here.
    pub fn encryption_key(&self) -> Result<Option<EncryptionSecret>, Failure> {
        let path = self.encryption_key_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file(path)(error)),
        };
        let key = EncryptionSecret::from_file(&text);
        key.map(Some)
            .map_err(|source| Failure::KeyFile { path, source })
    }

    /// Puts an encryption key in the place of the one before, from which it leads back to it.
    pub fn write_encryption_key(&self, key: &EncryptionSecret) -> Result<(), Failure> {
        self.write_text(&self.encryption_key_path(), &key.to_file(), true)
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
        let pinned = crate::apps::pinned()
            .iter()
            .find(|app| app.pinned.hash() == *hash);
        if let Some(app) = pinned {
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
