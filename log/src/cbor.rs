//! The deterministic CBOR subset of event bodies (`spec/01-encoding.md` 1.3).

use crate::limits::CBOR_DEPTH_MAX;
use crate::refusal::Refusal;

/// A CBOR value of the subset.
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
    /// A map, kept in the order of the encoding.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A map with its keys brought into order. Of equal keys the first stays.
    pub fn map(pairs: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Self {
        let mut pairs: Vec<(String, Value)> = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect();
        pairs.sort_by(|a, b| key_order(&a.0, &b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        Self::Map(pairs)
    }

    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(pairs) => pairs
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The bytes, if they are bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    /// Exactly 32 bytes, if it is that.
    pub fn as_id(&self) -> Option<[u8; 32]> {
        self.as_bytes()?.try_into().ok()
    }

    /// The items, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }

    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0xf6),
            Self::Bool(value) => out.push(0xf4 + u8::from(*value)),
            Self::Int(value) if *value >= 0 => put_head(out, 0, *value as u64),
            Self::Int(value) => put_head(out, 1, !*value as u64),
            Self::Bytes(bytes) => {
                put_head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Text(text) => {
                put_head(out, 3, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Array(items) => {
                put_head(out, 4, items.len() as u64);
                items.iter().for_each(|item| item.encode_to(out));
            }
            Self::Map(pairs) => {
                put_head(out, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    put_head(out, 3, key.len() as u64);
                    out.extend_from_slice(key.as_bytes());
                    value.encode_to(out);
                }
            }
        }
    }

    /// Decodes one value that takes up all of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut decoder = Decoder { rest: bytes };
        let value = decoder.value(1)?;
        if decoder.rest.is_empty() {
            Ok(value)
        } else {
            Err(Refusal::BadCbor)
        }
    }

    /// As [`Value::decode`], and it must be a map.
    pub fn decode_map(bytes: &[u8]) -> Result<Self, Refusal> {
        match Self::decode(bytes)? {
            map @ Self::Map(_) => Ok(map),
            _ => Err(Refusal::BadCbor),
        }
    }
}

/// Bytewise order of encodings: the shorter key first, then the bytes.
fn key_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

fn put_head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    match value {
        0..=23 => out.push(major | value as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, value as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let taken = self.rest.get(..len).ok_or(Refusal::BadCbor)?;
        self.rest = &self.rest[len..];
        Ok(taken)
    }

    fn uint(&mut self, len: usize, above: u64) -> Result<u64, Refusal> {
        let value = self
            .take(len)?
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value > above {
            Ok(value)
        } else {
            Err(Refusal::BadCbor)
        }
    }

    /// Major type and argument, in the shortest form.
    fn head(&mut self) -> Result<(u8, u64), Refusal> {
        let first = self.take(1)?[0];
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            24 => self.uint(1, 23)?,
            25 => self.uint(2, 0xff)?,
            26 => self.uint(4, 0xffff)?,
            27 => self.uint(8, 0xffff_ffff)?,
            _ => return Err(Refusal::BadCbor),
        };
        Ok((first >> 5, argument))
    }

    fn slice(&mut self, len: u64) -> Result<&'a [u8], Refusal> {
        self.take(usize::try_from(len).map_err(|_| Refusal::BadCbor)?)
    }

    fn text(&mut self, len: u64) -> Result<String, Refusal> {
        let text = std::str::from_utf8(self.slice(len)?).map_err(|_| Refusal::BadCbor)?;
        Ok(text.to_owned())
    }

    fn int(argument: u64, negative: bool) -> Result<Value, Refusal> {
        let value = i64::try_from(argument).map_err(|_| Refusal::BadCbor)?;
        Ok(Value::Int(if negative { !value } else { value }))
    }

    fn value(&mut self, level: usize) -> Result<Value, Refusal> {
        if level > CBOR_DEPTH_MAX {
            return Err(Refusal::BadCbor);
        }
        if let Some(simple @ 0xf4..=0xf6) = self.rest.first().copied() {
            self.rest = &self.rest[1..];
            return Ok(if simple == 0xf6 {
                Value::Null
            } else {
                Value::Bool(simple == 0xf5)
            });
        }
        let (major, argument) = self.head()?;
        match major {
            0 => Self::int(argument, false),
            1 => Self::int(argument, true),
            2 => Ok(Value::Bytes(self.slice(argument)?.to_vec())),
            3 => Ok(Value::Text(self.text(argument)?)),
            // grown as items come: a count is only a claim
            4 => {
                let mut items = Vec::new();
                for _ in 0..argument {
                    items.push(self.value(level + 1)?);
                }
                Ok(Value::Array(items))
            }
            5 => {
                let mut pairs: Vec<(String, Value)> = Vec::new();
                for _ in 0..argument {
                    let (3, len) = self.head()? else {
                        return Err(Refusal::BadCbor);
                    };
                    let key = self.text(len)?;
                    if pairs
                        .last()
                        .is_some_and(|(last, _)| key_order(last, &key).is_ge())
                    {
                        return Err(Refusal::BadCbor);
                    }
                    let value = self.value(level + 1)?;
                    pairs.push((key, value));
                }
                Ok(Value::Map(pairs))
            }
            _ => Err(Refusal::BadCbor),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
            ".{0,30}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((".{0,9}", inner), 0..6).prop_map(Value::map),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back(value in values()) {
            prop_assert_eq!(Value::decode(&value.encode()), Ok(value));
        }

        #[test]
        fn whatever_decodes_has_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = Value::decode(&bytes) {
                prop_assert_eq!(value.encode(), bytes);
            }
        }
    }

    #[test]
    fn depth_and_claimed_counts_are_bounded() {
        assert!(Value::decode(&[[0x81; 15].as_slice(), &[0x00]].concat()).is_ok());
        assert_eq!(
            Value::decode(&[[0x81; 16].as_slice(), &[0x00]].concat()),
            Err(Refusal::BadCbor)
        );
        assert_eq!(
            Value::decode(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(Refusal::BadCbor)
        );
        assert_eq!(
            Value::decode(&[0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            Err(Refusal::BadCbor)
        );
        assert_eq!(
            Value::decode(&Value::Int(i64::MIN).encode()),
            Ok(Value::Int(i64::MIN))
        );
    }
}
