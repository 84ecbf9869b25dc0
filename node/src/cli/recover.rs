//! `synlog recover`.

use std::path::PathBuf;

use age::secrecy::SecretString;
use serde_json::{Value as Json, json};
use synlog_log::keys::SecretKey;

use crate::cli::device::told_json;
use crate::cli::input::device_name;
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Progress;
use crate::cli::screen::{count, plain};
use crate::cli::setting::Setting;
use crate::cli::words;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::home::{Home, RootSlot};
use crate::identity::recovery::{Before, Recovered, recover};

/// Make a device of yours out of your recovery words
///
/// For a new machine when the others are lost, or after `synlog restore`. The
/// words are your root key; what the key has said before (which devices there
/// are) must be known, too, or two of its statements get one number and your
/// identity is divided for all to see: bring a bundle of any topic of yours
/// with --from, or restore a backup first. What others wrote to you comes back
/// from them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog recover --words-file words --from orders.synlog --name laptop-2
  synlog restore /media/disk/backup && synlog recover
  synlog recover --first              a root key that was never used")]
pub(super) struct Args {
    /// File with the recovery words, - for standard input [default: typed at the terminal]
    #[arg(long, value_name = "FILE", conflicts_with = "root_file")]
    words_file: Option<PathBuf>,
    /// A root key file, locked or not, instead of the words
    #[arg(long, value_name = "FILE")]
    root_file: Option<PathBuf>,
    /// Bundles that tell what the root key has said before
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// The root key has said nothing before, or all of it is lost
    #[arg(long)]
    first: bool,
    /// What others see the new device called
    #[arg(long, default_value = "device", value_name = "NAME", value_parser = device_name)]
    name: String,
    /// Keep the root key on this machine
    #[arg(long)]
    keep_root: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = args.passphrase.arm(setting.home()?, setting)?;
    if home.exists() && home.restored_note()?.is_none() {
        return Err(Failure::HomeExists(home.path().to_path_buf()));
    }
    let root = match &args.root_file {
        Some(file) => home.read_root_file(file)?,
        None => words::read(args.words_file.as_deref(), setting)?,
    };
    let before = if args.first {
        Before::Nothing
    } else {
        Before::Known
    };
    let lock = if args.keep_root {
        args.passphrase.fresh("the root key", setting)?
    } else {
        None
    };
    let kept = args.keep_root.then_some(lock.as_ref());
    device_again(home, root, &args.name, &args.from, before, kept, setting)
}

/// Makes the device and tells of it. `keep` says whether the root key stays here, and
/// under which passphrase.
pub(super) fn device_again(
    home: Home,
    root: SecretKey,
    name: &str,
    from: &[PathBuf],
    before: Before,
    keep: Option<Option<&SecretString>>,
    setting: &Setting,
) -> Result<(), Failure> {
    let screen = &setting.screen;
    let mut progress = Progress::new(screen, "telling topics");
    let mut step = |done, total| progress.update(done, total, "");
    let (node, recovered) = recover(
        home.clone(),
        root.clone(),
        name,
        from,
        before,
        now_ms(),
        &mut step,
    )?;
    let topics = node.store.topics().len();
    node.close()?;
    drop(progress);
    if let Some(passphrase) = keep {
        home.write_root(RootSlot::Current, &root, passphrase)?;
    }
    if screen.is_json() {
        return screen.json(&answer(&recovered, name, topics, &home));
    }
    screen.line(format_args!("entity  {}", recovered.entity))?;
    screen.line(format_args!(
        "device  {}  {}",
        recovered.device,
        plain(name)
    ))?;
    screen.flush()?;
    match recovered.known {
        Some((number, at_ms)) => screen.note(format_args!(
            "Before it the root key was known to have said {}, the last on {}.",
            count(number + 1, "statement", "statements"),
            crate::instant::to_text(at_ms)
        )),
        None if recovered.number == 0 => {
            screen.note("This is the first thing that the root key is known to have said.");
        }
        None => {}
    }
    screen.note("If it said more since, elsewhere, two of its statements have one number: others");
    screen.note("see both. Bring bundles of what is newer before you recover.");
    if let Some((old, told)) = &recovered.replaced {
        screen.note(format_args!(
            "In place of {}: took over {}.",
            old.short(),
            count(told.taken_over.len() as u64, "topic", "topics")
        ));
        crate::cli::device::tell(told, screen);
    }
    for (device, name) in &recovered.others {
        screen.note(format_args!(
            "Also yours: {} {}. If it is lost: synlog device lost {}",
            device.short(),
            plain(name),
            device.short()
        ));
    }
    Ok(())
}

fn answer(recovered: &Recovered, name: &str, topics: usize, home: &Home) -> Json {
    let others = recovered.others.iter();
    let others = others.map(|(id, name)| json!({ "device": id.to_string(), "name": name }));
    json!({
        "entity": recovered.entity.to_string(),
        "device": recovered.device.to_string(),
        "device_name": name,
        "number": recovered.number,
        "known": recovered.known.map(|(number, at_ms)| json!({ "number": number, "issued_ms": at_ms })),
        "others": others.collect::<Vec<_>>(),
        "topics": topics,
        "replaced": recovered.replaced.as_ref().map(|(old, told)| {
            let mut told = told_json(told);
            told["device"] = json!(old.to_string());
            told
        }),
        "home": home.path(),
        "root_form": home.root_form().0.word(),
    })
}
