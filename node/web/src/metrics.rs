//! Numbers for those who watch over a node, in the text format of Prometheus. Whoever counts
//! does so as it happens: nothing is looked through for them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Statuses of answers are below this.
const STATUS_END: usize = 600;
/// The first status there is.
const STATUS_BEGIN: usize = 100;

/// How a number behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the node starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A number, or some that differ by their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// A label with its value where there are several, and the number.
    pub values: Vec<(Option<(&'static str, String)>, f64)>,
}

impl Measure {
    /// One number.
    pub fn one(name: &'static str, about: &'static str, kind: Kind, value: u64) -> Self {
        Self {
            name,
            about,
            kind,
            values: vec![(None, value as f64)],
        }
    }

    /// Numbers that differ by a label.
    pub fn by(
        name: &'static str,
        about: &'static str,
        kind: Kind,
        label: &'static str,
        values: impl IntoIterator<Item = (String, u64)>,
    ) -> Self {
        let values = values.into_iter();
        Self {
            name,
            about,
            kind,
            values: values
                .map(|(of, value)| (Some((label, of)), value as f64))
                .collect(),
        }
    }
}

/// Numbers as text.
pub fn text(measures: &[Measure]) -> String {
    let mut out = String::new();
    for measure in measures {
        let kind = match measure.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // writing to a text does not fail
        let _ = writeln!(out, "# HELP {} {}", measure.name, escaped(measure.about));
        let _ = writeln!(out, "# TYPE {} {kind}", measure.name);
        for (label, value) in &measure.values {
            let _ = match label {
                Some((label, of)) => {
                    writeln!(
                        out,
                        "{}{{{label}=\"{}\"}} {value}",
                        measure.name,
                        escaped(of)
                    )
                }
                None => writeln!(out, "{} {value}", measure.name),
            };
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// What the server counts itself.
pub(crate) struct Counts {
    by_status: Vec<AtomicU64>,
    took_us: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        let mut by_status = Vec::new();
        by_status.resize_with(STATUS_END - STATUS_BEGIN, AtomicU64::default);
        Self {
            by_status,
            took_us: AtomicU64::default(),
        }
    }
}

impl Counts {
    /// A request was answered.
    pub(crate) fn note(&self, status: u16, took: Duration) {
        let at = usize::from(status).checked_sub(STATUS_BEGIN);
        if let Some(count) = at.and_then(|at| self.by_status.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.took_us.fetch_add(took, Ordering::Relaxed);
    }

    /// As numbers.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let counts = self.by_status.iter().enumerate();
        let counts = counts.map(|(at, count)| (at + STATUS_BEGIN, count.load(Ordering::Relaxed)));
        let counts: Vec<(usize, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        let all = counts.iter().map(|(_, count)| count).sum();
        let by_status = counts
            .iter()
            .map(|(status, count)| (status.to_string(), *count));
        let took = self.took_us.load(Ordering::Relaxed) as f64 / 1e6;
        vec![
            Measure::by(
                "synlog_http_requests_total",
                "Requests that were answered, by status",
                Kind::Counter,
                "status",
                by_status,
            ),
            Measure::one(
                "synlog_http_request_seconds_count",
                "Requests that were answered",
                Kind::Counter,
                all,
            ),
            Measure {
                name: "synlog_http_request_seconds_sum",
                about: "Seconds until answers began, all together",
                kind: Kind::Counter,
                values: vec![(None, took)],
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        let counts = Counts::default();
        for (status, times) in [(200, 3), (404, 1), (42, 1), (999, 1)] {
            for _ in 0..times {
                counts.note(status, Duration::from_micros(250));
            }
        }
        let mut measures = counts.measures();
        let odd = [("a\"b\\c\nd".to_owned(), 7)];
        measures.push(Measure::by("odd", "labels", Kind::Gauge, "of", odd));
        let expected = "\
# HELP synlog_http_requests_total Requests that were answered, by status
# TYPE synlog_http_requests_total counter
synlog_http_requests_total{status=\"200\"} 3
synlog_http_requests_total{status=\"404\"} 1
# HELP synlog_http_request_seconds_count Requests that were answered
# TYPE synlog_http_request_seconds_count counter
synlog_http_request_seconds_count 4
# HELP synlog_http_request_seconds_sum Seconds until answers began, all together
# TYPE synlog_http_request_seconds_sum counter
synlog_http_request_seconds_sum 0.0015
# HELP odd labels
# TYPE odd gauge
odd{of=\"a\\\"b\\\\c\\nd\"} 7
";
        assert_eq!(text(&measures), expected);
    }
}
