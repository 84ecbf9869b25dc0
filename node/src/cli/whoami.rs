//! `synlog whoami`.

use serde_json::json;
use synlog_log::identity::Action;

use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::node::Node;

/// Show your entity, this device and where its data is
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog whoami
  synlog whoami --json | jq -r .entity")]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_: &Args, setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let (entity, device, name) = (node.entity(), node.device(), own_name(&node));
    let (home, guard, topics) = (
        node.home.clone(),
        node.store.guard(),
        node.store.topics().len(),
    );
    node.close()?;
    let root_here = home.root_key_path().exists();
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entity": entity.to_string(),
            "device": device.to_string(),
            "device_name": name,
            "home": home.path(),
            "root_key_here": root_here,
            "guard": guard.map(|reason| reason.to_string()),
            "topics": topics,
        }));
    }
    screen.line(format_args!("entity   {entity}"))?;
    screen.line(format_args!("device   {device}  {}", plain(&name)))?;
    screen.line(format_args!("data     {}", home.path().display()))?;
    screen.line(format_args!("topics   {topics}"))?;
    let root = if root_here {
        "on this machine: copy it to a safe place and remove it here"
    } else {
        "not on this machine"
    };
    screen.line(format_args!("root key {root}"))?;
    if let Some(reason) = guard {
        screen.line(format_args!("guard    this device must not sign: {reason}"))?;
    }
    Ok(())
}

/// The name that this device's certificate gives it.
pub(super) fn own_name(node: &Node) -> String {
    let certify = node
        .certificate()
        .map(|certificate| certificate.certify.statement.action);
    match certify {
        Some(Action::Certify { name, .. }) => name,
        _ => String::new(),
    }
}
