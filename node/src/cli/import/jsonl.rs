//! `synlog import jsonl`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::ids::TopicId;
use synlog_log::limits::RUN_ENTRIES_MAX;
use synlog_log::order::Verdict;
use synlog_log::payload::{kind_is_right, payload_hash};

use crate::cli::import::lines::{Line, Lines};
use crate::cli::input;
use crate::cli::progress::Progress;
use crate::cli::screen::{Screen, count, plain};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::json::{from_json, to_json};
use crate::node::Node;
use crate::writing::Event;

/// Refused lines that people see one by one.
const REFUSED_SHOWN: u64 = 20;
/// Lines after which others may use the node for a moment.
const TURN: u64 = 128;
/// Bytes of payloads that are gathered before they are signed together.
const GATHERED_BYTES: usize = 512 * 1024;

/// Write one event per line of a JSON Lines file
///
/// With --kind each line is the body of one event. Without it each line is
/// {"kind":…,"body":…} with "erasable" and "expires_ms" where wanted. Events
/// are signed in runs of up to 256. An import that was interrupted goes on
/// where it was when it is run again: what this device has already written in
/// the topic is skipped, as often as it is there. Lines that can't be written
/// are told with their number and left out; the exit status is then 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog import jsonl places.jsonl --topic map --kind place.seen
  zcat orders.jsonl.gz | synlog import jsonl - --topic orders
  synlog import jsonl people.jsonl --topic people --kind person.add --erasable-field phone email")]
pub(super) struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// Name of the topic, its id, or the front of the id
    #[arg(long, value_name = "TOPIC")]
    topic: String,
    /// What kind of event each line is
    #[arg(long, value_name = "KIND", value_parser = input::kind)]
    kind: Option<String>,
    /// Write nothing; print the events as JSON lines
    #[arg(long)]
    dry_run: bool,
    /// Fields that go into the erasable part
    #[arg(long = "erasable-field", value_name = "NAME", num_args = 1..)]
    erasable_fields: Vec<String>,
}

/// Why a line was not written.
struct Refused {
    code: &'static str,
    reason: String,
}

impl Refused {
    fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

/// What was done so far.
#[derive(Default)]
struct Tally {
    lines: u64,
    written: u64,
    skipped: u64,
    refused: u64,
    /// All refused lines, for programs.
    listed: Vec<Json>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let (input, total): (Box<dyn BufRead>, u64) = if input::is_stdin(&args.file) {
        (Box::new(BufReader::new(setting.stdin())), 0)
    } else {
        let file = File::open(setting.path(&args.file)).map_err(Failure::file(&args.file))?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(BufReader::with_capacity(1 << 16, file)), size)
    };
    let mut node = setting.open()?;
    if !args.dry_run {
        node.check_guard()?;
    }
    let topic = node.find_topic(&args.topic)?;
    let before = node.own_payloads(&topic)?;
    let mut import = Import {
        args,
        screen: &setting.screen,
        setting,
        topic,
        before,
        tally: Tally::default(),
        gathered: Vec::new(),
        gathered_bytes: 0,
    };
    let mut progress = Progress::new(&setting.screen, "importing");
    let mut lines = Lines::new(input, input::JSON_MAX as usize);
    let mut line = Vec::new();
    while let Some(found) = lines
        .next_into(&mut line)
        .map_err(Failure::file(&args.file))?
    {
        let offered = match found {
            Line::TooLong => Err(Refused::new("too_large", "the line is longer than 1 MiB")),
            Line::Whole if line.iter().all(u8::is_ascii_whitespace) => continue,
            Line::Whole => import.offer(&line, &mut node)?,
        };
        import.tally.lines += 1;
        if import.tally.lines.is_multiple_of(TURN) {
            setting.check()?;
            node.step_aside()?;
        }
        if let Err(refused) = offered {
            import.refuse(lines.number, &refused);
        }
        progress.update(lines.bytes, total, &format!("{} lines", lines.number));
    }
    import.commit(&mut node)?;
    drop(progress);
    let tally = import.tally;
    node.close()?;
    finish(&tally, &topic, args.dry_run, &setting.screen)
}

fn finish(tally: &Tally, topic: &TopicId, dry_run: bool, screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() {
        screen.json(&json!({
            "topic": topic.to_string(),
            "lines": tally.lines,
            "written": tally.written,
            "skipped": tally.skipped,
            "refused": tally.listed,
            "dry_run": dry_run,
        }))?;
    } else {
        if tally.refused > REFUSED_SHOWN {
            screen.note(format_args!(
                "… and {} more were refused",
                tally.refused - REFUSED_SHOWN
            ));
        }
        screen.line(format_args!(
            "{} written, {} skipped (written before), {} refused",
            count(tally.written, "event", "events"),
            tally.skipped,
            tally.refused
        ))?;
    }
    if tally.refused > 0 {
        let lines = count(tally.refused, "line was", "lines were");
        return Err(Failure::Findings(format!(
            "{lines} refused; the others are {}",
            if dry_run { "right" } else { "written" }
        )));
    }
    Ok(())
}

/// An import under way.
struct Import<'a> {
    args: &'a Args,
    screen: &'a Screen,
    setting: &'a Setting,
    topic: TopicId,
    /// How often each payload was there before.
    before: BTreeMap<[u8; 32], u64>,
    tally: Tally,
    gathered: Vec<Vec<u8>>,
    gathered_bytes: usize,
}

impl Import<'_> {
    /// Takes a line; its event is written now or with those that follow.
    fn offer(&mut self, line: &[u8], node: &mut Node) -> Result<Result<(), Refused>, Failure> {
        let event = match self.event(line) {
            Ok(event) => event,
            Err(refused) => return Ok(Err(refused)),
        };
        let payload = match node.payload(&event) {
            Ok(payload) => payload,
            Err(Failure::Refused { refusal, .. }) => {
                return Ok(Err(Refused::new(refusal.code(), refusal.explain())));
            }
            Err(failure) => return Err(failure),
        };
        if let Some(left) = self
            .before
            .get_mut(&payload_hash(&payload))
            .filter(|left| **left > 0)
        {
            *left -= 1;
            self.tally.skipped += 1;
            return Ok(Ok(()));
        }
        // an event of the kernel may change what the next ones may do
        let decides = event.kind.starts_with("topic.");
        if decides {
            self.commit(node)?;
        }
        if let Verdict::Rejected(code) = node.preview(&self.topic, &payload)? {
            return Ok(Err(Refused::new(
                code.text(),
                "the event would be rejected here",
            )));
        }
        if self.args.dry_run {
            let line = json!({ "kind": event.kind, "body": to_json(&event.body) });
            self.screen.json(&line)?;
            return Ok(Ok(()));
        }
        self.gathered_bytes += payload.len();
        self.gathered.push(payload);
        let full = self.gathered.len() >= RUN_ENTRIES_MAX || self.gathered_bytes >= GATHERED_BYTES;
        if decides || full {
            self.commit(node)?;
        }
        Ok(Ok(()))
    }

    /// Signs and stores what was gathered.
    fn commit(&mut self, node: &mut Node) -> Result<(), Failure> {
        self.setting.check()?;
        if !self.gathered.is_empty() {
            self.tally.written += node.append_run(&self.topic, &self.gathered, now_ms())?;
            self.gathered.clear();
            self.gathered_bytes = 0;
        }
        Ok(())
    }

    fn refuse(&mut self, number: u64, refused: &Refused) {
        self.tally.refused += 1;
        if self.screen.is_json() {
            self.tally.listed.push(json!({
                "line": number, "code": refused.code, "reason": refused.reason,
            }));
        } else if self.tally.refused <= REFUSED_SHOWN {
            let reason = plain(&refused.reason);
            self.screen
                .note(format_args!("line {number}: {reason} ({})", refused.code));
        }
    }

    /// The event of a line.
    fn event(&self, line: &[u8]) -> Result<Event, Refused> {
        let parsed: Json = serde_json::from_slice(line)
            .map_err(|error| Refused::new("bad_json", format!("not JSON: {error}")))?;
        let Json::Object(mut fields) = parsed else {
            return Err(Refused::new("bad_json", "a line must be a JSON object"));
        };
        let (kind, mut body, erasable, expires_ms) = match &self.args.kind {
            Some(kind) => (kind.clone(), Json::Object(fields), None, 0),
            None => {
                let kind = fields
                    .get("kind")
                    .and_then(Json::as_str)
                    .unwrap_or_default()
                    .to_owned();
                if !kind_is_right(&kind) {
                    return Err(Refused::new(
                        "bad_kind",
                        "\"kind\" must be a kind, as in order.request",
                    ));
                }
                let body = fields.remove("body").unwrap_or_else(|| json!({}));
                let expires_ms = match fields.get("expires_ms") {
                    None | Some(Json::Null) => 0,
                    Some(value) => value.as_u64().ok_or_else(|| {
                        Refused::new("bad_expiry", "\"expires_ms\" must be UTC milliseconds")
                    })?,
                };
                let known = ["kind", "body", "erasable", "expires_ms"];
                if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
                    let text =
                        format!("unknown field {other:?}: with --kind KIND each line is a body");
                    return Err(Refused::new("unknown_field", text));
                }
                let erasable = fields.remove("erasable").filter(|value| !value.is_null());
                (kind, body, erasable, expires_ms)
            }
        };
        let mut erased = match erasable {
            None => serde_json::Map::new(),
            Some(Json::Object(fields)) => fields,
            Some(_) => {
                return Err(Refused::new(
                    "bad_json",
                    "\"erasable\" must be a JSON object",
                ));
            }
        };
        let Json::Object(fields) = &mut body else {
            return Err(Refused::new("bad_json", "\"body\" must be a JSON object"));
        };
        for name in &self.args.erasable_fields {
            // the order of the fields does not matter: it is lost in CBOR
            if let Some(value) = fields.swap_remove(name) {
                erased.insert(name.clone(), value);
            }
        }
        let erasable = if erased.is_empty() {
            None
        } else {
            Some(map(&Json::Object(erased))?)
        };
        if expires_ms > 0 && erasable.is_none() {
            return Err(Refused::new(
                "bad_expiry",
                "only an erasable part can expire",
            ));
        }
        Ok(Event {
            kind,
            body: map(&body)?,
            evidence: Vec::new(),
            erasable,
            expires_ms,
        })
    }
}

fn map(json: &Json) -> Result<Value, Refused> {
    match from_json(json) {
        Ok(map @ Value::Map(_)) => Ok(map),
        Ok(_) => Err(Refused::new("bad_json", "a byte string alone is no event")),
        Err(error) => Err(Refused::new("bad_value", error.to_string())),
    }
}
