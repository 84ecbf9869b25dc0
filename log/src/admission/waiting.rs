//! Runs that wait: for ancestors, or for the clock. Bounded for each source.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ids::EntryId;
use crate::limits::{WAITING_BYTES_MAX, WAITING_ENTRIES_MAX};

/// How much may wait for one source.
#[derive(Debug, Clone, Copy)]
pub struct WaitingLimits {
    /// Entries.
    pub entries: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Default for WaitingLimits {
    fn default() -> Self {
        Self {
            entries: WAITING_ENTRIES_MAX,
            bytes: WAITING_BYTES_MAX,
        }
    }
}

/// What waits, and how much it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked<T> {
    /// A run, or whatever stands for it.
    pub item: T,
    /// How many entries it has.
    pub entries: usize,
    /// How many bytes it has.
    pub bytes: usize,
}

#[derive(Default)]
struct Source {
    queue: BTreeSet<u64>,
    entries: usize,
    bytes: usize,
}

struct Waiter<T> {
    parked: Parked<T>,
    source: u64,
    missing: Vec<EntryId>,
    until_ms: Option<u64>,
}

/// Runs that wait.
pub struct Waiting<T> {
    limits: WaitingLimits,
    next: u64,
    waiters: BTreeMap<u64, Waiter<T>>,
    by_missing: HashMap<EntryId, BTreeSet<u64>>,
    sources: HashMap<u64, Source>,
    dropped: u64,
}

impl<T> Waiting<T> {
    /// Nothing waits yet.
    pub fn new(limits: WaitingLimits) -> Self {
        Self {
            limits,
            next: 0,
            waiters: BTreeMap::new(),
            by_missing: HashMap::new(),
            sources: HashMap::new(),
            dropped: 0,
        }
    }

    /// How many runs wait.
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// How many were dropped because too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes that wait for one source.
    pub fn bytes_of(&self, source: u64) -> usize {
        self.sources.get(&source).map_or(0, |source| source.bytes)
    }

    /// The ids that are waited for.
    pub fn missing(&self) -> impl Iterator<Item = &EntryId> {
        self.by_missing.keys()
    }

    /// Parks a run of a source until one of its missing ancestors comes.
    pub fn park(&mut self, source: u64, parked: Parked<T>, missing: Vec<EntryId>) {
        self.insert(source, parked, missing, None);
    }

    /// Parks a run until the clock has come to `until_ms`.
    pub fn quarantine(&mut self, source: u64, parked: Parked<T>, until_ms: u64) {
        self.insert(source, parked, Vec::new(), Some(until_ms));
    }

    fn insert(
        &mut self,
        source: u64,
        parked: Parked<T>,
        missing: Vec<EntryId>,
        until_ms: Option<u64>,
    ) {
        let number = self.next;
        self.next += 1;
        let of = self.sources.entry(source).or_default();
        of.entries += parked.entries;
        of.bytes += parked.bytes;
        of.queue.insert(number);
        for id in &missing {
            self.by_missing.entry(*id).or_default().insert(number);
        }
        self.waiters.insert(
            number,
            Waiter {
                parked,
                source,
                missing,
                until_ms,
            },
        );
        self.drop_oldest(source);
    }

    fn drop_oldest(&mut self, source: u64) {
        loop {
            let Some(of) = self.sources.get_mut(&source) else {
                return;
            };
            if of.entries <= self.limits.entries && of.bytes <= self.limits.bytes {
                return;
            }
            let Some(oldest) = of.queue.pop_first() else {
                return;
            };
            if self.remove(oldest).is_some() {
                self.dropped += 1;
            }
        }
    }

    fn remove(&mut self, number: u64) -> Option<Waiter<T>> {
        let waiter = self.waiters.remove(&number)?;
        for id in &waiter.missing {
            if let Some(numbers) = self.by_missing.get_mut(id) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_missing.remove(id);
                }
            }
        }
        if let Some(of) = self.sources.get_mut(&waiter.source) {
            of.entries -= waiter.parked.entries;
            of.bytes -= waiter.parked.bytes;
            of.queue.remove(&number);
            if of.queue.is_empty() {
                self.sources.remove(&waiter.source);
            }
        }
        Some(waiter)
    }

    /// What waited for an entry that has come, with its source.
    pub fn arrived(&mut self, id: &EntryId) -> Vec<(u64, Parked<T>)> {
        let numbers = self.by_missing.remove(id).unwrap_or_default();
        let waiters = numbers.into_iter().filter_map(|number| self.remove(number));
        waiters
            .map(|waiter| (waiter.source, waiter.parked))
            .collect()
    }

    /// What waited for the clock, which has come to `now_ms`.
    pub fn due(&mut self, now_ms: u64) -> Vec<(u64, Parked<T>)> {
        let due = self
            .waiters
            .iter()
            .filter(|(_, waiter)| waiter.until_ms.is_some_and(|until| until <= now_ms));
        let numbers: Vec<u64> = due.map(|(number, _)| *number).collect();
        let waiters = numbers.into_iter().filter_map(|number| self.remove(number));
        waiters
            .map(|waiter| (waiter.source, waiter.parked))
            .collect()
    }

    /// All that waits, with its source, oldest first.
    pub fn drain(&mut self) -> Vec<(u64, Parked<T>)> {
        let waiters = std::mem::take(&mut self.waiters);
        self.by_missing.clear();
        self.sources.clear();
        waiters
            .into_values()
            .map(|waiter| (waiter.source, waiter.parked))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_becomes_whole_is_bounded() {
        let mut waiting = Waiting::new(WaitingLimits {
            entries: 10,
            bytes: 1_000,
        });
        for number in 0..100u8 {
            let parked = Parked {
                item: number,
                entries: 1,
                bytes: 90,
            };
            waiting.park(1, parked, vec![EntryId([number; 32]), EntryId([200; 32])]);
        }
        assert_eq!((waiting.len(), waiting.dropped()), (10, 90));
        assert!(waiting.bytes_of(1) <= 1_000);
        assert_eq!(waiting.missing().count(), 11);
        assert_eq!(waiting.arrived(&EntryId([5; 32])), []);
        assert_eq!(waiting.arrived(&EntryId([200; 32])).len(), 10);
        assert!(waiting.is_empty());
        assert_eq!((waiting.missing().count(), waiting.bytes_of(1)), (0, 0));
    }
}
