//! The order of a topic (`spec/06-order.md`): a function of its entries and
//! fork proofs alone, kept up to date as they arrive.
//!
//! [`Graph`] holds what order needs of each entry. [`chain`] walks the feeds of
//! the sequencers through it. In an ordered topic [`placement`] places what the
//! chain cites; in a causal topic [`causal`] lists all by clock and looks up
//! policy in the chain.

mod causal;
mod chain;
mod content;
mod graph;
mod placed;
mod placement;
mod reading;
mod verdict;

use std::sync::Arc;

use crate::hash::Context;
use crate::identity::Certified;
use crate::ids::{DeviceId, EntityId, EntryId, TopicId};
use crate::refusal::Refusal;
use crate::sealed::{Keyring, Secrets};
use crate::topic::{Genesis, Mode, Policy};
use crate::wire::Writer;

pub use chain::ChainState;
pub use content::Content;
use graph::Graph;
pub use placed::Placed;
pub use reading::Locked;
pub use verdict::{Code, Status, Verdict, VoidReason};

/// What order needs of an entry. All its ancestors must have been inserted before.
#[derive(Debug, Clone)]
pub struct OrderEntry {
    /// Its id.
    pub id: EntryId,
    /// Its author.
    pub author: DeviceId,
    /// Its number in the feed.
    pub seq: u64,
    /// The entry before it.
    pub backlink: Option<EntryId>,
    /// What it cites.
    pub deps: Vec<EntryId>,
    /// Its clock.
    pub hlc: u64,
    /// What its certificate says, in a feed's first entry.
    pub certified: Option<Certified>,
    /// What its payload turned out to be.
    pub content: Content,
}

/// One line of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The entry.
    pub id: EntryId,
    /// Where it stands.
    pub status: Status,
}

/// What [`TopicOrder::settle`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// How many lines of the sequenced prefix are as they were.
    pub kept: usize,
    /// How many lines the prefix has now. In a causal topic both are 0.
    pub prefix: usize,
}

/// An entry that was handed over without its ancestors or twice at odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// An ancestor has not been inserted.
    #[error("an ancestor of the entry has not been inserted")]
    MissingAncestor,
    /// The first entry of a feed came without what its certificate says.
    #[error("the first entry of a feed came without its certificate")]
    NoCertificate,
    /// The topic's first entry has to come first.
    #[error("the genesis has to be inserted first")]
    NoGenesis,
}

enum Engine {
    Ordered(Box<placement::Placement>),
    Causal(Box<causal::Causal>),
}

/// The order of one topic.
pub struct TopicOrder {
    topic: TopicId,
    genesis: Option<Genesis>,
    graph: Graph,
    chain: chain::Chain,
    engine: Engine,
    dirty: bool,
    /// Forks that were known before the topic's first entry.
    early_forks: Vec<(DeviceId, u64)>,
}

impl TopicOrder {
    /// An empty order of a topic that begins with a genesis, for a reader without keys.
    pub fn new(topic: TopicId, genesis: Genesis) -> Self {
        Self::with_secrets(topic, genesis, Secrets::default())
    }

    /// An empty order of a topic that begins with a genesis. Of a private one it reads what
    /// can be opened with some secrets.
    pub fn with_secrets(topic: TopicId, genesis: Genesis, secrets: Secrets) -> Self {
        let private = genesis.is_private();
        let keyring = private.then(|| Keyring::new(topic, secrets));
        let engine = match genesis.mode {
            Mode::Ordered => Engine::Ordered(Box::default()),
            Mode::Causal => Engine::Causal(Box::default()),
        };
        Self {
            topic,
            genesis: Some(genesis),
            graph: Graph::new(keyring),
            chain: chain::Chain::default(),
            engine,
            dirty: false,
            early_forks: Vec::new(),
        }
    }

    /// An empty order of a derived topic: causal, without policy.
    pub fn derived(topic: TopicId) -> Self {
        Self {
            topic,
            genesis: None,
            graph: Graph::default(),
            chain: chain::Chain::default(),
            engine: Engine::Causal(Box::default()),
            dirty: false,
            early_forks: Vec::new(),
        }
    }

    /// The topic.
    pub fn topic(&self) -> TopicId {
        self.topic
    }

    /// What its genesis says.
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.graph.nodes.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.graph.nodes.is_empty()
    }

    /// Whether it holds an entry.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.graph.find(id).is_some()
    }

    /// Takes in an entry; one that is there already changes nothing.
    /// [`TopicOrder::settle`] brings the order up to date.
    pub fn insert(&mut self, entry: OrderEntry) -> Result<(), OrderError> {
        if self.contains(&entry.id) {
            return Ok(());
        }
        if self.genesis.is_some() && self.is_empty() && entry.id.0 != self.topic.0 {
            return Err(OrderError::NoGenesis);
        }
        let forks_before = self.graph.forks;
        let node = self.graph.insert(&self.topic, entry)?;
        let feed = &self.graph.feeds[self.graph.nodes[node as usize].feed as usize];
        let rare = self.graph.is_takeover(node)
            || (feed.forked_at.is_some() && self.chain.involves(&feed.device))
            || (matches!(self.engine, Engine::Causal(_)) && (self.graph.forks != forks_before));
        self.dirty |= rare;
        for (device, seq) in std::mem::take(&mut self.early_forks) {
            self.insert_fork(device, seq);
        }
        match &mut self.engine {
            Engine::Ordered(placement) => placement.insert(&self.graph, node),
            Engine::Causal(causal) => self.dirty |= causal.insert(&self.graph, node),
        }
        Ok(())
    }

    /// Takes in that a device's feed is forked at a seq, known from a proof.
    pub fn insert_fork(&mut self, device: DeviceId, seq: u64) {
        if self.is_empty() {
            self.early_forks.push((device, seq));
            return;
        }
        if self.graph.insert_fork(&self.topic, device, seq) {
            let causal = matches!(self.engine, Engine::Causal(_));
            self.dirty |= causal || self.chain.involves(&device);
        }
    }

    /// Brings the order up to date with what was inserted.
    pub fn settle(&mut self) -> Change {
        let causal = matches!(self.engine, Engine::Causal(_));
        let kept_chain = if self.genesis.is_none() || self.is_empty() {
            0
        } else if self.dirty {
            self.chain.rebuild(&self.graph, causal, &self.topic)
        } else {
            let legs = self.chain.legs.len();
            self.chain.extend(&self.graph, causal, &self.topic);
            // a device that becomes a sequencer can't be cut any more
            self.dirty |= causal && self.chain.legs.len() != legs;
            usize::MAX
        };
        let change = match &mut self.engine {
            Engine::Ordered(placement) => {
                let genesis = self.genesis.as_ref();
                let owner = self.graph.owner();
                let policy = genesis.zip(owner).map(|(genesis, owner)| match genesis {
                    // what it is beyond that follows from its sealed setup
                    private if private.is_private() => {
                        Policy::new(&Genesis::private(private.nonce), &owner)
                    }
                    public => Policy::new(public, &owner),
                });
                let first_policy = policy.unwrap_or_default();
                let change =
                    placement.settle(&mut self.graph, &self.chain, kept_chain, &first_policy);
                if let (Some(genesis), Some(setup)) = (genesis, &placement.policy().setup) {
                    self.genesis = Some(genesis.with_setup(setup));
                }
                change
            }
            Engine::Causal(causal) => {
                let policy = self.genesis.as_ref().zip(self.graph.owner());
                let policy = policy.map(|(genesis, owner)| Policy::new(genesis, &owner));
                causal.settle(&self.graph, &self.chain, policy, self.dirty);
                Change { kept: 0, prefix: 0 }
            }
        };
        self.dirty = false;
        change
    }

    /// The lines of the order, as of the last [`TopicOrder::settle`].
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        let nodes: Box<dyn Iterator<Item = (u32, Status)> + '_> = match &self.engine {
            Engine::Ordered(placement) => Box::new(placement.lines(&self.graph, &self.chain)),
            Engine::Causal(causal) => Box::new(causal.lines()),
        };
        nodes.map(|(node, status)| self.line(node, status))
    }

    /// Lines of the sequenced prefix from one on, as far as this reader can read it.
    pub fn prefix_from(&self, from: usize) -> impl Iterator<Item = Line> + '_ {
        let placed: &[(u32, Status)] = match &self.engine {
            Engine::Ordered(placement) => &placement.prefix()[..placement.readable()],
            Engine::Causal(_) => &[],
        };
        let lines = placed.iter().skip(from);
        lines.map(|(node, status)| self.line(*node, *status))
    }

    /// Ids of the accepted lines of a causal topic, in order: what [`TopicOrder::lines`]
    /// gives of them, at a fraction of its cost. Nothing in an ordered topic.
    pub fn causal_accepted(&self) -> impl Iterator<Item = EntryId> + '_ {
        let causal = match &self.engine {
            Engine::Ordered(_) => None,
            Engine::Causal(causal) => Some(causal.accepted()),
        };
        causal.into_iter().flatten()
    }

    /// Where the walk of the sequencers stands.
    pub fn state(&self) -> ChainState {
        self.chain.state()
    }

    /// The policy at the end of what is sequenced (in a causal topic: after the chain).
    pub fn policy(&self) -> Policy {
        match &self.engine {
            Engine::Ordered(placement) => placement.policy().clone(),
            Engine::Causal(causal) => causal.policy(&self.graph),
        }
    }

    /// Which sequencing device each leg of the walk has, with the seq at which it begins.
    pub fn legs(&self) -> Vec<(DeviceId, u64)> {
        self.chain.legs(&self.graph)
    }

    /// Where a device's feed is forked, if it is.
    pub fn forked_at(&self, device: &DeviceId) -> Option<u64> {
        self.graph
            .feed_of(device)
            .and_then(|feed| self.graph.feeds[feed as usize].forked_at)
    }

    /// What in an entry's payload does not check: evidence, or the signatures of a
    /// statement. The entry is valid all the same.
    pub fn refusal_within(&self, id: &EntryId) -> Option<Refusal> {
        match self.graph.content(self.graph.find(id)?) {
            Content::BadEvidence => Some(Refusal::BadEvidence),
            Content::BadEvent { refusal, .. } => *refusal,
            _ => None,
        }
    }

    /// Role of an entry's entity at the entry's place (`spec/10-reducer.md` 10.3).
    pub fn role(&self, id: &EntryId) -> Option<Arc<str>> {
        let node = self.graph.find(id)?;
        Some(match &self.engine {
            Engine::Ordered(placement) => placement.role(&self.graph, &self.chain, node),
            Engine::Causal(causal) => causal.role(&self.graph, &self.chain, node),
        })
    }

    /// Whether an entry is among the ancestors of another.
    pub fn is_ancestor(&self, ancestor: &EntryId, of: &EntryId) -> bool {
        let found = self.graph.find(ancestor).zip(self.graph.find(of));
        found.is_some_and(|(ancestor, of)| self.graph.is_ancestor(ancestor, of))
    }

    /// The last entry of the chain: by which the sequencer decided last.
    pub fn head(&self) -> Option<EntryId> {
        let last = self.chain.entries.last()?;
        Some(self.graph.nodes[*last as usize].id)
    }

    /// Whether all is ordered by clock and causality, without a sequenced prefix.
    pub fn is_causal(&self) -> bool {
        matches!(self.engine, Engine::Causal(_))
    }

    /// How many lines of the sequenced prefix this reader can read: all, unless it lacks
    /// the key of an epoch of a private topic.
    pub fn prefix_len(&self) -> usize {
        match &self.engine {
            Engine::Ordered(placement) => placement.readable(),
            Engine::Causal(_) => 0,
        }
    }

    /// What is not sequenced, in its order; nothing where the prefix can't be read to its
    /// end. In a causal topic: all.
    pub fn tentative(&self) -> impl Iterator<Item = Line> + '_ {
        let nodes: Box<dyn Iterator<Item = (u32, Status)> + '_> = match &self.engine {
            Engine::Ordered(placement) if placement.locked().is_some() => {
                Box::new(std::iter::empty())
            }
            Engine::Ordered(placement) => {
                Box::new(placement.tentative_lines(&self.graph, &self.chain))
            }
            Engine::Causal(causal) => Box::new(causal.lines()),
        };
        nodes.map(|(node, status)| self.line(node, status))
    }

    fn line(&self, node: u32, status: Status) -> Line {
        let id = self.graph.nodes[node as usize].id;
        Line { id, status }
    }

    /// The entity that an entry's device belongs to here.
    pub fn entity_of(&self, id: &EntryId) -> Option<EntityId> {
        self.graph
            .find(id)
            .map(|node| self.graph.certified(node).entity)
    }

    /// The name, from its certificate, of the device that wrote an entry.
    pub fn device_name(&self, id: &EntryId) -> Option<&str> {
        self.graph
            .find(id)
            .map(|node| self.graph.certified(node).name.as_str())
    }

    /// Entries that nobody has cited or built on, the latest first: what a writer cites next.
    pub fn tips(&self) -> Vec<EntryId> {
        let mut tips: Vec<u32> = self.graph.tips.iter().copied().collect();
        tips.sort_by_key(|node| std::cmp::Reverse(self.graph.key(*node)));
        tips.into_iter()
            .map(|node| self.graph.nodes[node as usize].id)
            .collect()
    }

    /// Whether an entry's erasable part may be dropped: a tombstone for it counts.
    pub fn is_erased(&self, target: &EntryId) -> bool {
        let Some(target_node) = self.graph.find(target) else {
            return false;
        };
        self.graph.tombstones_of(target).iter().any(|tombstone| {
            let status = match &self.engine {
                Engine::Ordered(placement) => {
                    placement.status(&self.graph, &self.chain, *tombstone)
                }
                Engine::Causal(causal) => causal.status(*tombstone),
            };
            let own =
                self.graph.certified(*tombstone).entity == self.graph.certified(target_node).entity;
            status.is_accepted() && (own || self.chain.contains(*tombstone))
        })
    }

    /// How many tombstones it holds, whether they count or not.
    pub fn tombstone_count(&self) -> usize {
        self.graph.tombstones.values().map(Vec::len).sum()
    }

    /// What the kernel would say of an event of a device, if it were placed next.
    pub fn preview(&self, device: &DeviceId, entity: &EntityId, content: &Content) -> Verdict {
        let open = matches!(self.state(), ChainState::Open { sequencer } if sequencer == *device);
        let in_chain = self.genesis.is_some() && open;
        let policy = self.policy();
        let standing = verdict::Standing {
            revoked: policy.revoked.contains(&(*entity, *device)),
            stale: false,
            in_chain,
            takes_over: true,
        };
        if self.genesis.is_none() {
            return verdict::judge_kernel(content, standing);
        }
        if policy.private && matches!(content, Content::Policy(event) if event.is_clear()) {
            return verdict::judge_private(content, None, &policy, entity, standing);
        }
        // what else is written to a private topic will be sealed with a key that is known
        verdict::judge(content, &policy, entity, standing)
    }

    /// Whether a device sequences this topic and there is something for it to cite.
    pub fn awaits_sequencer(&self, device: &DeviceId) -> bool {
        let open = matches!(self.state(), ChainState::Open { sequencer } if sequencer == *device);
        open && self.graph.tips.iter().any(|tip| !self.chain.contains(*tip))
    }

    /// Entries whose erasable part may be dropped.
    pub fn erased(&self) -> Vec<EntryId> {
        self.graph
            .tombstones
            .keys()
            .filter(|target| self.is_erased(target))
            .copied()
            .collect()
    }

    /// Where one entry stands.
    pub fn status(&self, id: &EntryId) -> Option<Status> {
        let node = self.graph.find(id)?;
        Some(match &self.engine {
            Engine::Ordered(placement) => placement.status(&self.graph, &self.chain, node),
            Engine::Causal(causal) => causal.status(node),
        })
    }

    /// One hash over the whole order: equal where two nodes have the same one.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Context::Order.hasher();
        let mut buffer = Vec::new();
        for line in self.lines() {
            buffer.clear();
            buffer.extend_from_slice(&line.id.0);
            buffer.push(line.status.number());
            buffer.put_bytes(line.status.text().as_bytes());
            hasher.update(&buffer);
        }
        *hasher.finalize().as_bytes()
    }
}
