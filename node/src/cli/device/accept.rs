//! `synlog device accept`.

use serde_json::json;

use crate::cli::device::passed_on;
use crate::cli::screen::{count, plain};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::identity::enrolment;

/// On the new machine: take up the answer to its request
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device accept SYNLOG:DEVICE-ANSWER:AE7…
  synlog device accept answer.txt")]
pub(super) struct Args {
    /// The text, a file that holds it, or - for standard input
    answer: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let (node, joined) = enrolment::accept(setting.home()?, &passed_on(&args.answer, setting)?)?;
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        let topics = joined.topics.iter();
        let topics =
            topics.map(|named| json!({ "topic": named.topic.to_string(), "name": named.name }));
        return screen.json(&json!({
            "entity": joined.entity.to_string(),
            "device": joined.device.to_string(),
            "device_name": joined.name,
            "encryption": joined.encryption,
            "topics": topics.collect::<Vec<_>>(),
        }));
    }
    screen.line(format_args!("entity  {}", joined.entity))?;
    screen.line(format_args!(
        "device  {}  {}",
        joined.device,
        plain(&joined.name)
    ))?;
    for named in &joined.topics {
        let name = named.name.as_deref().unwrap_or_default();
        screen.line(format_args!("topic   {}  {}", named.topic, plain(name)))?;
    }
    screen.flush()?;
    if !joined.topics.is_empty() {
        screen.note(format_args!(
            "Bring the entries of {} from another device: a bundle, or the network.",
            count(joined.topics.len() as u64, "topic", "topics")
        ));
    }
    Ok(())
}
