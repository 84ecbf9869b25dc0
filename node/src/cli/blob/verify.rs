//! `synlog blob verify`.

use serde_json::json;
use synlog_log::ids::BlobHash;

use crate::cli::progress::Progress;
use crate::cli::screen::{count, size};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Read the blobs that are here and check every byte against their hashes
///
/// One that is damaged is dropped: it can be fetched anew from others. Exits with 1
/// if there was any.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob verify
  synlog blob verify 5f0c1e")]
pub(super) struct Args {
    /// Only these: hashes, or the fronts of some
    blobs: Vec<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let mut wanted: Vec<BlobHash> = Vec::new();
    for front in &args.blobs {
        wanted.push(node.find_blob(front)?);
    }
    if args.blobs.is_empty() {
        wanted.extend(node.blobs()?.files.whole().keys());
    }
    let all = wanted.len() as u64;
    let (mut bytes, mut damaged) = (0, Vec::new());
    let mut progress = Progress::new(&setting.screen, "checking");
    for (done, hash) in wanted.iter().enumerate() {
        setting.check()?;
        progress.update(done as u64, all, &hash.short());
        let read = node.read_blob(hash, 0..u64::MAX, &mut |piece| {
            bytes += piece.len() as u64;
            Ok(())
        });
        match read {
            Ok(()) => {}
            Err(Failure::Blob(crate::blobs::BlobError::Damaged(hash))) => damaged.push(hash),
            Err(failure) => return Err(failure),
        }
    }
    drop(progress);
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        screen.json(&json!({
            "ok": damaged.is_empty(), "checked": all, "bytes": bytes,
            "damaged": damaged.iter().map(BlobHash::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        damaged.iter().try_for_each(|hash| screen.line(hash))?;
        let what = count(all, "blob", "blobs");
        screen.note(format_args!("{what}, {} checked", size(bytes)));
    }
    match damaged.len() as u64 {
        0 => Ok(()),
        many => Err(Failure::Findings(format!(
            "{} damaged and dropped",
            count(many, "blob was", "blobs were")
        ))),
    }
}
