//! `synlog blob pin` and `synlog blob unpin`.

use serde_json::json;

use crate::blobs::Request;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Keep a blob whatever the quotas say, and fetch it if it is not here
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob pin 5f0c1e")]
pub(super) struct PinArgs {
    /// Its hash, or the front of it
    blob: String,
}

/// Let a pinned blob go when there is need for room
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob unpin 5f0c1e")]
pub(super) struct UnpinArgs {
    /// Its hash, or the front of it
    blob: String,
}

/// Runs `blob pin`.
pub(super) fn pin(args: &PinArgs, setting: &Setting) -> Result<(), Failure> {
    set(&args.blob, true, setting)
}

/// Runs `blob unpin`.
pub(super) fn unpin(args: &UnpinArgs, setting: &Setting) -> Result<(), Failure> {
    set(&args.blob, false, setting)
}

fn set(front: &str, on: bool, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let hash = node.find_blob(front)?;
    let blobs = node.blobs()?;
    let changed = blobs.pin(&hash, on)?;
    let here = blobs.files.whole().contains_key(&hash);
    if on && !here {
        let topics = blobs.table.topics_of(&hash);
        for topic in topics {
            let key = (topic, hash);
            let size = blobs.table.size_in(&key);
            blobs.requests.push(Request::Want(key, size));
        }
    }
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        let blob = hash.to_string();
        return screen.json(&json!({
            "blob": blob, "pinned": on, "changed": changed, "here": here,
        }));
    }
    screen.line(hash)?;
    if !changed {
        let word = if on {
            "pinned before"
        } else {
            "was not pinned"
        };
        screen.note(word);
    } else if on && !here {
        screen.note("it is not here yet; it comes when somebody is there who has it");
    }
    Ok(())
}
