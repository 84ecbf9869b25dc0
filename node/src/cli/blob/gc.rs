//! `synlog blob gc`.

use serde_json::json;

use crate::cli::screen::{count, size};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;

/// Drop the blobs that nothing names, and what is over the quotas
///
/// First what no entry here names goes, then what was used longest ago. What is pinned
/// and what your own entries name always stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob gc --dry-run
  synlog blob gc")]
pub(super) struct Args {
    /// Show what would go, drop nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let gone = node.collect_blobs(args.dry_run, now_ms())?;
    node.close()?;
    let bytes: u64 = gone.iter().map(|(_, size)| size).sum();
    let screen = &setting.screen;
    if screen.is_json() {
        let blobs: Vec<String> = gone.iter().map(|(hash, _)| hash.to_string()).collect();
        return screen.json(&json!({
            "dropped": blobs, "bytes": bytes, "dry_run": args.dry_run,
        }));
    }
    for (hash, bytes) in &gone {
        screen.line(format_args!("{hash}  {}", size(*bytes)))?;
    }
    let what = count(gone.len() as u64, "blob", "blobs");
    let word = if args.dry_run { "would go" } else { "dropped" };
    screen.note(format_args!("{what} {word}, {}", size(bytes)));
    Ok(())
}
