//! `synlog erase`.

use serde_json::json;
use synlog_log::cbor::Value;
use synlog_log::order::ChainState;
use synlog_log::run::PayloadForm;

use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::writing::Event;

/// Erase the erasable part of an entry
///
/// Writes a signed tombstone, which travels like any entry: everybody who gets
/// it drops that part. Everything else of the entry stays, and so do
/// signatures, order and digests. Only the entity that wrote the entry and the
/// topic's sequencer can do it. `synlog doctor prune` then frees the bytes on
/// this disk; a copy in somebody's drawer can't be reached by anything.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog erase 5f0c1e
  synlog erase 5f0c1e && synlog doctor prune")]
pub(super) struct Args {
    /// Id of the entry, or the front of it
    entry: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let target = node.find_entry(&args.entry)?;
    let entry = node.entry(&target)?;
    let erased = entry.erased;
    let nothing = match entry.payload.form() {
        whole @ PayloadForm::Whole(_) => whole
            .split()
            .is_ok_and(|payload| payload.erasable.is_none()),
        PayloadForm::Erased { .. } => false,
    };
    if nothing {
        return Err(Failure::NoEffect(
            "the entry has no part that could be erased".into(),
        ));
    }
    let device = node.device();
    let state = node.order(&entry.topic)?.state();
    let sequences = matches!(state, ChainState::Open { sequencer } if sequencer == device);
    if entry.entity != Some(node.entity()) && !sequences {
        let text = "only the entity that wrote the entry and the topic's sequencer can erase it";
        return Err(Failure::NoEffect(text.into()));
    }
    let tombstone = if erased {
        None
    } else {
        let body = Value::map([("target", Value::Bytes(target.0.to_vec()))]);
        let payload = node.payload(&Event::new("topic.tombstone", body))?;
        Some(node.append(&entry.topic, &payload, now_ms(), false)?)
    };
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "target": target.to_string(),
            "topic": entry.topic.to_string(),
            "id": tombstone.map(|id| id.to_string()),
        }));
    }
    match tombstone {
        None => screen.note("it is erased already"),
        Some(id) => {
            screen.line(id)?;
            screen.flush()?;
            screen.note("it is not shown or sent on any more; `synlog doctor prune` frees the bytes on this disk");
        }
    }
    Ok(())
}
