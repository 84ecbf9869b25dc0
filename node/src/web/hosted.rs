//! Commands of the command line, asked by the web: the same functions, with their JSON.
//!
//! Arguments are put together here. What a caller says stands behind `--` or `=`, so it is
//! never an option, and no file is named by it.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
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
struct Visitor(Service);

impl Host for Visitor {
    fn home(&self) -> Home {
        self.0.home.clone()
    }

    fn lend(&self) -> Result<Lent, Failure> {
        self.0.desk.lend()
    }

    fn directory(&self) -> &Path {
        self.0.home.path()
    }

    fn stdin(&self) -> Box<dyn Read> {
        Box::new(io::empty())
    }

    fn ended(&self) -> Option<Failure> {
        let stopping = self.0.stopping.load(std::sync::atomic::Ordering::Relaxed);
        stopping.then_some(Failure::NodeStopped)
    }

    fn service(&self) -> &Service {
        &self.0
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
    let mut all = vec![OsString::from("synlog"), OsString::from("--json")];
    all.extend(arguments.iter().map(OsString::from));
    if let Err(error) = cli::parse(&all) {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        return Err(Problem::usage(message));
    }
    let (out, err) = (Sheet::default(), Sheet::default());
    let visitor = Box::new(Visitor(service.clone()));
    let (to, beside) = (Box::new(out.clone()), Box::new(err.clone()));
    let code = cli::hosted(&all, visitor, Looks::default(), to, beside);
    let (answer, told) = (read(&out.taken()), read(&err.taken()));
    // findings are an answer, not a failure to answer
    if code == Exit::Findings as u8 && !answer.is_empty() {
        return Ok(answer);
    }
    if let Some(error) = told.iter().find_map(|line| line.get("error")) {
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        let (word, message) = (text("code"), text("message").unwrap_or_default());
        let word = word.unwrap_or_else(|| "system".to_owned());
        return Err(problems::told(code, &word, message, text("hint")));
    }
    match code {
        0 => Ok(answer),
        _ => Err(Problem::new(500, "system", "the answer broke off")),
    }
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
