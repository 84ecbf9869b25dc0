//! Two running nodes, each a process of its own, over a real connection on the loopback:
//! how long an event takes to be a row at the other, and how fast an empty node is filled.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use synlog_log::ids::EntityId;

use super::Stage;
use super::ingest::commit;
use super::inputs::{self, people};
use super::meter::{median, quantile};
use super::station::{Station, typed};
use super::table::Row;
use crate::daemon::client;
use crate::failure::Failure;
use crate::home::Home;
use crate::node::Node;

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
