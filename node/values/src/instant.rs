//! Instants as people write them: UTC milliseconds as RFC 3339, and back.

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// The last instant that has a four-digit year: 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

/// UTC milliseconds as `2026-03-01T12:00:00.000Z`; `None` after the year 9999.
pub fn to_rfc3339(ms: u64) -> Option<String> {
    if ms > LAST_MS {
        return None;
    }
    let (year, month, day) = civil(ms / DAY_MS);
    let in_day = ms % DAY_MS;
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
    ))
}

/// The same for people: without the milliseconds.
pub fn to_text(ms: u64) -> String {
    match to_rfc3339(ms) {
        Some(text) => format!("{}Z", &text[..19]),
        None => format!("{ms} ms"),
    }
}

/// Year × 12 + month − 1 of UTC milliseconds.
pub fn month_of(ms: u64) -> u32 {
    let (year, month, _) = civil(ms / DAY_MS);
    u32::try_from(year * 12 + month - 1).unwrap_or(u32::MAX)
}

/// UTC milliseconds of an RFC 3339 instant since 1970, or of a date alone (its beginning).
pub fn from_rfc3339(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (
        number(&text[..4])?,
        number(&text[5..7])?,
        number(&text[8..10])?,
    );
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let day_ms = i64::try_from(days_since_1970(year, month, day)?).ok()? * DAY_MS as i64;
    if bytes.len() == 10 {
        return u64::try_from(day_ms).ok();
    }
    let (in_day_ms, rest) = time_of_day(&text[10..])?;
    let offset_ms = offset(rest)?;
    u64::try_from(day_ms + in_day_ms - offset_ms).ok()
}

/// `T12:30:00[.5]` as milliseconds, and what follows.
fn time_of_day(text: &str) -> Option<(i64, &str)> {
    let bytes = text.as_bytes();
    let framed = bytes.len() >= 9
        && matches!(bytes[0], b'T' | b't' | b' ')
        && bytes[3] == b':'
        && bytes[6] == b':';
    if !framed {
        return None;
    }
    let (hour, minute, second) = (
        number(&text[1..3])?,
        number(&text[4..6])?,
        number(&text[7..9])?,
    );
    // a leap second counts as the second before it
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut ms = ((hour * 60 + minute) * 60 + second.min(59)) * 1_000;
    let mut rest = &text[9..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let milli: String = fraction[..digits]
            .chars()
            .chain("000".chars())
            .take(3)
            .collect();
        ms += number(&milli)?;
        rest = &fraction[digits..];
    }
    Some((i64::try_from(ms).ok()?, rest))
}

/// `Z` or `+02:00` as milliseconds.
fn offset(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    match bytes {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (number(&text[1..3])?, number(&text[4..6])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let ms = i64::try_from((hours * 60 + minutes) * 60_000).ok()?;
            Some(if *sign == b'+' { ms } else { -ms })
        }
        _ => None,
    }
}

fn number(digits: &str) -> Option<u64> {
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all { digits.parse().ok() } else { None }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(is_leap(year)),
        _ => 31,
    }
}

/// Days from 1970-01-01; years are counted from March, so that leap days come last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_cycle = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    (era * 146_097 + of_cycle).checked_sub(719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_cycle) = (days / 146_097, days % 146_097);
    let of_era = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * of_era + of_era / 4 - of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + of_era + u64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_instants() {
        assert_eq!(to_rfc3339(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            to_rfc3339(951_782_400_000).unwrap(),
            "2000-02-29T00:00:00.000Z"
        );
        assert_eq!(to_rfc3339(LAST_MS).unwrap(), "9999-12-31T23:59:59.999Z");
        assert_eq!(to_rfc3339(LAST_MS + 1), None);
        assert_eq!(from_rfc3339("2000-02-29"), Some(951_782_400_000));
        assert_eq!(from_rfc3339("1970-01-01T02:00:00.5+02:00"), Some(500));
        for wrong in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-01-01T",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00:00Z",
            "1969-12-31T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "é026-01-01",
        ] {
            assert_eq!(from_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in (0..LAST_MS / DAY_MS).step_by(17) {
            let ms = day * DAY_MS + day % DAY_MS;
            assert_eq!(from_rfc3339(&to_rfc3339(ms).unwrap()), Some(ms));
        }
    }
}
