//! What is said of blobs: which topics name them, who pinned them, when they were used.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use synlog_log::ids::{BlobHash, EntityId, EntryId, TopicId, hex, unhex};
use synlog_replication::blobs::BlobKey;

/// Version of the journal.
pub(super) const VERSION: u64 = 1;
/// Entries of one topic that can't be read and may be later, when a key comes.
const CLOSED_MAX: usize = 1_024;

/// What an entry says of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its size, bytes.
    pub size: u64,
    /// What it is.
    pub media_type: Option<String>,
    /// The entry.
    pub entry: EntryId,
    /// Who wrote it.
    pub author: EntityId,
}

/// All of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The history of the store that was looked through, and how far.
    pub cursor: ([u8; 16], u64),
    /// What entries name; the latest for each.
    pub names: BTreeMap<BlobKey, Name>,
    /// What members asked this node to hold, and what was added for a topic here.
    pub held: BTreeMap<BlobKey, u64>,
    /// What a person pinned.
    pub pins: BTreeSet<BlobHash>,
    /// When each was last used, UTC milliseconds.
    pub used: BTreeMap<BlobHash, u64>,
    /// Positions of sealed entries that could not be read.
    pub closed: BTreeMap<TopicId, BTreeSet<u64>>,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
pub(super) enum Line {
    /// The version of the journal; the first ones did not say it.
    Format { version: u64 },
    /// Looked through up to here.
    Upto { store: String, position: u64 },
    /// An entry names a blob.
    Name {
        topic: String,
        blob: String,
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media: Option<String>,
        entry: String,
        author: String,
    },
    /// A topic has a blob, whatever entries say.
    Hold {
        topic: String,
        blob: String,
        size: u64,
    },
    /// A blob belongs to no topic any more.
    Drop { blob: String },
    /// Pinned, or not any more.
    Pin { blob: String, on: bool },
    /// Used.
    Used { blob: String, ms: u64 },
    /// An entry that can't be read, or can now.
    Closed {
        topic: String,
        position: u64,
        on: bool,
    },
}

impl Line {
    pub(super) fn text(&self) -> String {
        // a map of texts and numbers
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn name(key: &BlobKey, name: &Name) -> Self {
        Self::Name {
            topic: key.0.to_string(),
            blob: key.1.to_string(),
            size: name.size,
            media: name.media_type.clone(),
            entry: name.entry.to_string(),
            author: name.author.to_string(),
        }
    }

    pub(super) fn hold(key: &BlobKey, size: u64) -> Self {
        Self::Hold {
            topic: key.0.to_string(),
            blob: key.1.to_string(),
            size,
        }
    }
}

impl Table {
    /// From the lines of a journal; one that a crash cut off, or that says what it should
    /// not, is passed over.
    pub fn read(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            if let Ok(line) = serde_json::from_str(line) {
                let _ = table.put(&line);
            }
        }
        table
    }

    /// The version that a journal says it has, the highest where it says several.
    pub(super) fn version(text: &str) -> u64 {
        let versions = text.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line["version"].as_u64().filter(|_| line["say"] == "format")
        });
        versions.max().unwrap_or(VERSION)
    }

    /// Takes in a line; `None` where it makes no sense.
    pub(super) fn put(&mut self, line: &Line) -> Option<()> {
        match line {
            Line::Format { .. } => {}
            Line::Upto { store, position } => {
                let store = unhex(store)?.try_into().ok()?;
                self.cursor = (store, *position);
            }
            Line::Name {
                topic,
                blob,
                size,
                media,
                entry,
                author,
            } => {
                let name = Name {
                    size: *size,
                    media_type: media.clone(),
                    entry: entry.parse().ok()?,
                    author: author.parse().ok()?,
                };
                let key = (topic.parse().ok()?, blob.parse().ok()?);
                self.names.insert(key, name);
            }
            Line::Hold { topic, blob, size } => {
                let key = (topic.parse().ok()?, blob.parse().ok()?);
                self.held.insert(key, *size);
            }
            Line::Drop { blob } => {
                let hash: BlobHash = blob.parse().ok()?;
                self.held.retain(|key, _| key.1 != hash);
                self.used.remove(&hash);
            }
            Line::Pin { blob, on } => {
                let hash = blob.parse().ok()?;
                if *on {
                    self.pins.insert(hash);
                } else {
                    self.pins.remove(&hash);
                }
            }
            Line::Used { blob, ms } => {
                self.used.insert(blob.parse().ok()?, *ms);
            }
            Line::Closed {
                topic,
                position,
                on,
            } => {
                let topic = topic.parse().ok()?;
                let closed = self.closed.entry(topic).or_default();
                if !on {
                    closed.remove(position);
                } else if closed.len() < CLOSED_MAX {
                    closed.insert(*position);
                }
                if closed.is_empty() {
                    self.closed.remove(&topic);
                }
            }
        }
        Some(())
    }

    /// As lines, each thing once.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            Line::Format { version: VERSION },
            Line::Upto {
                store: hex(&self.cursor.0),
                position: self.cursor.1,
            },
        ];
        lines.extend(self.names.iter().map(|(key, name)| Line::name(key, name)));
        lines.extend(self.held.iter().map(|(key, size)| Line::hold(key, *size)));
        lines.extend(self.pins.iter().map(|hash| Line::Pin {
            blob: hash.to_string(),
            on: true,
        }));
        lines.extend(self.used.iter().map(|(hash, ms)| Line::Used {
            blob: hash.to_string(),
            ms: *ms,
        }));
        for (topic, closed) in &self.closed {
            lines.extend(closed.iter().map(|position| Line::Closed {
                topic: topic.to_string(),
                position: *position,
                on: true,
            }));
        }
        lines.iter().map(Line::text).collect()
    }

    /// Forgets what follows from entries: another store is looked through from its beginning.
    pub(super) fn begin(&mut self, store: [u8; 16]) {
        self.cursor = (store, 0);
        self.names.clear();
        self.closed.clear();
    }

    /// The size of a blob as a topic has it; `None` where it has none of that hash.
    pub fn size_in(&self, key: &BlobKey) -> Option<u64> {
        let named = self.names.get(key).map(|name| name.size);
        named.or(self.held.get(key).copied())
    }

    /// The keys of a topic.
    pub fn of_topic(&self, topic: &TopicId) -> BTreeSet<BlobHash> {
        let range = (*topic, BlobHash([0; 32]))..=(*topic, BlobHash([0xff; 32]));
        let named = self.names.range(range.clone()).map(|(key, _)| key.1);
        named
            .chain(self.held.range(range).map(|(key, _)| key.1))
            .collect()
    }

    /// The topics that have each blob.
    pub fn topics(&self) -> BTreeMap<BlobHash, BTreeSet<TopicId>> {
        let mut topics: BTreeMap<BlobHash, BTreeSet<TopicId>> = BTreeMap::new();
        for key in self.names.keys().chain(self.held.keys()) {
            topics.entry(key.1).or_default().insert(key.0);
        }
        topics
    }

    /// The topics that have a blob.
    pub fn topics_of(&self, hash: &BlobHash) -> BTreeSet<TopicId> {
        let keys = self.names.keys().chain(self.held.keys());
        keys.filter(|key| key.1 == *hash).map(|key| key.0).collect()
    }

    /// What entries say of a blob, with the topics of these.
    pub fn names_of(&self, hash: &BlobHash) -> impl Iterator<Item = (&TopicId, &Name)> + '_ {
        let hash = *hash;
        let names = self.names.iter().filter(move |(key, _)| key.1 == hash);
        names.map(|(key, name)| (&key.0, name))
    }
}
