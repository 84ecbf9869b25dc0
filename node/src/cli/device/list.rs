//! `synlog device list`.

use serde_json::json;
use synlog_log::identity::{Action, IdentityLog};
use synlog_log::ids::DeviceId;

use crate::cli::screen::{Tone, count, plain};
use crate::cli::setting::Setting;
use crate::failure::Failure;

/// List the devices of your entity
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device list
  synlog device list --json | jq '.devices[] | select(.revoked)'")]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn list(setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let (this, log) = (node.device(), node.identities.get(&node.entity()).cloned());
    node.close()?;
    let screen = &setting.screen;
    let certified = log
        .iter()
        .flat_map(IdentityLog::statements)
        .filter_map(|signed| match &signed.statement.action {
            Action::Certify { device, name, .. } => {
                Some((*device, name.clone(), signed.statement.issued_ms))
            }
            _ => None,
        });
    let revoked = |device: &DeviceId| log.as_ref().is_some_and(|log| log.is_revoked(device));
    let mut latest: Vec<(DeviceId, String, u64)> = Vec::new();
    for (device, name, since_ms) in certified {
        // after a rotation of the root it is certified again
        match latest.iter_mut().find(|(known, ..)| *known == device) {
            Some(known) => known.1 = name,
            None => latest.push((device, name, since_ms)),
        }
    }
    let mut rows = Vec::new();
    for (device, name, since_ms) in latest {
        let (is_this, is_revoked) = (device == this, revoked(&device));
        if !screen.is_json() {
            let note = match (is_this, is_revoked) {
                (true, false) => screen.tone(Tone::Good, "this device"),
                (true, true) => screen.tone(Tone::Bad, "this device, revoked"),
                (false, true) => screen.tone(Tone::Dim, "revoked"),
                (false, false) => String::new(),
            };
            let since = crate::instant::to_text(since_ms);
            screen.line(format_args!(
                "{}  {since}  {}  {note}",
                device.short(),
                plain(&name)
            ))?;
        }
        rows.push(json!({
            "device": device.to_string(),
            "name": name,
            "certified_ms": since_ms,
            "revoked": is_revoked,
            "this": is_this,
        }));
    }
    let conflicts = log.as_ref().map_or(&[][..], IdentityLog::conflicts);
    if screen.is_json() {
        let conflicts = conflicts
            .iter()
            .map(|conflict| conflict.kept.statement.number);
        let conflicts: Vec<u64> = conflicts.collect();
        screen.json(&json!({ "devices": rows, "conflicts": conflicts }))?;
    } else if !conflicts.is_empty() {
        let number = count(conflicts.len() as u64, "statement", "statements");
        screen.flush()?;
        screen.warn(format_args!(
            "the root key signed two different things under one number, for {number}: was it used in two places at once?"
        ));
    }
    Ok(())
}
