//! Another reducer for a topic, tried beside the active one before it decides anything.

use std::collections::BTreeMap;

use synlog_log::fold::{Manifest, Reducer};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::TopicOrder;
use synlog_views::{EventSource, Options, Views};

use crate::entropy::random;
use crate::events::{DecodedRuns, StoreSource};
use crate::failure::Failure;
use crate::folding::{halted, views_failure};
use crate::node::Node;
use crate::replay::{Scratch, each_rejection, each_row};

/// What a topic looks like by some reducer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events that changed nothing, and why.
    pub rejections: BTreeMap<EntryId, String>,
    /// Hashes of the rows, by table, key of the aggregate, and what tells rows of one apart.
    pub rows: BTreeMap<(String, String, String), [u8; 32]>,
}

impl Outcome {
    /// What views hold of a topic.
    fn of(views: &Views, topic: &TopicId, manifest: &Manifest) -> Result<Self, Failure> {
        let mut outcome = Self::default();
        each_rejection(views, topic, &mut |page| {
            let named = page.into_iter().map(|(it, _)| (it.event, it.code));
            outcome.rejections.extend(named);
        })?;
        each_row(views, topic, manifest, &mut |page| {
            for row in page {
                let hash = *blake3::hash(&row.columns.encode()).as_bytes();
                outcome.rows.insert((row.table, row.key, row.sub), hash);
            }
        })?;
        Ok(outcome)
    }
}

/// How two outcomes differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Events that counted and would not any more, with the new code.
    pub lost: Vec<(EntryId, String)>,
    /// Events that did not count and would, with the old code.
    pub gained: Vec<(EntryId, String)>,
    /// Rows that would be new.
    pub rows_new: u64,
    /// Rows that would go.
    pub rows_gone: u64,
    /// Rows that would be others.
    pub rows_changed: u64,
}

impl Difference {
    /// What changes from one outcome to another.
    pub fn between(old: &Outcome, new: &Outcome) -> Self {
        let only = |some: &Outcome, others: &Outcome| {
            let all = some.rejections.iter();
            let only = all.filter(|(event, _)| !others.rejections.contains_key(event));
            only.map(|(event, code)| (*event, code.clone())).collect()
        };
        let missing = |some: &Outcome, others: &Outcome| {
            let keys = some.rows.keys();
            keys.filter(|key| !others.rows.contains_key(key)).count() as u64
        };
        let changed = old.rows.iter().filter(|(key, hash)| {
            let other = new.rows.get(key);
            other.is_some_and(|other| other != *hash)
        });
        Self {
            lost: only(new, old),
            gained: only(old, new),
            rows_new: missing(new, old),
            rows_gone: missing(old, new),
            rows_changed: changed.count() as u64,
        }
    }
}

impl Node {
    /// Folds a topic with another module than its active one, in a directory that goes
    /// away, and tells what would change. `None`: no reducer is active that could be
    /// compared with.
    ///
    /// # Errors
    /// Where the module is none, halts, or payloads are missing.
    pub fn try_reducer(
        &mut self,
        topic: &TopicId,
        wasm: &[u8],
    ) -> Result<Option<Difference>, Failure> {
        let before = match self.fold(topic, &mut |_| true) {
            Ok(Some(_)) => {
                let manifest = self.manifest(topic)?.ok_or(Failure::NoTopic(*topic))?;
                let folding = self.take_folding()?;
                let outcome = Outcome::of(&folding.views, topic, &manifest);
                self.folding = Some(folding);
                Some(outcome?)
            }
            // a reducer that halts or is not here is no reason against another one
            Ok(None)
            | Err(Failure::NoReducer(_) | Failure::Halted(_) | Failure::BadReducer { .. }) => None,
            Err(failure) => return Err(failure),
        };
        let mut folding = self.take_folding()?;
        let hash = *blake3::hash(wasm).as_bytes();
        let reducer = folding.reducers().get(&hash, || Ok(wasm.to_vec()));
        let tried = reducer.and_then(|reducer| {
            let order = self.orders.get(topic).ok_or(Failure::NoTopic(*topic))?;
            let mut decoded = DecodedRuns::default();
            let mut source = StoreSource {
                store: &self.store,
                order,
                decoded: &mut decoded,
            };
            outcome_with(order, &mut source, reducer)
        });
        self.folding = Some(folding);
        let after = tried?;
        Ok(before.map(|before| Difference::between(&before, &after)))
    }
}

fn outcome_with(
    order: &TopicOrder,
    source: &mut dyn EventSource,
    reducer: &mut dyn Reducer,
) -> Result<Outcome, Failure> {
    let scratch = Scratch::new()?;
    let options = Options::new(random()?);
    let (mut views, _) = Views::open(&scratch.0, options).map_err(views_failure)?;
    let update = views
        .update(order, source, reducer, &mut |_| true)
        .map_err(views_failure)?;
    if let Some(halt) = &update.halted {
        return Err(halted(halt));
    }
    if let Some(entry) = update.waits_for {
        return Err(Failure::Findings(format!(
            "the payload of {entry} is not here, so that what would change can't be told"
        )));
    }
    let manifest = reducer.manifest().clone();
    Outcome::of(&views, &order.topic(), &manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(rejections: &[(u8, &str)], rows: &[(&str, u8)]) -> Outcome {
        let rejections = rejections.iter();
        let rows = rows.iter();
        Outcome {
            rejections: rejections
                .map(|(event, code)| (EntryId([*event; 32]), (*code).to_owned()))
                .collect(),
            rows: rows
                .map(|(key, hash)| (("t".into(), (*key).to_owned(), "".into()), [*hash; 32]))
                .collect(),
        }
    }

    #[test]
    fn what_changes_is_told_from_both_sides() {
        let old = outcome(&[(1, "a"), (2, "b")], &[("x", 1), ("y", 1), ("z", 1)]);
        let new = outcome(&[(2, "c"), (3, "d")], &[("x", 1), ("y", 2), ("w", 1)]);
        let difference = Difference::between(&old, &new);
        assert_eq!(difference.lost, [(EntryId([3; 32]), "d".to_owned())]);
        assert_eq!(difference.gained, [(EntryId([1; 32]), "a".to_owned())]);
        let rows = (
            difference.rows_new,
            difference.rows_gone,
            difference.rows_changed,
        );
        assert_eq!(rows, (1, 1, 1));
        assert_eq!(Difference::between(&old, &old), Difference::default());
    }
}
