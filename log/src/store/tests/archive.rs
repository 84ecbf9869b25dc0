//! A store put together again out of a snapshot's files.

use super::super::*;
use super::basics::{fill, open};
use super::toy::Toy;
use crate::disk::{Disk, DiskFile, MemoryDisk, Seeded};

fn bytes_of(disk: &MemoryDisk, snapshot: &SegmentSnapshot) -> Vec<u8> {
    let file = disk.open(&snapshot.path).unwrap();
    let mut bytes = vec![0; snapshot.bytes as usize];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

fn put(disk: &MemoryDisk, path: &str, bytes: &[u8]) {
    let file = disk.create(path).unwrap();
    file.write_at(0, bytes).unwrap();
}

#[test]
fn a_snapshot_is_the_whole_log_up_to_its_cut() {
    let mut random = Seeded::new(41);
    let disk = MemoryDisk::new();
    let (mut store, _) = open(disk.clone());
    for round in 0..6 {
        fill(&mut store, &mut random, 40);
        let snapshot = store.snapshot().unwrap();
        let end = store.end();
        let expected: Vec<_> = store.scan(0).map(Result::unwrap).collect();
        let own = store.feeds().next().unwrap();
        store.mark_own(own.key, own.height - 1).unwrap();
        let with_own = store.snapshot().unwrap();
        assert_eq!(with_own.segments, snapshot.segments);
        let copy = MemoryDisk::new();
        copy.create_dir("segments").unwrap();
        for segment in &snapshot.segments {
            put(&copy, &segment.path, &bytes_of(&disk, segment));
            assert_eq!(segment.path, segment_path(segment.number));
        }
        put(&copy, "HEAD", &with_own.head);
        // what comes later is not part of it
        fill(&mut store, &mut random, 20);
        let (again, report) = open(copy);
        assert_eq!(report.guard, Some(GuardReason::IdentityChanged), "{round}");
        assert!(report.missing.is_empty() && report.cut_tail.is_none());
        assert_eq!((again.end(), snapshot.end), (end, end));
        let there: Vec<_> = again.scan(0).map(Result::unwrap).collect();
        assert_eq!(there, expected);
    }
    assert!(store.snapshot().unwrap().segments.len() > 3);
}

#[test]
fn a_segment_alone_says_whether_it_is_whole() {
    let mut random = Seeded::new(42);
    let disk = MemoryDisk::new();
    let (mut store, _) = open(disk.clone());
    fill(&mut store, &mut random, 200);
    let snapshot = store.snapshot().unwrap();
    let (mut before, mut end) = ([0; 32], 0);
    for segment in &snapshot.segments {
        let bytes = bytes_of(&disk, segment);
        let check = check_segment(&bytes, &Toy, true).unwrap();
        assert_eq!(check.findings, []);
        assert_eq!((check.number, check.first), (segment.number, end));
        assert_eq!((check.end, check.digest), (segment.end, segment.digest));
        assert_eq!(check.previous, before);
        (before, end) = (check.digest, check.end);
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            let at = random.below(bytes.len() as u64) as usize;
            damaged[at] ^= 1 << random.below(8);
            let seen = match check_segment(&damaged, &Toy, true) {
                None => true,
                Some(other) => !other.findings.is_empty() || other.end != check.end,
            };
            // between the two copies of the header nothing is kept
            assert!(seen || (76..4096).contains(&at), "byte {at}");
        }
        let cut = &bytes[..bytes.len() - 1];
        let cut = check_segment(cut, &Toy, true);
        assert!(cut.is_none_or(|cut| cut.end < check.end || !cut.findings.is_empty()));
    }
    assert_eq!(end, snapshot.end);
    assert!(check_segment(b"", &Toy, true).is_none());
}
