//! `synlog verify`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_log::bundle::{FeedReport, Problem, Report, TopicReport, verify};
use synlog_log::ids::hex;
use synlog_log::order::ChainState;

use crate::cli::input::is_stdin;
use crate::cli::screen::{Screen, Tone, count, plain};
use crate::cli::setting::Setting;
use crate::cli::topic::{state_json, state_text};
use crate::failure::Failure;

/// Problems that people see one by one.
const PROBLEMS_SHOWN: usize = 200;

/// Check a bundle file, with nothing but the file
///
/// Checks every signature, link and rule, finds forks, and orders every topic.
/// It needs no data directory and no network. What it can't show is said at the
/// end: that nothing was left out, and that times are true. The exit status is
/// 0 if nothing is wrong, else 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog verify orders.synlog
  synlog verify orders.synlog --order
  synlog verify orders.synlog --json | jq '.topics[].digest'")]
pub(super) struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// List every entry in the order in which it counts
    #[arg(long)]
    order: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let input: Box<dyn Read> = if is_stdin(&args.file) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.file).map_err(Failure::file(&args.file))?)
    };
    let report =
        verify(BufReader::with_capacity(1 << 16, input)).map_err(|source| Failure::Bundle {
            path: args.file.clone(),
            source,
        })?;
    let screen = &setting.screen;
    if screen.is_json() {
        screen.json(&report_json(&report, args.order))?;
    } else {
        show(&report, args.order, screen)?;
    }
    if report.is_ok() {
        return Ok(());
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

fn topic_json(topic: &TopicReport, with_order: bool) -> Json {
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
        "digest": hex(&topic.order.digest()),
        "state": state,
        "sequencer": sequencer,
        "forked_at": forked_at,
        "feeds": topic.feeds.iter().map(feed_json).collect::<Vec<_>>(),
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

fn report_json(report: &Report, with_order: bool) -> Json {
    let forks = report.fork_proofs.iter().map(|(feed, seq)| {
        json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string(), "seq": seq })
    });
    let topics = report
        .topics
        .iter()
        .map(|topic| topic_json(topic, with_order));
    json!({
        "ok": report.is_ok(),
        "topics": topics.collect::<Vec<_>>(),
        "errors": report.problems.iter().map(problem_json).collect::<Vec<_>>(),
        "fork_proofs": forks.collect::<Vec<_>>(),
        "entries": report.entries,
        "runs": report.runs,
        "signatures": report.signatures,
    })
}

fn show(report: &Report, with_order: bool, screen: &Screen) -> Result<(), Failure> {
    for topic in &report.topics {
        show_topic(topic, with_order, screen)?;
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
    if report.is_ok() {
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

fn show_topic(topic: &TopicReport, with_order: bool, screen: &Screen) -> Result<(), Failure> {
    let order = &topic.order;
    let genesis = order.genesis();
    let name = genesis
        .and_then(|genesis| genesis.name.as_deref())
        .unwrap_or("(no name)");
    let app = genesis.map(|genesis| format!("{} {}", plain(&genesis.app), genesis.major));
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
