//! Blobs that arguments name.

use serde_json::Value as Json;
use synlog_log::blob::BlobRef;
use synlog_log::cbor::Value;
use synlog_log::ids::{BlobHash, TopicId};

use crate::blobs::{BlobError, media_type_of};
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::json::from_json;
use crate::node::Node;

/// Files that arguments name.
pub(super) struct Files<'a> {
    /// Reads one that the caller has, or its standard input.
    pub read: &'a dyn Fn(&str) -> Result<Vec<u8>, Failure>,
    /// Whether what is read is stored as a blob.
    pub keeps: bool,
}

/// A blob: `@` and a file, which is added, the hash of one that is here, or JSON.
pub(super) fn blob(
    node: &mut Node,
    topic: &TopicId,
    what: &str,
    text: &str,
    files: &Files<'_>,
) -> Result<Value, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        let bytes = (files.read)(path)?;
        let media_type = Some(media_type_of(&bytes).to_owned());
        if files.keeps {
            let added = node.add_blob(Some(topic), &bytes, media_type, now_ms())?;
            return Ok(added.reference.value());
        }
        let reference = BlobRef {
            hash: BlobHash(*blake3::hash(&bytes).as_bytes()),
            size: bytes.len() as u64,
            media_type,
            key: None,
        };
        return Ok(reference.value());
    }
    if let Ok(json) = serde_json::from_str::<Json>(text)
        && (json.is_object() || json.is_array())
    {
        return from_json(&json).map_err(|error| Failure::Usage(format!("{what}: {error}")));
    }
    let hash = node.find_blob(text)?;
    if let Some(reference) = node.references(&hash)?.into_iter().next() {
        return Ok(reference.value());
    }
    let size = node.blobs()?.files.whole().get(&hash).copied();
    let size = size.ok_or(BlobError::Missing(hash))?;
    let mut front = Vec::new();
    node.read_blob(&hash, 0..16, &mut |bytes| {
        front.extend_from_slice(bytes);
        Ok(())
    })?;
    let reference = BlobRef {
        hash,
        size,
        media_type: Some(media_type_of(&front).to_owned()),
        key: None,
    };
    Ok(reference.value())
}
