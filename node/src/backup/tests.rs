//! Backups that are interrupted anywhere, on stores that grow and are pruned.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use synlog_log::disk::{Disk, DiskFile, MemoryDisk};
use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::store::{Decoder, GuardReason, Options, Record, RunFacts, Snapshot, Store};

use super::manifest::MARKER;
use super::{BackupError, Manifest, Objects, Place, Source, Terms, check, latest, restore, write};

/// What can be erased from a record of these tests.
const ERASABLE: &[u8] = b"secret";

/// Records are named by what can't be erased of them.
struct Plain;

impl Decoder for Plain {
    fn run_facts(&self, _: &[u8]) -> Result<RunFacts, String> {
        Err("no runs here".to_owned())
    }

    fn record_id(&self, kind: u8, record: &[u8]) -> Result<[u8; 32], String> {
        let kept = record.strip_suffix(ERASABLE).unwrap_or(record);
        let mut hasher = blake3::Hasher::new();
        Ok(*hasher.update(&[kind]).update(kept).finalize().as_bytes())
    }
}

fn open(disk: &MemoryDisk) -> Store<MemoryDisk> {
    let options = Options {
        segment_bytes: 16 << 10,
        ..Options::new([7; 16])
    };
    Store::open(disk.clone(), Arc::new(Plain), options)
        .unwrap()
        .0
}

fn fill(store: &mut Store<MemoryDisk>, from: u64, count: u64) {
    for number in from..from + count {
        let mut bytes = number.to_le_bytes().repeat(60);
        bytes.extend_from_slice(ERASABLE);
        let id = Plain.record_id(2, &bytes).unwrap();
        store.commit(&[Record::other(2, &bytes, id)]).unwrap();
    }
}

fn terms() -> Terms {
    Terms {
        now_ms: 1_000,
        full: false,
        adopt: false,
        keep: 1,
    }
}

fn back_up(
    place: &dyn Objects,
    disk: &MemoryDisk,
    snapshot: &Snapshot,
    terms: &Terms,
) -> Result<super::Done, BackupError> {
    let source = Source {
        disk,
        decoder: &Plain,
        snapshot,
        entity: EntityId([1; 32]),
        device: DeviceId([2; 32]),
        modules: &[b"module".to_vec()],
        keys: None,
    };
    write(place, &source, terms, &mut |_, _| {})
}

fn whole(place: &dyn Objects) -> Manifest {
    let manifest = latest(place).unwrap().unwrap();
    let checked = check(place, &manifest, &Plain, &mut |_, _| {}).unwrap();
    assert_eq!(checked.findings, []);
    assert_eq!(checked.end, manifest.end);
    manifest
}

/// A place that stops answering after some changes.
struct Failing {
    objects: RefCell<BTreeMap<String, Vec<u8>>>,
    left: Cell<u32>,
}

impl Failing {
    fn new() -> Self {
        Self {
            objects: RefCell::default(),
            left: Cell::new(u32::MAX),
        }
    }

    fn change(&self) -> Result<(), BackupError> {
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| BackupError::Place("the line is cut".into()))?);
        Ok(())
    }
}

impl Objects for Failing {
    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, BackupError> {
        let objects = self.objects.borrow();
        let inside = objects.iter().filter(|(name, _)| {
            folder.is_empty()
                || name
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
        });
        Ok(inside
            .map(|(name, bytes)| (name.clone(), bytes.len() as u64))
            .collect())
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackupError> {
        Ok(self.objects.borrow().get(name).cloned())
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), BackupError> {
        self.change()?;
        self.objects.borrow_mut().insert(name.to_owned(), bytes);
        Ok(())
    }

    fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, BackupError> {
        if self.objects.borrow().contains_key(name) {
            return Ok(false);
        }
        self.put(name, bytes).map(|()| true)
    }

    fn delete(&self, name: &str) -> Result<(), BackupError> {
        self.change()?;
        self.objects.borrow_mut().remove(name);
        Ok(())
    }
}

/// Changes that a failing place allows at a time.
const CHANGES: u32 = 4;

#[test]
fn interrupted_anywhere_a_whole_backup_stands() {
    let disk = MemoryDisk::new();
    let mut store = open(&disk);
    fill(&mut store, 0, 100);
    let first = store.snapshot().unwrap();
    let place = Failing::new();
    back_up(&place, &disk, &first, &terms()).unwrap();
    let before = whole(&place);
    fill(&mut store, 100, 200);
    let second = store.snapshot().unwrap();
    assert!(second.segments.len() > 5);
    let (mut stops, mut sent) = (0, 0);
    loop {
        // few changes for each try: what was sent is never sent again
        assert!(stops < 100, "it never ends");
        place.left.set(CHANGES);
        let outcome = back_up(&place, &disk, &second, &terms());
        sent += u64::from(CHANGES - place.left.get());
        place.left.set(u32::MAX);
        let now = whole(&place);
        match outcome {
            Ok(_) => break,
            Err(BackupError::Place(_)) => assert!(now == before || now.end == second.end),
            Err(other) => panic!("{other}"),
        }
        stops += 1;
    }
    assert!(stops > 2, "{stops}");
    assert!(sent < 60, "{sent}");
    back_up(&place, &disk, &second, &terms()).unwrap();
    let names = place.list("").unwrap().into_iter().map(|(name, _)| name);
    let manifest = whole(&place);
    let mut named: Vec<String> = manifest.parts().map(|part| part.name()).collect();
    named.sort();
    named.dedup();
    let objects: Vec<String> = names.filter(|name| name.starts_with("objects/")).collect();
    assert_eq!(objects, named, "nothing else is kept");
}

#[test]
fn closed_segments_are_neither_read_nor_sent_again() {
    let disk = MemoryDisk::new();
    let mut store = open(&disk);
    fill(&mut store, 0, 200);
    let place = Place::in_memory().unwrap();
    let done = back_up(&place, &disk, &store.snapshot().unwrap(), &terms()).unwrap();
    assert_eq!(done.read, done.segments);
    let same = back_up(&place, &disk, &store.snapshot().unwrap(), &terms()).unwrap();
    assert_eq!((same.read, same.sent, same.number), (0, 0, 2));
    fill(&mut store, 200, 40);
    let more = back_up(&place, &disk, &store.snapshot().unwrap(), &terms()).unwrap();
    assert!(more.read <= more.segments - done.segments + 1, "{more:?}");
    assert!(more.sent_bytes < more.bytes / 2, "{more:?}");
    let full = Terms {
        full: true,
        ..terms()
    };
    let all = back_up(&place, &disk, &store.snapshot().unwrap(), &full).unwrap();
    assert_eq!((all.read, all.sent), (all.segments, 0));
    whole(&place);
}

#[test]
fn what_was_erased_leaves_the_backup() {
    let disk = MemoryDisk::new();
    let mut store = open(&disk);
    fill(&mut store, 0, 100);
    let place = Failing::new();
    back_up(&place, &disk, &store.snapshot().unwrap(), &terms()).unwrap();
    let holds = |place: &Failing| {
        let objects = place.objects.borrow();
        let mut all = objects.values();
        all.any(|bytes| bytes.windows(6).any(|window| window == ERASABLE))
    };
    assert!(holds(&place));
    let mut erase = |_: u8, _: u64, bytes: &[u8]| Some(bytes.strip_suffix(ERASABLE)?.to_vec());
    let pruned = store.prune(&mut erase, &mut |_, _| {}).unwrap();
    assert_eq!((pruned.records, pruned.refused), (100, 0));
    let snapshot = store.snapshot().unwrap();
    back_up(&place, &disk, &snapshot, &terms()).unwrap();
    assert_eq!(whole(&place).end, snapshot.end);
    assert!(!holds(&place));
}

#[test]
fn a_restored_store_is_the_same_and_guarded() {
    let disk = MemoryDisk::new();
    let mut store = open(&disk);
    fill(&mut store, 0, 150);
    let expected: Vec<_> = store.scan(0).map(Result::unwrap).collect();
    let place = Place::in_memory().unwrap();
    back_up(&place, &disk, &store.snapshot().unwrap(), &terms()).unwrap();
    let manifest = whole(&place);
    let copy = MemoryDisk::new();
    // an interrupted run left half a segment, and one that is longer than it should be
    copy.create_dir("segments").unwrap();
    for (path, bytes) in [
        ("segments/00000001.seg", 5_000),
        ("segments/00000002.seg", 40_000),
    ] {
        let file = copy.create(path).unwrap();
        file.write_at(0, &vec![3; bytes]).unwrap();
    }
    restore(&place, &manifest, &copy, &mut |_, _| {}).unwrap();
    let mut again = open(&copy);
    again.trip_guard(GuardReason::IdentityChanged).unwrap();
    let there: Vec<_> = again.scan(0).map(Result::unwrap).collect();
    assert_eq!(there, expected);
    assert!(again.missing().unwrap().is_empty());
    // it goes on with the same backup; the store that it came from can't go back
    fill(&mut again, 150, 10);
    back_up(&place, &copy, &again.snapshot().unwrap(), &terms()).unwrap();
    let refused = back_up(&place, &disk, &store.snapshot().unwrap(), &terms());
    assert!(
        matches!(refused, Err(BackupError::Diverged { .. })),
        "{refused:?}"
    );
    // not even where its own history has grown beyond
    fill(&mut store, 500, 90);
    let refused = back_up(&place, &disk, &store.snapshot().unwrap(), &terms());
    assert!(
        matches!(refused, Err(BackupError::Diverged { .. })),
        "{refused:?}"
    );
    let adopt = Terms {
        adopt: true,
        ..terms()
    };
    let done = back_up(&place, &disk, &store.snapshot().unwrap(), &adopt).unwrap();
    assert_eq!(done.removed, 0);
    whole(&place);
}

#[test]
fn a_place_is_for_one_store() {
    let disk = MemoryDisk::new();
    let mut store = open(&disk);
    let place = Place::in_memory().unwrap();
    place.put("thesis.txt", b"mine".to_vec()).unwrap();
    let snapshot = store.snapshot().unwrap();
    let refused = back_up(&place, &disk, &snapshot, &terms());
    assert_eq!(refused, Err(BackupError::NotABackup));
    place.delete("thesis.txt").unwrap();
    back_up(&place, &disk, &snapshot, &terms()).unwrap();
    let other = Snapshot {
        uuid: [8; 16],
        ..snapshot
    };
    let refused = back_up(&place, &disk, &other, &terms());
    assert_eq!(refused, Err(BackupError::OtherStore));
    place.put(MARKER, b"hello".to_vec()).unwrap();
    assert_eq!(
        back_up(&place, &disk, &other, &terms()),
        Err(BackupError::NotABackup)
    );
}
