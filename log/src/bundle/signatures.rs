//! Which entries of a set of runs are authentic (`spec/03-entry.md` 3.4).

use std::collections::HashMap;

use crate::ids::EntryId;
use crate::keys::Batch;
use crate::run::RunView;

/// What the signatures of some runs say.
pub(super) struct Authenticity {
    /// How many entries at the front of each run are authentic.
    pub authentic: Vec<usize>,
    /// Runs whose signature does not check.
    pub garbled: Vec<usize>,
    /// How many signatures were checked.
    pub checked: usize,
}

/// Checks all signatures, and follows backlinks from the runs whose signature is
/// right to those that have none that is.
pub(super) fn authenticate(runs: &[RunView<'_>]) -> Authenticity {
    let mut batch = Batch::default();
    let mut signed = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        if let Some(signature) = &run.signature {
            batch.push(&run.feed.author.0, &run.last().id.0, signature);
            signed.push(index);
        }
    }
    let checked = signed.len();
    let garbled: Vec<usize> = batch
        .failures()
        .into_iter()
        .map(|failure| signed[failure])
        .collect();
    let mut authentic = vec![0; runs.len()];
    signed.retain(|index| !garbled.contains(index));
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
