//! `synlog entry disclose`, and checking what it wrote.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_log::payload::Payload;
use synlog_log::sealed::disclosure::{Disclosed, Disclosure};

use crate::cli::entry::handing::Handing;
use crate::cli::screen::{Screen, Tone, plain};
use crate::cli::setting::Setting;
use crate::cli::view::pretty;
use crate::failure::Failure;
use crate::instant::{to_rfc3339, to_text};
use crate::json::to_json;

/// Disclose one entry of a private topic
///
/// The file holds the proof of the entry and the keys of this entry alone: whoever gets
/// it can read this one entry and check who signed it, with `synlog entry check`, and
/// can read nothing else of the topic. What was disclosed can't be taken back.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog entry disclose 5f0c1e -o quote.disclosure
  synlog entry disclose 5f0c1e --erasable -o address.disclosure")]
pub(super) struct Args {
    /// Id of the entry, or the front of it
    entry: String,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Disclose what can be erased, too
    #[arg(long)]
    erasable: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let handing = Handing::new("disclosure", args.output.as_deref(), setting)?;
    let mut node = setting.open()?;
    let id = node.find_entry(&args.entry)?;
    let disclosure = node.disclose(&id, args.erasable)?;
    node.close()?;
    let bytes = disclosure.encode();
    // what is handed out is checked by the rules that others will apply
    let checked = Disclosure::decode(&bytes).and_then(|disclosure| disclosure.verify());
    checked.map_err(Failure::refused("the disclosure of this entry"))?;
    handing.hand_out(
        &bytes,
        json!({ "id": id.to_string() }),
        format_args!(
            "whoever gets it reads {} and nothing else of its topic",
            id.short()
        ),
    )
}

/// Checks a disclosure and shows what it discloses.
pub(super) fn check(bytes: &[u8], screen: &Screen) -> Result<(), Failure> {
    let disclosed = Disclosure::decode(bytes).and_then(|disclosure| disclosure.verify());
    let disclosed = match disclosed {
        Ok(disclosed) => disclosed,
        Err(refusal) => {
            if screen.is_json() {
                screen.json(&json!({ "ok": false, "code": refusal.code() }))?;
            }
            return Err(Failure::Findings(format!(
                "this discloses nothing: {refusal}"
            )));
        }
    };
    let json = disclosed_json(&disclosed);
    if screen.is_json() {
        return screen.json(&json);
    }
    let (header, certified) = (&disclosed.proven.header, &disclosed.proven.certified);
    screen.line(screen.tone(
        Tone::Good,
        "right: it was signed and sealed as it stands here",
    ))?;
    screen.line(format_args!("entry    {}", disclosed.proven.id))?;
    screen.line(format_args!("entity   {}", certified.entity))?;
    let name = plain(&certified.name);
    screen.line(format_args!("device   {}  {name}", certified.device))?;
    screen.line(format_args!("topic    {}", header.topic_id()))?;
    screen.line(format_args!("seq      {}", header.seq))?;
    screen.line(format_args!(
        "time     {} (claimed)",
        to_text(header.hlc >> 16)
    ))?;
    let kind = json["kind"].as_str().unwrap_or_default();
    screen.line(format_args!(
        "kind     {}",
        screen.tone(Tone::Bold, plain(kind))
    ))?;
    screen.line(format_args!("body     {}", pretty(&json["body"])))?;
    if !json["erasable"].is_null() {
        screen.line(format_args!("erasable {}", pretty(&json["erasable"])))?;
    }
    screen.note("It proves who signed this; not that its topic accepted it, nor the time.");
    Ok(())
}

fn disclosed_json(disclosed: &Disclosed) -> Json {
    let event = Payload::split_erased(&disclosed.part).and_then(|payload| payload.check());
    let event = event.ok();
    let (header, certified) = (&disclosed.proven.header, &disclosed.proven.certified);
    json!({
        "ok": true,
        "id": disclosed.proven.id.to_string(),
        "topic": header.topic_id().to_string(),
        "author": certified.device.to_string(),
        "device_name": certified.name,
        "entity": certified.entity.to_string(),
        "seq": header.seq,
        "hlc": header.hlc,
        "time": to_rfc3339(header.hlc >> 16),
        "kind": event.as_ref().map(|event| event.kind),
        "body": event.as_ref().map(|event| to_json(&event.body)),
        "erasable": disclosed.erasable.as_ref().map(to_json),
        "sealed": true,
    })
}
