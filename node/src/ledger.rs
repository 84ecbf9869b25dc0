//! The store as admission sees it, with what was read lately and what is on its
//! way to the disk.

use std::cell::RefCell;
use std::collections::HashMap;

use synlog_log::admission::{Facts, Ledger, MemoryLedger};
use synlog_log::bundle::RecordKind;
use synlog_log::disk::Disk;
use synlog_log::ids::{EntryId, FeedKey};
use synlog_log::run::RunView;
use synlog_log::store::{RunFacts, Store, StoreError, StoredRecord};

/// Entries whose facts are remembered: about 20 MB.
const REMEMBERED_MAX: usize = 1 << 16;

/// Entries at one seq of a forked feed that are looked at. Whether there is another is all
/// that is ever asked, and a device can sign thousands.
const RIVALS_MAX: usize = 16;

/// Facts of entries that were read lately.
pub type Remembered = RefCell<HashMap<EntryId, Facts>>;

/// Remembers the last entry of a run that was stored.
pub(crate) fn remember_last(remembered: &Remembered, run: &RunFacts) {
    let Some((last, before)) = run.ids.split_last() else {
        return;
    };
    let facts = Facts {
        feed: run.feed,
        seq: run.first_seq + before.len() as u64,
        hlc: run.last_hlc,
        backlink: before.last().copied().or(run.backlink),
    };
    let mut remembered = remembered.borrow_mut();
    if remembered.len() >= REMEMBERED_MAX {
        remembered.clear();
    }
    remembered.insert(*last, facts);
}

/// A store, and runs that were admitted and are not committed yet.
pub struct StoreLedger<'a, D: Disk> {
    /// The store.
    pub store: &'a Store<D>,
    /// What is on its way to the disk.
    pub staged: &'a MemoryLedger,
    /// What was read lately.
    pub remembered: &'a Remembered,
}

/// What stands at a position. What is damaged counts as not there: it is fetched again.
pub fn read<D: Disk>(store: &Store<D>, position: u64) -> Result<Option<StoredRecord>, StoreError> {
    match store.read(position) {
        Err(StoreError::Missing { .. }) => Ok(None),
        read => read,
    }
}

impl<D: Disk> Ledger for StoreLedger<'_, D> {
    type Error = StoreError;

    fn facts(&self, id: &EntryId) -> Result<Option<Facts>, StoreError> {
        let Ok(staged) = self.staged.facts(id);
        if staged.is_some() {
            return Ok(staged);
        }
        if let Some(facts) = self.remembered.borrow().get(id) {
            return Ok(Some(*facts));
        }
        let Some(position) = self.store.locate(id)? else {
            return Ok(None);
        };
        let Some(record) = read(self.store, position)? else {
            return Ok(None);
        };
        if RecordKind::from_number(record.kind) != Some(RecordKind::Run) {
            return Ok(None);
        }
        // what the store gives back was checked when it came in, and against its checksum now
        let Ok(run) = RunView::decode(&record.bytes) else {
            return Ok(None);
        };
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        for entry in &run.entries {
            let facts = Facts {
                feed: run.feed,
                seq: entry.seq,
                hlc: entry.hlc,
                backlink: entry.backlink,
            };
            remembered.insert(entry.id, facts);
        }
        Ok(remembered.get(id).copied())
    }

    fn at_seq(&self, feed: &FeedKey, seq: u64) -> Result<Vec<EntryId>, StoreError> {
        let Ok(mut ids) = self.staged.at_seq(feed, seq);
        for position in self.store.at_seq(feed, seq)?.into_iter().take(RIVALS_MAX) {
            let Some(record) = read(self.store, position)? else {
                continue;
            };
            let Ok(run) = RunView::decode(&record.bytes) else {
                continue;
            };
            let entry = run.entries.get(record.index_in_run as usize);
            ids.extend(entry.map(|entry| entry.id).filter(|id| !ids.contains(id)));
        }
        Ok(ids)
    }
}
