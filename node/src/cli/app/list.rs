//! `synlog app list`.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use synlog_log::fold::Manifest;
use synlog_log::ids::{hex, unhex};

use crate::cli::app::{engine, mode};
use crate::cli::screen::{Tone, plain, size};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::home::Home;

/// Show the apps that this node can run
///
/// Those that come with synlog, and those that were installed here, each with
/// the hash that names its reducer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app list
  synlog app list --json")]
pub(super) struct Args {}

/// An app of the list.
struct App {
    hash: String,
    bytes: usize,
    installed: bool,
    /// What it says of itself, or why it can't be run.
    manifest: Result<Arc<Manifest>, String>,
}

/// Runs the command.
pub(super) fn run(_: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut apps: Vec<App> = crate::apps::pinned()
        .iter()
        .map(|app| App {
            hash: hex(&app.hash),
            bytes: app.pinned.wasm.len(),
            installed: false,
            manifest: Ok(Arc::clone(&app.manifest)),
        })
        .collect();
    apps.extend(installed(&setting.home()?)?);
    let screen = &setting.screen;
    if screen.is_json() {
        let apps: Vec<Json> = apps.iter().map(app_json).collect();
        return screen.json(&json!({ "apps": apps }));
    }
    for app in &apps {
        let (hash, bytes) = (&app.hash, size(app.bytes as u64));
        let whence = if app.installed {
            "installed"
        } else {
            "comes with synlog"
        };
        match &app.manifest {
            Ok(manifest) => screen.line(format_args!(
                "{hash}  {} {}, {}, {bytes}, {whence}",
                screen.tone(Tone::Bold, plain(&manifest.app)),
                plain(&manifest.version),
                mode(manifest),
            ))?,
            Err(reason) => screen.line(format_args!(
                "{hash}  {} {}",
                screen.tone(Tone::Bad, "can't be run:"),
                plain(reason)
            ))?,
        }
    }
    Ok(())
}

fn app_json(app: &App) -> Json {
    let manifest = app.manifest.as_ref();
    json!({
        "hash": app.hash, "bytes": app.bytes, "installed": app.installed,
        "app": manifest.ok().map(|manifest| &manifest.app),
        "major": manifest.ok().map(|manifest| manifest.major),
        "version": manifest.ok().map(|manifest| &manifest.version),
        "title": manifest.ok().map(|manifest| &manifest.title),
        "mode": manifest.ok().map(|manifest| mode(manifest)),
        "refused": manifest.err(),
    })
}

fn installed(home: &Home) -> Result<Vec<App>, Failure> {
    let names = home.installed_modules()?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let engine = engine(Some(home.modules_path()))?;
    let app = |name: String| {
        let hash: Option<[u8; 32]> = unhex(&name).and_then(|hash| hash.try_into().ok());
        let wasm = hash
            .ok_or_else(|| Failure::System(format!("{name}.wasm is not named by a hash")))
            .and_then(|hash| home.module(&hash));
        let bytes = wasm.as_ref().map_or(0, Vec::len);
        let manifest = wasm
            .map_err(|failure| failure.to_string())
            .and_then(|wasm| match engine.load(&wasm) {
                Ok(module) => Ok(Arc::new(module.manifest().clone())),
                Err(error) => Err(error.to_string()),
            });
        App {
            hash: name,
            bytes,
            installed: true,
            manifest,
        }
    };
    Ok(names.into_iter().map(app).collect())
}
