//! Group commit: many threads append, one syncs for all.
//!
//! Whoever finds nobody syncing writes what waits, syncs, and wakes the rest; a
//! lone append waits for nothing but its own sync. What arrives meanwhile goes
//! into the next batch. Readers are shut out while a batch is taken in, not
//! while the disk syncs.

use super::error::StoreError;
use super::format::MAX_BATCH_BYTES;
use super::record::{Committed, OwnedRecord, Record};
use super::state::Store;
use crate::disk::Disk;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

/// Shares a store between threads.
pub struct GroupCommitter<D: Disk> {
    store: RwLock<Store<D>>,
    queue: Mutex<Queue>,
    /// Something was committed or failed, or the leader is gone.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    next_ticket: u64,
    waiting: VecDeque<Waiting>,
    /// Somebody has the right to change the store.
    led: bool,
    done: BTreeMap<u64, Result<Committed, Failure>>,
}

struct Waiting {
    ticket: u64,
    bytes: usize,
    records: Arc<Vec<OwnedRecord>>,
}

/// A failure that many hear of.
#[derive(Clone)]
enum Failure {
    Full(u64),
    Stopped,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full(needed_bytes) => StoreError::Full {
                needed_bytes,
                source: std::io::ErrorKind::StorageFull.into(),
            },
            Failure::Stopped => StoreError::Poisoned,
        }
    }
}

/// The right to change the store; passed on when dropped.
struct Lead<'a, D: Disk>(&'a GroupCommitter<D>);

impl<D: Disk> Drop for Lead<'_, D> {
    fn drop(&mut self) {
        self.0.queue().led = false;
        self.0.changed.notify_all();
    }
}

impl<D: Disk> GroupCommitter<D> {
    /// Takes a store.
    pub fn new(store: Store<D>) -> Self {
        Self {
            store: RwLock::new(store),
            queue: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Store<D>> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store, for reading. Don't hold it for long: commits wait for it.
    pub fn read(&self) -> RwLockReadGuard<'_, Store<D>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store, for anything else, when no commit is under way.
    pub fn write<T>(&self, change: impl FnOnce(&mut Store<D>) -> T) -> T {
        let _lead = self.lead(self.queue());
        change(&mut self.exclusive())
    }

    /// Gives the store back.
    pub fn into_inner(self) -> Store<D> {
        self.store
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lead<'a>(&'a self, mut queue: MutexGuard<'a, Queue>) -> Lead<'a, D> {
        while queue.led {
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        queue.led = true;
        Lead(self)
    }

    /// Stores records together; they are durable when this returns.
    pub fn append(&self, records: Vec<OwnedRecord>) -> Result<Committed, StoreError> {
        {
            let borrowed: Vec<Record<'_>> = records.iter().map(OwnedRecord::as_record).collect();
            self.read().accept(&borrowed)?;
        }
        let bytes: usize = records.iter().map(|r| r.bytes.len() + 32).sum();
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push_back(Waiting {
            ticket,
            bytes,
            records: Arc::new(records),
        });
        loop {
            if let Some(result) = queue.done.remove(&ticket) {
                return result.map_err(StoreError::from);
            }
            if queue.led {
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.led = true;
            let group = next_group(&mut queue);
            drop(queue);
            let lead = Lead(self);
            let own = self.commit_group(&group, ticket);
            drop(lead);
            if let Some(result) = own {
                return result;
            }
            queue = self.queue();
        }
    }

    /// Commits a group and tells the others; returns the result of `ticket`.
    fn commit_group(
        &self,
        group: &[Waiting],
        ticket: u64,
    ) -> Option<Result<Committed, StoreError>> {
        let records: Vec<Record<'_>> = group
            .iter()
            .flat_map(|waiting| waiting.records.iter().map(OwnedRecord::as_record))
            .collect();
        let first = match self.commit_records(&records) {
            Ok(first) => first,
            Err(error) => return self.tell_failure(group, ticket, error),
        };
        let mut own = None;
        let mut at = first;
        let mut queue = self.queue();
        for waiting in group {
            let positions: u64 = waiting
                .records
                .iter()
                .map(|r| u64::from(r.as_record().positions()))
                .sum();
            let committed = Committed {
                first: at,
                end: at + positions,
            };
            at += positions;
            if waiting.ticket == ticket {
                own = Some(Ok(committed));
            } else {
                queue.done.insert(waiting.ticket, Ok(committed));
            }
        }
        own
    }

    /// One batch, with the lock let go while the disk syncs; larger ones whole.
    fn commit_records(&self, records: &[Record<'_>]) -> Result<u64, StoreError> {
        let bytes: usize = records.iter().map(|r| r.bytes.len() + 32).sum();
        if bytes > MAX_BATCH_BYTES as usize || records.is_empty() {
            return Ok(self.exclusive().commit(records)?.first);
        }
        let staged = {
            let mut store = self.exclusive();
            store.running()?;
            store.make_room(records)?;
            store.stage(records)?
        };
        let synced = staged.sync();
        let mut store = self.exclusive();
        store.stop_on(synced)?;
        let first = store.end();
        store.take_in(&staged, records)?;
        Ok(first)
    }

    fn tell_failure(
        &self,
        group: &[Waiting],
        ticket: u64,
        error: StoreError,
    ) -> Option<Result<Committed, StoreError>> {
        let failure = match &error {
            StoreError::Full { needed_bytes, .. } => Failure::Full(*needed_bytes),
            _ => Failure::Stopped,
        };
        let mut queue = self.queue();
        let mut own = None;
        let mut error = Some(error);
        for waiting in group {
            if waiting.ticket == ticket {
                own = error.take().map(Err);
            } else {
                queue.done.insert(waiting.ticket, Err(failure.clone()));
            }
        }
        own
    }
}

/// Takes what waits off the queue, up to one batch.
fn next_group(queue: &mut Queue) -> Vec<Waiting> {
    let mut group: Vec<Waiting> = Vec::new();
    let mut bytes = 0;
    while let Some(next) = queue.waiting.front() {
        bytes += next.bytes;
        if !group.is_empty() && bytes > MAX_BATCH_BYTES as usize {
            break;
        }
        group.extend(queue.waiting.pop_front());
    }
    group
}
