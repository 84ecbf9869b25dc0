//! `synlog blob …`.

mod add;
mod gc;
mod get;
mod list;
mod pin;
mod quota;
mod verify;

use clap::Subcommand;

use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Pictures and other large things that entries name by their hash
///
/// A blob is stored under the hash of its bytes. An entry names it, and whoever has
/// the topic of that entry can fetch it. While `synlog up` runs, small pictures come
/// by themselves.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Args),
    Get(get::Args),
    List(list::Args),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Gc(gc::Args),
    Verify(verify::Args),
    Quota(quota::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Add(args) => add::run(args, setting),
        Command::Get(args) => get::run(args, setting),
        Command::List(args) => list::run(args, setting),
        Command::Pin(args) => pin::pin(args, setting),
        Command::Unpin(args) => pin::unpin(args, setting),
        Command::Gc(args) => gc::run(args, setting),
        Command::Verify(args) => verify::run(args, setting),
        Command::Quota(args) => quota::run(args, setting),
    }
}
