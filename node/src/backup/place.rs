//! Where a backup is: a directory, or a bucket that speaks S3.
//!
//! A shell file: the only one here that touches directories and networks.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::backup::BackupError;

/// What a backup asks of the place where it is.
pub trait Objects {
    /// Names and lengths of all objects whose names begin with a folder (`""`: of all).
    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, BackupError>;
    /// The bytes of an object, if it is there.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackupError>;
    /// Stores an object durably and whole, or not at all.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), BackupError>;
    /// The same for one that must not be there yet; `false` if it is.
    fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, BackupError>;
    /// Removes an object; one that is not there is fine.
    fn delete(&self, name: &str) -> Result<(), BackupError>;
}

/// A directory or bucket.
pub struct Place {
    name: String,
    store: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({})", self.name)
    }
}

fn failed(error: impl std::fmt::Display) -> BackupError {
    BackupError::Place(error.to_string())
}

impl Place {
    /// Whether a name means a bucket.
    pub fn is_bucket(name: &str) -> bool {
        name.starts_with("s3://")
    }

    /// Opens a directory, or `s3://bucket/prefix`, with what the environment says of the
    /// bucket. With `create` a directory that is not there is made.
    pub fn open(name: &str, create: bool) -> Result<Self, BackupError> {
        let store = match name.strip_prefix("s3://") {
            Some(bucket) => bucket_store(bucket)?,
            None => directory(Path::new(name), create)?,
        };
        Self::with(name, store)
    }

    /// A place in memory, for tests.
    pub fn in_memory() -> Result<Self, BackupError> {
        Self::with("memory", Arc::new(InMemory::new()))
    }

    fn with(name: &str, store: Arc<dyn ObjectStore>) -> Result<Self, BackupError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            store,
            runtime,
        })
    }

    /// What it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn put_as(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<(), Error> {
        let options = PutOptions::from(mode);
        let path = ObjectPath::from(name);
        let put = self.store.put_opts(&path, PutPayload::from(bytes), options);
        self.runtime.block_on(put).map(drop)
    }
}

fn directory(path: &Path, create: bool) -> Result<Arc<dyn ObjectStore>, BackupError> {
    if create {
        std::fs::create_dir_all(path)
            .map_err(|error| failed(format_args!("{}: {error}", path.display())))?;
    } else if !path.is_dir() {
        return Err(BackupError::Nothing);
    }
    let store = LocalFileSystem::new_with_prefix(path).map_err(failed)?;
    Ok(Arc::new(store.with_fsync(true)))
}

fn bucket_store(bucket: &str) -> Result<Arc<dyn ObjectStore>, BackupError> {
    // one TLS for the whole program; an error says that it is chosen already
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .build()
        .map_err(failed)?;
    Ok(match prefix.trim_matches('/') {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, ObjectPath::from(prefix))),
    })
}

impl Objects for Place {
    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, BackupError> {
        let folder = (!folder.is_empty()).then(|| ObjectPath::from(folder));
        let mut listed = self.store.list(folder.as_ref());
        self.runtime.block_on(async {
            let mut found = Vec::new();
            while let Some(meta) = listed.next().await {
                let meta = meta.map_err(failed)?;
                found.push((meta.location.to_string(), meta.size));
            }
            Ok(found)
        })
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackupError> {
        let path = ObjectPath::from(name);
        self.runtime.block_on(async {
            match self.store.get(&path).await {
                Ok(object) => object
                    .bytes()
                    .await
                    .map(|bytes| Some(bytes.to_vec()))
                    .map_err(failed),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), BackupError> {
        self.put_as(name, bytes, PutMode::Overwrite).map_err(failed)
    }

    fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, BackupError> {
        match self.put_as(name, bytes.clone(), PutMode::Create) {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            // not every server that speaks S3 knows conditions
            Err(Error::NotImplemented { .. }) => {
                let there = self.get(name)?.is_some();
                if !there {
                    self.put(name, bytes)?;
                }
                Ok(!there)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn delete(&self, name: &str) -> Result<(), BackupError> {
        let path = ObjectPath::from(name);
        match self.runtime.block_on(self.store.delete(&path)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}
