//! `varint.json`, `cbor.json`, `lipmaa.json`, `payloads.json`, `headers.json`.

use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::header::Header;
use synlog_log::ids::{DeviceId, EntryId, TopicId, hex, unhex};
use synlog_log::payload::{Payload, PayloadBuilder, payload_hash};
use synlog_log::refusal::Refusal;
use synlog_log::skiplink;
use synlog_log::wire::{Reader, Writer};
use synlog_node::json::to_json;

use super::{bytes_of, case, hold};

#[test]
fn varints() {
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let mut reader = Reader::new(bytes);
        let value = reader.varint()?;
        reader.end()?;
        Ok(json!({ "value": value }))
    };
    let mut cases = Vec::new();
    for value in [
        0,
        1,
        127,
        128,
        300,
        16_383,
        16_384,
        u64::from(u32::MAX),
        u64::MAX,
    ] {
        let mut bytes = Vec::new();
        bytes.put_varint(value);
        cases.push(case(
            &value.to_string(),
            bytes_of(&bytes),
            read(&bytes),
            Ok(()),
        ));
    }
    for (name, text, refusal) in [
        ("nothing", "", Refusal::Truncated),
        ("ends early", "80", Refusal::Truncated),
        ("zero in two bytes", "8000", Refusal::NotCanonical),
        ("one in three bytes", "818000", Refusal::NotCanonical),
        ("65 bits", "ffffffffffffffffff02", Refusal::NotCanonical),
        (
            "eleven bytes",
            "8080808080808080808001",
            Refusal::NotCanonical,
        ),
        ("something after it", "0100", Refusal::NotCanonical),
    ] {
        let bytes = unhex(text).unwrap();
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    hold("varint.json", "Unsigned integers (page 1.1)", cases);
}

#[test]
fn cbor() {
    let good = [
        ("null", "f6"),
        ("false", "f4"),
        ("true", "f5"),
        ("23", "17"),
        ("24", "1818"),
        ("256", "190100"),
        ("2^32", "1b0000000100000000"),
        ("largest", "1b7fffffffffffffff"),
        ("-1", "20"),
        ("smallest", "3b7fffffffffffffff"),
        ("bytes", "43010203"),
        ("text", "6474c3a974"),
        ("array", "83010203"),
        ("map", "a3616101616202626161f6"),
        (
            "depth 16",
            "8181818181818181818181818181810000"
                .get(..32)
                .unwrap_or_default(),
        ),
    ];
    let bad = [
        ("nothing", ""),
        ("23 in two bytes", "1817"),
        ("255 in three bytes", "1900ff"),
        ("2^63", "1b8000000000000000"),
        ("-2^63 - 1", "3b8000000000000000"),
        ("half float", "f93c00"),
        ("double", "fb3ff0000000000000"),
        ("undefined", "f7"),
        ("simple value 16", "f0"),
        ("tag", "c000"),
        ("indefinite array", "9f01ff"),
        ("indefinite text", "7f6161ff"),
        ("text that is not UTF-8", "61ff"),
        ("keys out of order", "a2616201616101"),
        ("a longer key first", "a262616101616201"),
        ("a key twice", "a2616101616102"),
        ("a key that is a number", "a10101"),
        ("ends early", "8301"),
        ("something after it", "0000"),
        ("depth 17", "8181818181818181818181818181818100"),
        ("an array of 2^63 items", "9b8000000000000000"),
    ];
    let read = |bytes: &[u8]| Value::decode(bytes).map(|value| json!({ "json": to_json(&value) }));
    let mut cases = Vec::new();
    for (name, text) in good {
        let bytes = unhex(text).unwrap();
        assert_eq!(Value::decode(&bytes).unwrap().encode(), bytes);
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
    }
    for (name, text) in bad {
        let bytes = unhex(text).unwrap();
        cases.push(case(
            name,
            bytes_of(&bytes),
            read(&bytes),
            Err(Refusal::BadCbor),
        ));
    }
    hold("cbor.json", "Deterministic CBOR (page 1.3)", cases);
}

#[test]
fn lipmaa() {
    let seqs = (0..125).chain([
        363,
        364,
        365,
        1_092,
        1_093,
        99_999,
        797_160,
        797_161,
        1 << 40,
    ]);
    let cases = seqs.map(
        |seq| json!({ "name": format!("seq {seq}"), "seq": seq, "target": skiplink::target(seq) }),
    );
    hold("lipmaa.json", "Skip targets (page 3.2)", cases.collect());
}

#[test]
fn payloads() {
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let payload = Payload::split(bytes).map_err(|_| Refusal::BadPayload)?;
        let event = payload.check()?;
        let erasable = payload.erasable.map(|part| hex(&part.hash()));
        let (hash, kind) = (hex(&payload_hash(bytes)), event.kind);
        Ok(
            json!({ "hash": hash, "kind": kind, "body": to_json(&event.body), "erasable_hash": erasable }),
        )
    };
    let mut plain = PayloadBuilder::new("order.request", Value::map([("quantity", Value::Int(2))]));
    let whole = plain.encode().unwrap();
    plain.erasable = Some((
        [7; 16],
        0,
        Value::map([("street", Value::Text("Bulevardi 7".into()))]),
    ));
    let erasable = plain.encode().unwrap();
    plain.erasable = Some(([7; 16], 1_767_225_600_000, Value::Map(vec![])));
    let expiring = plain.encode().unwrap();
    let raw = |kind: &str, body: &[u8], rest: &[u8]| {
        let mut bytes = Vec::new();
        bytes.put_bytes(kind.as_bytes());
        bytes.put_bytes(body);
        [&bytes, rest].concat()
    };
    let mut cases = Vec::new();
    for (name, bytes) in [
        ("plain", &whole),
        ("with an erasable part", &erasable),
        ("that expires", &expiring),
    ] {
        cases.push(case(name, bytes_of(bytes), read(bytes), Ok(())));
    }
    let empty_evidence_5 = [&[5u8][..], &[0; 6]].concat();
    for (name, bytes) in [
        ("nothing", vec![]),
        ("a kind without a dot", raw("order", &[0xa0], &[0, 0])),
        ("a kind in capitals", raw("Order.request", &[0xa0], &[0, 0])),
        (
            "a kind of 65 bytes",
            raw(&format!("a.{}", "b".repeat(63)), &[0xa0], &[0, 0]),
        ),
        ("a body that is no map", raw("a.b", &[0x01], &[0, 0])),
        (
            "a body with a float",
            raw("a.b", &[0xa1, 0x61, 0x61, 0xf9, 0, 0], &[0, 0]),
        ),
        ("a body of 8,193 bytes", raw("a.b", &[0; 8_193], &[0, 0])),
        (
            "five pieces of evidence",
            raw("a.b", &[0xa0], &empty_evidence_5),
        ),
        ("an option byte of 2", raw("a.b", &[0xa0], &[0, 2])),
        ("ends early", whole[..whole.len() - 1].to_vec()),
        ("something after it", [&whole[..], &[0]].concat()),
    ] {
        cases.push(case(
            name,
            bytes_of(&bytes),
            read(&bytes),
            Err(Refusal::BadPayload),
        ));
    }
    hold(
        "payloads.json",
        "Payloads and their hashes (page 3.3)",
        cases,
    );
}

fn header(seq: u64) -> Header {
    Header {
        author: DeviceId([1; 32]),
        topic: TopicId([2; 32]),
        seq,
        backlink: (seq > 0).then_some(EntryId([3; 32])),
        skiplink: skiplink::target(seq).map(|_| EntryId([4; 32])),
        hlc: 1_767_225_600_000 << 16 | 5,
        deps: vec![EntryId([5; 32]), EntryId([6; 32])],
        payload_hash: [7; 32],
        payload_len: 300,
        certificate: (seq == 0).then(|| vec![8; 40]),
    }
}

#[test]
fn headers() {
    let read = |bytes: &[u8]| {
        Header::decode(bytes)
            .map(|header| json!({ "id": header.id().to_string(), "seq": header.seq, "genesis": header.is_genesis() }))
    };
    let mut cases = Vec::new();
    let genesis = Header {
        topic: TopicId::ZERO,
        deps: vec![],
        ..header(0)
    };
    for (name, header) in [
        ("a genesis", genesis.clone()),
        ("a first entry", header(0)),
        ("without skiplink", header(1)),
        ("with skiplink", header(3)),
        (
            "without deps",
            Header {
                deps: vec![],
                ..header(100)
            },
        ),
    ] {
        let bytes = header.encode();
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
    }
    let many: Vec<EntryId> = (0..17).map(|n| EntryId([n; 32])).collect();
    let mut version = header(1).encode();
    version[0] = 2;
    let long_seq = {
        // seq 1 written in two bytes
        let bytes = header(1).encode();
        [&bytes[..65], &[0x81, 0x00], &bytes[66..]].concat()
    };
    for (name, bytes, refusal) in [
        ("version 2", version, Refusal::BadHeader),
        (
            "a genesis with deps",
            Header {
                topic: TopicId::ZERO,
                ..header(0)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "a genesis with seq 1",
            Header {
                topic: TopicId::ZERO,
                deps: vec![],
                ..header(1)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "the highest seq there is",
            header(u64::MAX).encode(),
            Refusal::BadHeader,
        ),
        (
            "seq 0 with a backlink",
            Header {
                backlink: Some(EntryId([3; 32])),
                ..header(0)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "seq 1 without a backlink",
            Header {
                backlink: None,
                ..header(1)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "seq 3 without a skiplink",
            Header {
                skiplink: None,
                ..header(3)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "seq 1 with a skiplink",
            Header {
                skiplink: Some(EntryId([4; 32])),
                ..header(1)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "seq 0 without a certificate",
            Header {
                certificate: None,
                ..header(0)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "seq 1 with a certificate",
            Header {
                certificate: Some(vec![8]),
                ..header(1)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "deps out of order",
            Header {
                deps: vec![EntryId([6; 32]), EntryId([5; 32])],
                ..header(1)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "a dep twice",
            Header {
                deps: vec![EntryId([5; 32]); 2],
                ..header(1)
            }
            .encode(),
            Refusal::BadHeader,
        ),
        (
            "17 deps",
            Header {
                deps: many,
                ..header(1)
            }
            .encode(),
            Refusal::TooLarge,
        ),
        (
            "a payload of 65,537 bytes",
            Header {
                payload_len: 65_537,
                ..header(1)
            }
            .encode(),
            Refusal::TooLarge,
        ),
        (
            "a certificate of 4,097 bytes",
            Header {
                certificate: Some(vec![8; 4_097]),
                ..header(0)
            }
            .encode(),
            Refusal::TooLarge,
        ),
        (
            "a seq that is not the shortest",
            long_seq,
            Refusal::NotCanonical,
        ),
        (
            "something after it",
            [header(1).encode(), vec![0]].concat(),
            Refusal::NotCanonical,
        ),
        (
            "ends early",
            header(1).encode()[..150].to_vec(),
            Refusal::Truncated,
        ),
        ("nothing", vec![], Refusal::Truncated),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    hold("headers.json", "Headers and ids (page 3.1)", cases);
}
