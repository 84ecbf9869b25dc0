//! Which entries of a set of runs are authentic (`spec/03-entry.md` 3.4).

use std::collections::{BTreeMap, HashMap};

use crate::ids::EntryId;
use crate::keys::{AdmittedKeys, Batch};
use crate::refusal::Refusal;
use crate::run::RunView;

/// What the signatures of some runs say.
pub struct Authenticity {
    /// How many entries at the front of each run are authentic.
    pub authentic: Vec<usize>,
    /// Runs whose signature does not check or whose key is not admitted.
    pub garbled: BTreeMap<usize, Refusal>,
    /// How many signatures were checked.
    pub checked: usize,
}

/// Checks all signatures, and follows backlinks from the runs whose signature is
/// right to those that have none that is.
pub fn authenticate(runs: &[RunView<'_>]) -> Authenticity {
    let mut batch = Batch::default();
    let mut keys = AdmittedKeys::default();
    let (mut signed, mut garbled) = (Vec::new(), BTreeMap::new());
    for (index, run) in runs.iter().enumerate() {
        if let Err(refusal) = keys.admit(&run.feed.author.0) {
            garbled.insert(index, refusal);
        } else if let Some(signature) = &run.signature {
            batch.push(&run.feed.author.0, &run.last().id.0, signature);
            signed.push(index);
        }
    }
    let checked = signed.len();
    let failures = batch.failures();
    for failure in failures.iter().rev() {
        garbled.insert(signed.remove(*failure), Refusal::BadSignature);
    }
    let mut authentic = vec![0; runs.len()];
    signed
        .iter()
        .for_each(|index| authentic[*index] = runs[*index].entries.len());
    if signed.len() < runs.len() {
        let mut places: HashMap<EntryId, Vec<(usize, usize)>> = HashMap::new();
        for (index, run) in runs
            .iter()
            .enumerate()
            .filter(|(index, _)| authentic[*index] == 0)
        {
            for (place, entry) in run.entries.iter().enumerate() {
                places.entry(entry.id).or_default().push((index, place));
            }
        }
        let mut todo = signed;
        while let Some(index) = todo.pop() {
            let backlink = runs[index].first().backlink;
            for (other, place) in backlink
                .and_then(|id| places.get(&id))
                .into_iter()
                .flatten()
            {
                if authentic[*other] <= *place {
                    authentic[*other] = place + 1;
                    todo.push(*other);
                }
            }
        }
    }
    Authenticity {
        authentic,
        garbled,
        checked,
    }
}
