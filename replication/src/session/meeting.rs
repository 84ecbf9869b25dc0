//! What one meeting of two nodes hides: everything is named by eight bytes under a key
//! that both made together, so that nobody can prepare collisions, and nobody learns a
//! name that he doesn't know already.

use synlog_log::hash::Context;
use synlog_log::ids::{EntryId, FeedKey, TopicId};

use crate::frontier::{Digest, Prefix};
use crate::message::{RowLine, Short};
use crate::row::Row;

/// The key of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    key: [u8; 32],
}

/// What eight bytes stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Topic,
    Rows,
    Feed,
    Entry,
    Statement,
    Tag,
}

impl Meeting {
    /// Of the random bytes of who called and of who was called.
    pub fn new(caller: &[u8; 32], called: &[u8; 32]) -> Self {
        Self {
            key: Context::Meeting.hash_parts(&[caller, called]),
        }
    }

    /// As it is remembered.
    pub(super) fn of_key(key: [u8; 32]) -> Self {
        Self { key }
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    fn hash(&self, kind: Kind, parts: &[&[u8]]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[kind as u8]);
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    fn short(&self, kind: Kind, part: &[u8]) -> Short {
        let hash = self.hash(kind, &[part]);
        let mut short = [0; 8];
        short.copy_from_slice(&hash[..8]);
        short
    }

    /// A topic.
    pub fn topic(&self, topic: &TopicId) -> Short {
        self.short(Kind::Topic, &topic.0)
    }

    /// A set of rows, or the statements of topics, by its hash.
    pub fn rows(&self, digest: &Digest) -> Short {
        self.short(Kind::Rows, digest)
    }

    /// A feed.
    pub fn feed(&self, feed: &FeedKey) -> Short {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&feed.topic.0);
        key[32..].copy_from_slice(&feed.author.0);
        self.short(Kind::Feed, &key)
    }

    /// An entry.
    pub fn entry(&self, id: &EntryId) -> Short {
        self.short(Kind::Entry, &id.0)
    }

    /// The entry that a row ends with; zero where it has none.
    pub fn head(&self, head: Option<&EntryId>) -> Short {
        head.map_or([0; 8], |head| self.entry(head))
    }

    /// An identity statement.
    pub fn statement(&self, statement: &[u8]) -> Short {
        self.short(Kind::Statement, &Context::Statement.hash(statement))
    }

    /// A row.
    pub fn line(&self, row: &Row) -> RowLine {
        RowLine {
            feed: self.feed(&row.feed),
            height: row.height,
            head: if row.height > 0 {
                self.head(row.head.as_ref())
            } else {
                [0; 8]
            },
            forked_at: row.forked_at,
        }
    }

    /// What both say of topics that they remember, ascending.
    pub(super) fn tag<'a>(&self, topics: impl Iterator<Item = &'a TopicId>) -> [u8; 16] {
        let topics: Vec<&[u8]> = topics.map(|topic| &topic.0[..]).collect();
        let hash = self.hash(Kind::Tag, &topics);
        let mut tag = [0; 16];
        tag.copy_from_slice(&hash[..16]);
        tag
    }
}

/// A question that was asked: rows under a prefix.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// By one fingerprint.
    Part(Prefix),
    /// By a fingerprint each of these.
    List(Prefix, Vec<FeedKey>),
}
