//! What the program says: data on standard output, status on standard error.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::rc::Rc;

use serde_json::{Value as Json, json};

use crate::failure::Failure;
pub(super) use crate::plain::plain;

/// Where status lines go; a progress line keeps a share of it.
pub(super) type Status = Rc<RefCell<Box<dyn Write>>>;

/// Both outputs.
pub(super) struct Screen {
    json: bool,
    looks: Looks,
    out: RefCell<BufWriter<Box<dyn Write>>>,
    err: Status,
    /// The front of paths that were typed relative to the caller's directory.
    typed_in: Option<String>,
}

/// What kind of outputs the caller has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Standard output is a terminal.
    pub out_terminal: bool,
    /// Standard error is a terminal.
    pub err_terminal: bool,
    /// Colours are wanted where there is a terminal.
    pub colour: bool,
}

impl Looks {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            out_terminal: io::stdout().is_terminal(),
            err_terminal: io::stderr().is_terminal(),
            colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// How a piece of text looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Headings.
    Bold,
    /// What matters less.
    Dim,
    /// What is well.
    Good,
    /// What deserves a look.
    Warn,
    /// What is wrong.
    Bad,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

impl Screen {
    /// The outputs of this process.
    pub(super) fn new(json: bool) -> Self {
        let looks = Looks::of_process();
        Self::on(json, looks, Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// The outputs of somebody else.
    pub(super) fn on(json: bool, looks: Looks, out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        Self {
            json,
            looks,
            out: RefCell::new(BufWriter::new(out)),
            err: Rc::new(RefCell::new(err)),
            typed_in: None,
        }
    }

    /// Failures tell paths as they were typed, without this front.
    pub(super) fn typed_in(mut self, front: String) -> Self {
        self.typed_in = Some(front);
        self
    }

    /// Whether the answer is to be JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether standard output is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.looks.out_terminal
    }

    /// Whether a person sees progress: never for JSON, never in a file.
    pub(super) fn shows_progress(&self) -> bool {
        !self.json && self.looks.err_terminal
    }

    /// Where a progress line goes.
    pub(super) fn status(&self) -> Status {
        Rc::clone(&self.err)
    }

    /// A whole line of status at once; who can't read it is no reason to stop.
    fn tell(&self, text: &str) {
        let mut err = self.err.borrow_mut();
        let _ = err
            .write_all(format!("{text}\n").as_bytes())
            .and_then(|()| err.flush());
    }

    fn out_colour(&self) -> bool {
        self.looks.colour && self.looks.out_terminal
    }

    fn err_colour(&self) -> bool {
        self.looks.colour && self.looks.err_terminal
    }

    /// A line of the answer.
    pub(super) fn line(&self, text: impl Display) -> Result<(), Failure> {
        writeln!(self.out.borrow_mut(), "{text}").map_err(Failure::output)
    }

    /// The answer, or one line of it, for programs.
    pub(super) fn json(&self, value: &Json) -> Result<(), Failure> {
        self.line(value)
    }

    /// Raw bytes of the answer.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.out
            .borrow_mut()
            .write_all(bytes)
            .map_err(Failure::output)
    }

    /// Hands on what was said so far.
    pub(super) fn flush(&self) -> Result<(), Failure> {
        self.out.borrow_mut().flush().map_err(Failure::output)
    }

    /// A status line for people; nothing with `--json`, where the answer says it all.
    pub(super) fn note(&self, text: impl Display) {
        if !self.json {
            self.tell(&text.to_string());
        }
    }

    /// Something that deserves attention, on standard error.
    pub(super) fn warn(&self, text: impl Display) {
        if self.json {
            self.tell(&json!({ "warning": text.to_string() }).to_string());
        } else {
            let warning = paint(self.err_colour(), Tone::Warn, "warning:");
            self.tell(&format!("{warning} {text}"));
        }
    }

    /// The end of a command that failed.
    pub(super) fn failure(&self, failure: &Failure) {
        if matches!(failure, Failure::OutputGone) {
            return;
        }
        let mut message = failure.with_causes();
        if let Some(front) = &self.typed_in {
            message = message.replace(front, "");
        }
        let message = plain(&message);
        if self.json {
            let error = json!({ "error": {
                "code": failure.code(), "message": message, "hint": failure.hint(),
            }});
            self.tell(&error.to_string());
            return;
        }
        let error = paint(self.err_colour(), Tone::Bad, "error:");
        self.tell(&format!("{error} {message}"));
        if let Some(hint) = failure.hint() {
            let word = paint(self.err_colour(), Tone::Good, "hint:");
            self.tell(&format!("{word} {hint}"));
        }
    }

    /// Text of the answer in a tone, where standard output is a terminal.
    pub(super) fn tone(&self, tone: Tone, text: impl Display) -> String {
        paint(self.out_colour(), tone, text)
    }
}

fn paint(colour: bool, tone: Tone, text: impl Display) -> String {
    if colour {
        format!("{}{text}\x1b[0m", tone.code())
    } else {
        text.to_string()
    }
}

/// A count with its noun: `1 entry`, `2 entries`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..=9_999_999_999 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
