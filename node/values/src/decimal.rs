//! Decimal numbers as people write them, as whole numbers of a smaller unit.
//! Never by way of floating point.

/// Whole part and fraction of a decimal number, as digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<'a> {
    /// Whether a `-` stands before it.
    pub negative: bool,
    /// Digits before the point; may be empty.
    pub whole: &'a str,
    /// Digits behind it; may be empty.
    pub fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads `12`, `-12.5`, `12,5`, `.5`; `None` for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let right = all_digits(whole) && all_digits(fraction);
        (right && !(whole.is_empty() && fraction.is_empty())).then_some(Self {
            negative,
            whole,
            fraction,
        })
    }

    /// The number in units of 10^-`digits`, rounded to the nearest one, halves
    /// away from zero; `None` if it does not fit.
    pub fn scaled(&self, digits: usize) -> Option<i64> {
        let (kept, rest) = self.fraction.split_at(digits.min(self.fraction.len()));
        let mut value = 0_i64;
        let zeros = std::iter::repeat_n(b'0', digits - kept.len());
        for digit in self.whole.bytes().chain(kept.bytes()).chain(zeros) {
            value = value
                .checked_mul(10)?
                .checked_add(i64::from(digit - b'0'))?;
        }
        if rest.bytes().next().is_some_and(|digit| digit >= b'5') {
            value = value.checked_add(1)?;
        }
        Some(if self.negative { -value } else { value })
    }

    /// Whether more than so many digits behind the point matter.
    pub fn is_finer_than(&self, digits: usize) -> bool {
        self.fraction
            .get(digits..)
            .is_some_and(|rest| rest.bytes().any(|digit| digit != b'0'))
    }
}

/// Degrees of latitude or longitude as whole numbers of 1e-7 degree.
pub fn degrees(text: &str) -> Option<i64> {
    Decimal::parse(text)?.scaled(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn degrees_as_people_write_them() {
        for (text, e7) in [
            ("60.1799", Some(601_799_000)),
            (" -0.00000015 ", Some(-2)),
            ("24,95", Some(249_500_000)),
            ("+5", Some(50_000_000)),
            (".5", Some(5_000_000)),
            ("60.16999999999", Some(601_700_000)),
            ("", None),
            (".", None),
            ("1e2", None),
            ("60.1.2", None),
            ("60 N", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(degrees(text), e7, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_of_the_unit_come_back(value in -1_800_000_000_i64..=1_800_000_000) {
            let sign = if value < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:07}", value.abs() / 10_000_000, value.abs() % 10_000_000);
            prop_assert_eq!(degrees(&text), Some(value));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}", digits in 0_usize..10) {
            if let Some(decimal) = Decimal::parse(&text) {
                let _ = decimal.scaled(digits);
                let _ = decimal.is_finer_than(digits);
            }
        }
    }
}
