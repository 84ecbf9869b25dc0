//! `synlog entry …`.

mod disclose;
mod handing;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::ids::hex;
use synlog_log::limits::PROOF_MAX;
use synlog_log::payload::Payload;
use synlog_log::proof::{Proof, ProofPayload, Proven};
use synlog_log::sealed::disclosure;

use crate::cli::entry::handing::Handing;
use crate::cli::screen::{Tone, count, plain, size};
use crate::cli::setting::Setting;
use crate::cli::view::{Content, entry_json, mark, pretty};
use crate::clock::now_ms;
use crate::codes;
use crate::failure::Failure;
use crate::instant::{to_rfc3339, to_text};
use crate::json::to_json;

/// Look at one entry, prove it to others, check their proofs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    Prove(ProveArgs),
    Disclose(disclose::Args),
    Check(CheckArgs),
    Secret(SecretArgs),
}

/// Show all of an entry
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog entry show 5f0c1e
  synlog entry show 5f0c1e --raw | xxd -r -p | b3sum     (see spec/03-entry.md)")]
struct ShowArgs {
    /// Id of the entry, or the front of it
    entry: String,
    /// Print only the header's bytes, in hexadecimal: what the id is the hash of
    #[arg(long)]
    raw: bool,
}

/// Write a proof of one entry
///
/// The proof holds the entry, the headers that lead to it from the nearest
/// signed one, the signature and the device's certificate. Anybody can check it
/// with `synlog entry check`, without this node and without the rest of the
/// feed; and it can be evidence in another topic.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog entry prove 5f0c1e -o receipt.proof
  synlog entry prove 5f0c1e > receipt.proof")]
struct ProveArgs {
    /// Id of the entry, or the front of it
    entry: String,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Check a proof or a disclosure, with nothing but the file
///
/// Says who signed what and when they claim to have done so. It needs no data
/// directory. The time is the signer's claim, and whether the entry's own topic
/// accepted it is not said.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog entry check receipt.proof
  synlog entry check - < receipt.proof && echo right")]
struct CheckArgs {
    /// The file, or - for standard input
    file: PathBuf,
}

/// Show the secret to whose hash an entry of this device commits
///
/// The code that a client shows at the door, for example: whoever has it can prove
/// that it was handed over. Only the device that wrote the entry can derive it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog entry secret 5f0c1e --label handover")]
struct SecretArgs {
    /// Id of the entry, or the front of it
    entry: String,
    /// What the secret is for
    #[arg(long, value_name = "LABEL")]
    label: String,
}

fn secret(args: &SecretArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let id = node.find_entry(&args.entry)?;
    let entry = node.entry(&id)?;
    let form = entry.payload.form();
    let body = form.split().map(|payload| payload.body).unwrap_or_default();
    let secret = node.committed_secret(&args.label, &entry.topic, entry.header.seq, body)?;
    node.close()?;
    let Some(secret) = secret else {
        return Err(Failure::Usage(format!(
            "the entry commits to no secret of this data directory for {:?}",
            args.label
        )));
    };
    let code = codes::written(&secret);
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entry": id.to_string(),
            "label": args.label,
            "code": code,
            "secret": hex(&secret),
        }));
    }
    screen.line(code)
}

impl Args {
    /// Whether no store is needed.
    pub(super) fn is_of_file(&self) -> bool {
        matches!(self.command, Command::Check(_))
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Show(args) => show(args, setting),
        Command::Prove(args) => prove(args, setting),
        Command::Disclose(args) => disclose::run(args, setting),
        Command::Check(args) => check(&args.file, setting),
        Command::Secret(args) => secret(args, setting),
    }
}

fn show(args: &ShowArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let id = node.find_entry(&args.entry)?;
    let entry = node.entry(&id)?;
    let order = node.order(&entry.topic).ok();
    let genesis = order.and_then(|order| order.genesis().cloned());
    node.close()?;
    let screen = &setting.screen;
    let header = &entry.header;
    let raw = hex(&header.encode());
    let content = Content::of(&entry, now_ms());
    let evidence: Vec<Json> = content
        .evidence
        .iter()
        .map(|bytes| evidence_json(bytes))
        .collect();
    if screen.is_json() {
        let app = genesis.as_ref().map(|genesis| genesis.app.as_str());
        let mut json = entry_json(&entry, app, &content);
        json["skiplink"] = json!(header.skiplink.map(|id| id.to_string()));
        json["payload_hash"] = json!(hex(&header.payload_hash));
        json["payload_len"] = json!(header.payload_len);
        json["expires_ms"] = json!(content.expires_ms);
        json["evidence"] = Json::Array(evidence);
        json["header"] = json!(raw);
        return screen.json(&json);
    }
    if args.raw {
        return screen.line(raw);
    }
    let name = genesis.and_then(|genesis| genesis.name).unwrap_or_default();
    let (sign, tone) = mark(entry.status);
    let status = entry.status.map_or_else(
        || "not ordered: its topic's first entry is not here".to_owned(),
        |status| format!("{sign} {}, {}", status.word(), status.text()),
    );
    screen.line(format_args!("entry    {id}"))?;
    let kind = match content.open {
        Some(false) => "🔒 sealed: not readable here",
        _ => content.kind.as_deref().unwrap_or("(not readable)"),
    };
    screen.line(format_args!("kind     {}", screen.tone(Tone::Bold, kind)))?;
    screen.line(format_args!("status   {}", screen.tone(tone, status)))?;
    screen.line(format_args!("topic    {}  {}", entry.topic, plain(&name)))?;
    let entity = entry
        .entity
        .map_or_else(|| "?".to_owned(), |entity| entity.to_string());
    screen.line(format_args!("entity   {entity}"))?;
    let device = plain(entry.device_name.as_deref().unwrap_or_default());
    screen.line(format_args!("device   {}  {device}", header.author))?;
    screen.line(format_args!("seq      {}", header.seq))?;
    screen.line(format_args!(
        "time     {} (claimed; clock {})",
        to_text(header.hlc >> 16),
        header.hlc
    ))?;
    if let Some(backlink) = header.backlink {
        screen.line(format_args!("follows  {backlink}"))?;
    }
    if let Some(skiplink) = header.skiplink {
        screen.line(format_args!("skips to {skiplink}"))?;
    }
    for dep in &header.deps {
        screen.line(format_args!("cites    {dep}"))?;
    }
    screen.line(format_args!(
        "payload  {}, hash {}",
        size(u64::from(header.payload_len)),
        hex(&header.payload_hash)
    ))?;
    if let Some(body) = &content.body {
        screen.line(format_args!("body     {}", pretty(body)))?;
    }
    match (&content.erasable, content.erased) {
        (Some(erasable), _) => screen.line(format_args!("erasable {}", pretty(erasable)))?,
        (None, true) => screen.line("erasable (erased)")?,
        (None, false) => {}
    }
    if let Some(ms) = content.expires_ms {
        screen.line(format_args!("expires  {}", to_text(ms)))?;
    }
    for evidence in &evidence {
        screen.line(format_args!("evidence {}", pretty(evidence)))?;
    }
    Ok(())
}

/// What a piece of evidence shows.
fn evidence_json(bytes: &[u8]) -> Json {
    match Proof::decode(bytes).and_then(|proof| Ok((proof.verify()?, proof))) {
        Ok((proven, proof)) => proven_json(&proven, &proof),
        Err(refusal) => json!({ "ok": false, "code": refusal.code() }),
    }
}

fn prove(args: &ProveArgs, setting: &Setting) -> Result<(), Failure> {
    let handing = Handing::new("proof", args.output.as_deref(), setting)?;
    let mut node = setting.open()?;
    let id = node.find_entry(&args.entry)?;
    let proof = node.prove(&id)?;
    node.close()?;
    let bytes = proof.encode();
    // what is handed out is checked by the rules that others will apply
    let checked = Proof::decode(&bytes).and_then(|proof| proof.verify());
    checked.map_err(Failure::refused("the proof of this entry"))?;
    let headers = proof.path.len() as u64;
    let path = count(headers, "header", "headers");
    handing.hand_out(
        &bytes,
        json!({ "id": id.to_string(), "path": headers }),
        format_args!("proof of {} by a path of {path}", id.short()),
    )
}

fn check(path: &Path, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let bytes = setting.read_up_to(path, 1 << 20)?;
    if bytes.starts_with(disclosure::MAGIC) {
        return disclose::check(&bytes, screen);
    }
    let checked = Proof::decode(&bytes).and_then(|proof| Ok((proof.verify()?, proof)));
    let (proven, proof) = match checked {
        Ok(checked) => checked,
        Err(refusal) => {
            if screen.is_json() {
                screen.json(&json!({ "ok": false, "code": refusal.code() }))?;
            }
            let limit = if bytes.len() > PROOF_MAX {
                ": a proof has at most 16 KiB"
            } else {
                ""
            };
            return Err(Failure::Findings(format!(
                "this proves nothing{limit}: {refusal}"
            )));
        }
    };
    if screen.is_json() {
        return screen.json(&proven_json(&proven, &proof));
    }
    let (header, certified) = (&proven.header, &proven.certified);
    screen.line(screen.tone(Tone::Good, "right: it was signed as it stands here"))?;
    screen.line(format_args!("entry    {}", proven.id))?;
    screen.line(format_args!("entity   {}", certified.entity))?;
    screen.line(format_args!(
        "device   {}  {}",
        certified.device,
        plain(&certified.name)
    ))?;
    screen.line(format_args!("topic    {}", header.topic_id()))?;
    screen.line(format_args!("seq      {}", header.seq))?;
    screen.line(format_args!(
        "time     {} (claimed)",
        to_text(header.hlc >> 16)
    ))?;
    let json = proven_json(&proven, &proof);
    if let Some(kind) = json["kind"].as_str() {
        screen.line(format_args!("kind     {}", screen.tone(Tone::Bold, kind)))?;
        screen.line(format_args!("body     {}", pretty(&json["body"])))?;
    } else {
        screen.line("payload  not in the proof, or not readable")?;
    }
    if !json["erasable"].is_null() {
        screen.line(format_args!("erasable {}", pretty(&json["erasable"])))?;
    } else if json["erased"] == json!(true) {
        screen.line("erasable (erased)")?;
    }
    screen.note("It proves who signed this; not that its topic accepted it, nor the time.");
    Ok(())
}

fn proven_json(proven: &Proven, proof: &Proof) -> Json {
    let (split, erased) = match &proof.payload {
        ProofPayload::Absent => (None, false),
        ProofPayload::Whole(bytes) => (Payload::split(bytes).ok(), false),
        ProofPayload::Erased { part, .. } => (Payload::split_erased(part).ok(), true),
    };
    let event = split.as_ref().and_then(|payload| payload.check().ok());
    let erasable = split.as_ref().and_then(|payload| payload.erasable);
    let erasable = erasable.and_then(|part| Value::decode_map(part.data).ok());
    let ms = proven.header.hlc >> 16;
    json!({
        "ok": true,
        "id": proven.id.to_string(),
        "topic": proven.header.topic_id().to_string(),
        "author": proven.certified.device.to_string(),
        "device_name": proven.certified.name,
        "entity": proven.certified.entity.to_string(),
        "seq": proven.header.seq,
        "hlc": proven.header.hlc,
        "time": to_rfc3339(ms),
        "kind": event.as_ref().map(|event| event.kind),
        "body": event.as_ref().map(|event| to_json(&event.body)),
        "erasable": erasable.as_ref().map(to_json),
        "erased": erased,
        "path": proof.path.len(),
    })
}
