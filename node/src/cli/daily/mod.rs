//! Commands that apps bring along, as `synlog order request`: made from their
//! manifests, so a new app needs no code here.

mod filling;
pub(crate) mod given;
mod shape;
mod values;

use std::path::Path;

use clap::ArgMatches;
use serde_json::json;
use synlog_log::fold::{EventKind, Manifest};
use synlog_log::limits::BLOB_MAX;
use synlog_views::Preview;

use crate::apps;
use crate::cli::setting::Setting;
use crate::failure::Failure;

pub(super) use shape::commands;
use values::Files;

/// Runs a command of an app, if it is one. `name` is its first word.
pub(super) fn run(
    name: &str,
    matches: &ArgMatches,
    setting: &Setting,
) -> Option<Result<(), Failure>> {
    let (command, matches) = match matches.subcommand() {
        Some((second, matches)) => (format!("{name} {second}"), matches),
        None => (name.to_owned(), matches),
    };
    let (manifest, event) = find(&command)?;
    Some(write(manifest, event, matches, setting))
}

fn find(command: &str) -> Option<(&'static Manifest, &'static EventKind)> {
    apps::pinned().iter().find_map(|app| {
        let mut events = app.manifest.events.iter();
        let event = events.find(|event| event.command.as_deref() == Some(command))?;
        Some((&*app.manifest, event))
    })
}

fn write(
    manifest: &Manifest,
    event: &EventKind,
    matches: &ArgMatches,
    setting: &Setting,
) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let named: &String = matches
        .get_one("topic")
        .ok_or_else(|| Failure::Usage("say in which topic".to_owned()))?;
    let topic = node.find_topic(named)?;
    let app = node
        .order(&topic)?
        .genesis()
        .map(|genesis| genesis.app.clone());
    if app.as_deref() != Some(&manifest.app) {
        let app = app.unwrap_or_default();
        return Err(Failure::Usage(format!(
            "{named} is a topic of the app {app:?}; this command is for {:?}",
            manifest.app
        )));
    }
    let read = |path: &str| setting.read_up_to(Path::new(path), BLOB_MAX);
    let dry_run = matches.get_flag("dry-run");
    let files = Files {
        read: &read,
        keeps: !dry_run,
    };
    let filled = filling::fill(&mut node, &topic, event, matches, &files)?;
    let force = matches.get_flag("force");
    if dry_run {
        let payload = node.payload(&filled.event)?;
        Failure::of_verdict(node.preview(&topic, &payload)?)?;
        let preview = node.rehearse(&topic, &filled.event)?;
        node.close()?;
        let body = crate::json::to_json(&filled.event.body);
        return setting.screen.json(&json!({
            "kind": filled.event.kind,
            "body": body,
            "evidence": filled.event.evidence.len(),
            "verdict": match &preview {
                Preview::Accepted => "accepted",
                Preview::Rejected { code, .. } => code,
            },
        }));
    }
    let written = node.write_checked(&topic, &filled.event, force)?;
    node.close()?;
    super::append::told(&written, &setting.screen)?;
    filled
        .secrets
        .iter()
        .for_each(|secret| setting.screen.note(secret));
    Ok(())
}
