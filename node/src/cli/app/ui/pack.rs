//! `synlog app ui pack`.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::app::ui::{json_of, reading, show};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Check the folder of a user interface and put it into one file, to give it on
///
/// The same folder gives the same file everywhere; its hash is its name.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app ui pack errands/ui
  synlog app ui pack errands/ui --out errands-1.2.ui")]
pub(super) struct Args {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The file to write [default: APP.ui here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let package = reading::read(&args.folder)?;
    let beside = || PathBuf::from(format!("{}.ui", package.manifest.app));
    let out = args.out.clone().unwrap_or_else(beside);
    fs::write(&out, package.packed()).map_err(Failure::file(&out))?;
    let screen = &setting.screen;
    if screen.is_json() {
        let mut json = json_of(&package);
        json["file"] = json!(out);
        return screen.json(&json);
    }
    show(&package, screen)?;
    screen.line(out.display())
}
