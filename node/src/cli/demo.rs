//! `synlog demo`.

use std::path::PathBuf;

use crate::cli::setting::Setting;
use crate::demo::{DemoOptions, run as play};
use crate::failure::Failure;

/// Play the tour: a town's catalog, an order, tampering, a fork, a restored backup
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Runs real commands on real data and shows what they print. Everything is left
in the directory, to go on by hand.

EXAMPLES
  synlog demo
  synlog demo --dir /tmp/tour")]
pub(super) struct Args {
    /// Where to play and leave the files; an earlier demo there is replaced
    #[arg(long, value_name = "DIR", default_value = "synlog-demo")]
    dir: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &Args, _: &Setting) -> Result<(), Failure> {
    let dir = args.dir.clone();
    play(&DemoOptions { dir })
}
