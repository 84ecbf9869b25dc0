//! A running node from its start to its end.
//!
//! A shell file: threads, signals, clocks. One loop takes what the network tells; callers
//! with commands are served beside it, each by a thread of its own, and take turns with
//! the store.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle as Signals, Signals as SignalList};
use synlog_net::{Command, Config, Dht, Event, Identity, Net, Poke, Ticket};
use synlog_replication::engine::{Input, Notice, Now};
use synlog_web::Server;
use synlog_web::guests::GuestServer;

use crate::clock::now_ms;
use crate::daemon::announcing::{self, Announcer};
use crate::daemon::board::Board;
use crate::daemon::client::VERSION;
use crate::daemon::driver::Driver;
use crate::daemon::meter::Meter;
use crate::daemon::notifying::{self, Target};
use crate::daemon::serving::{self, RemoteWeb, Web};
use crate::daemon::session::{self, Service};
use crate::daemon::{files, guesting, socket};
use crate::entropy::random;
use crate::failure::Failure;
use crate::guests::Guests;
use crate::home::Home;
use crate::identity::profile::{Address, address};
use crate::lending::{Desk, Lent};
use crate::node::Node;

/// Callers at once; more wait at the door.
const SESSIONS_MAX: usize = 64;
/// How often the loop looks around where nothing happens.
const LOOK: Duration = Duration::from_millis(500);
/// Events that are taken while the store is lent once.
const EVENTS_MAX: usize = 64;
/// How often what is worth remembering is written down.
const REMEMBERING: Duration = Duration::from_secs(60);
/// How long callers may take to notice that the node ends.
const PARTING: Duration = Duration::from_millis(1500);
/// How long a command that has the store may go on.
const LAST_WORK: Duration = Duration::from_secs(1);

/// How a node is to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// No endpoint for other machines.
    pub offline: bool,
    /// Nodes on the local network don't find each other.
    pub no_mdns: bool,
    /// Nodes that follow the same public topics don't find each other.
    pub no_gossip: bool,
    /// The DHT.
    pub dht: Dht,
    /// A relay.
    pub relay: Option<String>,
    /// Where records of nodes' addresses are kept, besides the DHT.
    pub records: Option<String>,
    /// Where to listen.
    pub bind: Option<std::net::SocketAddr>,
    /// Socket files of nodes of other data directories on this machine.
    pub neighbours: Vec<PathBuf>,
    /// Say in the entity's profile where this node is.
    pub announce: bool,
    /// Where its pages are.
    pub web: Web,
    /// Where the owner's other machines find them.
    pub remote: Option<RemoteWeb>,
    /// Whether all of this machine may read the metrics.
    pub open_metrics: bool,
    /// Who is told what needs an answer.
    pub notify: Option<Target>,
}

/// What a running node tells whoever started it.
#[derive(Debug)]
pub enum News<'a> {
    /// All is up.
    Ready,
    /// Nothing but that some time has passed.
    Quiet,
    /// Something of the network.
    Net(&'a Event),
    /// Something that the engine wants a person to know.
    Notice(Notice),
    /// It was announced in the profile where this node is.
    Announced(&'a Address),
    /// That could not be done.
    NotAnnounced(&'a Failure),
    /// It is about to end.
    Stopping,
}

/// A running node.
pub struct Running {
    service: Service,
    net: Net,
    driver: Driver,
    sessions: Arc<AtomicUsize>,
    signals: Signals,
    begun: Instant,
    remembered: Instant,
    neighbours: Vec<PathBuf>,
    announcer: Option<Announcer>,
    web: Option<Server>,
    guests: Option<GuestServer>,
}

/// Whoever is told what happens.
pub type Tell<'a> = dyn FnMut(&News, &Service) -> Result<(), Failure> + 'a;

impl Running {
    /// Starts a node on an open store.
    pub fn start(home: &Home, lent: Lent, options: Options) -> Result<Self, Failure> {
        let mut node = lent.into_own()?;
        socket::prepare(home)?;
        let pages = serving::listen(home, options.web)?;
        let remote = serving::listen_to_others(options.web, options.remote)?;
        let guests = Arc::new(Guests::open(home)?);
        let mut door = guesting::listen(&guests)?;
        let callers = socket::listen(&socket::commands_path(home))?;
        let neighbours = socket::listen(&socket::peers_path(home))?;
        let transport = files::transport_key(home)?;
        let mut config = Config::new(transport.seed(), random()?, random()?);
        config.identity = identity(&node);
        config.online = !options.offline;
        config.bind = options.bind;
        config.usual_port = files::usual_port(home);
        config.mdns = !options.no_mdns;
        config.dht = options.dht;
        config.relay = options.relay.or(door.relay.take());
        config.records = options.records;
        config.guests = door.gate.take();
        config.socket = Some(neighbours);
        let net = Net::start(config)?;
        let bound = net.desk().standing().bound;
        let usual = bound.iter().find(|place| place.is_ipv4());
        if let Some(place) = usual.or(bound.first()) {
            files::save_usual_port(home, place.port())?;
        }
        let mut driver = Driver::new(home, net.desk(), &mut node)?;
        driver.set_gossips(!options.no_gossip && !options.offline);
        let stopping = Arc::new(AtomicBool::new(false));
        let service = Service {
            home: home.clone(),
            desk: Desk::new(node),
            net: net.desk(),
            board: Arc::new(Mutex::new(Board::default())),
            poke: net.poke(),
            stopping: Arc::clone(&stopping),
            meter: Arc::new(Meter::new(options.open_metrics, now_ms())),
            web: Arc::new(OnceLock::new()),
            guests,
        };
        let web = pages.map(|listener| serving::start(listener, remote, &service));
        let web = web.transpose()?;
        if let Some(web) = &web {
            let _ = service.web.set(web.desk());
        }
        let guests = guesting::start(door, &service)?;
        let sessions = Arc::new(AtomicUsize::new(0));
        let poke = service.poke.clone();
        service.desk.wake_by(move || poke.poke());
        let signals = watch_signals(stopping, net.poke())?;
        serve(callers, service.clone(), Arc::clone(&sessions));
        if let Some(target) = options.notify {
            notifying::start(service.clone(), target);
        }
        let now = Instant::now();
        Ok(Self {
            service,
            net,
            driver,
            sessions,
            signals,
            begun: now,
            remembered: now,
            neighbours: options.neighbours,
            announcer: options.announce.then(Announcer::default),
            web,
            guests,
        })
    }

    fn now(&self) -> Now {
        let monotonic_ms = u64::try_from(self.begun.elapsed().as_millis());
        Now {
            monotonic_ms: monotonic_ms.unwrap_or(u64::MAX),
            utc_ms: now_ms(),
        }
    }

    /// Runs until it is told to end.
    pub fn run(mut self, tell: &mut Tell<'_>) -> Result<(), Failure> {
        tracing::info!(version = VERSION, "started");
        let ended = self.turn(tell);
        match &ended {
            Ok(()) => tracing::info!("stopping"),
            Err(failure) => tracing::error!(code = failure.code(), "stopping"),
        }
        let told = tell(&News::Stopping, &self.service);
        let closed = self.close();
        ended.and(closed).and(told)
    }

    fn turn(&mut self, tell: &mut Tell<'_>) -> Result<(), Failure> {
        tell(&News::Ready, &self.service)?;
        for path in std::mem::take(&mut self.neighbours) {
            self.net.tell(Command::DialSocket { path });
        }
        let mut first = Some(Event::Poked);
        while !self.service.stopping.load(Ordering::Relaxed) {
            self.service.meter.turn(&self.service)?;
            if let Some(why) = self.service.desk.lost() {
                return Err(Failure::System(why));
            }
            let events = self.gather(first.take(), tell)?;
            self.take(events)?;
            for notice in self.driver.notices() {
                tell(&News::Notice(notice), &self.service)?;
            }
            self.place()?;
            self.tend_swarms()?;
            self.read_profiles()?;
            self.announce(tell)?;
            if self.remembered.elapsed() >= REMEMBERING {
                self.remembered = Instant::now();
                self.driver.remember()?;
            }
        }
        Ok(())
    }

    /// Waits for what the network tells, or until the engine wants to be called.
    fn gather(&mut self, first: Option<Event>, tell: &mut Tell<'_>) -> Result<Vec<Event>, Failure> {
        let wake_ms = self.driver.wakes_ms();
        let patience = Duration::from_millis(wake_ms.saturating_sub(self.now().monotonic_ms));
        let first = first.or_else(|| self.net.next(patience.min(LOOK)));
        let Some(first) = first else {
            tell(&News::Quiet, &self.service)?;
            return Ok(Vec::new());
        };
        let mut events = vec![first];
        // what waits is taken along: the store changes hands once for all of it
        while events.len() < EVENTS_MAX
            && let Some(event) = self.net.next_at_once()
        {
            events.push(event);
        }
        for event in &events {
            tell(&News::Net(event), &self.service)?;
        }
        Ok(events)
    }

    /// Gives the engine what happened.
    fn take(&mut self, events: Vec<Event>) -> Result<(), Failure> {
        let now = self.now();
        if events.is_empty() && now.monotonic_ms < self.driver.wakes_ms() {
            return Ok(());
        }
        let mut node = self.service.desk.lend_to_loop()?;
        let mut board = self
            .service
            .board
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if events.is_empty() {
            self.driver.give(Input::Tick, now, &mut node, &mut board)?;
        }
        let is_poke = |event: &Event| matches!(event, Event::Poked);
        if self.net.was_poked() || events.iter().any(is_poke) {
            self.driver.look_around(now, &mut node, &mut board)?;
        }
        for event in events {
            self.driver.hear(event, now, &mut node, &mut board)?;
        }
        drop(board);
        node.close()
    }

    /// Places what came, where this device sequences.
    fn place(&mut self) -> Result<(), Failure> {
        let now = self.now();
        if !self.driver.places(now) {
            return Ok(());
        }
        let mut node = self.service.desk.lend_to_loop()?;
        let board = self.service.board.lock();
        let mut board = board.unwrap_or_else(PoisonError::into_inner);
        self.driver.place(now, &mut node, &mut board)?;
        drop(board);
        node.close()
    }

    /// Looks after the swarms of public topics.
    fn tend_swarms(&mut self) -> Result<(), Failure> {
        let now = self.now();
        if !self.driver.swarms_are_due(now) {
            return Ok(());
        }
        let mut node = self.service.desk.lend_to_loop()?;
        self.driver.tend_swarms(now, &mut node)?;
        node.close()
    }

    /// Looks where profiles say that nodes are, where that may have changed.
    fn read_profiles(&mut self) -> Result<(), Failure> {
        let now = self.now();
        if !self.driver.reads_profiles(now) {
            return Ok(());
        }
        let mut node = self.service.desk.lend_to_loop()?;
        let board = self.service.board.lock();
        let mut board = board.unwrap_or_else(PoisonError::into_inner);
        self.driver.read_profiles(now, &mut node, &mut board)?;
        drop(board);
        node.close()
    }

    /// Says in the profile where this node is, if that is wanted, has changed and was not
    /// said lately.
    fn announce(&mut self, tell: &mut Tell<'_>) -> Result<(), Failure> {
        let now = self.now();
        let Some(announcer) = self.announcer.as_mut() else {
            return Ok(());
        };
        if !announcer.looks(now.monotonic_ms) {
            return Ok(());
        }
        let ticket = announcer.settled(self.service.net.ticket(), now.monotonic_ms);
        let Some(ticket) = ticket.cloned() else {
            return Ok(());
        };
        let mut node = self.service.desk.lend_to_loop()?;
        let written = write_announcement(&mut node, &ticket, now.utc_ms);
        if let Ok(Some(_)) = &written {
            let board = self.service.board.lock();
            let mut board = board.unwrap_or_else(PoisonError::into_inner);
            self.driver.look_around(now, &mut node, &mut board)?;
        }
        node.close()?;
        match written {
            Ok(None) => Ok(()),
            Ok(Some(at)) => tell(&News::Announced(&at), &self.service),
            Err(failure) => {
                announcer.failed(now.monotonic_ms);
                tell(&News::NotAnnounced(&failure), &self.service)
            }
        }
    }

    /// Lets nobody in any more, waits for those who are in, closes the store. All of it
    /// takes a few seconds at most, whoever does not answer.
    fn close(mut self) -> Result<(), Failure> {
        self.service.stopping.store(true, Ordering::Relaxed);
        socket::remove(&socket::commands_path(&self.service.home));
        socket::remove(&socket::peers_path(&self.service.home));
        let now = self.now();
        let (web, guests, net) = (self.web.take(), self.guests.take(), self.net);
        // requests and links end side by side
        std::thread::scope(|scope| {
            if let Some(web) = web {
                scope.spawn(|| web.stop());
            }
            if let Some(guests) = guests {
                scope.spawn(|| guests.stop());
            }
            scope.spawn(|| net.close());
            wait_for(&self.sessions, PARTING);
        });
        let remembered = self.driver.remember();
        let closed = match self.service.desk.close_within(LAST_WORK) {
            Ok(Some(mut node)) => {
                let parted = self.driver.part(now, &mut node);
                node.close().and(parted)
            }
            Ok(None) => {
                tracing::warn!("a command goes on with the store and is left behind");
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        // those who waited for the store are told now
        wait_for(&self.sessions, LAST_WORK / 2);
        // until here a second signal ends the process at once
        self.signals.close();
        tracing::info!("stopped");
        closed.and(remembered)
    }
}

/// Waits until nobody is in, or some time has passed.
fn wait_for(sessions: &AtomicUsize, patience: Duration) {
    let begun = Instant::now();
    while sessions.load(Ordering::Acquire) > 0 && begun.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes where a node is into the profile, where that is due.
fn write_announcement(
    node: &mut Node,
    ticket: &Ticket,
    now_ms: u64,
) -> Result<Option<Address>, Failure> {
    let entity = node.entity();
    let profile = node.profile(&entity)?;
    let said = profile.and_then(|(_, mut profile)| profile.addresses.remove(&ticket.node.0));
    let Some(at) = announcing::due(ticket, said.as_ref(), now_ms) else {
        return Ok(None);
    };
    node.write_profile(&address(&ticket.node.0, &at), now_ms)?;
    Ok(Some(at))
}

/// Who the node is, as it proves it to others.
pub(crate) fn identity(node: &Node) -> Option<Identity> {
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
