//! The engine of replication in a running node: it hears what the network tells, reads and
//! writes the lent store, and its wishes go back to the network.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::{DeviceId, TopicId, hex};
use synlog_log::keys::SecretKey;
use synlog_net::{Command, Event, NetDesk, Ticket};
use synlog_replication::engine::{Engine, Input, Notice, Now, Output, Settings, Source};
use synlog_replication::peer::{LinkId, NodeId};
use synlog_replication::policy::Interests;
use synlog_replication::repo::Repo;
use tracing::Span;

use crate::daemon::board::Board;
use crate::daemon::files;
use crate::daemon::placing::Placing;
use crate::daemon::running::identity;
use crate::daemon::swarms::Swarms;
use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
use crate::node::Node;
use crate::peering::Peering;

/// What is wanted here: what was asked for, and what this device has a part in.
fn wishes(home: &Home, node: &Node) -> Result<Interests, Failure> {
    let mut interests = files::interests(home)?;
    let own = node.store.own().map(|(feed, _)| feed.topic);
    let kept = own.filter(|topic| !interests.left.contains(topic));
    let kept: Vec<TopicId> = kept.collect();
    interests.topics.extend(kept);
    Ok(interests)
}

/// Feeds that are told to the engine at a time, after this node's own writing.
const STORED_MAX: usize = 1_024;

/// The engine, and what it must be told of changes beside the network.
pub struct Driver {
    pub(super) engine: Engine,
    home: Home,
    pub(super) net: NetDesk,
    /// Who is at the other end of each link.
    links: BTreeMap<LinkId, (NodeId, Span)>,
    contacts: BTreeMap<NodeId, Ticket>,
    device: DeviceId,
    /// Arrivals up to here are known to the engine.
    told_end: u64,
    wakes_ms: u64,
    notices: Vec<Notice>,
    /// Where profiles say that nodes are, as the network was told.
    announced: BTreeMap<NodeId, Ticket>,
    /// Whether profiles may say something else than when they were read.
    profiles_changed: bool,
    /// When they may be read again, monotonic milliseconds.
    profiles_ms: u64,
    /// When named blobs that are missing are looked for again, monotonic milliseconds.
    pub(super) fetches_ms: u64,
    /// What this device is to place.
    pub(super) placing: Placing,
    pub(super) swarms: Swarms,
    /// Whether swarms are joined.
    pub(super) gossips: bool,
    /// With which this node signs what it says there.
    pub(super) transport: SecretKey,
}

/// Between two readings of what profiles announce: each reads them whole.
const PROFILES_MS: u64 = 2_000;

impl Driver {
    /// The engine of an open node.
    pub fn new(home: &Home, net: NetDesk, node: &mut Node) -> Result<Self, Failure> {
        let settings = Settings {
            own: node.entity(),
            node: net.node(),
            interests: wishes(home, node)?,
            memories: files::memories(home),
            random: random()?,
            ..Settings::default()
        };
        let device = node.device();
        let mut placing = Placing::default();
        for (feed, _) in node.store.own() {
            // what came before it was here to place it
            placing.came(feed.topic, 0);
        }
        let peering = Peering::new(node);
        let engine = Engine::new(settings, &peering)?;
        let told_end = peering.end();
        Ok(Self {
            engine,
            home: home.clone(),
            net,
            links: BTreeMap::new(),
            contacts: BTreeMap::new(),
            device,
            told_end,
            wakes_ms: 0,
            notices: Vec::new(),
            announced: BTreeMap::new(),
            profiles_changed: true,
            profiles_ms: 0,
            fetches_ms: 0,
            placing,
            swarms: Swarms::default(),
            gossips: false,
            transport: files::transport_key(home)?,
        })
    }

    /// When the engine wants to be called, or something is to be placed, at the latest,
    /// monotonic milliseconds.
    pub fn wakes_ms(&self) -> u64 {
        let placing_ms = self.placing.next_ms().unwrap_or(u64::MAX);
        let swarms_ms = match self.gossips {
            true => self.swarms.next_ms(),
            false => u64::MAX,
        };
        self.wakes_ms.min(placing_ms).min(swarms_ms)
    }

    /// Whether swarms of public topics are joined.
    pub fn set_gossips(&mut self, gossips: bool) {
        self.gossips = gossips;
    }

    /// What a person should know, since the last time this was asked.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Takes what the network tells.
    pub fn hear(
        &mut self,
        event: Event,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        let link = match &event {
            Event::Connected { link, .. }
            | Event::Message { link, .. }
            | Event::Sent { link, .. }
            | Event::Closed { link, .. } => Some(*link),
            _ => None,
        };
        if let Event::Connected { link, peer, .. } = &event {
            let id = hex(&peer.node.0[..5]);
            let span = tracing::info_span!("sync", link = link.0, node = id);
            self.links.insert(*link, (peer.node, span));
        }
        let known = link.and_then(|link| self.links.get(&link));
        let span = known.map_or_else(Span::none, |(_, span)| span.clone());
        let _inside = span.enter();
        let input = match event {
            Event::Connected {
                link, peer, dialed, ..
            } => Input::Connected { link, peer, dialed },
            Event::Message { link, message } => Input::Message {
                link,
                bytes: message.into_bytes(),
            },
            Event::Sent { link, bytes } => Input::Sent { link, bytes },
            Event::Closed { link, .. } => {
                if let Some((node, _)) = self.links.remove(&link)
                    && let Some(exchange) = board.exchanges.get_mut(&node)
                {
                    exchange.is_synced = false;
                }
                Input::Closed { link }
            }
            Event::DialFailed { node, .. } => Input::DialFailed { node },
            Event::Heard { node } => Input::Heard {
                node,
                source: Source::Lan,
            },
            Event::Gossip { topic, bytes } => {
                return self.hear_gossip(topic, &bytes, now, node, board);
            }
            // who was missed speaks again
            Event::GossipLagged { .. } | Event::Poked => Input::Tick,
        };
        self.give(input, now, node, board)
    }

    /// Tells the engine what commands changed: entries, wishes, contacts, the device.
    pub fn look_around(
        &mut self,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        if node.device() != self.device {
            self.device = node.device();
            self.net.tell(Command::Become(identity(node)));
        }
        self.tell_stored(now, node, board)?;
        self.follow_blobs(now, node, board)?;
        let interests = wishes(&self.home, node)?;
        if interests != *self.engine.interests() {
            let says = self.engine.says().clone();
            self.engine.set_interests(interests, says);
            self.profiles_changed = true;
            self.give(Input::PolicyChanged, now, node, board)?;
        }
        for topic in std::mem::take(&mut node.delivered) {
            self.note_arrival(topic, now, node);
        }
        for to in std::mem::take(&mut node.written_to) {
            self.give(Input::LetterWritten { to }, now, node, board)?;
        }
        let contacts = files::contacts(&self.home)?.tickets;
        for (named, ticket) in &contacts {
            if *named != self.net.node() && self.contacts.get(named) != Some(ticket) {
                self.net.tell(Command::Learn(ticket.clone()));
                let heard = Input::Heard {
                    node: *named,
                    source: Source::Ticket,
                };
                self.give(heard, now, node, board)?;
            }
        }
        self.contacts = contacts;
        board.looks += 1;
        Ok(())
    }

    /// Whether profiles are to be read: see [`Self::read_profiles`].
    pub fn reads_profiles(&self, now: Now) -> bool {
        self.profiles_changed && now.monotonic_ms >= self.profiles_ms
    }

    /// Tells the network and the engine which nodes the followed, and this entity's other
    /// devices, announce. A claim: who is there shows when a link is up.
    pub fn read_profiles(
        &mut self,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        self.profiles_changed = false;
        self.profiles_ms = now.monotonic_ms.saturating_add(PROFILES_MS);
        let followed = self.engine.interests().follows.keys();
        let entities: Vec<_> = followed.copied().chain([node.entity()]).collect();
        for entity in entities {
            let Some((topic, profile)) = node.profile(&entity)? else {
                continue;
            };
            for (id, at) in profile.addresses {
                let announced = NodeId(id);
                if announced == self.net.node() || at.until_ms <= now.utc_ms {
                    continue;
                }
                let ticket = Ticket {
                    relay: at.relay,
                    addresses: at.sockets,
                    ..Ticket::new(announced)
                };
                if self.announced.get(&announced) == Some(&ticket) {
                    continue;
                }
                self.net.tell(Command::Learn(ticket.clone()));
                self.announced.insert(announced, ticket);
                let heard = Input::Heard {
                    node: announced,
                    source: Source::Profile(topic),
                };
                self.give(heard, now, node, board)?;
            }
        }
        Ok(())
    }

    /// Entries that commands wrote since the engine was last called.
    pub(super) fn tell_stored(
        &mut self,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        while node.store.end() > self.told_end {
            let rows = Peering::new(node).advanced_since(self.told_end, STORED_MAX)?;
            let whole = rows.len() < STORED_MAX;
            let end = match rows.last() {
                Some((position, _)) if !whole => position + 1,
                _ => node.store.end(),
            };
            let feeds: Vec<_> = rows.iter().map(|(_, advance)| advance.row.feed).collect();
            self.told_end = end;
            let topics: BTreeSet<_> = feeds.iter().map(|feed| feed.topic).collect();
            self.profiles_changed =
                self.profiles_changed || topics.iter().any(|topic| node.is_profile(topic));
            if !feeds.is_empty() {
                self.give_only(Input::Stored { feeds }, now, node, board)?;
            }
        }
        Ok(())
    }

    /// Gives the engine something, and before it what it does not know of the store.
    pub fn give(
        &mut self,
        input: Input,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        self.tell_stored(now, node, board)?;
        self.give_only(input, now, node, board)?;
        // what it stored itself it knows
        self.told_end = node.store.end();
        self.follow_blobs(now, node, board)
    }

    pub(super) fn give_only(
        &mut self,
        input: Input,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        let mut out = Vec::new();
        self.engine
            .handle(input, now, &mut Peering::new(node), &mut out)?;
        // commands that run in this node sign nothing while its clock is too far off
        let off = self.engine.clock().may_sign().err();
        node.clock_off = off.map(|off| off.offset_ms);
        for wish in out {
            match wish {
                Output::Send { link, bytes } => self.net.tell(Command::Send { link, bytes }),
                Output::Close { link, why } => self.net.tell(Command::Close { link, why }),
                Output::Dial { node } => self.net.tell(Command::Dial { node }),
                Output::WakeAt { monotonic_ms } => self.wakes_ms = monotonic_ms,
                Output::Synced { link } => {
                    board.sync_rounds += 1;
                    if let Some((node, span)) = self.links.get(&link) {
                        span.in_scope(|| tracing::info!("both hold the same"));
                        let exchange = board.exchanges.entry(*node).or_default();
                        exchange.synced_ms = Some(now.utc_ms);
                    }
                }
                // rows are brought up to date when somebody asks for them
                Output::Advanced { topic } => {
                    self.profiles_changed = self.profiles_changed || node.is_profile(&topic);
                    self.note_arrival(topic, now, node);
                }
                // files say it themselves
                Output::Blob { .. } => {}
                Output::Notice(notice) => self.notice(notice, board),
            }
        }
        for (_, peer, _, progress) in self.engine.links() {
            let exchange = board.exchanges.entry(peer.node).or_default();
            exchange.is_synced = progress.synced;
            exchange.missing_here = progress.to_receive_entries;
            exchange.missing_there = progress.to_send_entries;
        }
        Ok(())
    }

    fn notice(&mut self, notice: Notice, board: &mut Board) {
        if let Notice::ClockOffset { node, offset_ms } = notice {
            let exchange = board.exchanges.entry(node).or_default();
            exchange.clock_offset_ms = Some(offset_ms);
        }
        self.notices.push(notice);
    }

    /// The node ends: confirms what was brought and not confirmed yet.
    pub fn part(&mut self, now: Now, node: &mut Node) -> Result<(), Failure> {
        self.engine.part(now, &mut Peering::new(node))
    }

    /// Keeps what is worth remembering for the next run.
    pub fn remember(&self) -> Result<(), Failure> {
        files::save_memories(&self.home, &self.engine.memories())
    }
}
