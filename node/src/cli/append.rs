//! `synlog append`.

use std::path::{Path, PathBuf};

use serde_json::json;
use synlog_log::cbor::Value;
use synlog_log::limits::PROOF_MAX;
use synlog_log::order::Status;
use synlog_log::proof::Proof;

use crate::cli::input;
use crate::cli::screen::Screen;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::rehearsal::WrittenEvent;
use crate::writing::Event;

/// Write an event into a topic
///
/// The event is checked by the rules of the kernel and of the topic's app, then
/// signed, stored durably, and only then its id is printed. One that the rules
/// refuse is not signed, unless --force says so.
/// Numbers are whole (write money in minor units); bytes are written
/// {"$hex":"00ff"}. What --erasable holds can be erased later, by whoever wrote
/// it, without breaking a signature: personal data belongs there.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog append orders order.request --body '{\"item\":\"bread\",\"count\":2}'
  synlog append orders order.request --body-file order.json --erasable '{\"street\":\"Bulevardi 7\"}'
  echo '{\"text\":\"hello\"}' | synlog append board post.text --body-file - --expires 2027-01-31
  synlog append reviews review.give --body '{\"stars\":5}' --evidence receipt.proof")]
pub(super) struct Args {
    /// Name of the topic, its id, or the front of the id
    topic: String,
    /// What kind of event it is, as in order.request
    #[arg(value_parser = input::kind)]
    kind: String,
    /// The event, a JSON object [default: {}]
    #[arg(long, value_name = "JSON", conflicts_with = "body_file")]
    body: Option<String>,
    /// A file with the event, or - for standard input
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,
    /// What may be erased later, a JSON object
    #[arg(long, value_name = "JSON")]
    erasable: Option<String>,
    /// When the erasable part may be dropped
    #[arg(long, value_name = "INSTANT", requires = "erasable", value_parser = input::instant)]
    expires: Option<u64>,
    /// A proof from elsewhere (see `synlog entry prove`); may be repeated
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    /// Write it even if readers will reject it
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let body = match (&args.body, &args.body_file) {
        (Some(text), _) => input::object("body", text.as_bytes())?,
        (None, Some(path)) => input::object("body", &setting.read_up_to(path, input::JSON_MAX)?)?,
        (None, None) => Value::Map(Vec::new()),
    };
    let erasable = args
        .erasable
        .as_ref()
        .map(|text| input::object("erasable part", text.as_bytes()));
    let event = Event {
        kind: args.kind.clone(),
        body,
        evidence: args
            .evidence
            .iter()
            .map(|path| proof(path, setting))
            .collect::<Result<_, _>>()?,
        erasable: erasable.transpose()?,
        expires_ms: args.expires.unwrap_or(0),
    };
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let written = node.write_checked(&topic, &event, args.force)?;
    node.close()?;
    told(&written, &setting.screen)
}

/// Tells of an event that was written.
pub(super) fn told(written: &WrittenEvent, screen: &Screen) -> Result<(), Failure> {
    let status = written.status;
    if screen.is_json() {
        return screen.json(&json!({
            "id": written.id.to_string(),
            "topic": written.topic.to_string(),
            "status": status.map(Status::word),
            "verdict": status.map(Status::text),
            "rejected": written.rejected,
            "unchecked": written.unchecked,
        }));
    }
    screen.line(written.id)?;
    screen.flush()?;
    if let Some(status) = status.filter(|status| !status.is_accepted()) {
        screen.note(format_args!(
            "readers will show it as {} {}",
            status.word(),
            status.text()
        ));
    } else if written.unchecked {
        screen.warn("the app's rules were not asked: its reducer is not here");
    } else if let Some(code) = &written.rejected {
        screen.note(format_args!("readers will show it as rejected: {code}"));
    }
    Ok(())
}

/// Reads a proof and checks it, since readers will.
fn proof(path: &Path, setting: &Setting) -> Result<Vec<u8>, Failure> {
    let bytes = setting.read_up_to(path, PROOF_MAX as u64)?;
    let checked = Proof::decode(&bytes).and_then(|proof| proof.verify());
    checked.map_err(Failure::refused(format!(
        "the evidence in {}",
        path.display()
    )))?;
    Ok(bytes)
}
