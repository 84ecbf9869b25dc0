//! The walk of the sequencers' feeds (`spec/06-order.md` 6.2 to 6.4).
//!
//! The chain is the list of entries by which a topic's sequencers, one leg after
//! the other, decide. It depends on the graph alone, not on what was placed.

use crate::identity::Action;
use crate::ids::{DeviceId, TopicId};
use crate::order::graph::Graph;
use crate::topic::{PolicyEvent, RootStatement};

/// Where the walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainState {
    /// This device decides what comes next.
    Open {
        /// The sequencer.
        sequencer: DeviceId,
    },
    /// A sequencer (or its entity's root, by two takeovers) signed two branches;
    /// what it decided from this seq on is shown and counts for nobody.
    Forked {
        /// The sequencer.
        sequencer: DeviceId,
        /// The first seq that does not count.
        seq: u64,
    },
}

/// How a takeover ends a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    head: u32,
    last_seq: u64,
    statement: [u8; 32],
    conflict: bool,
    /// Its head hands over, which ends the leg before the takeover could.
    overtaken: bool,
}

/// One device's turn as sequencer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leg {
    pub feed: u32,
    start: u32,
    /// Index of the start in [`Chain::entries`].
    pub first: usize,
    end: Option<End>,
}

#[derive(Default)]
pub(super) struct Chain {
    /// The entries of all legs, in order.
    pub entries: Vec<u32>,
    pub legs: Vec<Leg>,
    /// Index in `entries` by node.
    index: std::collections::HashMap<u32, usize>,
    state: Option<ChainState>,
    devices: std::collections::HashSet<DeviceId>,
    /// The next sequencer that a handover waits for.
    awaited: Option<DeviceId>,
}

impl Chain {
    pub(super) fn state(&self) -> ChainState {
        self.state.unwrap_or(ChainState::Open {
            sequencer: DeviceId::ZERO,
        })
    }

    pub(super) fn contains(&self, node: u32) -> bool {
        self.index.contains_key(&node)
    }

    /// Index in the chain of an entry of it.
    pub(super) fn position(&self, node: u32) -> Option<usize> {
        self.index.get(&node).copied()
    }

    /// Whether an entry begins a leg by a takeover.
    pub(super) fn is_takeover_start(&self, node: u32) -> bool {
        let mut pairs = self.legs.windows(2);
        pairs.any(|pair| pair[1].start == node && self.taken_over(&pair[0], pair[1].first))
    }

    /// Whether a leg that ended before an index of the chain was ended by its takeover.
    fn taken_over(&self, leg: &Leg, ended_at: usize) -> bool {
        let last = ended_at
            .checked_sub(1)
            .and_then(|last| self.entries.get(last));
        // where takeovers contradict each other nothing is decided
        let end = leg
            .end
            .as_ref()
            .filter(|end| !end.conflict && !end.overtaken);
        end.is_some_and(|end| Some(&end.head) == last)
    }

    /// Whether a device has, had or is to have a leg.
    pub(super) fn involves(&self, device: &DeviceId) -> bool {
        self.awaited.as_ref() == Some(device) || self.devices.contains(device)
    }

    pub(super) fn legs(&self, graph: &Graph) -> Vec<(DeviceId, u64)> {
        let legs = self.legs.iter();
        legs.map(|leg| {
            (
                graph.feeds[leg.feed as usize].device,
                graph.nodes[leg.start as usize].seq,
            )
        })
        .collect()
    }

    /// Feeds that a takeover withdrew, with the last seq that counts, of the legs
    /// that ended before an index of the chain.
    pub(super) fn withdrawn_before(&self, index: usize) -> impl Iterator<Item = (u32, u64)> + '_ {
        let ends = self.legs.iter().enumerate().filter_map(|(number, leg)| {
            let next = self.legs.get(number + 1);
            let ended_at = next.map_or(self.entries.len(), |next| next.first);
            let end = leg
                .end
                .as_ref()
                .filter(|_| self.taken_over(leg, ended_at))?;
            Some((ended_at, leg.feed, end.last_seq))
        });
        ends.filter(move |(ended_at, ..)| *ended_at <= index)
            .map(|(_, feed, last_seq)| (feed, last_seq))
    }

    /// Walks anew. Gives how many entries at the front of the chain are as before
    /// and stand in the same legs.
    pub(super) fn rebuild(&mut self, graph: &Graph, causal: bool, topic: &TopicId) -> usize {
        let old = std::mem::take(self);
        self.extend(graph, causal, topic);
        let same = old
            .entries
            .iter()
            .zip(&self.entries)
            .take_while(|(a, b)| a == b)
            .count();
        // a leg that changed where it ends has different consequences from its end on
        let legs = old
            .legs
            .iter()
            .zip(&self.legs)
            .take_while(|(a, b)| a == b)
            .count();
        let next_leg = |chain: &Self| chain.legs.get(legs + 1).map_or(usize::MAX, |leg| leg.first);
        same.min(next_leg(&old)).min(next_leg(self))
    }

    /// Walks on from where it stopped.
    pub(super) fn extend(&mut self, graph: &Graph, causal: bool, topic: &TopicId) {
        let walk = Walk {
            graph,
            causal,
            topic,
        };
        if self.legs.is_empty() {
            self.begin_leg(&walk, 0);
        }
        loop {
            match walk.step(self) {
                Step::Entry(node) => self.push(node),
                Step::Leg(start) => self.begin_leg(&walk, start),
                Step::Stop(state) => {
                    self.awaited = match state {
                        ChainState::Open { sequencer } | ChainState::Forked { sequencer, .. } => {
                            Some(sequencer)
                        }
                    };
                    self.state = Some(state);
                    return;
                }
            }
        }
    }

    fn begin_leg(&mut self, walk: &Walk<'_>, start: u32) {
        let feed = walk.graph.nodes[start as usize].feed;
        let end = walk.takeover_of(feed, start);
        self.devices.insert(walk.graph.feeds[feed as usize].device);
        self.legs.push(Leg {
            feed,
            start,
            first: self.entries.len(),
            end,
        });
        self.push(start);
    }

    fn push(&mut self, node: u32) {
        self.index.insert(node, self.entries.len());
        self.entries.push(node);
    }
}

enum Step {
    Entry(u32),
    Leg(u32),
    Stop(ChainState),
}

struct Walk<'a> {
    graph: &'a Graph,
    /// In a causal topic what a fork voids is not walked.
    causal: bool,
    topic: &'a TopicId,
}

impl Walk<'_> {
    fn counts(&self, node: u32) -> bool {
        let at = &self.graph.nodes[node as usize];
        !self.causal
            || self.graph.feeds[at.feed as usize]
                .forked_at
                .is_none_or(|fork| at.seq < fork)
    }

    fn step(&self, chain: &Chain) -> Step {
        let (Some(leg), Some(at)) = (chain.legs.last(), chain.entries.last().copied()) else {
            return Step::Stop(chain.state());
        };
        let (graph, feed) = (self.graph, &self.graph.feeds[leg.feed as usize]);
        if let Some(PolicyEvent::Handover { next, head }) = graph.policy_event(at) {
            let head = match head {
                None => None,
                // a head that is not held can't lead anywhere yet
                Some(head) => match graph.find(head) {
                    None => return Step::Stop(ChainState::Open { sequencer: *next }),
                    found => found,
                },
            };
            return self.leg_from(self.handover_starts(at, next, head), next);
        }
        if let Some(end) = leg.end.as_ref().filter(|end| end.head == at) {
            if end.conflict {
                return Step::Stop(ChainState::Forked {
                    sequencer: feed.device,
                    seq: end.last_seq + 1,
                });
            }
            let starts: Vec<u32> = self.claims(leg.feed, leg.start, |statement| {
                statement.hash == end.statement
            });
            let next = starts
                .first()
                .map_or(feed.device, |start| *graph.device(*start));
            return self.leg_from(graph.lowest(starts), &next);
        }
        let seq = graph.nodes[at as usize].seq;
        let start_seq = graph.nodes[leg.start as usize].seq;
        if let Some(end) = &leg.end {
            // exactly one of them is on the way to the head that the root named
            let children: Vec<u32> = graph.children(at).collect();
            let child = match children[..] {
                [only] => Some(only),
                _ => children
                    .into_iter()
                    .find(|child| graph.backs_to(end.head, *child)),
            };
            return child.map_or(
                Step::Stop(ChainState::Open {
                    sequencer: feed.device,
                }),
                Step::Entry,
            );
        }
        let forked = feed
            .forked_at
            .filter(|fork| *fork > start_seq && *fork <= seq + 1);
        if let Some(seq) = forked {
            return Step::Stop(ChainState::Forked {
                sequencer: feed.device,
                seq,
            });
        }
        let mut children = graph.children(at).filter(|child| self.counts(*child));
        match (children.next(), children.next()) {
            (None, _) => Step::Stop(ChainState::Open {
                sequencer: feed.device,
            }),
            (Some(child), None) => Step::Entry(child),
            (Some(_), Some(_)) => Step::Stop(ChainState::Forked {
                sequencer: feed.device,
                seq: seq + 1,
            }),
        }
    }

    fn leg_from(&self, starts: Vec<u32>, next: &DeviceId) -> Step {
        match starts[..] {
            [] => Step::Stop(ChainState::Open { sequencer: *next }),
            [start] => Step::Leg(start),
            _ => {
                let seqs = starts
                    .iter()
                    .map(|start| self.graph.nodes[*start as usize].seq);
                Step::Stop(ChainState::Forked {
                    sequencer: *next,
                    seq: seqs.min().unwrap_or_default(),
                })
            }
        }
    }

    /// Entries with which the next sequencer may begin after a handover.
    fn handover_starts(&self, handover: u32, next: &DeviceId, head: Option<u32>) -> Vec<u32> {
        let graph = self.graph;
        let Some(feed) = graph.feed_of(next) else {
            return Vec::new();
        };
        let key = graph.key(handover);
        let mut starts: Vec<u32> = Vec::new();
        let mut nodes: Vec<u32> = graph.feeds[feed as usize].from(0).collect();
        // those that build on a start need not be asked; a feed's clock rises, so lower ones come first
        nodes.sort_by_key(|node| graph.nodes[*node as usize].seq);
        for node in nodes {
            let candidate = graph.key(node) > key
                && self.counts(node)
                && !starts.iter().any(|start| graph.backs_to(node, *start))
                && head.is_none_or(|head| graph.backs_to(node, head))
                && graph.is_ancestor(handover, node);
            if candidate {
                starts.push(node);
                // without a fork all that follows builds on it
                if graph.feeds[feed as usize].forked_at.is_none() {
                    break;
                }
            }
        }
        starts
    }

    /// Entries that claim a leg by a takeover, of those whose statement passes.
    fn claims(&self, feed: u32, start: u32, pass: impl Fn(&RootStatement) -> bool) -> Vec<u32> {
        let claims = self.graph.takeovers.iter().copied();
        claims
            .filter(|claim| {
                self.counts(*claim) && self.claim_head(feed, start, *claim, &pass).is_some()
            })
            .collect()
    }

    fn claim_head(
        &self,
        feed: u32,
        start: u32,
        claim: u32,
        pass: impl Fn(&RootStatement) -> bool,
    ) -> Option<u32> {
        let graph = self.graph;
        let Some(PolicyEvent::Takeover { statement }) = graph.policy_event(claim) else {
            return None;
        };
        let Action::Takeover {
            topic,
            old,
            last_seq,
            head,
            next,
        } = &statement.action
        else {
            return None;
        };
        let head = graph.find(head)?;
        let named =
            topic == self.topic && *old == graph.feeds[feed as usize].device && pass(statement);
        let named = named && next == graph.device(claim);
        let entities = statement.entity == graph.certified(head).entity
            && statement.entity == graph.certified(claim).entity;
        let at = &graph.nodes[head as usize];
        let fits = named
            && entities
            && at.feed == feed
            && at.seq == *last_seq
            && self.counts(head)
            && graph.backs_to(head, start)
            && graph.is_ancestor(head, claim);
        fits.then_some(head)
    }

    /// The takeover that ends a leg: the root's last word.
    fn takeover_of(&self, feed: u32, start: u32) -> Option<End> {
        let claims = self.claims(feed, start, |_| true);
        let end = |claim: &u32| -> Option<(u64, End)> {
            let Some(PolicyEvent::Takeover { statement }) = self.graph.policy_event(*claim) else {
                return None;
            };
            let head = self.claim_head(feed, start, *claim, |_| true)?;
            let last_seq = self.graph.nodes[head as usize].seq;
            Some((
                statement.number,
                End {
                    head,
                    last_seq,
                    statement: statement.hash,
                    conflict: false,
                    overtaken: matches!(
                        self.graph.policy_event(head),
                        Some(PolicyEvent::Handover { .. })
                    ),
                },
            ))
        };
        let ends: Vec<(u64, End)> = claims.iter().filter_map(end).collect();
        let highest = ends.iter().map(|(number, _)| *number).max()?;
        let mut ends: Vec<End> = ends
            .into_iter()
            .filter(|(number, _)| *number == highest)
            .map(|(_, end)| end)
            .collect();
        ends.sort_by_key(|end| (end.last_seq, end.statement));
        let conflict = ends.iter().any(|end| end.statement != ends[0].statement);
        let first = ends.swap_remove(0);
        Some(End { conflict, ..first })
    }
}
