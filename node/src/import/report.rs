//! What an import did, counted: for people line by line, for programs as JSON.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::import::listing::Remark;

/// Origins that are named for each reason.
const EXAMPLES_MAX: usize = 5;

/// Remarks by their code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons {
    counted: BTreeMap<&'static str, Reason>,
}

/// Remarks of one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// How often.
    pub count: u64,
    /// The first few, with where they stand.
    pub examples: Vec<(String, String)>,
}

impl Reasons {
    /// Counts a remark.
    pub fn add(&mut self, origin: &str, remark: &Remark) {
        let reason = self.counted.entry(remark.code).or_insert_with(|| Reason {
            count: 0,
            examples: Vec::new(),
        });
        reason.count += 1;
        if reason.examples.len() < EXAMPLES_MAX {
            reason
                .examples
                .push((origin.to_owned(), remark.text.clone()));
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counted.values().map(|reason| reason.count).sum()
    }

    /// Those of each code, by code.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Reason)> {
        self.counted.iter().map(|(code, reason)| (*code, reason))
    }

    /// For programs: an array with code, count and the first few.
    pub fn json(&self) -> Json {
        let row = |(code, reason): (&'static str, &Reason)| {
            let examples = reason.examples.iter();
            let examples = examples.map(|(at, text)| json!({ "at": at, "reason": text }));
            json!({ "code": code, "count": reason.count, "examples": examples.collect::<Vec<_>>() })
        };
        Json::Array(self.iter().map(row).collect())
    }
}

/// What became of the events of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Not there before.
    pub new: u64,
    /// There with another content.
    pub changed: u64,
    /// There as they are; nothing is written.
    pub same: u64,
}

impl Tally {
    /// For programs.
    pub fn json(&self) -> Json {
        json!({ "new": self.new, "changed": self.changed, "same": self.same })
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Finds that could be taken.
    pub taken: u64,
    /// Places.
    pub places: Tally,
    /// Items.
    pub items: Tally,
    /// Events that were written.
    pub written: u64,
    /// What was refused.
    pub refused: Reasons,
    /// What was taken and is odd.
    pub noted: Reasons,
    /// Columns of a table that fill no field.
    pub left_out: Vec<String>,
}

impl Report {
    /// Events that were there already.
    pub fn skipped(&self) -> u64 {
        self.places.same + self.items.same
    }

    /// For programs.
    pub fn json(&self) -> Json {
        let mut json = json!({
            "taken": self.taken,
            "places": self.places.json(),
            "items": self.items.json(),
            "written": self.written,
            "skipped": self.skipped(),
            "refused": self.refused.json(),
            "noted": self.noted.json(),
        });
        if !self.left_out.is_empty() {
            json["left_out"] = json!(self.left_out);
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_only_some_named() {
        let mut reasons = Reasons::default();
        for number in 0..9 {
            reasons.add(
                &format!("line {number}"),
                &Remark::new("no_name", "it has no name"),
            );
        }
        reasons.add("line 9", &Remark::new("no_place", "it is nowhere"));
        assert_eq!(reasons.count(), 10);
        let json = reasons.json();
        assert_eq!(json[0]["count"], json!(9));
        assert_eq!(
            json[0]["examples"].as_array().map(Vec::len),
            Some(EXAMPLES_MAX)
        );
        assert_eq!(json[1]["examples"][0]["at"], json!("line 9"));
    }
}
