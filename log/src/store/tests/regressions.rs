//! One small test per bug that the simulation found.

use super::super::*;
use super::basics::{commit, fill, holds, open};
use super::toy::{feed, other};
use crate::disk::{Disk, Faults, MemoryDisk, Seeded, SimDisk};

/// The side file of a clean close says less than its segment holds; it was
/// believed when the segment's successor had never been written.
#[test]
fn the_side_file_of_a_close_does_not_end_the_segment() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(disk.clone());
    let mut random = Seeded::new(1);
    let mut all = fill(&mut store, &mut random, 3);
    store.close().unwrap();
    let (mut store, _) = open(disk.clone());
    all.extend(fill(&mut store, &mut random, 3));
    assert_eq!(store.segments.len(), 1);
    drop(store);
    disk.create("segments/00000002.seg").unwrap();
    holds(&open(disk).0, &all);
}

/// With both headers of a segment damaged its first position was guessed, and
/// its records appeared at positions of others.
#[test]
fn a_segment_without_headers_is_placed_right_or_not_at_all() {
    for cut_before in [false, true] {
        let disk = SimDisk::new(1);
        let (mut store, _) = open(disk.clone());
        let all = fill(&mut store, &mut Seeded::new(2), 60);
        assert!(store.segments.len() > 3);
        let (first, end) = (store.segments[1].header.first, store.segments[1].end);
        store.close().unwrap();
        disk.remove("index/00000002.idx").unwrap();
        disk.rot("segments/00000002.seg", |bytes| bytes[..4172].fill(0));
        if cut_before {
            disk.remove("index/00000001.idx").unwrap();
            disk.rot("segments/00000001.seg", |bytes| bytes.truncate(9_000));
        }
        let (store, report) = open(disk);
        assert_eq!(report.damaged_headers, [2]);
        if !cut_before {
            holds(&store, &all);
            continue;
        }
        assert_eq!(report.missing.len(), 1);
        assert!(report.missing[0].0 < first && report.missing[0].1 == end);
        let mut position = 0;
        for record in &all {
            let read = store.read(position);
            assert!(read.is_err() || read.unwrap().unwrap().bytes == record.bytes);
            position += u64::from(record.as_record().positions());
        }
    }
}

/// One damaged header copy costs nothing.
#[test]
fn the_other_header_counts() {
    for at in [0, 4096] {
        let disk = SimDisk::new(1);
        let (mut store, _) = open(disk.clone());
        let all = fill(&mut store, &mut Seeded::new(2), 10);
        drop(store);
        disk.rot("segments/00000001.seg", |bytes| bytes[at..at + 76].fill(9));
        let (store, report) = open(disk);
        assert_eq!(report.damaged_headers, [1]);
        holds(&store, &all);
        // The open segment's headers were written again.
        let findings = store.scrub(&mut |_, _| {}).unwrap().findings;
        assert_eq!(findings, []);
    }
}

/// After a failed sync of a new segment's directory the next opening took the
/// segment for durable; a crash then took it away with what was acknowledged.
#[test]
fn a_segment_whose_creation_failed_is_made_durable_when_opened() {
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let (mut store, _) = open(disk.clone());
        let mut all = fill(&mut store, &mut Seeded::new(seed), 3);
        disk.set_faults(Faults {
            sync_error_one_in: 2,
            ..Faults::default()
        });
        let large = other(2, vec![1; 15_000]);
        let failed = store.commit(&[large.as_record()]).is_err();
        disk.set_faults(Faults::default());
        drop(store);
        let (mut store, _) = open(disk.clone());
        let there: u64 = all
            .iter()
            .map(|r| u64::from(r.as_record().positions()))
            .sum();
        if store.end() > there {
            all.push(large);
        } else {
            assert!(failed);
        }
        let record = other(3, vec![5]);
        commit(&mut store, std::slice::from_ref(&record));
        all.push(record);
        drop(store);
        holds(&open(disk.crash()).0, &all);
    }
}

/// A segment that was cut inside its header.
#[test]
fn pruning_gets_over_a_segment_that_was_cut_short() {
    for length in [0, 49, 4100, 4180, 6000] {
        let disk = SimDisk::new(1);
        let (mut store, _) = open(disk.clone());
        fill(&mut store, &mut Seeded::new(2), 40);
        store.close().unwrap();
        disk.rot("segments/00000001.seg", |bytes| bytes.truncate(length));
        let (mut store, report) = open(disk);
        assert_eq!(report.missing.len(), 1);
        let mut rewrite = |_, _, bytes: &[u8]| Some([bytes, &[0]].concat());
        let report = store.prune(&mut rewrite, &mut |_, _| {}).unwrap();
        assert_eq!((report.damaged.len(), report.segments), (1, 0));
    }
}

/// A side file found damaged in the middle of a scan is made again, with rows
/// numbered differently; the scan then skipped records.
#[test]
fn a_scan_gets_over_an_index_that_is_made_again() {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(disk.clone());
    let all = fill(&mut store, &mut Seeded::new(2), 40);
    store.close().unwrap();
    let (store, _) = open(disk.clone());
    let mut scan = store.scan(0);
    let first = scan.next().unwrap().unwrap();
    disk.rot("index/00000001.idx", |bytes| {
        let end = bytes.len();
        bytes[end / 2..].fill(0xee);
    });
    let rest: Vec<Vec<u8>> = scan.map(|record| record.unwrap().bytes).collect();
    assert_eq!(first.bytes, all[0].bytes);
    assert!(rest.iter().eq(all[1..].iter().map(|record| &record.bytes)));
    holds(&store, &all);
}

/// The feed table is of a time when positions were missing that are there again.
#[test]
fn feeds_are_told_again_when_other_positions_are_missing() {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(disk.clone());
    let all = fill(&mut store, &mut Seeded::new(2), 40);
    let feeds: Vec<FeedState> = store.feeds().collect();
    store.close().unwrap();
    disk.rot("segments/00000001.seg", |bytes| bytes[4300] ^= 1);
    let (mut store, _) = open(disk.clone());
    assert!(store.scan(0).any(|record| record.is_err()));
    store.rebuild(&mut |_, _| {}).unwrap();
    store.close().unwrap();
    let (store, report) = open(disk.clone());
    assert_eq!(report.missing.len(), 1);
    drop(store);
    disk.rot("segments/00000001.seg", |bytes| bytes[4300] ^= 1);
    for name in disk.list("index").unwrap() {
        if name != "feeds" {
            disk.remove(&format!("index/{name}")).unwrap();
        }
    }
    let (store, report) = open(disk);
    assert_eq!(report.missing, []);
    assert_eq!(store.feeds().collect::<Vec<_>>(), feeds);
    assert!(store.feed(&feed(0, 0)).is_some());
    holds(&store, &all);
}

/// A segment whose creation failed was removed, but not durably: after a crash
/// it was back and claimed the positions that its predecessor had taken since.
#[test]
fn a_removed_segment_does_not_come_back() {
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let (mut store, _) = open(disk.clone());
        let mut all = fill(&mut store, &mut Seeded::new(seed), 3);
        disk.set_faults(Faults {
            write_error_one_in: 1,
            ..Faults::default()
        });
        let large = other(2, vec![1; 15_000]);
        assert!(store.commit(&[large.as_record()]).is_err());
        disk.set_faults(Faults::default());
        drop(store);
        let (mut store, _) = open(disk.clone());
        let record = other(3, vec![5]);
        commit(&mut store, std::slice::from_ref(&record));
        all.push(record);
        drop(store);
        holds(&open(disk.crash()).0, &all);
    }
}
