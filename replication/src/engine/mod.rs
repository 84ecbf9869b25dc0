//! The engine: one for each node, `handle(input, now) → outputs`.
//!
//! It holds a session for each link, the frontier of all feeds, and what it knows of
//! nodes. What one session stored it passes to the others: along the tree of the feed at
//! once, to the rest as a word that it is there.

mod blobs;
mod clock;
mod letters;
mod links;
mod random;
mod receipts;
mod routing;
mod terms;
mod trees;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use synlog_log::ids::{EntityId, FeedKey, TopicId};

use crate::blobs::{BlobLimits, Exchange};
use crate::frontier::Frontier;
use crate::peer::{LinkId, NodeId, Peer};
use crate::policy::{Act, Circle, Interests, QuotaLimits, Quotas, Standing, authorise};
use crate::repo::Repo;
use crate::schedule::{Contacts, Costs, Scheduler, Slots};
use crate::session::{Event, Limits, PeerMemory, Progress, Session};

pub use clock::{ClockOff, ClockWatch};
pub use random::RandomStream;
pub use trees::Trees;
pub use words::{Input, Notice, Now, Output, Source};

/// What an engine begins with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose node this is.
    pub own: EntityId,
    /// Its transport key.
    pub node: NodeId,
    /// What the person wants.
    pub interests: Interests,
    /// Whom the followed follow and vouch for, as their feeds say.
    pub says: BTreeMap<EntityId, BTreeSet<EntityId>>,
    /// What is remembered of peers.
    pub memories: BTreeMap<NodeId, PeerMemory>,
    /// Fresh random bytes.
    pub random: [u8; 32],
    /// How many links.
    pub slots: Slots,
    /// How much of others' entries.
    pub quotas: QuotaLimits,
    /// Bounds of each session.
    pub limits: Limits,
    /// Bounds of the exchange of blobs.
    pub blobs: BlobLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            own: EntityId::ZERO,
            node: NodeId([0; 32]),
            interests: Interests::default(),
            says: BTreeMap::new(),
            memories: BTreeMap::new(),
            random: [0; 32],
            slots: Slots::default(),
            quotas: QuotaLimits::default(),
            limits: Limits::default(),
            blobs: BlobLimits::default(),
        }
    }
}

/// One link with its session.
struct Line {
    peer: Peer,
    standing: Standing,
    dialed: bool,
    session: Session,
}

/// How often sessions are looked after and what waits for the clock is tried again.
const TICK_MS: u64 = 5_000;
/// How long links that are only told of new entries wait for it: by then the entries have
/// come to most of them another way, and need not be asked for.
const TELL_MS: u64 = 500;
/// Peers of which what was matched is remembered.
const MEMORIES_MAX: usize = 1_024;

/// The engine of a node.
pub struct Engine {
    own: EntityId,
    node: NodeId,
    interests: Interests,
    says: BTreeMap<EntityId, BTreeSet<EntityId>>,
    circle: Circle,
    limits: Limits,
    frontier: Frontier,
    lines: BTreeMap<LinkId, Line>,
    memories: BTreeMap<NodeId, PeerMemory>,
    scheduler: Scheduler,
    costs: Costs,
    quotas: Quotas,
    trees: Trees,
    clock: ClockWatch,
    random: RandomStream,
    /// What sessions said that has not been acted on.
    said: VecDeque<(LinkId, Event)>,
    next_tick_ms: u64,
    /// What links are to be told of: the feeds, and from where on.
    untold: BTreeMap<LinkId, BTreeMap<FeedKey, u64>>,
    tells_at_ms: Option<u64>,
    /// Feeds that links brought on and that were not confirmed yet.
    unconfirmed: BTreeMap<LinkId, receipts::Brought>,
    confirms_at_ms: Option<u64>,
    blobs: Exchange,
}

impl Engine {
    /// The engine of a node with a store.
    pub fn new<R: Repo>(settings: Settings, repo: &R) -> Result<Self, R::Error> {
        let mut frontier = Frontier::new();
        for topic in repo.topics() {
            frontier.load(topic, repo.rows(&topic)?);
            frontier.put_statements(topic, &repo.statements(&topic)?);
        }
        frontier.take_changed();
        Ok(Self {
            own: settings.own,
            node: settings.node,
            circle: Circle::new(&settings.interests, &settings.says),
            interests: settings.interests,
            says: settings.says,
            limits: settings.limits,
            frontier,
            lines: BTreeMap::new(),
            memories: settings.memories,
            scheduler: Scheduler::new(settings.slots),
            costs: Costs::default(),
            quotas: Quotas::new(settings.quotas),
            trees: Trees::default(),
            clock: ClockWatch::default(),
            random: RandomStream::new(settings.random),
            said: VecDeque::new(),
            next_tick_ms: 0,
            untold: BTreeMap::new(),
            tells_at_ms: None,
            unconfirmed: BTreeMap::new(),
            confirms_at_ms: None,
            blobs: Exchange::new(settings.blobs),
        })
    }

    /// Takes in what happened and says what is to be done.
    pub fn handle<R: Repo>(
        &mut self,
        input: Input,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.clock.passes(now);
        match input {
            Input::Connected { link, peer, dialed } => {
                self.connected(link, peer, dialed, now, repo, out)?;
            }
            Input::Message { link, bytes } => self.message(link, &bytes, now, repo, out)?,
            Input::Sent { link, bytes } => {
                self.with_session(link, now, repo, out, |session, context, events| {
                    session.sent(bytes, context, events)
                })?;
            }
            Input::Closed { link } => self.closed(link, now),
            Input::DialFailed { node } => {
                let random = self.random.number();
                self.scheduler.failed(&node, now.monotonic_ms, random);
            }
            Input::Stored { feeds } => self.stored(&feeds, now, repo, out)?,
            Input::PolicyChanged => self.policy_changed(now, repo, out)?,
            Input::LetterWritten { to } => self.letter_written(&to, now, repo, out)?,
            Input::Heard { node, source } => {
                if node != self.node {
                    self.scheduler.heard(node, source, now.monotonic_ms);
                    if self.interests.pinned.contains(&node) {
                        let standing = Standing::Pinned;
                        self.scheduler
                            .set_standing(node, standing, now.monotonic_ms);
                    }
                }
            }
            Input::BlobWanted { key, size } => self.want_blob(key, size, now, repo, out)?,
            Input::BlobUnwanted { key } => self.blobs.forget(&key),
            Input::BlobHere { hash } => self.blob_is_here(hash, now, repo, out)?,
            Input::Tick => {}
        }
        if now.monotonic_ms >= self.next_tick_ms {
            self.next_tick_ms = now.monotonic_ms + TICK_MS;
            self.tick(now, repo, out)?;
        }
        self.settle(now, repo, out)?;
        if self.tells_at_ms.is_some_and(|at| at <= now.monotonic_ms) {
            self.tell(now, repo, out)?;
            self.settle(now, repo, out)?;
        }
        if self.confirms_at_ms.is_some_and(|at| at <= now.monotonic_ms) {
            self.confirm(now, repo, out)?;
            self.settle(now, repo, out)?;
        }
        self.send_pieces(now, repo, out)?;
        self.dial(now, out);
        let wakes_ms = self.scheduler.wakes_at_ms(now.monotonic_ms);
        let timers = self.tells_at_ms.into_iter().chain(self.confirms_at_ms);
        let wakes_ms = wakes_ms.into_iter().chain(timers);
        let monotonic_ms = wakes_ms.fold(self.next_tick_ms, u64::min);
        out.push(Output::WakeAt { monotonic_ms });
        Ok(())
    }

    /// Says anew what the person wants, and whom others vouch for;
    /// [`Input::PolicyChanged`] must follow.
    pub fn set_interests(
        &mut self,
        interests: Interests,
        says: BTreeMap<EntityId, BTreeSet<EntityId>>,
    ) {
        self.circle = Circle::new(&interests, &says);
        self.interests = interests;
        self.says = says;
    }

    /// What the person wants.
    pub fn interests(&self) -> &Interests {
        &self.interests
    }

    /// What is known of whom the followed follow and vouch for.
    pub fn says(&self) -> &BTreeMap<EntityId, BTreeSet<EntityId>> {
        &self.says
    }

    /// What is remembered of peers, for the shell to keep.
    pub fn memories(&self) -> BTreeMap<NodeId, PeerMemory> {
        let mut memories = self.memories.clone();
        for line in self.lines.values() {
            memories.extend(line.session.memory().map(|it| (line.peer.node, it)));
        }
        memories
    }

    /// How this node's clock compares with others'.
    pub fn clock(&self) -> &ClockWatch {
        &self.clock
    }

    /// The nodes that were heard of.
    pub fn contacts(&self) -> &Contacts {
        self.scheduler.contacts()
    }

    /// The links, with who is there, how they stand, and how far they are.
    pub fn links(&self) -> impl Iterator<Item = (LinkId, Peer, Standing, Progress)> + '_ {
        let links = self.lines.iter();
        links.map(|(link, line)| (*link, line.peer, line.standing, line.session.progress()))
    }

    /// Whether a topic is shared over a link.
    pub fn shares(&self, link: LinkId, topic: &TopicId) -> bool {
        let line = self.lines.get(&link);
        line.is_some_and(|line| line.session.shares(topic))
    }

    /// What is looked for of blobs, and how far it is.
    pub fn blobs(&self) -> &Exchange {
        &self.blobs
    }

    /// How far all feeds go.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Whether a peer may do something, by policy.
    pub fn may(&self, standing: Standing, act: Act) -> bool {
        authorise(self.interests.mode, standing, act).may()
    }

    fn dial(&mut self, now: Now, out: &mut Vec<Output>) {
        let interests = &self.interests;
        let due = self.scheduler.due(now.monotonic_ms, |node, contact| {
            let by_hand = contact.sources.contains(&Source::Ticket);
            let mut sources = contact.sources.iter();
            let by_profile = sources.any(|source| matches!(source, Source::Profile(_)));
            let standing = if interests.blocked_nodes.contains(node) {
                Standing::Blocked
            } else if contact.standing != Standing::Stranger {
                contact.standing
            } else if by_profile {
                // the followed say that it is theirs: worth a call, and nothing more
                // before it has proven so
                Standing::Followed
            } else if by_hand {
                Standing::Invited
            } else {
                Standing::Stranger
            };
            authorise(interests.mode, standing, Act::Dial).may()
        });
        out.extend(due.into_iter().map(|node| Output::Dial { node }));
    }
}
