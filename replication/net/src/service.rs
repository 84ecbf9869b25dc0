//! The network as one thing: started, told, asked, closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use iroh::{EndpointAddr, EndpointId, TransportAddr, Watcher};
use synlog_log::keys::SecretKey;
use synlog_replication::peer::{LinkId, NodeId, Proven};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::Config;
use crate::endpoint::Outside;
use crate::event::{Command, Event, Via, Why};
use crate::gossip::Topics;
use crate::link::Handle;
use crate::shared::Shared;
use crate::ticket::{ADDRESSES_MAX, Ticket};
use crate::{dial, endpoint, socket};

/// Events that may wait.
const EVENTS_MAX: usize = 1_024;
/// How long links may take to tell their other ends.
const GOODBYES: Duration = Duration::from_secs(1);
/// How often it looks whether they have.
const PAUSE: Duration = Duration::from_millis(2);
/// How long each step of closing may take: all of it is to be done within a few seconds.
const CLOSING: Duration = Duration::from_secs(1);

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
pub struct Poke(Arc<Shared>);

impl Poke {
    /// Wakes. Where so many events wait that there is no room for another one, whoever takes
    /// them learns it by [`Net::was_poked`].
    pub fn poke(&self) {
        self.0.poked.store(true, Ordering::Release);
        let _ = self.0.events.try_send(Event::Poked);
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
        let (events, waiting) = mpsc::channel(EVENTS_MAX);
        let shared = Arc::new(Shared::new(&config, transport, events));
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

    /// An event that is there already. Waiting for one, however shortly, takes a turn of the
    /// runtime's timer, which is a millisecond.
    pub fn next_at_once(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
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
        Poke(Arc::clone(&self.shared))
    }

    /// Whether somebody has poked since this was last asked.
    pub fn was_poked(&self) -> bool {
        self.shared.poked.swap(false, Ordering::AcqRel)
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
        let mut events = self.events;
        self.runtime.block_on(async {
            let goodbyes = async {
                while self.shared.active.load(Ordering::Acquire) > 0 {
                    // nobody reads them any more, and a full queue must not hold up a link
                    while events.try_recv().is_ok() {}
                    tokio::time::sleep(PAUSE).await;
                }
            };
            let _ = timeout(GOODBYES, goodbyes).await;
        });
        if let Some(outside) = self.outside {
            self.runtime.block_on(async {
                let _ = timeout(CLOSING, outside.router.shutdown()).await;
                let _ = timeout(CLOSING, outside.endpoint.close()).await;
            });
        }
        self.runtime.shutdown_timeout(CLOSING / 2);
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
    /// This node.
    pub fn node(&self) -> NodeId {
        self.shared.own
    }

    /// Has something done.
    pub fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// The nodes of which anything is known, those with a link first.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let mut peers = self.shared.each_note(|node, note, handle| PeerInfo {
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
        });
        peers.sort_by_key(|peer| (peer.link.is_none(), peer.node));
        peers
    }

    /// Bytes of messages that were sent and that came, on all links since the start.
    pub fn traffic(&self) -> (u64, u64) {
        (
            self.shared.sent_bytes.load(Ordering::Relaxed),
            self.shared.received_bytes.load(Ordering::Relaxed),
        )
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
            Command::Learn(ticket) => learn(outside.as_deref(), &ticket, false),
            Command::Relearn(ticket) => learn(outside.as_deref(), &ticket, true),
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
            Command::Become(identity) => shared.set_identity(identity),
        }
    }
}

/// Remembers the addresses of a ticket, beside those that are known or instead of them.
fn learn(outside: Option<&Outside>, ticket: &Ticket, instead: bool) {
    let (Some(outside), Ok(id)) = (outside, EndpointId::from_bytes(&ticket.node.0)) else {
        return;
    };
    let relay = ticket.relay.as_ref().and_then(|url| url.parse().ok());
    let addresses = ticket.addresses.iter().copied().map(TransportAddr::Ip);
    let addresses = addresses.chain(relay.map(TransportAddr::Relay));
    let address = EndpointAddr::from_parts(id, addresses);
    if instead {
        outside.known.set_endpoint_info(address);
    } else {
        outside.known.add_endpoint_info(address);
    }
}
