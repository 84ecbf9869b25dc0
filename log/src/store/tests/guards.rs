//! When the restore guard trips, and when not; full and failing disks.

use super::super::*;
use super::basics::{commit, fill, holds, open, options};
use super::toy::{Toy, bodies, feed, other, run};
use crate::disk::{Disk, DiskFile, Faults, MemoryDisk, Seeded, SimDisk};
use crate::ids::EntryId;
use std::sync::Arc;

/// A store with an own entry under the watermark, and one record above it.
fn with_own<D: Disk>(disk: D) -> Store<D> {
    let (mut store, _) = open(disk);
    let key = feed(1, 1);
    commit(&mut store, &[run(key, 0, EntryId::ZERO, &[vec![1; 2000]])]);
    store.mark_own(key, 0).unwrap();
    store.idle().unwrap();
    commit(&mut store, &[other(2, vec![2; 2000])]);
    store
}

/// Changes bytes of the first segment's used part.
fn change(disk: &SimDisk, damage: impl FnOnce(&mut [u8])) {
    disk.rot("segments/00000001.seg", |bytes| {
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        damage(&mut bytes[..used]);
    });
}

fn guard_after(damage: impl FnOnce(&SimDisk)) -> OpenReport {
    let disk = SimDisk::new(1);
    drop(with_own(disk.clone()));
    damage(&disk);
    let (store, report) = open(disk.clone());
    assert_eq!(store.guard(), report.guard);
    drop(store);
    // It stays tripped.
    let (_, again) = open(disk);
    assert_eq!(again.guard, report.guard);
    report
}

#[test]
fn a_torn_tail_is_an_ordinary_crash() {
    let report = guard_after(|disk| {
        change(disk, |used| {
            let middle = (used.len() - 1000) / 512 * 512;
            used[middle..middle + 512].fill(0);
        })
    });
    assert_eq!(report.guard, None);
    let tail = report.cut_tail.unwrap();
    assert!(tail.torn && tail.aside.is_some());
}

#[test]
fn a_flipped_bit_in_the_tail_trips_it() {
    let report = guard_after(|disk| change(disk, |used| used[used.len() - 1000] ^= 1));
    assert_eq!(report.guard, Some(GuardReason::BadTail));
    assert!(!report.cut_tail.unwrap().torn);
}

#[test]
fn damage_under_the_watermark_is_kept_and_reported() {
    let disk = SimDisk::new(1);
    let mut store = with_own(disk.clone());
    store.idle().unwrap();
    let end = store.end();
    drop(store);
    change(&disk, |used| used[used.len() - 1000] ^= 1);
    let before = disk.open("segments/00000001.seg").unwrap();
    let (mut store, report) = open(disk.clone());
    assert_eq!(report.missing, [(1, 2)]);
    assert_eq!(report.cut_tail, None);
    assert_eq!(store.end(), end);
    assert!(before.size().unwrap() > 4000);
    // Supplied again, it is healed.
    let record = other(2, vec![2; 2000]);
    commit(&mut store, std::slice::from_ref(&record));
    assert_eq!(store.read(2).unwrap().unwrap().bytes, record.bytes);
    assert!(matches!(
        store.read(1),
        Err(StoreError::Missing { first: 1, end: 2 })
    ));
}

#[test]
fn older_segments_under_a_newer_head_trip_it() {
    let report = guard_after(|disk| {
        disk.rot("segments/00000001.seg", |bytes| bytes.truncate(5000));
    });
    assert_eq!(report.guard, Some(GuardReason::WatermarkAhead));
    let report = guard_after(|disk| {
        disk.remove("segments/00000001.seg").unwrap();
    });
    assert_eq!(report.guard, Some(GuardReason::WatermarkAhead));
    assert_eq!(report.missing, [(0, 1)]);
}

#[test]
fn an_own_entry_that_is_gone_trips_it() {
    let disk = SimDisk::new(1);
    let mut store = with_own(disk.clone());
    fill(&mut store, &mut Seeded::new(1), 40);
    store.close().unwrap();
    disk.rot("segments/00000001.seg", |bytes| bytes[5000] ^= 1);
    for (path, _) in disk.files() {
        if path.starts_with("index/") {
            disk.remove(&path).unwrap();
        }
    }
    let (_, report) = open(disk);
    assert_eq!(report.missing, [(0, 1)]);
    assert_eq!(report.guard, Some(GuardReason::OwnSeqMissing));
}

#[test]
fn a_copy_trips_it_until_the_device_has_a_new_key() {
    let disk = SimDisk::new(1);
    with_own(disk.clone()).close().unwrap();
    let copy = disk.copy();
    let (mut store, report) = open(copy.clone());
    assert_eq!(report.guard, Some(GuardReason::IdentityChanged));
    store.clear_guard(feed(2, 1).author).unwrap();
    drop(store);
    assert_eq!(open(copy).1.guard, None);
    assert_eq!(open(disk).1.guard, None);
}

#[test]
fn a_copy_without_own_feeds_is_just_a_copy() {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(disk.clone());
    let all = fill(&mut store, &mut Seeded::new(1), 20);
    store.close().unwrap();
    let (store, report) = open(disk.copy());
    assert_eq!(report.guard, None);
    holds(&store, &all);
}

#[test]
fn a_missing_head_trips_it() {
    let report = guard_after(|disk| disk.remove("HEAD").unwrap());
    assert_eq!(report.guard, Some(GuardReason::HeadMissing));
    let report = guard_after(|disk| disk.rot("HEAD", |bytes| bytes.fill(1)));
    assert_eq!(report.guard, Some(GuardReason::HeadMissing));
}

#[test]
fn segments_of_another_store_are_refused() {
    let disk = MemoryDisk::new();
    let mut other_options = options();
    other_options.uuid = [8; 16];
    let (store, _) = Store::open(disk.clone(), Arc::new(Toy), other_options).unwrap();
    store.close().unwrap();
    disk.remove("HEAD").unwrap();
    let mine = MemoryDisk::new();
    drop(with_own(mine.clone()));
    let head = mine.open("HEAD").unwrap();
    let mut bytes = vec![0; head.size().unwrap() as usize];
    head.read_at(0, &mut bytes).unwrap();
    disk.create("HEAD").unwrap().write_at(0, &bytes).unwrap();
    let opened = Store::open(disk, Arc::new(Toy), options());
    assert!(matches!(opened, Err(StoreError::Foreign { .. })));
}

#[test]
fn a_full_disk_is_refused_before_anything_is_written() {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(disk.clone());
    let mut random = Seeded::new(2);
    let mut all = fill(&mut store, &mut random, 20);
    let used: u64 = disk.files().iter().map(|file| file.1).sum();
    disk.set_faults(Faults {
        capacity_bytes: Some(used),
        ..Faults::default()
    });
    assert!(store.reserve(100).is_ok());
    let refused = store.reserve(20_000);
    assert!(matches!(refused, Err(StoreError::Full { .. })));
    let record = other(3, vec![7; 20_000]);
    let refused = store.commit(&[record.as_record()]);
    assert!(matches!(refused, Err(StoreError::Full { .. })));
    holds(&store, &all);
    disk.set_faults(Faults::default());
    commit(&mut store, std::slice::from_ref(&record));
    all.push(record);
    holds(&store, &all);
    drop(store);
    holds(&open(disk).0, &all);
}

#[test]
fn a_failed_sync_stops_the_store() {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(disk.clone());
    let all = fill(&mut store, &mut Seeded::new(2), 5);
    disk.set_faults(Faults {
        sync_error_one_in: 1,
        ..Faults::default()
    });
    let record = other(3, bodies(&mut Seeded::new(1), 1, 50).remove(0));
    let failed = store.commit(&[record.as_record()]);
    assert!(matches!(
        failed,
        Err(StoreError::Failed { action: "sync", .. })
    ));
    disk.set_faults(Faults::default());
    for result in [
        store.commit(&[record.as_record()]).map(drop),
        store.idle(),
        store.read(0).map(drop),
        store.contains(&EntryId([1; 32])).map(drop),
        store.mark_own(feed(0, 0), 0),
    ] {
        assert!(matches!(result, Err(StoreError::Poisoned)));
    }
    drop(store);
    let (store, report) = open(disk);
    assert_eq!((report.guard, report.missing), (None, vec![]));
    let there: u64 = all
        .iter()
        .map(|r| u64::from(r.as_record().positions()))
        .sum();
    assert!(store.end() >= there);
}
