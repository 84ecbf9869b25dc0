//! `synlog bench`.

use std::io::stdout;
use std::path::PathBuf;

use crate::bench::{BenchOptions, bare_relay, run as measure};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Measure this machine: each figure beside the limit that it is held against
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Figures are ratios to a floor measured in the same run (bare hashes, bare
writes), since absolute times say more of the machine than of the program.
See docs/BENCHMARKS.md. A full run takes some minutes and 1 GB of disk.

EXAMPLES
  synlog bench --quick
  synlog bench --only ingest --json")]
pub(super) struct Args {
    /// A tenth of the work
    #[arg(long)]
    quick: bool,
    /// Only the cases whose name begins so
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Where the files go [default: a new directory here, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// One case, in this process (how a bench starts its cases)
    #[arg(long, hide = true, value_name = "NAME")]
    case: Option<String>,
    /// The bare relay beside which ours is measured, until it is ended
    #[arg(long, hide = true)]
    bare_relay: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    if args.bare_relay {
        return bare_relay();
    }
    let options = BenchOptions {
        quick: args.quick,
        json: setting.screen.is_json(),
        only: args.only.clone(),
        dir: args.dir.clone(),
        case: args.case.clone(),
    };
    measure(&options, &mut stdout().lock())
}
