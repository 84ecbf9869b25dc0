//! The HEAD file: what is known to be durable, and what this device wrote.
//!
//! ```text
//! HEAD: two slots of equal length (half of the file), written alternately,
//!       each synced before the other may be written again
//!
//! slot   0 magic "SYNLOGHD" 8 │ 8 version 4 │ 12 length of the rest 4
//!       16 CRC32C of 0..16 and of the rest 4
//! rest   0 generation 8 │ 8 store uuid 16 │ 24 disk identity 32
//!       56 guard 1 │ 57 watermark: position 8, segment 4, offset 4, CRC 4
//!       77 number of own feeds 4, each: author 32, topic 32, highest own seq 8
//! ```
//!
//! The slot with the higher generation counts. When the list of own feeds
//! outgrows a slot, a larger file takes the place of the old one by a rename.

use super::error::StoreError;
use super::format::{FORMAT_VERSION, array_at, u32_at, u64_at};
use super::guard::GuardReason;
use crate::disk::{Disk, DiskFile, DiskIdentity, is_full};
use crate::ids::{DeviceId, FeedKey, TopicId};
use std::collections::BTreeMap;

pub(crate) const HEAD: &str = "HEAD";
const HEAD_TEMPORARY: &str = "HEAD.tmp";
const MAGIC: &[u8; 8] = b"SYNLOGHD";
const PREFIX_BYTES: usize = 20;
const FIXED_BYTES: usize = 81;
const OWN_BYTES: usize = 72;
/// First length of a slot: a page, so that no write tears both.
const SLOT_BYTES: usize = 4096;
/// Most own feeds: HEAD is written whole, and a device is in far fewer topics.
pub(crate) const MAX_OWN_FEEDS: usize = 1 << 20;
/// Largest HEAD that is read: two slots, rounded up, for that many own feeds.
const MAX_HEAD_BYTES: u64 = 4 * OWN_BYTES as u64 * MAX_OWN_FEEDS as u64;

/// A place in the log up to which everything is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Watermark {
    pub(crate) position: u64,
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) crc: u32,
}

/// What HEAD says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadState {
    pub(crate) generation: u64,
    pub(crate) uuid: [u8; 16],
    pub(crate) identity: DiskIdentity,
    pub(crate) guard: Option<GuardReason>,
    pub(crate) watermark: Watermark,
    pub(crate) own: BTreeMap<FeedKey, u64>,
}

impl HeadState {
    /// A whole HEAD file that says this.
    pub(crate) fn to_file(&self) -> Vec<u8> {
        let slot = self.encode();
        let slot_bytes = slot_bytes(self.own.len());
        let mut file = vec![0; 2 * slot_bytes];
        let at = (self.generation % 2) as usize * slot_bytes;
        file[at..at + slot.len()].copy_from_slice(&slot);
        file
    }

    fn encode(&self) -> Vec<u8> {
        let mut rest = Vec::with_capacity(FIXED_BYTES + OWN_BYTES * self.own.len());
        rest.extend_from_slice(&self.generation.to_le_bytes());
        rest.extend_from_slice(&self.uuid);
        rest.extend_from_slice(&self.identity.0);
        rest.push(self.guard.map_or(0, GuardReason::code));
        rest.extend_from_slice(&self.watermark.position.to_le_bytes());
        for word in [
            self.watermark.segment,
            self.watermark.offset,
            self.watermark.crc,
            self.own.len() as u32,
        ] {
            rest.extend_from_slice(&word.to_le_bytes());
        }
        for (feed, seq) in &self.own {
            rest.extend_from_slice(&feed.author.0);
            rest.extend_from_slice(&feed.topic.0);
            rest.extend_from_slice(&seq.to_le_bytes());
        }
        let mut slot = MAGIC.to_vec();
        slot.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        slot.extend_from_slice(&(rest.len() as u32).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&slot), &rest);
        slot.extend_from_slice(&crc.to_le_bytes());
        slot.extend_from_slice(&rest);
        slot
    }

    /// `Ok(None)` where the slot is damaged or empty.
    fn decode(slot: &[u8]) -> Result<Option<Self>, StoreError> {
        if slot.len() < PREFIX_BYTES + FIXED_BYTES || &slot[..8] != MAGIC {
            return Ok(None);
        }
        let length = u32_at(slot, 12) as usize;
        let Some(rest) = slot.get(PREFIX_BYTES..PREFIX_BYTES.saturating_add(length)) else {
            return Ok(None);
        };
        let crc = crc32c::crc32c_append(crc32c::crc32c(&slot[..16]), rest);
        if crc != u32_at(slot, 16) || rest.len() < FIXED_BYTES {
            return Ok(None);
        }
        let version = u32_at(slot, 8);
        if version != FORMAT_VERSION {
            return Err(StoreError::Version {
                path: "HEAD".to_owned(),
                version,
            });
        }
        let own = rest[FIXED_BYTES..]
            .chunks_exact(OWN_BYTES)
            .map(|entry| {
                let feed = FeedKey {
                    author: DeviceId(array_at(entry, 0)),
                    topic: TopicId(array_at(entry, 32)),
                };
                (feed, u64_at(entry, 64))
            })
            .collect();
        Ok(Some(Self {
            generation: u64_at(rest, 0),
            uuid: array_at(rest, 8),
            identity: DiskIdentity(array_at(rest, 24)),
            guard: GuardReason::from_code(rest[56]),
            watermark: Watermark {
                position: u64_at(rest, 57),
                segment: u32_at(rest, 65),
                offset: u32_at(rest, 69),
                crc: u32_at(rest, 73),
            },
            own,
        }))
    }
}

/// The open HEAD file.
#[derive(Debug)]
pub(crate) struct Head<F> {
    file: F,
    slot_bytes: usize,
    pub(crate) state: HeadState,
    /// What was last synced differs from `state`.
    pub(crate) dirty: bool,
}

/// What was found where HEAD should be.
pub(crate) enum HeadFound<F> {
    /// No file.
    Nothing,
    /// A file of which no slot is readable.
    Unreadable,
    /// A readable HEAD; whether a slot that is not empty was damaged.
    Good(Head<F>, bool),
}

/// Length of a slot with room for some own feeds and one more.
fn slot_bytes(own: usize) -> usize {
    let needed = PREFIX_BYTES + FIXED_BYTES + OWN_BYTES * (own + 1);
    needed.next_power_of_two().max(SLOT_BYTES)
}

fn read_error(source: std::io::Error) -> StoreError {
    StoreError::Read {
        path: HEAD.to_owned(),
        source,
    }
}

pub(crate) fn find<D: Disk>(disk: &D) -> Result<HeadFound<D::File>, StoreError> {
    let file = match disk.open(HEAD) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(HeadFound::Nothing);
        }
        Err(error) => return Err(read_error(error)),
    };
    let (slots, slot_bytes) = read_slots(&file)?;
    let empty = |slot: &[u8]| slot.iter().all(|byte| *byte == 0);
    let mut damaged = false;
    let mut best: Option<HeadState> = None;
    for slot in slots.chunks(slot_bytes.max(1)) {
        match HeadState::decode(slot)? {
            Some(state)
                if best
                    .as_ref()
                    .is_none_or(|b| b.generation < state.generation) =>
            {
                best = Some(state);
            }
            Some(_) => {}
            None => damaged |= !empty(slot),
        }
    }
    Ok(match best {
        None => HeadFound::Unreadable,
        Some(state) => HeadFound::Good(
            Head {
                file,
                slot_bytes,
                state,
                dirty: false,
            },
            damaged,
        ),
    })
}

fn read_slots<F: DiskFile>(file: &F) -> Result<(Vec<u8>, usize), StoreError> {
    let size = file.size().map_err(read_error)?.min(MAX_HEAD_BYTES);
    let mut slots = vec![0; size as usize];
    let read = file.read_at(0, &mut slots).map_err(read_error)?;
    slots.truncate(read);
    Ok((slots, size as usize / 2))
}

impl<F: DiskFile> Head<F> {
    /// Creates the file, in place of one that may be there, with a first slot.
    /// The identity in `state` is replaced by that of the new file.
    pub(crate) fn create<D: Disk<File = F>>(
        disk: &D,
        mut state: HeadState,
    ) -> Result<Self, StoreError> {
        let slot_bytes = slot_bytes(state.own.len());
        let _ = disk.remove(HEAD_TEMPORARY);
        let failed = |action| {
            move |source: std::io::Error| StoreError::Failed {
                action,
                path: HEAD.to_owned(),
                source,
            }
        };
        let file = disk.create(HEAD_TEMPORARY).map_err(failed("create"))?;
        if let Err(source) = file.allocate(0, 2 * slot_bytes as u64) {
            let _ = disk.remove(HEAD_TEMPORARY);
            return Err(if is_full(&source) {
                StoreError::Full {
                    needed_bytes: 2 * slot_bytes as u64,
                    source,
                }
            } else {
                failed("allocate")(source)
            });
        }
        state.identity = disk.identity(HEAD_TEMPORARY).map_err(failed("stat"))?;
        let mut head = Self {
            file,
            slot_bytes,
            state,
            dirty: true,
        };
        head.write()?;
        head.file.sync_all().map_err(failed("sync"))?;
        disk.rename(HEAD_TEMPORARY, HEAD)
            .map_err(failed("rename"))?;
        disk.sync_dir("").map_err(failed("sync the directory of"))?;
        Ok(head)
    }

    /// Writes the state to the other slot and syncs it.
    pub(crate) fn sync<D: Disk<File = F>>(&mut self, disk: &D) -> Result<(), StoreError> {
        if PREFIX_BYTES + FIXED_BYTES + OWN_BYTES * self.state.own.len() > self.slot_bytes {
            let state = self.state.clone();
            *self = Self::create(disk, state)?;
            return Ok(());
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.state.generation += 1;
        let slot = self.state.encode();
        let offset = (self.state.generation % 2) * self.slot_bytes as u64;
        let failed = |action| {
            move |source| StoreError::Failed {
                action,
                path: HEAD.to_owned(),
                source,
            }
        };
        self.file.write_at(offset, &slot).map_err(failed("write"))?;
        self.file.sync_data().map_err(failed("sync"))?;
        self.dirty = false;
        Ok(())
    }

    /// Both slots as they are on the disk: how many are damaged.
    pub(crate) fn damaged_slots(&self) -> Result<u32, StoreError> {
        let (slots, slot_bytes) = read_slots(&self.file)?;
        let mut damaged = 0;
        for (n, slot) in slots.chunks(slot_bytes.max(1)).enumerate() {
            let current = self.state.generation % 2 == n as u64;
            let unused = !current && slot.iter().all(|byte| *byte == 0);
            if !unused && HeadState::decode(slot)?.is_none() {
                damaged += 1;
            }
        }
        Ok(damaged)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::disk::MemoryDisk;

    fn state(own: u64) -> HeadState {
        HeadState {
            generation: 0,
            uuid: [4; 16],
            identity: DiskIdentity([0; 32]),
            guard: Some(GuardReason::BadTail),
            watermark: Watermark {
                position: 9,
                segment: 2,
                offset: 333,
                crc: 7,
            },
            own: (0..own).map(|n| (feed(n), n)).collect(),
        }
    }

    fn feed(n: u64) -> FeedKey {
        FeedKey {
            author: DeviceId([n as u8; 32]),
            topic: TopicId(*blake3::hash(&n.to_le_bytes()).as_bytes()),
        }
    }

    fn good(disk: &MemoryDisk) -> Head<<MemoryDisk as Disk>::File> {
        match find(disk).unwrap() {
            HeadFound::Good(head, _) => head,
            _ => panic!("no HEAD"),
        }
    }

    #[test]
    fn it_outgrows_its_slots_and_survives() {
        let disk = MemoryDisk::new();
        let mut head = Head::create(&disk, state(3)).unwrap();
        for n in 0..500 {
            head.state.own.insert(feed(n), n);
            head.sync(&disk).unwrap();
            let read = good(&disk);
            assert_eq!(read.state, head.state);
            assert_eq!(read.state.identity, disk.identity(HEAD).unwrap());
        }
    }

    #[test]
    fn with_one_slot_damaged_the_other_counts() {
        let disk = MemoryDisk::new();
        let mut head = Head::create(&disk, state(3)).unwrap();
        let older = head.state.clone();
        head.state.watermark.position = 10;
        head.sync(&disk).unwrap();
        let newer = (head.state.generation % 2) * SLOT_BYTES as u64;
        for byte in 0..PREFIX_BYTES as u64 + 50 {
            head.sync(&disk).unwrap();
            head.sync(&disk).unwrap();
            head.file.write_at(newer + byte, &[0xee]).unwrap();
            assert_eq!(head.damaged_slots().unwrap(), 1);
            let read = good(&disk);
            assert_eq!(read.state.uuid, older.uuid);
            assert_eq!(read.state.generation, head.state.generation - 1);
        }
    }
}
