//! Pieces prove themselves, whatever was done to them.

use proptest::prelude::*;

use synlog_log::ids::BlobHash;
use synlog_log::limits::BLOB_MAX;

use crate::blobs::*;

fn content(size: u64) -> Vec<u8> {
    (0..size)
        .map(|at| (at.wrapping_mul(31) >> 3) as u8)
        .collect()
}

fn made(size: u64) -> (Vec<u8>, BlobHash, Vec<u8>) {
    let data = content(size);
    let (hash, tree) = tree_of::<Vec<u8>>(&data[..], size).unwrap();
    assert_eq!(tree.len(), tree.into_data().len() as u64);
    let (_, tree) = tree_of::<Vec<u8>>(&data[..], size).unwrap();
    (data, hash, tree.into_data())
}

fn sizes() -> impl Strategy<Value = u64> {
    let near = (0u64..12, 0u64..5).prop_map(|(groups, off)| groups * GROUP_BYTES + off);
    prop_oneof![1u64..3_000, near, 1u64..600_000].prop_map(|size| size.max(1))
}

fn spans(size: u64) -> impl Strategy<Value = Span> {
    let groups = Groups::none(size).count();
    (0..groups, 1..=PIECE_GROUPS).prop_map(move |(first, count)| Span {
        first,
        count: count.min(groups - first),
    })
}

fn cases() -> impl Strategy<Value = (u64, Span)> {
    sizes().prop_flat_map(|size| spans(size).prop_map(move |span| (size, span)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_blob_comes_together_from_its_pieces(size in sizes(), seed in any::<u64>()) {
        let (data, hash, hashes) = made(size);
        prop_assert_eq!(hash.0, *blake3::hash(&data).as_bytes());
        let tree = Tree::at(&hash, size, &hashes[..]);
        let (mut copy, mut copied) = (vec![0; data.len()], Vec::new());
        let mut groups = Groups::none(size);
        // in an order that depends on the seed
        let mut at = seed;
        while !groups.is_whole() {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let from = (at >> 33) as u32 % groups.count();
            let span = groups.next_missing(|group| group < from);
            let Some(span) = span.or_else(|| groups.next_missing(|_| false)) else { break };
            let bytes = encode(&data[..], &tree, span).unwrap();
            prop_assert!(bytes.len() <= PIECE_BYTES_MAX);
            let piece = Piece::check(&hash, size, span, &bytes).unwrap();
            prop_assert_eq!(piece.proves_size(), span.end() == groups.count());
            piece.write(&mut copy, &mut copied).unwrap();
            groups.put(span);
            prop_assert_eq!(Groups::from_bytes(size, &groups.to_bytes()), Some(groups.clone()));
        }
        prop_assert_eq!(&copy, &data);
        prop_assert_eq!(copied, hashes);
    }

    #[test]
    fn what_was_changed_is_not_taken(
        (size, span) in cases(),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
        cut in any::<prop::sample::Index>(),
        other in 1u64..=BLOB_MAX,
        near in -3i64..=3,
    ) {
        let (data, hash, hashes) = made(size);
        let tree = Tree::at(&hash, size, &hashes[..]);
        let bytes = encode(&data[..], &tree, span).unwrap();
        let wrong = |size: u64, span: Span, bytes: &[u8]| Piece::check(&hash, size, span, bytes).is_err();
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] ^= 1 << bit;
        prop_assert!(wrong(size, span, &changed));
        prop_assert!(wrong(size, span, &bytes[..cut.index(bytes.len())]));
        prop_assert!(wrong(size, span, &[&bytes[..], &[0]].concat()));
        // the last group proves the size: what ends elsewhere is refused
        if span.end() == Groups::none(size).count() {
            for other in [other, size.saturating_add_signed(near)] {
                prop_assert!(other == size || wrong(other, span, &bytes), "{} for {}", other, size);
                let last = Groups::none(other.clamp(1, BLOB_MAX)).last();
                prop_assert!(other == size || wrong(other, last, &bytes));
            }
        }
        // a disk that lies is noticed before anything leaves
        let bytes = span.bytes(size);
        let mut damaged = data.clone();
        damaged[bytes.start as usize] ^= 1;
        prop_assert!(matches!(encode(&damaged[..], &tree, span), Err(SliceError::Wrong)));
        prop_assert!(matches!(encode(&data[..bytes.start as usize], &tree, span), Err(SliceError::Wrong)));
    }

    #[test]
    fn any_bytes_are_taken(
        hash: [u8; 32], size: u64, first: u32, count: u32,
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let span = Span { first, count };
        prop_assert!(Piece::check(&BlobHash(hash), size, span, &bytes).is_err());
    }
}

#[test]
fn a_piece_of_the_largest_blob_fits() {
    let size = BLOB_MAX;
    let (data, hash, hashes) = made(size);
    let tree = Tree::at(&hash, size, &hashes[..]);
    let groups = Groups::none(size).count();
    for first in [0, 1, groups / 2 - 2, groups / 2 - 1, groups - 4] {
        let span = Span { first, count: 4 };
        let bytes = encode(&data[..], &tree, span).unwrap();
        assert!(bytes.len() <= PIECE_BYTES_MAX, "{first}: {}", bytes.len());
        Piece::check(&hash, size, span, &bytes).unwrap();
    }
}
