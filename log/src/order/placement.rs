//! Ordered topics: placing what the chain cites, and what is left tentative.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::EntityId;
use crate::order::chain::Chain;
use crate::order::graph::{Graph, Key, NONE};
use crate::order::verdict::{Opening, Standing, judge, judge_private};
use crate::order::{Change, Status, Verdict, VoidReason};
use crate::topic::{Policy, PolicyEvent};

#[derive(Default)]
pub(super) struct Placement {
    /// The sequenced prefix.
    placed: Vec<(u32, Status)>,
    /// Role, at its place, of the entity of each placed entry: index in `role_names`.
    roles: Vec<u32>,
    role_names: Vec<Arc<str>>,
    /// Index in `placed` by node; [`NONE`] where it is not placed.
    place: Vec<u32>,
    /// Length of the prefix after each entry of the chain.
    marks: Vec<usize>,
    /// What is not placed, in key order.
    unplaced: BTreeSet<(Key, u32)>,
    /// The policy at the end of the prefix.
    policy: Policy,
    /// Placed entries that changed the policy.
    policy_changes: Vec<u32>,
    /// The first placed entry that this reader could not open: from here on members and
    /// roles are not known.
    locked: Option<usize>,
    /// A key was found that may open what is locked.
    unlocks: bool,
    /// First entries (by certificate) placed after a rotation that their certificates don't include.
    stale: HashMap<u32, u32>,
}

impl Placement {
    pub(super) fn insert(&mut self, graph: &Graph, node: u32) {
        self.place.push(NONE);
        self.unplaced.insert((graph.key(node), node));
    }

    pub(super) fn prefix(&self) -> &[(u32, Status)] {
        &self.placed
    }

    /// The sequenced prefix from a line on, with the roles at each place.
    pub(super) fn prefix_with_roles(
        &self,
        from: usize,
    ) -> impl Iterator<Item = (u32, &Status, &Arc<str>)> + '_ {
        let placed = self.placed[..self.readable()].iter().skip(from);
        let roles = self.roles.iter().skip(from);
        placed
            .zip(roles)
            .map(|((node, status), role)| (*node, status, &self.role_names[*role as usize]))
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How many lines of the prefix can be read: up to the last entry of the chain before
    /// what is locked.
    pub(super) fn readable(&self) -> usize {
        let Some(locked) = self.locked else {
            return self.placed.len();
        };
        let marks = self.marks.partition_point(|mark| *mark <= locked);
        marks.checked_sub(1).map_or(0, |mark| self.marks[mark])
    }

    /// The first placed entry that this reader could not open.
    pub(super) fn locked(&self) -> Option<u32> {
        self.locked.map(|at| self.placed[at].0)
    }

    /// A key came from elsewhere.
    pub(super) fn unlock(&mut self) {
        self.unlocks = true;
    }

    /// Brings the prefix up to the chain, of which `kept` entries are as before.
    pub(super) fn settle(
        &mut self,
        graph: &mut Graph,
        chain: &Chain,
        kept: usize,
        first_policy: &Policy,
    ) -> Change {
        if self.marks.is_empty() {
            self.policy = first_policy.clone();
        }
        let before = self.placed.len();
        if kept < self.marks.len() {
            self.rewind(graph, kept, first_policy);
        }
        let mut same = before.min(self.placed.len());
        loop {
            self.place_rest(graph, chain);
            // a later epoch hands back the key of an earlier one
            if !std::mem::take(&mut self.unlocks) {
                break;
            }
            if let Some(locked) = self.locked {
                let marks = self.marks.partition_point(|mark| *mark <= locked);
                self.rewind(graph, marks, first_policy);
                same = same.min(self.placed.len());
            }
        }
        self.open_tentative(graph);
        Change {
            kept: same,
            prefix: self.placed.len(),
        }
    }

    /// Opens what is not placed and can be opened.
    fn open_tentative(&mut self, graph: &mut Graph) {
        if graph.keyring.is_none() {
            return;
        }
        for (_, number) in &self.unplaced {
            let seal = graph.seal(*number).filter(|seal| seal.opened.is_none());
            if let Some(hash) = seal.and_then(|seal| self.policy.epochs.get(&seal.epoch)) {
                graph.open(*number, hash);
            }
        }
    }

    fn place_rest(&mut self, graph: &mut Graph, chain: &Chain) {
        let mut withdrawn: BTreeMap<u32, u64> = BTreeMap::new();
        let mut withdrawn_at = usize::MAX;
        for index in self.marks.len()..chain.entries.len() {
            // legs are few; look again only where one begins
            let leg = chain.legs.partition_point(|leg| leg.first <= index);
            if leg != withdrawn_at {
                (withdrawn, withdrawn_at) = (withdrawn_map(chain, index), leg);
            }
            self.place_with_ancestors(graph, chain, &withdrawn, chain.entries[index]);
            self.marks.push(self.placed.len());
        }
    }

    /// Takes back what was placed by the chain's entries from an index on.
    fn rewind(&mut self, graph: &Graph, kept: usize, first_policy: &Policy) {
        self.marks.truncate(kept);
        let len = self.marks.last().copied().unwrap_or(0);
        self.roles.truncate(len);
        for (node, _) in self.placed.drain(len..) {
            self.place[node as usize] = NONE;
            self.unplaced.insert((graph.key(node), node));
        }
        self.stale.retain(|_, at| (*at as usize) < len);
        self.locked = self.locked.filter(|at| *at < len);
        self.policy = first_policy.clone();
        let place = &self.place;
        self.policy_changes
            .retain(|node| place[*node as usize] != NONE);
        for node in &self.policy_changes {
            if let Some(event) = graph.policy_event(*node) {
                self.policy.apply(event);
            }
        }
    }

    fn place_with_ancestors(
        &mut self,
        graph: &mut Graph,
        chain: &Chain,
        withdrawn: &BTreeMap<u32, u64>,
        node: u32,
    ) {
        if self.place[node as usize] != NONE {
            return;
        }
        let (mut closure, mut stack, mut seen) = (Vec::new(), vec![node], BTreeSet::from([node]));
        while let Some(at) = stack.pop() {
            closure.push((graph.key(at), at));
            for parent in graph.parents(at) {
                if self.place[*parent as usize] == NONE && seen.insert(*parent) {
                    stack.push(*parent);
                }
            }
        }
        closure.sort_unstable();
        for (key, node) in closure {
            let role = self.role_now(graph, chain, node);
            let role = self.role_number(&role);
            self.roles.push(role);
            let status = self.place_one(graph, chain, withdrawn, node);
            self.unplaced.remove(&(key, node));
            self.place[node as usize] = self.placed.len() as u32;
            self.placed.push((node, status));
        }
    }

    /// Role of an entry's entity by the policy as it stands.
    fn role_now(&self, graph: &Graph, chain: &Chain, number: u32) -> String {
        let entity = graph.certified(number).entity;
        role_text(&self.policy, &entity, chain.contains(number)).to_owned()
    }

    fn role_number(&mut self, role: &str) -> u32 {
        let known = self.role_names.iter().position(|name| **name == *role);
        let number = known.unwrap_or_else(|| {
            self.role_names.push(role.into());
            self.role_names.len() - 1
        });
        number as u32
    }

    /// Role of an entry's entity at its place; of what is tentative, at the end of the prefix.
    pub(super) fn role(&self, graph: &Graph, chain: &Chain, number: u32) -> Arc<str> {
        let place = self.place[number as usize] as usize;
        match self.roles.get(place) {
            Some(role) => self.role_names[*role as usize].clone(),
            None => self.role_now(graph, chain, number).into(),
        }
    }

    fn place_one(
        &mut self,
        graph: &mut Graph,
        chain: &Chain,
        withdrawn: &BTreeMap<u32, u64>,
        number: u32,
    ) -> Status {
        let seal = graph.seal(number).filter(|seal| seal.opened.is_none());
        if let Some(hash) = seal.and_then(|seal| self.policy.epochs.get(&seal.epoch)) {
            graph.open(number, hash);
        }
        let node = &graph.nodes[number as usize];
        if let Some(reason) = self.void(graph, withdrawn, number) {
            return Status::Void(reason);
        }
        if node.backlink == NONE && self.is_stale(graph, number) {
            self.stale
                .insert(node.certificate, self.placed.len() as u32);
        }
        let verdict = self.verdict(graph, chain, number);
        if verdict == Verdict::Sealed && self.locked.is_none() {
            self.locked = Some(self.placed.len());
        }
        if verdict == Verdict::Accepted {
            self.take_in_policy(graph, number);
        }
        Status::Sequenced(verdict)
    }

    fn take_in_policy(&mut self, graph: &mut Graph, number: u32) {
        let Some(event) = graph.policy_event(number) else {
            return;
        };
        if matches!(event, PolicyEvent::Ack | PolicyEvent::Tombstone { .. }) {
            return;
        }
        self.policy.apply(event);
        self.policy_changes.push(number);
        if let PolicyEvent::Key(offer) = event {
            let offer = offer.clone();
            self.unlocks |= graph
                .keyring
                .as_mut()
                .is_some_and(|ring| ring.learn(&offer));
        }
    }

    /// How far this reader gets with an entry; `None` where it isn't sealed.
    fn opening(&self, graph: &Graph, number: u32) -> Option<Opening> {
        let (seal, ring) = (graph.seal(number)?, graph.keyring.as_ref()?);
        let Some(hash) = self.policy.epochs.get(&seal.epoch) else {
            return Some(Opening::UnknownEpoch);
        };
        Some(if self.locked.is_some() {
            Opening::Locked
        } else if seal.opened.as_ref() == Some(hash) {
            Opening::Open
        } else if seal.opened.is_some() || seal.is_kept() && ring.key(seal.epoch, hash).is_some() {
            Opening::Unsealable
        } else {
            Opening::Locked
        })
    }

    fn void(
        &self,
        graph: &Graph,
        withdrawn: &BTreeMap<u32, u64>,
        number: u32,
    ) -> Option<VoidReason> {
        let node = &graph.nodes[number as usize];
        let feed = &graph.feeds[node.feed as usize];
        let placed = |other: u32| {
            self.place
                .get(other as usize)
                .is_some_and(|place| *place != NONE)
        };
        if feed.forked_at.is_some() || node.seq == 0 {
            let rival = feed
                .at(node.seq)
                .any(|other| other != number && placed(other));
            if rival {
                return Some(VoidReason::Fork);
            }
        }
        if withdrawn
            .get(&node.feed)
            .is_some_and(|last| node.seq > *last)
        {
            return Some(VoidReason::Withdrawn);
        }
        let place = *self.place.get(node.backlink as usize)?;
        match self.placed.get(place as usize)?.1 {
            Status::Void(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether the certificate of an entry's feed lacks a rotation that is known here.
    fn is_stale(&self, graph: &Graph, number: u32) -> bool {
        let certified = graph.certified(number);
        let rotated = self.policy.rotated.get(&certified.entity);
        rotated.is_some_and(|rotations| {
            rotations
                .iter()
                .any(|hash| !certified.rotations.contains(hash))
        })
    }

    /// The verdict of an entry that is not void, from the policy as it stands.
    fn verdict(&self, graph: &Graph, chain: &Chain, number: u32) -> Verdict {
        let node = &graph.nodes[number as usize];
        let first = self.first_entry_placed(graph, number);
        let stale = if first {
            self.stale.contains_key(&node.certificate)
        } else {
            self.is_stale(graph, number)
        };
        let device = graph.device(number);
        let entity = graph.certified(number).entity;
        let revoked = self.policy.revoked.contains(&(entity, *device));
        let takes_over = graph.is_takeover(number) && chain.is_takeover_start(number);
        let standing = Standing {
            revoked,
            stale,
            in_chain: chain.contains(number),
            takes_over,
        };
        let content = graph.content(number);
        if graph.keyring.is_none() {
            return judge(content, &self.policy, &entity, standing);
        }
        let opening = self.opening(graph, number);
        judge_private(content, opening, &self.policy, &entity, standing)
    }

    /// Whether the first entry of an entry's branch is placed (or being placed now).
    fn first_entry_placed(&self, graph: &Graph, number: u32) -> bool {
        let node = &graph.nodes[number as usize];
        let firsts = graph.feeds[node.feed as usize].at(0);
        let mut same =
            firsts.filter(|first| graph.nodes[*first as usize].certificate == node.certificate);
        same.any(|first| {
            self.place[first as usize] != NONE
                || (first == number && self.stale.contains_key(&node.certificate))
        })
    }

    /// Where one entry stands.
    pub(super) fn status(&self, graph: &Graph, chain: &Chain, number: u32) -> Status {
        let place = self.place[number as usize];
        match self.placed.get(place as usize) {
            Some((_, status)) => *status,
            None => self.tentative(
                graph,
                chain,
                &withdrawn_map(chain, chain.entries.len()),
                number,
            ),
        }
    }

    fn tentative(
        &self,
        graph: &Graph,
        chain: &Chain,
        withdrawn: &BTreeMap<u32, u64>,
        number: u32,
    ) -> Status {
        let node = &graph.nodes[number as usize];
        if graph.feeds[node.feed as usize]
            .forked_at
            .is_some_and(|fork| node.seq >= fork)
        {
            return Status::Held(VoidReason::Fork);
        }
        if withdrawn
            .get(&node.feed)
            .is_some_and(|last| node.seq > *last)
        {
            return Status::Held(VoidReason::Withdrawn);
        }
        Status::Tentative(self.verdict(graph, chain, number))
    }

    /// The prefix, then what is tentative.
    pub(super) fn lines<'a>(
        &'a self,
        graph: &'a Graph,
        chain: &'a Chain,
    ) -> impl Iterator<Item = (u32, Status)> + 'a {
        self.placed
            .iter()
            .copied()
            .chain(self.tentative_lines(graph, chain))
    }

    /// What is tentative, or held.
    pub(super) fn tentative_lines<'a>(
        &'a self,
        graph: &'a Graph,
        chain: &'a Chain,
    ) -> impl Iterator<Item = (u32, Status)> + 'a {
        let withdrawn = withdrawn_map(chain, chain.entries.len());
        let rest = self.unplaced.iter().map(|(_, node)| *node);
        rest.map(move |node| (node, self.tentative(graph, chain, &withdrawn, node)))
    }
}

/// Role of an entity by a policy; the sequencer is the owner where it has none.
pub(super) fn role_text<'a>(policy: &'a Policy, entity: &EntityId, in_chain: bool) -> &'a str {
    let owner = if in_chain { "owner" } else { "" };
    policy.role(entity).unwrap_or(owner)
}

fn withdrawn_map(chain: &Chain, index: usize) -> BTreeMap<u32, u64> {
    let mut map = BTreeMap::new();
    for (feed, last_seq) in chain.withdrawn_before(index) {
        let last = map.entry(feed).or_insert(last_seq);
        *last = last_seq.min(*last);
    }
    map
}
