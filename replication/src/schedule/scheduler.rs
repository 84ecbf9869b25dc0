//! Chooses whom to call: pinned nodes always; the rest of the slots to those with whom
//! most is shared and things last went well, not all of them by one way of hearing.

use std::collections::BTreeMap;

use crate::engine::Source;
use crate::peer::{LinkId, NodeId};
use crate::policy::Standing;
use crate::schedule::{Backoff, Contact, Contacts, State};

/// How many links there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Links that this node opens by itself, pinned ones aside.
    pub dialed: usize,
    /// Of those, how many may come from one way of hearing (one feed that announces, the
    /// LAN, records): who fills one of them with nodes of his has not surrounded this one.
    pub dialed_of_one_source: usize,
    /// Links that others opened, pinned and own ones aside.
    pub taken: usize,
    /// Calls under way at once.
    pub dialing: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            dialed: 12,
            dialed_of_one_source: 6,
            taken: 48,
            dialing: 4,
        }
    }
}

/// A link after whose end the node counts as reached: shorter ones are failures.
const GOOD_LINK_MS: u64 = 5_000;

/// Decides whom to call.
#[derive(Debug, Clone)]
pub struct Scheduler {
    slots: Slots,
    contacts: Contacts,
    /// Links: who, whether this node called, since when.
    links: BTreeMap<LinkId, (NodeId, bool, u64)>,
}

impl Scheduler {
    /// Nobody is known yet.
    pub fn new(slots: Slots) -> Self {
        Self {
            slots,
            contacts: Contacts::default(),
            links: BTreeMap::new(),
        }
    }

    /// What is known of nodes.
    pub fn contacts(&self) -> &Contacts {
        &self.contacts
    }

    /// A node was heard of.
    pub fn heard(&mut self, node: NodeId, source: Source, now_ms: u64) {
        self.contacts.heard(node, source, now_ms);
        if source == Source::Ticket
            && let Some(contact) = self.contacts.get_mut(&node)
            && contact.breaches == 0
        {
            // somebody here asks for it now
            contact.not_before_ms = now_ms;
        }
    }

    /// How a node stands was found out.
    pub fn set_standing(&mut self, node: NodeId, standing: Standing, now_ms: u64) {
        if let Some(contact) = self.contacts.entry(node, now_ms) {
            contact.standing = standing;
        }
    }

    /// How many topics are shared with a node; that they could be compared is a success.
    pub fn shared(&mut self, node: &NodeId, topics: usize, now_ms: u64) {
        if let Some(contact) = self.contacts.get_mut(node) {
            contact.shared_topics = topics;
            contact.success_ms = Some(now_ms);
            contact.failures = 0;
        }
    }

    /// Whether a connection that a node opened may stay, by the slots. Where all are
    /// taken it may be by closing the least wanted link, which is named.
    #[allow(clippy::result_unit_err)]
    pub fn room_for(&self, standing: Standing) -> Result<Option<LinkId>, ()> {
        if standing >= Standing::Pinned {
            return Ok(None);
        }
        let taken = self.links.iter().filter(|(_, (_, dialed, _))| !*dialed);
        let others = taken.filter_map(|(link, (node, ..))| {
            let contact = self.contacts.get(node)?;
            (contact.standing < Standing::Pinned).then_some((contact.rank(), *link, contact))
        });
        let others: Vec<_> = others.collect();
        if others.len() < self.slots.taken {
            return Ok(None);
        }
        let least = others.iter().min_by_key(|(rank, link, _)| (*rank, *link));
        match least {
            Some((_, link, contact)) if contact.standing < standing => Ok(Some(*link)),
            _ => Err(()),
        }
    }

    /// A link came up.
    pub fn linked(&mut self, node: NodeId, link: LinkId, dialed: bool, now_ms: u64) {
        self.links.insert(link, (node, dialed, now_ms));
        if let Some(contact) = self.contacts.entry(node, now_ms) {
            contact.state = State::Linked(link);
            contact.heard_ms = now_ms;
        }
    }

    /// A link is gone.
    pub fn closed(&mut self, link: LinkId, now_ms: u64, random: u64) {
        let Some((node, dialed, since_ms)) = self.links.remove(&link) else {
            return;
        };
        let other = self.links.iter().find(|(_, (other, ..))| *other == node);
        let other = other.map(|(link, _)| *link);
        let Some(contact) = self.contacts.get_mut(&node) else {
            return;
        };
        if contact.state != State::Linked(link) {
            return;
        }
        contact.state = other.map_or(State::Idle, State::Linked);
        let did_well = contact.success_ms.is_some_and(|at| at >= since_ms);
        if did_well || now_ms.saturating_sub(since_ms) >= GOOD_LINK_MS {
            contact.failures = 0;
        } else if dialed {
            contact.failures += 1;
        }
        let wait_ms = backoff(contact).wait_ms(contact.failures.max(1), random);
        contact.not_before_ms = contact.not_before_ms.max(now_ms + wait_ms);
    }

    /// A call came to nothing.
    pub fn failed(&mut self, node: &NodeId, now_ms: u64, random: u64) {
        if let Some(contact) = self.contacts.get_mut(node)
            && contact.state == State::Dialing
        {
            contact.state = State::Idle;
            contact.failures += 1;
            contact.not_before_ms = now_ms + backoff(contact).wait_ms(contact.failures, random);
        }
    }

    /// A node broke the protocol.
    pub fn misbehaved(&mut self, node: NodeId, now_ms: u64, random: u64) {
        if let Some(contact) = self.contacts.entry(node, now_ms) {
            contact.breaches += 1;
            // a pinned node is a friend's whose program or disk is ill: asked again soon
            let pinned = contact.standing >= Standing::Pinned;
            let backoff = if pinned {
                Backoff::PINNED
            } else {
                Backoff::MISBEHAVED
            };
            let wait_ms = backoff.wait_ms(contact.breaches, random);
            contact.not_before_ms = contact.not_before_ms.max(now_ms + wait_ms);
        }
    }

    /// Whether a node is to be left alone for now, because it misbehaved.
    pub fn is_shunned(&self, node: &NodeId, now_ms: u64) -> bool {
        let contact = self.contacts.get(node);
        contact.is_some_and(|it| it.breaches > 0 && it.not_before_ms > now_ms)
    }

    /// Whom to call now. They count as called. `may` says whom policy lets this node call.
    pub fn due(&mut self, now_ms: u64, may: impl Fn(&NodeId, &Contact) -> bool) -> Vec<NodeId> {
        let mut chosen = Vec::new();
        let mut dialing = 0;
        let mut dialed = 0;
        let mut by_source: BTreeMap<Source, usize> = BTreeMap::new();
        for (_, contact) in self.contacts.iter() {
            let counts = match contact.state {
                State::Idle => false,
                State::Dialing => {
                    dialing += 1;
                    true
                }
                State::Linked(link) => self.links.get(&link).is_some_and(|(_, dialed, _)| *dialed),
            };
            if counts && contact.standing < Standing::Pinned {
                dialed += 1;
                *by_source.entry(first_source(contact)).or_default() += 1;
            }
        }
        let ready = self.contacts.iter().filter(|(node, contact)| {
            contact.state == State::Idle && contact.not_before_ms <= now_ms && may(node, contact)
        });
        let mut ready: Vec<_> = ready
            .map(|(node, it)| (it.rank(), *node, first_source(it)))
            .collect();
        ready.sort_unstable_by(|a, b| b.cmp(a));
        for ((standing, ..), node, source) in ready {
            if dialing >= self.slots.dialing {
                break;
            }
            if standing < Standing::Pinned {
                let of_source = by_source.entry(source).or_default();
                let by_hand = source == Source::Ticket;
                if dialed >= self.slots.dialed
                    || (*of_source >= self.slots.dialed_of_one_source && !by_hand)
                {
                    continue;
                }
                *of_source += 1;
                dialed += 1;
            }
            dialing += 1;
            chosen.push(node);
        }
        for node in &chosen {
            if let Some(contact) = self.contacts.get_mut(node) {
                contact.state = State::Dialing;
            }
        }
        chosen
    }

    /// When somebody becomes due whom time alone keeps from being called.
    pub fn wakes_at_ms(&self, now_ms: u64) -> Option<u64> {
        let idle = self
            .contacts
            .iter()
            .filter(|(_, it)| it.state == State::Idle);
        let later = idle.map(|(_, it)| it.not_before_ms);
        later.filter(|at| *at > now_ms).min()
    }
}

/// The way by which a node counts: whatever a person here did by hand first.
fn first_source(contact: &Contact) -> Source {
    let first = contact.sources.first().copied();
    first.unwrap_or(Source::Record)
}

fn backoff(contact: &Contact) -> Backoff {
    if contact.standing >= Standing::Pinned {
        Backoff::PINNED
    } else {
        Backoff::UNREACHED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synlog_log::ids::TopicId;

    fn node(number: u16) -> NodeId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&number.to_be_bytes());
        NodeId(id)
    }

    fn announced_by(number: u8) -> Source {
        Source::Profile(TopicId([number; 32]))
    }

    fn slots() -> Slots {
        Slots {
            dialing: 100,
            ..Slots::default()
        }
    }

    #[test]
    fn pinned_nodes_are_called_whatever_else_there_is() {
        let mut scheduler = Scheduler::new(Slots::default());
        for number in 0..1_000 {
            scheduler.heard(node(number), announced_by(1), 0);
            scheduler.set_standing(node(number), Standing::Followed, 0);
        }
        scheduler.heard(node(2_000), Source::Record, 0);
        scheduler.set_standing(node(2_000), Standing::Pinned, 0);
        assert_eq!(scheduler.due(0, |_, _| true)[0], node(2_000));
    }

    #[test]
    fn nobody_fills_all_slots_by_announcing_many() {
        let mut scheduler = Scheduler::new(slots());
        for number in 0..1_000 {
            scheduler.heard(node(number), announced_by(1), 0);
        }
        for number in 1_000..1_010 {
            scheduler.heard(node(number), announced_by(2), 0);
        }
        let called = scheduler.due(0, |_, _| true);
        assert_eq!(called.len(), 12);
        let by_first = called.iter().filter(|it| **it < node(1_000)).count();
        assert_eq!(by_first, 6);
    }

    #[test]
    fn those_who_fail_wait_longer_and_longer_and_others_get_their_turn() {
        let mut scheduler = Scheduler::new(Slots {
            dialed: 1,
            ..slots()
        });
        scheduler.heard(node(1), Source::Lan, 0);
        scheduler.heard(node(2), Source::Lan, 1);
        assert_eq!(scheduler.due(5, |_, _| true), [node(2)]);
        assert_eq!(scheduler.due(5, |_, _| true), []);
        scheduler.failed(&node(2), 5, 0);
        assert_eq!(scheduler.due(5, |_, _| true), [node(1)]);
        let wakes = scheduler.wakes_at_ms(5).unwrap_or_default();
        assert!((1_000..=2_005).contains(&wakes));
        scheduler.failed(&node(1), 5, u64::MAX);
        let mut tries = 0;
        for now_ms in (0..3_600_000).step_by(100) {
            for called in scheduler.due(now_ms, |_, _| true) {
                tries += 1;
                scheduler.failed(&called, now_ms, now_ms);
            }
        }
        assert!((8..40).contains(&tries), "{tries}");
    }

    #[test]
    fn who_misbehaves_is_left_alone_and_a_full_house_makes_room_for_friends() {
        let mut scheduler = Scheduler::new(Slots {
            taken: 2,
            ..slots()
        });
        scheduler.heard(node(1), Source::Lan, 0);
        scheduler.misbehaved(node(1), 0, 0);
        assert!(scheduler.is_shunned(&node(1), 299_999));
        assert_eq!(scheduler.due(299_999, |_, _| true), []);
        assert_eq!(scheduler.due(300_001, |_, _| true), [node(1)]);
        for number in [5, 6] {
            scheduler.linked(node(number), LinkId(u64::from(number)), false, 0);
        }
        assert_eq!(scheduler.room_for(Standing::Stranger), Err(()));
        let evicted = scheduler.room_for(Standing::Followed);
        assert_eq!(evicted, Ok(Some(LinkId(5))));
        assert_eq!(scheduler.room_for(Standing::Pinned), Ok(None));
    }

    #[test]
    fn memory_of_nodes_is_bounded_and_keeps_who_matters() {
        let mut scheduler = Scheduler::new(Slots::default());
        scheduler.heard(node(60_000), Source::Ticket, 0);
        for number in 0..10_000 {
            scheduler.heard(node(number), announced_by(1), u64::from(number));
        }
        assert!(scheduler.contacts().len() <= 4_096);
        assert!(scheduler.contacts().get(&node(60_000)).is_some());
    }
}
