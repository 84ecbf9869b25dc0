//! `synlog backup`.

use std::sync::Arc;

use serde_json::json;

use crate::backup::keys::collect;
use crate::backup::{BackupError, Last, Place, Source, Terms, check, latest, write};
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Progress;
use crate::cli::screen::{count, size};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::decoder::EntryDecoder;
use crate::failure::Failure;

/// Copy the store to a directory or a bucket, only what is new
///
/// The first backup copies all, later ones what was added since. Interrupted,
/// it goes on where it was; the backup before it stands until the new one is
/// whole. Entries of public topics can be read by whoever reads the backup.
/// Keys are left out; with --with-keys the root key (if it is here), the
/// encryption keys and the secrets of apps are added under a passphrase. The
/// device key never is: a restored device gets a new one.
///
/// A bucket that speaks S3 is found by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
/// AWS_REGION and, for servers other than Amazon's, AWS_ENDPOINT.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog backup /media/disk/synlog
  synlog backup s3://my-bucket/synlog --json
  synlog backup /media/disk/synlog --with-keys --passphrase-file pass")]
pub(super) struct Args {
    /// A directory, or s3://bucket/prefix
    place: String,
    /// Read and compare all, also what did not change by its looks
    #[arg(long)]
    full: bool,
    /// Add keys, under a passphrase
    #[arg(long)]
    with_keys: bool,
    /// How many backups to keep
    #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Go on where the backup there holds what this store does not
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// The name of a place as it is opened: a directory is one of the caller's.
fn typed(place: &str, setting: &Setting) -> String {
    if Place::is_bucket(place) {
        return place.to_owned();
    }
    let path = setting.path(std::path::Path::new(place));
    path.to_string_lossy().into_owned()
}

/// Checks a backup, for `synlog verify`.
pub(super) fn verify(name: &str, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let failed = |source: BackupError| Failure::Backup {
        place: name.to_owned(),
        source,
    };
    let place = Place::open(name, false).map_err(failed)?;
    let manifest = latest(&place).map_err(failed)?;
    let manifest = manifest.ok_or_else(|| failed(BackupError::Nothing))?;
    let mut progress = Progress::new(screen, "checking");
    let mut step = |done, total| progress.update(done, total, &size(done));
    let checked = check(&place, &manifest, &EntryDecoder, &mut step).map_err(failed)?;
    drop(progress);
    if screen.is_json() {
        let findings = checked.findings.iter();
        let findings = findings.map(|(part, what)| json!({ "part": part, "what": what }));
        screen.json(&json!({
            "ok": checked.findings.is_empty(),
            "place": name,
            "number": manifest.number,
            "made_ms": manifest.made_ms,
            "entity": manifest.entity.to_string(),
            "device": manifest.device.to_string(),
            "positions": manifest.end,
            "segments": manifest.segments.len(),
            "segments_good": checked.segments,
            "records": checked.records,
            "bytes": checked.bytes,
            "keys": manifest.keys.is_some(),
            "findings": findings.collect::<Vec<_>>(),
        }))?;
    } else {
        screen.line(format_args!(
            "backup  {} of {}",
            manifest.number,
            crate::instant::to_text(manifest.made_ms)
        ))?;
        screen.line(format_args!("entity  {}", manifest.entity))?;
        let segments = count(manifest.segments.len() as u64, "segment", "segments");
        let records = count(checked.records, "record", "records");
        screen.line(format_args!(
            "holds   {records} in {segments}, {}",
            size(checked.bytes)
        ))?;
        for (part, what) in checked.findings.iter().take(FINDINGS_SHOWN) {
            screen.line(format_args!("wrong   {part} {what}"))?;
        }
        screen.flush()?;
    }
    match checked.findings.len() as u64 {
        0 => {
            screen.note("Every part, link and signature in it is good.");
            Ok(())
        }
        number => Err(Failure::Findings(format!(
            "{} found in {name}",
            count(number, "error", "errors")
        ))),
    }
}

/// Findings that people see one by one.
const FINDINGS_SHOWN: usize = 100;

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let failed = |source: BackupError| Failure::Backup {
        place: args.place.clone(),
        source,
    };
    let mut node = setting.open()?;
    let snapshot = node.snapshot()?;
    let (entity, device, home) = (node.entity(), node.device(), node.home.clone());
    let modules = node.installed_reducers()?;
    // others may use the store while it is copied
    node.close()?;
    let locked = if args.with_keys {
        let passphrase = args.passphrase.needed("the keys in the backup", setting)?;
        let home = args.passphrase.share(home.clone(), &passphrase);
        Some(collect(&home, &passphrase)?)
    } else {
        None
    };
    let disk = home.disk()?;
    let decoder = Arc::new(EntryDecoder);
    let source = Source {
        disk: &disk,
        decoder: decoder.as_ref(),
        snapshot: &snapshot,
        entity,
        device,
        modules: &modules,
        keys: locked.as_ref().map(|(bytes, _)| &bytes[..]),
    };
    let terms = Terms {
        now_ms: now_ms(),
        full: args.full,
        adopt: args.adopt,
        keep: usize::from(args.keep),
    };
    let name = typed(&args.place, setting);
    let place = Place::open(&name, true).map_err(failed)?;
    let mut progress = Progress::new(screen, "backing up");
    let mut step = |done, total| progress.update(done, total, &size(done));
    let done = write(&place, &source, &terms, &mut step).map_err(failed)?;
    drop(progress);
    let keys = locked.map(|(_, names)| names);
    let last = Last {
        place: name,
        number: done.number,
        made_ms: terms.now_ms,
        keys: keys.is_some(),
        keep: args.keep,
    };
    last.remember(&home)?;
    if screen.is_json() {
        return screen.json(&json!({
            "place": args.place,
            "number": done.number,
            "positions": done.end,
            "segments": done.segments,
            "segments_read": done.read,
            "bytes": done.bytes,
            "parts_sent": done.sent,
            "bytes_sent": done.sent_bytes,
            "removed": done.removed,
            "keys": keys,
        }));
    }
    screen.line(format_args!(
        "backup {}  {} in {}, {} sent",
        done.number,
        size(done.bytes),
        count(done.segments, "segment", "segments"),
        size(done.sent_bytes)
    ))?;
    screen.flush()?;
    match keys {
        Some(keys) => screen.note(format_args!("With keys: {}.", keys.join(", "))),
        None => screen.note("Without keys: keep your recovery words, or use --with-keys."),
    }
    screen.note(format_args!("`synlog verify {}` checks it.", args.place));
    Ok(())
}
