//! `synlog up`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use synlog_log::ids::hex;
use synlog_net::{Event, Why};
use synlog_replication::engine::Notice;
use synlog_replication::peer::{LinkId, NodeId, Peer};

use crate::cli::config as cli_config;
use crate::cli::input::device_name;
use crate::cli::logging::{self, LogArgs};
use crate::cli::screen::{Screen, Tone, plain};
use crate::cli::setting::Setting;
use crate::cli::up_guests;
use crate::clock::now_ms;
use crate::config::{self, Config, Given, Key, Value};
use crate::daemon::client;
use crate::daemon::guesting;
use crate::daemon::notifying::Target;
use crate::daemon::relays;
use crate::daemon::running::{News, Options, Running};
use crate::daemon::serving::Web;
use crate::daemon::session::Service;
use crate::daemon::socket;
use crate::failure::Failure;
use crate::instant::{to_rfc3339, to_text};
use crate::node::Node;

/// Run the node: meet other nodes, exchange entries with them, serve other commands
///
/// It runs until Ctrl-C or SIGTERM. Meanwhile other synlog commands on the same
/// data directory run in it and give the same results. Nodes are found on the
/// local network, in the DHT, by tickets (`synlog invite`) and by what feeds
/// announce; a relay is used only if one is named. See docs/NETWORK.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog up
  synlog up --init --guests                      from nothing to a shop: go on at the link
  synlog up --relay https://relay.example.org
  synlog up --announce                           followers find this node by your profile
  synlog up --guests --guests-open ask           customers without an install, if you agree
  synlog up --offline                            only serve commands and pages here
  synlog up --notify /usr/local/bin/ring         hear of what needs an answer
  synlog up --json | jq -c 'select(.event==\"connected\")'")]
pub(super) struct Args {
    /// Begin where no data is yet, as `synlog init` does: the pages show the recovery words
    #[arg(long)]
    init: bool,
    /// With --init: what others see this device called [default: device]
    #[arg(long, requires = "init", value_name = "NAME", value_parser = device_name)]
    name: Option<String>,
    /// No connections to other machines
    #[arg(long, conflicts_with_all = ["relay", "bind", "bootstrap"])]
    offline: bool,
    /// Neither look for nodes on the local network nor be seen there
    #[arg(long)]
    no_mdns: bool,
    /// Neither tell who follows the same public topics that this node is there nor hear of them
    #[arg(long)]
    no_gossip: bool,
    /// Neither look up nodes in the DHT nor be published there
    #[arg(long)]
    no_dht: bool,
    /// Be reachable through this relay
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Get a relay from this registry of relays where none is named, and be found through it
    #[arg(long, value_name = "URL")]
    bootstrap: Option<String>,
    /// Listen at this address only, as in 192.168.1.5:4455; port 0 is any
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Say in your public profile where this node is, so that those who follow you find it
    #[arg(long, conflicts_with = "offline")]
    announce: bool,
    /// Serve the pages and the local API at this address of this machine, as in
    /// 127.0.0.1:4477 [default: 127.0.0.1, at the port of the last time if it is free]
    #[arg(long, value_name = "ADDRESS")]
    web: Option<SocketAddr>,
    /// Serve no pages and no local API
    #[arg(long, conflicts_with = "web")]
    no_web: bool,
    /// Tell this program, or this http:// or https:// address, what needs an answer: one line
    /// of JSON at its standard input, or posted; words are parted by blanks, no shell reads them
    #[arg(long, value_name = "COMMAND", value_parser = hook)]
    notify: Option<String>,
    /// Connect to the node of another data directory on this machine; may be repeated
    #[arg(long, value_name = "DIR")]
    neighbour: Vec<PathBuf>,
    /// Set any setting for this run, as in net.mdns=true; `synlog config show` has them all
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    guests: up_guests::GuestArgs,
}

impl Args {
    /// What the options say, as settings.
    fn given(&self) -> Result<Vec<Given>, Failure> {
        let set = self.set.iter();
        let set = set.map(|text| config::assignment(text, "--set"));
        let mut given = set
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::Config)?;
        let mut say = |key, value, option: &str| {
            given.push(Given {
                key,
                value,
                option: option.to_owned(),
            });
        };
        let flags = [
            (self.offline, Key::NetOffline, true, "--offline"),
            (self.no_mdns, Key::NetMdns, false, "--no-mdns"),
            (self.no_gossip, Key::NetGossip, false, "--no-gossip"),
            (self.no_dht, Key::NetDht, false, "--no-dht"),
            (self.announce, Key::NetAnnounce, true, "--announce"),
            (self.no_web, Key::WebServe, false, "--no-web"),
            (self.web.is_some(), Key::WebServe, true, "--web"),
        ];
        for (_, key, value, option) in flags.into_iter().filter(|(is_said, ..)| *is_said) {
            say(key, Value::Flag(value), option);
        }
        let texts = [
            (self.relay.clone(), Key::NetRelay, "--relay"),
            (self.bootstrap.clone(), Key::NetBootstrap, "--bootstrap"),
            (self.notify.clone(), Key::NotifyHook, "--notify"),
            (
                self.bind.map(|bind| bind.to_string()),
                Key::NetBind,
                "--bind",
            ),
            (
                self.web.map(|web| web.to_string()),
                Key::WebAddress,
                "--web",
            ),
        ];
        for (text, key, option) in texts {
            if let Some(text) = text {
                say(key, Value::Text(text), option);
            }
        }
        if !self.neighbour.is_empty() {
            let homes = self.neighbour.iter();
            let homes = homes.map(|home| home.to_string_lossy().into_owned());
            say(
                Key::NetNeighbours,
                Value::Texts(homes.collect()),
                "--neighbour",
            );
        }
        given.extend(self.log.given());
        Ok(given)
    }
}

/// Who is told what needs an answer, as it was typed.
fn hook(text: &str) -> Result<String, String> {
    Target::read(text).map(|_| text.to_owned())
}

/// What is asked of the network here, and makes no sense without one.
fn check_offline(args: &Args, config: &Config) -> Result<(), Failure> {
    let wants = [
        (args.relay.is_some(), "--relay"),
        (args.bootstrap.is_some(), "--bootstrap"),
        (args.bind.is_some(), "--bind"),
        (args.announce, "--announce"),
    ];
    let wants = wants.iter().find(|(is_said, _)| *is_said);
    match wants.filter(|_| config.flag(Key::NetOffline)) {
        Some((_, option)) => Err(Failure::Usage(format!(
            "{option} needs the network, and net.offline is true ({}): add --set net.offline=false",
            config.said_by(Key::NetOffline)
        ))),
        None => Ok(()),
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    let config = cli_config::settle(&home, &args.given()?)?;
    check_offline(args, &config)?;
    logging::begin(&config, setting);
    let is_new = args.init && !home.exists();
    if is_new {
        let name = args.name.as_deref().unwrap_or("device");
        Node::init_locked(home.clone(), name, None, now_ms())?.close()?;
    }
    let mut node = match setting.open() {
        Err(Failure::Store(synlog_log::store::StoreError::Locked)) if client::runs(&home)? => {
            return Err(Failure::NodeRuns);
        }
        opened => opened?,
    };
    args.guests.apply(&home, &mut node, &setting.screen)?;
    let mut options = Options::of(&config);
    if let (None, Some(bootstrap)) = (&options.relay, &options.records) {
        let chosen = relays::choose(&home, bootstrap)?;
        if let Some(trouble) = &chosen.trouble {
            setting.screen.warn(trouble);
        }
        options.relay = chosen.relay;
    }
    let (entity, wants_pages) = (node.entity(), options.web != Web::Off);
    let running = Running::start(&home, node, options)?;
    let mut told = Told {
        screen: &setting.screen,
        entity: entity.to_string(),
        wants_pages,
        is_new,
        links: Vec::new(),
    };
    running.run(&mut |news, service| told.tell(news, service))
}

/// Says what happens, a line at a time.
struct Told<'a> {
    screen: &'a Screen,
    entity: String,
    wants_pages: bool,
    is_new: bool,
    links: Vec<(LinkId, Peer, Option<String>)>,
}

impl Told<'_> {
    fn tell(&mut self, news: &News<'_>, service: &Service) -> Result<(), Failure> {
        match news {
            News::Quiet => return Ok(()),
            News::Ready => self.ready(service)?,
            News::Stopping => {
                self.line("stopping", "stopping", json!({}))?;
            }
            News::Net(event) => self.event(event)?,
            News::Notice(notice) => self.notice(notice)?,
            News::Announced(at) => {
                let sockets: Vec<String> = at.sockets.iter().map(ToString::to_string).collect();
                let relay = at.relay.as_deref().map(plain);
                let places = relay.iter().map(ToString::to_string).chain(sockets.clone());
                let places = places.collect::<Vec<_>>().join(", ");
                self.line(
                    "announced",
                    &format!("announced in your profile: {places}"),
                    json!({ "relay": at.relay, "addresses": sockets, "until_ms": at.until_ms }),
                )?;
            }
            News::NotAnnounced(failure) => self.line(
                "not_announced",
                &format!("! not announced in your profile: {failure}"),
                json!({ "code": failure.code(), "why": failure.to_string() }),
            )?,
        }
        self.screen.flush()
    }

    fn ready(&self, service: &Service) -> Result<(), Failure> {
        let standing = service.net.standing();
        let addresses: Vec<String> = standing.addresses.iter().map(ToString::to_string).collect();
        let screen = self.screen;
        let web = service.web.get();
        let guests = guesting::urls(service);
        let accepts = service.guests.read(|book| book.settings.accepts.word());
        let link = web.map(synlog_web::Desk::link).transpose();
        let link = link.map_err(|problem| Failure::System(problem.message))?;
        let remote = web.map(synlog_web::Desk::remote_link).transpose();
        let remote = remote.map_err(|problem| Failure::System(problem.message))?;
        if screen.is_json() {
            return screen.json(&json!({
                "event": "ready",
                "time": to_rfc3339(now_ms()),
                "node": hex(&standing.node.0),
                "entity": self.entity,
                "is_new": self.is_new,
                "online": standing.online,
                "addresses": addresses,
                "relay": standing.relay.map(|(url, ..)| url),
                "troubles": standing.troubles,
                "socket": socket::commands_path(&service.home),
                "guests": guests.first().map(|url| json!({
                    "url": url, "urls": guests, "accepts": accepts,
                    "address": service.guests.address().map(|at| at.to_string()),
                })),
                "web": web.map(|web| json!({
                    "url": web.url(), "login": link,
                    "remote": web.remote_url().map(|url| json!({ "url": url, "login": remote })),
                })),
            }));
        }
        if self.is_new {
            screen.line(format_args!(
                "new      your keys and an empty store, in {}",
                service.home.path().display()
            ))?;
        }
        screen.line(format_args!("node     {}", hex(&standing.node.0)))?;
        screen.line(format_args!("entity   {}", self.entity))?;
        let listens = match (standing.online, addresses.is_empty()) {
            (false, _) => "to nobody outside this machine (--offline)".to_owned(),
            (true, true) => "but no address is known yet".to_owned(),
            (true, false) => addresses.join(", "),
        };
        screen.line(format_args!("listens  {listens}"))?;
        match &link {
            Some(link) => screen.line(format_args!("pages    {link}"))?,
            None if self.wants_pages => screen.warn("no pages: nothing can listen at 127.0.0.1"),
            None => {}
        }
        if let Some(link) = remote.flatten() {
            screen.line(format_args!("remote   {link}"))?;
        }
        for url in guests.iter().take(1) {
            screen.line(format_args!(
                "guests   {url}  (everybody who reaches it sees your public spaces; new customers: {accepts})"
            ))?;
        }
        for trouble in &standing.troubles {
            screen.warn(trouble);
        }
        if self.is_new {
            screen.note("Open the pages: they show your recovery words once you ask, and lock the root key.");
        }
        screen.line(screen.tone(Tone::Good, "ready; Ctrl-C stops it"))
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Connected {
                link,
                peer,
                name,
                dialed,
                via,
            } => {
                self.links.push((*link, *peer, name.clone()));
                let how = via.address().unwrap_or_default();
                let text = format!("+ {}  {} {how}", who(peer, name.as_deref()), via.word());
                let fields = json!({
                    "node": hex(&peer.node.0),
                    "entity": peer.proven.map(|proven| proven.entity.to_string()),
                    "device": peer.proven.map(|proven| proven.device.to_string()),
                    "device_name": name,
                    "dialed": dialed,
                    "via": via.word(),
                    "address": via.address(),
                });
                self.line("connected", &text, fields)
            }
            Event::Closed { link, why } => {
                let at = self.links.iter().position(|(known, ..)| known == link);
                let Some((_, peer, name)) = at.map(|at| self.links.swap_remove(at)) else {
                    return Ok(());
                };
                let text = format!("- {}  {why}", who(&peer, name.as_deref()));
                let fields = json!({ "node": hex(&peer.node.0), "why": why.to_string() });
                self.line("closed", &text, fields)
            }
            Event::DialFailed { node, why } if self.screen.is_json() && *why != Why::Duplicate => {
                let fields = json!({ "node": hex(&node.0), "why": why.to_string() });
                self.line("dial_failed", "", fields)
            }
            _ => Ok(()),
        }
    }

    fn notice(&self, notice: &Notice) -> Result<(), Failure> {
        let (event, text, fields) = match notice {
            Notice::Forked { feed, seq } => (
                "forked",
                format!("! {} forked its feed at {seq}", feed.author.short()),
                json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string(), "seq": seq }),
            ),
            Notice::OwnFromOutside { feed } => (
                "own_from_outside",
                "! others have entries of this very device that are not here: run `synlog doctor`"
                    .to_owned(),
                json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string() }),
            ),
            Notice::Misbehaved { node, why } => (
                "misbehaved",
                format!("! {} broke the protocol: {why}", short(node)),
                json!({ "node": hex(&node.0), "why": why }),
            ),
            Notice::Letter { from } => (
                "letter",
                format!("{} wrote a letter: see `synlog inbox`", from.short()),
                json!({ "from": from.to_string() }),
            ),
            Notice::ClockOffset { node, offset_ms } => (
                "clock_offset",
                format!("! the clock of {} differs by {offset_ms} ms", short(node)),
                json!({ "node": hex(&node.0), "offset_ms": offset_ms }),
            ),
        };
        self.line(event, &text, fields)
    }

    fn line(&self, event: &str, text: &str, fields: serde_json::Value) -> Result<(), Failure> {
        let now_ms = now_ms();
        let time = to_rfc3339(now_ms);
        if !self.screen.is_json() {
            let time = self.screen.tone(Tone::Dim, to_text(now_ms));
            return self.screen.line(format_args!("{time} {text}"));
        }
        let mut line = json!({ "event": event, "time": time });
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
            line.extend(fields.clone());
        }
        self.screen.json(&line)
    }
}

/// A node for people: its device and entity, or its own id for a stranger.
pub(super) fn who(peer: &Peer, name: Option<&str>) -> String {
    match (&peer.proven, name) {
        (Some(proven), Some(name)) => format!("{}@{}", plain(name), proven.entity.short()),
        _ => format!("stranger {}", short(&peer.node)),
    }
}

/// The front of a node's id.
pub(super) fn short(node: &NodeId) -> String {
    hex(&node.0[..5])
}
