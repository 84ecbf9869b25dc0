//! `synlog app ui install`.

use std::io::BufRead;
use std::path::PathBuf;

use serde_json::json;
use synlog_log::fold::Manifest;
use synlog_log::ids::unhex;
use synlog_web::uis::Package;

use crate::cli::app::engine;
use crate::cli::app::ui::{json_of, reading, show};
use crate::cli::setting::Setting;
use crate::daemon::files;
use crate::failure::Failure;
use crate::home::Home;
use crate::{apps, uis};

/// Show the pages of an app in the pages of this node
///
/// It is told first what they may read and write; they get nothing else, and
/// each time before they write you are asked in the browser, until you say
/// there that you need not be. A running node has them at once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app ui install errands/ui
  synlog app ui install errands.ui --yes")]
pub(super) struct Args {
    /// The folder, or the file that `synlog app ui pack` made of it
    #[arg(value_name = "DIR|FILE")]
    from: PathBuf,
    /// What it may do is known
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    if !home.exists() {
        return Err(Failure::NoHome(home.path().to_path_buf()));
    }
    let package = reading::read(&args.from)?;
    let app = &package.manifest.app;
    if uis::comes_along(app) {
        return Err(Failure::Usage(format!(
            "the user interface of {app} comes with synlog, and is not replaced"
        )));
    }
    let screen = &setting.screen;
    match manifest_of(&home, &package)? {
        Some(manifest) => uis::check_names(&package, &manifest)?,
        None => screen.note(format_args!(
            "the app {app} {} is not here, so its names can't be checked",
            package.manifest.major
        )),
    }
    if !screen.is_json() {
        show(&package, screen)?;
        screen.flush()?;
    }
    if !args.yes {
        agreed(setting)?;
    }
    files::save_ui(&home, app, &package.packed())?;
    if screen.is_json() {
        let mut json = json_of(&package);
        json["installed"] = json!(true);
        return screen.json(&json);
    }
    screen.note(format_args!("it is under Apps in the pages: #/app/{app}"));
    Ok(())
}

/// What the app says of itself, if it is here.
fn manifest_of(home: &Home, package: &Package) -> Result<Option<Manifest>, Failure> {
    let (app, major) = (&package.manifest.app, package.manifest.major);
    if let Some(app) = apps::find(app, major) {
        return Ok(Some(Manifest::clone(&app.manifest)));
    }
    let names = home.installed_modules()?;
    if names.is_empty() {
        return Ok(None);
    }
    let engine = engine(Some(home.modules_path()))?;
    let mut all = names.iter().filter_map(|name| {
        let hash = unhex(name)?.try_into().ok()?;
        let module = engine.load(&home.module(&hash).ok()?).ok()?;
        Some(module.manifest().clone())
    });
    Ok(all.find(|manifest| manifest.app == *app && manifest.major == major))
}

fn agreed(setting: &Setting) -> Result<(), Failure> {
    if !setting.has_terminal() {
        return Err(Failure::Usage(
            "look at what it may read and write, then say --yes; nothing was installed".to_owned(),
        ));
    }
    eprint!("May it do that? [y/N] ");
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut typed)
        .map_err(|error| Failure::System(error.to_string()))?;
    match matches!(typed.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(Failure::NoEffect("nothing was installed".into())),
    }
}
