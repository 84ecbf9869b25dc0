//! A disk that fails as real ones do, from a seed.
//!
//! Every file has a durable content and a list of operations that no sync has
//! covered yet; every directory has durable names and unsynced changes of
//! names. A crash keeps any subset of what was not synced, sector by sector.
//! A failed sync drops dirty pages: they stay readable until the crash, or
//! vanish at once, and no later sync brings them back. Damage at rest (flipped
//! bits, zeroed pages, cut files) is done by the test through [`SimDisk`].

use super::Faults;
use super::memory::{name_in, read_bytes};
use super::seeded::Seeded;
use super::world::{FileChange, Inode, NameChange, World, crash_file, failed, link};
use super::{Disk, DiskFile, DiskIdentity};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
