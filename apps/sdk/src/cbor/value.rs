//! Values of any shape, and how they are written.

use core::cmp::Ordering;

use super::reader::{BadCbor, Item, Reader};
use crate::values::{Bytes, Geo, Hash16, Id, Money, Quantity};

/// A value of any shape. In a state it is stored as its CBOR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map, in the order of the encoding; build it with [`Value::map`].
    Map(Vec<(String, Value)>),
}

/// Bytewise order of encodings: the shorter key first, then the bytes.
pub(crate) fn key_order(a: &str, b: &str) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

/// Appends a major type (0 to 7) and its argument in the shortest form.
pub fn put_head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    let bytes = value.to_be_bytes();
    let (info, used) = match value {
        0..=23 => (value as u8, 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major | info);
    out.extend_from_slice(&bytes[8 - used..]);
}

/// Appends a text string.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Maps are small; the sorts of the standard library would be a third of a module.
#[inline(never)]
fn insert(sorted: &mut Vec<(String, Value)>, key: String, value: Value) {
    let mut at = sorted.len();
    while at > 0 {
        match key_order(&sorted[at - 1].0, &key) {
            Ordering::Less => break,
            Ordering::Equal => return,
            Ordering::Greater => at -= 1,
        }
    }
    sorted.insert(at, (key, value));
}

impl Value {
    /// A map with its keys brought into order. Of equal keys the first stays.
    pub fn map(pairs: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Self {
        let mut sorted = Vec::new();
        for (key, value) in pairs {
            insert(&mut sorted, key.into(), value);
        }
        Self::Map(sorted)
    }

    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(pairs) => {
                let mut pairs = pairs.iter();
                pairs.find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }

    /// Appends the encoding.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0xf6),
            Self::Bool(value) => out.push(0xf4 + u8::from(*value)),
            Self::Int(value) if *value >= 0 => put_head(out, 0, *value as u64),
            Self::Int(value) => put_head(out, 1, !*value as u64),
            Self::Bytes(bytes) => {
                put_head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Text(text) => put_text(out, text),
            Self::Array(items) => {
                put_head(out, 4, items.len() as u64);
                items.iter().for_each(|item| item.encode_to(out));
            }
            Self::Map(pairs) => {
                put_head(out, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    put_text(out, key);
                    value.encode_to(out);
                }
            }
        }
    }

    /// Decodes one value that takes up all of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadCbor> {
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, BadCbor> {
        Ok(match reader.item()? {
            Item::Null => Self::Null,
            Item::Bool(value) => Self::Bool(value),
            Item::Int(value) => Self::Int(value),
            Item::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Item::Text(text) => Self::Text(text.to_owned()),
            Item::Array(len) => {
                reader.enter();
                // grown as items come: a count is only a claim
                let mut items = Vec::new();
                for _ in 0..len {
                    items.push(Self::read(reader)?);
                }
                reader.leave();
                Self::Array(items)
            }
            Item::Map(len) => {
                reader.enter();
                let mut pairs: Vec<(String, Value)> = Vec::new();
                for _ in 0..len {
                    let last = pairs.last().map(|(key, _)| &key[..]);
                    let key = reader.key(last)?.to_owned();
                    pairs.push((key, Self::read(reader)?));
                }
                reader.leave();
                Self::Map(pairs)
            }
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Id> for Value {
    fn from(id: Id) -> Self {
        Self::Bytes(id.0.to_vec())
    }
}

impl From<Hash16> for Value {
    fn from(hash: Hash16) -> Self {
        Self::Bytes(hash.0.to_vec())
    }
}

impl From<&Bytes> for Value {
    fn from(bytes: &Bytes) -> Self {
        Self::Bytes(bytes.0.clone())
    }
}

impl From<&Money> for Value {
    fn from(money: &Money) -> Self {
        Self::map([
            ("currency", Self::from(&money.currency[..])),
            ("minor", Self::Int(money.minor)),
        ])
    }
}

impl From<&Quantity> for Value {
    fn from(quantity: &Quantity) -> Self {
        Self::map([
            ("value", Self::Int(quantity.value)),
            ("scale", Self::Int(i64::from(quantity.scale))),
            ("unit", Self::from(&quantity.unit[..])),
        ])
    }
}

impl From<Geo> for Value {
    fn from(geo: Geo) -> Self {
        Self::map([
            ("lat", Self::Int(i64::from(geo.lat))),
            ("lon", Self::Int(i64::from(geo.lon))),
        ])
    }
}
