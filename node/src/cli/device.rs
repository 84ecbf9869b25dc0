//! `synlog device …`.

use clap::Subcommand;
use serde_json::json;
use synlog_log::identity::{Action, IdentityLog};
use synlog_log::ids::DeviceId;

use crate::cli::input::device_name;
use crate::cli::screen::{Tone, count, plain};
use crate::cli::setting::Setting;
use crate::cli::whoami::own_name;
use crate::clock::now_ms;
use crate::failure::Failure;

/// List your devices, or give this one a new key
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Renew(RenewArgs),
}

/// List the devices of your entity
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device list
  synlog device list --json | jq '.devices[] | select(.revoked)'")]
struct ListArgs {}

/// Give this device a new key
///
/// Needed where the old key must not sign any more: after a restore from a
/// backup, after the data directory was copied, or where the clock ran far
/// ahead. The root key must be on this machine for it. The new device takes
/// over the topics that the old one sequenced; the old one is revoked wherever
/// it wrote. First read bundles from those you traded with: what the old
/// device wrote and nobody has shown you by then will not count.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device renew
  synlog device renew --name laptop-2027")]
struct RenewArgs {
    /// What others see the new device called [default: the old name with a number]
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    name: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::List(_) => list(setting),
        Command::Renew(args) => renew(args, setting),
    }
}

fn list(setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let (this, log) = (node.device(), node.identities.get(&node.entity()).cloned());
    node.close()?;
    let screen = &setting.screen;
    let certified = log
        .iter()
        .flat_map(IdentityLog::statements)
        .filter_map(|signed| match &signed.statement.action {
            Action::Certify { device, name, .. } => {
                Some((*device, name.clone(), signed.statement.issued_ms))
            }
            _ => None,
        });
    let revoked = |device: &DeviceId| log.as_ref().is_some_and(|log| log.is_revoked(device));
    let mut rows = Vec::new();
    for (device, name, since_ms) in certified {
        let (is_this, is_revoked) = (device == this, revoked(&device));
        if !screen.is_json() {
            let note = match (is_this, is_revoked) {
                (true, false) => screen.tone(Tone::Good, "this device"),
                (true, true) => screen.tone(Tone::Bad, "this device, revoked"),
                (false, true) => screen.tone(Tone::Dim, "revoked"),
                (false, false) => String::new(),
            };
            let since = crate::instant::to_text(since_ms);
            screen.line(format_args!(
                "{}  {since}  {}  {note}",
                device.short(),
                plain(&name)
            ))?;
        }
        rows.push(json!({
            "device": device.to_string(),
            "name": name,
            "certified_ms": since_ms,
            "revoked": is_revoked,
            "this": is_this,
        }));
    }
    if screen.is_json() {
        screen.json(&json!({ "devices": rows }))?;
    }
    Ok(())
}

fn renew(args: &RenewArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| next_name(&own_name(&node)));
    let renewed = node.renew_device(&name, now_ms())?;
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        let taken = renewed.taken_over.iter();
        let taken =
            taken.map(|(topic, seq)| json!({ "topic": topic.to_string(), "last_seq": seq }));
        let revoked = renewed.revoked_in.iter().map(ToString::to_string);
        return screen.json(&json!({
            "old": renewed.old.to_string(),
            "device": renewed.new.to_string(),
            "device_name": name,
            "old_key": renewed.kept,
            "taken_over": taken.collect::<Vec<_>>(),
            "revoked_in": revoked.collect::<Vec<_>>(),
        }));
    }
    screen.line(format_args!("device  {}  {}", renewed.new, plain(&name)))?;
    screen.flush()?;
    screen.note(format_args!(
        "{} signs no more; its key is kept in {}",
        renewed.old.short(),
        renewed.kept.display()
    ));
    for (topic, last_seq) in &renewed.taken_over {
        screen.note(format_args!(
            "took over topic {} after entry {last_seq} of the old device",
            topic.short()
        ));
    }
    let revoked = count(renewed.revoked_in.len() as u64, "topic", "topics");
    screen.note(format_args!("revoked the old device in {revoked}"));
    screen.note(
        "Copy the root key to a safe place and remove it here, if you brought it back for this.",
    );
    Ok(())
}

/// The name of the device that comes after one: `laptop`, `laptop-2`, `laptop-3`.
fn next_name(old: &str) -> String {
    let numbered = old.rsplit_once('-');
    let numbered = numbered.and_then(|(front, number)| Some((front, number.parse::<u32>().ok()?)));
    let (front, number) = numbered.map_or((old, 2), |(front, number)| {
        (front, number.saturating_add(1))
    });
    let mut front = front.to_owned();
    while front.len() > synlog_log::limits::NAME_MAX - 11 {
        front.pop();
    }
    format!("{front}-{number}")
}
