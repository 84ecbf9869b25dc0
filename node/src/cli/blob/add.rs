//! `synlog blob add`.

use std::path::PathBuf;

use serde_json::json;
use synlog_log::blob::media_type_is_right;
use synlog_log::ids::hex;
use synlog_log::limits::BLOB_MAX;

use crate::blobs::media_type_of;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;

/// Store a file as a blob and print its hash
///
/// With a private topic the blob is sealed first, with a key of its own that must
/// stand in the entry that names it; --json prints it as an entry names it. Without
/// a topic it is pinned. What was added for a topic and is named by no entry goes
/// with `synlog blob gc` after a day.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog blob add loaf.webp
  synlog blob add plan.pdf --topic orders --json
  synlog item put shop bread --title Bread --image @loaf.webp …    adds it and names it")]
pub(super) struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// Topic for whose members it is
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// What it is, as in image/webp [default: seen by how it begins]
    #[arg(long = "type", value_name = "TYPE", value_parser = media_type)]
    media_type: Option<String>,
}

/// A media type, for clap.
fn media_type(text: &str) -> Result<String, String> {
    match media_type_is_right(text) {
        true => Ok(text.to_owned()),
        false => Err("a media type is written as in image/webp".to_owned()),
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let bytes = setting.read_up_to(&args.file, BLOB_MAX)?;
    let mut node = setting.open()?;
    let named = args.topic.as_ref();
    let topic = named.map(|name| node.find_topic(name)).transpose()?;
    let seen = || media_type_of(&bytes).to_owned();
    let media_type = args.media_type.clone().unwrap_or_else(seen);
    let added = node.add_blob(topic.as_ref(), &bytes, Some(media_type), now_ms())?;
    node.close()?;
    let (screen, reference) = (&setting.screen, &added.reference);
    if screen.is_json() {
        return screen.json(&json!({
            "blob": reference.hash.to_string(),
            "size": reference.size,
            "type": reference.media_type,
            "key": reference.key.as_ref().map(|key| hex(key)),
            "topic": topic.map(|topic| topic.to_string()),
            "new": added.is_new,
        }));
    }
    screen.line(reference.hash)?;
    screen.flush()?;
    if let Some(key) = &reference.key {
        screen.note(format_args!("sealed; its key, for the entry: {}", hex(key)));
    }
    Ok(())
}
