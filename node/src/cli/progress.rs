//! A progress line: on a terminal only, and only for what takes a while.

use std::time::{Duration, Instant};

use crate::cli::screen::{Screen, Status};

/// What is done sooner than this needs no line.
const QUIET: Duration = Duration::from_millis(250);
/// How often the line changes.
const STEP: Duration = Duration::from_millis(100);

/// A line that says how far something is, and goes away at the end.
pub(super) struct Progress {
    what: &'static str,
    status: Option<Status>,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Begins; shows nothing yet.
    pub(super) fn new(screen: &Screen, what: &'static str) -> Self {
        Self {
            what,
            status: screen.shows_progress().then(|| screen.status()),
            begun: Instant::now(),
            shown: None,
        }
    }

    /// Says how much is done, of how much if that is known (else 0).
    pub(super) fn update(&mut self, done: u64, total: u64, more: &str) {
        let Some(status) = &self.status else {
            return;
        };
        if self.begun.elapsed() < QUIET {
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
        show(status, &format!("\r\x1b[K{}{part} {more}", self.what));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let (Some(status), Some(_)) = (&self.status, self.shown) {
            show(status, "\r\x1b[K");
        }
    }
}

/// A piece of the line; who can't read it is no reason to stop.
fn show(status: &Status, text: &str) {
    let mut status = status.borrow_mut();
    let _ = status
        .write_all(text.as_bytes())
        .and_then(|()| status.flush());
}
