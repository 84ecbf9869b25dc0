//! A disk in memory that never fails: for tests and for nodes that keep nothing.

use super::{Disk, DiskFile, DiskIdentity};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<String, MemoryFile>,
    locked: BTreeSet<String>,
    next_inode: u64,
}

/// A directory tree in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Tree>>);

/// A file of a [`MemoryDisk`].
#[derive(Debug, Clone)]
pub struct MemoryFile {
    inode: u64,
    bytes: Arc<RwLock<Vec<u8>>>,
    lock: Option<Arc<HeldLock>>,
}

#[derive(Debug)]
struct HeldLock {
    disk: MemoryDisk,
    path: String,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.disk.tree().locked.remove(&self.path);
    }
}

fn not_found(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.to_owned())
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tree {
    fn create(&mut self, path: &str) -> MemoryFile {
        self.next_inode += 1;
        let file = MemoryFile {
            inode: self.next_inode,
            bytes: Arc::default(),
            lock: None,
        };
        self.files.insert(path.to_owned(), file.clone());
        file
    }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn open(&self, path: &str) -> io::Result<MemoryFile> {
        let tree = self.tree();
        tree.files.get(path).cloned().ok_or_else(|| not_found(path))
    }

    fn create(&self, path: &str) -> io::Result<MemoryFile> {
        let mut tree = self.tree();
        if tree.files.contains_key(path) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, path));
        }
        Ok(tree.create(path))
    }

    fn create_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut tree = self.tree();
        let file = tree.files.remove(from).ok_or_else(|| not_found(from))?;
        tree.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let removed = self.tree().files.remove(path);
        removed.map(drop).ok_or_else(|| not_found(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let inside = |name: &String| name_in(path, name);
        Ok(self.tree().files.keys().filter_map(inside).collect())
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<MemoryFile>> {
        let mut tree = self.tree();
        if !tree.locked.insert(path.to_owned()) {
            return Ok(None);
        }
        let mut file = match tree.files.get(path) {
            Some(file) => file.clone(),
            None => tree.create(path),
        };
        file.lock = Some(Arc::new(HeldLock {
            disk: self.clone(),
            path: path.to_owned(),
        }));
        Ok(Some(file))
    }

    fn identity(&self, path: &str) -> io::Result<DiskIdentity> {
        Ok(DiskIdentity::of(&[self.open(path)?.inode]))
    }
}

/// The name that a path has directly inside a directory.
pub(super) fn name_in(dir: &str, path: &str) -> Option<String> {
    let name = if dir.is_empty() {
        path
    } else {
        path.strip_prefix(dir)?.strip_prefix('/')?
    };
    (!name.contains('/')).then(|| name.to_owned())
}

/// Reads from bytes as from a file.
pub(super) fn read_bytes(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let n = buffer.len().min(bytes.len() - start);
    buffer[..n].copy_from_slice(&bytes[start..start + n]);
    n
}

/// Writes to bytes as to a file.
pub(super) fn write_bytes(bytes: &mut Vec<u8>, offset: u64, new: &[u8]) {
    let start = offset as usize;
    if bytes.len() < start + new.len() {
        bytes.resize(start + new.len(), 0);
    }
    bytes[start..start + new.len()].copy_from_slice(new);
}

impl MemoryFile {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        change(&mut self.bytes.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        Ok(read_bytes(&bytes, offset, buffer))
    }

    fn write_at(&self, offset: u64, new: &[u8]) -> io::Result<()> {
        self.change(|bytes| write_bytes(bytes, offset, new));
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let end = (offset + length) as usize;
        self.change(|bytes| bytes.resize(bytes.len().max(end), 0));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        Ok(bytes.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.change(|bytes| bytes.resize(size as usize, 0));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}
