//! Random lives of a store on a disk that fails, against a model.
//!
//! `SYNLOG_SEEDS=n` runs so many seeds, `SYNLOG_SEED=x` that one with a trace,
//! both together so many from that one on.
//!
//! The model knows every record that was acknowledged, by position. After each
//! opening and at the end every position is read: it gives the bytes that were
//! committed there, or is reported missing; without damage nothing is missing,
//! nothing is lost, and the guard does not trip.

use super::super::*;
use super::toy::{Toy, bodies, erased, feed, other, run};
use crate::disk::{Disk, Faults, Seeded, SimDisk};
use crate::ids::{EntryId, FeedKey};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const DEFAULT_SEEDS: u64 = 3_000;
const STEPS: u64 = 40;
/// Asking the index for everything takes most of the time of a life.
const CHECK_INDEX_ONE_IN: u64 = 4;
/// After so many failing seeds the rest would tell nothing new.
const MOST_FAILURES: usize = 8;

#[derive(Clone)]
struct Known {
    kind: u8,
    /// Bytes as committed, and as pruning may have left them.
    versions: Vec<Vec<u8>>,
    ids: Vec<EntryId>,
    run: Option<(FeedKey, u64)>,
}

impl Known {
    fn new(record: &OwnedRecord) -> Self {
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

struct Life {
    random: Seeded,
    disk: SimDisk,
    store: Option<Store<SimDisk>>,
    known: BTreeMap<u64, Known>,
    /// Tried and not acknowledged: they may be there or not.
    tried: Vec<Known>,
    own: BTreeMap<FeedKey, u64>,
    /// Bytes were changed behind the store's back.
    damaged: bool,
    copied: bool,
    /// Bytes are damaged in this life, not only lost by crashes and failures.
    harsh: bool,
    guard: Option<GuardReason>,
    trace: bool,
}

impl Life {
    fn new(seed: u64, trace: bool) -> Self {
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

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let end = self.store.as_ref().map(Store::end);
            eprintln!("[end {end:?}] {}", what());
        }
    }

    fn options(&self) -> Options {
        Options {
            segment_bytes: 10 << 10,
            ..Options::new([3; 16])
        }
    }

    fn live(&mut self) {
        self.open();
        for _ in 0..STEPS {
            self.step();
        }
        self.disk.set_faults(Faults::default());
        self.reopen("the end");
        self.check();
        self.end_with_rebuild();
    }

    fn step(&mut self) {
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

    fn open(&mut self) {
        let opened = Store::open(self.disk.clone(), Arc::new(Toy), self.options());
        let (store, report) = match opened {
            Ok(opened) => opened,
            Err(error) => panic!("cannot open: {error:?}"),
        };
        self.say(|| format!("open: {report:?}"));
        self.opened(store, &report);
    }

    fn opened(&mut self, store: Store<SimDisk>, report: &OpenReport) {
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
                let torn = report.cut_tail.as_ref().is_some_and(|tail| tail.torn);
                assert!(
                    report.guard.is_some() || head_lost || torn,
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
    fn reopen(&mut self, why: &str) {
        self.say(|| format!("reopen: {why}"));
        self.store = None;
        self.disk.set_faults(Faults::default());
        self.open();
    }

    fn close(&mut self) {
        self.say(|| "close".to_owned());
        let closed = self.store.take().unwrap().close();
        closed.unwrap();
        self.open();
    }

    fn crash(&mut self) {
        self.say(|| "crash".to_owned());
        self.disk = self.disk.crash();
        self.store = None;
        self.open();
    }

    /// Something that must work on a healthy disk.
    fn change(
        &mut self,
        what: &str,
        change: impl FnOnce(&mut Store<SimDisk>) -> Result<(), StoreError>,
    ) {
        self.say(|| what.to_owned());
        change(self.store.as_mut().unwrap()).unwrap();
    }

    fn records(&mut self) -> Vec<OwnedRecord> {
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
    fn try_commit(&mut self, records: &[OwnedRecord]) -> Result<(), StoreError> {
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
                self.tried.extend(records.iter().map(Known::new));
                Err(error)
            }
        }
    }

    fn commit(&mut self) {
        let records = self.records();
        self.say(|| format!("commit {} records", records.len()));
        self.try_commit(&records).unwrap();
    }

    fn mark_own(&mut self) {
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

    /// Some work until the power goes in the middle of it.
    fn crash_within(&mut self) {
        let after = self.random.below(12);
        self.say(|| format!("power goes after {after}"));
        self.disk.set_faults(Faults {
            power_lost_after: Some(after),
            ..Faults::default()
        });
        self.work_until_failure();
        self.crash_maybe_within_opening();
    }

    fn crash_maybe_within_opening(&mut self) {
        self.disk = self.disk.crash();
        self.store = None;
        while self.random.one_in(2) {
            let after = self.random.below(15);
            self.say(|| format!("power goes after {after} of opening"));
            self.disk.set_faults(Faults {
                power_lost_after: Some(after),
                ..Faults::default()
            });
            let opened = Store::open(self.disk.clone(), Arc::new(Toy), self.options());
            if let Ok((store, report)) = opened {
                self.disk.set_faults(Faults::default());
                self.opened(store, &report);
                return;
            }
            self.disk = self.disk.crash();
        }
        self.open();
    }

    fn work_until_failure(&mut self) {
        for _ in 0..20 {
            let failed = match self.random.below(8) {
                0 => self.store.as_mut().unwrap().idle().is_err(),
                1 => {
                    let mut rewrite =
                        |kind: u8, _, bytes: &[u8]| (kind == KIND_RUN).then(|| erased(bytes));
                    let store = self.store.as_mut().unwrap();
                    store.prune(&mut rewrite, &mut |_, _| {}).is_err()
                }
                2 if self.random.one_in(3) => {
                    let store = self.store.as_mut().unwrap();
                    store.rebuild(&mut |_, _| {}).is_err()
                }
                _ => {
                    let records = self.records();
                    self.try_commit(&records).is_err()
                }
            };
            if failed {
                return;
            }
        }
    }

    /// Writes, reads or syncs fail; then the store has stopped.
    fn failing_disk(&mut self) {
        let faults = match self.random.below(3) {
            0 => Faults {
                write_error_one_in: 6,
                ..Faults::default()
            },
            1 => Faults {
                read_error_one_in: 30,
                ..Faults::default()
            },
            _ => Faults {
                sync_error_one_in: 6,
                ..Faults::default()
            },
        };
        self.say(|| format!("{faults:?}"));
        let reads_fail = faults.read_error_one_in > 0;
        self.disk.set_faults(faults);
        self.work_until_failure();
        self.disk.set_faults(Faults::default());
        if !reads_fail && !self.tried.is_empty() {
            let store = self.store.as_mut().unwrap();
            assert!(matches!(store.idle(), Err(StoreError::Poisoned)));
            assert!(matches!(store.commit(&[]), Err(StoreError::Poisoned)));
        }
        if self.random.one_in(2) {
            self.reopen("after failures");
        } else {
            self.crash();
        }
    }

    fn full_disk(&mut self) {
        let used: u64 = self.disk.files().iter().map(|f| f.1).sum();
        let capacity = used + self.random.below(8_000);
        self.say(|| format!("{} bytes left", capacity - used));
        self.disk.set_faults(Faults {
            capacity_bytes: Some(capacity),
            ..Faults::default()
        });
        for _ in 0..10 {
            let records = self.records();
            match self.try_commit(&records) {
                Ok(()) => {}
                Err(StoreError::Full { .. }) => break,
                Err(error) => panic!("not full but {error:?}"),
            }
        }
        self.disk.set_faults(Faults::default());
        self.check();
        // What was refused may be there in part: the store says where.
        let store = self.store.as_ref().unwrap();
        assert!(store.running().is_ok());
        self.commit();
    }

    fn prune(&mut self) {
        self.say(|| "prune".to_owned());
        let choice = self.random.below(3);
        let mut rewrite = |kind: u8, position: u64, bytes: &[u8]| {
            (kind == KIND_RUN && position % 3 == choice).then(|| erased(bytes))
        };
        let store = self.store.as_mut().unwrap();
        let report = store.prune(&mut rewrite, &mut |_, _| {}).unwrap();
        assert!(self.damaged || report.damaged.is_empty());
        assert_eq!(report.refused, 0);
        self.check();
    }

    fn lose_derived(&mut self) {
        self.say(|| "derived files are gone".to_owned());
        self.store = None;
        for (path, _) in self.disk.files() {
            if path.starts_with("index/") && self.random.one_in(2) {
                self.disk.remove(&path).unwrap();
            }
        }
        self.open();
    }

    /// Bytes change while nobody looks. Above the watermark only flipped bits:
    /// whole sectors that vanish there look like a write that never happened.
    fn damage(&mut self) {
        let mut store = self.store.take().unwrap();
        let flips_only = self.random.one_in(2);
        if !flips_only {
            store.idle().unwrap();
        }
        if self.random.one_in(3) {
            store.close().unwrap();
        } else {
            drop(store);
        }
        let files = self.disk.files();
        let random = &mut self.random;
        let (path, length) = files[random.below(files.len() as u64) as usize].clone();
        let used = |bytes: &[u8]| bytes.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
        let what = if flips_only { 0 } else { random.below(4) };
        let whole = self
            .trace
            .then(|| format!("damage {what} of {path}, {length} bytes"));
        self.disk.rot(&path, |bytes| {
            let used = used(bytes);
            if used == 0 {
                return;
            }
            let at = random.below(used as u64) as usize;
            match what {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => {
                    let from = at / 512 * 512;
                    let to = bytes.len().min(from + 512);
                    bytes[from..to].fill(0);
                }
                2 => bytes.truncate(at),
                _ => {
                    let to = bytes.len().min(at + random.below(700) as usize);
                    bytes[at..to]
                        .iter_mut()
                        .for_each(|b| *b = random.bits() as u8);
                }
            }
        });
        self.damaged = true;
        if let Some(whole) = whole {
            self.say(|| whole);
        }
        if !flips_only && self.random.one_in(10) {
            self.say(|| format!("{path} is gone"));
            let _ = self.disk.remove(&path);
        }
        self.open();
    }

    /// A write lands elsewhere. The watermark is synced before anything else
    /// happens: below it every loss shows.
    fn misdirect(&mut self) {
        self.say(|| "misdirected write".to_owned());
        self.disk.set_faults(Faults {
            misdirected_one_in: 2,
            ..Faults::default()
        });
        let records = self.records();
        self.try_commit(&records).unwrap();
        self.disk.set_faults(Faults::default());
        self.damaged = true;
        self.store.as_mut().unwrap().idle().unwrap();
        self.reopen("after a misdirected write");
    }

    fn copy(&mut self) {
        self.say(|| "copied".to_owned());
        self.store = None;
        self.disk = self.disk.copy();
        self.copied = true;
        self.open();
        if self.guard.is_some() {
            let store = self.store.as_mut().unwrap();
            store.clear_guard(feed(99, 0).author).unwrap();
            self.own.clear();
            self.guard = None;
        }
    }

    /// Supplies again what is missing.
    fn heal(&mut self) {
        let missing = self.store.as_ref().unwrap().missing().unwrap();
        for range in missing {
            let again: Vec<OwnedRecord> = self
                .known
                .range(range.first..range.end)
                .map(|(_, known)| match known.run {
                    Some(_) => {
                        let facts = Toy.run_facts(&known.versions[0]).unwrap();
                        OwnedRecord::run(known.versions[0].clone(), facts)
                    }
                    None => other(known.kind, known.versions[0].clone()),
                })
                .collect();
            self.say(|| format!("heal {}..{}", range.first, range.end));
            self.try_commit(&again).unwrap();
            let store = self.store.as_ref().unwrap();
            for record in again {
                for id in Known::new(&record).ids {
                    assert!(store.contains(&id).unwrap());
                }
            }
            if range.ids.len() as u64 == range.end - range.first {
                let now = store.missing().unwrap();
                let healed = now.iter().find(|r| r.first <= range.first).unwrap();
                assert!(healed.healed || healed.first < range.first || healed.end > range.end);
            }
        }
    }

    /// Reads everything and compares it with the model.
    fn check(&mut self) {
        let store = self.store.as_ref().unwrap();
        let end = store.end();
        let mut position = 0;
        let mut readable = Vec::new();
        while position < end {
            match store.read(position) {
                Ok(Some(record)) => {
                    assert_eq!(record.first_position, position, "misaligned");
                    if !self.known.contains_key(&position) {
                        let tried = self.tried.iter().find(|tried| {
                            tried.kind == record.kind && tried.versions.contains(&record.bytes)
                        });
                        let tried = tried.unwrap_or_else(|| panic!("who wrote {position}?"));
                        self.known.insert(position, tried.clone());
                    }
                    let known = &self.known[&position];
                    assert_eq!(known.kind, record.kind);
                    assert!(known.versions.contains(&record.bytes), "rot at {position}");
                    assert_eq!(known.ids.len() as u32, record.positions);
                    readable.push((position, record.bytes));
                    position += u64::from(record.positions);
                }
                Ok(None) => panic!("nothing at {position} of {end}"),
                Err(StoreError::Missing { end, .. }) => {
                    assert!(self.damaged, "{position} is missing without damage");
                    position = end.max(position + 1);
                }
                Err(error) => panic!("reading {position}: {error:?}"),
            }
        }
        let missing = store.missing().unwrap();
        let is_missing = |p: u64| missing.iter().any(|r| r.first <= p && p < r.end);
        let mut next = 0;
        for (first, _) in &readable {
            assert!(
                (next..*first).all(is_missing),
                "{next}..{first} is not reported"
            );
            next = first + self.known[first].ids.len() as u64;
        }
        assert!((next..end).all(is_missing), "{next}..{end} is not reported");
        let scanned: Vec<(u64, Vec<u8>)> = store
            .scan(0)
            .filter_map(Result::ok)
            .map(|record| (record.first_position, record.bytes))
            .collect();
        if scanned != readable {
            // Where an index is found damaged and made again, records that were
            // readable one by one go down with the damaged batch around them.
            assert!(self.damaged, "a scan gives something else");
            return self.check();
        }
        if !self.random.one_in(CHECK_INDEX_ONE_IN) {
            return;
        }
        for (first, _) in &readable {
            let known = &self.known[first];
            for (n, id) in known.ids.iter().enumerate() {
                let position = first + n as u64;
                let at = store.locate(id).unwrap();
                let mut found = at.is_some_and(|at| at <= position);
                if let Some((feed, seq)) = known.run {
                    let there = store.at_seq(&feed, seq + n as u64).unwrap();
                    found = found && there.contains(&position);
                }
                // As above: the index may be found damaged only now.
                let gone = || matches!(store.read(position), Err(StoreError::Missing { .. }));
                assert!(found || (self.damaged && gone()), "{position} not found");
            }
        }
    }

    /// All that the index answers, for comparison.
    fn answers(&self) -> (Vec<FeedState>, Vec<Option<u64>>, Vec<Vec<u64>>) {
        let store = self.store.as_ref().unwrap();
        let feeds: Vec<FeedState> = store.feeds().collect();
        let ids = self.known.values().flat_map(|known| &known.ids);
        let located = ids.map(|id| store.locate(id).unwrap()).collect();
        let at_seqs = feeds
            .iter()
            .flat_map(|f| (0..f.height + 3).map(|seq| store.at_seq(&f.key, seq).unwrap()))
            .collect();
        (feeds, located, at_seqs)
    }

    /// Incremental = reopened = rebuilt = made again from nothing.
    fn end_with_rebuild(&mut self) {
        let store = self.store.as_ref().unwrap();
        let found = store.scrub(&mut |_, _| {}).unwrap().findings;
        assert!(self.damaged || found.is_empty(), "{found:?}");
        let answers = self.answers();
        self.reopen("compare");
        if !self.damaged {
            assert!(self.answers() == answers, "reopened differs");
        }
        self.change("rebuild", |store| store.rebuild(&mut |_, _| {}));
        self.check();
        if !self.damaged {
            assert!(self.answers() == answers, "rebuilt differs");
        }
        let rebuilt = self.answers();
        self.store = None;
        for (path, _) in self.disk.files() {
            if path.starts_with("index/") && !path.ends_with("missing") {
                self.disk.remove(&path).unwrap();
            }
        }
        self.open();
        if !self.damaged {
            assert!(self.answers() == rebuilt, "made from nothing differs");
        }
    }
}

/// First seed, number of seeds, whether to trace.
fn seeds() -> (u64, u64, bool) {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    match (number("SYNLOG_SEED"), number("SYNLOG_SEEDS")) {
        (Some(seed), None) => (seed, 1, true),
        (first, count) => (first.unwrap_or(0), count.unwrap_or(DEFAULT_SEEDS), false),
    }
}

#[test]
fn random_lives_lose_nothing_silently() {
    let (first, count, trace) = seeds();
    let next = AtomicU64::new(first);
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().len() >= MOST_FAILURES {
                        break;
                    }
                    let lived = std::panic::catch_unwind(|| Life::new(seed, trace).live());
                    if lived.is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "run again with SYNLOG_SEED= one of {failed:?}"
    );
}
