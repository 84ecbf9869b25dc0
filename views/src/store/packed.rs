//! What a topic was begun with, packed into blocks.
//!
//! sled's work is by the key, so a rebuild that wrote each value under a key of its own
//! would spend most of its time there. Instead its values go, sorted, into blocks of some
//! kilobytes, each under one key. Blocks are never changed: what is written later stands
//! under keys of its own and hides what a block has, and what is removed is named as gone.
//! Entries of an index are not even that: a query compares them with their rows.

use std::collections::BTreeSet;

use synlog_log::ids::TopicId;
use synlog_log::wire::{Reader, Writer};

use crate::error::ViewsError;

/// Bytes at which a block is full. sled keeps up to 16 values in one page of its own,
/// and pages above 128 KiB go to files of their own.
const BLOCK_BYTES: usize = 4 << 10;

/// Letters of the keys that blocks can hold, and that begin with the topic.
const OF_TOPIC: &[u8] = b"AORLP";

/// Key of the block of a topic that begins with a key.
pub(super) fn block_key(topic: &TopicId, first: &[u8]) -> Vec<u8> {
    [b"B", &topic.0[..], first].concat()
}

/// Key that says that a key in the blocks of a topic is gone.
pub(super) fn gone_key(topic: &TopicId, key: &[u8]) -> Vec<u8> {
    [b"G", &topic.0[..], key].concat()
}

/// The topic and the key in what [`block_key`] or [`gone_key`] made.
pub(super) fn parts(stored: &[u8]) -> Option<(TopicId, &[u8])> {
    let (topic, key) = stored.get(1..)?.split_at_checked(32)?;
    Some((TopicId(topic.try_into().ok()?), key))
}

/// The topic of which alone blocks can hold a key; `None`: any, or none.
pub(super) fn topic_in(key: &[u8]) -> Option<TopicId> {
    let (letter, rest) = key.split_first()?;
    OF_TOPIC.contains(letter).then_some(())?;
    Some(TopicId(rest.get(..32)?.try_into().ok()?))
}

/// Whether blocks can hold a key.
pub(super) fn can_hold(key: &[u8]) -> bool {
    key.first()
        .is_some_and(|letter| *letter == b'I' || OF_TOPIC.contains(letter))
}

/// Puts sorted keys and values into blocks.
#[derive(Default)]
pub(super) struct Packer {
    first: Vec<u8>,
    last: Vec<u8>,
    block: Vec<u8>,
}

impl Packer {
    /// Adds a value behind the last one. Gives a block that thereby is full.
    pub(super) fn add(&mut self, key: &[u8], payload: &[u8]) -> Option<Pair> {
        if self.block.is_empty() {
            self.first = key.to_vec();
            self.last.clear();
        }
        let same = self.last.iter().zip(key).take_while(|(a, b)| a == b);
        let shared = same.count();
        self.block.put_varint(shared as u64);
        self.block.put_bytes(&key[shared..]);
        self.block.put_bytes(payload);
        self.last.clear();
        self.last.extend_from_slice(key);
        (self.block.len() >= BLOCK_BYTES)
            .then(|| self.end())
            .flatten()
    }

    /// The block that is not full: its first key, and itself.
    pub(super) fn end(&mut self) -> Option<Pair> {
        let block = std::mem::take(&mut self.block);
        (!block.is_empty()).then(|| (std::mem::take(&mut self.first), block))
    }
}

/// Tells keys and values of a block, in order, as long as it is answered `true`.
pub(super) fn unpack(
    block: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), ViewsError> {
    let wrong = |refusal| ViewsError::Damaged(format!("a block does not decode: {refusal}"));
    let mut reader = Reader::new(block);
    let mut key: Vec<u8> = Vec::with_capacity(160);
    while !reader.is_empty() {
        let shared = reader.length(key.len()).map_err(wrong)?;
        key.truncate(shared);
        key.extend_from_slice(reader.bytes(block.len()).map_err(wrong)?);
        let payload = reader.bytes(block.len()).map_err(wrong)?;
        if !each(&key, payload) {
            break;
        }
    }
    Ok(())
}

/// The value of a key in a block.
pub(super) fn find(block: &[u8], wanted: &[u8]) -> Result<Option<Vec<u8>>, ViewsError> {
    let mut found = None;
    unpack(block, |key, payload| {
        if key == wanted {
            found = Some(payload.to_vec());
        }
        key < wanted
    })?;
    Ok(found)
}

/// By which filters know a key.
pub(super) fn hash_of(key: &[u8]) -> u32 {
    crc32c::crc32c(key)
}

/// A set of keys that may take others for its own, one in a hundred or so.
#[derive(Default)]
struct Filter {
    lines: Vec<[u64; 8]>,
}

/// Bits for each key.
const KEY_BITS: usize = 12;
/// Bits that are set for each key.
const PROBES: u32 = 6;

impl Filter {
    fn of(keys: usize) -> Self {
        Self {
            lines: vec![[0; 8]; (keys * KEY_BITS).div_ceil(512).max(1)],
        }
    }

    /// The line of a key with this hash, and the bits in it.
    fn spot(&self, hash: u32) -> (usize, u64) {
        let mut hash = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let line = (u128::from(hash) * self.lines.len() as u128) >> 64;
        hash ^= hash >> 29;
        (line as usize, hash.wrapping_mul(0xbf58_476d_1ce4_e5b9))
    }

    fn bits(hash: u64) -> impl Iterator<Item = (usize, u64)> {
        (0..PROBES).map(move |probe| {
            let bit = hash >> (probe * 9) & 511;
            ((bit >> 6) as usize, 1 << (bit & 63))
        })
    }

    fn add(&mut self, hash: u32) {
        let (line, hash) = self.spot(hash);
        for (word, bit) in Self::bits(hash) {
            self.lines[line][word] |= bit;
        }
    }

    fn may_have(&self, key: &[u8]) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        let (line, hash) = self.spot(hash_of(key));
        Self::bits(hash).all(|(word, bit)| self.lines[line][word] & bit != 0)
    }
}

/// A set of keys as [`Filter`] is one, which grows.
#[derive(Default)]
pub(super) struct Growing {
    filters: Vec<Filter>,
    /// How many keys more fit into the last one.
    room: usize,
}

/// Keys of the first part of a set that grows; each further part has twice as many.
const FIRST_KEYS: usize = 4_096;

impl Growing {
    pub(super) fn add(&mut self, key: &[u8]) {
        if self.may_have(key) {
            return;
        }
        if self.room == 0 {
            self.room = FIRST_KEYS << self.filters.len().min(20);
            self.filters.push(Filter::of(self.room));
        }
        self.room -= 1;
        if let Some(last) = self.filters.last_mut() {
            last.add(hash_of(key));
        }
    }

    pub(super) fn may_have(&self, key: &[u8]) -> bool {
        // the last ones hold most
        self.filters.iter().rev().any(|filter| filter.may_have(key))
    }
}

/// The blocks of a topic, as memory knows them.
#[derive(Default)]
pub(super) struct Packed {
    /// The first key of each.
    pub firsts: Vec<Vec<u8>>,
    keys: Filter,
    gone: Filter,
    count: usize,
}

impl Packed {
    /// Blocks with these first keys, which hold keys with these hashes.
    pub(super) fn new(firsts: Vec<Vec<u8>>, hashes: &[u32]) -> Self {
        let mut keys = Filter::of(hashes.len());
        hashes.iter().for_each(|hash| keys.add(*hash));
        Self {
            firsts,
            keys,
            gone: Filter::default(),
            count: hashes.len(),
        }
    }

    /// Notes that a key is gone.
    pub(super) fn note_gone(&mut self, key: &[u8]) {
        if self.gone.lines.is_empty() {
            self.gone = Filter::of(self.count);
        }
        self.gone.add(hash_of(key));
    }

    /// Whether no key is gone.
    pub(super) fn is_whole(&self) -> bool {
        self.gone.lines.is_empty()
    }

    /// Whether a block may hold a key.
    pub(super) fn may_have(&self, key: &[u8]) -> bool {
        self.keys.may_have(key)
    }

    /// Whether a key that a block holds may be gone.
    pub(super) fn may_be_gone(&self, key: &[u8]) -> bool {
        self.gone.may_have(key)
    }

    /// Number of the block in which a key would stand; of the first where it would stand
    /// before all.
    pub(super) fn block_of(&self, key: &[u8]) -> usize {
        let behind = self.firsts.partition_point(|first| first[..] <= *key);
        behind.saturating_sub(1)
    }
}

/// A key and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The values of a block that lie in a range and are not gone, the last one first.
pub(super) fn left_of(
    block: &[u8],
    from: &[u8],
    to: Option<&[u8]>,
    gone: &BTreeSet<Vec<u8>>,
) -> Result<Vec<Pair>, ViewsError> {
    let mut left = Vec::new();
    unpack(block, |key, payload| {
        let inside = key >= from && to.is_none_or(|to| key < to);
        if inside && !gone.contains(key) {
            left.push((key.to_vec(), payload.to_vec()));
        }
        to.is_none_or(|to| key < to)
    })?;
    left.reverse();
    Ok(left)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn packed(values: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut packer = Packer::default();
        let mut blocks: Vec<_> = values
            .iter()
            .filter_map(|(key, payload)| packer.add(key, payload))
            .collect();
        blocks.extend(packer.end());
        blocks
    }

    proptest! {
        #[test]
        fn what_is_packed_is_found(
            values in proptest::collection::btree_map(
                proptest::collection::vec(0u8..4, 1..8),
                proptest::collection::vec(any::<u8>(), 0..900),
                0..60,
            ),
            other in proptest::collection::vec(0u8..4, 1..8),
        ) {
            let blocks = packed(&values);
            let mut again = BTreeMap::new();
            let hashes: Vec<u32> = values.keys().map(|key| hash_of(key)).collect();
            let firsts = blocks.iter().map(|(first, _)| first.clone()).collect();
            let known = Packed::new(firsts, &hashes);
            for (_, block) in &blocks {
                prop_assert!(block.len() < BLOCK_BYTES + 1_000);
                unpack(block, |key, payload| {
                    again.insert(key.to_vec(), payload.to_vec());
                    true
                })
                .unwrap();
            }
            prop_assert_eq!(&again, &values);
            for key in values.keys().chain([&other]) {
                let found = match blocks.get(known.block_of(key)) {
                    Some((_, block)) => find(block, key).unwrap(),
                    None => None,
                };
                prop_assert_eq!(found.as_ref(), values.get(key));
                prop_assert!(known.may_have(key) || !values.contains_key(key));
            }
        }

        #[test]
        fn arbitrary_blocks_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes, |_, _| true);
            let _ = find(&bytes, b"a");
        }
    }

    #[test]
    fn a_set_grows_and_forgets_nothing() {
        let mut set = Growing::default();
        let key = |n: u32| [&b"key"[..], &n.to_be_bytes()].concat();
        for n in 0..30_000 {
            set.add(&key(n));
            set.add(&key(n / 2));
        }
        assert!((0..30_000).all(|n| set.may_have(&key(n))));
        assert_eq!(set.filters.len(), 4);
        let wrong = (30_000..130_000).filter(|n| set.may_have(&key(*n)));
        assert!(wrong.count() < 6_000);
    }

    #[test]
    fn few_other_keys_are_taken_for_its_own() {
        let mut filter = Filter::of(10_000);
        let key = |n: u32| [&b"key"[..], &n.to_be_bytes()].concat();
        (0..10_000).for_each(|n| filter.add(hash_of(&key(n))));
        assert!((0..10_000).all(|n| filter.may_have(&key(n))));
        let wrong = (10_000..110_000).filter(|n| filter.may_have(&key(*n)));
        assert!(wrong.count() < 3_000);
    }
}
