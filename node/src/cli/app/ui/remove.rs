//! `synlog app ui remove`.

use serde_json::json;
use synlog_web::uis::manifest::app_is_right;

use crate::cli::setting::Setting;
use crate::daemon::files;
use crate::failure::Failure;

/// Take the user interface of an app away; its topics stay as they are
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app ui remove errands")]
pub(super) struct Args {
    /// The app
    #[arg(value_name = "APP")]
    app: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    // what is no name of an app is no name of a file
    if !app_is_right(&args.app) || !files::remove_ui(&home, &args.app)? {
        return Err(Failure::Findings(format!(
            "no user interface of {:?} was installed here",
            args.app
        )));
    }
    let screen = &setting.screen;
    match screen.is_json() {
        true => screen.json(&json!({ "app": args.app, "removed": true })),
        false => screen.line(format_args!("removed {}", args.app)),
    }
}
