//! `synlog device renew`.

use serde_json::json;

use crate::cli::input::device_name;
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Progress;
use crate::cli::screen::{count, plain};
use crate::cli::setting::Setting;
use crate::cli::whoami::own_name;
use crate::clock::now_ms;
use crate::failure::Failure;

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
pub(super) struct Args {
    /// What others see the new device called [default: the old name with a number]
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    name: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs the command.
pub(super) fn renew(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut progress = Progress::new(&setting.screen, "telling topics");
    let (name, renewed) = args.passphrase.with_node(setting, |node| {
        let named = args.name.clone();
        let name = named.unwrap_or_else(|| next_name(&own_name(node)));
        let mut step = |done, total| progress.update(done, total, "");
        let renewed = node.renew_device(&name, now_ms(), &mut step)?;
        Ok((name, renewed))
    })?;
    drop(progress);
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
    if let Some(kept) = &renewed.kept {
        screen.note(format_args!(
            "{} signs no more; its key is kept in {}",
            renewed.old.short(),
            kept.display()
        ));
    }
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
