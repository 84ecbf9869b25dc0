//! What the segment store asks of a disk: one directory tree, synchronous,
//! with every durability step spelled out.
//!
//! [`RealDisk`] is the only code of this crate that touches `std::fs`;
//! [`MemoryDisk`] forgets nothing and never fails; [`SimDisk`] crashes, tears,
//! lies and rots from a seed.

mod memory;
#[cfg(unix)]
mod real;
mod seeded;
mod sim;
mod world;

pub use memory::MemoryDisk;
#[cfg(unix)]
pub use real::RealDisk;
pub use seeded::Seeded;
pub use sim::SimDisk;
pub use world::Faults;

use std::fmt;
use std::io;

/// Fingerprint of a file as a physical thing: a copy of it has another one.
///
/// Made of inode and birth time. Neither the device number (it changes when
/// disks are plugged in another order) nor the change time (it changes with
/// every write) is part of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DiskIdentity(pub [u8; 32]);

impl DiskIdentity {
    /// Fingerprint of some numbers that name a file physically.
    pub fn of(parts: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("synlog disk identity v1");
        for part in parts {
            hasher.update(&part.to_le_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for DiskIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskIdentity({})", crate::ids::hex(&self.0[..5]))
    }
}

/// One directory tree. Paths are relative, parts joined by `/`; `""` is the root.
///
/// A file is durable after its own `sync_all`, its name only after `sync_dir`
/// of the directory that holds it.
pub trait Disk: Send + Sync {
    /// An open file.
    type File: DiskFile;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Self::File>;
    /// Creates a file that must not exist yet, empty.
    fn create(&self, path: &str) -> io::Result<Self::File>;
    /// Creates a directory with its parents; one that exists is fine.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Renames a file, replacing what had the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Names of the files in a directory, sorted.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Takes an exclusive lock on a file (created where missing) that lasts as
    /// long as the returned file; `None` where somebody else holds it.
    fn try_lock(&self, path: &str) -> io::Result<Option<Self::File>>;
    /// The physical identity of a file.
    fn identity(&self, path: &str) -> io::Result<DiskIdentity>;
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// Reads at an offset in bytes; fewer bytes than asked only at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all bytes at an offset; the file grows where needed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Reserves space on the disk and grows the file to hold it, with zeros.
    fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;
    /// Length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Cuts or grows (with zeros) the file.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes the bytes durable, and of the metadata what is needed to read them.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes bytes and metadata durable.
    fn sync_all(&self) -> io::Result<()>;
    /// Lets a lock go that [`Disk::try_lock`] gave, if this is one. Where closing the file
    /// is enough there is nothing to do.
    fn unlock(&self) {}
}

/// Whether an error says that there is no space left.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
