//! The engine alone: the same events folded by the pinned module, isolated and
//! checked, and by the same rules as native code, in turns.

use std::time::Duration;

use synlog_app_tally::Tally;
use synlog_apps::native::Native;
use synlog_log::fold::{FoldEvent, FoldInput, Folded, Reducer};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex};
use synlog_runtime::Checks;

use super::Stage;
use super::meter::{median, process_cpu_of};
use super::table::Row;
use super::tallies::{add_body, module, open_body, pinned, stopped};
use crate::failure::Failure;

const AGGREGATES: usize = 100_000;
/// Events of each aggregate.
const EVENTS: usize = 10;
/// Events, or aggregates, in one call.
const BATCH: usize = 1_000;
const ROUNDS: usize = 5;
const TOPIC: TopicId = TopicId([9; 32]);

fn id(aggregate: usize, index: usize) -> [u8; 32] {
    let number = (aggregate * EVENTS + index) as u64;
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn event(aggregate: usize, index: usize) -> Vec<u8> {
    let (kind, body) = match index {
        0 => ("tally.open", open_body()),
        _ => ("tally.add", add_body(&id(aggregate, 0), index)),
    };
    FoldEvent {
        id: EntryId(id(aggregate, index)),
        author: DeviceId([2; 32]),
        entity: EntityId([3; 32]),
        seq: index as u64,
        hlc: (1 << 40) + index as u64,
        sequenced: true,
        role: "member".to_owned(),
        kind: kind.to_owned(),
        body: body.encode(),
        erasable_hash: None,
        facts: Vec::new(),
    }
    .encode()
}

/// Events of aggregates, and an order in which they come.
struct Events {
    keys: Vec<String>,
    encoded: Vec<Vec<u8>>,
    /// Aggregates, each as often as it has events.
    mixed: Vec<usize>,
}

impl Events {
    fn new(aggregates: usize) -> Self {
        let all = aggregates * EVENTS;
        let mut mixed: Vec<usize> = (0..all).map(|n| n / EVENTS).collect();
        let mut seed = 7u64;
        for last in (1..all).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            mixed.swap(last, (seed >> 33) as usize % (last + 1));
        }
        Self {
            keys: (0..aggregates).map(|n| hex(&id(n, 0))).collect(),
            encoded: (0..all).map(|n| event(n / EVENTS, n % EVENTS)).collect(),
            mixed,
        }
    }

    /// All events of an aggregate at once, as in a rebuild.
    fn grouped(&self, reducer: &mut dyn Reducer) -> Result<(Duration, Vec<Folded>), Failure> {
        let mut folded = Vec::with_capacity(self.keys.len());
        let mut spent = Duration::ZERO;
        for first in (0..self.keys.len()).step_by(BATCH) {
            let input = |n: usize| FoldInput {
                key: &self.keys[n],
                state: None,
                events: self.encoded[n * EVENTS..(n + 1) * EVENTS]
                    .iter()
                    .map(|event| &event[..])
                    .collect(),
            };
            let last = self.keys.len().min(first + BATCH);
            let inputs: Vec<FoldInput<'_>> = (first..last).map(input).collect();
            let (cpu, out) = process_cpu_of(|| reducer.fold(&TOPIC, &inputs));
            folded.extend(out.map_err(stopped)?);
            spent += cpu;
        }
        Ok((spent, folded))
    }

    /// A thousand events of aggregates from all over at a time.
    fn random(&self, reducer: &mut dyn Reducer) -> Result<(Duration, Vec<Folded>), Failure> {
        let mut next = vec![0; self.keys.len()];
        let mut states: Vec<Folded> = vec![Folded::default(); self.keys.len()];
        let mut spent = Duration::ZERO;
        for chunk in self.mixed.chunks(BATCH) {
            let mut touched = chunk.to_vec();
            touched.sort_unstable();
            let mut inputs: Vec<FoldInput<'_>> = Vec::with_capacity(BATCH);
            let mut targets: Vec<usize> = Vec::with_capacity(BATCH);
            for n in touched {
                let event = &self.encoded[n * EVENTS + next[n]][..];
                next[n] += 1;
                match inputs.last_mut().filter(|_| targets.last() == Some(&n)) {
                    Some(input) => input.events.push(event),
                    None => {
                        inputs.push(FoldInput {
                            key: &self.keys[n],
                            state: states[n].state.as_deref(),
                            events: vec![event],
                        });
                        targets.push(n);
                    }
                }
            }
            let (cpu, out) = process_cpu_of(|| reducer.fold(&TOPIC, &inputs));
            for (n, folded) in targets.into_iter().zip(out.map_err(stopped)?) {
                states[n] = folded;
            }
            spent += cpu;
        }
        Ok((spent, states))
    }
}

type Order = fn(&Events, &mut dyn Reducer) -> Result<(Duration, Vec<Folded>), Failure>;

/// Grouped and in random order, against native code.
pub(super) fn run(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let events = Events::new(stage.scaled(AGGREGATES));
    let count = events.encoded.len() as f64;
    let module = module()?;
    let mut rows = Vec::new();
    let orders: [(&str, f64, Order); 2] = [
        ("fold, grouped by aggregate", 0.5, Events::grouped),
        ("fold, random order, batches of 1000", 0.25, Events::random),
    ];
    for (what, least, fold) in orders {
        let (mut rates, mut natives, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let mut guest = module.reducer(Checks::default());
            let mut native = Native::<Tally>::new(pinned()?.hash()).map_err(stopped)?;
            let (ours, folded) = fold(&events, &mut guest)?;
            let (bare, expected) = fold(&events, &mut native)?;
            if folded != expected {
                return Err(Failure::System(
                    "the module and the native rules differ".into(),
                ));
            }
            rates.push(count / ours.as_secs_f64());
            natives.push(count / bare.as_secs_f64());
            ratios.push(bare.as_secs_f64() / ours.as_secs_f64());
        }
        rows.push(
            Row::new(what, median(rates), "events per CPU second")
                .beside("native rules", median(natives), median(ratios))
                .ratio_at_least(least),
        );
    }
    Ok(rows)
}
