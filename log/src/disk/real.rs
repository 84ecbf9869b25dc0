//! The disk of the operating system: the one file here that touches `std::fs`.

use super::{Disk, DiskFile, DiskIdentity};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// How much is written at once where a file system cannot preallocate.
const ZERO_FILL_BYTES: u64 = 1 << 20;

/// A directory of the operating system.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Opens a directory, creating it and its parents where missing.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        if let Some(parent) = root.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { root })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        }
    }
}

impl Disk for RealDisk {
    type File = File;

    fn open(&self, path: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(path))
    }

    fn create(&self, path: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path(path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(path))? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<File>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn identity(&self, path: &str) -> io::Result<DiskIdentity> {
        let path = self.path(path);
        let (secs, nanos) = born(&path)?;
        Ok(DiskIdentity::of(&[fs::metadata(path)?.ino(), secs, nanos]))
    }
}

/// When a file was made: seconds since 1970, and nanoseconds. Zeros where the file system
/// doesn't keep it: then the inode must do.
///
/// On Linux the kernel is asked: the standard library does so with glibc alone, and a
/// store must be the same one to a static program.
#[cfg(target_os = "linux")]
fn born(path: &Path) -> io::Result<(u64, u64)> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let told = match statx(CWD, path, AtFlags::empty(), StatxFlags::BTIME) {
        Ok(told) if StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::BTIME) => told,
        // kernels before 4.11, and what forbids the call
        Ok(_) | Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => return Ok((0, 0)),
        Err(error) => return Err(error.into()),
    };
    let secs = u64::try_from(told.stx_btime.tv_sec);
    Ok(secs.map_or((0, 0), |secs| (secs, told.stx_btime.tv_nsec.into())))
}

#[cfg(not(target_os = "linux"))]
fn born(path: &Path) -> io::Result<(u64, u64)> {
    let born = fs::metadata(path)?.created().ok();
    let born = born.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.unwrap_or_default();
    Ok((born.as_secs(), born.subsec_nanos().into()))
}

impl DiskFile for File {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match FileExt::read_at(self, &mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            use rustix::io::Errno;
            loop {
                match fallocate(self, FallocateFlags::empty(), offset, length) {
                    Ok(()) => return Ok(()),
                    Err(Errno::INTR) => {}
                    Err(Errno::OPNOTSUPP | Errno::NOSYS) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        // Only beyond the end: what is there already must stay.
        let end = offset.saturating_add(length);
        let zeros = vec![0; ZERO_FILL_BYTES as usize];
        let mut at = self.size()?;
        while at < end {
            let n = ZERO_FILL_BYTES.min(end - at);
            DiskFile::write_at(self, at, &zeros[..n as usize])?;
            at += n;
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }

    /// A program that is just being started holds a copy of every open file for a moment,
    /// and closing ours does not end a lock that a copy shares.
    fn unlock(&self) {
        let _ = File::unlock(self);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_keeps_its_identity_and_a_copy_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path().join("a/b")).unwrap();
        let file = disk.create("HEAD").unwrap();
        let before = disk.identity("HEAD").unwrap();
        DiskFile::write_at(&file, 10, b"hello").unwrap();
        file.allocate(0, 10_000).unwrap();
        DiskFile::sync_all(&file).unwrap();
        assert_eq!(disk.identity("HEAD").unwrap(), before);
        assert_eq!(file.size().unwrap(), 10_000);
        fs::copy(dir.path().join("a/b/HEAD"), dir.path().join("a/b/COPY")).unwrap();
        assert_ne!(disk.identity("COPY").unwrap(), before);
        disk.rename("COPY", "HEAD").unwrap();
        assert_ne!(disk.identity("HEAD").unwrap(), before);
        assert_eq!(disk.list("").unwrap(), ["HEAD"]);
    }

    /// A store is the same one to a program that was built with another C library: what is
    /// asked is what the standard library finds, where it looks.
    #[test]
    fn the_kernel_says_when_a_file_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("HEAD");
        fs::write(&path, b"one").unwrap();
        let Ok(known) = fs::metadata(&path).unwrap().created() else {
            return;
        };
        let known = known.duration_since(std::time::UNIX_EPOCH).unwrap();
        let told = (known.as_secs(), u64::from(known.subsec_nanos()));
        assert_eq!(born(&path).unwrap(), told);
        assert!(born(&dir.path().join("none")).is_err());
    }

    #[test]
    fn the_lock_is_exclusive() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path()).unwrap();
        let held = disk.try_lock("LOCK").unwrap();
        assert!(held.is_some());
        assert!(disk.try_lock("LOCK").unwrap().is_none());
        drop(held);
        assert!(disk.try_lock("LOCK").unwrap().is_some());
    }

    #[test]
    fn a_copy_of_the_file_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path()).unwrap();
        let held = disk.try_lock("LOCK").unwrap().unwrap();
        // as a program has it that is being started
        let copy = held.try_clone().unwrap();
        DiskFile::unlock(&held);
        drop(held);
        assert!(disk.try_lock("LOCK").unwrap().is_some());
        drop(copy);
    }
}
