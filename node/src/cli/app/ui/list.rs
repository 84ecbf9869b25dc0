//! `synlog app ui list`.

use serde_json::{Value as Json, json};
use synlog_web::uis::Package;

use crate::cli::app::ui::{json_of, show};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::uis;

/// Show the user interfaces of apps that are here, and what each may do
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app ui list
  synlog app ui list --json | jq -r '.uis[].app'")]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_: &Args, setting: &Setting) -> Result<(), Failure> {
    let installed = uis::installed(&setting.home()?)?;
    let along = uis::built_in().iter().map(|package| &**package);
    let all: Vec<&Package> = along.chain(&installed).collect();
    let screen = &setting.screen;
    if screen.is_json() {
        let all: Vec<Json> = all.into_iter().map(json_of).collect();
        return screen.json(&json!({ "uis": all }));
    }
    for package in all {
        show(package, screen)?;
        screen.line(match package.comes_along {
            true => "  comes with synlog",
            false => "  installed",
        })?;
    }
    Ok(())
}
