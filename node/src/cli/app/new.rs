//! `synlog app new`.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use synlog_apps::template;
use synlog_log::payload::name_is_right;

use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Begin a new app: a project in Rust that works as it is
///
/// The kit that reducers are written with comes along, so the project needs
/// nothing else of synlog.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app new errands
  synlog app new errands --dir ~/src/errands")]
pub(super) struct Args {
    /// Name of the app, which its kinds begin with
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// Where to put it [default: a directory NAME here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Bytes of a name: a kind (at most 64) and a crate are made of it.
const NAME_MAX: usize = 32;

fn name(text: &str) -> Result<String, String> {
    if text.len() <= NAME_MAX && name_is_right(text) && text != "topic" {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a name is at most {NAME_MAX} of a-z, 0-9, _ and -, begins with a letter, and is not `topic`"
    ))
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let directory = args
        .dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(&args.name));
    let taken = match fs::read_dir(&directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if taken {
        return Err(Failure::Usage(format!(
            "{} is there already: say where else with --dir DIR; nothing was changed",
            directory.display()
        )));
    }
    let mut written = Vec::new();
    for (path, text) in template::files(&args.name) {
        let full = directory.join(path);
        let folder = full.parent().unwrap_or(&directory);
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        fs::write(&full, text).map_err(Failure::file(&full))?;
        written.push(path);
    }
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "app": args.name, "dir": directory, "files": written,
        }));
    }
    screen.line(directory.display())?;
    screen.note(format_args!(
        "the rules are in src/lib.rs; go on with `synlog app build {}`",
        directory.display()
    ));
    Ok(())
}
