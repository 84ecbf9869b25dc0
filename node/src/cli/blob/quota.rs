//! `synlog blob quota`.

use serde_json::json;

use crate::cli::screen::size;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Show or set how much of blobs may be here
///
/// What is pinned and what your own entries name counts, but is never dropped.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob quota
  synlog blob quota --total 20G --topic 2G")]
pub(super) struct Args {
    /// Bytes of one topic, as in 500M or 2G
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    topic: Option<u64>,
    /// Bytes of all
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    total: Option<u64>,
}

/// Bytes, for clap.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.to_ascii_uppercase().chars().last() {
        Some('K') => (&text[..text.len() - 1], 1 << 10),
        Some('M') => (&text[..text.len() - 1], 1 << 20),
        Some('G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let parsed = digits.parse::<u64>().ok();
    let parsed = parsed.and_then(|number| number.checked_mul(factor));
    parsed.ok_or_else(|| "bytes are written 500000, 500M or 2G".to_owned())
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    node.look_for_blobs()?;
    let blobs = node.blobs()?;
    if args.topic.is_some() || args.total.is_some() {
        let mut quota = blobs.quota;
        quota.topic_bytes = args.topic.unwrap_or(quota.topic_bytes);
        quota.total_bytes = args.total.unwrap_or(quota.total_bytes);
        blobs.set_quota(quota)?;
    }
    let quota = blobs.quota;
    let used: u64 = blobs.files.whole().values().sum();
    let torsos: u64 = blobs.files.torsos()?.iter().map(|(_, size, _)| size).sum();
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "topic_bytes": quota.topic_bytes, "total_bytes": quota.total_bytes,
            "used_bytes": used, "partial_bytes": torsos,
        }));
    }
    screen.line(format_args!("a topic   {}", size(quota.topic_bytes)))?;
    screen.line(format_args!("all       {}", size(quota.total_bytes)))?;
    screen.line(format_args!("used      {}", size(used)))?;
    if torsos > 0 {
        screen.line(format_args!("on the way {}", size(torsos)))?;
    }
    Ok(())
}
