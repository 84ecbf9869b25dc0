//! The feed table in a file, so that opening a store need not read all runs.
//!
//! ```text
//! index/feeds                                          (integers little-endian)
//!    0 magic "SYNLOGFT" 8 │ 8 version 4 │ 12 store uuid 16
//!   28 position 8 │ 36 segment 4 │ 40 digest of that segment up to there 32
//!   72 CRC of the missing positions 4 │ 76 number of feeds 4
//!   80 CRC32C of 0..80 and of the rest 4
//! rest, per feed: author 32, topic 32, then varints:
//!   number of branches, each: from, height − from, head 32 bytes, hlc
//!   number of extents, each: segment, from, to − from
//! ```
//!
//! Digest, position and missing positions say what the table reflects; the
//! runs behind it are taken in again at opening. Runs that are missing are not
//! part of it. Written when what came in since is several times
//! as large as the table itself, so its cost stays a fraction, and on close.

use super::feeds::{Branch, Extent, Feed, FeedTable};
use super::format::{FORMAT_VERSION, array_at, push_varint, take_varint, u32_at, u64_at};
use crate::ids::{DeviceId, EntryId, FeedKey, TopicId};

pub(crate) const FEEDS_NAME: &str = "feeds";
const MAGIC: &[u8; 8] = b"SYNLOGFT";
const HEADER_BYTES: usize = 84;
/// Least bytes of a feed in the file; bounds what a count may claim.
const LEAST_FEED_BYTES: usize = 64;

/// What a checkpoint reflects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: u64,
    pub(crate) segment: u32,
    pub(crate) digest: [u8; 32],
    /// CRC of the ranges that were missing.
    pub(crate) missing: u32,
}

pub(crate) fn encode(table: &FeedTable, uuid: &[u8; 16], mark: &Mark) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + table.feeds.len() * 120);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(uuid);
    out.extend_from_slice(&mark.position.to_le_bytes());
    out.extend_from_slice(&mark.segment.to_le_bytes());
    out.extend_from_slice(&mark.digest);
    out.extend_from_slice(&mark.missing.to_le_bytes());
    out.extend_from_slice(&(table.feeds.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for feed in &table.feeds {
        out.extend_from_slice(&feed.key.author.0);
        out.extend_from_slice(&feed.key.topic.0);
        push_varint(&mut out, 1 + feed.others.len() as u64);
        for branch in std::iter::once(&feed.first).chain(&feed.others) {
            push_varint(&mut out, branch.from);
            push_varint(&mut out, branch.height - branch.from);
            out.extend_from_slice(&branch.head.0);
            push_varint(&mut out, branch.last_hlc);
        }
        push_varint(&mut out, 1 + feed.more_extents.len() as u64);
        for extent in feed.extents() {
            push_varint(&mut out, u64::from(extent.segment));
            push_varint(&mut out, extent.from);
            push_varint(&mut out, extent.to - extent.from);
        }
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out[..80]), &out[HEADER_BYTES..]);
    out[80..84].copy_from_slice(&crc.to_le_bytes());
    out
}

/// `None` where the bytes are not a checkpoint of this store.
pub(crate) fn decode(bytes: &[u8], uuid: &[u8; 16]) -> Option<(FeedTable, Mark)> {
    if bytes.len() < HEADER_BYTES || &bytes[..8] != MAGIC {
        return None;
    }
    let mut rest = &bytes[HEADER_BYTES..];
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..80]), rest);
    let count = u32_at(bytes, 76) as usize;
    if crc != u32_at(bytes, 80)
        || u32_at(bytes, 8) != FORMAT_VERSION
        || &bytes[12..28] != uuid
        || count > rest.len() / LEAST_FEED_BYTES
    {
        return None;
    }
    let mark = Mark {
        position: u64_at(bytes, 28),
        segment: u32_at(bytes, 36),
        digest: array_at(bytes, 40),
        missing: u32_at(bytes, 72),
    };
    let mut table = FeedTable::default();
    table.feeds.reserve(count);
    for _ in 0..count {
        table.add(take_feed(&mut rest)?);
    }
    rest.is_empty().then_some((table, mark))
}

fn take_id(rest: &mut &[u8]) -> Option<[u8; 32]> {
    let (id, after) = rest.split_first_chunk::<32>()?;
    *rest = after;
    Some(*id)
}

fn take_feed(rest: &mut &[u8]) -> Option<Feed> {
    let key = FeedKey {
        author: DeviceId(take_id(rest)?),
        topic: TopicId(take_id(rest)?),
    };
    let branches = take_varint(rest)?;
    let first = take_branch(rest)?;
    let mut others = Vec::new();
    for _ in 1..branches {
        others.push(take_branch(rest)?);
    }
    let extents = take_varint(rest)?;
    let extent = take_extent(rest)?;
    let mut more_extents = Vec::new();
    for _ in 1..extents {
        more_extents.push(take_extent(rest)?);
    }
    Some(Feed {
        key,
        first,
        others,
        extent,
        more_extents,
    })
}

fn take_branch(rest: &mut &[u8]) -> Option<Branch> {
    let from = take_varint(rest)?;
    Some(Branch {
        from,
        height: from.checked_add(take_varint(rest)?)?,
        head: EntryId(take_id(rest)?),
        last_hlc: take_varint(rest)?,
    })
}

fn take_extent(rest: &mut &[u8]) -> Option<Extent> {
    let segment = u32::try_from(take_varint(rest)?).ok()?;
    let from = take_varint(rest)?;
    Some(Extent {
        segment,
        from,
        to: from.checked_add(take_varint(rest)?)?,
    })
}
