//! Swarms: nodes that follow the same public topic find each other by gossip, so that what
//! is in it spreads while whoever writes it sleeps.
//!
//! Gossip says who is there and nothing else: entries go over links, where it is asked who
//! may have what.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::hash::Context;
use synlog_log::ids::TopicId;
use synlog_log::keys::{SecretKey, verify};
use synlog_log::wire::{Reader, Writer};
use synlog_net::ticket::Ticket;
use synlog_net::{Command, GossipTopic};
use synlog_replication::engine::{Input, Now, Source};
use synlog_replication::peer::NodeId;

use crate::daemon::board::Board;
use crate::daemon::driver::Driver;
use crate::failure::Failure;
use crate::node::Node;

/// Version of what is said.
const VERSION: u8 = 1;
/// Topics whose swarms are joined.
const TOPICS_MAX: usize = 64;
/// How often it is looked which topics are followed, and who else is known to.
const LOOK_MS: u64 = 2_000;
/// A word soon after something changed, and then now and then.
const SOON_MS: u64 = 1_000;
const AGAIN_MS: u64 = 5 * 60_000;
/// Whoever comes, nobody speaks more often: else one who makes up nodes would let all speak.
const PAUSE_MS: u64 = 60_000;
/// How far apart clocks may be for a word to count.
const FRESH_MS: u64 = 10 * 60_000;
/// Nodes of one swarm that are taken up in that time.
const HEARD_MAX: usize = 32;
/// Nodes that are taken up while a node runs, from all swarms: names cost nothing to make up.
const TAKEN_MAX: usize = 4_096;

/// One swarm.
#[derive(Debug, Default)]
struct Swarm {
    /// Nodes that were named to the library.
    named: BTreeSet<NodeId>,
    heard: BTreeSet<NodeId>,
    /// When that is begun anew.
    heard_until_ms: u64,
    says_ms: u64,
    said_ms: Option<u64>,
}

impl Swarm {
    /// Somebody came who has not heard where this node is.
    fn speak_soon(&mut self, now_ms: u64) {
        let soon_ms = now_ms.saturating_add(SOON_MS);
        let pause_ms = self.said_ms.map(|said_ms| said_ms.saturating_add(PAUSE_MS));
        self.says_ms = self.says_ms.min(soon_ms.max(pause_ms.unwrap_or(0)));
    }
}

/// The swarms of a node.
#[derive(Debug, Default)]
pub(super) struct Swarms {
    joined: BTreeMap<TopicId, Swarm>,
    looks_ms: u64,
    /// Nodes that were taken up.
    taken: BTreeSet<NodeId>,
    /// Whether topics are public, which never changes.
    public: BTreeMap<TopicId, bool>,
}

/// The name of a swarm: whoever knows the topic knows it.
fn swarm_of(topic: &TopicId) -> GossipTopic {
    GossipTopic(Context::Swarm.hash(&topic.0))
}

/// What a node says of itself in a swarm.
fn word(ticket: &Ticket, swarm: &GossipTopic, now_ms: u64, key: &SecretKey) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.put_varint(now_ms);
    bytes.put_bytes(&ticket.encode());
    let signature = key.sign(&said(&bytes, swarm));
    bytes.extend_from_slice(&signature);
    bytes
}

fn said(bytes: &[u8], swarm: &GossipTopic) -> [u8; 32] {
    Context::SwarmWord.hash(&[&swarm.0[..], bytes].concat())
}

/// Reads such a word; it counts only if the node itself said it just now, in this swarm.
pub fn heard(bytes: &[u8], swarm: &GossipTopic, now_ms: u64) -> Option<Ticket> {
    let mut reader = Reader::new(bytes);
    (reader.byte().ok()? == VERSION).then_some(())?;
    let at_ms = reader.varint().ok()?;
    let ticket = Ticket::decode(reader.bytes(bytes.len()).ok()?).ok()?;
    let front = &bytes[..reader.position()];
    let signature = reader.array().ok()?;
    reader.end().ok()?;
    let fresh = at_ms.abs_diff(now_ms) <= FRESH_MS;
    let bare = ticket.entity.is_none() && ticket.topic.is_none() && ticket.name.is_none();
    verify(&ticket.node.0, &said(front, swarm), &signature).ok()?;
    (fresh && bare).then_some(ticket)
}

impl Swarms {
    /// When it is to be looked after.
    pub(super) fn next_ms(&self) -> u64 {
        let says = self.joined.values().map(|swarm| swarm.says_ms);
        says.fold(self.looks_ms, u64::min)
    }

    /// Follows these topics, of which these other nodes are known to. Gives the swarms that
    /// are to be left, and those to be joined with the nodes that are news.
    fn follow(
        &mut self,
        wanted: BTreeMap<TopicId, BTreeSet<NodeId>>,
        now_ms: u64,
    ) -> (Vec<TopicId>, Vec<(TopicId, Vec<NodeId>)>) {
        self.looks_ms = now_ms.saturating_add(LOOK_MS);
        let left = self
            .joined
            .keys()
            .filter(|topic| !wanted.contains_key(topic));
        let left: Vec<TopicId> = left.copied().collect();
        left.iter()
            .for_each(|topic| drop(self.joined.remove(topic)));
        let mut joins = Vec::new();
        for (topic, nodes) in wanted {
            if !self.joined.contains_key(&topic) && self.joined.len() >= TOPICS_MAX {
                continue;
            }
            let is_new = !self.joined.contains_key(&topic);
            let swarm = self.joined.entry(topic).or_insert_with(|| Swarm {
                says_ms: u64::MAX,
                ..Swarm::default()
            });
            let fresh: Vec<NodeId> = nodes.difference(&swarm.named).copied().collect();
            if is_new || !fresh.is_empty() {
                swarm.named.extend(&fresh);
                swarm.speak_soon(now_ms);
                joins.push((topic, fresh));
            }
        }
        (left, joins)
    }

    /// The swarms in which something is to be said now.
    fn due(&mut self, now_ms: u64) -> Vec<TopicId> {
        let due = self.joined.iter_mut();
        let due = due.filter(|(_, swarm)| swarm.says_ms <= now_ms);
        due.map(|(topic, swarm)| {
            swarm.says_ms = now_ms.saturating_add(AGAIN_MS);
            swarm.said_ms = Some(now_ms);
            *topic
        })
        .collect()
    }

    /// The topic of a swarm.
    fn topic_of(&self, swarm: &GossipTopic) -> Option<TopicId> {
        let mut topics = self.joined.keys();
        topics.find(|topic| swarm_of(topic) == *swarm).copied()
    }

    /// Whether a node that was heard of there is news.
    fn is_news(&mut self, topic: &TopicId, node: NodeId, now_ms: u64) -> bool {
        let Some(swarm) = self.joined.get_mut(topic) else {
            return false;
        };
        if swarm.heard_until_ms <= now_ms {
            swarm.heard.clear();
            swarm.heard_until_ms = now_ms.saturating_add(AGAIN_MS);
        }
        let is_new = !self.taken.contains(&node);
        if swarm.heard.len() >= HEARD_MAX
            || is_new && self.taken.len() >= TAKEN_MAX
            || !swarm.heard.insert(node)
        {
            return false;
        }
        self.taken.insert(node);
        if swarm.named.insert(node) {
            swarm.speak_soon(now_ms);
        }
        true
    }
}

impl Driver {
    /// Whether swarms are to be looked after.
    pub fn swarms_are_due(&self, now: Now) -> bool {
        self.gossips && self.swarms.next_ms() <= now.monotonic_ms
    }

    /// Joins and leaves swarms as topics are followed, and says where this node is.
    pub fn tend_swarms(&mut self, now: Now, node: &mut Node) -> Result<(), Failure> {
        let now_ms = now.monotonic_ms;
        let interests = self.engine.interests();
        let own = node.store.own().map(|(feed, _)| feed.topic);
        let followed = interests.topics.iter().copied().chain(own);
        let mut wanted = BTreeMap::new();
        let mut public = std::mem::take(&mut self.swarms.public);
        for topic in followed.filter(|topic| !interests.left.contains(topic)) {
            if !public.contains_key(&topic)
                && let Some(genesis) = node.genesis(&topic)
            {
                public.insert(topic, !genesis.is_private());
            }
            if public.get(&topic) == Some(&true) && wanted.len() < TOPICS_MAX {
                wanted.insert(topic, self.sharing(&topic));
            }
        }
        self.swarms.public = public;
        let (left, joins) = self.swarms.follow(wanted, now_ms);
        for topic in left {
            let topic = swarm_of(&topic);
            self.net.tell(Command::LeaveGossip { topic });
        }
        for (topic, nodes) in joins {
            let topic = swarm_of(&topic);
            self.net.tell(Command::JoinGossip { topic, nodes });
        }
        let ticket = self.net.ticket();
        for topic in self.swarms.due(now_ms) {
            let topic = swarm_of(&topic);
            let bytes = word(&ticket, &topic, now.utc_ms, &self.transport);
            self.net.tell(Command::Broadcast { topic, bytes });
        }
        Ok(())
    }

    /// The nodes with which a topic is shared over a link.
    fn sharing(&self, topic: &TopicId) -> BTreeSet<NodeId> {
        let links = self.engine.links();
        let links = links.filter(|(link, ..)| self.engine.shares(*link, topic));
        links.map(|(_, peer, ..)| peer.node).collect()
    }

    /// Somebody said something in a swarm.
    pub(super) fn hear_gossip(
        &mut self,
        swarm: GossipTopic,
        bytes: &[u8],
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        let Some(topic) = self.swarms.topic_of(&swarm) else {
            return Ok(());
        };
        let Some(ticket) = heard(bytes, &swarm, now.utc_ms) else {
            return Ok(());
        };
        let named = ticket.node;
        if named == self.net.node() || !self.swarms.is_news(&topic, named, now.monotonic_ms) {
            return Ok(());
        }
        self.net.tell(Command::Relearn(ticket));
        let source = Source::Swarm(topic);
        let heard = Input::Heard {
            node: named,
            source,
        };
        self.give(heard, now, node, board)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn nodes(ids: &[u8]) -> BTreeSet<NodeId> {
        ids.iter().map(|id| NodeId([*id; 32])).collect()
    }

    #[test]
    fn a_word_counts_for_its_node_its_swarm_and_its_time() {
        let key = SecretKey::from_seed([3; 32]);
        let mut ticket = Ticket::new(NodeId(key.public()));
        ticket.addresses = vec![([192, 168, 1, 5], 4455).into()];
        let [swarm, other] = [1, 2].map(|id| swarm_of(&TopicId([id; 32])));
        let bytes = word(&ticket, &swarm, NOW_MS, &key);
        assert_eq!(heard(&bytes, &swarm, NOW_MS), Some(ticket.clone()));
        assert_eq!(
            heard(&bytes, &swarm, NOW_MS + FRESH_MS),
            Some(ticket.clone())
        );
        assert_eq!(heard(&bytes, &swarm, NOW_MS + FRESH_MS + 1), None);
        assert_eq!(heard(&bytes, &other, NOW_MS), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(heard(&changed, &swarm, NOW_MS), None, "byte {at}");
            assert_eq!(heard(&bytes[..at], &swarm, NOW_MS), None, "cut at {at}");
        }
        // nobody speaks for another node, or says more than where it is
        let forged = word(&ticket, &swarm, NOW_MS, &SecretKey::from_seed([4; 32]));
        assert_eq!(heard(&forged, &swarm, NOW_MS), None);
        ticket.name = Some("a shop".into());
        assert_eq!(
            heard(&word(&ticket, &swarm, NOW_MS, &key), &swarm, NOW_MS),
            None
        );
    }

    #[test]
    fn swarms_are_joined_once_and_spoken_in_now_and_then() {
        let mut swarms = Swarms::default();
        let [one, other] = [1, 2].map(|id| TopicId([id; 32]));
        let (left, joins) = swarms.follow([(one, nodes(&[])), (other, nodes(&[7]))].into(), 0);
        let seven = vec![NodeId([7; 32])];
        assert_eq!((left, joins), (vec![], vec![(one, vec![]), (other, seven)]));
        assert_eq!(swarms.due(SOON_MS - 1), []);
        assert_eq!(swarms.due(SOON_MS), [one, other]);
        // somebody more is known to follow it
        let (left, joins) = swarms.follow([(other, nodes(&[7, 8]))].into(), 5_000);
        assert_eq!(
            (left, joins),
            (vec![one], vec![(other, vec![NodeId([8; 32])])])
        );
        // all who come are told where this node is, once a minute
        let pause = SOON_MS + PAUSE_MS;
        assert_eq!(swarms.due(pause - 1), []);
        assert_eq!(swarms.due(pause), [other]);
        assert!(swarms.is_news(&other, NodeId([9; 32]), 70_000));
        assert!(!swarms.is_news(&other, NodeId([9; 32]), 70_000));
        assert!(!swarms.is_news(&one, NodeId([9; 32]), 70_000));
        let pause = pause + PAUSE_MS;
        assert_eq!(swarms.due(pause - 1), []);
        assert_eq!(swarms.due(pause), [other]);
        assert_eq!(swarms.due(pause + AGAIN_MS - 1), []);
        assert_eq!(swarms.due(pause + AGAIN_MS), [other]);
        assert_eq!(swarms.topic_of(&swarm_of(&other)), Some(other));
        assert_eq!(swarms.topic_of(&swarm_of(&one)), None);
    }

    #[test]
    fn one_who_makes_up_nodes_is_heard_little_and_lets_nobody_speak_more() {
        let mut swarms = Swarms::default();
        let topic = TopicId([1; 32]);
        swarms.follow([(topic, nodes(&[]))].into(), 0);
        let (mut taken, mut said) = (0, 0);
        for number in 0..3_600_000u64 / 50 {
            let mut node = [0; 32];
            node[..8].copy_from_slice(&number.to_le_bytes());
            taken += usize::from(swarms.is_news(&topic, NodeId(node), number * 50));
            said += swarms.due(number * 50).len();
        }
        assert_eq!(taken, HEARD_MAX * 12);
        assert!(said <= 61, "{said}");
        let mut later = 3_600_000;
        for number in 0..1_000_000u64 {
            let mut node = [1; 32];
            node[..8].copy_from_slice(&number.to_le_bytes());
            later += AGAIN_MS / 32;
            swarms.is_news(&topic, NodeId(node), later);
        }
        assert_eq!(swarms.taken.len(), TAKEN_MAX);
        assert!(swarms.joined[&topic].named.len() <= TAKEN_MAX);
    }
}
