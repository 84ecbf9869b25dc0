//! `synlog app ui …`.

mod install;
mod list;
mod pack;
mod reading;
mod remove;

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_web::uis::Package;

use crate::cli::screen::{Screen, Tone, count, plain, size};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Pages that apps bring along: install, list, remove, pack them
///
/// A user interface is a folder with a `ui.json`, which names the tables that it
/// reads and the kinds of events that it writes; it gets nothing else, and can
/// send nothing anywhere. docs/APPS.md tells how to make one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Install(install::Args),
    List(list::Args),
    Remove(remove::Args),
    Pack(pack::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Install(args) => install::run(args, setting),
        Command::List(args) => list::run(args, setting),
        Command::Remove(args) => remove::run(args, setting),
        Command::Pack(args) => pack::run(args, setting),
    }
}

/// What one is, for programs.
fn json_of(package: &Package) -> Json {
    let mut json = package.manifest.json();
    json["hash"] = json!(package.hash_text());
    json["files"] = json!(package.files.len());
    json["bytes"] = json!(package.bytes());
    json["comes_along"] = json!(package.comes_along);
    json
}

/// What one is and may do, for people.
fn show(package: &Package, screen: &Screen) -> Result<(), Failure> {
    let manifest = &package.manifest;
    screen.line(format_args!(
        "{}  {} ({} {})",
        package.hash_text(),
        screen.tone(Tone::Bold, plain(manifest.english())),
        manifest.app,
        manifest.major,
    ))?;
    let names = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    screen.line(format_args!("  reads   {}", names(&manifest.reads)))?;
    screen.line(format_args!("  writes  {}", names(&manifest.writes)))?;
    if manifest.guests {
        screen.line("  guests  get it, too")?;
    }
    screen.line(format_args!(
        "  {}, {}",
        count(package.files.len() as u64, "file", "files"),
        size(package.bytes() as u64)
    ))
}
