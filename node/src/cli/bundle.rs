//! `synlog bundle …`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::ids::{EntryId, FeedKey, TopicId, hex};
use synlog_log::store::GuardReason;

use crate::carrying::Received;
use crate::cli::app;
use crate::cli::input::bundle_path;
use crate::cli::progress::Progress;
use crate::cli::screen::{Screen, Tone, count, plain, size};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::folding::short_hash;
use crate::node::Node;

/// Carry topics from hand to hand, as files
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Write(WriteArgs),
    Read(ReadArgs),
}

/// Write topics to a bundle file
///
/// All that is here of them, with every signature: whoever gets the file can
/// check it with `synlog verify` and take it in with `synlog bundle read`. An
/// existing file is replaced once the new one is whole.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog bundle write everything.synlog
  synlog bundle write /media/stick/orders orders      writes orders.synlog there
  synlog bundle write me --identity                   for who invites you to a private topic")]
struct WriteArgs {
    /// The file; .synlog is added where it is missing
    file: PathBuf,
    /// Names, ids, or fronts of ids [default: all topics]
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// No topics: only who you are and the key with which others seal things to you
    #[arg(long, conflicts_with = "topics")]
    identity: bool,
}

/// Take in a bundle file
///
/// What is authentic and valid is kept, the rest is told with its reason. Where
/// this device sequences a topic that got something new, it cites it
/// (topic.ack), so that it is placed. The exit status is 1 if something in the
/// file was not taken in.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog bundle read orders.synlog
  synlog bundle read orders.synlog --no-ack --json | jq .fresh")]
struct ReadArgs {
    /// The file
    file: PathBuf,
    /// Don't place what is new in topics that this device sequences
    #[arg(long)]
    no_ack: bool,
    /// Let this node run the reducers that the file brings (see `synlog app install`)
    #[arg(long)]
    install_reducers: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Write(args) => write(args, setting),
        Command::Read(args) => read(args, setting),
    }
}

fn write(args: &WriteArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let mut topics = Vec::new();
    for name in &args.topics {
        let topic = node.find_topic(name)?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    if args.identity {
        node.ensure_encryption_key(now_ms())?;
    } else if args.topics.is_empty() {
        topics = node.store.topics();
    }
    if topics.is_empty() && !args.identity {
        return Err(Failure::Findings("there is no topic here to write".into()));
    }
    let path = bundle_path(&args.file);
    let written = node.write_bundle(&topics, &setting.path(&path))?;
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "file": path,
            "topics": topics.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "entries": written.entries,
            "runs": written.runs,
            "fork_proofs": written.fork_proofs,
            "statements": written.statements,
            "bytes": written.bytes,
        }));
    }
    screen.line(path.display())?;
    screen.flush()?;
    screen.note(format_args!(
        "{} of {} under {}, {}",
        count(written.entries, "entry", "entries"),
        count(written.topics, "topic", "topics"),
        count(written.runs, "signature", "signatures"),
        size(written.bytes),
    ));
    Ok(())
}

/// What reading a bundle came to.
struct Outcome {
    received: Received,
    acks: Vec<(TopicId, EntryId)>,
    new_topics: BTreeSet<TopicId>,
    guard: Option<GuardReason>,
    /// Whether the guard had tripped before.
    guarded_before: bool,
}

impl Outcome {
    /// Whether all that is in the file is here now.
    fn is_whole(&self) -> bool {
        let intake = &self.received.intake;
        intake.refused.is_empty()
            && intake.garbled.is_empty()
            && intake.ahead == 0
            && self.received.bad_records.is_empty()
            && self.received.waiting == 0
    }
}

fn read(args: &ReadArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let before: BTreeSet<TopicId> = node.store.topics().into_iter().collect();
    let guarded_before = node.store.guard().is_some();
    let file = setting.path(&args.file);
    let total = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    let mut progress = Progress::new(&setting.screen, "reading");
    let received = node.read_bundle(&file, now_ms(), &mut |done| {
        progress.update(done, total, "")
    })?;
    drop(progress);
    if args.install_reducers {
        install(&received, &node, &setting.screen)?;
    }
    let mut acks = Vec::new();
    let device = node.device();
    if !args.no_ack && node.store.guard().is_none() {
        for topic in &received.topics {
            let waits = match node.order(topic) {
                Ok(order) => order.awaits_sequencer(&device),
                Err(Failure::NoTopic(_)) => false,
                Err(failure) => return Err(failure),
            };
            if waits {
                acks.extend(
                    node.acknowledge(topic, now_ms())?
                        .into_iter()
                        .map(|id| (*topic, id)),
                );
            }
        }
    }
    let outcome = Outcome {
        new_topics: received.topics.difference(&before).copied().collect(),
        acks,
        guard: node.store.guard(),
        guarded_before,
        received,
    };
    if setting.screen.is_json() {
        setting.screen.json(&outcome_json(&outcome))?;
    } else {
        show(&outcome, &mut node, setting)?;
    }
    node.close()?;
    if outcome.is_whole() {
        return Ok(());
    }
    Err(Failure::Findings(
        "not everything in the file was taken in; what was is safe".into(),
    ))
}

/// Installs the modules of a file, each only if it is a reducer.
fn install(received: &Received, node: &Node, screen: &Screen) -> Result<(), Failure> {
    let engine = app::engine(Some(node.home.modules_path()))?;
    for (hash, wasm) in &received.reducers {
        match engine.load(wasm) {
            Ok(_) => {
                node.home.install_module(wasm)?;
            }
            Err(error) => screen.warn(format_args!(
                "the reducer {} in the file is refused: {error}",
                short_hash(hash)
            )),
        }
    }
    Ok(())
}

fn feed_json(feed: &FeedKey) -> Json {
    json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string() })
}

fn outcome_json(outcome: &Outcome) -> Json {
    let (received, intake) = (&outcome.received, &outcome.received.intake);
    let fresh = intake.fresh.iter().map(|(feed, entries)| {
        json!({ "feed": feed_json(feed), "entries": entries,
                "new_topic": outcome.new_topics.contains(&feed.topic) })
    });
    let refused = intake.refused.iter().map(|(feed, seq, refusal)| {
        json!({ "feed": feed_json(feed), "seq": seq, "code": refusal.code() })
    });
    let garbled = intake.garbled.iter();
    let garbled = garbled.map(|(feed, seq)| json!({ "feed": feed_json(feed), "seq": seq }));
    let forks = intake.forks.iter();
    let forks = forks.map(|(feed, seq)| json!({ "feed": feed_json(feed), "seq": seq }));
    let bad = received.bad_records.iter();
    let bad = bad.map(|(offset, refusal)| json!({ "offset": offset, "code": refusal.code() }));
    let acks = outcome.acks.iter();
    let acks = acks.map(|(topic, id)| json!({ "topic": topic.to_string(), "id": id.to_string() }));
    json!({
        "ok": outcome.is_whole(),
        "fresh": fresh.collect::<Vec<_>>(),
        "known": intake.known,
        "ahead": intake.ahead,
        "waiting": received.waiting,
        "refused": refused.collect::<Vec<_>>(),
        "garbled": garbled.collect::<Vec<_>>(),
        "forks": forks.collect::<Vec<_>>(),
        "bad_records": bad.collect::<Vec<_>>(),
        "fork_proofs": received.fork_proofs,
        "statements": received.statements,
        "receipts": received.receipts,
        "receipts_issued": received.receipts_issued,
        "reducers": received.reducers.keys().map(|hash| hex(hash)).collect::<Vec<_>>(),
        "own_from_outside": intake.own_from_outside,
        "guard": outcome.guard.map(|reason| reason.to_string()),
        "acks": acks.collect::<Vec<_>>(),
    })
}

fn show(outcome: &Outcome, node: &mut Node, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let (received, intake) = (&outcome.received, &outcome.received.intake);
    let mut last_topic = None;
    for (feed, entries) in &intake.fresh {
        if last_topic.replace(feed.topic) != Some(feed.topic) {
            let new = if outcome.new_topics.contains(&feed.topic) {
                "new topic"
            } else {
                "topic"
            };
            let name = topic_name(node, &feed.topic)?;
            screen.line(format_args!(
                "{new} {}  {}",
                feed.topic.short(),
                screen.tone(Tone::Bold, plain(&name))
            ))?;
        }
        let entries = count(*entries, "new entry", "new entries");
        screen.line(format_args!("  {entries} by {}", whose(node, feed)?))?;
    }
    if intake.fresh.is_empty() {
        let known = count(intake.known, "entry", "entries");
        screen.line(format_args!("nothing new ({known} known already)"))?;
    }
    for hash in received.reducers.keys() {
        if node.home.module(hash).is_ok() {
            screen.note(format_args!("installed the reducer {}", short_hash(hash)));
        } else {
            screen.note(format_args!(
                "the file brings the reducer {}, which does not run here: --install-reducers lets it",
                short_hash(hash)
            ));
        }
    }
    for (feed, seq) in &intake.forks {
        let whose = whose(node, feed)?;
        let text =
            format!("FORK: {whose} signed two branches from seq {seq} on; the proof is kept");
        screen.line(screen.tone(Tone::Bad, text))?;
    }
    for (feed, seq, refusal) in &intake.refused {
        let topic = feed.topic.short();
        let device = feed.author.short();
        screen.line(screen.tone(
            Tone::Bad,
            format_args!("refused: topic {topic}, device {device}, from seq {seq} on: {refusal}"),
        ))?;
    }
    for (feed, seq) in &intake.garbled {
        let device = feed.author.short();
        let text =
            format!("dropped: a signature of device {device} at seq {seq} that does not check");
        screen.line(screen.tone(Tone::Warn, text))?;
    }
    for (offset, refusal) in &received.bad_records {
        screen.line(screen.tone(
            Tone::Bad,
            format_args!("refused: the record at byte {offset}: {refusal}"),
        ))?;
    }
    if received.waiting > 0 {
        let runs = count(received.waiting, "run builds", "runs build");
        screen.line(format_args!(
            "{runs} on entries that are not here: read the file again once you have those"
        ))?;
    }
    if intake.ahead > 0 {
        let entries = count(intake.ahead, "entry claims", "entries claim");
        screen.line(format_args!(
            "{entries} to be more than two minutes ahead: read the file again later"
        ))?;
    }
    for (topic, id) in &outcome.acks {
        screen.line(format_args!(
            "placed what is new in {} by {}",
            topic.short(),
            id.short()
        ))?;
    }
    if let Some(reason) = outcome.guard {
        let text = if outcome.guarded_before {
            "is not allowed to sign"
        } else {
            "must not sign any more"
        };
        screen.line(screen.tone(
            Tone::Bad,
            format_args!("this device {text}: {reason}; see `synlog device renew --help`"),
        ))?;
    }
    Ok(())
}

fn topic_name(node: &mut Node, topic: &TopicId) -> Result<String, Failure> {
    match node.order(topic) {
        Ok(order) => Ok(order
            .genesis()
            .and_then(|genesis| genesis.name.clone())
            .unwrap_or_default()),
        Err(Failure::NoTopic(_)) => Ok(String::new()),
        Err(failure) => Err(failure),
    }
}

fn whose(node: &mut Node, feed: &FeedKey) -> Result<String, Failure> {
    let device = feed.author.short();
    let Some(head) = node.store.feed(feed).map(|state| state.head) else {
        return Ok(device);
    };
    match node.order(&feed.topic) {
        Ok(order) if order.contains(&head) => {
            let name = plain(order.device_name(&head).unwrap_or_default());
            let entity = order
                .entity_of(&head)
                .map(|entity| entity.short())
                .unwrap_or_default();
            Ok(format!("{device} {name} of {entity}"))
        }
        Ok(_) | Err(Failure::NoTopic(_)) => Ok(device),
        Err(failure) => Err(failure),
    }
}
