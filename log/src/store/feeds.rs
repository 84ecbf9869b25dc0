//! The feeds of the store: how far each goes, its branches, and in which
//! segments its entries lie.

use super::record::RunFacts;
use crate::ids::{EntryId, FeedKey, TopicId};
use std::collections::BTreeMap;

/// One line of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Sequence number of the first entry that is this branch's own.
    pub from: u64,
    /// Sequence number behind the last entry.
    pub height: u64,
    /// Id of the last entry.
    pub head: EntryId,
    /// Clock of the last entry.
    pub last_hlc: u64,
}

/// State of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// The feed.
    pub key: FeedKey,
    /// Number of the feed in order of first arrival. Not durable: a rebuild
    /// after damage may number differently.
    pub number: u32,
    /// Height of the branch that arrived first: sequence number behind its last entry.
    pub height: u64,
    /// Last entry of that branch.
    pub head: EntryId,
    /// Clock of that entry.
    pub last_hlc: u64,
    /// Branches that arrived later; not empty where the feed is forked.
    pub branches: Vec<Branch>,
}

/// Sequence numbers `from..to` of a feed lie in a segment (with gaps, perhaps).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) segment: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) key: FeedKey,
    pub(crate) first: Branch,
    pub(crate) others: Vec<Branch>,
    /// Most feeds lie in one segment: it costs no allocation.
    pub(crate) extent: Extent,
    pub(crate) more_extents: Vec<Extent>,
}

impl Feed {
    pub(crate) fn extents(&self) -> impl Iterator<Item = &Extent> {
        std::iter::once(&self.extent).chain(&self.more_extents)
    }

    fn branches_mut(&mut self) -> impl Iterator<Item = &mut Branch> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    fn extend(&mut self, segment: u32, from: u64, to: u64) {
        let last = self.more_extents.last_mut().unwrap_or(&mut self.extent);
        if last.segment == segment {
            last.from = last.from.min(from);
            last.to = last.to.max(to);
        } else {
            self.more_extents.push(Extent { segment, from, to });
        }
    }

    fn state(&self, number: u32) -> FeedState {
        FeedState {
            key: self.key,
            number,
            height: self.first.height,
            head: self.first.head,
            last_hlc: self.first.last_hlc,
            branches: self.others.clone(),
        }
    }
}

/// How a run relates to what is stored, where heads alone don't tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// All its entries were stored before.
    Known,
    /// Another entry was stored before at this sequence number.
    Fork(u64),
    /// Neither: it fills a hole, or lies beyond one.
    Fills,
}

/// All feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FeedTable {
    pub(crate) feeds: Vec<Feed>,
    numbers: BTreeMap<FeedKey, u32>,
    topics: BTreeMap<TopicId, Vec<u32>>,
}

impl FeedTable {
    pub(crate) fn add(&mut self, feed: Feed) {
        let number = self.feeds.len() as u32;
        self.numbers.insert(feed.key, number);
        self.topics.entry(feed.key.topic).or_default().push(number);
        self.feeds.push(feed);
    }

    pub(crate) fn get(&self, key: &FeedKey) -> Option<&Feed> {
        let number = self.numbers.get(key)?;
        Some(&self.feeds[*number as usize])
    }

    pub(crate) fn state(&self, key: &FeedKey) -> Option<FeedState> {
        let number = *self.numbers.get(key)?;
        Some(self.feeds[number as usize].state(number))
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = FeedState> {
        self.feeds.iter().zip(0..).map(|(feed, n)| feed.state(n))
    }

    pub(crate) fn of_topic(&self, topic: &TopicId) -> Vec<FeedState> {
        let numbers = self.topics.get(topic).map_or(&[][..], Vec::as_slice);
        numbers
            .iter()
            .map(|n| self.feeds[*n as usize].state(*n))
            .collect()
    }

    pub(crate) fn topics(&self) -> Vec<TopicId> {
        self.topics.keys().copied().collect()
    }

    /// Takes a run in where the heads tell what it is; false where its
    /// [`Relation`] must be looked up first.
    #[must_use]
    pub(crate) fn push(&mut self, facts: &RunFacts, segment: u32) -> bool {
        let (from, to) = (facts.first_seq, facts.first_seq + facts.ids.len() as u64);
        let Some(number) = self.numbers.get(&facts.feed) else {
            self.add(Feed {
                key: facts.feed,
                first: tip(facts, from),
                others: Vec::new(),
                extent: Extent { segment, from, to },
                more_extents: Vec::new(),
            });
            return true;
        };
        let feed = &mut self.feeds[*number as usize];
        let continued = feed.branches_mut().find(|branch| {
            if branch.height == from {
                facts.backlink == Some(branch.head)
            } else {
                // The run repeats the end of the branch and goes on from there.
                branch.height > from
                    && branch.height <= to
                    && facts.ids[(branch.height - 1 - from) as usize] == branch.head
            }
        });
        let Some(branch) = continued else {
            return false;
        };
        *branch = tip(facts, branch.from);
        feed.extend(segment, from, to);
        true
    }

    /// Takes in a run whose relation was looked up.
    pub(crate) fn push_related(&mut self, facts: &RunFacts, segment: u32, relation: Relation) {
        let (from, to) = (facts.first_seq, facts.first_seq + facts.ids.len() as u64);
        let Some(number) = self.numbers.get(&facts.feed) else {
            return;
        };
        let feed = &mut self.feeds[*number as usize];
        match relation {
            Relation::Known => {}
            Relation::Fork(seq) => feed.others.push(tip(facts, seq)),
            Relation::Fills if to > feed.first.height => {
                feed.first = tip(facts, feed.first.from.min(from));
            }
            Relation::Fills => feed.first.from = feed.first.from.min(from),
        }
        feed.extend(segment, from, to);
    }
}

/// The branch that ends with a run.
fn tip(facts: &RunFacts, from: u64) -> Branch {
    Branch {
        from,
        height: facts.first_seq + facts.ids.len() as u64,
        head: facts.ids.last().copied().unwrap_or(EntryId::ZERO),
        last_hlc: facts.last_hlc,
    }
}
