//! `synlog device request`.

use serde_json::json;
use synlog_log::ids::EntityId;

use crate::cli::input::device_name;
use crate::cli::qr;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::identity::enrolment;

/// On a new machine: ask to become a device of yours
///
/// Makes the key of this machine and prints a text that asks for a certificate.
/// Run `synlog device add` with the text where your root key is. Running it
/// again prints the same text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device request --for 5f0c…e1 --name phone
  synlog device request --for 5f0c…e1 --name phone > request.txt

Your entity id is shown by `synlog whoami` on any of your devices, with --qr as
a code.")]
pub(super) struct Args {
    /// Your entity id, whole
    #[arg(long = "for", value_name = "ENTITY")]
    entity: EntityId,
    /// What others see this device called
    #[arg(long, default_value = "device", value_name = "NAME", value_parser = device_name)]
    name: String,
    /// Show a QR code, also where the output is no terminal
    #[arg(long)]
    qr: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    let asked = enrolment::request(&home, args.entity, &args.name)?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entity": args.entity.to_string(),
            "device": asked.request.device.to_string(),
            "device_name": args.name,
            "check": asked.check,
            "request": asked.text,
        }));
    }
    screen.line(&asked.text)?;
    screen.flush()?;
    qr::show(&asked.text, args.qr, screen);
    screen.note(format_args!(
        "Words to compare on the other machine: {}",
        asked.check
    ));
    screen.note(
        "There: synlog device add TEXT. Then, with its answer, here: synlog device accept TEXT",
    );
    Ok(())
}
