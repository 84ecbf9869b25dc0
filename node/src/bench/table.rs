//! What was measured, beside what was aimed at.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// What was measured.
    what: String,
    /// The number.
    measured: f64,
    /// Its unit.
    unit: String,
    /// What it should be.
    target: Option<Bound>,
    /// What it is compared with, measured in the same run.
    limit: Option<Limit>,
    /// Whether number and ratio are where they should be; none without a target.
    met: Option<bool>,
}

/// A target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", number(least)),
            Self::AtMost(most) => format!("≤ {}", number(most)),
        }
    }
}

/// A floor or ceiling that no implementation gets past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Limit {
    what: String,
    value: f64,
    ratio: f64,
    target: Option<Bound>,
}

impl Row {
    /// A number without a target.
    pub(super) fn new(what: impl Into<String>, measured: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            measured,
            unit: unit.to_owned(),
            target: None,
            limit: None,
            met: None,
        }
    }

    /// It should be so much or more.
    pub(super) fn at_least(self, least: f64) -> Self {
        self.bound(Bound::AtLeast(least))
    }

    /// It should be so much or less.
    pub(super) fn at_most(self, most: f64) -> Self {
        self.bound(Bound::AtMost(most))
    }

    fn bound(mut self, bound: Bound) -> Self {
        self.target = Some(bound);
        self.judge()
    }

    /// What it is compared with. The ratio is given because the median of the
    /// ratios of many rounds is steadier than the ratio of two medians.
    pub(super) fn beside(mut self, what: &str, value: f64, ratio: f64) -> Self {
        self.limit = Some(Limit {
            what: what.to_owned(),
            value,
            ratio,
            target: None,
        });
        self
    }

    /// The ratio should be so much or more.
    pub(super) fn ratio_at_least(mut self, least: f64) -> Self {
        if let Some(limit) = &mut self.limit {
            limit.target = Some(Bound::AtLeast(least));
        }
        self.judge()
    }

    fn judge(mut self) -> Self {
        let own = self.target.map(|bound| bound.holds(self.measured));
        let limit = self.limit.as_ref();
        let ratio = limit.and_then(|limit| Some(limit.target?.holds(limit.ratio)));
        self.met = match (own, ratio) {
            (None, None) => None,
            (own, ratio) => Some(own.unwrap_or(true) && ratio.unwrap_or(true)),
        };
        self
    }

    fn cells(&self) -> [String; 6] {
        let limit = self.limit.as_ref();
        let ratio = limit.map(|limit| match limit.target {
            Some(bound) => format!("{:.2} ({})", limit.ratio, bound.text()),
            None => format!("{:.2}", limit.ratio),
        });
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "",
        };
        [
            self.what.clone(),
            format!("{} {}", number(self.measured), self.unit),
            self.target.map(Bound::text).unwrap_or_default(),
            limit
                .map(|limit| format!("{}: {}", limit.what, number(limit.value)))
                .unwrap_or_default(),
            ratio.unwrap_or_default(),
            verdict.to_owned(),
        ]
    }
}

/// Three digits that say something, thousands apart.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The rows as a Markdown table, padded so that it reads in a terminal too.
pub(super) fn text(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let heading = ["what", "measured", "target", "limit", "ratio", ""].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(heading)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(widths) {
            write!(out, "| {cell:width$} ")?;
        }
        writeln!(out, "|")?;
        if index == 0 {
            let rule = widths.map(|width| "-".repeat(width + 2)).join("|");
            writeln!(out, "|{rule}|")?;
        }
    }
    let missed = rows.iter().filter(|row| row.met == Some(false)).count();
    let targets = rows.iter().filter(|row| row.met.is_some()).count();
    writeln!(out, "\n{} of {targets} targets met", targets - missed)
}

/// The rows as one JSON document.
pub(super) fn json(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "rows": rows }))?;
    writeln!(out)
}

/// The rows, one JSON object a line.
pub(super) fn lines(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.917, 38.25, 100.0, 1_234_567.8, f64::NAN].map(number);
        assert_eq!(shown, ["0.92", "38.2", "100", "1 234 568", "?"]);
    }

    #[test]
    fn both_the_number_and_the_ratio_count() {
        let row = Row::new("x", 10.0, "B").at_most(12.0);
        assert_eq!(row.met, Some(true));
        let row = row.beside("bare", 9.0, 0.9).ratio_at_least(0.95);
        assert_eq!(row.met, Some(false));
        assert_eq!(Row::new("x", 10.0, "B").met, None);
    }
}
