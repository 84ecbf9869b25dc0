//! A running node from its start to its end.
//!
//! A shell file: threads, signals, clocks. One loop takes what the network tells; callers
//! with commands are served beside it, each by a thread of its own, and take turns with
//! the store.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle as Signals, Signals as SignalList};
use synlog_net::{Command, Config, Dht, Event, Identity, Net, Poke, Ticket};
use synlog_replication::peer::NodeId;

use crate::daemon::board::Board;
use crate::daemon::calling::Calling;
use crate::daemon::session::{self, Service};
use crate::daemon::{files, socket};
use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
use crate::lending::{Desk, Lent};
use crate::node::Node;

/// Callers at once; more wait at the door.
const SESSIONS_MAX: usize = 64;
/// How often the loop looks around where nothing happens.
const LOOK: Duration = Duration::from_millis(500);
/// How long callers may take to notice that the node ends.
const PARTING: Duration = Duration::from_secs(3);

/// How a node is to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// No endpoint for other machines.
    pub offline: bool,
    /// Nodes on the local network don't find each other.
    pub no_mdns: bool,
    /// The DHT.
    pub dht: Dht,
    /// A relay.
    pub relay: Option<String>,
    /// Where to listen.
    pub bind: Option<std::net::SocketAddr>,
    /// Socket files of nodes of other data directories on this machine.
    pub neighbours: Vec<PathBuf>,
}

/// What a running node tells whoever started it.
#[derive(Debug)]
pub enum News {
    /// All is up.
    Ready,
    /// Nothing but that some time has passed.
    Quiet,
    /// Something of the network.
    Net(Event),
    /// It is about to end.
    Stopping,
}

/// A running node.
pub struct Running {
    service: Service,
    net: Net,
    calling: Calling,
    sessions: Arc<AtomicUsize>,
    signals: Signals,
    begun: Instant,
    device: synlog_log::ids::DeviceId,
    neighbours: Vec<PathBuf>,
    contacts: BTreeMap<NodeId, Ticket>,
}

impl Running {
    /// Starts a node on an open store.
    pub fn start(home: &Home, lent: Lent, options: Options) -> Result<Self, Failure> {
        let node = lent.into_own()?;
        socket::prepare(home)?;
        let callers = socket::listen(&socket::commands_path(home))?;
        let neighbours = socket::listen(&socket::peers_path(home))?;
        let transport = files::transport_key(home)?;
        let mut config = Config::new(transport.seed(), random()?, random()?);
        config.identity = identity(&node);
        config.online = !options.offline;
        config.bind = options.bind;
        config.mdns = !options.no_mdns;
        config.dht = options.dht;
        config.relay = options.relay;
        config.socket = Some(neighbours);
        let net = Net::start(config)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let device = node.device();
        let service = Service {
            home: home.clone(),
            desk: Desk::new(node),
            net: net.desk(),
            board: Arc::new(Mutex::new(Board::default())),
            poke: net.poke(),
            stopping: Arc::clone(&stopping),
        };
        let sessions = Arc::new(AtomicUsize::new(0));
        let signals = watch_signals(stopping, net.poke())?;
        serve(callers, service.clone(), Arc::clone(&sessions));
        let mut running = Self {
            service,
            net,
            calling: Calling::default(),
            sessions,
            signals,
            begun: Instant::now(),
            device,
            neighbours: options.neighbours,
            contacts: BTreeMap::new(),
        };
        running.learn_contacts()?;
        Ok(running)
    }

    /// What sessions are given; for those who ask from within.
    pub fn service(&self) -> &Service {
        &self.service
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Runs until it is told to end.
    pub fn run(mut self, tell: &mut dyn FnMut(&News, &Service) -> Result<(), Failure>) -> Result<(), Failure> {
        let ended = self.turn(tell);
        let told = tell(&News::Stopping, &self.service);
        let closed = self.close();
        ended.and(closed).and(told)
    }

    fn turn(&mut self, tell: &mut dyn FnMut(&News, &Service) -> Result<(), Failure>) -> Result<(), Failure> {
        tell(&News::Ready, &self.service)?;
        for path in std::mem::take(&mut self.neighbours) {
            self.net.tell(Command::DialSocket { path });
        }
        while !self.service.stopping.load(Ordering::Relaxed) {
            if let Some(why) = self.service.desk.lost() {
                return Err(Failure::System(why));
            }
            let event = self.net.next(LOOK);
            self.call();
            let Some(event) = event else {
                tell(&News::Quiet, &self.service)?;
                continue;
            };
            self.take(&event)?;
            tell(&News::Net(event), &self.service)?;
        }
        Ok(())
    }

    /// Takes what the network tells.
    fn take(&mut self, event: &Event) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        match event {
            Event::Connected { peer, .. } => self.calling.linked(&peer.node),
            Event::DialFailed { node, .. } => {
                let jitter = u64::from_le_bytes(random()?);
                self.calling.failed(node, now_ms, jitter);
            }
            Event::Closed { .. } => self.recall(now_ms)?,
            Event::Heard { node } => self.calling.named(*node, now_ms),
            Event::Poked => self.look_around()?,
            Event::Message { .. }
            | Event::Sent { .. }
            | Event::Gossip { .. }
            | Event::GossipLagged { .. } => {}
        }
        Ok(())
    }

    /// Nodes to which there is no link any more are called again.
    fn recall(&mut self, now_ms: u64) -> Result<(), Failure> {
        for peer in self.service.net.peers() {
            if peer.link.is_none() {
                let jitter = u64::from_le_bytes(random()?);
                self.calling.failed(&peer.node, now_ms, jitter);
            }
        }
        Ok(())
    }

    fn call(&mut self) {
        let now_ms = self.now_ms();
        for node in self.calling.due(now_ms) {
            self.net.tell(Command::Dial { node });
        }
    }

    /// A command may have changed who this node is, or whom it knows.
    fn look_around(&mut self) -> Result<(), Failure> {
        if self.service.stopping.load(Ordering::Relaxed) {
            return Ok(());
        }
        let lent = match self.service.desk.try_lend() {
            Some(lent) => lent,
            // whoever has it pokes again
            None => return Ok(()),
        };
        let (device, identity) = (lent.device(), identity(&lent));
        lent.close()?;
        if device != self.device {
            self.device = device;
            self.net.tell(Command::Become(identity));
        }
        self.learn_contacts()
    }

    /// Contacts that are new or have moved are called.
    fn learn_contacts(&mut self) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        let contacts = files::contacts(&self.service.home)?.tickets;
        for node in self.contacts.keys() {
            if !contacts.contains_key(node) {
                self.calling.dropped(node);
            }
        }
        for (node, ticket) in &contacts {
            if *node != self.net.node() && self.contacts.get(node) != Some(ticket) {
                self.net.tell(Command::Learn(ticket.clone()));
                self.calling.named(*node, now_ms);
            }
        }
        self.contacts = contacts;
        Ok(())
    }

    /// Lets nobody in any more, waits for those who are in, closes the store.
    fn close(self) -> Result<(), Failure> {
        self.service.stopping.store(true, Ordering::Relaxed);
        self.signals.close();
        socket::remove(&socket::commands_path(&self.service.home));
        socket::remove(&socket::peers_path(&self.service.home));
        self.net.close();
        let closed = match self.service.desk.close() {
            Ok(node) => node.close(),
            Err(failure) => Err(failure),
        };
        let begun = Instant::now();
        while self.sessions.load(Ordering::Acquire) > 0 && begun.elapsed() < PARTING {
            std::thread::sleep(Duration::from_millis(5));
        }
        closed
    }
}

/// Who the node is, as it proves it to others.
fn identity(node: &Node) -> Option<Identity> {
    let certificate = node.certificate()?.encode();
    Some(Identity {
        key: node.key.clone(),
        certificate,
    })
}

/// The first signal ends the node; the second one ends the process.
fn watch_signals(stopping: Arc<AtomicBool>, poke: Poke) -> Result<Signals, Failure> {
    let trouble = |error| Failure::System(format!("no signals: {error}"));
    let mut list = SignalList::new([SIGINT, SIGTERM]).map_err(trouble)?;
    let handle = list.handle();
    std::thread::spawn(move || {
        for _ in list.forever() {
            if stopping.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            poke.poke();
        }
    });
    Ok(handle)
}

/// Lets callers in until the node ends.
fn serve(listener: UnixListener, service: Service, sessions: Arc<AtomicUsize>) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if service.stopping.load(Ordering::Relaxed) {
                return;
            }
            let Ok(stream) = stream else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            while sessions.load(Ordering::Acquire) >= SESSIONS_MAX {
                std::thread::sleep(Duration::from_millis(10));
            }
            sessions.fetch_add(1, Ordering::AcqRel);
            let (service, ended) = (service.clone(), Ended(Arc::clone(&sessions)));
            std::thread::spawn(move || {
                let _ended = ended;
                session::serve(stream, &service);
                service.poke.poke();
            });
        }
    });
}

/// Counts a session down, however it ends.
struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
