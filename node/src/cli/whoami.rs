//! `synlog whoami`.

use serde_json::json;
use synlog_log::identity::Action;

use crate::cli::qr;
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::home::RootForm;
use crate::node::Node;

/// Show your entity, this device and where its data is
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog whoami
  synlog whoami --json | jq -r .entity
  synlog whoami --qr                  your entity id, for a new device to scan")]
pub(super) struct Args {
    /// Show the entity id as a QR code
    #[arg(long)]
    qr: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let (entity, device, name) = (node.entity(), node.device(), own_name(&node));
    let (home, guard, topics) = (
        node.home.clone(),
        node.store.guard(),
        node.store.topics().len(),
    );
    node.close()?;
    let (form, _) = home.root_form();
    let certified = home.device_key_path().exists();
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entity": entity.to_string(),
            "device": certified.then(|| device.to_string()),
            "device_name": name,
            "home": home.path(),
            "root_key_here": form != RootForm::Absent,
            "root_form": form.word(),
            "guard": guard.map(|reason| reason.to_string()),
            "topics": topics,
        }));
    }
    screen.line(format_args!("entity   {entity}"))?;
    if certified {
        screen.line(format_args!("device   {device}  {}", plain(&name)))?;
    } else {
        screen.line("device   none: restored from a backup (`synlog recover` makes one)")?;
    }
    screen.line(format_args!("data     {}", home.path().display()))?;
    screen.line(format_args!("topics   {topics}"))?;
    let root = match form {
        RootForm::Plain => "open on this machine: `synlog root lock` or `synlog root remove`",
        RootForm::Locked => "on this machine, under a passphrase",
        RootForm::Absent => "not on this machine",
    };
    screen.line(format_args!("root key {root}"))?;
    if let Some(reason) = guard {
        screen.line(format_args!("guard    this device must not sign: {reason}"))?;
    }
    if args.qr {
        screen.flush()?;
        qr::show(&entity.to_string().to_uppercase(), true, screen);
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
