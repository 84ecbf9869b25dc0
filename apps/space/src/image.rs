//! Pictures: blobs that the space's entries name (`spec/15-blobs.md`).

use serde::{Deserialize, Serialize};
use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

/// What every screen can show.
pub(crate) const MEDIA_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/avif"];
/// Bytes of a picture: what a good camera makes, and a client on the road can still fetch.
pub(crate) const IMAGE_BYTES_MAX: i64 = 16 * 1024 * 1024;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The hash of its bytes.
    pub blob: Id,
    /// Its bytes.
    pub size: i64,
    /// One of [`MEDIA_TYPES`].
    #[serde(rename = "type")]
    pub media_type: String,
    /// With what it is sealed, in a private space.
    #[serde(default)]
    pub key: Option<Id>,
}

impl Image {
    /// Whether its type is known and its size within bounds.
    pub(crate) fn is_right(&self) -> bool {
        let known = MEDIA_TYPES.contains(&&self.media_type[..]);
        known && (1..=IMAGE_BYTES_MAX).contains(&self.size)
    }

    /// As it stands in rows.
    pub(crate) fn value(&self) -> Value {
        let mut pairs = vec![
            ("blob", Value::Bytes(self.blob.0.to_vec())),
            ("size", Value::Int(self.size)),
            ("type", Value::from(&self.media_type[..])),
        ];
        if let Some(key) = &self.key {
            pairs.push(("key", Value::Bytes(key.0.to_vec())));
        }
        Value::map(pairs)
    }
}
