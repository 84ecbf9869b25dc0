//! Offsets of time zones, for reducers that have no time zone database.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use synlog_log::cbor::Value;

use crate::failure::Failure;

/// How long ahead offsets are written: a resource is put again before it runs out.
const AHEAD_MS: u64 = 3 * 366 * 86_400_000;
/// Transitions at most; zones have two a year.
const TRANSITIONS_MAX: usize = 32;

/// The offsets of a zone from an instant on (UTC ms): `[from_ms, seconds ahead of UTC]`.
pub fn offsets(zone: &str, from_ms: u64) -> Result<Value, Failure> {
    let wrong = |error: jiff::Error| Failure::Usage(format!("the zone {zone:?}: {error}"));
    let instant = |ms: u64| Timestamp::from_millisecond(ms as i64);
    let zone_rules = TimeZone::get(zone).map_err(wrong)?;
    let (from, to) = (
        instant(from_ms).map_err(wrong)?,
        instant(from_ms.saturating_add(AHEAD_MS)).map_err(wrong)?,
    );
    let pair =
        |ms: i64, seconds: i32| Value::Array(vec![Value::Int(ms), Value::Int(i64::from(seconds))]);
    let first = zone_rules.to_offset(from).seconds();
    let mut pairs = vec![pair(from.as_millisecond(), first)];
    for transition in zone_rules.following(from).take(TRANSITIONS_MAX) {
        if transition.timestamp() > to {
            break;
        }
        let at = transition.timestamp().as_millisecond();
        pairs.push(pair(at, transition.offset().seconds()));
    }
    Ok(Value::Array(pairs))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn summer_time_in_helsinki() {
        // 2026-01-01; clocks change on 2026-03-29 and 2026-10-25 at 01:00 UTC
        let offsets = offsets("Europe/Helsinki", 1_767_225_600_000).unwrap();
        let pairs = offsets.as_array().unwrap();
        let pair = |at: i64, seconds: i64| Value::Array(vec![Value::Int(at), Value::Int(seconds)]);
        assert_eq!(pairs[0], pair(1_767_225_600_000, 7_200));
        assert_eq!(pairs[1], pair(1_774_746_000_000, 10_800));
        assert_eq!(pairs[2], pair(1_792_890_000_000, 7_200));
        assert!(super::offsets("Moon/Tycho", 0).is_err());
    }
}
