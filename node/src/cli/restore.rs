//! `synlog restore`.

use std::path::PathBuf;

use serde_json::json;

use crate::backup::{BackupError, Place, Restored, restore_home};
use crate::cli::input::device_name;
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Progress;
use crate::cli::recover::device_again;
use crate::cli::screen::size;
use crate::cli::setting::Setting;
use crate::cli::words;
use crate::failure::Failure;
use crate::identity::recovery::Before;

/// Put a store out of a backup into an empty data directory
///
/// The device that wrote the backup never writes again: this machine becomes a
/// new device of yours, which takes over its topics and revokes it. That needs
/// the root key: from the backup's keys, with the passphrase, or your recovery
/// words. Without either the data can be read and shown, and `synlog recover` or
/// `synlog device request` makes it a device later. What was written after the
/// backup comes back from those who have it: read their bundles before you
/// write. Interrupted, it goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog restore /media/disk/synlog --words-file words
  synlog --home ~/again restore s3://my-bucket/synlog --passphrase-file pass
  synlog restore /media/disk/synlog        to look at it only")]
pub(super) struct Args {
    /// A directory, or s3://bucket/prefix
    place: String,
    /// File with the recovery words, - for standard input
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    /// What others see the new device called
    #[arg(long, default_value = "restored", value_name = "NAME", value_parser = device_name)]
    name: String,
    /// Only put the data there; make no device
    #[arg(long)]
    no_device: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let failed = |source: BackupError| Failure::Backup {
        place: args.place.clone(),
        source,
    };
    let home = setting.home()?;
    let words = args.words_file.as_deref();
    let root = words
        .map(|file| words::read(Some(file), setting))
        .transpose()?;
    let place = Place::open(&args.place, false).map_err(failed)?;
    let passphrase = match crate::backup::latest(&place).map_err(failed)? {
        Some(manifest) if manifest.keys.is_some() => {
            args.passphrase.known("the keys in the backup", setting)?
        }
        _ => None,
    };
    let mut progress = Progress::new(screen, "restoring");
    let mut step = |done, total| progress.update(done, total, &size(done));
    let restored = restore_home(&home, &place, passphrase.as_ref(), &mut step)?;
    drop(progress);
    let root = root.or_else(|| restored.root.clone());
    if !screen.is_json() {
        tell(args, &restored, setting);
    }
    match root.filter(|_| !args.no_device) {
        Some(root) => device_again(home, root, &args.name, &[], Before::Known, None, setting),
        None => without_device(args, &restored, setting),
    }
}

fn tell(args: &Args, restored: &Restored, setting: &Setting) {
    let screen = &setting.screen;
    screen.note(format_args!(
        "Restored backup {} of {}, {}, from {}.",
        restored.number,
        crate::instant::to_text(restored.made_ms),
        size(restored.bytes),
        args.place
    ));
    match &restored.keys {
        None => screen.note("There are no keys in it."),
        Some(keys) if keys.is_empty() => {
            screen.note("There are keys in it; they open with their passphrase.");
        }
        Some(keys) => screen.note(format_args!("With keys: {}.", keys.join(", "))),
    }
}

fn without_device(args: &Args, restored: &Restored, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "place": args.place,
            "number": restored.number,
            "made_ms": restored.made_ms,
            "positions": restored.end,
            "bytes": restored.bytes,
            "entity": restored.entity.to_string(),
            "device": null,
            "replaced": restored.device.to_string(),
            "keys": restored.keys,
        }));
    }
    screen.line(format_args!("entity  {}", restored.entity))?;
    screen.line("device  none yet")?;
    screen.flush()?;
    screen.note("You can look at all of it. To write, make it a device of yours: `synlog recover`");
    screen.note(
        "with your recovery words, or `synlog device request` for a device that has the root key.",
    );
    Ok(())
}
