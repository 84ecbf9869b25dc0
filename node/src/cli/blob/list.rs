//! `synlog blob list`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use synlog_log::ids::{BlobHash, TopicId};

use crate::cli::screen::{Tone, plain, size};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::instant::to_rfc3339;

/// List the blobs that are here, and those that entries name
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob list
  synlog blob list shop
  synlog blob list --json | jq -r '.blobs[] | select(.state == \"missing\") | .blob'")]
pub(super) struct Args {
    /// Only those of this topic
    topic: Option<String>,
}

/// A blob as it is shown.
#[derive(Default)]
struct Line {
    size: u64,
    topics: BTreeSet<TopicId>,
    media_type: Option<String>,
    is_own: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    node.look_for_blobs()?;
    let wanted = args.topic.as_ref();
    let wanted = wanted.map(|name| node.find_topic(name)).transpose()?;
    let entity = node.entity();
    let blobs = node.blobs()?;
    let mut lines: BTreeMap<BlobHash, Line> = BTreeMap::new();
    for (key, name) in &blobs.table.names {
        let line = lines.entry(key.1).or_default();
        line.size = name.size;
        line.topics.insert(key.0);
        line.media_type = line.media_type.take().or(name.media_type.clone());
        line.is_own |= name.author == entity;
    }
    for (key, size) in &blobs.table.held {
        let line = lines.entry(key.1).or_default();
        line.size = *size;
        line.topics.insert(key.0);
    }
    for (hash, size) in blobs.files.whole() {
        lines.entry(*hash).or_default().size = *size;
    }
    lines.retain(|_, line| wanted.is_none_or(|topic| line.topics.contains(&topic)));
    let screen = &setting.screen;
    let mut rows = Vec::new();
    for (hash, line) in lines {
        let whole = blobs.files.whole().contains_key(&hash);
        let partial = match whole {
            true => None,
            false => blobs.files.partial(&hash)?,
        };
        let percent = partial.map(|it| it.groups.held() * 100 / it.groups.count().max(1));
        let pinned = blobs.table.pins.contains(&hash);
        let state = match (whole, percent) {
            (true, _) => "here",
            (false, Some(_)) => "partial",
            (false, None) => "missing",
        };
        if screen.is_json() {
            rows.push(json!({
                "blob": hash.to_string(), "size": line.size, "type": line.media_type,
                "state": state, "percent": percent, "pinned": pinned, "own": line.is_own,
                "topics": line.topics.iter().map(|it| it.to_string()).collect::<Vec<_>>(),
                "used": blobs.table.used.get(&hash).map(|ms| to_rfc3339(*ms)),
            }));
            continue;
        }
        let (mark, tone) = match whole {
            true => ("●", Tone::Good),
            false => ("○", Tone::Warn),
        };
        let mut words = vec![state.to_owned()];
        words.extend(percent.map(|percent| format!("{percent} %")));
        words.extend(pinned.then(|| "pinned".to_owned()));
        words.extend(line.is_own.then(|| "own".to_owned()));
        words.extend(
            line.topics
                .iter()
                .map(|topic| format!("in {}", topic.short())),
        );
        let media_type = line.media_type.as_deref().unwrap_or("-");
        screen.line(format_args!(
            "{} {}  {:>9}  {}  {}",
            screen.tone(tone, mark),
            hash.short(),
            size(line.size),
            plain(media_type),
            words.join(", "),
        ))?;
    }
    node.close()?;
    match screen.is_json() {
        true => screen.json(&json!({ "blobs": rows })),
        false => Ok(()),
    }
}
