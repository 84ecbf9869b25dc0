//! `synlog explain`.

use serde_json::json;

use crate::cli::rows::bring_up;
use crate::cli::screen::{Tone, plain};
use crate::cli::setting::Setting;
use crate::cli::view::{Content, entry_json, entry_line};
use crate::clock::now_ms;
use crate::failure::Failure;

/// Show why a row is as it is: the entries that made it, and those that were rejected
///
/// KEY is the key of a row, as `synlog view` shows it, and may be shortened as
/// long as it fits only one. Entries stand in the order in which they count.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog explain orders order/4f2a
  synlog explain kiosk item/bread --json | jq 'select(.rejected)'")]
pub(super) struct Args {
    /// Name of the topic, its id, or the front of the id
    topic: String,
    /// Key of the row
    key: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let screen = &setting.screen;
    bring_up(&mut node, &topic, screen)?;
    let key = node.find_key(&topic, &args.key)?;
    let explained = node.explain(&topic, &key)?;
    if !screen.is_json() {
        screen.line(screen.tone(Tone::Bold, plain(&key)))?;
    }
    for line in &explained {
        let entry = match node.entry(&line.id) {
            Ok(entry) => entry,
            Err(Failure::NoEntry(_)) => continue,
            Err(failure) => return Err(failure),
        };
        let content = Content::of(&entry, now_ms());
        let rejection = line.rejection.as_ref();
        if screen.is_json() {
            let mut object = entry_json(&entry, None, &content);
            object["rejected"] = json!(rejection.map(|rejection| &rejection.code));
            object["met"] = json!(
                rejection
                    .and_then(|rejection| rejection.met)
                    .map(|id| id.to_string())
            );
            screen.json(&object)?;
            continue;
        }
        let mut shown = entry_line(&entry, None, &content, screen);
        if let Some(rejection) = rejection {
            let met = match rejection.met {
                Some(met) => format!(", met the state after {}", met.short()),
                None => String::new(),
            };
            shown = format!(
                "{shown} {}",
                screen.tone(Tone::Bad, format!("[rejected {}{met}]", rejection.code))
            );
        }
        screen.line(shown)?;
    }
    node.close()?;
    if explained.is_empty() {
        return Err(Failure::Findings(format!(
            "no entry of the topic has touched {key:?}"
        )));
    }
    Ok(())
}
