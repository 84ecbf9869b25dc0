//! The entries of a topic as a graph: who builds on whom.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::hash::Context;
use crate::identity::Certified;
use crate::ids::{DeviceId, EntityId, EntryId, TopicId};
use crate::order::{Content, OrderEntry, OrderError};
use crate::sealed::{Keyring, SealedEntry};
use crate::topic::PolicyEvent;

/// "No node."
pub(super) const NONE: u32 = u32::MAX;

/// The order key: clock, tie, id (`spec/06-order.md` 6.1).
pub(super) type Key = (u64, [u8; 16], EntryId);

/// One entry.
pub(super) struct Node {
    pub id: EntryId,
    pub hlc: u64,
    pub seq: u64,
    pub tie: [u8; 16],
    pub feed: u32,
    pub backlink: u32,
    /// Index into [`Graph::certificates`]: that of the first entry of its branch.
    pub certificate: u32,
    parents: (u32, u32),
    pub content: Content,
}

/// A sealed entry of a private topic.
pub(super) struct Seal {
    pub epoch: i64,
    /// Public name of the key that opened it.
    pub opened: Option<[u8; 32]>,
    /// What opening it needs, as long as it isn't.
    entry: Option<Arc<SealedEntry>>,
}

impl Seal {
    /// Whether it could be tried with a key: a reader without keys keeps nothing to open.
    pub(super) fn is_kept(&self) -> bool {
        self.entry.is_some()
    }
}

/// What one device wrote: the first entry to arrive at each seq, and the others.
pub(super) struct Feed {
    pub device: DeviceId,
    /// Lowest counted seq at which it is forked.
    pub forked_at: Option<u64>,
    main: Vec<u32>,
    branches: BTreeMap<u64, Vec<u32>>,
}

impl Feed {
    /// The entries held at a seq.
    pub(super) fn at(&self, seq: u64) -> impl Iterator<Item = u32> + '_ {
        let main = usize::try_from(seq).ok().and_then(|seq| self.main.get(seq));
        let branches = self.branches.get(&seq).into_iter().flatten();
        main.into_iter().chain(branches).copied()
    }

    /// All entries from a seq on.
    pub(super) fn from(&self, seq: u64) -> impl Iterator<Item = u32> + '_ {
        let main = self
            .main
            .iter()
            .skip(usize::try_from(seq).unwrap_or(usize::MAX));
        main.chain(self.branches.range(seq..).flat_map(|(_, nodes)| nodes))
            .copied()
    }
}

pub(super) struct Graph {
    pub nodes: Vec<Node>,
    /// Keys of a private topic; `None` in a public one.
    pub keyring: Option<Keyring>,
    sealed: BTreeMap<u32, Seal>,
    pub feeds: Vec<Feed>,
    pub certificates: Vec<Certified>,
    /// Nodes that nothing builds on.
    pub tips: BTreeSet<u32>,
    /// Entries that carry a takeover.
    pub takeovers: Vec<u32>,
    /// Entries that carry an identity statement.
    pub statements: Vec<u32>,
    /// Tombstones by target.
    pub tombstones: HashMap<EntryId, Vec<u32>>,
    /// Grows whenever a feed turns out forked, or forked lower.
    pub forks: u64,
    /// A fast hasher will do: whoever grinds ids does not know its seed, which differs with
    /// each start.
    ids: HashMap<EntryId, u32, RandomState>,
    devices: HashMap<DeviceId, u32>,
    /// Kinds of events, each once in memory.
    kinds: HashSet<Arc<str>>,
    parents: Vec<u32>,
    /// For each node the last one of its feed, on the way back from it and itself
    /// included, that cites something or is the first: in between are only backlinks.
    joints: Vec<u32>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Graph {
    /// An empty one; with a keyring that of a private topic.
    pub(super) fn new(keyring: Option<Keyring>) -> Self {
        Self {
            nodes: Vec::new(),
            keyring,
            sealed: BTreeMap::new(),
            feeds: Vec::new(),
            certificates: Vec::new(),
            tips: BTreeSet::new(),
            takeovers: Vec::new(),
            statements: Vec::new(),
            tombstones: HashMap::new(),
            forks: 0,
            ids: HashMap::default(),
            devices: HashMap::new(),
            kinds: HashSet::new(),
            parents: Vec::new(),
            joints: Vec::new(),
        }
    }

    /// How an entry of a private topic is sealed; `None` if it isn't.
    pub(super) fn seal(&self, node: u32) -> Option<&Seal> {
        self.sealed.get(&node)
    }

    /// Opens a sealed entry, if the key of its epoch with a public name is here and fits.
    pub(super) fn open(&mut self, node: u32, key_hash: &[u8; 32]) {
        let author = *self.device(node);
        let Some(seal) = self.sealed.get_mut(&node) else {
            return;
        };
        let key = self
            .keyring
            .as_ref()
            .and_then(|ring| ring.key(seal.epoch, key_hash));
        let part = seal
            .entry
            .as_ref()
            .zip(key)
            .and_then(|(entry, key)| entry.open(key));
        if let Some(part) = part {
            seal.opened = Some(*key_hash);
            seal.entry = None;
            let content = self.store_content(Content::of_part(&part, &author), node);
            self.nodes[node as usize].content = content;
        }
    }

    pub(super) fn find(&self, id: &EntryId) -> Option<u32> {
        self.ids.get(id).copied()
    }

    pub(super) fn feed_of(&self, device: &DeviceId) -> Option<u32> {
        self.devices.get(device).copied()
    }

    pub(super) fn key(&self, node: u32) -> Key {
        let node = &self.nodes[node as usize];
        (node.hlc, node.tie, node.id)
    }

    pub(super) fn parents(&self, node: u32) -> &[u32] {
        let (start, len) = self.nodes[node as usize].parents;
        &self.parents[start as usize..(start + len) as usize]
    }

    pub(super) fn certified(&self, node: u32) -> &Certified {
        &self.certificates[self.nodes[node as usize].certificate as usize]
    }

    pub(super) fn content(&self, node: u32) -> &Content {
        &self.nodes[node as usize].content
    }

    pub(super) fn device(&self, node: u32) -> &DeviceId {
        &self.feeds[self.nodes[node as usize].feed as usize].device
    }

    pub(super) fn policy_event(&self, node: u32) -> Option<&PolicyEvent> {
        match &self.nodes[node as usize].content {
            Content::Policy(event) => Some(event),
            _ => None,
        }
    }

    pub(super) fn is_takeover(&self, node: u32) -> bool {
        matches!(self.policy_event(node), Some(PolicyEvent::Takeover { .. }))
    }

    pub(super) fn tombstones_of(&self, target: &EntryId) -> &[u32] {
        self.tombstones.get(target).map_or(&[], Vec::as_slice)
    }

    /// The entity of the genesis's author.
    pub(super) fn owner(&self) -> Option<EntityId> {
        self.certificates.first().map(|certified| certified.entity)
    }

    pub(super) fn insert(&mut self, topic: &TopicId, entry: OrderEntry) -> Result<u32, OrderError> {
        let find = |id: &EntryId| self.find(id).ok_or(OrderError::MissingAncestor);
        let backlink = entry.backlink.as_ref().map(find).transpose()?;
        let deps: Vec<u32> = entry.deps.iter().map(find).collect::<Result<_, _>>()?;
        let certificate = match (backlink, entry.certified) {
            (Some(backlink), _) => self.nodes[backlink as usize].certificate,
            (None, Some(certified)) => {
                self.certificates.push(certified);
                self.certificates.len() as u32 - 1
            }
            (None, None) => return Err(OrderError::NoCertificate),
        };
        let number = self.nodes.len() as u32;
        let feed = self.feed_for(&entry.author);
        let start = self.parents.len() as u32;
        self.parents.extend(backlink.iter().chain(&deps));
        let parents = (start, self.parents.len() as u32 - start);
        for parent in backlink.iter().chain(&deps) {
            self.tips.remove(parent);
        }
        self.tips.insert(number);
        let content = match (entry.content, &self.keyring) {
            (Content::Sealed { epoch, entry }, Some(ring)) => {
                let seal = Seal {
                    epoch,
                    opened: None,
                    entry: entry.filter(|_| !ring.is_blind()),
                };
                self.sealed.insert(number, seal);
                Content::Sealed { epoch, entry: None }
            }
            (Content::Sealed { epoch, .. }, None) => Content::Sealed { epoch, entry: None },
            (other, _) => other,
        };
        let content = self.store_content(content, number);
        let node = Node {
            id: entry.id,
            hlc: entry.hlc,
            seq: entry.seq,
            tie: tie(topic, &entry.author, entry.seq),
            feed,
            backlink: backlink.unwrap_or(NONE),
            certificate,
            parents,
            content,
        };
        self.ids.insert(entry.id, number);
        self.nodes.push(node);
        let joint = match backlink {
            Some(backlink) if deps.is_empty() => self.joints[backlink as usize],
            _ => number,
        };
        self.joints.push(joint);
        let held = &mut self.feeds[feed as usize];
        if held.main.len() as u64 == entry.seq {
            held.main.push(number);
        } else {
            held.branches.entry(entry.seq).or_default().push(number);
            self.insert_fork(topic, entry.author, entry.seq);
        }
        Ok(number)
    }

    fn feed_for(&mut self, device: &DeviceId) -> u32 {
        let next = self.feeds.len() as u32;
        let number = *self.devices.entry(*device).or_insert(next);
        if number == next {
            let feed = Feed {
                device: *device,
                forked_at: None,
                main: Vec::new(),
                branches: BTreeMap::new(),
            };
            self.feeds.push(feed);
        }
        number
    }

    /// Notes what has consequences elsewhere; keeps each kind in memory once.
    fn store_content(&mut self, mut content: Content, number: u32) -> Content {
        match &mut content {
            Content::App { kind } => match self.kinds.get(kind) {
                Some(known) => *kind = known.clone(),
                None => {
                    self.kinds.insert(kind.clone());
                }
            },
            Content::Policy(event) => match &**event {
                PolicyEvent::Takeover { .. } => self.takeovers.push(number),
                PolicyEvent::Identity { .. } => self.statements.push(number),
                PolicyEvent::Tombstone { target } => {
                    self.tombstones.entry(*target).or_default().push(number)
                }
                _ => {}
            },
            _ => {}
        }
        content
    }

    /// Notes a fork; tells whether it is news. The genesis fixes seq 0 of its own feed.
    pub(super) fn insert_fork(&mut self, topic: &TopicId, device: DeviceId, seq: u64) -> bool {
        let feed = self.feed_for(&device);
        let feed = &mut self.feeds[feed as usize];
        let begins = feed
            .main
            .first()
            .is_some_and(|first| self.nodes[*first as usize].id.0 == topic.0);
        if (seq == 0 && begins) || feed.forked_at.is_some_and(|known| known <= seq) {
            return false;
        }
        feed.forked_at = Some(seq);
        self.forks += 1;
        true
    }

    /// Whether one entry is a strict ancestor of another. Stretches without citations are
    /// jumped over, and within a feed that has no branches numbers decide.
    pub(super) fn is_ancestor(&self, ancestor: u32, node: u32) -> bool {
        if node == ancestor {
            return false;
        }
        if self.is_behind(node, ancestor) {
            return true;
        }
        let least = self.key(ancestor);
        let (mut stack, mut seen) = (vec![self.joints[node as usize]], HashSet::new());
        while let Some(at) = stack.pop() {
            for parent in self.parents(at) {
                // keys fall on every way back, so below the ancestor's there is nothing to find
                if self.key(*parent) < least {
                    continue;
                }
                if self.is_behind(*parent, ancestor) {
                    return true;
                }
                let joint = self.joints[*parent as usize];
                if seen.insert(joint) {
                    stack.push(joint);
                }
            }
        }
        false
    }

    /// Whether an entry is another of the same feed, or builds on it by backlinks.
    fn is_behind(&self, node: u32, goal: u32) -> bool {
        let (at, other) = (&self.nodes[node as usize], &self.nodes[goal as usize]);
        if at.feed != other.feed || at.seq < other.seq {
            return false;
        }
        self.feeds[at.feed as usize].branches.is_empty() || self.backs_to(node, goal)
    }

    /// Whether backlinks lead from one entry back to another, or they are the same.
    pub(super) fn backs_to(&self, mut node: u32, goal: u32) -> bool {
        let seq = self.nodes[goal as usize].seq;
        while node != NONE && self.nodes[node as usize].seq > seq {
            node = self.nodes[node as usize].backlink;
        }
        node == goal
    }

    /// The entries of a feed whose backlink is this one.
    pub(super) fn children(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let at = &self.nodes[node as usize];
        let next = self.feeds[at.feed as usize].at(at.seq + 1);
        next.filter(move |child| self.nodes[*child as usize].backlink == node)
    }

    /// Of some entries of one feed, those that don't build on another of them.
    pub(super) fn lowest(&self, mut nodes: Vec<u32>) -> Vec<u32> {
        nodes.sort_by_key(|node| self.nodes[*node as usize].seq);
        let mut lowest: Vec<u32> = Vec::new();
        for node in nodes {
            if !lowest.iter().any(|below| self.backs_to(node, *below)) {
                lowest.push(node);
            }
        }
        lowest
    }
}

/// The second part of the order key. Ids could be ground until they sort well; this can't.
fn tie(topic: &TopicId, author: &DeviceId, seq: u64) -> [u8; 16] {
    let hash = Context::Tie.hash_parts(&[&topic.0, &author.0, &seq.to_le_bytes()]);
    let mut tie = [0; 16];
    tie.copy_from_slice(&hash[..16]);
    tie
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Person;
    use proptest::prelude::*;

    /// Every way back, step by step.
    fn leads_back(graph: &Graph, ancestor: u32, node: u32) -> bool {
        let (mut stack, mut seen) = (vec![node], HashSet::new());
        while let Some(at) = stack.pop() {
            for parent in graph.parents(at) {
                if *parent == ancestor {
                    return true;
                }
                if seen.insert(*parent) {
                    stack.push(*parent);
                }
            }
        }
        false
    }

    /// Entries of some feeds, each after a random one of its feed, citing random others.
    fn graph(choices: &[(u8, u16, u16, bool)]) -> Graph {
        let people: Vec<Person> = (1..4).map(|n| Person::new(n, 1)).collect();
        let topic = TopicId([1; 32]);
        let mut graph = Graph::default();
        let mut feeds: Vec<Vec<u32>> = vec![Vec::new(); 3];
        for (number, (feed, after, cited, branches)) in choices.iter().enumerate() {
            let at = usize::from(*feed) % 3;
            let written = &feeds[at];
            let backlink = match written.len() {
                0 => None,
                len if *branches => Some(written[usize::from(*after) % len]),
                len => Some(written[len - 1]),
            };
            let device = people[at].device(0);
            let first = backlink.is_none();
            let certificate = people[at].log.certificate(&device).filter(|_| first);
            let id = |node: u32| graph.nodes[node as usize].id;
            let deps = match usize::from(*cited) {
                cited if cited % 3 == 0 && number > 0 => vec![id((cited % number) as u32)],
                _ => Vec::new(),
            };
            let entry = OrderEntry {
                id: EntryId(*blake3::hash(&number.to_le_bytes()).as_bytes()),
                author: device,
                seq: backlink.map_or(0, |it| graph.nodes[it as usize].seq + 1),
                backlink: backlink.map(id),
                deps,
                hlc: number as u64,
                certified: certificate.and_then(|it| it.verify(&device).ok()),
                content: Content::App {
                    kind: "note.put".into(),
                },
            };
            if let Ok(node) = graph.insert(&topic, entry) {
                feeds[at].push(node);
            }
        }
        graph
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn ancestors_are_those_that_every_way_back_finds(
            choices in proptest::collection::vec((any::<u8>(), any::<u16>(), any::<u16>(), any::<bool>()), 2..50),
            forked: bool,
        ) {
            let choices: Vec<_> = choices
                .into_iter()
                .map(|(feed, after, cited, branches)| (feed, after, cited, branches && forked))
                .collect();
            let graph = graph(&choices);
            let count = graph.nodes.len() as u32;
            prop_assert_eq!(count as usize, choices.len());
            for node in 0..count {
                for other in 0..count {
                    prop_assert_eq!(
                        graph.is_ancestor(other, node),
                        leads_back(&graph, other, node),
                        "{} of {}", other, node
                    );
                }
            }
        }
    }
}
