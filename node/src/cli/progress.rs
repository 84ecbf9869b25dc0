//! A progress line: on a terminal only, and only for what takes a while.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::cli::screen::Screen;

/// What is done sooner than this needs no line.
const QUIET: Duration = Duration::from_millis(250);
/// How often the line changes.
const STEP: Duration = Duration::from_millis(100);

/// A line that says how far something is, and goes away at the end.
pub(super) struct Progress {
    what: &'static str,
    wanted: bool,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Begins; shows nothing yet.
    pub(super) fn new(screen: &Screen, what: &'static str) -> Self {
        Self {
            what,
            wanted: screen.shows_progress(),
            begun: Instant::now(),
            shown: None,
        }
    }

    /// Says how much is done, of how much if that is known (else 0).
    pub(super) fn update(&mut self, done: u64, total: u64, more: &str) {
        if !self.wanted || self.begun.elapsed() < QUIET {
            return;
        }
        if self.shown.is_some_and(|shown| shown.elapsed() < STEP) {
            return;
        }
        self.shown = Some(Instant::now());
        let part = match total {
            0 => String::new(),
            _ => format!(" {:3} %", (done.min(total) * 100) / total),
        };
        let _ = write!(io::stderr(), "\r\x1b[K{}{part} {more}", self.what);
        let _ = io::stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
