#![allow(clippy::unwrap_used)]
use synlog_log::ids::{BlobHash, EntityId, EntryId, TopicId};
use synlog_replication::blobs::{Groups, Piece, Span};

use super::table::{Line, Name, Table};
use super::{Blobs, Files};

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| ((at * 13) >> 5) as u8).collect()
}

fn taken(from: &mut Files, to: &mut Files, hash: &BlobHash, size: u64, spans: &[Span]) -> bool {
    let mut whole = false;
    for span in spans {
        let bytes = from.piece(hash, *span).unwrap();
        let piece = Piece::check(hash, size, *span, &bytes).unwrap();
        whole = to.take(&piece).unwrap();
    }
    whole
}

fn spans(size: u64) -> Vec<Span> {
    let count = Groups::none(size).count();
    let mut spans: Vec<Span> = (0..count).map(|first| Span { first, count: 1 }).collect();
    // the last group comes first
    spans.rotate_right(1);
    spans
}

#[test]
fn a_blob_that_was_broken_off_goes_on_and_gets_its_name_at_the_end() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut there = Files::open(one.path().to_owned()).unwrap();
    let bytes = content(300_000);
    let (hash, is_new) = there.add(&bytes).unwrap();
    assert!(is_new && !there.add(&bytes).unwrap().1);
    let size = bytes.len() as u64;
    let spans = spans(size);
    let mut here = Files::open(two.path().to_owned()).unwrap();
    assert!(!taken(&mut there, &mut here, &hash, size, &spans[..9]));
    assert_eq!(here.partial(&hash).unwrap().unwrap().groups.held(), 9);
    drop(here);

    // what the note claims must prove itself: a damaged group is fetched again
    let folder = two.path().join(&hash.to_string()[..2]);
    let part = folder.join(format!("{hash}.part"));
    let mut damaged = std::fs::read(&part).unwrap();
    damaged[3 * 16_384] ^= 1;
    std::fs::write(&part, damaged).unwrap();
    let mut here = Files::open(two.path().to_owned()).unwrap();
    assert!(here.whole().is_empty());
    let partial = here.partial(&hash).unwrap().unwrap();
    assert_eq!((partial.groups.held(), partial.groups.has(3)), (8, false));
    assert!(!taken(&mut there, &mut here, &hash, size, &spans[9..]));
    assert!(here.whole().is_empty());
    let lost = Span { first: 3, count: 1 };
    assert!(taken(&mut there, &mut here, &hash, size, &[lost]));
    assert_eq!(std::fs::read(folder.join(hash.to_string())).unwrap(), bytes);
    drop(here);
    let mut here = Files::open(two.path().to_owned()).unwrap();
    assert_eq!(here.whole().get(&hash), Some(&size));
    assert!(here.partial(&hash).unwrap().is_none());

    // damage is noticed when it is read, and the file dropped
    let path = folder.join(hash.to_string());
    let mut damaged = bytes;
    damaged[200_000] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    assert!(here.read(&hash, Span { first: 0, count: 4 }).is_ok());
    assert!(
        here.read(
            &hash,
            Span {
                first: 12,
                count: 1
            }
        )
        .is_err()
    );
    assert!(here.whole().is_empty() && !path.exists());
}

#[test]
fn the_journal_survives_what_crashes_leave() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("blobs");
    let key = (TopicId([1; 32]), BlobHash([2; 32]));
    let name = Name {
        size: 7,
        media_type: Some("image/png".into()),
        entry: EntryId([3; 32]),
        author: EntityId([4; 32]),
    };
    let closed = |position: u64, on: bool| Line::Closed {
        topic: key.0.to_string(),
        position,
        on,
    };
    let mut blobs = Blobs::open(&root).unwrap();
    let upto = Line::Upto {
        store: "05".repeat(16),
        position: 9,
    };
    let lines = vec![
        Line::name(&key, &name),
        closed(8, true),
        closed(9, true),
        closed(8, false),
        upto,
    ];
    blobs.say(lines).unwrap();
    blobs.pin(&BlobHash([6; 32]), true).unwrap();
    blobs.hold(&(key.0, BlobHash([8; 32])), 5).unwrap();
    drop(blobs);
    let journal = root.join("journal");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let table = Table::read(&whole);
    assert_eq!(table.cursor, ([5; 16], 9));
    assert_eq!(table.names.get(&key), Some(&name));
    assert_eq!(table.closed[&key.0].iter().collect::<Vec<_>>(), [&9]);
    assert!(table.pins.contains(&BlobHash([6; 32])));
    assert_eq!(Table::read(&table.lines().join("\n")), table);
    // cut off anywhere, what is written later still counts
    for cut in (0..whole.len()).step_by(17) {
        std::fs::write(&journal, &whole[..cut]).unwrap();
        let mut blobs = Blobs::open(&root).unwrap();
        blobs.pin(&BlobHash([9; 32]), true).unwrap();
        drop(blobs);
        let blobs = Blobs::open(&root).unwrap();
        assert!(blobs.table.pins.contains(&BlobHash([9; 32])), "{cut}");
    }
}
