//! How far all feeds go, as a Merkle trie that tells two nodes where they differ.
//!
//! The trie is over topic ‖ author, which are hashes and public keys and so spread by
//! themselves. The hash of a set of rows depends on nothing but the set: so a node can
//! ask for the hash under any prefix, in any set of topics. Rows of a topic are kept
//! together; what is above topics is made for the topics that two nodes share
//! ([`Scope`]).

mod prefix;
mod rows;
mod scope;
mod trie;

#[cfg(test)]
mod tests;

pub use prefix::Prefix;
pub use rows::row_digest;
pub use scope::{Rows, Scope, View};
pub use trie::{Digest, join};

use std::collections::BTreeMap;

use synlog_log::hash::Context;
use synlog_log::ids::{FeedKey, TopicId};

use crate::row::Row;
use rows::HeldRow;
use trie::Trie;

/// The rows of a topic.
#[derive(Debug, Clone, Default)]
struct TopicRows {
    rows: Trie<HeldRow>,
    /// Number of the frontier's last change here.
    changed: u64,
    /// Hash over the statements that concern the topic.
    statements: Digest,
    /// Whether a feed is forked, which it stays.
    forked: bool,
}

/// The rows of all feeds that are here.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    topics: BTreeMap<TopicId, TopicRows>,
    /// Topics by the number of their last change.
    changes: BTreeMap<u64, TopicId>,
    last_change: u64,
    /// The last change that was taken note of by [`Frontier::take_changed`].
    taken: u64,
}

impl Frontier {
    /// Nothing is here.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in all rows of a topic at once: when a node opens its store.
    pub fn load(&mut self, topic: TopicId, mut rows: Vec<Row>) {
        rows.retain(|row| row.feed.topic == topic);
        rows.sort_unstable_by_key(|row| row.feed.author);
        rows.dedup_by_key(|row| row.feed.author);
        let held = rows.iter().map(HeldRow::new).collect();
        let forked = rows.iter().any(|row| row.forked_at.is_some());
        let of_topic = self.change(topic);
        of_topic.rows = Trie::of_sorted(held);
        of_topic.forked |= forked;
    }

    /// Takes in a row that is new or has changed.
    pub fn put(&mut self, row: &Row) {
        let of_topic = self.change(row.feed.topic);
        of_topic.rows.put(HeldRow::new(row));
        of_topic.forked |= row.forked_at.is_some();
    }

    /// Takes in the statements that concern a topic, in any order; whether they are others
    /// than before.
    pub fn put_statements(&mut self, topic: TopicId, statements: &[Vec<u8>]) -> bool {
        let mut hashes: Vec<Digest> = statements
            .iter()
            .map(|statement| Context::Statement.hash(statement))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        let digest = match hashes.is_empty() {
            true => [0; 32],
            false => Context::Rows.hash(&hashes.concat()),
        };
        let other = self.statements(&topic) != digest;
        if other {
            self.change(topic).statements = digest;
        }
        other
    }

    /// Forgets a topic. Its place stays, so that whoever shares it sees it empty.
    pub fn remove(&mut self, topic: &TopicId) {
        if self.topics.contains_key(topic) {
            let held = self.change(*topic);
            held.rows = Trie::default();
            held.statements = [0; 32];
        }
    }

    fn change(&mut self, topic: TopicId) -> &mut TopicRows {
        self.last_change += 1;
        let number = self.last_change;
        let rows = self.topics.entry(topic).or_default();
        self.changes.remove(&rows.changed);
        self.changes.insert(number, topic);
        rows.changed = number;
        rows
    }

    /// The row of a feed.
    pub fn row(&self, feed: &FeedKey) -> Option<Row> {
        let held = self.topics.get(&feed.topic)?.rows.get(&feed.author.0)?;
        Some(held.row(&feed.topic))
    }

    /// The rows of a topic, by author.
    pub fn rows(&self, topic: &TopicId) -> Vec<Row> {
        let mut found = Vec::new();
        if let Some(held) = self.topics.get(topic)
            && let Some(root) = held.rows.root()
        {
            found.reserve(held.rows.len());
            held.rows
                .each(root, &mut |held| found.push(held.row(topic)));
        }
        found
    }

    /// Whether a feed of a topic is forked.
    pub fn has_forks(&self, topic: &TopicId) -> bool {
        self.topics.get(topic).is_some_and(|held| held.forked)
    }

    /// How many feeds a topic has.
    pub fn count(&self, topic: &TopicId) -> usize {
        self.topics.get(topic).map_or(0, |held| held.rows.len())
    }

    /// The topics that have rows.
    pub fn topics(&self) -> impl Iterator<Item = &TopicId> {
        let held = self.topics.iter().filter(|(_, held)| !held.rows.is_empty());
        held.map(|(topic, _)| topic)
    }

    /// Hash over the rows of a topic; zero where there are none.
    pub fn digest(&mut self, topic: &TopicId) -> Digest {
        let Some(held) = self.topics.get_mut(topic) else {
            return [0; 32];
        };
        held.rows.settle(topic);
        let root = held.rows.root();
        root.map_or([0; 32], |root| held.rows.digest(root, topic))
    }

    fn statements(&self, topic: &TopicId) -> Digest {
        self.topics
            .get(topic)
            .map_or([0; 32], |held| held.statements)
    }

    fn changed_since(&self, number: u64) -> impl Iterator<Item = &TopicId> {
        self.changes.range(number + 1..).map(|(_, topic)| topic)
    }

    /// The topics that have changed since this was last asked.
    pub fn take_changed(&mut self) -> Vec<TopicId> {
        let changed = self.changed_since(self.taken).copied().collect();
        self.taken = self.last_change;
        changed
    }

    /// Bytes that the rows and their trie take in memory.
    pub fn memory(&self) -> usize {
        let of_topic = |held: &TopicRows| held.rows.memory() + size_of::<TopicRows>() + 32;
        self.topics.values().map(of_topic).sum()
    }
}
