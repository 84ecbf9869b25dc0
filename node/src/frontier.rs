//! How far the feeds of the store go, as it is said to other nodes.

use synlog_log::ids::{EntityId, EntryId, FeedKey};
use synlog_log::run::RunView;
use synlog_log::store::FeedState;
use synlog_replication::row::Row;

use crate::failure::Failure;
use crate::ledger::read;
use crate::node::Node;

/// Feeds whose authors are remembered before the memory of them is started anew.
const AUTHORS_MAX: usize = 1 << 16;

impl Node {
    /// The row of a feed: of a forked one what lies under the fork, of a damaged one
    /// what lies under the damage, so that the rest is fetched again.
    pub(crate) fn frontier_row(&self, state: &FeedState) -> Result<Row, Failure> {
        let proven = self.forks.get(&state.key).map(|(seq, _)| *seq);
        let branched = state.branches.iter().map(|branch| branch.from).min();
        let forked_at = proven.into_iter().chain(branched).min();
        let longest = state
            .branches
            .iter()
            .map(|branch| branch.height)
            .fold(state.height, u64::max);
        let mut height = forked_at.map_or(longest, |seq| seq.min(longest));
        if let Some(hole) = self.lowest_hole(&state.key, height)? {
            height = hole;
        }
        let mut row = Row {
            feed: state.key,
            height,
            head: None,
            forked_at,
        };
        row.head = match height.checked_sub(1) {
            None => None,
            Some(_) if height == state.height => Some(state.head),
            Some(last) => self.entry_at(&state.key, last)?,
        };
        Ok(row)
    }

    /// The lowest seq under a height that cannot be read; looked for only where the store
    /// knows of damage.
    pub(crate) fn lowest_hole(&self, feed: &FeedKey, height: u64) -> Result<Option<u64>, Failure> {
        if self.store.missing()?.iter().all(|range| range.healed) {
            return Ok(None);
        }
        let mut seq = 0;
        while seq < height {
            let Some(position) = self.store.at_seq(feed, seq)?.first().copied() else {
                return Ok(Some(seq));
            };
            let Some(record) = read(&self.store, position)? else {
                return Ok(Some(seq));
            };
            seq += u64::from(record.positions - record.index_in_run).max(1);
        }
        Ok(None)
    }

    /// How high a feed was before a position: where its entries arrived in order.
    pub(crate) fn height_before(
        &self,
        feed: &FeedKey,
        height: u64,
        position: u64,
    ) -> Result<u64, Failure> {
        let (mut low, mut high) = (0, height);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.store.at_seq(feed, middle)?.first() {
                Some(place) if *place < position => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Whose device writes a feed. Its certificate is checked once, and the answer kept.
    pub(crate) fn author_of(&self, feed: &FeedKey) -> Result<Option<EntityId>, Failure> {
        if let Some(entity) = self.authors.borrow().get(feed) {
            return Ok(Some(*entity));
        }
        for position in self.store.at_seq(feed, 0)? {
            let Some(record) = read(&self.store, position)? else {
                continue;
            };
            let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
            let certified = self.certified_of(&run);
            if let Some(certified) = &certified {
                let mut authors = self.authors.borrow_mut();
                if authors.len() >= AUTHORS_MAX {
                    authors.clear();
                }
                authors.insert(*feed, certified.entity);
            }
            return Ok(certified.map(|certified| certified.entity));
        }
        Ok(None)
    }

    /// The id of the entry at a seq where only one is.
    pub(crate) fn entry_at(&self, feed: &FeedKey, seq: u64) -> Result<Option<EntryId>, Failure> {
        for position in self.store.at_seq(feed, seq)? {
            let Some(record) = read(&self.store, position)? else {
                continue;
            };
            let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
            let entry = run.entries.get(record.index_in_run as usize);
            if let Some(entry) = entry {
                return Ok(Some(entry.id));
            }
        }
        Ok(None)
    }
}
