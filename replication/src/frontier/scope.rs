//! The part of a frontier that two nodes share: some of its topics.

use std::collections::BTreeSet;

use synlog_log::hash::Context;
use synlog_log::ids::TopicId;

use super::prefix::Prefix;
use super::trie::{Digest, Item, Part, Trie};
use super::{Frontier, TopicRows};
use crate::row::Row;

/// A topic as an item of the trie over topics.
#[derive(Debug, Clone)]
struct Summary {
    topic: TopicId,
    digest: Digest,
    rows: u32,
}

impl Item for Summary {
    type Of = ();

    fn key(&self) -> &[u8; 32] {
        &self.topic.0
    }

    fn digest(&self, (): &()) -> Digest {
        self.digest
    }

    fn rows(&self) -> u32 {
        self.rows
    }
}

/// Some topics, and the trie over them, made when it is first asked for.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    topics: BTreeSet<TopicId>,
    above: Option<Trie<Summary>>,
    /// The frontier's change up to which `above` is right.
    as_of: u64,
}

impl Scope {
    /// Some topics.
    pub fn of(topics: impl IntoIterator<Item = TopicId>) -> Self {
        Self {
            topics: topics.into_iter().collect(),
            above: None,
            as_of: 0,
        }
    }

    /// Its topics.
    pub fn topics(&self) -> &BTreeSet<TopicId> {
        &self.topics
    }

    /// Whether a topic is in it.
    pub fn contains(&self, topic: &TopicId) -> bool {
        self.topics.contains(topic)
    }

    /// Adds a topic; whether it is new.
    pub fn insert(&mut self, topic: TopicId) -> bool {
        self.above = None;
        self.topics.insert(topic)
    }

    /// Takes a topic out; whether it was there.
    pub fn remove(&mut self, topic: &TopicId) -> bool {
        self.above = None;
        self.topics.remove(topic)
    }

    /// Gives back the memory of what can be made again.
    pub fn rest(&mut self) {
        self.above = None;
    }

    /// Brings it up to the frontier, to be looked at.
    pub fn view<'a>(&'a mut self, frontier: &'a mut Frontier) -> View<'a> {
        self.settle(frontier);
        View {
            above: self.above.get_or_insert_default(),
            topics: &self.topics,
            frontier,
        }
    }

    fn settle(&mut self, frontier: &mut Frontier) {
        let stale: Vec<TopicId> = if self.above.is_some() {
            let changed = frontier.changed_since(self.as_of);
            let ours = changed.filter(|topic| self.topics.contains(topic));
            ours.copied().collect()
        } else {
            self.topics.iter().copied().collect()
        };
        self.as_of = frontier.last_change;
        if stale.iter().any(|topic| frontier.count(topic) == 0) && self.above.is_some() {
            // a topic without rows has no place in the trie: made anew
            self.above = None;
            return self.settle(frontier);
        }
        let mut fresh = Vec::with_capacity(stale.len());
        for topic in stale {
            let rows = frontier.count(&topic) as u32;
            let digest = frontier.digest(&topic);
            if rows > 0 {
                fresh.push(Summary {
                    topic,
                    digest,
                    rows,
                });
            }
        }
        match &mut self.above {
            Some(above) => fresh.into_iter().for_each(|summary| above.put(summary)),
            None => self.above = Some(Trie::of_sorted(fresh)),
        }
        if let Some(above) = &mut self.above {
            above.settle(&());
        }
    }
}

/// A scope as it stands.
#[derive(Clone, Copy)]
pub struct View<'a> {
    above: &'a Trie<Summary>,
    topics: &'a BTreeSet<TopicId>,
    frontier: &'a Frontier,
}

/// A set of rows that share a prefix; never empty.
#[derive(Clone, Copy)]
pub struct Rows<'a>(At<'a>);

#[derive(Clone, Copy)]
enum At<'a> {
    /// Several topics.
    Topics(&'a Trie<Summary>, Part, &'a Frontier),
    /// Rows of one topic.
    Feeds(TopicId, &'a TopicRows, Part),
}

impl<'a> View<'a> {
    /// Hash over all rows; zero where there are none.
    pub fn digest(&self) -> Digest {
        self.under(&Prefix::ALL)
            .map_or([0; 32], |rows| rows.digest())
    }

    /// How many rows.
    pub fn count(&self) -> usize {
        self.above
            .root()
            .map_or(0, |root| self.above.rows(root) as usize)
    }

    /// Hash over the statements of all topics.
    pub fn statements(&self) -> Digest {
        let mut hasher = Context::Rows.hasher();
        for topic in self.topics {
            hasher.update(&topic.0);
            hasher.update(&self.frontier.statements(topic));
        }
        *hasher.finalize().as_bytes()
    }

    /// The topics under a prefix that is shorter than a topic.
    pub fn topics_under(&self, prefix: &Prefix) -> impl Iterator<Item = &'a TopicId> + use<'a> {
        let (first, prefix) = (prefix.topic(), *prefix);
        self.topics
            .range(first..)
            .take_while(move |topic| prefix.holds(&Prefix::of_topic(topic)))
    }

    /// The rows under a prefix; `None` where there are none.
    pub fn under(&self, prefix: &Prefix) -> Option<Rows<'a>> {
        let topic = prefix.topic();
        let part = self.above.under(&topic.0, prefix.bits().min(256))?;
        if prefix.bits() <= 256 {
            return Rows::new(self.above, part, self.frontier);
        }
        let held = self.frontier.topics.get(&topic)?;
        let part = held.rows.under(&prefix.author(), prefix.bits() - 256)?;
        Some(Rows(At::Feeds(topic, held, part)))
    }
}

impl<'a> Rows<'a> {
    fn new(above: &'a Trie<Summary>, part: Part, frontier: &'a Frontier) -> Option<Self> {
        match above.item(part) {
            None => Some(Self(At::Topics(above, part, frontier))),
            Some(summary) => {
                let held = frontier.topics.get(&summary.topic)?;
                Some(Self(At::Feeds(summary.topic, held, held.rows.root()?)))
            }
        }
    }

    /// Hash over them.
    pub fn digest(&self) -> Digest {
        match &self.0 {
            At::Topics(above, part, _) => above.digest(*part, &()),
            At::Feeds(topic, held, part) => held.rows.digest(*part, topic),
        }
    }

    /// How many.
    pub fn count(&self) -> usize {
        match &self.0 {
            At::Topics(above, part, _) => above.rows(*part) as usize,
            At::Feeds(_, held, part) => held.rows.rows(*part) as usize,
        }
    }

    /// The prefix that all share, and the two sets that differ in the bit behind it. `None`
    /// where there is one row.
    pub fn halves(&self) -> Option<(Prefix, [Self; 2])> {
        let mut key = [0; 64];
        match &self.0 {
            At::Topics(above, part, frontier) => {
                let (bit, halves) = above.halves(*part)?;
                key[..32].copy_from_slice(above.sample(*part).key());
                let [left, right] = halves.map(|half| Self::new(above, half, frontier));
                Some((Prefix::of(&key, bit), [left?, right?]))
            }
            At::Feeds(topic, held, part) => {
                let (bit, halves) = held.rows.halves(*part)?;
                key[..32].copy_from_slice(&topic.0);
                key[32..].copy_from_slice(held.rows.sample(*part).key());
                let halves = halves.map(|half| Self(At::Feeds(*topic, held, half)));
                Some((Prefix::of(&key, 256 + bit), halves))
            }
        }
    }

    /// Each of them, in order of topic ‖ author.
    pub fn each(&self, visit: &mut dyn FnMut(Row)) {
        match &self.0 {
            At::Topics(above, part, frontier) => above.each(*part, &mut |summary: &Summary| {
                if let Some(held) = frontier.topics.get(&summary.topic)
                    && let Some(root) = held.rows.root()
                {
                    held.rows
                        .each(root, &mut |row| visit(row.row(&summary.topic)));
                }
            }),
            At::Feeds(topic, held, part) => held.rows.each(*part, &mut |row| visit(row.row(topic))),
        }
    }

    /// All of them, in order of topic ‖ author.
    pub fn to_vec(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.count());
        self.each(&mut |row| rows.push(row));
        rows
    }
}
