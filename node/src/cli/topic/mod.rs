//! `synlog topic …`.

mod list;
mod new;
mod policy;
mod show;

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::ChainState;

use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::node::Node;
use crate::writing::Event;

/// Begin topics, look at them, decide who may write what
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    List(list::Args),
    Show(show::Args),
    Grant(policy::GrantArgs),
    Revoke(policy::RevokeArgs),
    Keeper(policy::KeeperArgs),
    Role(policy::RoleArgs),
    Handover(policy::HandoverArgs),
    Ack(policy::AckArgs),
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::New(args) => new::run(args, setting),
        Command::List(args) => list::run(args, setting),
        Command::Show(args) => show::run(args, setting),
        Command::Grant(args) => policy::grant(args, setting),
        Command::Revoke(args) => policy::revoke(args, setting),
        Command::Keeper(args) => policy::keeper(args, setting),
        Command::Role(args) => policy::role(args, setting),
        Command::Handover(args) => policy::handover(args, setting),
        Command::Ack(args) => policy::ack(args, setting),
    }
}

/// Writes an event of the kernel's.
fn write(node: &mut Node, topic: &TopicId, kind: &str, body: Value) -> Result<EntryId, Failure> {
    let payload = node.payload(&Event::new(kind, body))?;
    node.append(topic, &payload, now_ms(), false)
}

/// Where the walk of the sequencers stands, for programs.
pub(super) fn state_json(state: ChainState) -> (Json, Json, Json) {
    match state {
        ChainState::Open { sequencer } => (json!("open"), json!(sequencer.to_string()), Json::Null),
        ChainState::Forked { sequencer, seq } => {
            (json!("forked"), json!(sequencer.to_string()), json!(seq))
        }
    }
}

/// The same for people.
pub(super) fn state_text(state: ChainState) -> String {
    match state {
        ChainState::Open { sequencer } => format!("open, sequenced by {}", sequencer.short()),
        ChainState::Forked { sequencer, seq } => {
            format!(
                "FORKED: its sequencer {} signed two branches from seq {seq} on",
                sequencer.short()
            )
        }
    }
}
