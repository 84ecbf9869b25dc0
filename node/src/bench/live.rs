//! Two running nodes, each a process of its own, over a real connection on the loopback:
//! how long an event takes to be a row at the other, and how fast an empty node is filled.
//!
//! A shell file: it starts processes and talks to them.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use synlog_log::ids::EntityId;

use super::Stage;
use super::ingest::commit;
use super::inputs::{self, people};
use super::meter::{median, quantile, status_mb_of};
use super::table::Row;
use crate::daemon::client;
use crate::failure::Failure;
use crate::home::Home;
use crate::node::Node;

/// How long a node may take to come up, or to answer.
const READY: Duration = Duration::from_secs(30);
/// How long an event may take to be a row.
const ROW: Duration = Duration::from_secs(10);
/// How long it may take to fill a node.
const FILLED: &str = "600";
/// Events whose way is measured, after some that warm up.
const EVENTS: usize = 400;
const WARMING: usize = 20;
/// Entries with which a node is filled.
const ENTRIES: usize = 1_000_000;
const FEEDS: u8 = 16;

/// A data directory and the node that runs on it.
struct Station {
    home: PathBuf,
    child: Option<Child>,
}

impl Station {
    fn new(stage: &Stage, name: &str) -> Result<Self, Failure> {
        let home = stage.dir.join(name);
        let station = Self { home, child: None };
        station.run(&["init", "--name", name])?;
        Ok(station)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let program = std::env::current_exe();
        let program = program.map_err(|error| Failure::System(error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("--home").arg(&self.home).args(arguments);
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command in a process of its own.
    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        let output = self.command(arguments)?.output();
        let output = output.map_err(|error| Failure::System(error.to_string()))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(Failure::System(format!(
                "`synlog {}`: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }

    /// One field of what a command says.
    fn ask(&self, arguments: &[&str], field: &str) -> Result<String, Failure> {
        let output = self.run(&[arguments, &["--json"]].concat())?;
        let json: Json = serde_json::from_slice(&output).unwrap_or_default();
        let found = json.get(field).and_then(Json::as_str).map(str::to_owned);
        found.ok_or_else(|| Failure::System(format!("no {field} in {arguments:?}")))
    }

    /// Starts the node and waits until it is ready.
    fn up(&mut self) -> Result<(), Failure> {
        let arguments = ["up", "--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];
        let mut command = self.command(&arguments)?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn();
        self.child = Some(child.map_err(|error| Failure::System(error.to_string()))?);
        let begun = Instant::now();
        while !client::runs(&Home::at(&self.home))? {
            if begun.elapsed() > READY {
                return Err(Failure::System("a node of the bench is not up".into()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Runs a command in the node, called from this process.
    fn call(&self, arguments: &[String]) -> Result<(), Failure> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = typed(arguments);
        let code = client::ask(&Home::at(&self.home), &arguments, &mut out, &mut err)?;
        match code {
            Some(0) => Ok(()),
            _ => Err(Failure::System(String::from_utf8_lossy(&err).into_owned())),
        }
    }

    /// Most memory that the node has had, in megabytes.
    fn peak_mb(&self) -> f64 {
        let pid = self.child.as_ref().map_or(0, Child::id);
        status_mb_of(&pid.to_string(), "VmHWM:")
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn typed(arguments: &[String]) -> Vec<OsString> {
    let program = std::iter::once(OsString::from("synlog"));
    program
        .chain(arguments.iter().map(OsString::from))
        .collect()
}

/// Tells when each piece was said.
struct Timed(Sender<(Instant, Vec<u8>)>);

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let told = self.0.send((Instant::now(), bytes.to_vec()));
        told.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a watch at a node says, until the bench ends.
fn watch(home: PathBuf, arguments: Vec<String>) -> Receiver<(Instant, Vec<u8>)> {
    let (sender, said) = channel();
    std::thread::spawn(move || {
        let mut out = Timed(sender);
        let arguments = typed(&arguments);
        // it ends with the node
        let _ = client::ask(&Home::at(&home), &arguments, &mut out, &mut io::sink());
    });
    said
}

/// When a watch says a text.
fn said_at(said: &Receiver<(Instant, Vec<u8>)>, text: &str) -> Result<Instant, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < ROW {
        let Ok((at, piece)) = said.recv_timeout(ROW) else {
            break;
        };
        if String::from_utf8_lossy(&piece).contains(text) {
            return Ok(at);
        }
    }
    Err(Failure::System(format!("no row with {text} came")))
}

/// Lets one node join a topic at another, and waits until both hold the same.
fn meet(one: &Station, two: &Station, topic: &str) -> Result<(), Failure> {
    let ticket = one.ask(&["invite", topic], "ticket")?;
    two.run(&["join", &ticket])?;
    two.run(&["sync", "--once", "--patience", FILLED])?;
    Ok(())
}

/// An event that is appended at one node is a row at the other.
pub(super) fn nodes(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let (mut one, mut two) = (Station::new(stage, "anna")?, Station::new(stage, "ben")?);
    one.run(&["topic", "new", "hours", "--app", "tally"])?;
    let opened = [
        "append",
        "hours",
        "tally.open",
        "--body",
        r#"{"title":"Hours","unit":"h"}"#,
    ];
    let tally = one.ask(&opened, "id")?;
    one.up()?;
    two.up()?;
    meet(&one, &two, "hours")?;
    // strangers are not told at once of what is new
    let node = two.ask(&["peers"], "node")?;
    one.run(&["pin", &node])?;
    two.run(&["sync", "--once"])?;
    let wanted = ["view", "watch", "hours", "--table", "tallies", "--json"].map(str::to_owned);
    let said = watch(two.home.clone(), wanted.to_vec());
    let (mut whole, mut behind, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..stage.scaled(EVENTS) + WARMING {
        let note = format!("note {number} of the bench");
        let body = format!(r#"{{"tally":{{"$hex":"{tally}"}},"amount":1,"note":"{note}"}}"#);
        let append = ["append", "hours", "tally.add", "--body", &body].map(str::to_owned);
        let begun = Instant::now();
        one.call(&append)?;
        let acknowledged = Instant::now();
        // each addition makes the sum one more
        let seen = said_at(&said, &format!("\"sum\":{},", number + 1))?;
        if number >= WARMING {
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            whole.push(ms(seen.saturating_duration_since(begun)));
            behind.push(ms(seen.saturating_duration_since(acknowledged)));
            own.push(ms(acknowledged - begun));
        }
    }
    whole.sort_by(f64::total_cmp);
    let what = "append at one node, row at the other";
    Ok(vec![
        Row::new(format!("{what}: median"), median(whole.clone()), "ms").at_most(5.0),
        Row::new(format!("{what}: p99"), quantile(&whole, 0.99), "ms").at_most(25.0),
        Row::new(
            "  of it until it is acknowledged, median",
            median(own),
            "ms",
        ),
        Row::new("  from then on, median", median(behind), "ms"),
    ])
}

/// A node that has a million entries fills an empty one.
pub(super) fn filled(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let (mut one, mut two) = (Station::new(stage, "full")?, Station::new(stage, "empty")?);
    let entity = one.ask(&["whoami"], "entity")?;
    let entity: EntityId = entity
        .parse()
        .map_err(|_| Failure::System("the entity has no id".into()))?;
    let entries = stage.scaled(ENTRIES);
    let (topic, runs) = inputs::filled(&people(FEEDS), &[entity], entries)?;
    let bytes: usize = runs.iter().map(Vec::len).sum();
    let mut node = Node::open(Home::at(&one.home))?;
    commit(&mut node.store, runs)?;
    node.close()?;
    one.up()?;
    two.up()?;
    let begun = Instant::now();
    meet(&one, &two, &topic.to_string())?;
    let time = begun.elapsed().as_secs_f64();
    let peers = two.run(&["peers", "--json"])?;
    let peers: Json = serde_json::from_slice(&peers).unwrap_or_default();
    let received = received(&peers);
    let mut rows = vec![
        Row::new(
            format!("an empty node is filled with {entries} entries"),
            entries as f64 / time,
            "entries/s",
        )
        .at_least(100_000.0),
    ];
    if let Some(received) = received {
        let ratio = received / bytes as f64;
        rows.push(Row::new("  bytes received for each byte of the runs", ratio, "B").at_most(1.1));
    }
    for (name, station) in [("gives", &one), ("takes", &two)] {
        let what = format!("  most memory of the node that {name}");
        rows.push(Row::new(what, station.peak_mb(), "MB").at_most(200.0));
    }
    Ok(rows)
}

/// Bytes that came over the one link of a node.
fn received(peers: &Json) -> Option<f64> {
    let peer = peers.get("peers")?.as_array()?.first()?;
    peer.get("received_bytes")?.as_f64()
}
