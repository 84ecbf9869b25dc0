//! `synlog device add`.

use std::io::BufRead;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::device::passed_on;
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::qr;
use crate::cli::screen::{count, plain};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::home::write_secret;
use crate::identity::enrolment::read_request;

/// Certify a new device that asked, and print the answer for it
///
/// Whoever's request you certify acts as you. Compare the four words with those
/// on the new machine: they tell whether it is its request that reached you. The
/// answer holds your identity log, and, sealed to the new device alone, your
/// encryption keys and the list of your topics. Needs the root key.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog device add SYNLOG:DEVICE-REQUEST:AH3…
  synlog device add request.txt --yes --out answer.txt
  synlog device add - --yes < request.txt | ssh phone synlog device accept -")]
pub(super) struct Args {
    /// The text, a file that holds it, or - for standard input
    request: String,
    /// The words were compared
    #[arg(long)]
    yes: bool,
    /// Write the answer to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show a QR code, also where the output is no terminal
    #[arg(long)]
    qr: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let (signed, check) = read_request(&passed_on(&args.request, setting)?)?;
    if !args.yes {
        compared(&signed.request.name, &check, setting)?;
    }
    let answered = args
        .passphrase
        .with_node(setting, |node| node.answer(&signed, now_ms()))?;
    if let Some(file) = &args.out {
        write_secret(
            &setting.path(file),
            format!("{}\n", answered.text).as_bytes(),
        )?;
    }
    if screen.is_json() {
        return screen.json(&json!({
            "device": answered.device.to_string(),
            "device_name": answered.name,
            "number": answered.number,
            "again": answered.again,
            "check": check,
            "encryption": answered.encryption,
            "topics": answered.topics,
            "answer": answered.text,
        }));
    }
    if args.out.is_none() {
        screen.line(&answered.text)?;
        screen.flush()?;
        qr::show(&answered.text, args.qr, screen);
    }
    let done = if answered.again {
        "was certified before; here is the answer again"
    } else {
        "is a device of yours now"
    };
    screen.note(format_args!(
        "{} {} {done}; the answer names {}.",
        answered.device.short(),
        plain(&answered.name),
        count(answered.topics, "topic", "topics")
    ));
    screen.note(
        "On the new machine: synlog device accept TEXT. Then bring it a bundle of your topics.",
    );
    Ok(())
}

fn compared(name: &str, check: &str, setting: &Setting) -> Result<(), Failure> {
    if !setting.has_terminal() {
        return Err(Failure::Usage(format!(
            "compare the words of the request, {check:?}, with those on the new machine, then say --yes"
        )));
    }
    let screen = &setting.screen;
    screen.note(format_args!(
        "The device {} asks to act as you.",
        plain(name)
    ));
    eprint!("Does the new machine show the words \"{check}\"? [y/N] ");
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut typed)
        .map_err(|error| Failure::System(error.to_string()))?;
    if matches!(typed.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::NoEffect("nothing was certified".into()))
    }
}
