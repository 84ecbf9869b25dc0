//! `synlog app install`.

use std::path::PathBuf;

use synlog_log::ids::hex;

use crate::cli::app::{engine, mode, module_json, read_module, refused};
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Let this node run a module
///
/// It is checked first. From then on topics whose reducer has its hash can be
/// folded here. Only install what comes from people whom you trust: a reducer
/// can't reach anything, but what it shows is what you decide by.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app install errands.wasm")]
pub(super) struct Args {
    /// The module
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    if !home.exists() {
        return Err(Failure::NoHome(home.path().to_path_buf()));
    }
    let wasm = read_module(&args.file)?;
    let engine = engine(Some(home.modules_path()))?;
    let module = engine.load(&wasm).map_err(refused(&wasm))?;
    let hash = home.install_module(&wasm)?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&module_json(&module, wasm.len()));
    }
    let manifest = module.manifest();
    screen.line(format_args!(
        "{}  {} {}, {}",
        hex(&hash),
        plain(&manifest.app),
        plain(&manifest.version),
        mode(manifest)
    ))
}
