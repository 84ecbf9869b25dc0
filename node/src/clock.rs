//! The wall clock: the only place of this crate that reads it.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    static PINNED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// UTC milliseconds since 1970. `SYNLOG_NOW_MS` replaces the clock, for tests
/// and for reproducible output.
pub fn now_ms() -> u64 {
    if let Some(fixed) = PINNED.get().or_else(pinned_by_environment) {
        return fixed;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// The time that the environment pins, if it does.
pub fn pinned_by_environment() -> Option<u64> {
    std::env::var("SYNLOG_NOW_MS").ok()?.parse().ok()
}

/// Runs something on this thread as the environment of its caller wants the time.
pub fn pinned<T>(now_ms: Option<u64>, run: impl FnOnce() -> T) -> T {
    let before = PINNED.replace(now_ms);
    let done = run();
    PINNED.set(before);
    done
}
