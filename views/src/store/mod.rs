//! What is kept on disk: one sled tree, so that whatever belongs together moves in one batch.
//!
//! Every value carries a checksum of its key and itself. A sum over all of them stands
//! in the meta record and moves with every batch, so that a key that got lost shows too.
//! What a topic is begun with may be packed into blocks ([`packed`]).

pub(crate) mod keys;
mod merge;
mod open;
mod packed;
pub(crate) mod record;

pub(crate) use open::open;
pub use open::{Opened, Options};

use std::collections::BTreeMap;
use std::ops::Bound;

use synlog_log::ids::TopicId;

use crate::error::ViewsError;
use crate::hashing::Purpose;
use packed::{Growing, Packed, Packer};

/// What a stored value adds to the sum over all; 0 stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark(u64);

impl Mark {
    /// Nothing is stored there.
    pub(crate) const NONE: Self = Self(0);

    fn of(key: &[u8], sum: u32) -> Self {
        // the multiplications spread the 64 bits so that sums of marks tell sets apart
        let mut mixed = u64::from(crc32c::crc32c(key)) << 32 | u64::from(sum);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ (mixed >> 31)) | 1)
    }
}

/// Commits in their sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Drawn when the store was begun.
    pub epoch: [u8; 16],
    /// Number of the last commit.
    pub version: u64,
    /// Tells apart commits of one number, as after a loss of power.
    pub tag: [u8; 8],
}

/// Puts and removals that happen together or not at all.
///
/// Sorted, since sled writes neighbours much faster than keys from all over the tree.
#[derive(Default)]
pub(crate) struct Batch {
    writes: BTreeMap<Vec<u8>, Write>,
    /// How many keys it touches.
    pub keys: usize,
    /// Bytes that it holds.
    pub bytes: usize,
}

/// A value (`None`: it goes), and what that does to the sum.
#[derive(Default)]
struct Write {
    value: Option<Vec<u8>>,
    change: u64,
    /// What stood there was not read: it may stand in a block.
    guessed: bool,
}

/// Keys in one part of a batch that is written in parts.
const PART_KEYS: usize = 250;

impl Batch {
    /// Stores a value in place of what was there.
    pub(crate) fn put(&mut self, key: &[u8], payload: &[u8], old: Mark) {
        let mut value = Vec::with_capacity(payload.len() + 4);
        let sum = checksum(key, payload);
        value.extend_from_slice(payload);
        value.extend_from_slice(&sum.to_le_bytes());
        self.bytes += key.len() + value.len();
        let change = Mark::of(key, sum).0.wrapping_sub(old.0);
        self.write(key, Some(value), change);
    }

    /// Removes what was there.
    pub(crate) fn remove(&mut self, key: &[u8], old: Mark) {
        self.write(key, None, 0u64.wrapping_sub(old.0));
    }

    fn write(&mut self, key: &[u8], value: Option<Vec<u8>>, change: u64) -> &mut Write {
        self.keys += 1;
        let write = self.writes.entry(key.to_vec()).or_default();
        write.value = value;
        write.change = write.change.wrapping_add(change);
        write
    }

    /// Removes a value that [`Batch::put`] stored with this payload.
    pub(crate) fn remove_known(&mut self, key: &[u8], payload: &[u8]) {
        let old = Mark::of(key, checksum(key, payload));
        self.write(key, None, 0u64.wrapping_sub(old.0)).guessed = true;
    }
}

/// The database.
pub(crate) struct Store {
    db: sled::Db,
    tree: sled::Tree,
    position: Position,
    sum: u64,
    /// What topics were begun with.
    packed: BTreeMap<TopicId, Packed>,
    /// Keys that blocks could hold and that stand by themselves: most that are asked for
    /// or removed after a rebuild don't, and sled takes its time to say so.
    loose: Growing,
    /// Bytes written since it was opened.
    written: u64,
}

/// Stored bytes without their checksum, and their mark.
pub(crate) type Stored = (Mark, Vec<u8>);

impl Store {
    /// The last commit.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// What is stored under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Stored>, ViewsError> {
        if let Some(value) = self.loose(key)? {
            let (mark, payload) = check(key, &value)?;
            return Ok(Some((mark, payload.to_vec())));
        }
        let packed = self.in_blocks(key)?;
        Ok(packed.map(|payload| (Mark::NONE, payload)))
    }

    /// What stands under a key by itself.
    fn loose(&self, key: &[u8]) -> Result<Option<sled::IVec>, ViewsError> {
        match packed::can_hold(key) && !self.loose.may_have(key) {
            true => Ok(None),
            false => Ok(self.tree.get(key)?),
        }
    }

    /// All under a prefix, in the order of keys.
    pub(crate) fn scan<'a>(
        &'a self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Stored), ViewsError>> + use<'a> {
        self.range(prefix.to_vec(), keys::after(prefix))
    }

    /// Topics whose blocks may hold a key, or keys from there on.
    fn holders<'a>(
        &'a self,
        key: &[u8],
    ) -> impl Iterator<Item = (&'a TopicId, &'a Packed)> + use<'a> {
        let (bounds, some) = match packed::topic_in(key) {
            Some(topic) => ((Bound::Included(topic), Bound::Included(topic)), true),
            // entries of an index begin with their values
            None => (
                (Bound::Unbounded, Bound::Unbounded),
                key.first() == Some(&b'I'),
            ),
        };
        self.packed.range(bounds).filter(move |_| some)
    }

    /// A block of a topic.
    fn block(&self, topic: &TopicId, first: &[u8]) -> Result<sled::IVec, ViewsError> {
        let key = packed::block_key(topic, first);
        let value = self.tree.get(&key)?;
        let value = value.ok_or_else(|| ViewsError::Damaged("a block is gone".into()))?;
        let length = check(&key, &value)?.1.len();
        Ok(value.subslice(0, length))
    }

    /// What stands under a key in a block.
    fn in_blocks(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewsError> {
        for (topic, packed) in self.holders(key).filter(|(_, it)| it.may_have(key)) {
            let Some(first) = packed.firsts.get(packed.block_of(key)) else {
                continue;
            };
            let found = packed::find(&self.block(topic, first)?, key)?;
            let is_gone = || match packed.may_be_gone(key) {
                true => self.tree.contains_key(packed::gone_key(topic, key)),
                false => Ok(false),
            };
            if found.is_some() {
                return Ok(if is_gone()? { None } else { found });
            }
        }
        Ok(None)
    }

    /// Whether so many bytes more may be written.
    pub(crate) fn has_room(&self, bytes: usize, written_max: u64) -> Result<(), ViewsError> {
        match self.written.saturating_add(bytes as u64) > written_max {
            true => Err(ViewsError::OverBudget(written_max)),
            false => Ok(()),
        }
    }

    /// Number of the commit that comes next.
    pub(crate) fn next_version(&self) -> u64 {
        self.position.version + 1
    }

    /// The tag that the next commit gets for its list of changes.
    pub(crate) fn next_tag(&self, changes: &[u8]) -> [u8; 8] {
        let hash = Purpose::Commit.hash(&[&self.position.epoch, &self.position.tag, changes]);
        let mut tag = [0; 8];
        tag.copy_from_slice(&hash[..8]);
        tag
    }

    /// Does a batch, which thereby becomes the next commit.
    pub(crate) fn commit(&mut self, batch: Batch, tag: [u8; 8]) -> Result<(), ViewsError> {
        let position = Position {
            version: self.next_version(),
            tag,
            ..self.position
        };
        self.apply(batch.writes.into_iter(), position)
    }

    /// Does a batch in parts, without a commit of its own: one that a crash may tear.
    pub(crate) fn write_in_parts(&mut self, batch: Batch) -> Result<(), ViewsError> {
        let mut writes = batch.writes.into_iter().peekable();
        while writes.peek().is_some() {
            self.apply(writes.by_ref().take(PART_KEYS), self.position)?;
        }
        Ok(())
    }

    /// Packs what a topic begins with, which has nothing stored yet. In parts: a crash
    /// may tear it.
    pub(crate) fn pack(&mut self, topic: &TopicId, batch: Batch) -> Result<(), ViewsError> {
        let (mut firsts, mut hashes) = (Vec::new(), Vec::with_capacity(batch.writes.len()));
        let (mut packer, mut blocks) = (Packer::default(), Batch::default());
        let mut put = |blocks: &mut Batch, (first, block): (Vec<u8>, Vec<u8>)| {
            blocks.put(&packed::block_key(topic, &first), &block, Mark::NONE);
            firsts.push(first);
        };
        for (key, write) in batch.writes {
            let Some(value) = write.value else { continue };
            hashes.push(packed::hash_of(&key));
            let payload = &value[..value.len() - CHECKSUM_LEN];
            if let Some(full) = packer.add(&key, payload) {
                put(&mut blocks, full);
            }
            if blocks.keys == PART_KEYS {
                self.write_in_parts(std::mem::take(&mut blocks))?;
            }
        }
        if let Some(last) = packer.end() {
            put(&mut blocks, last);
        }
        self.write_in_parts(blocks)?;
        self.packed.insert(*topic, Packed::new(firsts, &hashes));
        Ok(())
    }

    /// Removes what a topic was begun with. In parts: a crash may tear it.
    pub(crate) fn forget_packed(&mut self, topic: &TopicId) -> Result<(), ViewsError> {
        self.packed.remove(topic);
        for prefix in [packed::block_key(topic, &[]), packed::gone_key(topic, &[])] {
            loop {
                let mut batch = Batch::default();
                for item in self.tree.scan_prefix(&prefix).take(PART_KEYS) {
                    let (key, value) = item?;
                    batch.remove(&key, check(&key, &value)?.0);
                }
                if batch.keys == 0 {
                    break;
                }
                self.write_in_parts(batch)?;
            }
        }
        Ok(())
    }

    fn apply(
        &mut self,
        writes: impl Iterator<Item = (Vec<u8>, Write)>,
        position: Position,
    ) -> Result<(), ViewsError> {
        let mut batch = sled::Batch::default();
        let mut sum = self.sum;
        for (key, mut write) in writes {
            let uncertain = write.guessed || write.value.is_none();
            if uncertain && self.holders(&key).any(|(_, it)| it.may_have(&key)) {
                write.change = self.hide(&mut batch, &key, write.value.as_deref())?;
            }
            sum = sum.wrapping_add(write.change);
            match write.value {
                Some(value) => {
                    self.written += (key.len() + value.len()) as u64;
                    if packed::can_hold(&key) {
                        self.loose.add(&key);
                    }
                    batch.insert(key, value);
                }
                // removing what is not there would be as much work as writing it
                None if packed::can_hold(&key) && !self.loose.may_have(&key) => {}
                None => batch.remove(key),
            }
        }
        batch.insert(keys::META, open::meta(&position, sum));
        self.tree.apply_batch(batch)?;
        self.position = position;
        self.sum = sum;
        Ok(())
    }

    /// What it does to the sum that a key is written which a block may hold. Notes that
    /// a key is gone which is removed and stands in a block; entries of an index aren't
    /// noted, since queries compare them with their rows.
    fn hide(
        &mut self,
        batch: &mut sled::Batch,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<u64, ViewsError> {
        let old = match self.loose(key)? {
            Some(old) => check(key, &old)?.0,
            None => Mark::NONE,
        };
        let new = match value {
            Some(value) => check(key, value)?.0,
            None => Mark::NONE,
        };
        let mut change = new.0.wrapping_sub(old.0);
        let topic = packed::topic_in(key).filter(|_| value.is_none());
        if let Some(topic) = topic
            && self.in_blocks(key)?.is_some()
            && let Some(packed) = self.packed.get_mut(&topic)
        {
            packed.note_gone(key);
            let gone = packed::gone_key(&topic, key);
            let sum = checksum(&gone, &[]);
            change = change.wrapping_add(Mark::of(&gone, sum).0);
            batch.insert(gone, &sum.to_le_bytes());
        }
        Ok(change)
    }

    /// Hands what was written to the operating system.
    pub(crate) fn flush(&self) -> Result<(), ViewsError> {
        self.db.flush()?;
        Ok(())
    }

    /// Bytes on disk and number of keys. Counts all keys.
    pub(crate) fn size(&self) -> Result<(u64, usize), ViewsError> {
        Ok((self.db.size_on_disk()?, self.tree.len()))
    }
}

/// Bytes of the checksum behind each value.
const CHECKSUM_LEN: usize = 4;

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), payload)
}

fn check<'a>(key: &[u8], value: &'a [u8]) -> Result<(Mark, &'a [u8]), ViewsError> {
    let wrong = || ViewsError::Damaged("a checksum does not fit".into());
    let at = value.len().checked_sub(CHECKSUM_LEN).ok_or_else(wrong)?;
    let (payload, tail) = value.split_at(at);
    let sum = checksum(key, payload);
    if sum.to_le_bytes() != *tail {
        return Err(wrong());
    }
    Ok((Mark::of(key, sum), payload))
}
