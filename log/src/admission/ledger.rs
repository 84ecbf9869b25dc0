//! What admission asks of whatever holds the entries.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use crate::ids::{EntryId, FeedKey};
use crate::run::RunView;

/// What is known of an admitted entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Its feed.
    pub feed: FeedKey,
    /// Its number in the feed.
    pub seq: u64,
    /// Its clock.
    pub hlc: u64,
    /// The entry before it.
    pub backlink: Option<EntryId>,
}

/// The entries that have been admitted.
pub trait Ledger {
    /// What goes wrong when looking something up.
    type Error;

    /// What is known of an entry.
    fn facts(&self, id: &EntryId) -> Result<Option<Facts>, Self::Error>;

    /// The entries of a feed at a seq; several where it is forked.
    fn at_seq(&self, feed: &FeedKey, seq: u64) -> Result<Vec<EntryId>, Self::Error>;

    /// The entry at a seq back from an entry.
    fn ancestor(&self, from: &EntryId, seq: u64) -> Result<Option<EntryId>, Self::Error> {
        let Some(facts) = self.facts(from)? else {
            return Ok(None);
        };
        if let [only] = self.at_seq(&facts.feed, seq)?[..] {
            return Ok((seq <= facts.seq).then_some(only));
        }
        let (mut at, mut facts) = (*from, facts);
        while facts.seq > seq {
            let Some(backlink) = facts.backlink else {
                return Ok(None);
            };
            let Some(below) = self.facts(&backlink)? else {
                return Ok(None);
            };
            (at, facts) = (backlink, below);
        }
        Ok((facts.seq == seq).then_some(at))
    }
}

/// A ledger in memory: for verifying bundles, tests and simulations.
#[derive(Debug, Default, Clone)]
pub struct MemoryLedger {
    entries: HashMap<EntryId, Facts>,
    /// The entry that came first at each seq of a feed.
    feeds: HashMap<FeedKey, BTreeMap<u64, EntryId>>,
    /// The others, where a feed is forked.
    rivals: HashMap<(FeedKey, u64), Vec<EntryId>>,
}

impl MemoryLedger {
    /// Adds the entries of a run.
    pub fn add(&mut self, run: &RunView<'_>) {
        let feed = self.feeds.entry(run.feed).or_default();
        for entry in &run.entries {
            let facts = Facts {
                feed: run.feed,
                seq: entry.seq,
                hlc: entry.hlc,
                backlink: entry.backlink,
            };
            if self.entries.insert(entry.id, facts).is_none()
                && *feed.entry(entry.seq).or_insert(entry.id) != entry.id
            {
                let rivals = self.rivals.entry((run.feed, entry.seq));
                rivals.or_default().push(entry.id);
            }
        }
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Ledger for MemoryLedger {
    type Error = Infallible;

    fn facts(&self, id: &EntryId) -> Result<Option<Facts>, Infallible> {
        Ok(self.entries.get(id).copied())
    }

    fn at_seq(&self, feed: &FeedKey, seq: u64) -> Result<Vec<EntryId>, Infallible> {
        let first = self.feeds.get(feed).and_then(|seqs| seqs.get(&seq));
        let Some(first) = first else {
            return Ok(Vec::new());
        };
        let mut ids = vec![*first];
        if !self.rivals.is_empty() {
            ids.extend(self.rivals.get(&(*feed, seq)).into_iter().flatten());
        }
        Ok(ids)
    }
}
