#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use synlog_log::ids::DeviceId;

use synlog_log::ids::BlobHash;
use synlog_log::limits::BLOB_MAX;

use super::*;
use crate::blobs::{BlobWord, HOPS_MAX, Reason, Span};
use crate::repo::Epoch;

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = any::<Short>().prop_map(Shape::Leaf);
    let forks = leaf.prop_recursive(6, 40, 2, |inner| {
        (0usize..20, any::<[u8; 3]>(), inner.clone(), inner).prop_map(
            |(skip, bits, left, right)| {
                let mut bits = bits[..skip.div_ceil(8)].to_vec();
                if let Some(last) = bits.last_mut().filter(|_| skip % 8 > 0) {
                    *last &= !(0xff >> (skip % 8));
                }
                Shape::Fork {
                    skip: skip as u16,
                    bits: bits.into(),
                    halves: Box::new([left, right]),
                }
            },
        )
    });
    (proptest::option::of(any::<[u8; 4]>()), forks).prop_map(|(name, below)| match name {
        Some(name) => Shape::Topic {
            name,
            below: Box::new(below),
        },
        None => below,
    })
}

fn lines() -> impl Strategy<Value = Vec<RowLine>> {
    let line = (
        any::<Short>(),
        any::<u64>(),
        any::<Short>(),
        any::<Option<u64>>(),
    );
    let line = line.prop_map(|(feed, height, head, forked_at)| RowLine {
        feed,
        height,
        head: if height > 0 { head } else { [0; 8] },
        forked_at,
    });
    proptest::collection::vec(line, 1..20)
}

fn bodies() -> impl Strategy<Value = PartBody> {
    prop_oneof![
        Just(PartBody::Nothing),
        shapes().prop_map(PartBody::Shape),
        proptest::collection::vec(any::<Short>(), 1..30).prop_map(PartBody::Listed),
        (proptest::collection::vec(any::<bool>(), 0..30), lines())
            .prop_map(|(missing, rows)| PartBody::Told { missing, rows }),
    ]
}

fn blob_words() -> impl Strategy<Value = BlobWord> {
    let spans = || (0u32..4_092, 1u32..=4).prop_map(|(first, count)| Span { first, count });
    let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        (0u8..=HOPS_MAX).prop_map(|hops| BlobWord::Want { hops }),
        (1u64..=BLOB_MAX).prop_map(|size| BlobWord::Have { size }),
        spans().prop_map(BlobWord::Read),
        (spans(), bytes()).prop_map(|(span, bytes)| BlobWord::Piece { span, bytes }),
        Just(BlobWord::Refuse(Reason::Lacking)),
        Just(BlobWord::Refuse(Reason::Busy)),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let shorts = || proptest::collection::btree_set(any::<Short>(), 1..20);
    let pieces = || {
        let piece = proptest::collection::vec(any::<u8>(), 0..60);
        proptest::collection::vec(piece, 1..5)
    };
    let epoch = || any::<[u8; 16]>().prop_map(Epoch);
    let hello = (
        any::<(u64, [u8; 32], u64, u64)>(),
        epoch(),
        proptest::option::of((epoch(), any::<u64>())),
        any::<Option<[u8; 16]>>(),
    );
    prop_oneof![
        hello.prop_map(
            |((version, random, clock_ms, features), epoch, cursor, tag)| {
                Message::Hello(Hello {
                    version,
                    random,
                    epoch,
                    cursor,
                    tag,
                    clock_ms,
                    features,
                })
            }
        ),
        (shorts(), shorts()).prop_map(|(added, dropped)| Message::Topics {
            added: added.into_iter().collect(),
            dropped: dropped.into_iter().collect(),
        }),
        proptest::collection::vec(any::<bool>(), 0..40).prop_map(Message::Matched),
        proptest::collection::vec((0usize..40, bodies()), 1..5).prop_map(|parts| {
            let mut next = 0;
            let part = |(skipped, body): (usize, PartBody)| {
                let question = next + skipped;
                next = question + 1;
                Part { question, body }
            };
            Message::Reconcile(parts.into_iter().map(part).collect())
        }),
        (any::<u64>(), pieces()).prop_map(|(left, runs)| Message::Runs { left, runs }),
        (any::<Short>(), any::<[u8; 32]>(), lines()).prop_map(|(topic, author, lines)| {
            let head = |line| Head {
                topic,
                author: DeviceId(author),
                line,
            };
            Message::Heads(
                lines
                    .into_iter()
                    .map(|line| {
                        head(RowLine {
                            feed: [0; 8],
                            ..line
                        })
                    })
                    .collect(),
            )
        }),
        proptest::collection::vec(any::<(Short, u64, Short)>(), 1..20).prop_map(|wishes| {
            let wish = |(feed, from, head)| Wish {
                feed,
                from,
                head: if from > 0 { head } else { [0; 8] },
            };
            Message::Want(wishes.into_iter().map(wish).collect())
        }),
        proptest::collection::vec((any::<Short>(), any::<[u8; 32]>().prop_map(EntryId)), 1..20)
            .prop_map(Message::WantEntries),
        (
            any::<Short>(),
            proptest::collection::btree_map(any::<u64>(), any::<Short>(), 0..20)
        )
            .prop_map(|(feed, marks)| Message::Trail {
                feed,
                marks: marks.into_iter().rev().collect(),
            }),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(Message::Proof),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(Message::Receipt),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(Message::Letter),
        pieces().prop_map(Message::Statements),
        shorts().prop_map(|known| Message::Known(known.into_iter().collect())),
        proptest::collection::vec(any::<Short>(), 1..9).prop_map(Message::Prune),
        any::<u64>().prop_map(Message::Credit),
        (any::<Short>(), any::<[u8; 32]>(), blob_words()).prop_map(|(topic, hash, word)| {
            let hash = BlobHash(hash);
            Message::Blob(BlobMessage { topic, hash, word })
        }),
        any::<(Short, Short, u64, u64, u64)>().prop_map(
            |(rows, statements, seen, answered, position)| {
                Message::Check(Check {
                    rows,
                    statements,
                    seen,
                    answered,
                    position,
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(message in messages()) {
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
    }

    #[test]
    fn there_is_one_encoding(
        message in messages(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = message.encode();
        prop_assert!(Message::decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = Message::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode(), bytes);
        }
    }
}

#[test]
fn words_about_blobs_that_nobody_honest_says() {
    let front = [&[16][..], &[7; 8], &[9; 32]].concat();
    for word in [
        &[0, HOPS_MAX + 1][..],
        &[1, 0],
        // a byte more than the largest
        &[1, 0x81, 0x80, 0x80, 0x20],
        &[2, 0, 0],
        &[2, 0, 5],
        // behind the last group of the largest
        &[2, 0x80, 0x20, 1],
        &[
            2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 4,
        ],
        // claims more than a piece has
        &[3, 0, 1, 0x81, 0xa0, 4],
        &[4, 2],
        &[5],
    ] {
        let bytes = [&front[..], word].concat();
        assert!(Message::decode(&bytes).is_err(), "{word:?}");
    }
}

#[test]
fn a_shape_deeper_than_a_key_is_refused() {
    let mut bytes = vec![3, 1, 0, 1];
    bytes.extend(std::iter::repeat_n(2, 600));
    assert_eq!(Message::decode(&bytes), Err(Refusal::TooLarge));
}
