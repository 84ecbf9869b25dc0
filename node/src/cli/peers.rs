//! `synlog peers`.

use serde_json::{Value as Json, json};
use synlog_log::ids::hex;
use synlog_net::{PeerInfo, Ticket, Via};
use synlog_replication::peer::{NodeId, Peer};

use crate::cli::screen::{Screen, Tone, size};
use crate::cli::setting::Setting;
use crate::cli::up::who;
use crate::clock::now_ms;
use crate::daemon::board::Exchange;
use crate::daemon::files;
use crate::failure::Failure;
use crate::instant::{to_rfc3339, to_text};

/// Show the nodes that this one knows: how it reaches them, and what is missing
///
/// First those with a connection: ● both hold the same, ○ something is still on
/// its way. Then those without, and why. The words direct, lan, relay and socket
/// say how a connection goes; a relay passes on what it can't read.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog peers
  synlog peers --json | jq -r '.peers[] | select(.connected) | .device_name'")]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let peers = known(setting)?;
    let own = setting.running().map(|service| service.net.standing().node);
    let board = setting.running().map(|service| {
        let board = service.board.lock();
        board.map(|board| board.clone()).unwrap_or_default()
    });
    let board = board.unwrap_or_default();
    if screen.is_json() {
        let peers = peers.iter().map(|peer| {
            let exchange = board.exchanges.get(&peer.node);
            peer_json(peer, &exchange.cloned().unwrap_or_default())
        });
        return screen.json(&json!({
            "running": own.is_some(),
            "node": own.map(|node| hex(&node.0)),
            "peers": peers.collect::<Vec<_>>(),
        }));
    }
    if own.is_none() {
        screen.note("no node runs here: `synlog up` starts it");
    }
    if peers.is_empty() {
        screen.note("no other node is known: `synlog invite` makes a ticket for one, `synlog join` takes one");
    }
    for peer in &peers {
        let exchange = board.exchanges.get(&peer.node);
        show(peer, &exchange.cloned().unwrap_or_default(), screen)?;
    }
    Ok(())
}

/// All nodes that are known here, those with a link first.
pub(super) fn known(setting: &Setting) -> Result<Vec<PeerInfo>, Failure> {
    let contacts = files::contacts(&setting.home()?)?.tickets;
    let mut peers = setting
        .running()
        .map(|service| service.net.peers())
        .unwrap_or_default();
    let why_not = setting
        .running()
        .is_none()
        .then(|| "no node runs here".to_owned());
    for ticket in contacts.values() {
        if !peers.iter().any(|peer| peer.node == ticket.node) {
            peers.push(unseen(ticket, why_not.clone()));
        }
    }
    Ok(peers)
}

/// A node that was named here and not met since the start.
fn unseen(ticket: &Ticket, why_not: Option<String>) -> PeerInfo {
    PeerInfo {
        node: ticket.node,
        link: None,
        proven: None,
        name: None,
        dialed: false,
        via: Via::Unknown,
        rtt_us: None,
        sent_bytes: 0,
        received_bytes: 0,
        is_near: false,
        why_not,
    }
}

fn peer_json(peer: &PeerInfo, exchange: &Exchange) -> Json {
    json!({
        "node": hex(&peer.node.0),
        "connected": peer.link.is_some(),
        "entity": peer.proven.map(|proven| proven.entity.to_string()),
        "device": peer.proven.map(|proven| proven.device.to_string()),
        "device_name": peer.name,
        "dialed": peer.dialed,
        "via": peer.link.map(|_| peer.via.word()),
        "address": peer.via.address(),
        "rtt_us": peer.rtt_us,
        "near": peer.is_near,
        "sent_bytes": peer.sent_bytes,
        "received_bytes": peer.received_bytes,
        "synced": exchange.is_synced,
        "last_sync": exchange.synced_ms.map(to_rfc3339),
        "missing_here": exchange.missing_here,
        "missing_there": exchange.missing_there,
        "clock_offset_ms": exchange.clock_offset_ms,
        "why_not": peer.why_not,
    })
}

fn show(peer: &PeerInfo, exchange: &Exchange, screen: &Screen) -> Result<(), Failure> {
    let (mark, tone) = match (peer.link.is_some(), exchange.is_synced) {
        (true, true) => ("●", Tone::Good),
        (true, false) => ("○", Tone::Warn),
        (false, _) => ("–", Tone::Dim),
    };
    let known = Peer {
        node: peer.node,
        proven: peer.proven,
    };
    let name = who(&known, peer.name.as_deref());
    let mark = screen.tone(tone, mark);
    let name = screen.tone(Tone::Bold, name);
    if peer.link.is_none() {
        let why = peer.why_not.as_deref().unwrap_or("not called yet");
        return screen.line(format_args!("{mark} {name}  {}", crate::plain::plain(why)));
    }
    let address = peer.via.address().unwrap_or_default();
    let rtt = peer
        .rtt_us
        .map(|us| format!(", {:.1} ms", us as f64 / 1e3))
        .unwrap_or_default();
    screen.line(format_args!(
        "{mark} {name}  {} {address}{rtt}",
        peer.via.word()
    ))?;
    screen.line(format_args!(
        "    sent {}, received {}; to come {}, to go {}",
        size(peer.sent_bytes),
        size(peer.received_bytes),
        exchange.missing_here,
        exchange.missing_there,
    ))?;
    if let Some(ms) = exchange.synced_ms {
        screen.line(format_args!("    both held the same at {}", to_text(ms)))?;
    }
    if let Some(offset) = exchange.clock_offset_ms.filter(|ms| ms.abs() > 1_000) {
        let (ago, now) = (offset.unsigned_abs() / 1_000, now_ms() / 1_000);
        let side = if offset > 0 { "ahead" } else { "behind" };
        screen.line(format_args!(
            "    its clock is {ago} s {side} (here {})",
            to_text(now * 1_000)
        ))?;
    }
    Ok(())
}

/// A node by the front of its id, of its device's or entity's id, or by its device's name.
pub(super) fn find(peers: &[PeerInfo], text: &str) -> Result<Option<NodeId>, Failure> {
    let front = text.to_lowercase();
    let fits = |peer: &&PeerInfo| {
        let proven = peer.proven.as_ref();
        hex(&peer.node.0).starts_with(&front)
            || proven.is_some_and(|proven| {
                hex(&proven.device.0).starts_with(&front)
                    || hex(&proven.entity.0).starts_with(&front)
            })
            || peer.name.as_deref() == Some(text)
    };
    let mut found = peers.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Failure::BadName(format!("{text} fits more than one node"))),
        (found, _) => Ok(found.map(|peer| peer.node)),
    }
}

/// Says that nobody goes by that name.
pub(super) fn unknown(text: &str) -> Failure {
    Failure::BadName(format!("no node is known as {text}"))
}
