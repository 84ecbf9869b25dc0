//! `synlog app check`.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::app::{engine, module_json, read_module, show_module};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Say whether a module is a reducer, and what it says of itself
///
/// Nothing is installed. A module that is refused is named with a code, the
/// reason and what to do about it; the exit status is then 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app check errands.wasm
  synlog app check errands.wasm --json")]
pub(super) struct Args {
    /// The module
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let wasm = read_module(&args.file)?;
    let screen = &setting.screen;
    match engine(None)?.load(&wasm) {
        Ok(module) if screen.is_json() => {
            let mut json = module_json(&module, wasm.len());
            json["ok"] = true.into();
            screen.json(&json)
        }
        Ok(module) => show_module(&module, wasm.len(), screen),
        Err(error) => {
            if screen.is_json() {
                screen.json(&json!({
                    "ok": false, "code": error.code(), "reason": error.to_string(),
                    "hash": blake3::hash(&wasm).to_hex().as_str(), "bytes": wasm.len(),
                }))?;
            } else {
                screen.line(format_args!("{}: {error}", error.code()))?;
            }
            let file = args.file.display();
            Err(Failure::Findings(format!("{file} is no reducer")))
        }
    }
}
