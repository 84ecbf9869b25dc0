//! `synlog topic list`.

use serde_json::json;
use synlog_log::topic::Mode;

use crate::cli::screen::{Tone, count, plain};
use crate::cli::setting::Setting;
use crate::cli::topic::{state_json, state_text};
use crate::failure::Failure;

/// List the topics that are here
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic list
  synlog topic list --json | jq -r '.topics[].topic'")]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let screen = &setting.screen;
    let mut rows = Vec::new();
    for topic in node.store.topics() {
        let feeds = node.store.feeds_of(&topic).len() as u64;
        let order = match node.order(&topic) {
            Ok(order) => order,
            Err(Failure::NoTopic(_)) => {
                screen.warn(format_args!(
                    "the first entry of topic {topic} is damaged or missing"
                ));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let (entries, state) = (order.len() as u64, order.state());
        let genesis = order.genesis();
        let name = genesis.and_then(|genesis| genesis.name.clone());
        let app = genesis.map(|genesis| (genesis.app.clone(), genesis.major));
        let causal = genesis.is_some_and(|genesis| genesis.mode == Mode::Causal);
        let mode = if causal { "causal" } else { "ordered" };
        let private = order.is_private();
        if screen.is_json() {
            let (word, sequencer, forked_at) = state_json(state);
            rows.push(json!({
                "topic": topic.to_string(), "name": name,
                "app": app.as_ref().map(|app| &app.0), "major": app.as_ref().map(|app| app.1),
                "mode": mode, "visibility": if private { "private" } else { "public" },
                "entries": entries, "feeds": feeds,
                "state": word, "sequencer": sequencer, "forked_at": forked_at,
            }));
            continue;
        }
        let app = match app {
            Some((app, _)) if app.is_empty() => "🔒 sealed".to_owned(),
            Some((app, major)) => format!("{} {major}", plain(&app)),
            None => String::new(),
        };
        let mode = if private { "private" } else { mode };
        screen.line(format_args!(
            "{}  {}  {app}, {mode}, {}, {}, {}",
            topic.short(),
            screen.tone(Tone::Bold, plain(name.as_deref().unwrap_or("(no name)"))),
            count(entries, "entry", "entries"),
            count(feeds, "feed", "feeds"),
            state_text(state),
        ))?;
    }
    node.close()?;
    if screen.is_json() {
        screen.json(&json!({ "topics": rows }))?;
    }
    Ok(())
}
