//! `synlog device …`.

mod accept;
mod add;
mod list;
mod renew;
mod request;
mod retire;

use clap::Subcommand;
use serde_json::{Value as Json, json};

use crate::cli::screen::{Screen, count};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::identity::retirement::{Carried, Told};

/// Your devices: list them, add one, revoke one, give this one a new key
///
/// A new device joins by two texts. On the new machine `synlog device request`
/// prints one; `synlog device add` with it, on a machine that has the root key,
/// prints the other; `synlog device accept` with that on the new machine ends
/// it. The texts may travel by mail, on a stick or as QR codes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Request(request::Args),
    Add(add::Args),
    Accept(accept::Args),
    Revoke(retire::RevokeArgs),
    Lost(retire::LostArgs),
    Renew(renew::Args),
}

impl Args {
    /// Whether it is for a machine that has no device yet.
    pub(super) fn is_of_new_device(&self) -> bool {
        matches!(self.command, Command::Request(_) | Command::Accept(_))
    }
}

/// Bytes of a text that is passed on: the longest identity log with its topics.
const TEXT_MAX: u64 = 8 << 20;

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::List(_) => list::list(setting),
        Command::Request(args) => request::run(args, setting),
        Command::Add(args) => add::run(args, setting),
        Command::Accept(args) => accept::run(args, setting),
        Command::Revoke(args) => retire::revoke(args, setting),
        Command::Lost(args) => retire::lost(args, setting),
        Command::Renew(args) => renew::renew(args, setting),
    }
}

/// A text that was passed on: typed, in a file, or on standard input.
fn passed_on(typed: &str, setting: &Setting) -> Result<String, Failure> {
    if synlog_log::identity::Ticket::is_one(typed) {
        return Ok(typed.to_owned());
    }
    let bytes = setting.read_up_to(std::path::Path::new(typed), TEXT_MAX)?;
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{typed} is not text")))
}

/// What was told to topics, for programs.
pub(super) fn told_json(told: &Told) -> Json {
    let carried = |carried: &[Carried]| -> Vec<Json> {
        let rows = carried.iter().map(|carried| {
            json!({
                "topic": carried.topic.to_string(),
                "sequencer": carried.sequencer.to_string(),
            })
        });
        rows.collect()
    };
    let taken = told.taken_over.iter().map(|taken| {
        json!({
            "topic": taken.topic.to_string(),
            "from": taken.device.to_string(),
            "last_seq": taken.last_seq,
        })
    });
    let sequenced = told.sequenced.iter();
    let refused = told.refused.iter();
    json!({
        "taken_over": taken.collect::<Vec<_>>(),
        "told": carried(&told.told),
        "waiting": carried(&told.waiting),
        "before": told.before,
        "still_sequenced": sequenced.map(|(topic, device)| {
            json!({ "topic": topic.to_string(), "device": device.to_string() })
        }).collect::<Vec<_>>(),
        "refused": refused.map(|(topic, why)| {
            json!({ "topic": topic.to_string(), "why": why })
        }).collect::<Vec<_>>(),
    })
}

/// The same for people.
pub(super) fn tell(told: &Told, screen: &Screen) {
    for taken in &told.taken_over {
        screen.note(format_args!(
            "took over topic {} after entry {} of {}",
            taken.topic.short(),
            taken.last_seq,
            taken.device.short()
        ));
    }
    let done = told.told.len() as u64 + told.before;
    screen.note(format_args!("acts in {}", count(done, "topic", "topics")));
    for carried in &told.waiting {
        screen.note(format_args!(
            "in topic {} it acts once {} has placed it: send a bundle there",
            carried.topic.short(),
            carried.sequencer.short()
        ));
    }
    for (topic, device) in &told.sequenced {
        screen.warn(format_args!(
            "topic {} is still sequenced by {}: `synlog device lost {}` takes it over",
            topic.short(),
            device.short(),
            device.short()
        ));
    }
    for (topic, why) in &told.refused {
        screen.warn(format_args!(
            "in topic {} it could not be written: {why}",
            topic.short()
        ));
    }
}
