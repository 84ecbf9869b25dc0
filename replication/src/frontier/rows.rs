//! Rows as the trie holds them, and their hash.

use synlog_log::hash::Context;
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};
use synlog_log::wire::{VARINT_MAX, Writer};

use super::trie::{Digest, Item};
use crate::row::Row;

/// No fork: no feed has an entry with this number, for the count behind it has no number.
const NO_FORK: u64 = u64::MAX;

/// A row without its topic.
#[derive(Debug, Clone)]
pub(super) struct HeldRow {
    author: DeviceId,
    /// Zero where the height is.
    head: EntryId,
    height: u64,
    forked_at: u64,
}

impl HeldRow {
    pub(super) fn new(row: &Row) -> Self {
        Self {
            author: row.feed.author,
            head: row.head.unwrap_or(EntryId::ZERO),
            height: row.height,
            forked_at: row.forked_at.unwrap_or(NO_FORK),
        }
    }

    pub(super) fn row(&self, topic: &TopicId) -> Row {
        Row {
            feed: FeedKey {
                author: self.author,
                topic: *topic,
            },
            height: self.height,
            head: (self.height > 0).then_some(self.head),
            forked_at: (self.forked_at != NO_FORK).then_some(self.forked_at),
        }
    }
}

impl Item for HeldRow {
    type Of = TopicId;

    fn key(&self) -> &[u8; 32] {
        &self.author.0
    }

    fn digest(&self, topic: &TopicId) -> Digest {
        row_digest(&self.row(topic))
    }

    fn rows(&self) -> u32 {
        1
    }
}

/// Hash of a row: topic, author, height, head, and where the feed is forked.
pub fn row_digest(row: &Row) -> Digest {
    let mut bytes = Vec::with_capacity(4 * 32 + 2 * VARINT_MAX);
    bytes.extend_from_slice(&row.feed.topic.0);
    bytes.extend_from_slice(&row.feed.author.0);
    bytes.put_varint(row.height);
    bytes.put_option(row.head.as_ref().map(|head| &head.0[..]));
    bytes.push(u8::from(row.forked_at.is_some()));
    if let Some(seq) = row.forked_at {
        bytes.put_varint(seq);
    }
    Context::Row.hash(&bytes)
}
