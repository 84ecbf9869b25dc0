//! Nodes that were heard of, as many as are worth remembering.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Source;
use crate::peer::{LinkId, NodeId};
use crate::policy::Standing;

/// How a node and this one are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not at all.
    Idle,
    /// A call is under way.
    Dialing,
    /// By this link.
    Linked(LinkId),
}

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// How it was heard of.
    pub sources: BTreeSet<Source>,
    /// How it stood when it last said who it is; a stranger until then.
    pub standing: Standing,
    /// Topics that it was seen to share.
    pub shared_topics: usize,
    /// When it was last heard of.
    pub heard_ms: u64,
    /// When a link with it last did well.
    pub success_ms: Option<u64>,
    /// Calls in a row that came to nothing.
    pub failures: u32,
    /// How often it broke the protocol.
    pub breaches: u32,
    /// It is left alone until then.
    pub not_before_ms: u64,
    /// How it is connected.
    pub state: State,
}

impl Contact {
    /// How a node counts that sends something: whose ticket the person here took was asked
    /// for what it has, however much that is.
    pub fn as_giver(&self, standing: Standing) -> Standing {
        let was_asked = self.sources.contains(&Source::Ticket);
        match was_asked && standing > Standing::Blocked {
            true => standing.max(Standing::Followed),
            false => standing,
        }
    }

    /// What orders contacts: the most wanted is the greatest.
    pub fn rank(&self) -> (Standing, bool, usize, Option<u64>, u64) {
        let by_hand = self.sources.contains(&Source::Ticket);
        (
            self.standing,
            by_hand,
            self.shared_topics.min(64),
            self.success_ms,
            self.heard_ms,
        )
    }
}

/// Nodes that are remembered: enough for a large community, and some hundred bytes each.
const CONTACTS_MAX: usize = 4_096;
/// Ways by which one node was heard of that are remembered.
const SOURCES_MAX: usize = 8;

/// The nodes that were heard of.
#[derive(Debug, Clone, Default)]
pub struct Contacts {
    by_node: BTreeMap<NodeId, Contact>,
}

impl Contacts {
    /// What is known of a node.
    pub fn get(&self, node: &NodeId) -> Option<&Contact> {
        self.by_node.get(node)
    }

    /// What is known of a node, to change it.
    pub fn get_mut(&mut self, node: &NodeId) -> Option<&mut Contact> {
        self.by_node.get_mut(node)
    }

    /// All of them, by node.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeId, &Contact)> {
        self.by_node.iter()
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.by_node.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }

    /// The contact of a node, new if it wasn't known. `None` where there is no room and
    /// all others are worth more than a stranger.
    pub fn entry(&mut self, node: NodeId, now_ms: u64) -> Option<&mut Contact> {
        if !self.by_node.contains_key(&node) {
            if self.by_node.len() >= CONTACTS_MAX && !self.drop_least() {
                return None;
            }
            let contact = Contact {
                sources: BTreeSet::new(),
                standing: Standing::Stranger,
                shared_topics: 0,
                heard_ms: now_ms,
                success_ms: None,
                failures: 0,
                breaches: 0,
                not_before_ms: 0,
                state: State::Idle,
            };
            self.by_node.insert(node, contact);
        }
        self.by_node.get_mut(&node)
    }

    /// Notes how a node was heard of.
    pub fn heard(&mut self, node: NodeId, source: Source, now_ms: u64) {
        if let Some(contact) = self.entry(node, now_ms) {
            contact.heard_ms = now_ms;
            if contact.sources.len() < SOURCES_MAX {
                contact.sources.insert(source);
            }
        }
    }

    /// Forgets the least wanted of those that nobody here asked for and that are not connected.
    fn drop_least(&mut self) -> bool {
        let idle = self.by_node.iter().filter(|(_, it)| {
            it.state == State::Idle
                && it.standing <= Standing::Introduced
                && !it.sources.contains(&Source::Ticket)
        });
        // those that misbehaved are worth remembering for that
        let least = idle.min_by_key(|(node, it)| (it.breaches > 0, it.rank(), **node));
        let Some(least) = least.map(|(node, _)| *node) else {
            return false;
        };
        self.by_node.remove(&least).is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_was_asked_may_give_much() {
        for (source, standing, giver) in [
            (Source::Ticket, Standing::Stranger, Standing::Followed),
            (Source::Ticket, Standing::Pinned, Standing::Pinned),
            (Source::Ticket, Standing::Blocked, Standing::Blocked),
            (Source::Lan, Standing::Stranger, Standing::Stranger),
        ] {
            let mut contacts = Contacts::default();
            let node = NodeId([1; 32]);
            contacts.heard(node, source, 0);
            assert_eq!(contacts.get(&node).unwrap().as_giver(standing), giver);
        }
    }
}
