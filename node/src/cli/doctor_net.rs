//! `synlog doctor net`.

use std::time::Duration;

use serde_json::json;
use synlog_log::ids::hex;
use synlog_net::{Config, Dht, Net, NetDesk, Standing};

use crate::cli::doctor::{Note, note_json, show_notes, verdict};
use crate::cli::setting::Setting;
use crate::daemon::board::Board;
use crate::daemon::files;
use crate::entropy::random;
use crate::failure::Failure;

/// How long the DHT and a relay may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks whether the relay is there.
const LOOK: Duration = Duration::from_millis(100);
/// Beyond this a clock is wrong: entries are held back by others then.
const OFFSET_MAX_MS: u64 = 120_000;

/// Look whether other nodes can reach this one: addresses, mDNS, DHT, relay, clock
///
/// While a node runs it is asked; otherwise the network is started for a moment,
/// with the options given here.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog doctor net
  synlog doctor net --relay https://relay.example.org")]
pub(super) struct Args {
    /// Don't look at the local network
    #[arg(long)]
    no_mdns: bool,
    /// Don't ask the DHT
    #[arg(long)]
    no_dht: bool,
    /// Look whether this relay is there
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let (found, board) = match setting.running() {
        Some(service) => {
            let board = service.board.lock();
            let board = board.map(|board| board.clone()).unwrap_or_default();
            (look(&service.net, args, setting)?, board)
        }
        None => {
            let key = files::transport_key(&setting.home()?)?;
            let mut config = Config::new(key.seed(), random()?, random()?);
            config.mdns = !args.no_mdns;
            config.dht = if args.no_dht { Dht::Off } else { Dht::Public };
            config.relay.clone_from(&args.relay);
            let net = Net::start(config)?;
            let found = look(&net.desk(), args, setting);
            net.close();
            (found?, Board::default())
        }
    };
    let (standing, dht) = found;
    let notes = notes(&standing, dht, offset(&board), args);
    let screen = &setting.screen;
    let addresses: Vec<String> = standing.addresses.iter().map(ToString::to_string).collect();
    if screen.is_json() {
        screen.json(&json!({
            "ok": notes.iter().all(|note| !note.serious),
            "running": setting.running().is_some(),
            "node": hex(&standing.node.0),
            "online": standing.online,
            "bound": standing.bound.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "addresses": addresses,
            "relay": standing.relay.as_ref().map(|(url, connected, error)| {
                json!({ "url": url, "connected": connected, "error": error })
            }),
            "dht_answers": dht,
            "clock_offset_ms": offset(&board),
            "notes": notes.iter().map(note_json).collect::<Vec<_>>(),
        }))?;
    } else {
        screen.line(format_args!("node    {}", hex(&standing.node.0)))?;
        screen.line(format_args!("listens {}", addresses.join(", ")))?;
        show_notes(&notes, screen)?;
    }
    verdict(&notes)
}

/// Asks all that can be asked, and gives the relay time to answer.
fn look(
    net: &NetDesk,
    args: &Args,
    setting: &Setting,
) -> Result<(Standing, Option<bool>), Failure> {
    let dht = match args.no_dht {
        true => None,
        false => net.dht_answers(PATIENCE),
    };
    let mut waited = Duration::ZERO;
    loop {
        let standing = net.standing();
        let is_there = |relay: &(String, bool, Option<String>)| relay.1;
        let wanted = args.relay.is_some() || standing.relay.is_some();
        if !wanted || standing.relay.as_ref().is_some_and(is_there) || waited >= PATIENCE {
            return Ok((standing, dht));
        }
        setting.rest(LOOK)?;
        waited += LOOK;
    }
}

/// How far this clock is behind the median of the others, milliseconds.
fn offset(board: &Board) -> Option<i64> {
    let known = board.exchanges.values();
    let mut offsets: Vec<i64> = known
        .filter_map(|exchange| exchange.clock_offset_ms)
        .collect();
    offsets.sort_unstable();
    offsets.get(offsets.len() / 2).copied()
}

fn notes(standing: &Standing, dht: Option<bool>, offset_ms: Option<i64>, args: &Args) -> Vec<Note> {
    let mut notes = Vec::new();
    if !standing.online {
        let text = "the node runs with --offline: nobody on another machine can reach it";
        notes.push(Note::new(false, "offline", text));
    } else if standing.addresses.is_empty() {
        let text = "no address of this machine is known: it has no network just now";
        notes.push(Note::new(true, "no_address", text));
    } else if standing.addresses.iter().all(|at| at.ip().is_loopback()) {
        let text = "it listens on this machine alone (--bind)";
        notes.push(Note::new(false, "loopback", text));
    }
    for trouble in &standing.troubles {
        notes.push(Note::new(true, "not_started", trouble.clone()));
    }
    match dht {
        Some(true) => notes.push(Note::new(false, "dht", "the DHT answers")),
        Some(false) => {
            let text = "nobody in the DHT answers: there is no way out, or UDP is blocked; nodes on the local network and tickets work without it";
            notes.push(Note::new(true, "dht_silent", text));
        }
        None => {}
    }
    match &standing.relay {
        Some((url, true, _)) => {
            notes.push(Note::new(
                false,
                "relay",
                format!("the relay {url} is there"),
            ));
        }
        Some((url, false, error)) => {
            let error = error.as_deref().unwrap_or("no answer");
            let text = format!("the relay {url} is not reached: {error}");
            notes.push(Note::new(true, "relay_away", crate::plain::plain(&text)));
        }
        None if args.relay.is_some() => {
            let text = "the relay gave no answer";
            notes.push(Note::new(true, "relay_away", text));
        }
        None if standing.online => {
            let text = "no relay is used (--relay): nodes behind other routers may not be reached";
            notes.push(Note::new(false, "no_relay", text));
        }
        None => {}
    }
    match offset_ms {
        Some(ms) if ms.unsigned_abs() > OFFSET_MAX_MS => {
            let seconds = ms.unsigned_abs() / 1_000;
            let side = if ms > 0 { "behind" } else { "ahead of" };
            let text =
                format!("the clock is {seconds} s {side} those of other nodes: set it right");
            notes.push(Note::new(true, "clock", text));
        }
        Some(_) => notes.push(Note::new(
            false,
            "clock",
            "the clock agrees with other nodes",
        )),
        None => {}
    }
    notes
}
