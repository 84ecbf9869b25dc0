//! `synlog init`.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::input::device_name;
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::cli::words;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::home::RootForm;
use crate::node::Node;

/// Make your keys and an empty store
///
/// Makes two keys. The ROOT key is your identity: its public half is your
/// entity id, and it certifies devices. It is shown once as 24 recovery words
/// to be written on paper, and kept here under a passphrase where you give one.
/// The DEVICE key signs what you write here and never leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog init --name laptop
  synlog init --name laptop --words-file /media/stick/words --passphrase-file pass
  synlog --home /media/stick/synlog init --name stick")]
pub(super) struct Args {
    /// What others see this device called
    #[arg(long, default_value = "device", value_name = "NAME", value_parser = device_name)]
    name: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Write the recovery words to a new file instead of showing them
    #[arg(long, value_name = "FILE", conflicts_with = "no_words")]
    words_file: Option<PathBuf>,
    /// Don't show the recovery words; `synlog root words` does later
    #[arg(long)]
    no_words: bool,
    /// With --json: put the recovery words into the answer
    #[arg(long)]
    words: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    if home.exists() {
        return Err(Failure::HomeExists(home.path().to_path_buf()));
    }
    let words_file = args.words_file.as_deref();
    if let Some(file) = words_file {
        words::new_file(file, setting)?;
    }
    let passphrase = args.passphrase.fresh("the root key", setting)?;
    let node = Node::init_locked(home, &args.name, passphrase.as_ref(), now_ms())?;
    let (entity, device, root) = (node.entity(), node.device(), node.root()?);
    let home = node.home.clone();
    node.close()?;
    if let Some(file) = words_file {
        words::write(&root, file, setting)?;
    }
    let (form, root_path) = home.root_form();
    let screen = &setting.screen;
    if screen.is_json() {
        let mut answer = json!({
            "entity": entity.to_string(),
            "device": device.to_string(),
            "device_name": args.name,
            "home": home.path(),
            "root_key": root_path,
            "root_form": form.word(),
            "device_key": home.device_key_path(),
        });
        if args.words {
            answer["words"] = json!(words::list(&root));
        }
        return screen.json(&answer);
    }
    screen.line(format_args!("entity  {entity}"))?;
    screen.line(format_args!("device  {device}  {}", plain(&args.name)))?;
    screen.flush()?;
    screen.note("");
    screen.note(
        "The entity id is you, on whatever device: give it to those who shall grant you a role.",
    );
    screen.note("The device id is the key of this machine; entries are signed by it.");
    match words_file {
        Some(file) => screen.note(format_args!(
            "Your recovery words are in {}: take them to a safe place.",
            file.display()
        )),
        None if args.no_words => screen.note("`synlog root words` shows your recovery words."),
        None => words::show(&root, screen),
    }
    screen.note("");
    screen.note(format_args!("Your root key is in {}", root_path.display()));
    if form == RootForm::Locked {
        screen.note("It opens with your passphrase.");
    } else {
        screen.warn(
            "the root key lies open in this file, and whoever reads it is you: lock it with `synlog root lock`, or take it off this machine with `synlog root remove` once the words are safe",
        );
    }
    screen.note("You need it to add and revoke devices, and for `synlog device renew`.");
    Ok(())
}
