//! The network as one thing: started, told, asked, closed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iroh::{EndpointAddr, EndpointId, TransportAddr, Watcher};
use synlog_log::keys::SecretKey;
use synlog_replication::peer::{LinkId, NodeId, Proven};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use crate::config::{Config, Identity};
use crate::endpoint::Outside;
use crate::event::{Command, Event, Via, Why};
use crate::frame::BODY_MAX;
use crate::gossip::Topics;
use crate::handshake::{Greeting, Hello, Proof, Side};
use crate::link::Handle;
use crate::links::{Candidate, Links, Ruling};
use crate::ticket::{ADDRESSES_MAX, Ticket};
use crate::{dial, endpoint, socket};

/// Events that may wait.
const EVENTS_MAX: usize = 1_024;
/// Bytes of messages of all links that may wait to be read by the engine.
const ROOM: usize = 32 * BODY_MAX;
/// Nodes of which something is remembered for people.
const REMEMBERED_MAX: usize = 4_096;
/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(5);

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The runtime.
    #[error("the network can't start: {0}")]
    Runtime(#[from] std::io::Error),
    /// An address is taken, or not one of this machine.
    #[error("can't listen at {0}: {1}")]
    Bind(SocketAddr, String),
    /// The endpoint.
    #[error("the network can't start: {0}")]
    Endpoint(String),
    /// The URL of a relay.
    #[error("{0:?} is no URL of a relay")]
    Relay(String),
}

/// What is known of a node, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The node.
    pub node: NodeId,
    /// The link to it, if there is one.
    pub link: Option<LinkId>,
    /// Whose device it is, where it was proven at the last link.
    pub proven: Option<Proven>,
    /// The name of the device.
    pub name: Option<String>,
    /// Whether this node called.
    pub dialed: bool,
    /// How the link goes.
    pub via: Via,
    /// Round trip, microseconds.
    pub rtt_us: Option<u64>,
    /// Bytes of messages that were sent.
    pub sent_bytes: u64,
    /// Bytes of messages that came.
    pub received_bytes: u64,
    /// Whether it is seen on the local network.
    pub is_near: bool,
    /// Why there is no link, or why the last one ended.
    pub why_not: Option<String>,
}

/// How this node stands in the network, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// This node.
    pub node: NodeId,
    /// Whether there is an endpoint for other machines.
    pub online: bool,
    /// Where it listens.
    pub bound: Vec<SocketAddr>,
    /// Where others may reach it.
    pub addresses: Vec<SocketAddr>,
    /// The relay, whether it is connected, and what went wrong last.
    pub relay: Option<(String, bool, Option<String>)>,
    /// What did not start.
    pub troubles: Vec<String>,
}

/// Lets others in this process wake whoever waits for events.
#[derive(Clone, Debug)]
pub struct Poke(mpsc::Sender<Event>);

impl Poke {
    /// Wakes; where events wait anyway there is no need to.
    pub fn poke(&self) {
        let _ = self.0.try_send(Event::Poked);
    }
}

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) own: NodeId,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) stopping: watch::Sender<bool>,
    transport: SecretKey,
    run: [u8; 16],
    nonce_seed: [u8; 32],
    numbers: AtomicU64,
    identity: Mutex<Option<Identity>>,
    state: Mutex<State>,
}

struct State {
    links: Links,
    handles: BTreeMap<LinkId, (NodeId, Handle)>,
    dialing: BTreeSet<NodeId>,
    notes: BTreeMap<NodeId, Note>,
}

/// What is remembered of a node.
#[derive(Debug, Clone, Default)]
struct Note {
    link: Option<LinkId>,
    proven: Option<Proven>,
    name: Option<String>,
    dialed: bool,
    sent_bytes: u64,
    received_bytes: u64,
    is_near: bool,
    why_not: Option<String>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("own", &self.own).finish()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn new_link(&self) -> LinkId {
        LinkId(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// A hello with a nonce that is never used again.
    pub(crate) fn hello(&self) -> Hello {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new_keyed(&self.nonce_seed);
        hasher.update(&number.to_le_bytes());
        Hello {
            node: self.own,
            run: self.run,
            nonce: *hasher.finalize().as_bytes(),
        }
    }

    pub(crate) fn prove(&self, greeting: &Greeting, side: Side, way_proves: bool) -> Proof {
        let identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let transport = (!way_proves).then_some(&self.transport);
        Proof::of(greeting, side, identity.as_ref(), transport)
    }

    /// Lets a link count, and ends the one whose place it takes.
    pub(crate) fn admit(&self, candidate: Candidate, handle: Handle) -> Ruling {
        let mut state = self.state();
        let ruling = state.links.admit(candidate);
        if let Ruling::Replaces(old) = ruling
            && let Some((_, old)) = state.handles.get(&old)
        {
            old.end(Why::Duplicate);
        }
        if matches!(ruling, Ruling::Stays | Ruling::Replaces(_)) {
            state
                .handles
                .insert(candidate.link, (candidate.node, handle));
        }
        ruling
    }

    /// A link has ended.
    pub(crate) fn forget(&self, node: &NodeId, link: LinkId, why: &Why) {
        let mut state = self.state();
        state.links.remove(node, link);
        state.handles.remove(&link);
        if let Some(note) = state.notes.get_mut(node)
            && note.link == Some(link)
        {
            note.link = None;
            note.why_not = Some(why.to_string());
        }
    }

    /// Whether a call should be made: none is on its way, and there is no link.
    pub(crate) fn begin_dial(&self, node: NodeId) -> bool {
        let mut state = self.state();
        !state.links.has(&node) && state.dialing.insert(node)
    }

    pub(crate) fn end_dial(&self, node: &NodeId) {
        self.state().dialing.remove(node);
    }

    fn note(&self, node: NodeId, change: impl FnOnce(&mut Note)) {
        let mut state = self.state();
        if state.notes.len() >= REMEMBERED_MAX && !state.notes.contains_key(&node) {
            state.notes.retain(|_, note| note.link.is_some());
        }
        change(state.notes.entry(node).or_default());
    }

    pub(crate) fn note_connected(
        &self,
        link: LinkId,
        candidate: &Candidate,
        proven: Option<Proven>,
        name: Option<String>,
    ) {
        self.note(candidate.node, |note| {
            note.link = Some(link);
            note.proven = proven;
            note.name = name;
            note.dialed = candidate.dialed;
            note.why_not = None;
        });
    }

    pub(crate) fn note_failed(&self, node: &NodeId, why: &Why) {
        self.note(*node, |note| note.why_not = Some(why.to_string()));
    }

    /// Whether it is news: there is no link to it.
    pub(crate) fn note_heard(&self, node: NodeId) -> bool {
        self.note(node, |note| note.is_near = true);
        !self.state().links.has(&node)
    }

    pub(crate) fn note_sent(&self, link: LinkId, bytes: usize) {
        self.count(link, |note| note.sent_bytes += bytes as u64);
    }

    pub(crate) fn note_received(&self, link: LinkId, bytes: usize) {
        self.count(link, |note| note.received_bytes += bytes as u64);
    }

    fn count(&self, link: LinkId, change: impl FnOnce(&mut Note)) {
        let mut state = self.state();
        let node = state.handles.get(&link).map(|(node, _)| *node);
        if let Some(note) = node.and_then(|node| state.notes.get_mut(&node)) {
            change(note);
        }
    }

    fn with_link(&self, link: LinkId, act: impl FnOnce(&Handle)) {
        if let Some((_, handle)) = self.state().handles.get(&link) {
            act(handle);
        }
    }
}

/// The network of a node.
pub struct Net {
    runtime: Runtime,
    shared: Arc<Shared>,
    outside: Option<Arc<Outside>>,
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::Receiver<Event>,
}

impl Net {
    /// Starts it.
    pub fn start(config: Config) -> Result<Self, NetError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("synlog-net")
            .enable_all()
            .build()?;
        let transport = SecretKey::from_seed(config.transport_seed);
        let own = NodeId(transport.public());
        let (events, waiting) = mpsc::channel(EVENTS_MAX);
        let shared = Arc::new(Shared {
            own,
            events,
            room: Arc::new(Semaphore::new(ROOM)),
            stopping: watch::Sender::new(false),
            transport,
            run: config.run,
            nonce_seed: config.nonce_seed,
            numbers: AtomicU64::new(1),
            identity: Mutex::new(config.identity.clone()),
            state: Mutex::new(State {
                links: Links::new(own),
                handles: BTreeMap::new(),
                dialing: BTreeSet::new(),
                notes: BTreeMap::new(),
            }),
        });
        let outside = match config.online {
            true => {
                let started = runtime.block_on(endpoint::start(&shared, &config))?;
                Some(Arc::new(started))
            }
            false => None,
        };
        if let Some(listener) = config.socket {
            listener.set_nonblocking(true)?;
            let _inside = runtime.enter();
            let listener = tokio::net::UnixListener::from_std(listener)?;
            runtime.spawn(socket::accept(Arc::clone(&shared), listener));
        }
        let (commands, to_do) = mpsc::unbounded_channel();
        runtime.spawn(obey(Arc::clone(&shared), outside.clone(), to_do));
        Ok(Self {
            runtime,
            shared,
            outside,
            commands,
            events: waiting,
        })
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.shared.own
    }

    /// Has something done; what comes of it are events.
    pub fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Waits for an event, as long as said.
    pub fn next(&mut self, patience: Duration) -> Option<Event> {
        let events = &mut self.events;
        self.runtime
            .block_on(async { timeout(patience, events.recv()).await })
            .ok()
            .flatten()
    }

    /// A way to wake whoever waits in [`Net::next`].
    pub fn poke(&self) -> Poke {
        Poke(self.shared.events.clone())
    }

    /// A share of it for those who only ask and tell.
    pub fn desk(&self) -> NetDesk {
        NetDesk {
            shared: Arc::clone(&self.shared),
            outside: self.outside.clone(),
            commands: self.commands.clone(),
            runtime: self.runtime.handle().clone(),
        }
    }

    /// Ends all links, telling the other ends, and stops.
    pub fn close(self) {
        self.shared.stopping.send_replace(true);
        if let Some(outside) = self.outside {
            self.runtime.block_on(async {
                let _ = timeout(CLOSING, outside.router.shutdown()).await;
                let _ = timeout(CLOSING, outside.endpoint.close()).await;
            });
        }
        self.runtime.shutdown_timeout(CLOSING);
    }
}

/// What can be asked and told of the network from anywhere in the process.
#[derive(Clone)]
pub struct NetDesk {
    shared: Arc<Shared>,
    outside: Option<Arc<Outside>>,
    commands: mpsc::UnboundedSender<Command>,
    runtime: tokio::runtime::Handle,
}

impl NetDesk {
    /// Has something done.
    pub fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// The nodes of which anything is known, those with a link first.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let state = self.shared.state();
        let mut peers: Vec<PeerInfo> = state
            .notes
            .iter()
            .map(|(node, note)| {
                let handle = note.link.and_then(|link| state.handles.get(&link));
                let handle = handle.map(|(_, handle)| handle);
                PeerInfo {
                    node: *node,
                    link: note.link,
                    proven: note.proven,
                    name: note.name.clone(),
                    dialed: note.dialed,
                    via: handle.map_or(Via::Unknown, Handle::via),
                    rtt_us: handle.and_then(Handle::rtt_us),
                    sent_bytes: note.sent_bytes,
                    received_bytes: note.received_bytes,
                    is_near: note.is_near,
                    why_not: note.why_not.clone(),
                }
            })
            .collect();
        peers.sort_by_key(|peer| (peer.link.is_none(), peer.node));
        peers
    }

    /// How this node stands.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing {
            node: self.shared.own,
            online: self.outside.is_some(),
            bound: Vec::new(),
            addresses: Vec::new(),
            relay: None,
            troubles: Vec::new(),
        };
        if let Some(outside) = &self.outside {
            standing.bound = outside.endpoint.bound_sockets();
            standing.addresses = outside.endpoint.addr().ip_addrs().copied().collect();
            let mut relays = outside.endpoint.home_relay_status();
            standing.relay = relays.get().first().map(|status| {
                let error = status.last_error().map(ToString::to_string);
                (status.url().to_string(), status.is_connected(), error)
            });
            standing.troubles.clone_from(&outside.troubles);
        }
        standing
    }

    /// Whether anybody in the DHT answers within some time; `None` where this node does
    /// not use it.
    pub fn dht_answers(&self, patience: Duration) -> Option<bool> {
        let outside = self.outside.as_ref()?;
        self.runtime.block_on(outside.dht_answers(patience))
    }

    /// Where this node is, as a ticket.
    pub fn ticket(&self) -> Ticket {
        let mut ticket = Ticket::new(self.shared.own);
        if let Some(outside) = &self.outside {
            let address = outside.endpoint.addr();
            ticket.addresses = address.ip_addrs().copied().take(ADDRESSES_MAX).collect();
            ticket.relay = address.relay_urls().next().map(ToString::to_string);
        }
        ticket
    }
}

/// Does what it is told, in order.
async fn obey(
    shared: Arc<Shared>,
    outside: Option<Arc<Outside>>,
    mut to_do: mpsc::UnboundedReceiver<Command>,
) {
    let mut topics = Topics::default();
    let endpoint = outside.as_ref().map(|outside| &outside.endpoint);
    let mut stopping = shared.stopping.subscribe();
    loop {
        let command = tokio::select! {
            command = to_do.recv() => command,
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        let Some(command) = command else {
            return;
        };
        match command {
            Command::Dial { node } => dial::node(&shared, endpoint, node),
            Command::DialSocket { path } => dial::socket(&shared, path),
            Command::Learn(ticket) => learn(outside.as_deref(), &ticket),
            Command::Send { link, bytes } => {
                shared.with_link(link, |handle| handle.send(bytes));
            }
            Command::Close { link, why } => {
                shared.with_link(link, |handle| handle.end(Why::Here(why)));
            }
            Command::JoinGossip { topic, nodes } => {
                if let Some(outside) = &outside {
                    topics.join(&shared, &outside.gossip, topic, &nodes).await;
                }
            }
            Command::LeaveGossip { topic } => topics.leave(&topic),
            Command::Broadcast { topic, bytes } => {
                topics.broadcast(&topic, bytes).await;
            }
            Command::Become(identity) => {
                *shared
                    .identity
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = identity;
            }
        }
    }
}

/// Remembers the addresses of a ticket.
fn learn(outside: Option<&Outside>, ticket: &Ticket) {
    let (Some(outside), Ok(id)) = (outside, EndpointId::from_bytes(&ticket.node.0)) else {
        return;
    };
    let relay = ticket.relay.as_ref().and_then(|url| url.parse().ok());
    let addresses = ticket.addresses.iter().copied().map(TransportAddr::Ip);
    let addresses = addresses.chain(relay.map(TransportAddr::Relay));
    outside
        .known
        .add_endpoint_info(EndpointAddr::from_parts(id, addresses));
}
