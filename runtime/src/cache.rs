//! Compiled modules on disk. The only file here that touches the file system.
//!
//! Compiled code is run as it is, so it must come from nobody else: the directory and
//! its files belong to one user and nobody else can write there. Damage is found by a
//! hash in front of the content; what is damaged is compiled again.

use std::path::{Path, PathBuf};

use wasmtime::Module;

use crate::engine::Engine;

/// A directory for compiled modules that nobody but its owner can write to.
#[derive(Debug, Clone)]
pub struct CacheDirectory {
    path: PathBuf,
    #[cfg(unix)]
    owner: u32,
}

/// Why a directory is not used for compiled modules.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It could not be made or looked at.
    #[error("the directory for compiled modules {path} cannot be used")]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else could put code there.
    #[error("others can write to {0}: give it to yourself and take their rights (chmod 700)")]
    Exposed(PathBuf),
    /// Rights of files are not known here.
    #[error("compiled modules are kept on Unix only; leave the cache out")]
    Unsupported,
}

/// Context of the hash in front of a compiled module.
const CONTEXT: &str = "synlog v1 compiled module";
const HASH: usize = 32;

fn seal(name: &str, content: &[u8]) -> [u8; HASH] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(name.as_bytes()).update(content);
    *hasher.finalize().as_bytes()
}

#[cfg(unix)]
fn safe(meta: &std::fs::Metadata, owner: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.mode() & 0o022 == 0 && meta.uid() == owner
}

impl CacheDirectory {
    /// Opens a directory, or makes it with mode 0700.
    ///
    /// # Errors
    /// Where it is not there and can't be made, or others can write to it.
    #[cfg(unix)]
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        use std::os::unix::fs::{DirBuilderExt, MetadataExt};
        let io = |source| CacheError::Io {
            path: path.to_owned(),
            source,
        };
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(io(error));
            }
            _ => {}
        }
        let meta = std::fs::symlink_metadata(path).map_err(io)?;
        // A file of our own shows who we are.
        let probe = path.join(format!(".probe-{}", std::process::id()));
        let ours = std::fs::File::create(&probe).and_then(|file| file.metadata());
        let _ = std::fs::remove_file(&probe);
        let owner = ours.map_err(io)?.uid();
        if !meta.is_dir() || !safe(&meta, owner) {
            return Err(CacheError::Exposed(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            owner,
        })
    }

    /// Not supported here.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn open(_path: &Path) -> Result<Self, CacheError> {
        Err(CacheError::Unsupported)
    }

    fn name(engine: &Engine, hash: &[u8; 32]) -> String {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(hash).update(&engine.fingerprint);
        format!("{}.cwasm", hasher.finalize().to_hex())
    }

    /// The compiled module of that name, if it is there and whole.
    #[cfg(unix)]
    pub(crate) fn read(&self, engine: &Engine, hash: &[u8; 32]) -> Option<Module> {
        use std::io::Read;
        let name = Self::name(engine, hash);
        let mut file = std::fs::File::open(self.path.join(&name)).ok()?;
        let meta = file.metadata().ok()?;
        if !meta.is_file() || !safe(&meta, self.owner) {
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let (sealed, content) = bytes.split_at_checked(HASH)?;
        if seal(&name, content) != sealed {
            return None;
        }
        // SAFETY: `deserialize` runs what it is given as machine code, and wasmtime has
        // no checked way to load it. The bytes are those that `write` got from
        // `Module::serialize` of an engine with this fingerprint: the hash shows that
        // they are whole and stand under their own name, and the rights of file and
        // directory, looked at above and in `open`, that nobody else put them there.
        #[allow(unsafe_code)]
        unsafe { Module::deserialize(&engine.wasmtime, content) }.ok()
    }

    /// Never has anything.
    #[cfg(not(unix))]
    pub(crate) fn read(&self, _engine: &Engine, _hash: &[u8; 32]) -> Option<Module> {
        None
    }

    /// Keeps a compiled module. Where that fails it will be compiled again.
    #[cfg(unix)]
    pub(crate) fn write(&self, engine: &Engine, hash: &[u8; 32], module: &Module) {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Ok(content) = module.serialize() else {
            return;
        };
        let name = Self::name(engine, hash);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let draft = self
            .path
            .join(format!(".draft-{}-{next}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let written = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(&seal(&name, &content))?;
                file.write_all(&content)?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&draft, self.path.join(name)));
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
    }

    /// Keeps nothing.
    #[cfg(not(unix))]
    pub(crate) fn write(&self, _engine: &Engine, _hash: &[u8; 32], _module: &Module) {}
}
