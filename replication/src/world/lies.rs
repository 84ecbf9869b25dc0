//! Peers that lie: what they send is changed, kept back, repeated or made up.

use synlog_log::disk::Seeded;
use synlog_log::ids::{EntryId, FeedKey};

use super::memory::MemoryRepo;
use super::twists::twist;
use crate::row::Row;

/// How a peer lies. Each chance is "one in n"; 0 = never.
#[derive(Debug, Clone, Default)]
pub struct Lies {
    /// A bit of a message is turned.
    pub turns_bits: u64,
    /// A message is kept back.
    pub omits: u64,
    /// A message from before is sent again.
    pub replays: u64,
    /// Random bytes are sent.
    pub garbage: u64,
    /// A message is sent many times.
    pub floods: u64,
    /// What a message says is changed: fingerprints, heights, what is asked for.
    pub twists: u64,
    /// Rows are said to go farther than they do.
    pub claims: u64,
    /// Entries that it has are said not to be here.
    pub withholds: u64,
    /// Bytes within runs are changed.
    pub spoils: u64,
    /// Messages that may be sent again.
    pub kept: Vec<Vec<u8>>,
}

/// Messages that are kept to be sent again.
const KEPT_MAX: usize = 32;

impl Lies {
    /// What is sent in place of a message.
    pub fn garble(&mut self, mut bytes: Vec<u8>, random: &mut Seeded) -> Vec<Vec<u8>> {
        let does = |one_in: u64, random: &mut Seeded| one_in > 0 && random.one_in(one_in);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(bytes.clone());
        } else {
            let at = random.below(KEPT_MAX as u64) as usize;
            self.kept[at] = bytes.clone();
        }
        if does(self.turns_bits, random) && !bytes.is_empty() {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        if does(self.twists, random) {
            bytes = twist(&bytes, random);
        }
        let mut sent = Vec::new();
        if does(self.garbage, random) {
            let len = random.below(200);
            sent.push((0..len).map(|_| random.bits() as u8).collect());
        }
        if !does(self.omits, random) {
            let times = if does(self.floods, random) { 50 } else { 1 };
            sent.extend(std::iter::repeat_n(bytes, times));
        }
        if does(self.replays, random) {
            let at = random.below(self.kept.len() as u64) as usize;
            sent.push(self.kept[at].clone());
        }
        sent
    }
}

impl MemoryRepo {
    /// Whether a feed is one of those that are lied about, by how many of them are. The
    /// same each time: a lie that changes is found out sooner.
    pub(super) fn lies_in(&self, feed: &FeedKey, one_in: impl Fn(&Lies) -> u64) -> bool {
        let one_in = self.lies.as_ref().map_or(0, one_in);
        one_in > 0 && u64::from(feed.author.0[7] ^ feed.topic.0[7]).is_multiple_of(one_in)
    }

    /// A row as it is told.
    pub(super) fn lie_about(&self, mut row: Row) -> Row {
        if self.lies_in(&row.feed, |lies| lies.claims) {
            row.height += 7;
            row.head = Some(EntryId(*blake3::hash(&row.feed.author.0).as_bytes()));
        }
        row
    }
}
