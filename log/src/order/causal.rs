//! Causal topics: all entries by clock and causality, policy looked up in the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::identity::Action;
use crate::ids::{DeviceId, EntityId, EntryId};
use crate::order::chain::Chain;
use crate::order::graph::{Graph, Key, NONE};
use crate::order::placement::role_text;
use crate::order::verdict::{Standing, judge};
use crate::order::{Code, Status, Verdict, VoidReason};
use crate::topic::{Cut, Policy, PolicyEvent};

/// What is known of one entry.
#[derive(Clone)]
struct Info {
    status: Status,
    /// How many entries of the chain are among its ancestors, or it itself is the last of.
    chain_len: usize,
    /// Accepted `topic.identity` entries among its ancestors and itself. Rare, so mostly `None`.
    statements: Option<Arc<BTreeSet<u32>>>,
    /// Its feed began after a rotation that its certificate does not include.
    stale: bool,
}

#[derive(Default)]
pub(super) struct Causal {
    by_key: BTreeMap<Key, u32>,
    infos: Vec<Option<Info>>,
    /// Inserted since the last time the order was settled.
    fresh: Vec<u32>,
    /// Policies after so many entries of the chain, where they changed.
    policies: Vec<(usize, Policy)>,
    /// How much of the chain `policies` and `closed` take in.
    chain_len: usize,
    /// Ancestors of the chain.
    closed: BTreeSet<u32>,
    /// Where feeds end, by feed.
    withdrawn: BTreeMap<u32, u64>,
    /// Of the entries of which entity (`None`: of all) from which seq on, by device (whose feed may come later).
    removed: BTreeMap<(DeviceId, Option<EntityId>), u64>,
    derived: bool,
}

impl Causal {
    /// Takes in an entry. Tells whether all must be looked at again.
    pub(super) fn insert(&mut self, graph: &Graph, node: u32) -> bool {
        self.by_key.insert(graph.key(node), node);
        self.infos.push(None);
        self.fresh.push(node);
        let cuts = match graph.policy_event(node) {
            Some(PolicyEvent::Remove { cuts, .. } | PolicyEvent::Identity { cuts, .. }) => cuts,
            _ => return false,
        };
        !cuts.is_empty()
    }

    pub(super) fn settle(
        &mut self,
        graph: &Graph,
        chain: &Chain,
        policy: Option<Policy>,
        all: bool,
    ) {
        self.derived = policy.is_none();
        if all {
            self.infos.iter_mut().for_each(|info| *info = None);
            self.policies.clear();
            self.closed.clear();
            self.chain_len = 0;
            // devices of the chain are never cut, and it may have grown since
            self.removed.clear();
            self.find_withdrawn(chain);
        }
        if let Some(policy) = policy {
            self.take_in_chain(graph, chain, policy);
        }
        let mut todo: Vec<u32> = if all {
            self.find_ends(graph, chain);
            self.by_key.values().copied().collect()
        } else {
            std::mem::take(&mut self.fresh)
        };
        self.fresh.clear();
        todo.sort_by_key(|node| graph.key(*node));
        for node in todo {
            let info = self.look_at(graph, chain, node);
            self.infos[node as usize] = Some(info);
        }
    }

    /// Policies along the chain, and what the chain builds on.
    fn take_in_chain(&mut self, graph: &Graph, chain: &Chain, first: Policy) {
        if self.policies.is_empty() {
            self.policies.push((0, first));
        }
        for (index, node) in chain.entries.iter().enumerate().skip(self.chain_len) {
            let mut stack = vec![*node];
            while let Some(at) = stack.pop() {
                if self.closed.insert(at) {
                    stack.extend(graph.parents(at));
                }
            }
            // a device that was taken over once decides nothing any more
            let event = graph
                .policy_event(*node)
                .filter(|_| self.void(graph, *node).is_none());
            let changes = match event {
                Some(event @ (PolicyEvent::Member { .. } | PolicyEvent::Remove { .. })) => {
                    Some(event)
                }
                Some(event @ (PolicyEvent::Role { .. } | PolicyEvent::Key { .. })) => Some(event),
                Some(event @ PolicyEvent::Reducer { .. }) => Some(event),
                _ => None,
            };
            if let (Some(event), Some((_, last))) = (changes, self.policies.last()) {
                let mut next = last.clone();
                next.apply(event);
                self.policies.push((index + 1, next));
            }
        }
        self.chain_len = chain.entries.len();
    }

    /// Where takeovers end feeds.
    fn find_withdrawn(&mut self, chain: &Chain) {
        self.withdrawn.clear();
        for (feed, last_seq) in chain.withdrawn_before(chain.entries.len()) {
            let last = self.withdrawn.entry(feed).or_insert(last_seq);
            *last = last_seq.min(*last);
        }
    }

    /// Where cuts end feeds.
    fn find_ends(&mut self, graph: &Graph, chain: &Chain) {
        self.removed.clear();
        for node in &chain.entries {
            if let Some(PolicyEvent::Remove { cuts, .. }) = graph.policy_event(*node) {
                cuts.iter()
                    .for_each(|cut| self.count_cut(graph, chain, *node, cut, None));
            }
        }
        let mut revocations = Vec::new();
        for (key, node) in &self.by_key {
            if let Some(PolicyEvent::Identity { statement, cuts }) = graph.policy_event(*node)
                && let Action::Revoke { device } = &statement.action
                && (graph.certified(*node).entity == statement.entity || chain.contains(*node))
            {
                let order = (statement.number, statement.hash, *key);
                revocations.push((order, *node, *device, statement.entity, cuts));
            }
        }
        revocations.sort_by_key(|(order, ..)| *order);
        for (_, node, device, entity, cuts) in revocations {
            if self.void(graph, node).is_none() {
                let of_device = cuts.iter().filter(|cut| cut.device == device);
                // a root speaks for its own entity's entries, whoever else the device belongs to
                of_device.for_each(|cut| self.count_cut(graph, chain, node, cut, Some(entity)));
            }
        }
    }

    fn count_cut(
        &mut self,
        graph: &Graph,
        chain: &Chain,
        carrier: u32,
        cut: &Cut,
        of: Option<EntityId>,
    ) {
        let feed = graph.feed_of(&cut.device);
        if chain.legs.iter().any(|leg| Some(leg.feed) == feed) {
            return;
        }
        // entries from this seq on are void
        let from = match cut.last {
            None => 0,
            Some((last_seq, head)) => {
                let Some(head) = graph.find(&head) else {
                    return;
                };
                let at = &graph.nodes[head as usize];
                if Some(at.feed) != feed || at.seq != last_seq || !graph.is_ancestor(head, carrier)
                {
                    return;
                }
                last_seq + 1
            }
        };
        let first = self.removed.entry((cut.device, of)).or_insert(from);
        *first = from.min(*first);
    }

    fn void(&self, graph: &Graph, node: u32) -> Option<VoidReason> {
        let at = &graph.nodes[node as usize];
        if graph.feeds[at.feed as usize]
            .forked_at
            .is_some_and(|fork| at.seq >= fork)
        {
            Some(VoidReason::Fork)
        } else if self
            .withdrawn
            .get(&at.feed)
            .is_some_and(|last| at.seq > *last)
        {
            Some(VoidReason::Withdrawn)
        } else if [None, Some(graph.certified(node).entity)]
            .iter()
            .filter_map(|of| self.removed.get(&(*graph.device(node), *of)))
            .any(|first| at.seq >= *first)
        {
            Some(VoidReason::Removed)
        } else {
            None
        }
    }

    fn info(&self, node: u32) -> Option<&Info> {
        self.infos.get(node as usize)?.as_ref()
    }

    /// Status and verdict of an entry whose ancestors have theirs.
    fn look_at(&self, graph: &Graph, chain: &Chain, number: u32) -> Info {
        let node = &graph.nodes[number as usize];
        let parents = || {
            graph
                .parents(number)
                .iter()
                .filter_map(|parent| self.info(*parent))
        };
        let before = parents().map(|info| info.chain_len).max().unwrap_or(0);
        let mut statements: Option<Arc<BTreeSet<u32>>> = None;
        for seen in parents().filter_map(|info| info.statements.as_ref()) {
            statements = Some(match statements {
                None => seen.clone(),
                Some(known) if known.is_superset(seen) => known,
                Some(known) => Arc::new(known.union(seen).copied().collect()),
            });
        }
        let chain_position = chain.position(number);
        let chain_len = chain_position.map_or(before, |position| position + 1);
        let stale = if node.backlink == NONE {
            statements
                .as_ref()
                .is_some_and(|seen| self.lacks_rotation(graph, number, seen))
        } else {
            self.info(node.backlink).is_some_and(|info| info.stale)
        };
        if let Some(reason) = self.void(graph, number) {
            return Info {
                status: Status::Void(reason),
                chain_len,
                statements,
                stale,
            };
        }
        let revoked = statements
            .as_ref()
            .is_some_and(|seen| is_revoked(graph, number, seen));
        let standing = Standing {
            revoked,
            stale,
            in_chain: chain_position.is_some(),
            takes_over: graph.is_takeover(number) && chain.is_takeover_start(number),
        };
        let entity = graph.certified(number).entity;
        let verdict = if self.derived {
            let standing = Standing {
                revoked: false,
                stale: false,
                ..standing
            };
            judge(graph.content(number), &open_to_all(), &entity, standing)
        } else {
            let at = self.policies.partition_point(|(len, _)| *len <= before);
            let policy = at.checked_sub(1).and_then(|at| self.policies.get(at));
            policy.map_or(Verdict::Rejected(Code::NotMember), |(_, policy)| {
                judge(graph.content(number), policy, &entity, standing)
            })
        };
        let identity = matches!(
            graph.policy_event(number),
            Some(PolicyEvent::Identity { .. })
        );
        if identity && verdict == Verdict::Accepted {
            let mut seen = statements.map(|seen| (*seen).clone()).unwrap_or_default();
            seen.insert(number);
            statements = Some(Arc::new(seen));
        }
        Info {
            status: Status::Tentative(verdict),
            chain_len,
            statements,
            stale,
        }
    }

    fn lacks_rotation(&self, graph: &Graph, number: u32, seen: &BTreeSet<u32>) -> bool {
        let certified = graph.certified(number);
        seen.iter()
            .any(|carrier| match graph.policy_event(*carrier) {
                Some(PolicyEvent::Identity { statement, .. }) => {
                    matches!(statement.action, Action::Rotate { .. })
                        && statement.entity == certified.entity
                        && !certified.rotations.contains(&statement.hash)
                }
                _ => false,
            })
    }

    /// Role of an entry's entity by the latest policy among its ancestors.
    pub(super) fn role(&self, graph: &Graph, chain: &Chain, number: u32) -> Arc<str> {
        let entity = graph.certified(number).entity;
        if self.derived {
            return role_text(&open_to_all(), &entity, false).into();
        }
        let parents = graph.parents(number).iter();
        let before = parents.filter_map(|parent| self.info(*parent));
        let before = before.map(|info| info.chain_len).max().unwrap_or(0);
        let at = self.policies.partition_point(|(len, _)| *len <= before);
        let policy = at.checked_sub(1).and_then(|at| self.policies.get(at));
        policy.map_or_else(Arc::default, |(_, policy)| {
            role_text(policy, &entity, chain.contains(number)).into()
        })
    }

    /// Where one entry stands.
    pub(super) fn status(&self, node: u32) -> Status {
        match self.info(node).map(|info| info.status) {
            Some(Status::Tentative(verdict)) if self.closed.contains(&node) => {
                Status::Sequenced(verdict)
            }
            Some(status) => status,
            None => Status::Tentative(Verdict::Rejected(Code::BadPayload)),
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (u32, Status)> + '_ {
        self.by_key.values().map(|node| (*node, self.status(*node)))
    }

    /// Ids of what is accepted, in order.
    pub(super) fn accepted(&self) -> impl Iterator<Item = EntryId> + '_ {
        let accepted = |node: u32| self.info(node).is_some_and(|it| it.status.is_accepted());
        let lines = self.by_key.iter();
        lines.filter_map(move |(key, node)| accepted(*node).then_some(key.2))
    }

    /// The policy after the whole chain, with all statements that count.
    pub(super) fn policy(&self, graph: &Graph) -> Policy {
        let last = self.policies.last().map(|(_, policy)| policy.clone());
        let mut policy = last.unwrap_or_default();
        for node in &graph.statements {
            if let Some(event) = graph.policy_event(*node)
                && self.status(*node).is_accepted()
            {
                policy.apply(event);
            }
        }
        policy
    }
}

fn is_revoked(graph: &Graph, number: u32, seen: &BTreeSet<u32>) -> bool {
    let (device, entity) = (graph.device(number), graph.certified(number).entity);
    seen.iter().any(|carrier| match graph.policy_event(*carrier) {
        Some(PolicyEvent::Identity { statement, .. }) => {
            statement.entity == entity
                && matches!(&statement.action, Action::Revoke { device: revoked } if revoked == device)
        }
        _ => false,
    })
}

/// The policy of a derived topic: whoever comes may write.
fn open_to_all() -> Policy {
    Policy {
        open: Some("anyone".to_owned()),
        ..Policy::default()
    }
}
