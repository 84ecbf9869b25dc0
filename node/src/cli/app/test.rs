//! `synlog app test`.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_log::fold::{FoldEvent, Manifest, Projected};
use synlog_runtime::Checks;

use crate::cli::app::build::Project;
use crate::cli::app::sample::{Outcome, fold, read};
use crate::cli::app::toolchain::cargo;
use crate::cli::app::{engine, read_module, refused};
use crate::cli::input::read_up_to;
use crate::cli::screen::{Screen, Tone, count, plain};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::json::to_json;

/// Test a project: `cargo test`, then its sample events
///
/// The module NAME.wasm folds events.jsonl in batches of 1, 7 and 1000, each
/// time in a fresh engine: states, rejections and rows must be the same. They
/// are shown, so that a look tells whether they are as meant.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app test
  synlog app test ~/src/errands --no-cargo")]
pub(super) struct Args {
    /// Directory of the project
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Leave `cargo test` out
    #[arg(long)]
    no_cargo: bool,
}

/// Events that are put together, as a node may do it.
const BATCHES: [usize; 3] = [1, 7, 1_000];
/// Bytes of sample events.
const SAMPLE_MAX: u64 = 16 << 20;

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    if !args.no_cargo {
        let status = cargo(&project.directory).args(["test", "--quiet"]).status();
        let status =
            status.map_err(|error| Failure::System(format!("cargo can't be run: {error}")))?;
        if !status.success() {
            return Err(Failure::Findings("the project's own tests failed".into()));
        }
    }
    let module_path = project.module_path();
    if !module_path.exists() {
        return Err(Failure::Usage(format!(
            "{} is not there: run `synlog app build` first",
            module_path.display()
        )));
    }
    let wasm = read_module(&module_path)?;
    let sample_path = project.directory.join("events.jsonl");
    let lines = read_up_to(&sample_path, SAMPLE_MAX)?;
    let lines =
        String::from_utf8(lines).map_err(|_| Failure::Usage("events.jsonl is not UTF-8".into()))?;
    let events = read("events.jsonl", &lines)?;
    let mut outcomes = Vec::new();
    let mut manifest = None;
    for batch in BATCHES {
        let module = engine(None)?.load(&wasm).map_err(refused(&wasm))?;
        let mut reducer = module.reducer(Checks::default());
        let outcome = fold(&mut reducer, &events, batch);
        outcomes.push(outcome.map_err(|halt| Failure::Halted(halt.to_string()))?);
        manifest = Some(module.manifest().clone());
    }
    for (batch, outcome) in BATCHES.iter().zip(&outcomes).skip(1) {
        if let Some(what) = difference(&outcomes[0], outcome) {
            return Err(Failure::Findings(format!(
                "batches of {} and of {batch} give something else: {what}",
                BATCHES[0]
            )));
        }
    }
    match (outcomes.first(), manifest) {
        (Some(outcome), Some(manifest)) if setting.screen.is_json() => setting
            .screen
            .json(&outcome_json(outcome, &events, &manifest)),
        (Some(outcome), Some(manifest)) => show(outcome, &events, &manifest, &setting.screen),
        _ => Ok(()),
    }
}

/// Where two outcomes differ.
fn difference(a: &Outcome, b: &Outcome) -> Option<String> {
    if a.rejections != b.rejections {
        return Some(format!(
            "rejections {:?} and {:?}",
            a.rejections, b.rejections
        ));
    }
    let keys = a.aggregates.keys().chain(b.aggregates.keys());
    let mut different = keys.filter(|key| a.aggregates.get(*key) != b.aggregates.get(*key));
    different.next().map(|key| format!("the aggregate {key}"))
}

fn table_name(manifest: &Manifest, table: usize) -> &str {
    manifest.tables.get(table).map_or("?", |table| &table.name)
}

fn rows_json(rows: Option<&Projected>, manifest: &Manifest) -> Json {
    match rows {
        None => Json::Null,
        Some(Err(code)) => json!({ "rejected": code }),
        Some(Ok(rows)) => rows
            .iter()
            .map(|row| {
                json!({ "table": table_name(manifest, row.table), "sub": row.sub,
                        "columns": to_json(&row.columns) })
            })
            .collect(),
    }
}

fn outcome_json(outcome: &Outcome, events: &[FoldEvent], manifest: &Manifest) -> Json {
    let aggregates = outcome.aggregates.iter().map(|(key, aggregate)| {
        json!({ "key": key, "state_bytes": aggregate.state.as_ref().map(Vec::len),
                "rows": rows_json(aggregate.rows.as_ref(), manifest) })
    });
    let rejections = outcome
        .rejections
        .iter()
        .map(|(index, code)| json!({ "event": index, "kind": events[*index].kind, "code": code }));
    json!({
        "ok": true, "events": events.len(), "batches": BATCHES,
        "aggregates": aggregates.collect::<Vec<_>>(),
        "rejections": rejections.collect::<Vec<_>>(),
    })
}

fn show(
    outcome: &Outcome,
    events: &[FoldEvent],
    manifest: &Manifest,
    screen: &Screen,
) -> Result<(), Failure> {
    for (key, aggregate) in &outcome.aggregates {
        let bytes = aggregate.state.as_ref().map_or(0, Vec::len) as u64;
        let key = screen.tone(Tone::Bold, plain(key));
        screen.line(format_args!("{key}  {}", count(bytes, "byte", "bytes")))?;
        match &aggregate.rows {
            None => {}
            Some(Err(code)) => screen.line(format_args!("  no rows: {}", plain(code)))?,
            Some(Ok(rows)) => {
                for row in rows {
                    let table = table_name(manifest, row.table);
                    let columns = to_json(&row.columns).to_string();
                    screen.line(format_args!("  {} {}", plain(table), plain(&columns)))?;
                }
            }
        }
    }
    for (index, code) in &outcome.rejections {
        let kind = plain(&events[*index].kind);
        screen.line(format_args!(
            "event {} {kind} rejected: {}",
            index + 1,
            plain(code)
        ))?;
    }
    let same = format!(
        "{} in {}, {} rejected; the same in batches of 1, 7 and 1000",
        count(events.len() as u64, "event", "events"),
        count(outcome.aggregates.len() as u64, "aggregate", "aggregates"),
        outcome.rejections.len()
    );
    screen.line(screen.tone(Tone::Good, same))
}
