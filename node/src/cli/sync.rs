//! `synlog sync`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use synlog_log::ids::hex;
use synlog_net::{Command, PeerInfo};
use synlog_replication::peer::{NodeId, Peer};

use crate::cli::config;
use crate::cli::peers::{find, known, unknown};
use crate::cli::progress::Progress;
use crate::cli::screen::{Screen, Tone, plain};
use crate::cli::setting::Setting;
use crate::cli::up::who;
use crate::daemon::board::Exchange;
use crate::daemon::running::{News, Options, Running};
use crate::daemon::serving::Web;
use crate::daemon::session::Service;
use crate::failure::Failure;

/// How often it looks whether the node has noticed.
const PAUSE: Duration = Duration::from_millis(5);
/// How often it looks how far things are.
const LOOK: Duration = Duration::from_millis(100);
/// First calls may come to nothing, while addresses are still looked up: so long a node
/// that was not reached is waited for.
const GRACE: Duration = Duration::from_secs(8);

/// Exchange entries with the nodes that are known, and say how far it is
///
/// A running node does so by itself, all the time; this shows it, and with --once
/// waits until all is exchanged. Where no node runs one is started for it, and
/// ends with it. The exit status is 1 if a node was not reached.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog sync --once                  with all nodes that are known
  synlog sync --once laptop           with one of them
  synlog sync --once && synlog view list orders")]
pub(super) struct Args {
    /// A node by its id, or by its device's or entity's id, or its device's name
    peer: Option<String>,
    /// Stop as soon as both sides hold the same
    #[arg(long)]
    once: bool,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let nodes = known(setting)?;
    if nodes.is_empty() && args.peer.is_none() {
        return Err(Failure::Findings(
            "no other node is known: `synlog join` takes a ticket".into(),
        ));
    }
    let wanted = args.peer.clone().map_or(Wanted::All, Wanted::Named);
    let mut watch = Watch {
        wanted: wanted.found_in(&nodes, Duration::ZERO)?,
        once: args.once,
        begun: Instant::now(),
        patience: Duration::from_secs(args.patience),
        progress: Progress::new(&setting.screen, "syncing"),
    };
    let ended = match setting.running() {
        Some(service) => {
            watch.be_heard(service, setting)?;
            watch.call(service, &nodes);
            loop {
                if let Some(lines) = watch.look(&peers(service, setting)?, service)? {
                    break lines;
                }
                setting.rest(LOOK)?;
            }
        }
        None => watch.run_node(setting)?,
    };
    drop(watch.progress);
    tell(&ended, &setting.screen)
}

/// All that is known of a node while it is waited for.
#[derive(Debug, Clone)]
struct Line {
    peer: PeerInfo,
    exchange: Exchange,
}

impl Line {
    fn is_synced(&self) -> bool {
        self.peer.link.is_some() && self.exchange.is_synced
    }
}

fn peers(service: &Service, setting: &Setting) -> Result<Vec<PeerInfo>, Failure> {
    let mut peers = service.net.peers();
    for peer in known(setting)? {
        if !peers.iter().any(|known| known.node == peer.node) {
            peers.push(peer);
        }
    }
    Ok(peers)
}

/// Which nodes are to hold the same.
#[derive(Debug, Clone)]
enum Wanted {
    All,
    Node(NodeId),
    /// One that nobody here goes by yet: names are told at the first meeting.
    Named(String),
}

impl Wanted {
    /// With a node in the place of its name, once it is known; an error if it won't be.
    fn found_in(self, nodes: &[PeerInfo], waited: Duration) -> Result<Self, Failure> {
        let Self::Named(text) = self else {
            return Ok(self);
        };
        let not_met = |peer: &PeerInfo| peer.proven.is_none() && peer.name.is_none();
        match find(nodes, &text)? {
            Some(node) => Ok(Self::Node(node)),
            None if nodes.iter().any(not_met) && waited < GRACE => Ok(Self::Named(text)),
            None => Err(unknown(&text)),
        }
    }

    fn has(&self, peer: &PeerInfo) -> bool {
        match self {
            Self::All => true,
            Self::Node(node) => *node == peer.node,
            // whoever was not met may be it
            Self::Named(_) => peer.proven.is_none(),
        }
    }
}

struct Watch {
    wanted: Wanted,
    once: bool,
    begun: Instant,
    patience: Duration,
    progress: Progress,
}

impl Watch {
    /// Waits until the node knows what earlier commands changed: a topic that was joined just
    /// now is no part of what both hold before that.
    fn be_heard(&self, service: &Service, setting: &Setting) -> Result<(), Failure> {
        let looks = || {
            let board = service.board.lock();
            board.map_or(0, |board| board.looks)
        };
        let seen = looks();
        service.poke.poke();
        while looks() == seen && self.begun.elapsed() < self.patience {
            std::thread::sleep(PAUSE);
            setting.check()?;
        }
        Ok(())
    }

    fn call(&self, service: &Service, nodes: &[PeerInfo]) {
        let missing = nodes.iter().filter(|peer| peer.link.is_none());
        for peer in missing.filter(|peer| self.wanted.has(peer)) {
            service.net.tell(Command::Dial { node: peer.node });
        }
    }

    /// Looks how far it is; what came of it, once it is over.
    fn look(
        &mut self,
        peers: &[PeerInfo],
        service: &Service,
    ) -> Result<Option<Vec<Line>>, Failure> {
        self.wanted = self.wanted.clone().found_in(peers, self.begun.elapsed())?;
        let board = service.board.lock();
        let board = board.map(|board| board.clone()).unwrap_or_default();
        let of_interest = peers.iter().filter(|peer| self.wanted.has(peer));
        let lines: Vec<Line> = of_interest
            .map(|peer| Line {
                peer: peer.clone(),
                exchange: board.exchanges.get(&peer.node).cloned().unwrap_or_default(),
            })
            .collect();
        let to_come: u64 = lines.iter().map(|line| line.exchange.missing_here).sum();
        let to_go: u64 = lines.iter().map(|line| line.exchange.missing_there).sum();
        let synced = lines.iter().filter(|line| line.is_synced()).count();
        let text = format!(
            "{synced} of {} nodes, to come {to_come}, to go {to_go}",
            lines.len()
        );
        self.progress.update(0, 0, &text);
        let tried = self.begun.elapsed() >= GRACE;
        let is_found = !matches!(self.wanted, Wanted::Named(_));
        let settled = is_found
            && lines.iter().all(|line| {
                let failed = line.peer.link.is_none() && line.peer.why_not.is_some();
                line.is_synced() || (failed && tried)
            });
        // pictures that somebody here has are on their way
        let mut coming = board.blobs.values();
        let settled = settled && coming.all(|blob| blob.sources == 0 || blob.no_room);
        let late = self.begun.elapsed() >= self.patience;
        let mut lines = lines;
        for line in lines
            .iter_mut()
            .filter(|line| late && line.peer.link.is_none())
        {
            let waited = || format!("no answer within {} s", self.patience.as_secs());
            line.peer.why_not.get_or_insert_with(waited);
        }
        Ok(((self.once && settled) || late).then_some(lines))
    }

    /// Runs a node as long as it takes.
    fn run_node(&mut self, setting: &Setting) -> Result<Vec<Line>, Failure> {
        let home = setting.home()?;
        let options = Options {
            // it ends before anybody would call
            no_gossip: true,
            announce: false,
            web: Web::Off,
            ..Options::of(&config::settle(&home, &[])?)
        };
        let running = Running::start(&home, setting.open()?, options)?;
        let mut ended = None;
        running.run(&mut |news, service| {
            if matches!(news, News::Stopping) {
                return Ok(());
            }
            let mut peers = peers(service, setting)?;
            // what is said of a node that does not run is no news here
            for peer in &mut peers {
                peer.why_not = peer.why_not.take().filter(|why| why != "no node runs here");
            }
            if let Some(lines) = self.look(&peers, service)? {
                ended = Some(lines);
                service.stopping.store(true, Ordering::Relaxed);
            }
            Ok(())
        })?;
        ended.ok_or(Failure::NodeStopped)
    }
}

fn tell(lines: &[Line], screen: &Screen) -> Result<(), Failure> {
    let synced = lines.iter().filter(|line| line.is_synced()).count();
    if screen.is_json() {
        let nodes = lines.iter().map(|line| {
            json!({
                "node": hex(&line.peer.node.0),
                "entity": line.peer.proven.map(|proven| proven.entity.to_string()),
                "device_name": line.peer.name,
                "synced": line.is_synced(),
                "missing_here": line.exchange.missing_here,
                "missing_there": line.exchange.missing_there,
                "why_not": line.peer.why_not,
            })
        });
        screen.json(&json!({
            "ok": synced == lines.len(),
            "synced": synced,
            "nodes": nodes.collect::<Vec<_>>(),
        }))?;
    } else {
        for line in lines {
            let peer = Peer {
                node: line.peer.node,
                proven: line.peer.proven,
            };
            let (mark, tone) = match line.is_synced() {
                true => ("●", Tone::Good),
                false => ("○", Tone::Warn),
            };
            let state = match (&line.peer.why_not, line.is_synced()) {
                (_, true) => "both hold the same".to_owned(),
                (Some(why), _) => plain(why).to_string(),
                (None, _) => format!(
                    "not done: to come {}, to go {}",
                    line.exchange.missing_here, line.exchange.missing_there
                ),
            };
            let mark = screen.tone(tone, mark);
            let name = who(&peer, line.peer.name.as_deref());
            screen.line(format_args!("{mark} {name}  {state}"))?;
        }
    }
    if synced == lines.len() {
        return Ok(());
    }
    Err(Failure::Findings(format!(
        "{} of {} nodes are not in step with this one",
        lines.len() - synced,
        lines.len()
    )))
}
