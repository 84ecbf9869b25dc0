//! Prices as people write them, in minor units of their currency (ISO 4217).

use iso_currency::Currency;

use crate::decimal::Decimal;

/// Why a text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a code of ISO 4217 in use for payments.
    #[error("{0:?} is no currency (three letters, as in EUR)")]
    Currency(String),
    /// Not a number.
    #[error("{0:?} is no amount: write it as in 12.50")]
    Amount(String),
    /// Thousands or decimals?
    #[error("{0:?} can be read in two ways: write all decimals, or none")]
    Ambiguous(String),
    /// More decimals than the currency has.
    #[error("{amount:?} is finer than {currency} can be (it has {digits} decimals)")]
    TooFine {
        /// The amount.
        amount: String,
        /// The currency.
        currency: &'static str,
        /// How many decimals it has.
        digits: usize,
    },
    /// Below zero.
    #[error("{0:?} is below zero")]
    Negative(String),
    /// Does not fit into 64 bits.
    #[error("{0:?} is too much")]
    TooMuch(String),
}

/// A currency by its code, in any case.
pub fn currency(code: &str) -> Result<(Currency, usize), MoneyError> {
    let wrong = || MoneyError::Currency(code.chars().take(16).collect());
    let found = Currency::from_code(&code.trim().to_ascii_uppercase()).ok_or_else(wrong)?;
    // gold and the like have no minor unit
    let digits = found.exponent().ok_or_else(wrong)?;
    Ok((found, usize::from(digits)))
}

/// An amount in minor units: `12.50`, `12,50`, `1 234,50`, `1,234.50`, `1'234.50`.
pub fn minor(text: &str, code: &str) -> Result<i64, MoneyError> {
    let (currency, digits) = currency(code)?;
    let shown = || text.trim().chars().take(40).collect::<String>();
    let plain = ungrouped(text.trim(), digits).map_err(|ambiguous| {
        if ambiguous {
            MoneyError::Ambiguous(shown())
        } else {
            MoneyError::Amount(shown())
        }
    })?;
    let decimal = Decimal::parse(&plain).ok_or_else(|| MoneyError::Amount(shown()))?;
    if decimal.is_finer_than(digits) {
        return Err(MoneyError::TooFine {
            amount: shown(),
            currency: currency.code(),
            digits,
        });
    }
    let value = decimal.scaled(digits);
    let value = value.ok_or_else(|| MoneyError::TooMuch(shown()))?;
    if value < 0 {
        return Err(MoneyError::Negative(shown()));
    }
    Ok(value)
}

/// The number without what parts its thousands. `Err(true)`: two readings.
fn ungrouped(text: &str, digits: usize) -> Result<String, bool> {
    let points: Vec<(usize, char)> = text
        .char_indices()
        .filter(|(_, letter)| matches!(letter, '.' | ','))
        .collect();
    let is_space = |letter: char| matches!(letter, ' ' | '\'' | '’' | '\u{a0}' | '\u{202f}');
    let spaced = text.contains(is_space);
    // the last point parts the decimals, unless it stands there more than once
    let decimals = match points.last() {
        None => None,
        Some((at, point)) => {
            let same = points.iter().filter(|(_, other)| other == point).count();
            let behind = text.len() - at - 1;
            match (same, points.len()) {
                (1, 1) if behind == 3 && digits < 3 && !spaced && *at > 0 => {
                    // 0.125 is too fine, not one hundred and twenty-five
                    if text[..*at].trim_start_matches(['-', '+']).starts_with('0') {
                        Some(*at)
                    } else {
                        return Err(true);
                    }
                }
                (1, _) => Some(*at),
                (_, all) if all == same && behind == 3 => None,
                _ => return Err(false),
            }
        }
    };
    let (whole, fraction) = match decimals {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", whole),
    };
    let groups: Vec<&str> = whole
        .split(|letter: char| is_space(letter) || matches!(letter, '.' | ','))
        .collect();
    let grouped = groups.len() > 1;
    if grouped
        && (groups[0].is_empty()
            || groups[0].len() > 3
            || groups[1..].iter().any(|group| group.len() != 3))
    {
        return Err(false);
    }
    let whole = groups.concat();
    Ok(match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_as_people_write_them() {
        for (text, code, value) in [
            ("12.50", "EUR", 1250),
            ("12,5", "eur", 1250),
            (" 12 ", "EUR", 1200),
            ("0.10", "EUR", 10),
            (".5", "EUR", 50),
            ("12.500000", "EUR", 1250),
            ("1 234,50", "EUR", 123_450),
            ("1\u{a0}234", "SEK", 123_400),
            ("1'234.50", "CHF", 123_450),
            ("1,234.50", "USD", 123_450),
            ("1.234.567,8", "EUR", 123_456_780),
            ("1,234,567", "USD", 123_456_700),
            ("500", "JPY", 500),
            ("1,234", "KWD", 1234),
            ("1.5", "KWD", 1500),
        ] {
            assert_eq!(minor(text, code), Ok(value), "{text} {code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_named() {
        let word = |error: MoneyError| {
            format!("{error:?}")
                .split(['(', ' '])
                .next()
                .unwrap()
                .to_owned()
        };
        for (text, code, wrong) in [
            ("1,234", "EUR", "Ambiguous"),
            ("1.234", "JPY", "Ambiguous"),
            ("0.125", "EUR", "TooFine"),
            ("12.345", "BTC", "Currency"),
            ("12", "XAU", "Currency"),
            ("12", "", "Currency"),
            ("-3", "EUR", "Negative"),
            ("", "EUR", "Amount"),
            ("free", "EUR", "Amount"),
            ("12.50 EUR", "EUR", "Amount"),
            ("1.2.3", "EUR", "Amount"),
            ("12 34", "EUR", "Amount"),
            ("1,2,345.6", "EUR", "Amount"),
            ("99999999999999999999", "EUR", "TooMuch"),
            ("٣", "EUR", "Amount"),
        ] {
            assert_eq!(word(minor(text, code).unwrap_err()), wrong, "{text} {code}");
        }
    }

    proptest! {
        #[test]
        fn written_amounts_come_back(value in 0_i64..1_000_000_000_000, comma: bool) {
            let point = if comma { ',' } else { '.' };
            let text = format!("{}{point}{:02}", value / 100, value % 100);
            prop_assert_eq!(minor(&text, "EUR"), Ok(value));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9., '’\u{a0}€x]{0,24}") {
            if let Ok(value) = minor(&text, "EUR") {
                prop_assert!(value >= 0);
            }
        }
    }
}
