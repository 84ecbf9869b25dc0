//! `synlog verify`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_log::bundle::{FeedReport, Problem, Report, TopicReport};
use synlog_log::ids::{TopicId, hex};
use synlog_log::order::ChainState;

use crate::backup::Place;
use crate::cli::backup;
use crate::cli::screen::{Screen, Tone, count, plain};
use crate::cli::setting::Setting;
use crate::cli::topic::{state_json, state_text};
use crate::failure::Failure;
use crate::folding::Reducers;
use crate::replay::{self, Noted, Replayed, SCRATCH_BYTES_MAX, Wanted};

/// Problems that people see one by one.
const PROBLEMS_SHOWN: usize = 200;

/// Check a bundle file or a backup, with nothing but itself
///
/// For a directory or an s3:// name it checks the newest backup there: every
/// part, frame, hash and signature, and that nothing in between is missing.
/// For a bundle file:
///
/// Checks every signature, link and rule, finds forks, orders every topic, and
/// replays it by the reducer that it names. It needs no data directory and no network. What it can't show is said at the
/// end: that nothing was left out, and that times are true. The exit status is
/// 0 if nothing is wrong, else 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog verify orders.synlog
  synlog verify orders.synlog --order
  synlog verify orders.synlog --json | jq '.topics[].digest'
  synlog verify /media/disk/synlog")]
pub(super) struct Args {
    /// The file, - for standard input, or the place of a backup
    file: PathBuf,
    /// List every entry in the order in which it counts
    #[arg(long)]
    order: bool,
    /// Leave the rows out: look at signatures and order alone
    #[arg(long)]
    no_replay: bool,
    /// Open what is sealed to you, with the keys of your data directory
    #[arg(long)]
    unseal: bool,
}

impl Args {
    /// Whether it needs the keys of a data directory.
    pub(super) fn unseals(&self) -> bool {
        self.unseal
    }
}

/// What is wanted of a replay: rows are only counted.
const NUMBERS: (Wanted, u64) = (Wanted::Numbers, SCRATCH_BYTES_MAX);

/// What folding the topics of a file came to.
type Folds = BTreeMap<TopicId, Fold>;

enum Fold {
    /// Neither the file nor synlog has the reducer.
    NoReducer,
    /// The reducer can't be run; the reason.
    Failed(String),
    /// It was replayed.
    Done(Box<Replayed>, Noted),
}

impl Fold {
    fn is_wrong(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Done(_, Noted::Other))
    }
}

fn fold_all(opened: &replay::Opened) -> Result<Folds, Failure> {
    let mut folds = Folds::new();
    let mut reducers: Option<Reducers> = None;
    for topic in &opened.report.topics {
        let reducers = match &mut reducers {
            Some(reducers) => reducers,
            empty => empty.insert(Reducers::new(None)?),
        };
        let fold = match replay::replay(&topic.order, opened, reducers, NUMBERS) {
            Ok(None) => Fold::NoReducer,
            Ok(Some(replayed)) => {
                let noted = replay::compare(&opened.report.notes, &replayed.digest);
                Fold::Done(Box::new(replayed), noted)
            }
            Err(
                failure @ (Failure::Halted(_)
                | Failure::BadReducer { .. }
                | Failure::RowsTooLarge(_)),
            ) => Fold::Failed(failure.to_string()),
            Err(failure) => return Err(failure),
        };
        folds.insert(topic.topic, fold);
    }
    Ok(folds)
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let name = args.file.to_string_lossy();
    if Place::is_bucket(&name) || args.file.is_dir() {
        return backup::verify(&name, setting);
    }
    let opened = replay::open(&setting.path(&args.file), setting.secrets(args.unseal)?)?;
    let report = &opened.report;
    let folds = if args.no_replay {
        Folds::new()
    } else {
        fold_all(&opened)?
    };
    let screen = &setting.screen;
    if screen.is_json() {
        screen.json(&report_json(report, &folds, args.order))?;
    } else {
        show(report, &folds, args.order, screen)?;
    }
    let differing = folds.values().filter(|fold| fold.is_wrong()).count();
    if report.is_ok() && differing == 0 {
        return Ok(());
    }
    if report.is_ok() {
        let topics = count(differing as u64, "topic", "topics");
        return Err(Failure::Findings(format!(
            "the rows of {topics} in {} are not what its entries come to",
            args.file.display()
        )));
    }
    let problems = count(report.problems.len() as u64, "error", "errors");
    Err(Failure::Findings(format!(
        "{problems} found in {}",
        args.file.display()
    )))
}

fn feed_json(feed: &FeedReport) -> Json {
    json!({
        "device": feed.device.to_string(),
        "entity": feed.entity.to_string(),
        "name": feed.name,
        "up_to": feed.up_to,
        "head": feed.head.to_string(),
        "forked_at": feed.forked_at,
        "erased": feed.erased,
    })
}

fn fold_json(fold: &Fold) -> Json {
    match fold {
        Fold::NoReducer => json!({ "state": "no_reducer" }),
        Fold::Failed(reason) => json!({ "state": "failed", "reason": reason }),
        Fold::Done(replayed, noted) => json!({
            "state": match noted {
                Noted::Nothing => "replayed",
                Noted::Same => "same",
                Noted::Other => "bad_rows",
            },
            "reducer": hex(&replayed.chosen.hash),
            "version": replayed.manifest.version,
            "named_by_topic": replayed.chosen.by_topic,
            "folded": replayed.folded,
            "rejected": replayed.rejected,
            "rows": replayed.shown,
            "sequenced": hex(&replayed.digest.sequenced),
            "tentative": hex(&replayed.digest.tentative),
        }),
    }
}

fn show_fold(fold: &Fold, screen: &Screen) -> Result<(), Failure> {
    match fold {
        Fold::NoReducer => screen.line("  rows    not looked at: the reducer is not in the file"),
        Fold::Failed(reason) => screen.line(format_args!(
            "  rows    {}",
            screen.tone(Tone::Bad, plain(reason))
        )),
        Fold::Done(replayed, noted) => {
            let said = match noted {
                Noted::Nothing => "replayed",
                Noted::Same => "replayed, the same as whoever wrote the file had",
                Noted::Other => "OTHER than whoever wrote the file had from the same entries",
            };
            let tone = if *noted == Noted::Other {
                Tone::Bad
            } else {
                Tone::Good
            };
            screen.line(format_args!(
                "  rows    {} by {} {}: {}, {} rejected, {}",
                screen.tone(tone, said),
                plain(&replayed.manifest.app),
                hex(&replayed.chosen.hash[..5]),
                count(replayed.folded, "event", "events"),
                replayed.rejected,
                count(replayed.shown, "row", "rows"),
            ))?;
            screen.line(format_args!(
                "          {}",
                hex(&replayed.digest.sequenced)
            ))
        }
    }
}

fn topic_json(topic: &TopicReport, fold: Option<&Fold>, with_order: bool) -> Json {
    let (state, sequencer, forked_at) = state_json(topic.order.state());
    let genesis = topic.order.genesis();
    let order = topic.order.lines().map(|line| {
        json!({ "id": line.id.to_string(), "status": line.status.word(), "code": line.status.text() })
    });
    let mut json = json!({
        "topic": topic.topic.to_string(),
        "name": genesis.and_then(|genesis| genesis.name.clone()),
        "app": genesis.map(|genesis| genesis.app.clone()),
        "major": genesis.map(|genesis| genesis.major),
        "visibility": if topic.order.is_private() { "private" } else { "public" },
        "digest": hex(&topic.order.digest()),
        "state": state,
        "sequencer": sequencer,
        "forked_at": forked_at,
        "feeds": topic.feeds.iter().map(feed_json).collect::<Vec<_>>(),
        "rows": fold.map(fold_json),
    });
    if with_order {
        json["order"] = order.collect();
    }
    json
}

fn problem_json(problem: &Problem) -> Json {
    let feed = problem
        .feed
        .map(|feed| json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string() }));
    json!({
        "offset": problem.offset,
        "feed": feed,
        "seq": problem.seq,
        "code": problem.refusal.code(),
    })
}

fn report_json(report: &Report, folds: &Folds, with_order: bool) -> Json {
    let forks = report.fork_proofs.iter().map(|(feed, seq)| {
        json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string(), "seq": seq })
    });
    let topics = report
        .topics
        .iter()
        .map(|topic| topic_json(topic, folds.get(&topic.topic), with_order));
    json!({
        "ok": report.is_ok() && !folds.values().any(Fold::is_wrong),
        "topics": topics.collect::<Vec<_>>(),
        "errors": report.problems.iter().map(problem_json).collect::<Vec<_>>(),
        "fork_proofs": forks.collect::<Vec<_>>(),
        "entries": report.entries,
        "runs": report.runs,
        "signatures": report.signatures,
    })
}

fn show(report: &Report, folds: &Folds, with_order: bool, screen: &Screen) -> Result<(), Failure> {
    for topic in &report.topics {
        show_topic(topic, folds.get(&topic.topic), with_order, screen)?;
    }
    for (feed, seq) in &report.fork_proofs {
        let text = format!(
            "a proof shows that device {} forked topic {} at seq {seq}",
            feed.author.short(),
            feed.topic.short()
        );
        screen.line(screen.tone(Tone::Bad, text))?;
    }
    if !report.problems.is_empty() {
        screen.line("what is wrong")?;
    }
    for problem in report.problems.iter().take(PROBLEMS_SHOWN) {
        let feed = problem.feed.map(|feed| {
            format!(
                ", topic {}, device {}",
                feed.topic.short(),
                feed.author.short()
            )
        });
        let seq = problem.seq.map(|seq| format!(", seq {seq}"));
        let place = format!(
            "byte {}{}{}",
            problem.offset,
            feed.unwrap_or_default(),
            seq.unwrap_or_default()
        );
        screen.line(format_args!(
            "  {place}: {}",
            screen.tone(Tone::Bad, problem.refusal)
        ))?;
    }
    if report.problems.len() > PROBLEMS_SHOWN {
        screen.line(format_args!(
            "  … and {} more",
            report.problems.len() - PROBLEMS_SHOWN
        ))?;
    }
    let checked = format!(
        "{} proven by {} in {}",
        count(report.entries as u64, "entry", "entries"),
        count(report.signatures as u64, "signature", "signatures"),
        count(report.runs as u64, "run", "runs"),
    );
    screen.line("")?;
    if report.is_ok() && folds.values().any(Fold::is_wrong) {
        screen.line(format_args!(
            "{}: {checked}, but rows are not what they come to",
            screen.tone(Tone::Bad, "NOT right")
        ))?;
    } else if report.is_ok() {
        screen.line(format_args!(
            "{}: {checked}",
            screen.tone(Tone::Good, "right")
        ))?;
        screen.line("It proves who signed what, and that nobody changed it since.")?;
    } else {
        screen.line(format_args!(
            "{}: {checked}",
            screen.tone(Tone::Bad, "NOT right")
        ))?;
        screen.line("What is listed above is not proven; the rest is.")?;
    }
    screen.line(
        "It can't prove that nothing follows (\"complete up to\" is all that can be said),",
    )?;
    screen.line(
        "that no other branch of a feed is withheld, that the times are true (only what an",
    )?;
    screen.line("entry cites is surely older than it), or that what was signed is so.")
}

fn show_topic(
    topic: &TopicReport,
    fold: Option<&Fold>,
    with_order: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let order = &topic.order;
    let genesis = order.genesis();
    let name = genesis
        .and_then(|genesis| genesis.name.as_deref())
        .unwrap_or("(no name)");
    let app = genesis.map(|genesis| match genesis.app.is_empty() {
        true => "🔒 private: what is sealed was not read".to_owned(),
        false => format!("{} {}", plain(&genesis.app), genesis.major),
    });
    let title = screen.tone(Tone::Bold, plain(name));
    screen.line(format_args!(
        "topic {}  {title}  {}",
        topic.topic.short(),
        app.unwrap_or_default()
    ))?;
    let tone = if matches!(order.state(), ChainState::Open { .. }) {
        Tone::Good
    } else {
        Tone::Bad
    };
    screen.line(format_args!(
        "  state   {}",
        screen.tone(tone, state_text(order.state()))
    ))?;
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for line in order.lines() {
        *counts
            .entry((line.status.word(), line.status.text()))
            .or_default() += 1;
    }
    let counts = counts
        .iter()
        .map(|((word, text), number)| format!("{number} {word} {text}"));
    screen.line(format_args!(
        "  entries {}",
        counts.collect::<Vec<_>>().join(", ")
    ))?;
    screen.line(format_args!("  digest  {}", hex(&order.digest())))?;
    if let Some(fold) = fold {
        show_fold(fold, screen)?;
    }
    for feed in &topic.feeds {
        let fork = feed
            .forked_at
            .map(|seq| screen.tone(Tone::Bad, format!(", FORKED at seq {seq}")));
        let erased = match feed.erased {
            0 => String::new(),
            erased => format!(", {erased} erased"),
        };
        screen.line(format_args!(
            "  feed    {} {} of {}: complete up to seq {}, last {}{}{erased}",
            feed.device.short(),
            plain(&feed.name),
            feed.entity.short(),
            feed.up_to,
            feed.head.short(),
            fork.unwrap_or_default(),
        ))?;
    }
    if with_order {
        for line in order.lines() {
            screen.line(format_args!(
                "  {} {:9} {}",
                line.id,
                line.status.word(),
                line.status.text()
            ))?;
        }
    }
    Ok(())
}
