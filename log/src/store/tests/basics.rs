//! What a store does on a disk that works.

use super::super::*;
use super::toy::{Toy, bodies, erased, feed, other, run};
use crate::disk::{Disk, DiskFile, MemoryDisk, RealDisk, Seeded};
use crate::ids::EntryId;
use std::sync::Arc;

pub(super) fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        ..Options::new([7; 16])
    }
}

pub(super) fn open<D: Disk>(disk: D) -> (Store<D>, OpenReport) {
    Store::open(disk, Arc::new(Toy), options()).unwrap()
}

pub(super) fn commit<D: Disk>(store: &mut Store<D>, records: &[OwnedRecord]) -> Committed {
    let records: Vec<Record<'_>> = records.iter().map(OwnedRecord::as_record).collect();
    store.commit(&records).unwrap()
}

/// Fills a store with runs of three feeds and other records; all records in order.
pub(super) fn fill<D: Disk>(
    store: &mut Store<D>,
    random: &mut Seeded,
    commits: u64,
) -> Vec<OwnedRecord> {
    let mut all = Vec::new();
    for _ in 0..commits {
        let mut records = Vec::new();
        for _ in 0..1 + random.below(3) {
            if random.one_in(5) {
                let body = bodies(random, 1, 300).remove(0);
                records.push(other(2 + random.below(3) as u8, body));
                continue;
            }
            let key = feed(random.below(3), random.below(2));
            let (seq, head) = records
                .iter()
                .rev()
                .find_map(|r: &OwnedRecord| match &r.facts {
                    OwnedFacts::Run(f) if f.feed == key => {
                        Some((f.first_seq + f.ids.len() as u64, *f.ids.last().unwrap()))
                    }
                    _ => None,
                })
                .or_else(|| store.feed(&key).map(|f| (f.height, f.head)))
                .unwrap_or((0, EntryId::ZERO));
            let count = 1 + random.below(6);
            records.push(run(key, seq, head, &bodies(random, count, 200)));
        }
        commit(store, &records);
        all.extend(records);
    }
    all
}

/// Checks that a store holds exactly these records.
pub(super) fn holds<D: Disk>(store: &Store<D>, records: &[OwnedRecord]) {
    let mut position = 0;
    for record in records {
        let (ids, key) = match &record.facts {
            OwnedFacts::Run(facts) => (facts.ids.clone(), Some((facts.feed, facts.first_seq))),
            OwnedFacts::Other(id) => (vec![EntryId(*id)], None),
        };
        for (n, id) in ids.iter().enumerate() {
            let read = store.read(position + n as u64).unwrap().unwrap();
            assert_eq!((read.kind, &read.bytes), (record.kind, &record.bytes));
            assert_eq!(read.first_position, position);
            assert_eq!(read.index_in_run, n as u32);
            assert_eq!(store.locate(id).unwrap(), Some(position + n as u64));
            if let Some((key, seq)) = key {
                let there = store.at_seq(&key, seq + n as u64).unwrap();
                assert_eq!(there, [position + n as u64]);
            }
        }
        position += ids.len() as u64;
    }
    assert_eq!(store.end(), position);
    assert_eq!(store.read(position).unwrap(), None);
    let scanned: Vec<Vec<u8>> = store.scan(0).map(|r| r.unwrap().bytes).collect();
    assert!(scanned.iter().eq(records.iter().map(|r| &r.bytes)));
    assert!(!store.contains(&EntryId([1; 32])).unwrap());
    assert!(store.missing().unwrap().is_empty());
}

#[test]
fn what_was_committed_is_there_after_close_drop_and_rebuild() {
    let disk = MemoryDisk::new();
    let mut random = Seeded::new(1);
    let (mut store, report) = open(disk.clone());
    assert!(report.created && report.guard.is_none());
    let mut all = fill(&mut store, &mut random, 100);
    assert!(store.segments.len() > 3);
    holds(&store, &all);
    for round in 0..4 {
        let feeds: Vec<FeedState> = store.feeds().collect();
        if round % 2 == 0 {
            store.close().unwrap();
        } else {
            drop(store);
        }
        let (reopened, report) = open(disk.clone());
        store = reopened;
        assert_eq!(report.guard, None);
        assert_eq!(report.rebuilt_indexes, 0);
        assert!(round % 2 == 1 || report.scanned_bytes == 0);
        assert_eq!(store.feeds().collect::<Vec<_>>(), feeds);
        holds(&store, &all);
        assert_eq!(store.scrub(&mut |_, _| {}).unwrap().findings, []);
        all.extend(fill(&mut store, &mut random, 20));
    }
    let feeds: Vec<FeedState> = store.feeds().collect();
    store.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(store.feeds().collect::<Vec<_>>(), feeds);
    holds(&store, &all);
    store.close().unwrap();
    for name in disk.list("index").unwrap() {
        disk.remove(&format!("index/{name}")).unwrap();
    }
    let (store, report) = open(disk);
    assert!(report.rebuilt_indexes > 3);
    assert_eq!(store.feeds().collect::<Vec<_>>(), feeds);
    holds(&store, &all);
}

#[test]
fn it_works_on_a_real_disk_and_only_once_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(dir.path()).unwrap();
    let (mut store, _) = open(disk.clone());
    let all = fill(&mut store, &mut Seeded::new(2), 30);
    let second = Store::open(disk.clone(), Arc::new(Toy), options());
    assert!(matches!(second, Err(StoreError::Locked)));
    store.close().unwrap();
    let (store, report) = open(disk);
    assert_eq!(report.guard, None);
    holds(&store, &all);
}

#[test]
fn a_fork_is_a_branch_and_a_repeated_run_is_none() {
    let (mut store, _) = open(MemoryDisk::new());
    let key = feed(1, 1);
    let mut random = Seeded::new(3);
    let first = run(key, 0, EntryId::ZERO, &bodies(&mut random, 5, 50));
    let OwnedFacts::Run(facts) = first.facts.clone() else {
        panic!()
    };
    let fork = run(key, 3, facts.ids[2], &bodies(&mut random, 4, 50));
    let next = run(key, 5, facts.ids[4], &bodies(&mut random, 1, 50));
    commit(
        &mut store,
        &[first.clone(), fork.clone(), next, first, fork],
    );
    let state = store.feed(&key).unwrap();
    assert_eq!(state.height, 6);
    assert_eq!(state.branches.len(), 1);
    assert_eq!((state.branches[0].from, state.branches[0].height), (3, 7));
    assert_eq!(store.at_seq(&key, 3).unwrap().len(), 4);
    assert_eq!(store.locate(&facts.ids[1]).unwrap(), Some(1));
}

#[test]
fn pruning_erases_bodies_and_nothing_else() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(disk.clone());
    let mut all = fill(&mut store, &mut Seeded::new(4), 60);
    let feeds: Vec<FeedState> = store.feeds().collect();
    let mut erase = |kind: u8, position: u64, bytes: &[u8]| {
        if kind != KIND_RUN {
            // Would change the id: refused.
            return Some(vec![1]);
        }
        position.is_multiple_of(2).then(|| erased(bytes))
    };
    let report = store.prune(&mut erase, &mut |_, _| {}).unwrap();
    assert!(report.records > 20 && report.refused > 5 && report.freed_bytes > 1000);
    let mut position = 0;
    for record in &mut all {
        let changed = erase(record.kind, position, &record.bytes);
        position += u64::from(record.as_record().positions());
        if let (KIND_RUN, Some(changed)) = (record.kind, changed) {
            record.bytes = changed;
        }
    }
    holds(&store, &all);
    assert_eq!(store.feeds().collect::<Vec<_>>(), feeds);
    assert_eq!(store.scrub(&mut |_, _| {}).unwrap().findings, []);
    drop(store);
    let (store, report) = open(disk);
    assert_eq!((report.guard, report.rebuilt_indexes), (None, 0));
    holds(&store, &all);
}

#[test]
fn large_commits_are_split_and_large_records_are_kept() {
    let (mut store, _) = open(MemoryDisk::new());
    let mut random = Seeded::new(5);
    let mut all = vec![other(4, vec![9; 3 << 20])];
    all.extend((0..40).map(|_| other(3, bodies(&mut random, 1, 90_000).remove(0))));
    commit(&mut store, &all);
    holds(&store, &all);
    let too_large = other(4, vec![0; MAX_RECORD_BYTES as usize + 1]);
    let refused = store.commit(&[too_large.as_record()]);
    assert!(matches!(refused, Err(StoreError::Unstorable(_))));
    holds(&store, &all);
}

#[test]
fn many_threads_append_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(RealDisk::new(dir.path()).unwrap());
    let group = GroupCommitter::new(store);
    std::thread::scope(|scope| {
        for author in 0..4u64 {
            let group = &group;
            scope.spawn(move || {
                let key = feed(author, 0);
                let (mut seq, mut head) = (0, EntryId::ZERO);
                for n in 0..50u64 {
                    let record = run(key, seq, head, &[n.to_le_bytes().to_vec()]);
                    let OwnedFacts::Run(facts) = record.facts.clone() else {
                        panic!()
                    };
                    let committed = group.append(vec![record.clone()]).unwrap();
                    assert_eq!(committed.end, committed.first + 1);
                    (seq, head) = (seq + 1, facts.ids[0]);
                    let read = group.read().read(committed.first).unwrap().unwrap();
                    assert_eq!(read.bytes, record.bytes);
                }
            });
        }
    });
    let store = group.into_inner();
    assert_eq!(store.end(), 200);
    assert!(
        store
            .feeds()
            .all(|f| f.height == 50 && f.branches.is_empty())
    );
}

#[test]
fn own_feeds_are_remembered() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(disk.clone());
    let key = feed(1, 1);
    let record = run(key, 0, EntryId::ZERO, &[vec![1], vec![2]]);
    commit(&mut store, &[record]);
    let early = store.mark_own(key, 2);
    assert!(matches!(early, Err(StoreError::NotStored { seq: 2 })));
    store.mark_own(key, 1).unwrap();
    store.close().unwrap();
    let (mut store, report) = open(disk.clone());
    assert_eq!(report.guard, None);
    assert_eq!(store.own().collect::<Vec<_>>(), [(key, 1)]);
    store.trip_guard(GuardReason::SeenOutside).unwrap();
    drop(store);
    let (mut store, report) = open(disk.clone());
    assert_eq!(report.guard, Some(GuardReason::SeenOutside));
    store.clear_guard(feed(2, 1).author).unwrap();
    drop(store);
    let (store, report) = open(disk.clone());
    assert_eq!(report.guard, None);
    assert_eq!(store.own().count(), 0);
    let file = disk.open("HEAD").unwrap();
    assert_eq!(file.size().unwrap(), 8192);
}
