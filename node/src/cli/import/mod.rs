//! `synlog import …`.

mod jsonl;
mod lines;

use clap::Subcommand;

use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Write many events from a file
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Jsonl(jsonl::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Jsonl(args) => jsonl::run(args, setting),
    }
}
