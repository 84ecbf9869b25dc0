//! `synlog app …`.

mod activate;
mod build;
mod check;
mod install;
mod list;
mod new;
mod sample;
mod test;
mod toolchain;
mod ui;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::fold::{MODULE_MAX, Manifest};
use synlog_log::ids::hex;
use synlog_log::topic::Mode;
use synlog_runtime::{CacheDirectory, Engine, LoadError, Module, Settings};

use crate::cli::input::read_up_to;
use crate::cli::screen::{Screen, Tone, count, plain, size};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Write apps, check and install them
///
/// An app is a reducer: a WebAssembly module that says what the events of a
/// topic mean. docs/APPS.md tells how to write one in ten minutes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Test(test::Args),
    Install(install::Args),
    List(list::Args),
    Use(activate::Args),
    Ui(ui::Args),
}

impl Args {
    /// Whether it is about a topic of the node.
    pub(super) fn is_of_topic(&self) -> bool {
        matches!(self.command, Command::Use(_))
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::New(args) => new::run(args, setting),
        Command::Build(args) => build::run(args, setting),
        Command::Check(args) => check::run(args, setting),
        Command::Test(args) => test::run(args, setting),
        Command::Install(args) => install::run(args, setting),
        Command::List(args) => list::run(args, setting),
        Command::Use(args) => activate::run(args, setting),
        Command::Ui(args) => ui::run(args, setting),
    }
}

/// An engine; with a directory it keeps what it compiled.
pub(super) fn engine(cache: Option<PathBuf>) -> Result<Engine, Failure> {
    // without the cache everything works, only later
    let cache = cache.and_then(|path| CacheDirectory::open(&path).ok());
    let settings = Settings {
        cache,
        ..Settings::default()
    };
    Engine::new(settings).map_err(|error| Failure::System(error.to_string()))
}

/// The bytes of a file that may be a module; one too many shows that it is too large.
fn read_module(path: &Path) -> Result<Vec<u8>, Failure> {
    read_up_to(path, MODULE_MAX as u64 + 1)
}

/// A refusal of a module that somebody wants to use.
fn refused(wasm: &[u8]) -> impl FnOnce(LoadError) -> Failure {
    let hash = *blake3::hash(wasm).as_bytes();
    move |error| Failure::BadReducer {
        hash,
        code: error.code(),
        reason: error.to_string(),
    }
}

fn mode(manifest: &Manifest) -> &'static str {
    match manifest.mode {
        Mode::Ordered => "ordered",
        Mode::Causal => "causal",
    }
}

/// What a module is, for programs.
fn module_json(module: &Module, bytes: usize) -> Json {
    let manifest = module.manifest();
    let kinds: Vec<&str> = manifest
        .events
        .iter()
        .map(|event| &event.kind[..])
        .collect();
    let tables: Vec<&str> = manifest
        .tables
        .iter()
        .map(|table| &table.name[..])
        .collect();
    json!({
        "hash": hex(&module.hash()), "bytes": bytes,
        "app": manifest.app, "major": manifest.major, "version": manifest.version,
        "title": manifest.title, "mode": mode(manifest),
        "kinds": kinds, "tables": tables,
    })
}

/// What a module is, for people.
fn show_module(module: &Module, bytes: usize, screen: &Screen) -> Result<(), Failure> {
    let manifest = module.manifest();
    screen.line(format_args!(
        "{}  {} ({}), {}",
        screen.tone(Tone::Bold, plain(&manifest.app)),
        plain(&manifest.title),
        plain(&manifest.version),
        mode(manifest)
    ))?;
    let events = manifest.events.len() as u64;
    screen.line(count(events, "kind of event", "kinds of events"))?;
    for event in &manifest.events {
        screen.line(format_args!(
            "  {}  {}",
            plain(&event.kind),
            plain(&event.title)
        ))?;
    }
    screen.line(count(manifest.tables.len() as u64, "table", "tables"))?;
    for table in &manifest.tables {
        let columns: Vec<&str> = table
            .columns
            .iter()
            .map(|column| &column.name[..])
            .collect();
        screen.line(format_args!(
            "  {}  {}",
            plain(&table.name),
            plain(&columns.join(", "))
        ))?;
    }
    screen.line(format_args!("size   {}", size(bytes as u64)))?;
    screen.line(format_args!("hash   {}", hex(&module.hash())))
}
