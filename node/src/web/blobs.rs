//! Blobs over HTTP: opened where they are sealed.

use std::ops::Range;

use serde_json::{Value as Json, json};
use synlog_log::ids::{BlobHash, hex};
use synlog_log::sealed::blob::{CHUNK_LEN, TAG_LEN};
use synlog_web::backend::BlobInfo;

use crate::blobs::{BlobError, media_type_of};
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::node::Node;

/// Bytes by which a blob is known.
const FRONT: u64 = 16;

/// A blob that is here, and the key that an entry gives for it.
fn find(node: &mut Node, front: &str) -> Result<(BlobHash, u64, Option<[u8; 32]>), Failure> {
    let hash = node.find_blob(front)?;
    let stored = node.blobs()?.files.whole().get(&hash).copied();
    let stored = stored.ok_or(BlobError::Missing(hash))?;
    let key = node.key_of_blob(&hash)?;
    Ok((hash, stored, key))
}

fn read(
    node: &mut Node,
    hash: &BlobHash,
    key: Option<&[u8; 32]>,
    range: Range<u64>,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut put = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    match key {
        Some(key) => node.open_blob(hash, key, range, &mut put)?,
        None => node.read_blob(hash, range, &mut put)?,
    }
    Ok(bytes)
}

/// App and major version of the topics whose entries name a blob.
pub(super) fn apps(node: &mut Node, front: &str) -> Result<Vec<(String, u16)>, Failure> {
    let hash = node.find_blob(front)?;
    node.look_for_blobs()?;
    let mut apps = Vec::new();
    for topic in node.blobs()?.table.topics_of(&hash) {
        if let Some(genesis) = node.opened_genesis(&topic)? {
            apps.push((genesis.app, genesis.major));
        }
    }
    Ok(apps)
}

/// What is known of a blob.
pub(super) fn info(node: &mut Node, front: &str) -> Result<BlobInfo, Failure> {
    let (hash, stored, key) = find(node, front)?;
    let sealed = stored.div_ceil((CHUNK_LEN + TAG_LEN) as u64) * TAG_LEN as u64;
    let size = if key.is_some() {
        stored.saturating_sub(sealed)
    } else {
        stored
    };
    let front = read(node, &hash, key.as_ref(), 0..FRONT)?;
    node.blobs()?.note_use(&hash, now_ms())?;
    Ok(BlobInfo {
        size,
        front,
        hash: hash.to_string(),
    })
}

/// Some bytes of a blob.
pub(super) fn bytes(node: &mut Node, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Failure> {
    let (hash, _, key) = find(node, hash)?;
    read(node, &hash, key.as_ref(), range)
}

/// Stores a blob. The answer has it as an event names it, too.
pub(super) fn add(node: &mut Node, topic: Option<&str>, bytes: &[u8]) -> Result<Json, Failure> {
    let topic = topic.map(|name| node.find_topic(name)).transpose()?;
    let media_type = media_type_of(bytes).to_owned();
    let added = node.add_blob(topic.as_ref(), bytes, Some(media_type), now_ms())?;
    let reference = &added.reference;
    Ok(json!({
        "blob": reference.hash.to_string(),
        "size": reference.size,
        "type": reference.media_type,
        "key": reference.key.as_ref().map(|key| hex(key)),
        "topic": topic.map(|topic| topic.to_string()),
        "new": added.is_new,
        "reference": crate::json::to_json(&reference.value()),
    }))
}
