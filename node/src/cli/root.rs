//! `synlog root …`.

use std::io::BufRead;
use std::path::PathBuf;

use age::secrecy::SecretString;
use clap::Subcommand;
use serde_json::json;
use synlog_log::ids::hex;
use synlog_log::keys::SecretKey;

use crate::cli::device::{tell, told_json};
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Progress;
use crate::cli::screen::count;
use crate::cli::setting::Setting;
use crate::cli::words;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::home::{Home, RootForm, RootSlot, write_secret};
use crate::identity::lock::lock;

/// Look after your root key: lock it, take it off this machine, bring it back, change it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    Words(WordsArgs),
    Lock(LockArgs),
    Unlock(UnlockArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Remove(RemoveArgs),
    Rotate(RotateArgs),
}

/// Say where the root key is and how it is kept
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root show")]
struct ShowArgs {}

/// Show the recovery words of the root key
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root words
  synlog root words --words-file /media/stick/words")]
struct WordsArgs {
    /// Write them to a new file instead
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Put the root key under a passphrase, or under another one
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root lock
  synlog root lock --passphrase-file old --new-passphrase-file new")]
struct LockArgs {
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// File with the new passphrase, where the key is locked already
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// Keep the root key without a passphrase
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root unlock")]
struct UnlockArgs {
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Copy the root key to a file, on a stick for example
///
/// The copy is locked if the key here is. `synlog root import` and `synlog
/// recover --root-file` read it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root export /media/stick/root.key")]
struct ExportArgs {
    /// The new file
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Bring the root key back to this machine
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root import /media/stick/root.key
  synlog root import --words-file words")]
struct ImportArgs {
    /// A file that `synlog root export` wrote
    #[arg(conflicts_with = "words_file")]
    file: Option<PathBuf>,
    /// File with the recovery words, - for standard input [default: typed at the terminal]
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Take the root key off this machine
///
/// The words must be safe elsewhere: on a terminal two of them are asked for.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root remove
  synlog root remove --words-file words
  synlog root remove --yes")]
struct RemoveArgs {
    /// A file with the words, to show that they are safe
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    /// They are safe
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Make a new root key in place of this one
///
/// Your entity id stays. The old key certifies the new one and nothing more
/// from then on; your devices get new certificates; what was signed before
/// counts as before. Needed where somebody may have seen the words or the key.
/// You get new recovery words: the old ones certify nothing any more.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog root rotate
  synlog root rotate --words-file /media/stick/new-words --json")]
struct RotateArgs {
    /// Write the new recovery words to a new file instead of showing them
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    /// With --json: put the recovery words into the answer
    #[arg(long)]
    words: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Show(_) => show(setting),
        Command::Words(args) => show_words(args, setting),
        Command::Lock(args) => lock_it(args, setting),
        Command::Unlock(args) => unlock_it(args, setting),
        Command::Export(args) => export(args, setting),
        Command::Import(args) => import(args, setting),
        Command::Remove(args) => remove(args, setting),
        Command::Rotate(args) => rotate(args, setting),
    }
}

/// The root key of the node here, its directory, and the passphrase that opened it.
type Opened = (SecretKey, Home, Option<SecretString>);

fn opened(passphrase: &PassphraseArgs, setting: &Setting) -> Result<Opened, Failure> {
    passphrase.with_node(setting, |node| {
        let root = node.root()?;
        let opened_by = node.home.passphrase().that_opened();
        Ok((root, node.home.clone(), opened_by))
    })
}

fn say(setting: &Setting, home: &Home, done: &str) -> Result<(), Failure> {
    let screen = &setting.screen;
    let (form, path) = home.root_form();
    if screen.is_json() {
        return screen.json(&json!({ "root_form": form.word(), "root_key": path }));
    }
    screen.note(done);
    Ok(())
}

fn show(setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let log = node.identities.get(&node.entity()).cloned();
    let (entity, home) = (node.entity(), node.home.clone());
    node.close()?;
    let (form, path) = home.root_form();
    let public = log.as_ref().map_or(entity.0, |log| log.root());
    let rotations = log.as_ref().map_or(0, |log| log.rotations().len());
    let statements = log.as_ref().map_or(0, |log| log.statements().count());
    let conflicts = log.as_ref().map_or(0, |log| log.conflicts().len());
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entity": entity.to_string(),
            "root": hex(&public),
            "root_form": form.word(),
            "root_key": path,
            "rotations": rotations,
            "statements": statements,
            "conflicts": conflicts,
        }));
    }
    screen.line(format_args!("root key    {}", hex(&public)))?;
    screen.line(match form {
        RootForm::Plain => format!("kept        open, in {}", path.display()),
        RootForm::Locked => format!("kept        under a passphrase, in {}", path.display()),
        RootForm::Absent => "kept        not on this machine".to_owned(),
    })?;
    screen.line(format_args!("rotations   {rotations}"))?;
    screen.line(format_args!("statements  {statements}"))?;
    if conflicts > 0 {
        screen.warn(format_args!(
            "your identity log is divided: {} share their number with another one",
            count(conflicts as u64, "statement", "statements")
        ));
    }
    Ok(())
}

fn show_words(args: &WordsArgs, setting: &Setting) -> Result<(), Failure> {
    let (root, home, _) = opened(&args.passphrase, setting)?;
    let screen = &setting.screen;
    if let Some(file) = &args.words_file {
        words::write(&root, file, setting)?;
        return say(setting, &home, "The words are in the file.");
    }
    if screen.is_json() {
        return screen.json(&json!({ "words": words::list(&root) }));
    }
    for line in words::text(&root).lines() {
        screen.line(line)?;
    }
    Ok(())
}

fn lock_it(args: &LockArgs, setting: &Setting) -> Result<(), Failure> {
    let locked = setting.home()?.root_form().0 == RootForm::Locked;
    let (root, home, fresh) = if locked {
        let (root, home, _) = opened(&args.passphrase, setting)?;
        (
            root,
            home,
            PassphraseArgs::named(args.new_passphrase_file.clone()),
        )
    } else {
        let none = PassphraseArgs::named(None);
        let (root, home, _) = opened(&none, setting)?;
        let named = args.new_passphrase_file.clone();
        let fresh = named.map_or(args.passphrase.clone(), |file| {
            PassphraseArgs::named(Some(file))
        });
        (root, home, fresh)
    };
    let passphrase = fresh.needed("the root key", setting)?;
    home.write_root(RootSlot::Current, &root, Some(&passphrase))?;
    say(
        setting,
        &home,
        "The root key opens with the passphrase from now on.",
    )
}

fn unlock_it(args: &UnlockArgs, setting: &Setting) -> Result<(), Failure> {
    let (root, home, _) = opened(&args.passphrase, setting)?;
    home.write_root(RootSlot::Current, &root, None)?;
    say(setting, &home, "The root key lies open here from now on.")
}

fn export(args: &ExportArgs, setting: &Setting) -> Result<(), Failure> {
    let file = words::new_file(&args.file, setting)?;
    let (root, home, passphrase) = opened(&args.passphrase, setting)?;
    let text = root.to_file();
    let bytes = match passphrase {
        Some(passphrase) => lock(text.as_bytes(), &passphrase)
            .map_err(|error| Failure::System(error.to_string()))?,
        None => text.into_bytes(),
    };
    write_secret(&file, &bytes)?;
    say(setting, &home, "The root key was copied.")
}

fn import(args: &ImportArgs, setting: &Setting) -> Result<(), Failure> {
    let words = match &args.file {
        Some(_) => None,
        None => Some(words::read(args.words_file.as_deref(), setting)?),
    };
    let (root, home, opened_by) = args.passphrase.with_node(setting, |node| {
        let root = match (&args.file, words) {
            (Some(file), _) => node.home.read_root_file(&setting.path(file))?,
            (None, Some(root)) => root,
            (None, None) => node.root()?,
        };
        let log = node.identities.get(&node.entity());
        if log.is_some_and(|log| log.root() != root.public()) {
            let from = args.file.clone().or(args.words_file.clone());
            return Err(Failure::OtherRoot(from.unwrap_or_else(|| "this".into())));
        }
        let opened_by = node.home.passphrase().that_opened();
        Ok((root, node.home.clone(), opened_by))
    })?;
    let passphrase = match opened_by {
        Some(passphrase) => Some(passphrase),
        None => args.passphrase.fresh("the root key", setting)?,
    };
    home.write_root(RootSlot::Current, &root, passphrase.as_ref())?;
    say(setting, &home, "The root key is back.")
}

fn remove(args: &RemoveArgs, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    if !args.yes && args.words_file.is_none() && !setting.has_terminal() {
        return Err(Failure::Usage(
            "show that the recovery words are safe with --words-file FILE, or say --yes".into(),
        ));
    }
    if !args.yes {
        let (root, ..) = opened(&args.passphrase, setting)?;
        let safe = match &args.words_file {
            Some(file) => words::read(Some(file), setting)?.public() == root.public(),
            None => asked_for_two(&root)?,
        };
        if !safe {
            return Err(Failure::Usage(
                "these are not the words of this root key: nothing was removed".into(),
            ));
        }
    } else {
        // there must be a node, at least
        setting.open()?.close()?;
    }
    home.remove_root()?;
    say(
        setting,
        &home,
        "The root key is not on this machine any more. Storage may keep what was deleted for a while: lock a key before you remove it.",
    )
}

/// Asks for two of the words.
fn asked_for_two(root: &SecretKey) -> Result<bool, Failure> {
    let words = words::list(root);
    // which ones follows from the key, so that they are not the first two each time
    let public = root.public();
    let first = usize::from(public[0]) % 12;
    for at in [first, 12 + usize::from(public[1]) % 12] {
        eprint!("Word {} of your recovery words: ", at + 1);
        let mut typed = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut typed)
            .map_err(|error| Failure::System(error.to_string()))?;
        if words.get(at).copied() != Some(typed.trim().to_lowercase().as_str()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn rotate(args: &RotateArgs, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    if let Some(file) = &args.words_file {
        words::new_file(file, setting)?;
    }
    let mut progress = Progress::new(screen, "telling topics");
    let (rotated, home) = args.passphrase.with_node(setting, |node| {
        node.root()?;
        let passphrase = node.home.passphrase().that_opened();
        let mut step = |done, total| progress.update(done, total, "");
        let rotated = node.rotate_root(passphrase.as_ref(), now_ms(), &mut step)?;
        Ok((rotated, node.home.clone()))
    })?;
    drop(progress);
    if let Some(file) = &args.words_file {
        words::write(&rotated.root, file, setting)?;
    }
    let public = hex(&rotated.root.public());
    if screen.is_json() {
        let mut answer = told_json(&rotated.told);
        answer["root"] = json!(public);
        answer["number"] = json!(rotated.number);
        answer["resumed"] = json!(rotated.resumed);
        let certified = rotated.certified.iter().map(ToString::to_string);
        answer["certified"] = json!(certified.collect::<Vec<_>>());
        answer["root_form"] = json!(home.root_form().0.word());
        if args.words {
            answer["words"] = json!(words::list(&rotated.root));
        }
        return screen.json(&answer);
    }
    screen.line(format_args!("root key  {public}"))?;
    screen.flush()?;
    if rotated.resumed {
        screen.note("An earlier rotation had been interrupted; it is done now.");
    }
    let devices = count(rotated.certified.len() as u64, "device has", "devices have");
    screen.note(format_args!("{devices} a certificate by the new root key."));
    tell(&rotated.told, screen);
    if args.words_file.is_none() {
        words::show(&rotated.root, screen);
    }
    screen.note("The old words certify nothing any more. Give your other devices a bundle, so that they know.");
    Ok(())
}
