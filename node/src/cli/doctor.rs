//! `synlog doctor …`.

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::store::{Finding, MissingRange};

use crate::backup::Last;
use crate::cli::progress::Progress;
use crate::cli::screen::{Screen, Tone, count, size};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::node::Node;

/// Look after the store: what is there, what is damaged, what to do
///
/// Alone it opens the store and tells what opening found; the exit status is 1
/// if something needs attention.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog doctor
  synlog doctor scrub
  synlog doctor net")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Scrub(ScrubArgs),
    Rebuild(RebuildArgs),
    Prune(PruneArgs),
    Net(super::doctor_net::Args),
}

/// Read and check every byte of the store
///
/// Every checksum, hash and signature. What is damaged is told and counts as
/// missing from then on; a bundle that has it brings it back.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog doctor scrub || synlog bundle read latest.synlog")]
struct ScrubArgs {}

/// Make all indexes again from the log
///
/// Nothing but the log itself is needed for it, and the result is the same.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog doctor rebuild")]
struct RebuildArgs {}

/// Free the bytes of what was erased or has expired
///
/// Ids, signatures, order and digests stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog erase 5f0c1e && synlog doctor prune")]
struct PruneArgs {}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        None => look(setting),
        Some(Command::Scrub(_)) => scrub(setting),
        Some(Command::Rebuild(_)) => rebuild(setting),
        Some(Command::Prune(_)) => prune(setting),
        Some(Command::Net(args)) => super::doctor_net::run(args, setting),
    }
}

/// One thing that was found: whether it needs attention, and what to say of it.
pub(super) struct Note {
    pub(super) serious: bool,
    code: &'static str,
    text: String,
}

impl Note {
    pub(super) fn new(serious: bool, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            serious,
            code,
            text: text.into(),
        }
    }
}

fn look(setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let missing = node.store.missing()?;
    let mut notes = notes(&node, &missing);
    let (mut entries, topics) = (0, node.store.topics());
    for topic in &topics {
        match node.order(topic) {
            Ok(order) => entries += order.len() as u64,
            Err(Failure::NoTopic(_)) => {
                let text = format!(
                    "the first entry of topic {topic} is missing: nothing of it can be shown"
                );
                notes.push(Note::new(true, "topic_without_genesis", text));
            }
            Err(failure) => return Err(failure),
        }
    }
    let (bytes, feeds, end) = (
        node.store.segment_bytes()?,
        node.store.feed_count() as u64,
        node.store.end(),
    );
    let guard = node.store.guard();
    let cut = node.opened.cut_tail.clone();
    let home = node.home.clone();
    node.close()?;
    let backup = Last::of(&home)?;
    let screen = &setting.screen;
    if screen.is_json() {
        let missing = missing.iter().map(|range| {
            json!({ "first": range.first, "end": range.end, "healed": range.healed,
                    "ids_known": range.ids.len() })
        });
        let cut = cut.map(|cut| {
            json!({ "segment": cut.segment, "offset": cut.offset, "bytes": cut.bytes,
                    "torn": cut.torn, "aside": cut.aside })
        });
        screen.json(&json!({
            "ok": notes.iter().all(|note| !note.serious),
            "home": home.path(),
            "guard": guard.map(|reason| reason.to_string()),
            "bytes": bytes, "positions": end, "entries": entries,
            "topics": topics.len(), "feeds": feeds,
            "missing": missing.collect::<Vec<_>>(),
            "cut_tail": cut,
            "backup": backup.as_ref().map(Last::json),
            "notes": notes.iter().map(note_json).collect::<Vec<_>>(),
        }))?;
    } else {
        screen.line(format_args!("data    {}", home.path().display()))?;
        let topics = count(topics.len() as u64, "topic", "topics");
        let (entries, feeds) = (
            count(entries, "entry", "entries"),
            count(feeds, "feed", "feeds"),
        );
        screen.line(format_args!(
            "holds   {entries} in {feeds} of {topics}, {}",
            size(bytes)
        ))?;
        if let Some(last) = &backup {
            let made = crate::instant::to_text(last.made_ms);
            screen.line(format_args!(
                "backup  {} of {made}, {}",
                last.number, last.place
            ))?;
        }
        show_notes(&notes, screen)?;
    }
    verdict(&notes)
}

pub(super) fn note_json(note: &Note) -> Json {
    json!({ "serious": note.serious, "code": note.code, "text": note.text })
}

pub(super) fn show_notes(notes: &[Note], screen: &Screen) -> Result<(), Failure> {
    for note in notes {
        let (sign, tone) = if note.serious {
            ("!", Tone::Bad)
        } else {
            ("-", Tone::Dim)
        };
        screen.line(format_args!("{} {}", screen.tone(tone, sign), note.text))?;
    }
    if notes.iter().all(|note| !note.serious) {
        screen.line(screen.tone(Tone::Good, "all is well"))?;
    }
    Ok(())
}

pub(super) fn verdict(notes: &[Note]) -> Result<(), Failure> {
    match notes.iter().filter(|note| note.serious).count() as u64 {
        0 => Ok(()),
        1 => Err(Failure::Findings("one thing needs attention".into())),
        number => Err(Failure::Findings(format!("{number} things need attention"))),
    }
}

/// What opening the store found.
fn notes(node: &Node, missing: &[MissingRange]) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(reason) = node.store.guard() {
        let text = format!(
            "this device must not sign: {reason}. Read bundles from those you traded with, then run `synlog device renew`"
        );
        notes.push(Note::new(true, "guarded", text));
    }
    if let Some(cut) = &node.opened.cut_tail {
        let bytes = count(u64::from(cut.bytes), "byte", "bytes");
        let kept = cut
            .aside
            .as_deref()
            .map(|path| format!("; they are kept in store/{path}"))
            .unwrap_or_default();
        let note = if cut.torn {
            Note::new(
                false,
                "torn_tail",
                format!(
                    "a crash interrupted a write of {bytes}, which was never acknowledged: nothing is lost"
                ),
            )
        } else {
            Note::new(
                true,
                "bad_tail",
                format!(
                    "{bytes} at the end of the log were damaged{kept}; acknowledged entries may be lost"
                ),
            )
        };
        notes.push(note);
    }
    for range in missing {
        let positions = format!("positions {} to {}", range.first, range.end);
        let note = if range.healed {
            Note::new(
                false,
                "healed",
                format!("{positions} are damaged, and all that was there has come again"),
            )
        } else {
            Note::new(
                true,
                "missing",
                format!(
                    "{positions} are damaged: a bundle that has these entries brings them back"
                ),
            )
        };
        notes.push(note);
    }
    for number in &node.opened.damaged_headers {
        let text = format!("the header of segment {number} is damaged");
        notes.push(Note::new(true, "damaged_header", text));
    }
    if node.opened.head_slot_damaged {
        let text =
            "one of the two slots of HEAD was torn, as a crash leaves it; the other one is good";
        notes.push(Note::new(false, "head_slot", text));
    }
    if node.opened.rebuilt_indexes > 0 {
        let indexes = count(
            u64::from(node.opened.rebuilt_indexes),
            "index was",
            "indexes were",
        );
        notes.push(Note::new(false, "rebuilt", format!("{indexes} made again")));
    }
    if node.home.root_key_path().exists() {
        let text = "the root key is on this machine: copy it to a safe place and remove it here";
        notes.push(Note::new(false, "root_key_here", text));
    }
    notes
}

fn scrub(setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let mut progress = Progress::new(&setting.screen, "checking");
    let report = node.scrub(&mut |done, total| progress.update(done, total, &size(done)))?;
    drop(progress);
    node.close()?;
    let notes: Vec<Note> = report.findings.iter().map(finding).collect();
    let screen = &setting.screen;
    if screen.is_json() {
        screen.json(&json!({
            "ok": notes.is_empty(),
            "bytes": report.bytes,
            "good_positions": report.good_positions,
            "findings": notes.iter().map(note_json).collect::<Vec<_>>(),
        }))?;
    } else {
        let good = count(report.good_positions, "record", "records");
        screen.line(format_args!(
            "checked {}: {good} are good",
            size(report.bytes)
        ))?;
        show_notes(&notes, screen)?;
    }
    verdict(&notes)
}

fn finding(finding: &Finding) -> Note {
    let (code, text) = match finding {
        Finding::Header { segment } => (
            "header",
            format!("the header of segment {segment} is damaged"),
        ),
        Finding::Batch {
            segment,
            offset,
            first,
            end,
        } => (
            "batch",
            format!(
                "segment {segment} is damaged from byte {offset} on; positions {first} to {end} are missing"
            ),
        ),
        Finding::Record { first, end, why } => {
            ("record", format!("positions {first} to {end}: {why}"))
        }
        Finding::Tail { segment, offset } => (
            "tail",
            format!("segment {segment} has bytes behind its end, from {offset} on"),
        ),
        Finding::Absent { first, end } => (
            "absent",
            format!("no file holds positions {first} to {end}"),
        ),
        Finding::Digest { segment } => (
            "digest",
            format!("segment {segment} is not the one that its successor vouches for"),
        ),
        Finding::Derived { path } => (
            "derived",
            format!("{path} is damaged: `synlog doctor rebuild` makes it again"),
        ),
        Finding::Head { slots } => (
            "head",
            format!(
                "{} of HEAD damaged",
                count(u64::from(*slots), "slot is", "slots are")
            ),
        ),
    };
    Note::new(true, code, text)
}

fn rebuild(setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let mut progress = Progress::new(&setting.screen, "rebuilding");
    node.rebuild(&mut |done, total| progress.update(done, total, &size(done)))?;
    drop(progress);
    let end = node.store.end();
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({ "positions": end }));
    }
    screen.line(format_args!(
        "made the indexes of {} again",
        count(end, "position", "positions")
    ))
}

fn prune(setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let mut progress = Progress::new(&setting.screen, "pruning");
    let report = node.prune(now_ms(), &mut |done, total| {
        progress.update(done, total, &size(done))
    })?;
    drop(progress);
    node.close()?;
    let screen = &setting.screen;
    let damaged: Vec<Json> = report
        .damaged
        .iter()
        .map(|(first, end)| json!({ "first": first, "end": end }))
        .collect();
    if screen.is_json() {
        screen.json(&json!({
            "segments": report.segments,
            "records": report.records,
            "freed_bytes": report.freed_bytes,
            "refused": report.refused,
            "damaged": damaged,
        }))?;
    } else {
        let records = count(report.records, "record", "records");
        screen.line(format_args!(
            "rewrote {records}, freed {}",
            size(report.freed_bytes)
        ))?;
        for (first, end) in &report.damaged {
            screen.line(format_args!(
                "positions {first} to {end} are damaged and could not be looked into"
            ))?;
        }
    }
    if report.refused > 0 || !report.damaged.is_empty() {
        return Err(Failure::Findings(
            "not everything could be looked into; run `synlog doctor scrub`".into(),
        ));
    }
    Ok(())
}
