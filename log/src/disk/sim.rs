//! A disk that fails as real ones do, from a seed.
//!
//! Every file has a durable content and a list of operations that no sync has
//! covered yet; every directory has durable names and unsynced changes of
//! names. A crash keeps any subset of what was not synced, sector by sector.
//! A failed sync drops dirty pages: they stay readable until the crash, or
//! vanish at once, and no later sync brings them back. Damage at rest (flipped
//! bits, zeroed pages, cut files) is done by the test through [`SimDisk`].

use super::memory::{name_in, read_bytes, write_bytes};
use super::{Disk, DiskFile, DiskIdentity};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Disks write sectors of this many bytes or larger pages whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The page that a file system writes at once.
const PAGE_BYTES: usize = 4096;

/// A small seeded generator (splitmix64): the same everywhere for one seed.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 for a bound of 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.bits() % bound }
    }

    /// True once in `n` times on average.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

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
enum FileChange {
    Write(u64, Vec<u8>),
    SetSize(u64),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    visible: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<FileChange>,
}

impl Inode {
    fn change(&mut self, change: FileChange) {
        apply(&mut self.visible, &change);
        self.unsynced.push(change);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &FileChange) {
    match change {
        FileChange::Write(offset, new) => write_bytes(bytes, *offset, new),
        FileChange::SetSize(size) => bytes.resize(*size as usize, 0),
    }
}

#[derive(Debug, Clone)]
enum NameChange {
    Link(String, u64),
    Rename(String, String, u64),
    Remove(String),
}

#[derive(Debug)]
struct World {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    next_inode: u64,
    locked: bool,
    dead: bool,
    faults: Faults,
    random: Seeded,
    counted: BTreeMap<&'static str, u64>,
}

/// A seeded faulty disk; clones share it.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<World>>);

/// A file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    disk: SimDisk,
    inode: u64,
    holds_lock: bool,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.holds_lock {
            self.disk.world().locked = false;
        }
    }
}

fn failed(what: &str) -> io::Error {
    io::Error::other(format!("simulated: {what}"))
}

fn link(names: &mut BTreeMap<String, u64>, change: &NameChange) {
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

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl NameChange {
    fn directory(&self) -> &str {
        match self {
            Self::Link(path, _) | Self::Rename(path, ..) | Self::Remove(path) => directory(path),
        }
    }
}

impl World {
    fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    fn strikes(&mut self, what: &'static str, one_in: u64) -> bool {
        let strikes = one_in != 0 && self.random.one_in(one_in);
        if strikes {
            self.count(what);
        }
        strikes
    }

    /// Counts an operation down; true where the power is gone.
    fn powerless(&mut self) -> bool {
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

    fn inode(&mut self, inode: u64) -> &mut Inode {
        self.inodes.entry(inode).or_default()
    }

    fn make_room(&mut self, inode: u64, size: u64) -> io::Result<()> {
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

    fn create(&mut self, path: &str) -> u64 {
        self.next_inode += 1;
        let inode = self.next_inode;
        self.inodes.insert(inode, Inode::default());
        self.names.insert(path.to_owned(), inode);
        self.unsynced_names
            .push(NameChange::Link(path.to_owned(), inode));
        inode
    }

    /// How many bytes of a write are done when it stops: up to a sector's end.
    fn part_of(&mut self, offset: u64, length: usize) -> usize {
        let part = self.random.below(length as u64 + 1);
        let whole = (offset + part) / SECTOR_BYTES as u64 * SECTOR_BYTES as u64;
        whole.saturating_sub(offset) as usize
    }

    fn write(&mut self, inode: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
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

    fn sync(&mut self, inode: u64) -> io::Result<()> {
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
fn crash_file(node: &mut Inode, unsynced: Vec<FileChange>, random: &mut Seeded) {
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

impl SimDisk {
    /// An empty disk without faults.
    pub fn new(seed: u64) -> Self {
        Self::of(World {
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            next_inode: seed << 20,
            locked: false,
            dead: false,
            faults: Faults::default(),
            random: Seeded::new(seed),
            counted: BTreeMap::new(),
        })
    }

    fn of(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the faults that strike from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world().faults = faults;
    }

    /// How often each fault struck.
    pub fn counted(&self) -> BTreeMap<&'static str, u64> {
        self.world().counted.clone()
    }

    /// Cuts the power: this disk answers no more; what survived is returned,
    /// without faults.
    pub fn crash(&self) -> Self {
        let mut world = self.world();
        world.dead = true;
        let mut random = Seeded::new(world.random.bits());
        let mut names = world.durable_names.clone();
        let mode = random.below(3);
        for change in &world.unsynced_names {
            if mode == 1 || (mode == 2 && random.one_in(2)) {
                link(&mut names, change);
            }
        }
        let mut inodes = BTreeMap::new();
        for (number, inode) in &world.inodes {
            let mut survivor = Inode {
                durable: inode.durable.clone(),
                ..Inode::default()
            };
            crash_file(&mut survivor, inode.unsynced.clone(), &mut random);
            survivor.visible = survivor.durable.clone();
            inodes.insert(*number, survivor);
        }
        inodes.retain(|number, _| names.values().any(|named| named == number));
        Self::of(World {
            inodes,
            durable_names: names.clone(),
            names,
            unsynced_names: Vec::new(),
            next_inode: world.next_inode,
            locked: false,
            dead: false,
            faults: Faults::default(),
            random,
            counted: world.counted.clone(),
        })
    }

    /// A physical copy of what is visible now, as a backup makes it: other inodes.
    pub fn copy(&self) -> Self {
        let world = self.world();
        let mut next_inode = world.next_inode + 1_000;
        let mut names = BTreeMap::new();
        let mut inodes = BTreeMap::new();
        for (path, inode) in &world.names {
            next_inode += 1;
            let bytes = world.inodes[inode].visible.clone();
            names.insert(path.clone(), next_inode);
            inodes.insert(
                next_inode,
                Inode {
                    durable: bytes.clone(),
                    visible: bytes,
                    unsynced: Vec::new(),
                },
            );
        }
        Self::of(World {
            inodes,
            durable_names: names.clone(),
            names,
            unsynced_names: Vec::new(),
            next_inode: next_inode + 1_000,
            locked: false,
            dead: false,
            faults: Faults::default(),
            random: world.random.clone(),
            counted: world.counted.clone(),
        })
    }

    /// All files with their lengths.
    pub fn files(&self) -> Vec<(String, u64)> {
        let world = self.world();
        let length = |inode: &u64| world.inodes[inode].visible.len() as u64;
        world
            .names
            .iter()
            .map(|(path, inode)| (path.clone(), length(inode)))
            .collect()
    }

    /// Changes the bytes of a file at rest, durably and behind everybody's back.
    pub fn rot(&self, path: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let Some(inode) = world.names.get(path).copied() else {
            return;
        };
        let node = world.inode(inode);
        damage(&mut node.visible);
        node.durable = node.visible.clone();
        node.unsynced.clear();
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn open(&self, path: &str) -> io::Result<SimFile> {
        let world = self.world();
        if world.dead {
            return Err(failed("power lost"));
        }
        match world.names.get(path) {
            Some(inode) => Ok(SimFile {
                disk: self.clone(),
                inode: *inode,
                holds_lock: false,
            }),
            None => Err(io::Error::new(io::ErrorKind::NotFound, path)),
        }
    }

    fn create(&self, path: &str) -> io::Result<SimFile> {
        let mut world = self.world();
        if world.powerless() {
            return Err(failed("power lost"));
        }
        if world.names.contains_key(path) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, path));
        }
        let inode = world.create(path);
        Ok(SimFile {
            disk: self.clone(),
            inode,
            holds_lock: false,
        })
    }

    fn create_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut world = self.world();
        if world.powerless() {
            return Err(failed("power lost"));
        }
        let one_in = world.faults.sync_error_one_in;
        if world.strikes("sync error", one_in) {
            return Err(failed("directory sync error"));
        }
        let changes = std::mem::take(&mut world.unsynced_names);
        for change in changes {
            if change.directory() == path {
                link(&mut world.durable_names, &change);
            } else {
                world.unsynced_names.push(change);
            }
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        if world.powerless() {
            return Err(failed("power lost"));
        }
        let Some(inode) = world.names.get(from).copied() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, from));
        };
        let change = NameChange::Rename(from.to_owned(), to.to_owned(), inode);
        link(&mut world.names, &change);
        world.unsynced_names.push(change);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut world = self.world();
        if world.powerless() {
            return Err(failed("power lost"));
        }
        if world.names.remove(path).is_none() {
            return Err(io::Error::new(io::ErrorKind::NotFound, path));
        }
        world
            .unsynced_names
            .push(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let inside = |name: &String| name_in(path, name);
        Ok(self.world().names.keys().filter_map(inside).collect())
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<SimFile>> {
        let mut world = self.world();
        if world.locked {
            return Ok(None);
        }
        world.locked = true;
        let inode = match world.names.get(path) {
            Some(inode) => *inode,
            None => world.create(path),
        };
        Ok(Some(SimFile {
            disk: self.clone(),
            inode,
            holds_lock: true,
        }))
    }

    fn identity(&self, path: &str) -> io::Result<DiskIdentity> {
        Ok(DiskIdentity::of(&[self.open(path)?.inode]))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.disk.world();
        if world.dead {
            return Err(failed("power lost"));
        }
        let one_in = world.faults.read_error_one_in;
        if world.strikes("read error", one_in) {
            return Err(failed("read error"));
        }
        Ok(read_bytes(&world.inode(self.inode).visible, offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.world().write(self.inode, offset, bytes)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        if world.powerless() {
            return Err(failed("power lost"));
        }
        let end = offset + length;
        world.make_room(self.inode, end)?;
        let node = world.inode(self.inode);
        if end > node.visible.len() as u64 {
            node.change(FileChange::SetSize(end));
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.world().inode(self.inode).visible.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        if world.powerless() {
            return Err(failed("power lost"));
        }
        world.inode(self.inode).change(FileChange::SetSize(size));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.world().sync(self.inode)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.world().sync(self.inode)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_crash_keeps_what_was_synced_and_any_part_of_the_rest() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let disk = SimDisk::new(seed);
            let file = disk.create("a").unwrap();
            file.write_at(0, &[1; 2000]).unwrap();
            file.sync_all().unwrap();
            disk.sync_dir("").unwrap();
            file.write_at(0, &[2; 2000]).unwrap();
            disk.create("b").unwrap();
            let after = disk.crash();
            assert!(file.write_at(0, &[3]).is_err());
            let mut bytes = [0; 2000];
            let kept = after.open("a").unwrap();
            assert_eq!(kept.read_at(0, &mut bytes).unwrap(), 2000);
            outcomes.insert((bytes[0], bytes[600], after.open("b").is_ok()));
        }
        assert!(outcomes.len() > 6, "{outcomes:?}");
    }

    #[test]
    fn a_failed_sync_is_never_made_good_by_a_later_one() {
        let disk = SimDisk::new(1);
        let file = disk.create("a").unwrap();
        disk.sync_dir("").unwrap();
        file.write_at(0, &[7; 512]).unwrap();
        disk.set_faults(Faults {
            sync_error_one_in: 1,
            ..Faults::default()
        });
        assert!(file.sync_data().is_err());
        disk.set_faults(Faults::default());
        file.sync_data().unwrap();
        let lost = (0..50).any(|_| disk.crash().open("a").unwrap().size().unwrap() == 0);
        assert!(lost || disk.open("a").is_err());
    }
}
