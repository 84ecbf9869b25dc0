//! Peers that lie: what they send is changed, kept back, repeated or made up.

use std::cell::RefCell;
use std::collections::BTreeMap;

use synlog_log::disk::Seeded;
use synlog_log::ids::{EntryId, FeedKey};

use super::memory::MemoryRepo;
use super::twists::twist;
use crate::message::Message;
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
    /// A message is sent after the one that follows it.
    pub swaps: u64,
    /// The word that it has read what came is kept back: it asks and never reads.
    pub hoards: u64,
    /// Messages that may be sent again.
    pub kept: Vec<Vec<u8>>,
    /// A message that is to be sent after the next.
    pub late: Option<Vec<u8>>,
    /// How often it lied, by the name of the lie.
    pub told: RefCell<BTreeMap<&'static str, u64>>,
}

/// Messages that are kept to be sent again.
const KEPT_MAX: usize = 32;

impl Lies {
    /// What is sent in place of a message.
    pub fn garble(&mut self, mut bytes: Vec<u8>, random: &mut Seeded) -> Vec<Vec<u8>> {
        let told = &self.told;
        let does = |name: &'static str, one_in: u64, random: &mut Seeded| {
            let does = one_in > 0 && random.one_in(one_in);
            if does {
                *told.borrow_mut().entry(name).or_default() += 1;
            }
            does
        };
        if self.kept.len() < KEPT_MAX {
            self.kept.push(bytes.clone());
        } else {
            let at = random.below(KEPT_MAX as u64) as usize;
            self.kept[at] = bytes.clone();
        }
        if does("turns_bits", self.turns_bits, random) && !bytes.is_empty() {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        if does("twists", self.twists, random) {
            bytes = twist(&bytes, random);
        }
        let mut sent = Vec::new();
        if does("garbage", self.garbage, random) {
            let len = random.below(200);
            sent.push((0..len).map(|_| random.bits() as u8).collect());
        }
        let is_credit = matches!(Message::decode(&bytes), Ok(Message::Credit(_)));
        let hoards = is_credit && does("hoards", self.hoards, random);
        if !hoards && !does("omits", self.omits, random) {
            let times = if does("floods", self.floods, random) {
                50
            } else {
                1
            };
            sent.extend(std::iter::repeat_n(bytes, times));
        }
        if does("replays", self.replays, random) {
            let at = random.below(self.kept.len() as u64) as usize;
            sent.push(self.kept[at].clone());
        }
        if let Some(late) = self.late.take() {
            sent.push(late);
        } else if does("swaps", self.swaps, random) {
            self.late = sent.pop();
        }
        sent
    }
}

impl MemoryRepo {
    /// Whether a feed is one of those that are lied about, by how many of them are. The
    /// same each time: a lie that changes is found out sooner.
    pub(super) fn lies_in(
        &self,
        name: &'static str,
        feed: &FeedKey,
        one_in: impl Fn(&Lies) -> u64,
    ) -> bool {
        let one_in = self.lies.as_ref().map_or(0, one_in);
        let does =
            one_in > 0 && u64::from(feed.author.0[7] ^ feed.topic.0[7]).is_multiple_of(one_in);
        if let Some(lies) = self.lies.as_ref().filter(|_| does) {
            *lies.told.borrow_mut().entry(name).or_default() += 1;
        }
        does
    }

    /// A row as it is told.
    pub(super) fn lie_about(&self, mut row: Row) -> Row {
        if self.lies_in("claims", &row.feed, |lies| lies.claims) {
            row.height += 7;
            row.head = Some(EntryId(*blake3::hash(&row.feed.author.0).as_bytes()));
        }
        row
    }
}
