//! `synlog audit`.

use std::path::{Path, PathBuf};

use crate::audit::{Audit, Material, ReducerUsed, tell, to_html, to_json, to_text};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::folding::Reducers;
use crate::receipts::Receipt;
use crate::replay::{self, SCRATCH_BYTES_MAX, Wanted};

/// Write the whole history of a topic as a file that others can read and check
///
/// Every entry in the order in which it counts: who signed it, when they say that
/// was, what it says, what became of it and why, who had it by when; then what it
/// all comes to. With --bundle everything follows from a bundle file, replayed by
/// the reducer that the topic names; no data directory is needed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog audit orders
  synlog audit orders --html orders.html          one page, to be read and printed
  synlog audit orders --json | jq '.events[] | select(.outcome==\"rejected\")'
  synlog audit --bundle orders.synlog             as a mediator who has only the file")]
pub(super) struct Args {
    /// Name of the topic, its id, or the front of the id [default: the file's only one]
    #[arg(required_unless_present = "bundle")]
    topic: Option<String>,
    /// Take everything from a bundle file
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Tell what can be erased, too; whoever gets the file then keeps it
    #[arg(long)]
    erasable: bool,
    /// Open what is sealed to you in a bundle file, with the keys of your data directory
    #[arg(long, requires = "bundle")]
    unseal: bool,
    /// Write one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Args {
    /// Whether no store is needed.
    pub(super) fn is_of_bundle(&self) -> bool {
        self.bundle.is_some() && !self.unseal
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let audit = match &args.bundle {
        Some(path) => of_bundle(path, args, setting)?,
        None => {
            let mut node = setting.open()?;
            let topic = node.find_topic(args.topic.as_deref().unwrap_or_default())?;
            let audit = node.audit(&topic, args.erasable)?;
            node.close()?;
            audit
        }
    };
    if let Some(path) = &args.html {
        let file = setting.path(path);
        std::fs::write(&file, to_html(&audit)).map_err(Failure::file(file))?;
        if !screen.is_json() {
            screen.line(path.display())?;
            return Ok(());
        }
    }
    if screen.is_json() {
        return screen.json(&to_json(&audit));
    }
    screen.bytes(to_text(&audit).as_bytes())
}

fn of_bundle(path: &Path, args: &Args, setting: &Setting) -> Result<Audit, Failure> {
    let (topic, erasable) = (args.topic.as_deref(), args.erasable);
    let screen = &setting.screen;
    let opened = replay::open(&setting.path(path), setting.secrets(args.unseal)?)?;
    if !opened.report.is_ok() {
        screen.warn(format_args!(
            "not all in the file is right: see `synlog verify {}`; the audit is of what is",
            path.display()
        ));
    }
    let fits = |topic_report: &&synlog_log::bundle::TopicReport| {
        topic.is_none_or(|name| {
            let genesis = topic_report.order.genesis();
            let named = genesis.and_then(|genesis| genesis.name.as_deref());
            named == Some(name) || topic_report.topic.to_string().starts_with(name)
        })
    };
    let found: Vec<_> = opened.report.topics.iter().filter(fits).collect();
    let [report] = found[..] else {
        let names: Vec<String> = opened
            .report
            .topics
            .iter()
            .map(|report| report.topic.short())
            .collect();
        return Err(Failure::BadName(match names.len() {
            0 => format!("there is no topic in {}", path.display()),
            _ => format!("say which topic of the file: {}", names.join(", ")),
        }));
    };
    let mut reducers = Reducers::new(None)?;
    let order = &report.order;
    let wanted = (Wanted::Rows, SCRATCH_BYTES_MAX);
    let replayed = replay::replay(order, &opened, &mut reducers, wanted);
    // a history without rows is still a history
    let (replayed, problem) = match replayed {
        Err(
            failure @ (Failure::Halted(_) | Failure::BadReducer { .. } | Failure::RowsTooLarge(_)),
        ) => (None, Some(failure.to_string())),
        Ok(replayed) => {
            let waits_for = replayed.as_ref().and_then(|replayed| replayed.waits_for);
            (replayed, replay::stopped(waits_for))
        }
        Err(failure) => return Err(failure),
    };
    let runs: Vec<Vec<u8>> = opened.runs.clone();
    let receipts = opened.report.receipts.iter();
    let receipts = receipts.filter_map(|fact| Receipt::of(fact, Vec::new()));
    Ok(tell(Material {
        order,
        runs: &runs,
        manifest: replayed.as_ref().map(|replayed| &replayed.manifest),
        reducer: replayed.as_ref().map(|replayed| ReducerUsed {
            hash: replayed.chosen.hash,
            version: replayed.manifest.version.clone(),
            pinned_by_topic: replayed.chosen.by_topic,
        }),
        rejections: replayed
            .as_ref()
            .map_or(&[], |replayed| &replayed.rejections),
        rows: replayed.as_ref().map_or(&[], |replayed| &replayed.rows),
        roots: replayed
            .as_ref()
            .map(|replayed| (replayed.digest.sequenced, replayed.digest.tentative)),
        problem,
        erasable,
        receipts: receipts
            .filter(|receipt| receipt.topic == report.topic)
            .collect(),
    }))
}
