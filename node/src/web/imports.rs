//! Imports that a browser began: the commands of `synlog import` on a file that is kept
//! here, each by a thread of its own. They go on whoever looks.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};
use synlog_log::ids::hex;
use synlog_web::Problem;
use synlog_web::backend::{DoImport, NewImport};

use crate::daemon::session::Service;
use crate::daemon::uploads;
use crate::entropy::random;
use crate::failure::Exit;
use crate::web::hosted::{self, Visitor};
use crate::web::problems;

/// Imports that are known at once; the oldest that is over goes for a new one.
const JOBS_MAX: usize = 8;
/// Events of a preview.
const PREVIEW: usize = 20;
/// Bytes of one line of an answer; longer ones are not told.
const LINE_MAX: usize = 4 << 20;
/// Remarks that are told.
const REMARKS_MAX: usize = 200;
/// Letters of the name of a file.
const NAME_MAX: usize = 80;
/// What files may be, and how their names end.
const FORMATS: &[(&str, &[&str])] = &[
    ("csv", &[".csv", ".tsv", ".txt"]),
    ("jsonl", &[".jsonl", ".ndjson"]),
    ("schema-org", &[".jsonld", ".json"]),
    ("osm", &[".osm.pbf", ".pbf"]),
];

/// All imports of this run.
#[derive(Default)]
pub(super) struct Imports(Mutex<Vec<Arc<Job>>>);

/// One of them.
struct Job {
    id: String,
    name: String,
    topic: String,
    size: u64,
    directory: PathBuf,
    read: AtomicU64,
    /// Where the store ended when the writing began.
    begun: AtomicU64,
    state: Mutex<State>,
}

/// What is known of it.
#[derive(Default)]
struct State {
    /// `looking`, `ready`, `writing`, `done`, `cancelled` or `failed`.
    stage: &'static str,
    format: String,
    options: DoImport,
    cancelled: Arc<AtomicBool>,
    preview: Vec<Json>,
    events: u64,
    summary: Option<Json>,
    problem: Option<Json>,
}

impl State {
    fn is_busy(&self) -> bool {
        matches!(self.stage, "looking" | "writing")
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, "done" | "cancelled" | "failed")
    }

    /// Under way from here on, unless it is already.
    fn begin(&mut self, dry_run: bool) -> Result<(), Problem> {
        if self.is_busy() {
            return Err(busy());
        }
        self.stage = if dry_run { "looking" } else { "writing" };
        self.cancelled = Arc::new(AtomicBool::new(false));
        (self.summary, self.problem) = (None, None);
        if dry_run {
            (self.preview, self.events) = (Vec::new(), 0);
        }
        Ok(())
    }
}

impl Job {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn json(&self, end: u64) -> Json {
        let state = self.state();
        let begun = self.begun.load(Ordering::Relaxed);
        json!({
            "import": self.id,
            "name": self.name,
            "topic": self.topic,
            "size": self.size,
            "read": self.read.load(Ordering::Relaxed).min(self.size),
            "entries": if state.stage == "writing" { end.saturating_sub(begun) } else { 0 },
            "stage": state.stage,
            "format": state.format,
            "currency": state.options.currency,
            "zone": state.options.zone,
            "kind": state.options.kind,
            "columns": state.options.columns.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "preview": state.preview,
            "events": state.events,
            "summary": state.summary,
            "problem": state.problem,
        })
    }
}

/// The format that a name tells of.
fn format_of(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let mut formats = FORMATS.iter();
    formats
        .find(|(_, all)| ends(all))
        .map(|(format, _)| *format)
}

/// The name of a file without anything that means something to a file system.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let letters = last.chars().map(|letter| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => letter,
        _ => '_',
    });
    let name: String = letters.take(NAME_MAX).collect();
    let name = name.trim_start_matches(['.', '-']);
    match name.is_empty() {
        true => "file".to_owned(),
        false => name.to_owned(),
    }
}

/// The command for a file that lies in its directory.
fn command(job: &Job, format: &str, options: &DoImport, dry_run: bool) -> Vec<String> {
    let mut words: Vec<String> = vec!["import".to_owned(), format.to_owned()];
    let mut option = |name: &str, value: &Option<String>| {
        words.extend(value.iter().map(|value| format!("--{name}={value}")));
    };
    if matches!(format, "csv" | "schema-org") {
        option("currency", &options.currency);
    }
    if format != "jsonl" {
        option("zone", &options.zone);
    }
    if format == "jsonl" {
        option("kind", &options.kind);
        option("topic", &Some(job.topic.clone()));
    }
    if format == "csv" {
        let columns = options.columns.iter();
        words.extend(columns.map(|(column, field)| format!("--map={column}={field}")));
    }
    if dry_run {
        words.push("--dry-run".to_owned());
    }
    words.push("--".to_owned());
    if format != "jsonl" {
        words.push(job.topic.clone());
    }
    // an extract is read twice; of the others the reading tells how far it is
    words.push(match format {
        "osm" => job.name.clone(),
        _ => "-".to_owned(),
    });
    words
}

impl Imports {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Result<Arc<Job>, Problem> {
        let found = self.all().iter().find(|job| job.id == id).cloned();
        found.ok_or_else(|| {
            Problem::new(404, "no_import", "there is no such import (any more)")
                .hint("give the file again: what was written is skipped")
        })
    }

    /// All of them, without their rows.
    pub(super) fn list(&self, service: &Service) -> Json {
        let end = service.desk.end();
        let all = self.all();
        let told = all.iter().map(|job| {
            let mut told = job.json(end);
            if let Some(told) = told.as_object_mut() {
                told.remove("preview");
            }
            told
        });
        json!({ "imports": told.collect::<Vec<_>>() })
    }

    /// One of them.
    pub(super) fn shown(&self, service: &Service, id: &str) -> Result<Json, Problem> {
        Ok(self.find(id)?.json(service.desk.end()))
    }

    /// Keeps a file and looks at it.
    pub(super) fn add(
        &self,
        service: &Service,
        new: NewImport,
        bytes: &[u8],
    ) -> Result<Json, Problem> {
        let said = new.format.as_deref();
        let format = said.map_or_else(|| format_of(&new.name), |format| known(format).ok());
        let format = format.ok_or_else(|| {
            Problem::usage(format!("nobody knows what {:?} is", new.name))
                .hint("csv, jsonl, schema-org (.jsonld) or osm (.osm.pbf)")
        })?;
        let fail = |failure: &crate::failure::Failure| problems::problem(failure);
        let id = hex(&random::<8>().map_err(|failure| fail(&failure))?);
        let name = plain_name(&new.name);
        let mut all = self.all();
        if all.len() >= JOBS_MAX {
            // what somebody looks at, and may write yet, goes last
            let first = |is: fn(&State) -> bool| all.iter().position(|job| is(&job.state()));
            let over = first(State::is_over).or_else(|| first(|state| !state.is_busy()));
            let over = over.ok_or_else(|| {
                Problem::new(503, "too_many_imports", "too many imports are under way")
                    .hint("wait for one, or cancel it")
            })?;
            let _ = uploads::forget(&all.remove(over).directory);
        }
        let directory = uploads::keep(&service.home, &id, &name, bytes);
        let job = Arc::new(Job {
            directory: directory.map_err(|failure| fail(&failure))?,
            id,
            name,
            topic: new.topic,
            size: bytes.len() as u64,
            read: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            state: Mutex::new(State {
                stage: "ready",
                format: format.to_owned(),
                options: DoImport {
                    currency: new.currency,
                    zone: new.zone,
                    ..DoImport::default()
                },
                ..State::default()
            }),
        });
        job.state().begin(true)?;
        all.push(Arc::clone(&job));
        drop(all);
        start(service, &job, true);
        Ok(job.json(service.desk.end()))
    }

    /// Does something with one of them.
    pub(super) fn act(&self, service: &Service, asked: &DoImport) -> Result<Json, Problem> {
        let job = self.find(&asked.id)?;
        match &asked.action[..] {
            "cancel" => {
                let mut state = job.state();
                state.cancelled.store(true, Ordering::Relaxed);
                if !state.is_busy() {
                    state.stage = "cancelled";
                }
            }
            "forget" => {
                if job.state().is_busy() {
                    return Err(busy());
                }
                self.all().retain(|known| known.id != job.id);
                uploads::forget(&job.directory).map_err(|failure| problems::problem(&failure))?;
            }
            action @ ("preview" | "run") => {
                let format = asked.format.as_deref().map(known).transpose()?;
                let mut state = job.state();
                state.begin(action == "preview")?;
                if let Some(format) = format {
                    state.format = format.to_owned();
                }
                state.options = asked.clone();
                drop(state);
                start(service, &job, action == "preview");
            }
            other => {
                return Err(Problem::usage(format!("nothing is called {other:?}"))
                    .hint("preview, run, cancel or forget"));
            }
        }
        Ok(job.json(service.desk.end()))
    }
}

fn busy() -> Problem {
    Problem::new(409, "import_busy", "the import is under way")
        .hint("cancel it, or wait for its end")
}

fn known(format: &str) -> Result<&'static str, Problem> {
    let mut formats = FORMATS.iter().map(|(known, _)| *known);
    formats.find(|known| *known == format).ok_or_else(|| {
        Problem::usage(format!("{format:?} is no format that is read"))
            .hint("csv, jsonl, schema-org or osm")
    })
}

/// Runs the command of a job that has begun, with or without writing.
fn start(service: &Service, job: &Arc<Job>, dry_run: bool) {
    let (service, job) = (service.clone(), Arc::clone(job));
    job.read.store(0, Ordering::Relaxed);
    job.begun.store(service.desk.end(), Ordering::Relaxed);
    std::thread::spawn(move || {
        let ended = attempt(&service, &job, dry_run);
        let mut state = job.state();
        let cancelled = state.cancelled.load(Ordering::Relaxed);
        let problem = match ended {
            Ok((code, problem)) => {
                let found = code == Exit::Findings as u8 && state.summary.is_some();
                problem.filter(|_| !found)
            }
            Err(problem) => Some(problem),
        };
        state.stage = match (&problem, cancelled) {
            (_, true) => "cancelled",
            (Some(_), false) => "failed",
            (None, false) if dry_run => "ready",
            (None, false) => "done",
        };
        state.problem = problem.filter(|_| !cancelled).map(|problem| problem.json());
        drop(state);
        service.poke.poke();
    });
}

fn attempt(
    service: &Service,
    job: &Arc<Job>,
    dry_run: bool,
) -> Result<(u8, Option<Problem>), Problem> {
    let (format, options, cancelled) = {
        let state = job.state();
        let cancelled = Arc::clone(&state.cancelled);
        (state.format.clone(), state.options.clone(), cancelled)
    };
    let file = uploads::open(&job.directory.join(&job.name));
    let input = Counted {
        file: file.map_err(|failure| problems::problem(&failure))?,
        job: Arc::clone(job),
    };
    let visitor = Visitor::new(service, Box::new(input)).there(job.directory.clone(), &cancelled);
    let arguments = command(job, &format, &options, dry_run);
    let answer = Answer {
        job: Arc::clone(job),
        line: Vec::new(),
        whole: true,
    };
    hosted::run(&arguments, visitor, Box::new(answer))
}

/// A file whose reading is told.
struct Counted<R> {
    file: R,
    job: Arc<Job>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.job.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What the command answers, line by line: events of a dry run, and a summary.
struct Answer {
    job: Arc<Job>,
    line: Vec<u8>,
    whole: bool,
}

impl Answer {
    fn take(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.whole, true) {
            return;
        }
        let Ok(mut line) = serde_json::from_slice::<Json>(&line) else {
            return;
        };
        let mut state = self.job.state();
        if line.get("dry_run").is_some() {
            if let Some(refused) = line.get_mut("refused").and_then(Json::as_array_mut) {
                let all = refused.len();
                refused.truncate(REMARKS_MAX);
                line["refused_more"] = json!(all.saturating_sub(REMARKS_MAX));
            }
            state.summary = Some(line);
            return;
        }
        state.events += 1;
        if state.preview.len() < PREVIEW {
            state.preview.push(line);
        }
    }
}

impl Write for Answer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            self.push(&rest[..at]);
            self.take();
            rest = &rest[at + 1..];
        }
        self.push(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Answer {
    fn push(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > LINE_MAX {
            self.whole = false;
            self.line.clear();
        }
        if self.whole {
            self.line.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_not_begun_again() {
        let mut state = State {
            stage: "ready",
            ..State::default()
        };
        assert!(state.begin(false).is_ok());
        for dry_run in [true, false] {
            assert!(state.begin(dry_run).is_err_and(|told| told.status == 409));
            assert_eq!(state.stage, "writing");
        }
        state.stage = "done";
        assert!(state.begin(true).is_ok());
        assert_eq!(state.stage, "looking");
    }

    #[test]
    fn names_tell_formats_and_nothing_else() {
        for (name, format) in [
            ("Stock.CSV", Some("csv")),
            ("town.osm.pbf", Some("osm")),
            ("products.jsonld", Some("schema-org")),
            ("events.jsonl", Some("jsonl")),
            ("photo.png", None),
            ("", None),
        ] {
            assert_eq!(format_of(name), format, "{name}");
        }
        for (name, plain) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\my stock.csv", "my_stock.csv"),
            ("--dry-run", "dry-run"),
            ("..", "file"),
            ("", "file"),
            ("käse.csv", "k_se.csv"),
        ] {
            assert_eq!(plain_name(name), plain);
        }
    }
}
