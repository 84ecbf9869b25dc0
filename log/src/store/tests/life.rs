//! One random life of a store, and the model that it is compared with.
//!
//! The model knows every record that was acknowledged, by position. After each
//! opening and at the end every position is read: it gives the bytes that were
//! committed there, or is reported missing; without damage nothing is missing,
//! nothing is lost, and the guard does not trip.

use super::super::*;
use super::toy::{Toy, bodies, erased, feed, other, run};
use crate::disk::{Faults, Seeded, SimDisk};
use crate::ids::{EntryId, FeedKey};
use std::collections::BTreeMap;
use std::sync::Arc;

const STEPS: u64 = 40;

#[derive(Clone)]
pub(super) struct Known {
    pub(super) kind: u8,
    /// Bytes as committed, and as pruning may have left them.
    pub(super) versions: Vec<Vec<u8>>,
    pub(super) ids: Vec<EntryId>,
    pub(super) run: Option<(FeedKey, u64)>,
}

impl Known {
    pub(super) fn new(record: &OwnedRecord) -> Self {
        let mut versions = vec![record.bytes.clone()];
        let (ids, run) = match &record.facts {
            OwnedFacts::Run(facts) => {
                versions.push(erased(&record.bytes));
                (facts.ids.clone(), Some((facts.feed, facts.first_seq)))
            }
            OwnedFacts::Other(id) => (vec![EntryId(*id)], None),
        };
        Self {
            kind: record.kind,
            versions,
            ids,
            run,
        }
    }
}

pub(super) struct Life {
    pub(super) random: Seeded,
    pub(super) disk: SimDisk,
    pub(super) store: Option<Store<SimDisk>>,
    pub(super) known: BTreeMap<u64, Known>,
    /// Tried and not acknowledged: they may be there or not.
    pub(super) tried: Vec<Known>,
    pub(super) own: BTreeMap<FeedKey, u64>,
    /// Bytes were changed behind the store's back.
    pub(super) damaged: bool,
    pub(super) copied: bool,
    /// Bytes are damaged in this life, not only lost by crashes and failures.
    pub(super) harsh: bool,
    pub(super) guard: Option<GuardReason>,
    pub(super) trace: bool,
}

impl Life {
    pub(super) fn new(seed: u64, trace: bool) -> Self {
        Self {
            random: Seeded::new(seed),
            disk: SimDisk::new(seed),
            store: None,
            known: BTreeMap::new(),
            tried: Vec::new(),
            own: BTreeMap::new(),
            damaged: false,
            copied: false,
            harsh: seed % 2 == 1,
            guard: None,
            trace,
        }
    }

    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let end = self.store.as_ref().map(Store::end);
            eprintln!("[end {end:?}] {}", what());
        }
    }

    pub(super) fn options(&self) -> Options {
        Options {
            segment_bytes: 10 << 10,
            ..Options::new([3; 16])
        }
    }

    pub(super) fn live(&mut self) {
        self.open();
        for _ in 0..STEPS {
            self.step();
        }
        self.disk.set_faults(Faults::default());
        self.reopen("the end");
        self.check();
        self.end_with_rebuild();
    }

    pub(super) fn step(&mut self) {
        match self.random.below(100) {
            0..55 => self.commit(),
            55..60 => self.change("idle", |store| store.idle()),
            60..65 => self.mark_own(),
            65..69 => self.close(),
            69..72 => self.reopen("drop"),
            72..78 => self.crash(),
            78..82 => self.crash_within(),
            82..85 => self.failing_disk(),
            85..87 => self.full_disk(),
            87..90 => self.prune(),
            90..91 => self.change("rebuild", |store| store.rebuild(&mut |_, _| {})),
            91..92 => self.lose_derived(),
            92..95 if self.harsh => self.damage(),
            95..96 if self.harsh => self.misdirect(),
            96..97 => self.copy(),
            97..98 => self.heal(),
            _ => self.check(),
        }
    }

    pub(super) fn open(&mut self) {
        let opened = Store::open(self.disk.clone(), Arc::new(Toy), self.options());
        let (store, report) = match opened {
            Ok(opened) => opened,
            Err(error) => panic!("cannot open: {error:?}"),
        };
        self.say(|| format!("open: {report:?}"));
        self.say(|| format!("{:?}", self.disk.files()));
        self.opened(store, &report);
    }

    pub(super) fn opened(&mut self, store: Store<SimDisk>, report: &OpenReport) {
        let end = store.end();
        let lost: Vec<u64> = self
            .known
            .iter()
            .filter(|(first, known)| *first + known.ids.len() as u64 > end)
            .map(|(first, _)| *first)
            .collect();
        if !self.damaged {
            assert!(lost.is_empty(), "acknowledged records at {lost:?} are gone");
            assert_eq!(report.missing, []);
            assert!(report.cut_tail.as_ref().is_none_or(|tail| tail.torn));
            let expected = if self.copied {
                report.guard
            } else {
                self.guard
            };
            assert_eq!(report.guard, expected, "tripped without a reason");
        }
        if self.copied && !self.own.is_empty() {
            assert!(
                self.damaged || report.guard.is_some(),
                "a copy went unnoticed"
            );
        }
        self.copied = false;
        let head_lost = report.head_slot_damaged || report.guard == Some(GuardReason::HeadMissing);
        if !lost.is_empty() {
            assert!(
                report.cut_tail.is_some() || head_lost || !report.damaged_headers.is_empty(),
                "records at {lost:?} are gone without a word"
            );
        }
        for first in lost {
            let known = self.known.remove(&first).unwrap();
            if let Some((feed, seq)) = known.run
                && self.own.contains_key(&feed)
            {
                assert!(
                    report.guard.is_some() || head_lost,
                    "own entry {seq} is gone and the guard did not trip"
                );
            }
        }
        if report.head_slot_damaged && self.damaged {
            self.own.clear();
        }
        self.guard = report.guard;
        self.store = Some(store);
        self.check();
        self.tried.clear();
    }

    /// The process ends without closing; the machine goes on.
    pub(super) fn reopen(&mut self, why: &str) {
        self.say(|| format!("reopen: {why}"));
        self.store = None;
        self.disk.set_faults(Faults::default());
        self.open();
    }

    pub(super) fn close(&mut self) {
        self.say(|| "close".to_owned());
        let closed = self.store.take().unwrap().close();
        closed.unwrap();
        self.open();
    }

    pub(super) fn crash(&mut self) {
        self.say(|| "crash".to_owned());
        self.disk = self.disk.crash();
        self.store = None;
        self.open();
    }

    /// Something that must work on a healthy disk.
    pub(super) fn change(
        &mut self,
        what: &str,
        change: impl FnOnce(&mut Store<SimDisk>) -> Result<(), StoreError>,
    ) {
        self.say(|| what.to_owned());
        change(self.store.as_mut().unwrap()).unwrap();
    }

    pub(super) fn records(&mut self) -> Vec<OwnedRecord> {
        let store = self.store.as_ref().unwrap();
        let random = &mut self.random;
        let mut tips: BTreeMap<FeedKey, (u64, EntryId)> = BTreeMap::new();
        let mut records = Vec::new();
        let (most, most_bytes) = if random.one_in(12) {
            (12, 600)
        } else {
            (3, 150)
        };
        for _ in 0..1 + random.below(most) {
            if random.one_in(6) {
                let body = bodies(random, 1, most_bytes).remove(0);
                records.push(other(2 + random.below(3) as u8, body));
                continue;
            }
            let key = feed(random.below(4), random.below(2));
            let (mut seq, mut head) = tips
                .get(&key)
                .copied()
                .or_else(|| store.feed(&key).map(|f| (f.height, f.head)))
                .unwrap_or((0, EntryId::ZERO));
            if seq > 0 && random.one_in(15) {
                // A fork, from some entry of which the id need not be known.
                seq = random.below(seq);
                head = EntryId([random.below(255) as u8; 32]);
            }
            let count = 1 + random.below(4);
            let record = run(key, seq, head, &bodies(random, count, most_bytes));
            if let OwnedFacts::Run(facts) = &record.facts {
                tips.insert(key, (seq + count, *facts.ids.last().unwrap()));
            }
            records.push(record);
        }
        records
    }

    /// Commits; true where it was acknowledged.
    pub(super) fn try_commit(&mut self, records: &[OwnedRecord]) -> Result<(), StoreError> {
        let store = self.store.as_mut().unwrap();
        let borrowed: Vec<Record<'_>> = records.iter().map(OwnedRecord::as_record).collect();
        match store.commit(&borrowed) {
            Ok(committed) => {
                let mut position = committed.first;
                for record in records {
                    let known = Known::new(record);
                    let length = known.ids.len() as u64;
                    let before = self.known.insert(position, known);
                    assert!(before.is_none(), "two records at {position}");
                    position += length;
                }
                assert_eq!(position, committed.end);
                Ok(())
            }
            Err(error) => {
                self.say(|| format!("refused: {error:?}"));
                self.tried.extend(records.iter().map(Known::new));
                Err(error)
            }
        }
    }

    pub(super) fn commit(&mut self) {
        let records = self.records();
        self.say(|| format!("commit {} records", records.len()));
        self.try_commit(&records).unwrap();
    }

    pub(super) fn mark_own(&mut self) {
        let store = self.store.as_mut().unwrap();
        let states: Vec<FeedState> = store.feeds().collect();
        if states.is_empty() {
            return;
        }
        let state = &states[self.random.below(states.len() as u64) as usize];
        let (key, seq) = (state.key, state.height - 1);
        store.mark_own(key, seq).unwrap();
        self.own.insert(key, seq);
        self.say(|| format!("own {seq} of {key:?}"));
    }
}
