//! The wall clock: the only place of this crate that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

/// UTC milliseconds since 1970. `SYNLOG_NOW_MS` replaces the clock, for tests
/// and for reproducible output.
pub fn now_ms() -> u64 {
    if let Some(fixed) = std::env::var("SYNLOG_NOW_MS")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        return fixed;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
