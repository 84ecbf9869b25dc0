//! What bodies decode as: one shape for each type, and the CBOR of the rest of synlog.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use serde::Deserialize;
use synlog_reducer::cbor::{Value, from_slice};
use synlog_reducer::{Bytes, Id};

#[derive(Debug, PartialEq, Deserialize)]
struct Body {
    title: String,
    count: u8,
    delta: Option<i64>,
    #[serde(default)]
    tags: Vec<String>,
    who: Option<Id>,
    raw: Option<Bytes>,
    stage: Option<Stage>,
    any: Option<Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Open,
    Until(i64),
}

fn t(text: &str) -> Value {
    Value::from(text)
}

fn body(more: &[(&str, Value)]) -> Vec<u8> {
    let base = [("title", t("a")), ("count", Value::Int(7))];
    let more = more.iter().map(|(key, value)| (*key, value.clone()));
    // of equal keys the first stays
    Value::map(more.chain(base)).encode()
}

#[test]
fn what_fits_is_taken() {
    let table: &[&[(&str, Value)]] = &[
        &[],
        &[("delta", Value::Null)],
        &[
            ("delta", Value::Int(-3)),
            ("tags", Value::Array(vec![t("x")])),
        ],
        &[
            ("who", Value::Bytes(vec![1; 32])),
            ("raw", Value::Bytes(vec![])),
        ],
        &[("stage", t("open"))],
        &[("stage", Value::map([("until", Value::Int(9))]))],
        &[("any", Value::map([("a", Value::Array(vec![Value::Null]))]))],
        &[("unheard", Value::map([("of", Value::Array(vec![t("x")]))]))],
    ];
    for more in table {
        let decoded = from_slice::<Body>(&body(more));
        assert!(decoded.is_ok(), "{more:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let table: &[&[(&str, Value)]] = &[
        &[("title", Value::Bytes(b"a".to_vec()))],
        &[("title", Value::Null)],
        &[("count", Value::Int(-1))],
        &[("count", Value::Int(256))],
        &[("count", t("7"))],
        &[("delta", Value::Bool(true))],
        &[("tags", t("x"))],
        &[("who", Value::Bytes(vec![1; 31]))],
        &[("raw", t("x"))],
        &[("stage", t("unheard"))],
        &[("stage", Value::map([("open", Value::Null)]))],
    ];
    for more in table {
        assert!(from_slice::<Body>(&body(more)).is_err(), "{more:?}");
    }
    // a struct is a map, never an array
    let array = Value::Array(vec![t("a"), Value::Int(7)]);
    assert!(from_slice::<Body>(&array.encode()).is_err());
    assert!(from_slice::<Body>(&Value::map([("title", t("a"))]).encode()).is_err());
}

/// A struct that passes over all that it is given.
#[derive(Debug, Deserialize)]
struct Nothing {}

proptest! {
    /// What is passed over is checked like all the rest: both decoders agree on every input.
    #[test]
    fn both_decoders_take_the_same_bytes(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            (proptest::collection::vec(any::<u8>(), 0..12), 0u8..4, 0usize..20).prop_map(
                |(inner, len, depth)| {
                    let mut bytes = vec![0xa1, 0x61, b'k'];
                    bytes.extend(vec![0x81; depth]);
                    bytes.push(0x80 | len);
                    bytes.extend(inner);
                    bytes
                }
            ),
            (0usize..60, 0u8..8).prop_map(|(at, bit)| {
                let mut bytes = body(&[("any", Value::map([("k", Value::Int(300))]))]);
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
                bytes
            }),
        ]
    ) {
        let log = synlog_log::cbor::Value::decode_map(&bytes);
        prop_assert_eq!(log.is_ok(), from_slice::<Nothing>(&bytes).is_ok());
        let kit = Value::decode(&bytes);
        prop_assert_eq!(synlog_log::cbor::Value::decode(&bytes).is_ok(), kit.is_ok());
        if let Ok(value) = kit {
            prop_assert_eq!(value.encode(), bytes);
        }
    }
}
