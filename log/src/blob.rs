//! How entries name blobs (`spec/15-blobs.md` 15.1): a map in the body of an event, under
//! any key, with the keys `blob` and `size`. So whoever can read an entry knows which blobs
//! belong to it, whatever app it is of.

use crate::cbor::Value;
use crate::ids::BlobHash;
use crate::limits::{BLOB_MAX, BLOB_REFS_MAX, MEDIA_TYPE_MAX};

/// What an entry says of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRef {
    /// The hash of its bytes; of a sealed one the hash of what is sealed.
    pub hash: BlobHash,
    /// Its bytes, as many as are hashed.
    pub size: u64,
    /// What it is, such as `image/webp`.
    pub media_type: Option<String>,
    /// With what it is sealed, in a private topic.
    pub key: Option<[u8; 32]>,
}

/// Text keys of `blob`, as they are encoded: what doesn't contain this names no blob.
const MARK: &[u8] = b"\x64blob";

/// Whether a text is a media type as blobs have it: `type/subtype` in lower case.
pub fn media_type_is_right(text: &str) -> bool {
    let word = |word: &str| {
        let letter = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'.' | b'+' | b'-' | b'_')
        };
        !word.is_empty() && word.bytes().all(letter)
    };
    text.len() <= MEDIA_TYPE_MAX
        && text
            .split_once('/')
            .is_some_and(|(kind, sub)| word(kind) && word(sub))
}

impl BlobRef {
    /// From a value that may be one.
    pub fn of(value: &Value) -> Option<Self> {
        let size = u64::try_from(value.get("size")?.as_int()?).ok()?;
        let media_type = match value.get("type") {
            None | Some(Value::Null) => None,
            Some(text) => Some(text.as_text().filter(|text| media_type_is_right(text))?),
        };
        let key = match value.get("key") {
            None | Some(Value::Null) => None,
            Some(key) => Some(key.as_id()?),
        };
        Some(Self {
            hash: BlobHash(value.get("blob")?.as_id()?),
            size: Some(size).filter(|size| (1..=BLOB_MAX).contains(size))?,
            media_type: media_type.map(str::to_owned),
            key,
        })
    }

    /// As it stands in a body.
    pub fn value(&self) -> Value {
        let mut pairs = vec![
            ("blob", Value::Bytes(self.hash.0.to_vec())),
            // at most BLOB_MAX
            ("size", Value::Int(self.size as i64)),
        ];
        if let Some(media_type) = &self.media_type {
            pairs.push(("type", Value::Text(media_type.clone())));
        }
        if let Some(key) = &self.key {
            pairs.push(("key", Value::Bytes(key.to_vec())));
        }
        Value::map(pairs)
    }
}

/// Whether some bytes may contain a name of a blob: worth decoding.
pub fn may_name(bytes: &[u8]) -> bool {
    let mut windows = bytes.windows(MARK.len());
    // most bytes are not its first
    windows.any(|window| window[0] == MARK[0] && window == MARK)
}

/// The blobs that a body names, in the order in which they stand, each once.
pub fn named(body: &Value) -> Vec<BlobRef> {
    let mut found = Vec::new();
    gather(body, &mut found);
    found
}

// CBOR that was decoded is at most CBOR_DEPTH_MAX deep
fn gather(value: &Value, found: &mut Vec<BlobRef>) {
    if let Some(reference) = BlobRef::of(value) {
        let known = found.iter().any(|known| known.hash == reference.hash);
        if !known && found.len() < BLOB_REFS_MAX {
            found.push(reference);
        }
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, item)| gather(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn refs() -> impl Strategy<Value = BlobRef> {
        let media = proptest::option::of("[a-z]{1,9}/[a-z0-9.+-]{1,20}");
        (
            any::<[u8; 32]>(),
            1..=BLOB_MAX,
            media,
            any::<Option<[u8; 32]>>(),
        )
            .prop_map(|(hash, size, media_type, key)| BlobRef {
                hash: BlobHash(hash),
                size,
                media_type,
                key,
            })
    }

    proptest! {
        #[test]
        fn what_is_named_is_found_wherever_it_stands(
            refs in proptest::collection::vec(refs(), 0..6),
            depth in 0usize..4,
        ) {
            let images: Vec<Value> = refs.iter().map(BlobRef::value).collect();
            let mut body = Value::map([("images", Value::Array(images)), ("n", Value::Int(1))]);
            for _ in 0..depth {
                body = Value::map([("in", Value::Array(vec![Value::Null, body]))]);
            }
            let mut once: Vec<BlobRef> = Vec::new();
            for reference in refs {
                if !once.iter().any(|known| known.hash == reference.hash) {
                    once.push(reference);
                }
            }
            prop_assert_eq!(may_name(&body.encode()), !once.is_empty());
            prop_assert_eq!(named(&Value::decode(&body.encode()).unwrap()), once);
        }

        #[test]
        fn any_bytes_are_looked_through(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = Value::decode(&bytes) {
                for reference in named(&value) {
                    prop_assert!(may_name(&bytes));
                    prop_assert_eq!(BlobRef::of(&reference.value()), Some(reference));
                }
            }
        }
    }

    #[test]
    fn what_is_not_quite_a_name_is_none() {
        let whole = BlobRef {
            hash: BlobHash([7; 32]),
            size: 3,
            media_type: Some("image/png".into()),
            key: None,
        };
        let Value::Map(pairs) = whole.value() else {
            panic!("a reference is a map");
        };
        let with = |key: &str, value: Value| {
            let mut pairs = pairs.clone();
            pairs.retain(|(name, _)| name != key);
            pairs.push((key.to_owned(), value));
            BlobRef::of(&Value::map(pairs))
        };
        assert_eq!(with("key", Value::Null), Some(whole.clone()));
        for (key, value) in [
            ("blob", Value::Bytes(vec![7; 31])),
            ("blob", Value::Text("7".into())),
            ("size", Value::Int(0)),
            ("size", Value::Int(-1)),
            ("size", Value::Int(BLOB_MAX as i64 + 1)),
            ("type", Value::Text("image".into())),
            ("type", Value::Text("image/".into())),
            ("type", Value::Text("Image/PNG".into())),
            ("type", Value::Text("image/png; x=1".into())),
            ("type", Value::Int(1)),
            ("key", Value::Bytes(vec![1; 16])),
        ] {
            assert_eq!(with(key, value.clone()), None, "{key} {value:?}");
        }
    }

    #[test]
    fn an_entry_names_so_many_at_most() {
        let reference = |n: u8| BlobRef {
            hash: BlobHash([n; 32]),
            size: 1,
            media_type: None,
            key: None,
        };
        let body = Value::Array((0..200).map(|n| reference(n).value()).collect());
        assert_eq!(named(&body).len(), BLOB_REFS_MAX);
    }
}
