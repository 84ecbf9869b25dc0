//! Opening hours of schema.org in the words of OpenStreetMap.
//! <https://schema.org/OpeningHoursSpecification>.

use crate::import::hours;
use crate::import::json_ld::{Object, property, term, text, values};
use crate::import::listing::{Remark, line_of};

const DAYS: [(&str, &str); 8] = [
    ("Monday", "Mo"),
    ("Tuesday", "Tu"),
    ("Wednesday", "We"),
    ("Thursday", "Th"),
    ("Friday", "Fr"),
    ("Saturday", "Sa"),
    ("Sunday", "Su"),
    ("PublicHolidays", "PH"),
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Specifications of one business that are looked at.
const SPECIFICATIONS_MAX: usize = 100;

/// The opening hours of a business; what can't be read is noted and left out.
pub fn opening_hours(business: &Object, notes: &mut Vec<Remark>) -> Option<String> {
    let mut rules = regular(business, notes);
    if rules.is_empty() {
        let texts = values(business.get("openingHours")).filter_map(|value| text(Some(value)));
        rules.extend(texts.take(SPECIFICATIONS_MAX).filter_map(line_of));
    }
    for special in specifications(business, "specialOpeningHoursSpecification") {
        match rule(special) {
            Some((dates, days, span)) => {
                let days = join_days(&days);
                let parts = [&dates[..], &days, &span];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                rules.push(parts.join(" "));
            }
            None => notes.push(unread()),
        }
    }
    let hours = rules.join("; ");
    if !hours.is_empty() {
        notes.extend(hours::remark(&hours));
    }
    line_of(&hours)
}

fn unread() -> Remark {
    let text = "a specification of opening hours can't be read and is left out";
    Remark::new("unread_hours", text)
}

fn specifications<'a>(business: &'a Object, name: &str) -> impl Iterator<Item = &'a Object> {
    values(business.get(name))
        .filter_map(|value| value.as_object())
        .take(SPECIFICATIONS_MAX)
}

/// Rules of the usual weeks: days with the same spans stand together, and all
/// spans of a day in one rule, since a later rule for a day replaces an earlier.
fn regular(business: &Object, notes: &mut Vec<Remark>) -> Vec<String> {
    // for each period the spans of each day, in the order of the file
    let mut periods: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    for specification in specifications(business, "openingHoursSpecification") {
        let Some((dates, days, span)) = rule(specification) else {
            notes.push(unread());
            continue;
        };
        let all: Vec<usize> = if days.is_empty() {
            (0..7).collect()
        } else {
            days
        };
        let index = periods.iter().position(|(known, _)| *known == dates);
        let index = index.unwrap_or_else(|| {
            periods.push((dates, vec![Vec::new(); DAYS.len()]));
            periods.len() - 1
        });
        for day in all {
            let spans = &mut periods[index].1[day];
            if !spans.contains(&span) {
                spans.push(span.clone());
            }
        }
    }
    // those without dates first: the others are exceptions to them
    periods.sort_by_key(|(dates, _)| !dates.is_empty());
    let mut rules = Vec::new();
    for (dates, days) in periods {
        let mut left: Vec<usize> = (0..DAYS.len())
            .filter(|day| !days[*day].is_empty())
            .collect();
        while let Some(first) = left.first().copied() {
            let same = |day: &usize| days[*day] == days[first];
            let together: Vec<usize> = left.iter().copied().filter(same).collect();
            left.retain(|day| days[*day] != days[first]);
            let mut spans = days[first].clone();
            if spans.len() > 1 {
                spans.retain(|span| span != "off");
                spans.sort();
            }
            let front = if dates.is_empty() {
                String::new()
            } else {
                format!("{dates} ")
            };
            rules.push(format!(
                "{front}{} {}",
                join_days(&together),
                spans.join(",")
            ));
        }
    }
    rules
}

/// Dates, days and span of a specification; no days: every day.
fn rule(specification: &Object) -> Option<(String, Vec<usize>, String)> {
    let mut days = Vec::new();
    for value in values(specification.get("dayOfWeek")) {
        let name = text(Some(value))?;
        let fits = |(long, short): &(&str, &str)| {
            let name = term(name);
            name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
        };
        days.push(DAYS.iter().position(fits)?);
    }
    days.sort_unstable();
    days.dedup();
    let date = |name| match property(specification, name) {
        None => Some(None),
        Some(text) => date_of(text).map(Some),
    };
    let dates = match (date("validFrom")?, date("validThrough")?) {
        (None, None) => String::new(),
        (Some(from), None) => format!("{from}+"),
        (None, Some(_)) => return None,
        (Some(from), Some(through)) if from == through => from,
        (Some(from), Some(through)) => format!("{from}-{through}"),
    };
    let time = |name| property(specification, name).map(minutes_of);
    let span = match (time("opens"), time("closes")) {
        (None, None) => "off".to_owned(),
        (Some(opens), Some(closes)) => span_of(opens?, closes?),
        _ => return None,
    };
    Some((dates, days, span))
}

fn span_of(opens: u32, closes: u32) -> String {
    // the same time twice says closed; 23:59 and midnight both mean the day's end
    if opens == closes {
        return "off".to_owned();
    }
    let closes = match closes {
        0 | 1439 => 1440,
        other => other,
    };
    let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    format!("{}-{}", clock(opens), clock(closes))
}

/// `09:00`, `09:00:00`, `09:00:00+02:00`: the time there, whatever the offset.
fn minutes_of(text: &str) -> Option<u32> {
    let text = text.rsplit_once('T').map_or(text, |(_, time)| time);
    let (hours, rest) = text.split_once(':')?;
    let minutes = rest.get(..2)?;
    let rest = &rest[2..];
    let is_end = rest.is_empty() || rest.starts_with([':', 'Z', '+', '-']);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_end || !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 && minutes < 60 && hours * 60 + minutes <= 1440).then_some(hours * 60 + minutes)
}

/// `2026-12-24` as `2026 Dec 24`.
fn date_of(text: &str) -> Option<String> {
    let date = text.split('T').next()?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let right = parts.next().is_none() && year.len() == 4;
    let year: u32 = year.parse().ok().filter(|year| *year >= 1900)?;
    let month: usize = month.parse().ok()?;
    let day: u32 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = MONTHS.get(month.checked_sub(1)?)?;
    right.then(|| format!("{year} {month} {day:02}"))
}

/// Ascending days as `Mo-Fr,Su`; holidays stand alone.
fn join_days(days: &[usize]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(first) = days.get(at).copied() {
        let mut end = at;
        while first < 7
            && days
                .get(end + 1)
                .is_some_and(|next| *next == days[end] + 1 && *next < 7)
        {
            end += 1;
        }
        let (from, to) = (DAYS[first].1, DAYS[days[end]].1);
        match end - at {
            0 => parts.push(from.to_owned()),
            1 => parts.push(format!("{from},{to}")),
            _ => parts.push(format!("{from}-{to}")),
        }
        at = end + 1;
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    fn hours(business: Json) -> (String, usize) {
        let mut notes = Vec::new();
        let text = opening_hours(business.as_object().unwrap(), &mut notes);
        (text.unwrap_or_default(), notes.len())
    }

    #[test]
    fn specifications_become_rules() {
        let week = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
        for (business, want, notes) in [
            (json!({}), "", 0),
            (
                json!({"openingHours": "Mo-Fr 09:00-17:00"}),
                "Mo-Fr 09:00-17:00",
                0,
            ),
            (
                json!({"openingHours": ["Mo 09:00-17:00", "Tu,We 10:00-12:00"]}),
                "Mo 09:00-17:00; Tu,We 10:00-12:00",
                0,
            ),
            (
                json!({"openingHours": "weekdays 9 to 5"}),
                "weekdays 9 to 5",
                1,
            ),
            (
                json!({"openingHoursSpecification": [
                    {"dayOfWeek": week, "opens": "09:00", "closes": "12:00"},
                    {"dayOfWeek": week, "opens": "13:00:00", "closes": "17:00:00"},
                    {"dayOfWeek": "https://schema.org/Saturday", "opens": "10:00", "closes": "00:00"},
                    {"dayOfWeek": "Sunday", "opens": "00:00", "closes": "00:00"},
                ]}),
                "Mo-Fr 09:00-12:00,13:00-17:00; Sa 10:00-24:00; Su off",
                0,
            ),
            (
                json!({"openingHoursSpecification": {"opens": "08:00", "closes": "02:00"},
                       "specialOpeningHoursSpecification": [
                    {"validFrom": "2026-12-24", "validThrough": "2026-12-26"},
                    {"validFrom": "2026-12-31", "validThrough": "2026-12-31", "opens": "08:00", "closes": "14:00"}]}),
                "Mo-Su 08:00-02:00; 2026 Dec 24-2026 Dec 26 off; 2026 Dec 31 08:00-14:00",
                0,
            ),
            (
                json!({"openingHoursSpecification": [{"dayOfWeek": "Someday", "opens": "08:00", "closes": "09:00"}]}),
                "",
                1,
            ),
            (
                json!({"openingHoursSpecification": [{"dayOfWeek": "Monday", "opens": "8", "closes": "09:00"}]}),
                "",
                1,
            ),
            (
                json!({"openingHoursSpecification": [{"dayOfWeek": ["Monday", "PublicHolidays"], "opens": "08:00", "closes": "09:00"}]}),
                "Mo,PH 08:00-09:00",
                0,
            ),
        ] {
            assert_eq!(
                hours(business.clone()),
                (want.to_owned(), notes),
                "{business}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_made_is_in_the_form(rows in prop::collection::vec((0_usize..8, 0_u32..24, 0_u32..60, 0_u32..24, 0_u32..60), 1..12)) {
            let list: Vec<Json> = rows.iter().map(|(day, a, b, c, d)| json!({
                "dayOfWeek": DAYS[*day].0, "opens": format!("{a:02}:{b:02}"), "closes": format!("{c:02}:{d:02}"),
            })).collect();
            let (text, notes) = hours(json!({ "openingHoursSpecification": list }));
            prop_assert!(hours::is_right(&text), "{}", text);
            prop_assert_eq!(notes, 0);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}|[0-9:T+Z-]{0,12}") {
            let _ = (minutes_of(&text), date_of(&text));
        }
    }
}
