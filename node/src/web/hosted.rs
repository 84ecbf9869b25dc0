//! Commands of the command line, asked by the web: the same functions, with their JSON.
//!
//! Arguments are put together here. What a caller says stands behind `--` or `=`, so it is
//! never an option, and no file is named by it.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use synlog_web::Problem;

use crate::cli::{self, Host, Looks};
use crate::daemon::session::Service;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::lending::Lent;
use crate::web::problems;

/// Bytes of an answer.
const ANSWER_MAX: usize = 128 << 20;

/// Somebody on the web.
pub(super) struct Visitor {
    service: Service,
    /// The directory against which names of files are read.
    directory: PathBuf,
    /// Its standard input, for the one who reads it first.
    input: RefCell<Option<Box<dyn Read>>>,
    /// Set by whoever wants no more of it.
    cancelled: Arc<AtomicBool>,
}

impl Visitor {
    /// With something at its standard input.
    pub(super) fn new(service: &Service, input: Box<dyn Read>) -> Self {
        Self {
            service: service.clone(),
            directory: service.home.path().to_path_buf(),
            input: RefCell::new(Some(input)),
            cancelled: Arc::new(AtomicBool::new(false)),
        }
    }

    /// In a directory, until a flag is set.
    pub(super) fn there(self, directory: PathBuf, cancelled: &Arc<AtomicBool>) -> Self {
        Self {
            directory,
            cancelled: Arc::clone(cancelled),
            ..self
        }
    }
}

impl Host for Visitor {
    fn home(&self) -> Home {
        self.service.home.clone()
    }

    fn lend(&self) -> Result<Lent, Failure> {
        self.service.desk.lend()
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    fn stdin(&self) -> Box<dyn Read> {
        let input = self.input.borrow_mut().take();
        input.unwrap_or_else(|| Box::new(io::empty()))
    }

    fn ended(&self) -> Option<Failure> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(Failure::OutputGone);
        }
        let stopping = self.service.stopping.load(Ordering::Relaxed);
        stopping.then_some(Failure::NodeStopped)
    }

    fn service(&self) -> &Service {
        &self.service
    }
}

/// An output that is read afterwards.
#[derive(Clone, Default)]
struct Sheet(Arc<Mutex<Vec<u8>>>);

impl Sheet {
    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sheet = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sheet.len() + bytes.len() > ANSWER_MAX {
            return Err(io::Error::other("the answer is too long"));
        }
        sheet.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a command in the running node. Gives the lines of its answer.
pub(super) fn lines(service: &Service, arguments: &[String]) -> Result<Vec<Json>, Problem> {
    given(service, arguments, Box::new(io::empty()))
}

/// The same with something at standard input.
pub(super) fn given(
    service: &Service,
    arguments: &[String],
    input: Box<dyn Read>,
) -> Result<Vec<Json>, Problem> {
    let out = Sheet::default();
    let visitor = Visitor::new(service, input);
    let (code, told) = run(arguments, visitor, Box::new(out.clone()))?;
    let answer = read(&out.taken());
    // findings are an answer, not a failure to answer
    if code == Exit::Findings as u8 && !answer.is_empty() {
        return Ok(answer);
    }
    match told {
        Some(problem) => Err(problem),
        None if code == 0 => Ok(answer),
        None => Err(Problem::new(500, "system", "the answer broke off")),
    }
}

/// Runs a command for a visitor. Gives how it ended, and what it said went wrong.
pub(super) fn run(
    arguments: &[String],
    visitor: Visitor,
    out: Box<dyn Write>,
) -> Result<(u8, Option<Problem>), Problem> {
    let mut all = vec![OsString::from("synlog"), OsString::from("--json")];
    all.extend(arguments.iter().map(OsString::from));
    if let Err(error) = cli::parse(&all) {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        return Err(Problem::usage(message));
    }
    let err = Sheet::default();
    let beside = Box::new(err.clone());
    let code = cli::hosted(&all, Box::new(visitor), Looks::default(), out, beside);
    let told = read(&err.taken());
    let problem = told.iter().find_map(|line| line.get("error")).map(|error| {
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        let (word, message) = (text("code"), text("message").unwrap_or_default());
        let word = word.unwrap_or_else(|| "system".to_owned());
        problems::told(code, &word, message, text("hint"))
    });
    Ok((code, problem))
}

/// Runs a command whose answer is one object.
pub(super) fn one(service: &Service, arguments: &[String]) -> Result<Json, Problem> {
    let first = lines(service, arguments)?.into_iter().next();
    first.ok_or_else(|| Problem::new(500, "system", "there was no answer"))
}

fn read(bytes: &[u8]) -> Vec<Json> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}
