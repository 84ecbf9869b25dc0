//! The state of a simulated disk: what programs see, what is durable, and what
//! lies between.

use super::memory::write_bytes;
use super::seeded::Seeded;
use std::collections::BTreeMap;
use std::io;

/// Disks write sectors of this many bytes or larger pages whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The page that a file system writes at once.
const PAGE_BYTES: usize = 4096;

/// Faults that strike by themselves; chances are "one in n", 0 = never.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// A write fails with EIO, having done some of its work.
    pub write_error_one_in: u64,
    /// A read fails with EIO.
    pub read_error_one_in: u64,
    /// A sync fails and drops dirty pages.
    pub sync_error_one_in: u64,
    /// A write lands at another offset of its file, and says nothing.
    pub misdirected_one_in: u64,
    /// Bytes that all files together may take.
    pub capacity_bytes: Option<u64>,
    /// Power goes after so many further changes or syncs.
    pub power_lost_after: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) enum FileChange {
    Write(u64, Vec<u8>),
    SetSize(u64),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub(super) visible: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<FileChange>,
}

impl Inode {
    pub(super) fn change(&mut self, change: FileChange) {
        apply(&mut self.visible, &change);
        self.unsynced.push(change);
    }
}

pub(super) fn apply(bytes: &mut Vec<u8>, change: &FileChange) {
    match change {
        FileChange::Write(offset, new) => write_bytes(bytes, *offset, new),
        FileChange::SetSize(size) => bytes.resize(*size as usize, 0),
    }
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Link(String, u64),
    Rename(String, String, u64),
    Remove(String),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: BTreeMap<String, u64>,
    pub(super) durable_names: BTreeMap<String, u64>,
    pub(super) unsynced_names: Vec<NameChange>,
    pub(super) next_inode: u64,
    pub(super) locked: bool,
    pub(super) dead: bool,
    pub(super) faults: Faults,
    pub(super) random: Seeded,
    pub(super) counted: BTreeMap<&'static str, u64>,
}

pub(super) fn failed(what: &str) -> io::Error {
    io::Error::other(format!("simulated: {what}"))
}

pub(super) fn link(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Link(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Rename(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

pub(super) fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl NameChange {
    pub(super) fn directory(&self) -> &str {
        match self {
            Self::Link(path, _) | Self::Rename(path, ..) | Self::Remove(path) => directory(path),
        }
    }
}

impl World {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    pub(super) fn strikes(&mut self, what: &'static str, one_in: u64) -> bool {
        let strikes = one_in != 0 && self.random.one_in(one_in);
        if strikes {
            self.count(what);
        }
        strikes
    }

    /// Counts an operation down; true where the power is gone.
    pub(super) fn powerless(&mut self) -> bool {
        if let Some(left) = &mut self.faults.power_lost_after
            && !self.dead
        {
            if *left == 0 {
                self.dead = true;
                self.count("power lost");
            } else {
                *left -= 1;
            }
        }
        self.dead
    }

    pub(super) fn inode(&mut self, inode: u64) -> &mut Inode {
        self.inodes.entry(inode).or_default()
    }

    pub(super) fn make_room(&mut self, inode: u64, size: u64) -> io::Result<()> {
        let Some(capacity) = self.faults.capacity_bytes else {
            return Ok(());
        };
        let now = self.inode(inode).visible.len() as u64;
        let all: u64 = self.inodes.values().map(|i| i.visible.len() as u64).sum();
        if size > now && all - now + size > capacity {
            self.count("full");
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "simulated: full",
            ));
        }
        Ok(())
    }

    pub(super) fn create(&mut self, path: &str) -> u64 {
        self.next_inode += 1;
        let inode = self.next_inode;
        self.inodes.insert(inode, Inode::default());
        self.names.insert(path.to_owned(), inode);
        self.unsynced_names
            .push(NameChange::Link(path.to_owned(), inode));
        inode
    }

    /// How many bytes of a write are done when it stops: up to a sector's end.
    pub(super) fn part_of(&mut self, offset: u64, length: usize) -> usize {
        let part = self.random.below(length as u64 + 1);
        let whole = (offset + part) / SECTOR_BYTES as u64 * SECTOR_BYTES as u64;
        whole.saturating_sub(offset) as usize
    }

    pub(super) fn write(&mut self, inode: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.powerless() {
            // The write that was under way may be in the page cache in part.
            let part = self.part_of(offset, bytes.len());
            if self.faults.power_lost_after.take().is_some() {
                self.inode(inode)
                    .change(FileChange::Write(offset, bytes[..part].to_vec()));
            }
            return Err(failed("power lost"));
        }
        self.make_room(inode, offset + bytes.len() as u64)?;
        if self.strikes("write error", self.faults.write_error_one_in) {
            let part = self.part_of(offset, bytes.len());
            self.inode(inode)
                .change(FileChange::Write(offset, bytes[..part].to_vec()));
            return Err(failed("write error"));
        }
        let mut offset = offset;
        if self.strikes("misdirected", self.faults.misdirected_one_in) {
            let sectors = self.inode(inode).visible.len() / SECTOR_BYTES + 1;
            offset = self.random.below(sectors as u64) * SECTOR_BYTES as u64
                + offset % SECTOR_BYTES as u64;
        }
        self.inode(inode)
            .change(FileChange::Write(offset, bytes.to_vec()));
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: u64) -> io::Result<()> {
        if self.powerless() {
            return Err(failed("power lost"));
        }
        if self.strikes("sync error", self.faults.sync_error_one_in) {
            let vanish = self.random.one_in(2);
            let some_reached_the_disk = self.random.one_in(2);
            let mut random = self.random.clone();
            self.random.bits();
            let node = self.inode(inode);
            let dropped = std::mem::take(&mut node.unsynced);
            if some_reached_the_disk {
                crash_file(node, dropped, &mut random);
            }
            if vanish {
                node.visible = node.durable.clone();
            }
            return Err(failed("sync error"));
        }
        let node = self.inode(inode);
        for change in std::mem::take(&mut node.unsynced) {
            apply(&mut node.durable, &change);
        }
        Ok(())
    }
}

/// Applies any subset of unsynced changes to the durable content.
pub(super) fn crash_file(node: &mut Inode, unsynced: Vec<FileChange>, random: &mut Seeded) {
    let mode = random.below(4);
    let unit = if random.one_in(2) {
        SECTOR_BYTES
    } else {
        PAGE_BYTES
    };
    for change in unsynced {
        match (mode, change) {
            (0, _) => {}
            (1, change) => apply(&mut node.durable, &change),
            (_, FileChange::SetSize(size)) => {
                if random.one_in(2) {
                    node.durable.resize(size as usize, 0);
                }
            }
            (_, FileChange::Write(offset, bytes)) => {
                let mut at = 0;
                while at < bytes.len() {
                    let absolute = offset as usize + at;
                    let end = bytes.len().min(at + unit - absolute % unit);
                    if random.one_in(2) {
                        write_bytes(&mut node.durable, absolute as u64, &bytes[at..end]);
                    }
                    at = end;
                }
            }
        }
    }
}
