//! When a resource is available: weekly rules in local time, and exceptions.
//!
//! A reducer has no time zone database, so the owner's tool writes the offsets of the
//! zone. An instant is within a rule if the clock on the wall then shows a time of the
//! rule, so a rule from 9 to 17 is that in winter and in summer. In an hour that happens
//! twice both are available; an hour that is skipped has no instants.

use serde::{Deserialize, Serialize};
use synlog_reducer::Code;

use crate::code::OUTSIDE_HOURS;
use crate::field::{self, require};

/// Seconds of a day on the clock.
const DAY_S: i64 = 86_400;
/// Changes of the offset: thirty years of summer time.
const OFFSETS_MAX: usize = 64;
/// Seconds of an offset: more than any zone has or had.
const OFFSET_MAX_S: i64 = 18 * 3_600;
/// Rules of a resource.
const RULES_MAX: usize = 64;
/// Exceptions of a resource: what a body can hold.
const EXCEPT_MAX: usize = 256;

/// From an instant on (UTC ms), the local clock is so many seconds ahead of UTC.
pub type Offset = (i64, i64);

/// Days of the week, and a time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// 0 is Monday, 6 Sunday: the day on which it begins.
    pub days: Vec<u8>,
    /// Local seconds of the day.
    pub from_s: i64,
    /// Local seconds of the day when it ends. Not above `from_s`: on the next day; it
    /// may also count on past 86,400.
    pub to_s: i64,
    /// First day, as days since 1970-01-01 on the local calendar.
    #[serde(default)]
    pub since: Option<i64>,
    /// Last day, likewise.
    #[serde(default)]
    pub until: Option<i64>,
}

/// A stretch of time in which the resource is not available: `start` ≤ t < `end`, UTC ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Except {
    /// First instant.
    pub start: i64,
    /// Instant from when on it is over.
    pub end: i64,
}

/// When a resource is available. Without rules: never.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hours {
    /// Weekly rules; what one of them covers is available.
    pub rules: Vec<Rule>,
    /// Exceptions.
    pub except: Vec<Except>,
}

/// Checks offsets: at least one, ascending, none beyond 18 hours.
pub(crate) fn check_offsets(offsets: &[Offset]) -> Result<(), Code> {
    require((1..=OFFSETS_MAX).contains(&offsets.len()))?;
    require(offsets.windows(2).all(|pair| pair[0].0 < pair[1].0))?;
    for (from_ms, offset_s) in offsets {
        field::instant(*from_ms)?;
        require((-OFFSET_MAX_S..=OFFSET_MAX_S).contains(offset_s))?;
    }
    Ok(())
}

impl Rule {
    /// Local seconds that it lasts, as the clock shows.
    fn length_s(&self) -> i64 {
        if self.to_s > self.from_s {
            self.to_s - self.from_s
        } else {
            self.to_s + DAY_S - self.from_s
        }
    }

    fn check(&self) -> Result<(), Code> {
        require((1..=7).contains(&self.days.len()) && self.days.iter().all(|day| *day <= 6))?;
        require((0..DAY_S).contains(&self.from_s) && (0..=2 * DAY_S).contains(&self.to_s))?;
        require(self.length_s() <= DAY_S)
    }

    /// Whether it begins on a local day.
    fn begins_on(&self, day: i64) -> bool {
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        self.days.iter().any(|of| i64::from(*of) == weekday)
            && self.since.is_none_or(|since| since <= day)
            && self.until.is_none_or(|until| day <= until)
    }

    /// Where the time that holds a moment ends, if it holds it: in seconds of the same
    /// day, which may be past its midnight. The moment is a local day and a second of it.
    fn end_of(&self, day: i64, at_s: i64) -> Option<i64> {
        let end_s = self.from_s + self.length_s();
        if self.from_s <= at_s && at_s < end_s && self.begins_on(day) {
            Some(end_s)
        } else if at_s + DAY_S < end_s && self.begins_on(day - 1) {
            Some(end_s - DAY_S)
        } else {
            None
        }
    }
}

impl Hours {
    /// Checks rules and exceptions.
    pub fn check(&self) -> Result<(), Code> {
        require(self.rules.len() <= RULES_MAX && self.except.len() <= EXCEPT_MAX)?;
        self.rules.iter().try_for_each(Rule::check)?;
        for except in &self.except {
            field::instant(except.start)?;
            field::instant(except.end)?;
            require(except.start < except.end)?;
        }
        Ok(())
    }

    /// `OUTSIDE_HOURS` unless all of `start_ms` ≤ t < `end_ms` is available.
    pub fn cover(&self, offsets: &[Offset], start_ms: i64, end_ms: i64) -> Result<(), Code> {
        let free = |except: &Except| except.end <= start_ms || end_ms <= except.start;
        if offsets.first().is_none_or(|first| start_ms < first.0) || !self.except.iter().all(free) {
            return Err(OUTSIDE_HOURS);
        }
        // One stretch for each offset: within it the local clock runs evenly.
        for (index, (from_ms, offset_s)) in offsets.iter().enumerate() {
            let next_ms = offsets.get(index + 1).map_or(i64::MAX, |next| next.0);
            let (from_ms, to_ms) = (start_ms.max(*from_ms), end_ms.min(next_ms));
            if from_ms < to_ms {
                let local_ms = |at_ms: i64| at_ms + offset_s * 1_000;
                self.cover_local(local_ms(from_ms), local_ms(to_ms))?;
            }
        }
        Ok(())
    }

    /// The same on an even local clock.
    fn cover_local(&self, from_ms: i64, to_ms: i64) -> Result<(), Code> {
        let mut covered_ms = from_ms;
        while covered_ms < to_ms {
            let local_s = covered_ms.div_euclid(1_000);
            let (day, at_s) = (local_s.div_euclid(DAY_S), local_s.rem_euclid(DAY_S));
            let ends = self.rules.iter().filter_map(|rule| rule.end_of(day, at_s));
            let end_s = ends.max().ok_or(OUTSIDE_HOURS)?;
            covered_ms = (day * DAY_S + end_s) * 1_000;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
