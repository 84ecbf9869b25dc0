//! What is kept on disk: one sled tree, so that whatever belongs together moves in one batch.
//!
//! Every value carries a checksum of its key and itself. A sum over all of them stands
//! in the meta record and moves with every batch, so that a key that got lost shows too.

pub(crate) mod keys;
mod open;
pub(crate) mod record;

pub(crate) use open::open;
pub use open::{Opened, Options};

use std::collections::BTreeMap;

use crate::error::ViewsError;
use crate::hashing::Purpose;

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
struct Write {
    value: Option<Vec<u8>>,
    change: u64,
}

/// Keys in one part of a batch that is written in parts: sled shuffles those of a batch.
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

    fn write(&mut self, key: &[u8], value: Option<Vec<u8>>, change: u64) {
        self.keys += 1;
        match self.writes.get_mut(key) {
            Some(write) => {
                write.value = value;
                write.change = write.change.wrapping_add(change);
            }
            None => {
                let write = Write { value, change };
                self.writes.insert(key.to_vec(), write);
            }
        }
    }

    /// Removes a value that [`Batch::put`] stored with this payload.
    pub(crate) fn remove_known(&mut self, key: &[u8], payload: &[u8]) {
        self.remove(key, Mark::of(key, checksum(key, payload)));
    }
}

/// The database.
pub(crate) struct Store {
    db: sled::Db,
    tree: sled::Tree,
    position: Position,
    sum: u64,
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
        let found = self.tree.get(key)?;
        found.map(|value| check(key, &value)).transpose()
    }

    /// All under a prefix, in the order of keys.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Stored), ViewsError>> + use<> {
        self.tree.scan_prefix(prefix).map(|item| {
            let (key, value) = item?;
            Ok((key.to_vec(), check(&key, &value)?))
        })
    }

    /// All from one key to before another, in the order of keys.
    pub(crate) fn range(
        &self,
        from: Vec<u8>,
        to: Option<Vec<u8>>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Stored), ViewsError>> + use<> {
        use std::ops::Bound;
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        // sled panics on ranges that end before they begin
        let range = match &end {
            Bound::Excluded(to) if *to <= from => {
                (Bound::Included(from.clone()), Bound::Excluded(from))
            }
            _ => (Bound::Included(from), end),
        };
        self.tree.range::<Vec<u8>, _>(range).map(|item| {
            let (key, value) = item?;
            Ok((key.to_vec(), check(&key, &value)?))
        })
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

    fn apply(
        &mut self,
        writes: impl Iterator<Item = (Vec<u8>, Write)>,
        position: Position,
    ) -> Result<(), ViewsError> {
        let mut batch = sled::Batch::default();
        let mut sum = self.sum;
        for (key, write) in writes {
            sum = sum.wrapping_add(write.change);
            match write.value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(keys::META, open::meta(&position, sum));
        self.tree.apply_batch(batch)?;
        self.position = position;
        self.sum = sum;
        Ok(())
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

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), payload)
}

fn check(key: &[u8], value: &[u8]) -> Result<Stored, ViewsError> {
    let wrong = || ViewsError::Damaged("a checksum does not fit".into());
    let at = value.len().checked_sub(4).ok_or_else(wrong)?;
    let (payload, tail) = value.split_at(at);
    let sum = checksum(key, payload);
    if sum.to_le_bytes() != *tail {
        return Err(wrong());
    }
    Ok((Mark::of(key, sum), payload.to_vec()))
}
