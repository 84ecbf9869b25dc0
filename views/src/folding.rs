//! Folding events of many aggregates in few calls, so that it can't be seen
//! (`spec/10-reducer.md` 10.1, step 4).
//!
//! Events go in rounds. In one round an aggregate gets a run of events that touch it
//! alone, or one event that touches others too, which then have it in the same round:
//! only when all of them took it are their new states kept.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use synlog_log::fold::{FoldInput, Folded, Halt, Reducer};
use synlog_log::ids::{EntryId, TopicId};

use crate::error::ViewsError;
use crate::store::Mark;
use crate::store::record::{Aggregate, Rejection};

/// Inputs of one call of a reducer: beyond this larger batches gain nothing.
const INPUTS_MAX: usize = 1_024;
/// Bytes of states and events in one call.
const INPUT_BYTES_MAX: usize = 8 << 20;

/// An aggregate that is being folded.
pub(crate) struct Slot {
    pub key: String,
    pub now: Aggregate,
    /// As it is stored; `None`: it is not.
    pub stored: Option<Aggregate>,
    pub mark: Mark,
    /// Events were folded into it since it was loaded.
    pub touched: bool,
    /// It was folded from an earlier state on, so its state may differ under the same last event.
    pub refolded: bool,
    /// Counts of events after which its state is wanted, ascending.
    pub wanted: Vec<u64>,
    /// What was wanted.
    pub captured: Vec<Aggregate>,
    /// The round in which its next event goes.
    round: usize,
    /// Whether that round has a run of it, and which.
    run: Option<usize>,
    /// Count of events with those that stand in rounds.
    planned: u64,
}

impl Slot {
    /// Whether its state may differ from what is stored.
    pub(crate) fn changed(&self) -> bool {
        let last = self.stored.as_ref().map(|old| old.last);
        self.refolded || last != Some(self.now.last)
    }
}

/// The aggregates that are being folded.
#[derive(Default)]
pub(crate) struct Slots {
    pub list: Vec<Slot>,
    by_key: HashMap<String, usize, RandomState>,
    /// About how many bytes they hold.
    pub bytes: usize,
}

impl Slots {
    /// The slot of a key, if it is loaded.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The slot of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Slot> {
        self.find(key).map(|slot| &self.list[slot])
    }

    /// Adds an aggregate from which folding starts.
    pub(crate) fn add(
        &mut self,
        key: &str,
        now: Aggregate,
        stored: Option<Aggregate>,
        mark: Mark,
    ) -> usize {
        let number = self.list.len();
        let stored_bytes = stored.as_ref().map_or(0, weight);
        self.bytes += weight(&now) + stored_bytes + 2 * key.len() + 400;
        self.list.push(Slot {
            key: key.to_owned(),
            now,
            stored,
            mark,
            touched: false,
            refolded: false,
            wanted: Vec::new(),
            captured: Vec::new(),
            round: 0,
            run: None,
            planned: 0,
        });
        self.by_key.insert(key.to_owned(), number);
        number
    }
}

fn weight(aggregate: &Aggregate) -> usize {
    let rows = aggregate.showing.rows().iter();
    let rows: usize = rows.map(|row| row.columns.len() + 64).sum();
    aggregate.state.as_ref().map_or(0, Vec::len) + rows
}

/// An event and the slots of its keys, in the order of keys.
pub(crate) struct Step<'a> {
    pub id: EntryId,
    pub bytes: &'a [u8],
    pub slots: Vec<usize>,
}

struct Run {
    slot: usize,
    steps: Vec<usize>,
}

/// Folds events in their order. Gives the rejection of each that was rejected.
///
/// Where the host fails nothing has changed in any slot that counts: the caller
/// throws the slots away. `halted` then names the keys that can't be folded. The same
/// where states take more than `room` bytes.
pub(crate) fn fold(
    topic: &TopicId,
    reducer: &mut dyn Reducer,
    (slots, room): (&mut Slots, u64),
    steps: &[Step<'_>],
    halted: &mut Vec<String>,
) -> Result<Vec<Option<Rejection>>, ViewsError> {
    let mut rejections = vec![None; steps.len()];
    for rounds in plan(slots, steps) {
        let mut start = 0;
        let mut results: Vec<Folded> = Vec::with_capacity(rounds.len());
        let mut gathered = 0;
        while start < rounds.len() {
            let mut bytes = 0;
            let inputs: Vec<FoldInput<'_>> = rounds[start..]
                .iter()
                .take(INPUTS_MAX)
                .map(|run| FoldInput {
                    key: &slots.list[run.slot].key,
                    state: slots.list[run.slot].now.state.as_deref(),
                    events: run.steps.iter().map(|step| steps[*step].bytes).collect(),
                })
                .take_while(|input| {
                    let before = bytes;
                    bytes += input.state.map_or(0, <[u8]>::len);
                    bytes += input.events.iter().map(|event| event.len()).sum::<usize>();
                    before == 0 || bytes <= INPUT_BYTES_MAX
                })
                .collect();
            start += inputs.len();
            let folded = call(topic, reducer, &inputs, halted)?;
            let states = folded.iter().filter_map(|it| it.state.as_ref());
            gathered += states.map(Vec::len).sum::<usize>();
            if slots.bytes.saturating_add(gathered) as u64 > room {
                return Err(ViewsError::OverBudget(room));
            }
            results.extend(folded);
        }
        apply(slots, steps, &rounds, results, &mut rejections);
    }
    Ok(rejections)
}

fn call(
    topic: &TopicId,
    reducer: &mut dyn Reducer,
    inputs: &[FoldInput<'_>],
    halted: &mut Vec<String>,
) -> Result<Vec<Folded>, Halt> {
    match reducer.fold(topic, inputs) {
        Ok(results) if results.len() == inputs.len() => Ok(results),
        Ok(_) => Err(Halt::Host("too few results of a fold".into())),
        Err(halt) => {
            if matches!(halt, Halt::Host(_)) {
                let fails = |input: &&FoldInput<'_>| {
                    reducer.fold(topic, std::slice::from_ref(*input)).is_err()
                };
                let failing = inputs.iter().filter(fails);
                halted.extend(failing.map(|input| input.key.to_owned()));
            }
            Err(halt)
        }
    }
}

/// Puts events into rounds.
fn plan(slots: &mut Slots, steps: &[Step<'_>]) -> Vec<Vec<Run>> {
    for step in steps {
        for slot in &step.slots {
            let slot = &mut slots.list[*slot];
            (slot.round, slot.run, slot.planned) = (0, None, slot.now.count);
        }
    }
    let mut rounds: Vec<Vec<Run>> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let joint = step.slots.len() > 1;
        let free = |slot: &usize| {
            let slot = &slots.list[*slot];
            slot.round + usize::from(joint && slot.run.is_some())
        };
        let round = step.slots.iter().map(free).max().unwrap_or(0);
        while rounds.len() <= round {
            rounds.push(Vec::new());
        }
        for index in &step.slots {
            let slot = &mut slots.list[*index];
            let runs = &mut rounds[round];
            match slot.run {
                Some(run) if slot.round == round => runs[run].steps.push(number),
                _ => {
                    slot.run = Some(runs.len());
                    let steps = vec![number];
                    runs.push(Run {
                        slot: *index,
                        steps,
                    });
                }
            }
            slot.round = round;
            slot.planned += 1;
            if joint || slot.wanted.binary_search(&slot.planned).is_ok() {
                slot.round += 1;
                slot.run = None;
            }
        }
    }
    rounds
}

fn apply(
    slots: &mut Slots,
    steps: &[Step<'_>],
    runs: &[Run],
    mut results: Vec<Folded>,
    rejections: &mut [Option<Rejection>],
) {
    // first all rejections, since they decide about the states of other keys
    for (run, result) in runs.iter().zip(&results) {
        let slot = &slots.list[run.slot];
        let mut codes = result.rejections.iter().peekable();
        let mut last = slot.now.last;
        for (index, step) in run.steps.iter().enumerate() {
            match codes.next_if(|(rejected, _)| *rejected == index) {
                Some((_, code)) => {
                    let before = rejections[*step].as_ref();
                    // of several keys the first one's code counts
                    let first = before.is_none_or(|other| other.key.as_ref() > Some(&slot.key));
                    if first {
                        rejections[*step] = Some(Rejection {
                            event: steps[*step].id,
                            code: code.clone(),
                            key: Some(slot.key.clone()),
                            met: last,
                        });
                    }
                }
                None => last = Some(steps[*step].id),
            }
        }
    }
    for (run, result) in runs.iter().zip(&mut results) {
        let slot = &mut slots.list[run.slot];
        let mut accepted = None;
        for step in &run.steps {
            slot.now.count_event(&steps[*step].id);
            if rejections[*step].is_none() {
                accepted = Some(steps[*step].id);
            }
        }
        slot.touched = true;
        if accepted.is_some() {
            slot.now.last = accepted;
            let new = result.state.take();
            let size = |state: &Option<Vec<u8>>| state.as_ref().map_or(0, Vec::len);
            slots.bytes = (slots.bytes + size(&new)).saturating_sub(size(&slot.now.state));
            slot.now.state = new;
        }
        if slot.wanted.binary_search(&slot.now.count).is_ok() {
            let mut captured = slot.now.clone();
            captured.showing = Default::default();
            slots.bytes += weight(&captured) + 100;
            slot.captured.push(captured);
        }
    }
}
