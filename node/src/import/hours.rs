//! Whether a text is written as opening hours are in OpenStreetMap: a check of
//! the form, not of the meaning. The grammar:
//! <https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification>.
//! Checked here and not by a crate: those that do it bring a parser generator and
//! a calendar, for what is only a remark in a report.

use crate::import::listing::Remark;

/// Latest hour of a time that ends on the next day.
const HOUR_MAX: u32 = 48;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
const HOLIDAYS: [&str; 2] = ["PH", "SH"];
const EVENTS: [&str; 4] = ["sunrise", "sunset", "dawn", "dusk"];
const MODIFIERS: [&str; 4] = ["open", "off", "closed", "unknown"];

/// Whether the text keeps to the form.
pub fn is_right(text: &str) -> bool {
    let Some(tokens) = tokens(text) else {
        return false;
    };
    let mut parser = Parser { rest: &tokens };
    parser.rules() == Some(()) && parser.rest.is_empty()
}

/// Whether the text says only that it is closed for now, all the time.
pub fn is_closed(text: &str) -> bool {
    ["closed", "off", "24/7 off", "24/7 closed"]
        .iter()
        .any(|closed| text.trim().eq_ignore_ascii_case(closed))
}

/// A remark on hours that do not keep to the form.
pub fn remark(text: &str) -> Option<Remark> {
    let shown = || text.chars().take(80).collect::<String>();
    (!is_right(text)).then(|| {
        let text = format!(
            "{:?} is not in the form of OpenStreetMap; kept as text",
            shown()
        );
        Remark::new("bad_hours", text)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Number(u32),
    /// Hours and minutes.
    Time(u32, u32),
    /// What people say beside it, in quotes.
    Comment,
    /// `24/7`.
    Always,
    /// `||`.
    Fallback,
    Sign(char),
}

/// The pieces of a text; `None` where a letter has no place in any.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if let Some(after) = rest.strip_prefix("24/7") {
            (Token::Always, after)
        } else if let Some(after) = rest.strip_prefix("||") {
            (Token::Fallback, after)
        } else if let Some(quoted) = rest.strip_prefix('"') {
            (Token::Comment, quoted.split_once('"')?.1)
        } else if first.is_ascii_digit() {
            let (number, after) = digits(rest)?;
            match after.strip_prefix(':').map(digits) {
                Some(Some((minutes, end))) => (Token::Time(number, minutes), end),
                _ => (Token::Number(number), after),
            }
        } else if first.is_ascii_alphabetic() {
            let end = rest.find(|letter: char| !letter.is_ascii_alphabetic());
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            (Token::Word(word), after)
        } else if "-,;:+/[]()".contains(first) {
            (Token::Sign(first), &rest[1..])
        } else {
            return None;
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

fn digits(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    Some((digits.parse().ok()?, rest))
}

/// `Some` where something was read, `None` where it is not there or is wrong: a
/// reader that gives `None` after it began leaves tokens over, which is an error.
struct Parser<'a> {
    rest: &'a [Token<'a>],
}

impl<'a> Parser<'a> {
    fn take(&mut self, wanted: impl Fn(Token<'a>) -> bool) -> Option<Token<'a>> {
        let (first, after) = self.rest.split_first()?;
        wanted(*first).then(|| {
            self.rest = after;
            *first
        })
    }

    fn sign(&mut self, sign: char) -> Option<()> {
        self.take(|token| token == Token::Sign(sign)).map(drop)
    }

    fn word(&mut self, words: &[&str]) -> Option<()> {
        let fits = |token| matches!(token, Token::Word(word) if words.contains(&word));
        self.take(fits).map(drop)
    }

    fn number(&mut self, low: u32, high: u32) -> Option<()> {
        let fits = |token| matches!(token, Token::Number(value) if (low..=high).contains(&value));
        self.take(fits).map(drop)
    }

    /// Goes back where a reader gives `None`.
    fn maybe(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> bool {
        let before = self.rest;
        let found = read(self).is_some();
        if !found {
            self.rest = before;
        }
        found
    }

    /// One or more, parted by commas.
    fn list(&mut self, read: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        read(self)?;
        while self.maybe(|parser| {
            parser.sign(',')?;
            read(parser)
        }) {}
        Some(())
    }

    fn rules(&mut self) -> Option<()> {
        self.rule()?;
        while !self.rest.is_empty() {
            self.take(|token| matches!(token, Token::Sign(';' | ',') | Token::Fallback))?;
            if self.rest.is_empty() {
                break;
            }
            self.rule()?;
        }
        Some(())
    }

    fn rule(&mut self) -> Option<()> {
        let before = self.rest.len();
        if self.take(|token| token == Token::Always).is_none() {
            let dates = self.maybe(|parser| parser.list(Self::date_range));
            let weeks = self.maybe(Self::weeks);
            if dates || weeks {
                self.maybe(|parser| parser.sign(':'));
            }
            if self.maybe(|parser| parser.list(Self::days)) {
                self.maybe(|parser| parser.sign(':'));
            }
            self.maybe(|parser| parser.list(Self::span));
        }
        self.word(&MODIFIERS);
        self.take(|token| token == Token::Comment);
        (self.rest.len() < before).then_some(())
    }

    /// `2017 Jul 1`, `Jul`, `2017`, `easter`; a year alone is no time of day.
    fn date(&mut self) -> Option<()> {
        let year = self.number(1900, 9999);
        if self.word(&["easter"]).is_some() {
            self.maybe(Self::offset);
            return Some(());
        }
        if self.word(&MONTHS).is_some() {
            self.number(1, 31);
            return Some(());
        }
        year
    }

    fn date_range(&mut self) -> Option<()> {
        self.date()?;
        let ended = self.maybe(|parser| {
            parser.sign('-')?;
            parser.date().or_else(|| parser.number(1, 31))
        });
        if ended {
            self.step();
        } else {
            self.sign('+');
        }
        // further days of the same month: Dec 24,26
        while self.maybe(|parser| {
            parser.sign(',')?;
            parser.number(1, 31)
        }) {}
        Some(())
    }

    fn step(&mut self) {
        self.maybe(|parser| {
            parser.sign('/')?;
            parser.number(1, 99)
        });
    }

    fn weeks(&mut self) -> Option<()> {
        self.word(&["week"])?;
        self.list(|parser| {
            parser.number(1, 53)?;
            if parser.maybe(|parser| {
                parser.sign('-')?;
                parser.number(1, 53)
            }) {
                parser.step();
            }
            Some(())
        })
    }

    fn days(&mut self) -> Option<()> {
        if self.word(&HOLIDAYS).is_some() {
            self.maybe(Self::offset);
            return Some(());
        }
        self.word(&DAYS)?;
        self.maybe(|parser| {
            parser.sign('-')?;
            parser.word(&DAYS)
        });
        if self.maybe(|parser| {
            parser.sign('[')?;
            parser.list(|parser| {
                parser.sign('-');
                parser.number(1, 5)?;
                parser.maybe(|parser| {
                    parser.sign('-')?;
                    parser.number(1, 5)
                });
                Some(())
            })?;
            parser.sign(']')
        }) {
            self.maybe(Self::offset);
        }
        Some(())
    }

    /// `+1 day`, `-2 days`.
    fn offset(&mut self) -> Option<()> {
        self.sign('+').or_else(|| self.sign('-'))?;
        self.number(1, 366)?;
        self.word(&["day", "days"])
    }

    fn time(&mut self) -> Option<()> {
        let fits = |token| {
            matches!(token, Token::Time(hours, minutes)
                if minutes < 60 && hours * 60 + minutes <= HOUR_MAX * 60 && hours <= HOUR_MAX)
        };
        self.take(fits).map(drop)
    }

    fn point(&mut self) -> Option<()> {
        if self.time().is_some() || self.word(&EVENTS).is_some() {
            return Some(());
        }
        self.sign('(')?;
        self.word(&EVENTS)?;
        self.sign('+').or_else(|| self.sign('-'))?;
        self.time()?;
        self.sign(')')
    }

    fn span(&mut self) -> Option<()> {
        self.point()?;
        if self.maybe(|parser| {
            parser.sign('-')?;
            parser.point()
        }) {
            self.maybe(|parser| {
                parser.sign('/')?;
                parser.time().or_else(|| parser.number(1, 999))
            });
        }
        self.sign('+');
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form_is_known() {
        for right in [
            "24/7",
            "Mo-Fr 08:00-17:00",
            "Mo-Fr 9:00-17:00; Sa 11:00-15:00; PH off",
            "Mo-Fr 08:00-10:30, 11:00-16:00",
            "Mo-Fr 07:30-20:00, Sa 10:00-19:00; Sa 12:00-18:00",
            "Mo,We,Fr-Su 16:00-03:00;",
            "Fr 18:00-26:00",
            "Sa, Su 09:00-16:00",
            "10:30-18:00",
            "2017 Jul 1 - 2017 Aug 8 off; PH off",
            "May-Sep: Mo-Su 10:00-20:00",
            "Dec 24,25 off; Jan 1 closed",
            "Dec 24-26 off",
            "week 1-53/2 Mo 10:00-12:00",
            "easter -2 days off",
            "Mo[1] 10:00-12:00; Mo[-1] +1 day 10:00-12:00",
            "PH,Mo-Su 10:00-18:00",
            "sunrise-sunset",
            "(sunrise+01:00)-22:00",
            "Tu 10:00+",
            "Mo-Fr 08:00-16:00 || \"by appointment\"",
            "Mo-Fr 10:00-18:00 open \"ring the bell\"",
            "\"for request only\"",
            "off",
            "2026-2028 Mo 10:00-12:00",
            "Mo-Fr 10:00-16:00/90",
        ] {
            assert!(is_right(right), "{right}");
        }
    }

    #[test]
    fn what_is_not_in_the_form_is_seen() {
        for wrong in [
            "",
            ";",
            "Seasonal, only summer time",
            "Mo-Fr 08:00-19:00 Sa 09:00-19:00",
            "Mo-Fr 8-17",
            "ma-pe 8:00-17:00",
            "Mo-Fr 25:61-26:00",
            "Mo-Fr 99:00-100:00",
            "Mo-Fr 08.00-17.00",
            "Mo-",
            "Mo-Fr 08:00-",
            "Mo[9] 10:00-12:00",
            "\"not closed",
            "week 60 Mo 10:00-12:00",
            "10:00-12:00 Mo",
            "Mo 10:00 – 12:00",
            "99999999999:00-10:00",
        ] {
            assert!(!is_right(wrong), "{wrong}");
        }
        assert!(is_closed("Closed") && is_closed(" off ") && !is_closed("Su off"));
    }

    fn hours() -> impl Strategy<Value = String> {
        let time = (0_u32..25, 0_u32..60).prop_map(|(hour, minute)| {
            format!("{hour:02}:{:02}", if hour == 24 { 0 } else { minute })
        });
        let span = (time.clone(), time).prop_map(|(from, to)| format!("{from}-{to}"));
        let day = (0_usize..7, 0_usize..7).prop_map(|(a, b)| match a == b {
            true => DAYS[a].to_owned(),
            false => format!("{}-{}", DAYS[a], DAYS[b]),
        });
        let list = |one: BoxedStrategy<String>| {
            prop::collection::vec(one, 1..4).prop_map(|parts| parts.join(","))
        };
        let rule = (list(day.boxed()), list(span.boxed()))
            .prop_map(|(days, spans)| format!("{days} {spans}"));
        prop::collection::vec(rule, 1..5).prop_map(|rules| rules.join("; "))
    }

    proptest! {
        #[test]
        fn all_that_is_built_by_the_rules_is_right(text in hours()) {
            prop_assert!(is_right(&text));
            let cut = format!("{text} {text}");
            prop_assert!(!is_right(&cut), "{cut}");
        }

        #[test]
        fn any_text_is_judged(text in "([MTWFSPu\\-oahr0-9:;, +\\[\\]()\"|/]|24/7|\\PC){0,60}") {
            let _ = is_right(&text);
        }
    }
}
