//! Side files say what the rows in memory say, and never anything else.

use super::super::record::RunFacts;
use super::super::rows::SegmentRows;
use super::super::side::Side;
use super::super::side_format::{Reflects, encode};
use super::super::walk::Start;
use super::toy::feed;
use crate::disk::{Disk, DiskFile, MemoryDisk, Seeded};
use crate::ids::EntryId;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Random rows: runs of few feeds with jumps and forks, other records, holes,
/// ids that share their first bytes, ids that come twice.
fn rows(seed: u64, count: u64) -> SegmentRows {
    let mut random = Seeded::new(seed);
    let mut rows = SegmentRows::new(random.bits(), 4172);
    let id = |random: &mut Seeded| {
        let mut id = [7; 32];
        id[8 * random.below(2) as usize] = random.below(250) as u8;
        id[9] = random.below(250) as u8;
        id
    };
    let mut offset = 4200;
    for _ in 0..count {
        match random.below(8) {
            0 => rows.push_other(offset, random.bits() as u32, &id(&mut random)),
            1 => {
                let first = rows.end();
                let known: BTreeMap<u32, [u8; 32]> = (0..random.below(4))
                    .map(|n| (first + n as u32, id(&mut random)))
                    .collect();
                rows.push_hole(offset, 1 + random.below(4) as u32, &known);
            }
            _ => {
                let jump = if random.one_in(9) { 1 << 40 } else { 0 };
                let length = 1 + random.below(20);
                let ids: Vec<EntryId> = (0..length).map(|_| EntryId(id(&mut random))).collect();
                let facts = RunFacts {
                    feed: feed(random.below(5), random.below(3)),
                    ids,
                    first_seq: jump + random.below(300),
                    backlink: None,
                    last_hlc: 0,
                };
                rows.push_run(offset, random.bits() as u32, &facts);
            }
        }
        offset += 1 + random.below(500) as u32;
    }
    rows.end_offset = offset;
    rows
}

fn written(rows: &SegmentRows) -> Vec<u8> {
    let reflects = Reflects {
        number: 1,
        uuid: [1; 16],
        first: 100,
        end: Start {
            offset: rows.end_offset,
            next: rows.end(),
            crc: 5,
        },
        last_batch: 4172,
        digest: [2; 32],
    };
    encode(rows, &reflects, 256)
}

fn opened(bytes: &[u8]) -> Option<Side<<MemoryDisk as Disk>::File>> {
    let disk = MemoryDisk::new();
    let file = disk.create("idx").unwrap();
    file.write_at(0, bytes).unwrap();
    Side::open(file).ok()
}

fn sorted(mut positions: Vec<u32>) -> Vec<u32> {
    positions.sort_unstable();
    positions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_side_file_answers_like_the_rows(seed in any::<u64>(), count in 0u64..900) {
        let rows = rows(seed, count);
        let side = opened(&written(&rows)).unwrap();
        prop_assert!(side.check().is_ok());
        for id in &rows.ids {
            if *id != [0; 32] {
                prop_assert_eq!(sorted(side.locate(id).unwrap()), sorted(rows.locate(id)));
            }
        }
        prop_assert!(side.locate(&[9; 32]).unwrap().is_empty());
        for position in 0..rows.end() + 2 {
            prop_assert_eq!(side.row_of(position).unwrap(), rows.row_of(position));
        }
        let mut row = 0;
        while row < side.row_count() {
            for span in side.rows_from(row).unwrap() {
                prop_assert_eq!(span, rows.span(row));
                row += 1;
            }
        }
        prop_assert_eq!(row, rows.rows.len());
        for author in 0..5 {
            let key = feed(author, 1);
            for seq in (0..330).chain((1 << 40)..(1 << 40) + 320) {
                let there = sorted(side.at_seq(&key, seq).unwrap());
                prop_assert_eq!(there, sorted(rows.at_seq(&key, seq)));
            }
        }
        let loaded = side.load(3).unwrap();
        prop_assert_eq!(&loaded.rows, &rows.rows);
        prop_assert_eq!(&loaded.ids, &rows.ids);
        prop_assert_eq!(written(&loaded), written(&rows));
    }

    #[test]
    fn a_damaged_side_file_is_noticed_or_says_the_same(
        seed in any::<u64>(), at in any::<proptest::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
        let rows = rows(seed, 60);
        let mut bytes = written(&rows);
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = value;
        }
        if let Some(side) = opened(&bytes) {
            for id in &rows.ids {
                if let Ok(found) = side.locate(id) && *id != [0; 32] {
                    prop_assert_eq!(sorted(found), sorted(rows.locate(id)));
                }
            }
            for position in 0..rows.end() {
                if let Ok(row) = side.row_of(position) {
                    prop_assert_eq!(row, rows.row_of(position));
                }
            }
            if let Ok(found) = side.at_seq(&feed(1, 1), 20) {
                prop_assert_eq!(sorted(found), sorted(rows.at_seq(&feed(1, 1), 20)));
            }
        }
    }
}
