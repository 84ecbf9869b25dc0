//! `synlog bench`: what this machine makes of the targets.
//!
//! A number alone says more about the machine than about synlog. So wherever
//! there is a floor under the work (the bare hashes, the bare signatures, the
//! bare write and sync), it is measured in the same run, in turns with the work
//! itself, and the ratio is what counts. Each case runs in a process of its
//! own, so that the memory of one does not show in another.

mod admission;
mod append;
mod bundles;
mod floor;
mod fold;
mod ingest;
mod inputs;
mod late;
mod live;
mod meter;
mod opening;
mod pages;
mod relay;
mod rows;
mod station;
mod sync;
mod table;
mod tallies;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use synlog_log::disk::RealDisk;

use crate::failure::Failure;
pub use relay::bare as bare_relay;
use table::Row;

/// What to measure and where.
#[derive(Debug, Clone, Default)]
pub struct BenchOptions {
    /// A tenth of the work: to see that it runs, and roughly how fast.
    pub quick: bool,
    /// Print one JSON document instead of a table.
    pub json: bool,
    /// Only the cases whose name begins so.
    pub only: Option<String>,
    /// Where the files go; what is synced is synced there. Default: a new
    /// directory in the current one, removed at the end.
    pub dir: Option<PathBuf>,
    /// Measure this one case in this process and print its rows, one JSON
    /// object a line. This is how a bench starts its cases: by running its own
    /// program with `bench --case NAME --dir DIR [--quick]`.
    pub case: Option<String>,
}

/// What a case is given.
pub(crate) struct Stage {
    /// Directory for its files. Those of the cases before are still there.
    dir: PathBuf,
    quick: bool,
}

impl Stage {
    /// A number of things to do: a tenth of it where it must be quick.
    fn scaled(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    fn disk(&self, name: &str) -> Result<RealDisk, Failure> {
        let path = self.dir.join(name);
        RealDisk::new(&path).map_err(Failure::file(path))
    }
}

type Case = fn(&Stage) -> Result<Vec<Row>, Failure>;

/// The cases in the order in which they run: `open` opens what `ingest` wrote.
const CASES: [(&str, Case); 18] = [
    ("admission", admission::run),
    ("ingest-one-feed", ingest::one_feed),
    ("ingest-many-feeds", ingest::many_feeds),
    ("open-one-feed", opening::one_feed),
    ("open-many-feeds", opening::many_feeds),
    ("append-one", append::one),
    ("append-hundred", append::hundred),
    ("bundle", bundles::run),
    ("fold-engine", fold::run),
    ("fold-rows", rows::run),
    ("fold-late", late::run),
    ("fold-replay", late::replay),
    ("sync-meetings", sync::meetings),
    ("sync-initial", sync::initial),
    ("sync-nodes", live::nodes),
    ("sync-filled", live::filled),
    ("pages", pages::pages),
    ("relay", relay::throughput),
];

/// Runs the cases and prints what they measured. An error only where something
/// could not be measured; a missed target is a row of the table.
pub fn run(options: &BenchOptions, out: &mut dyn Write) -> Result<(), Failure> {
    let unwritable = Failure::file("standard output");
    if let Some(name) = &options.case {
        let rows = run_here(name, options)?;
        return table::lines(&rows, out).map_err(unwritable);
    }
    let (dir, ours) = match &options.dir {
        Some(dir) => (dir.clone(), false),
        None => (
            PathBuf::from(format!("synlog-bench-{}", std::process::id())),
            true,
        ),
    };
    let wanted: Vec<&str> = CASES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| {
            options
                .only
                .as_deref()
                .is_none_or(|only| name.starts_with(only))
        })
        .collect();
    if wanted.is_empty() {
        let names = CASES.map(|(name, _)| name).join(", ");
        return Err(Failure::Usage(format!(
            "there is no such case; there are {names}"
        )));
    }
    let mut rows = Vec::new();
    let mut result = Ok(());
    for name in wanted {
        match run_apart(name, &dir, options.quick) {
            Ok(more) => rows.extend(more),
            Err(failure) => {
                result = Err(failure);
                break;
            }
        }
    }
    if ours && dir.exists() {
        std::fs::remove_dir_all(&dir).map_err(Failure::file(&dir))?;
    }
    result?;
    let printed = if options.json {
        table::json(&rows, out)
    } else {
        table::text(&rows, out)
    };
    printed.map_err(unwritable)
}

fn run_here(name: &str, options: &BenchOptions) -> Result<Vec<Row>, Failure> {
    let case = CASES.iter().find(|(known, _)| *known == name);
    let (Some((_, case)), Some(dir)) = (case, &options.dir) else {
        return Err(Failure::Usage(format!(
            "no case {name:?}, or no --dir for it"
        )));
    };
    case(&Stage {
        dir: dir.clone(),
        quick: options.quick,
    })
}

/// Runs a case in a process of its own.
fn run_apart(name: &str, dir: &Path, quick: bool) -> Result<Vec<Row>, Failure> {
    let failed = |what: String| Failure::System(format!("the case {name}: {what}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["bench", "--case", name, "--dir"]).arg(dir);
    if quick {
        command.arg("--quick");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    output
        .stdout
        .lines()
        .map(|line| {
            let line = line.map_err(|error| failed(error.to_string()))?;
            serde_json::from_str(&line).map_err(|error| failed(error.to_string()))
        })
        .collect()
}
