//! `synlog init`.

use serde_json::json;

use crate::cli::input::device_name;
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::node::Node;

/// Make your keys and an empty store
///
/// Makes two keys. The ROOT key is your identity: its public half is your
/// entity id, and it certifies devices. Copy it to a stick or a safe place and
/// remove it from this machine; it is needed again only to renew a device. The
/// DEVICE key signs what you write here and never leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog init --name laptop
  synlog --home /media/stick/synlog init --name stick")]
pub(super) struct Args {
    /// What others see this device called
    #[arg(long, default_value = "device", value_name = "NAME", value_parser = device_name)]
    name: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let node = Node::init(setting.home()?, &args.name, now_ms())?;
    let (entity, device) = (node.entity(), node.device());
    let home = node.home.clone();
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entity": entity.to_string(),
            "device": device.to_string(),
            "device_name": args.name,
            "home": home.path(),
            "root_key": home.root_key_path(),
            "device_key": home.device_key_path(),
        }));
    }
    screen.line(format_args!("entity  {entity}"))?;
    screen.line(format_args!("device  {device}  {}", plain(&args.name)))?;
    screen.flush()?;
    screen.note("");
    screen.note(
        "The entity id is you, on whatever device: give it to those who shall grant you a role.",
    );
    screen.note("The device id is the key of this machine; entries are signed by it.");
    screen.note("");
    screen.note(format_args!(
        "Your root key is in {}",
        home.root_key_path().display()
    ));
    screen.note("Copy it to a stick or a safe, then remove it here. Whoever has it is you.");
    screen.note("You need it again only for `synlog device renew`.");
    Ok(())
}
