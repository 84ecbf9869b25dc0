//! What became of entries that came from outside.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::{EntryId, FeedKey, TopicId};
use synlog_log::refusal::Refusal;

/// What became of some runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intake {
    /// Entries that are new here, by feed.
    pub fresh: BTreeMap<FeedKey, u64>,
    /// Entries that were known already.
    pub known: u64,
    /// Entries put aside because they claim a time ahead of the clock.
    pub ahead: u64,
    /// Runs that don't decode.
    pub broken: Vec<(FeedKey, Refusal)>,
    /// Runs that were refused, with the seq from which on.
    pub refused: Vec<(FeedKey, u64, Refusal)>,
    /// Runs whose signature did not check. Their entries count where later runs vouch for them.
    pub garbled: Vec<(FeedKey, u64)>,
    /// Feeds that turned out to be forked, and where.
    pub forks: Vec<(FeedKey, u64)>,
    /// Entries of this device that others have and this store lacked.
    pub own_from_outside: u64,
    /// Ancestors that runs wait for, with their topic.
    pub missing: BTreeSet<(TopicId, EntryId)>,
}

impl Intake {
    /// How many entries are new.
    pub fn fresh_entries(&self) -> u64 {
        self.fresh.values().sum()
    }

    /// How many runs were not taken, whatever was wrong with them.
    pub(crate) fn not_taken(&self) -> usize {
        self.broken.len() + self.refused.len() + self.garbled.len()
    }
}
