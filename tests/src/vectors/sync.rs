//! `frontiers.json` and `messages.json` (page 12).

use serde_json::{Value as Json, json};
use synlog_log::ids::{BlobHash, DeviceId, EntryId, FeedKey, TopicId, hex};
use synlog_log::refusal::Refusal;
use synlog_replication::blobs::{BlobMessage, BlobWord, Reason, Span};
use synlog_replication::frontier::{Frontier, Scope};
use synlog_replication::message::{
    Check, Head, Hello, Message, Part, PartBody, RowLine, Shape, Wish,
};
use synlog_replication::repo::Epoch;
use synlog_replication::row::Row;
use synlog_replication::session::Meeting;

use super::{bytes_of, case, hold};

fn row(topic: u8, author: u8, height: u64, forked_at: Option<u64>) -> Row {
    let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    Row {
        feed: FeedKey {
            author: DeviceId(hash(&[author, 1])),
            topic: TopicId(hash(&[topic])),
        },
        height,
        head: (height > 0).then(|| EntryId(hash(&[topic, author, height as u8]))),
        forked_at,
    }
}

#[test]
fn frontiers() {
    let (caller, called) = ([7; 32], [9; 32]);
    let meeting = Meeting::new(&caller, &called);
    let mut near = row(3, 1, 5, None);
    // differs from another author in the last bit
    near.feed.author.0[31] ^= 1;
    let sets: [(&str, Vec<Row>); 6] = [
        ("no rows", vec![]),
        ("one row", vec![row(1, 1, 300, None)]),
        (
            "a feed without entries that is forked at 0",
            vec![row(1, 1, 0, Some(0))],
        ),
        (
            "two feeds of a topic",
            vec![row(1, 1, 3, None), row(1, 2, 4, Some(4))],
        ),
        (
            "authors that differ in the last bit",
            vec![row(3, 1, 5, None), near],
        ),
        (
            "many feeds of many topics",
            (0..40)
                .map(|n| row(n % 7, n, u64::from(n) * 40, (n % 5 == 0).then_some(1_000)))
                .collect(),
        ),
    ];
    let mut cases = Vec::new();
    for (name, rows) in sets {
        let mut frontier = Frontier::new();
        rows.iter().for_each(|row| frontier.put(row));
        let mut scope = Scope::of(rows.iter().map(|row| row.feed.topic));
        let digest = scope.view(&mut frontier).digest();
        let feeds: Vec<String> = rows
            .iter()
            .map(|row| hex(&meeting.feed(&row.feed)))
            .collect();
        let outcome = json!({
            "digest": hex(&digest),
            "short": hex(&meeting.rows(&digest)),
            "feeds": feeds,
        });
        let rows: Vec<Json> = rows
            .iter()
            .map(|row| {
                json!({
                    "topic": row.feed.topic.to_string(),
                    "author": row.feed.author.to_string(),
                    "height": row.height,
                    "head": row.head.map(|head| head.to_string()),
                    "forked_at": row.forked_at,
                })
            })
            .collect();
        let input = json!({"rows": rows, "caller": hex(&caller), "called": hex(&called)});
        cases.push(case(name, input, Ok(outcome), Ok(())));
    }
    hold(
        "frontiers.json",
        "Hashes of sets of rows (page 12.1)",
        cases,
    );
}

fn examples() -> Vec<(&'static str, Message)> {
    let (a, b, c) = ([1; 8], [2; 8], [0xfe; 8]);
    let line = |height, forked_at| RowLine {
        feed: a,
        height,
        head: if height > 0 { b } else { [0; 8] },
        forked_at,
    };
    let hello = |warm: bool| {
        Message::Hello(Hello {
            version: 1,
            random: [5; 32],
            epoch: Epoch([6; 16]),
            cursor: warm.then_some((Epoch([8; 16]), 70_000)),
            tag: warm.then_some([9; 16]),
            clock_ms: 1_767_225_600_000,
            features: 0,
        })
    };
    let fork = |skip: u16, bits: &[u8], left, right| Shape::Fork {
        skip,
        bits: bits.into(),
        halves: Box::new([left, right]),
    };
    let shape = fork(
        3,
        &[0b1010_0000],
        Shape::Leaf(a),
        Shape::Topic {
            name: [1, 2, 3, 4],
            below: Box::new(fork(0, &[], Shape::Leaf(b), Shape::Leaf(c))),
        },
    );
    let blob = |word| {
        Message::Blob(BlobMessage {
            topic: a,
            hash: BlobHash([4; 32]),
            word,
        })
    };
    let span = Span { first: 4, count: 1 };
    let part = |question, body| Part { question, body };
    let told = PartBody::Told {
        missing: vec![true, false, false, true, true, false, false, false, true],
        rows: vec![line(9, None), line(0, Some(0))],
    };
    vec![
        ("hello, cold", hello(false)),
        ("hello, warm", hello(true)),
        (
            "topics",
            Message::Topics {
                added: vec![a, b, c],
                dropped: vec![],
            },
        ),
        (
            "topics dropped",
            Message::Topics {
                added: vec![],
                dropped: vec![c],
            },
        ),
        ("matched", Message::Matched(vec![true, false, true])),
        ("matched none", Message::Matched(vec![])),
        (
            "first question",
            Message::Reconcile(vec![part(0, PartBody::Shape(shape))]),
        ),
        (
            "answers",
            Message::Reconcile(vec![
                part(0, PartBody::Listed(vec![c, a])),
                part(7, PartBody::Nothing),
                part(8, told),
            ]),
        ),
        ("nothing differs", Message::Reconcile(vec![])),
        (
            "runs",
            Message::Runs {
                left: 300,
                runs: vec![vec![1, 2, 3], vec![]],
            },
        ),
        (
            "heads",
            Message::Heads(vec![Head {
                topic: a,
                author: DeviceId([3; 32]),
                line: RowLine {
                    feed: [0; 8],
                    ..line(3, Some(4))
                },
            }]),
        ),
        (
            "want",
            Message::Want(vec![
                Wish {
                    feed: a,
                    from: 0,
                    head: [0; 8],
                },
                Wish {
                    feed: b,
                    from: 200,
                    head: c,
                },
            ]),
        ),
        (
            "want entries",
            Message::WantEntries(vec![(a, EntryId([4; 32]))]),
        ),
        (
            "trail",
            Message::Trail {
                feed: a,
                marks: vec![(9, b), (8, c), (0, a)],
            },
        ),
        ("proof", Message::Proof(vec![1, 2])),
        ("statements", Message::Statements(vec![vec![7; 3]])),
        ("known", Message::Known(vec![a, b])),
        ("known none", Message::Known(vec![])),
        ("receipt", Message::Receipt(vec![0])),
        ("credit", Message::Credit(1 << 20)),
        (
            "check",
            Message::Check(Check {
                rows: a,
                statements: b,
                seen: 4,
                answered: 1,
                position: 9_999,
            }),
        ),
        ("prune", Message::Prune(vec![b, a])),
        ("blob wanted", blob(BlobWord::Want { hops: 2 })),
        ("blob here", blob(BlobWord::Have { size: 70_000 })),
        ("blob read", blob(BlobWord::Read(span))),
        (
            "blob piece",
            blob(BlobWord::Piece {
                span,
                bytes: vec![1, 2, 3],
            }),
        ),
        ("blob refused", blob(BlobWord::Refuse(Reason::Lacking))),
        ("blob refused for now", blob(BlobWord::Refuse(Reason::Busy))),
        ("letter", Message::Letter(vec![9; 12])),
    ]
}

#[test]
fn messages() {
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        Message::decode(bytes).map(|message| json!({ "message": message.name() }))
    };
    let mut cases = Vec::new();
    for (name, message) in examples() {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).as_ref(), Ok(&message), "{name}");
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
        let cut = &bytes[..bytes.len() - 1];
        let outcome = read(cut);
        let expected = outcome.as_ref().map(drop).map_err(|refusal| *refusal);
        assert!(expected.is_err(), "{name}");
        cases.push(case(
            &format!("{name}, cut"),
            bytes_of(cut),
            outcome,
            expected,
        ));
        let longer = [&bytes[..], &[0]].concat();
        let outcome = read(&longer);
        cases.push(case(
            &format!("{name}, and a byte"),
            bytes_of(&longer),
            outcome,
            Err(Refusal::NotCanonical),
        ));
    }
    let short = |byte: u8| [byte; 8];
    let word = |word: &[u8]| [&[16][..], &[1; 8], &[4; 32], word].concat();
    let topics =
        |shorts: &[[u8; 8]]| [&[1, shorts.len() as u8][..], &shorts.concat(), &[0]].concat();
    for (name, bytes, refusal) in [
        ("no such message", vec![18], Refusal::NotCanonical),
        (
            "topics that do not ascend",
            topics(&[short(2), short(1)]),
            Refusal::NotCanonical,
        ),
        (
            "a topic twice",
            topics(&[short(2), short(2)]),
            Refusal::NotCanonical,
        ),
        ("no topics", vec![1, 0, 0], Refusal::NotCanonical),
        (
            "bits that are left over",
            vec![2, 3, 0b1011_0000],
            Refusal::NotCanonical,
        ),
        ("too many topics", vec![1, 0x81, 0x40], Refusal::TooLarge),
        (
            "a shape deeper than a key",
            [&[3, 1, 0, 1][..], &[2; 600]].concat(),
            Refusal::TooLarge,
        ),
        (
            "a topic in a topic",
            [&[3, 1, 0, 1][..], &[1, 0, 0, 0, 0, 1]].concat(),
            Refusal::NotCanonical,
        ),
        (
            "bits of a shape that are left over",
            vec![3, 1, 0, 1, 3, 0x40],
            Refusal::NotCanonical,
        ),
        ("no such part", vec![3, 1, 0, 4], Refusal::NotCanonical),
        ("no runs", vec![4, 0, 0], Refusal::NotCanonical),
        ("too many hops", word(&[0, 3]), Refusal::NotCanonical),
        ("an empty blob", word(&[1, 0]), Refusal::TooLarge),
        (
            "a blob that is too large",
            word(&[1, 0x81, 0x80, 0x80, 0x20]),
            Refusal::TooLarge,
        ),
        ("no groups", word(&[2, 0, 0]), Refusal::TooLarge),
        ("too many groups", word(&[2, 0, 5]), Refusal::TooLarge),
        (
            "groups behind the end",
            word(&[2, 0x80, 0x20, 1]),
            Refusal::TooLarge,
        ),
        ("no such reason", word(&[4, 2]), Refusal::NotCanonical),
        ("no such word", word(&[5]), Refusal::NotCanonical),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    hold("messages.json", "Messages of two nodes (page 12.3)", cases);
}
