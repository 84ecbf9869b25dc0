//! Keys of the one tree, and the encoding of values whose byte order is their order.

use synlog_log::cbor::Value;
use synlog_log::ids::TopicId;

/// The one record about the store itself.
pub(crate) const META: &[u8] = b"M";

/// Bytes of a text, of bytes or of a map that count in an index. What is longer is
/// found all the same, since rows are compared with the query again.
const INDEXED_BYTES_MAX: usize = 200;
/// Entries that one row may have in one index: two lists of 16 items. The first ones
/// in the order of their values stay.
pub(crate) const INDEX_ENTRIES_MAX: usize = 256;

/// Which state of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Layer {
    /// Of what the sequencer placed; in a causal topic of all.
    Base,
    /// With tentative events on top.
    Overlay,
}

impl Layer {
    fn letter(self) -> u8 {
        match self {
            Self::Base => b'A',
            Self::Overlay => b'O',
        }
    }
}

fn start(letter: u8, topic: &TopicId, room: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(33 + room);
    key.push(letter);
    key.extend_from_slice(&topic.0);
    key
}

/// What is known of a topic as a whole.
pub(crate) fn topic(topic: &TopicId) -> Vec<u8> {
    start(b'T', topic, 0)
}

/// Prefix of all topics.
pub(crate) const TOPICS: &[u8] = b"T";

/// An aggregate. The key comes last, so prefixes of keys are contiguous.
pub(crate) fn aggregate(layer: Layer, topic: &TopicId, key: &str) -> Vec<u8> {
    let mut out = start(layer.letter(), topic, key.len());
    out.extend_from_slice(key.as_bytes());
    out
}

/// The aggregate's key in what [`aggregate`] made.
pub(crate) fn aggregate_key(stored: &[u8]) -> Option<&str> {
    std::str::from_utf8(stored.get(33..)?).ok()
}

/// A rejection, at its place in the fold. `place` sorts like the fold.
pub(crate) fn rejection(layer: Layer, topic: &TopicId, place: &[u8]) -> Vec<u8> {
    let mut out = start(b'R', topic, 1 + place.len());
    out.push(layer as u8);
    out.extend_from_slice(place);
    out
}

/// Block of the list of events of an aggregate of a causal topic.
pub(crate) fn block(topic: &TopicId, key: &str, number: u32) -> Vec<u8> {
    let mut out = start(b'L', topic, key.len() + 5);
    put_key(&mut out, key);
    out.extend_from_slice(&number.to_be_bytes());
    out
}

/// An earlier state of an aggregate of a causal topic, after so many events.
pub(crate) fn snapshot(topic: &TopicId, key: &str, count: u64) -> Vec<u8> {
    let mut out = start(b'P', topic, key.len() + 9);
    put_key(&mut out, key);
    out.extend_from_slice(&count.to_be_bytes());
    out
}

/// Prefixes of all that belongs to a topic, its record and index entries aside.
pub(crate) fn of_topic(topic: &TopicId) -> [Vec<u8>; 5] {
    [b'A', b'O', b'R', b'L', b'P'].map(|letter| start(letter, topic, 0))
}

/// What a commit changed.
pub(crate) fn change(version: u64) -> Vec<u8> {
    let mut out = vec![b'C'];
    out.extend_from_slice(&version.to_be_bytes());
    out
}

/// Prefix of an index's entries.
pub(crate) fn index(space: &[u8; 8]) -> Vec<u8> {
    let mut out = vec![b'I'];
    out.extend_from_slice(space);
    out
}

/// An aggregate's key with its length, so that what follows can't run into it.
pub(crate) fn put_key(out: &mut Vec<u8>, key: &str) {
    // keys have at most 128 bytes
    out.push(key.len() as u8);
    out.extend_from_slice(key.as_bytes());
}

/// The smallest key above all that begin with a prefix; `None` where there is none.
pub(crate) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// Appends a value so that the order of bytes is the order of values:
/// null, booleans, integers, bytes, texts, arrays, maps.
pub(crate) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(1),
        Value::Bool(value) => out.extend_from_slice(&[2, u8::from(*value)]),
        Value::Int(value) => {
            out.push(3);
            // with the sign bit turned around negative numbers come first
            out.extend_from_slice(&(*value as u64 ^ 1 << 63).to_be_bytes());
        }
        Value::Bytes(bytes) => put_escaped(out, 4, bytes),
        Value::Text(text) => put_escaped(out, 5, text.as_bytes()),
        Value::Array(_) => put_escaped(out, 6, &value.encode()),
        Value::Map(pairs) => {
            let mut inner = Vec::new();
            for (name, value) in pairs {
                put_escaped(&mut inner, 5, name.as_bytes());
                put_value(&mut inner, value);
            }
            put_escaped(out, 7, &inner);
        }
    }
}

fn put_escaped(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    for byte in &bytes[..bytes.len().min(INDEXED_BYTES_MAX)] {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Where a row stands in an index: the encoded values of its columns. An array counts
/// with each of its items, what is not there as null.
pub(crate) fn places(columns: &[String], row: &Value) -> Vec<Vec<u8>> {
    let column = |name| row.get(name).unwrap_or(&Value::Null);
    places_of(columns.iter().map(|name| column(name)))
}

/// Where a row with these values in the columns of an index stands.
pub(crate) fn places_of<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<Vec<u8>> {
    let mut places = vec![Vec::new()];
    for value in values {
        let Value::Array(items) = value else {
            places.iter_mut().for_each(|place| put_value(place, value));
            continue;
        };
        let mut encoded: Vec<Vec<u8>> = items
            .iter()
            .map(|item| {
                let mut out = Vec::new();
                put_value(&mut out, item);
                out
            })
            .collect();
        encoded.sort();
        encoded.dedup();
        places = places
            .iter()
            .flat_map(|place| encoded.iter().map(move |item| [&place[..], item].concat()))
            .take(INDEX_ENTRIES_MAX)
            .collect();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        put_value(&mut out, value);
        out
    }

    proptest! {
        #[test]
        fn integers_sort_as_numbers(a: i64, b: i64) {
            prop_assert_eq!(a.cmp(&b), encoded(&Value::Int(a)).cmp(&encoded(&Value::Int(b))));
        }

        #[test]
        fn bytes_sort_as_bytes(
            a in proptest::collection::vec(0u8..3, 0..6),
            b in proptest::collection::vec(0u8..3, 0..6),
            tail: [u8; 3],
        ) {
            let order = a.cmp(&b);
            let with_tail = |bytes: &[u8], tail: &[u8]| {
                [&encoded(&Value::Bytes(bytes.to_vec()))[..], tail].concat()
            };
            if order.is_ne() {
                prop_assert_eq!(order, with_tail(&a, &tail).cmp(&with_tail(&b, &[])));
            }
        }

        #[test]
        fn prefixes_end_where_they_end(
            prefix in proptest::collection::vec(250u8..=255, 1..4),
            key in proptest::collection::vec(250u8..=255, 1..6),
        ) {
            let inside = key >= prefix && after(&prefix).is_none_or(|end| key < end);
            prop_assert_eq!(inside, key.starts_with(&prefix));
        }
    }
}
