//! How fast events are folded: `speed [tally.wasm]`. 100,000 aggregates of 10 events of
//! some 200 bytes, grouped by aggregate and in random order, in batches of 1,000 events
//! or aggregates. Without a file, a small counter written by hand.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../src/tests/guest.rs"]
mod guest;

use std::time::Instant;

use synlog_log::cbor::Value;
use synlog_log::fold::{FoldEvent, FoldInput, Reducer};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId};
use synlog_runtime::{Checks, Engine, Settings};

const AGGREGATES: usize = 100_000;
const EVENTS: usize = 10;
const BATCH: usize = 1_000;

fn tally_event(aggregate: usize, index: usize) -> Vec<u8> {
    let id = |aggregate: usize, index: usize| {
        let name = (aggregate as u64, index as u64);
        *blake3::hash(&[name.0.to_le_bytes(), name.1.to_le_bytes()].concat()).as_bytes()
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let body = match index {
        0 => Value::map([("title", text("Hours for the hall")), ("unit", text("h"))]),
        _ => Value::map([
            ("tally", Value::Bytes(id(aggregate, 0).to_vec())),
            ("amount", Value::Int(index as i64)),
            ("note", text("painted the door")),
        ]),
    };
    FoldEvent {
        id: EntryId(id(aggregate, index)),
        author: DeviceId([2; 32]),
        entity: EntityId([3; 32]),
        seq: index as u64,
        hlc: (1 << 40) + index as u64,
        sequenced: true,
        role: "member".to_owned(),
        kind: if index == 0 {
            "tally.open"
        } else {
            "tally.add"
        }
        .to_owned(),
        body: body.encode(),
        erasable_hash: None,
        facts: Vec::new(),
    }
    .encode()
}

fn main() {
    let file = std::env::args().nth(1);
    let wasm = match &file {
        Some(path) => std::fs::read(path).unwrap(),
        None => guest::Guest::default().wasm(),
    };
    let engine = Engine::new(Settings::default()).unwrap();
    let start = Instant::now();
    let module = engine.load(&wasm).unwrap();
    println!("{} bytes loaded in {:?}", wasm.len(), start.elapsed());
    let topic = TopicId([9; 32]);
    let events: Vec<Vec<u8>> = (0..AGGREGATES * EVENTS)
        .map(|n| match file {
            Some(_) => tally_event(n / EVENTS, n % EVENTS),
            None => guest::event(n as u32, &[b"a\x01\x01".as_slice(), &[0; 70]].concat()),
        })
        .collect();
    println!("events of {} bytes", events[1].len());
    let report = |what: &str, count: usize, start: Instant| {
        let ns = start.elapsed().as_nanos() as f64 / count as f64;
        println!("{what}: {ns:.0} ns each, {:.2} M/s", 1e3 / ns);
    };
    for (name, checks) in [
        ("checked", Checks::default()),
        (
            "unchecked",
            Checks {
                first: 0,
                sample: 0,
                ..Checks::default()
            },
        ),
    ] {
        let mut reducer = module.reducer(checks);
        let all: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
        let start = Instant::now();
        for chunk in all.chunks(BATCH) {
            reducer.route(&topic, chunk).unwrap();
        }
        report(&format!("{name}: route"), all.len(), start);

        let keys: Vec<String> = (0..AGGREGATES).map(|n| format!("{n:064x}")).collect();
        let start = Instant::now();
        let mut states = Vec::new();
        for chunk in (0..AGGREGATES).collect::<Vec<_>>().chunks(BATCH) {
            let inputs: Vec<FoldInput<'_>> = chunk
                .iter()
                .map(|&n| FoldInput {
                    key: &keys[n],
                    state: None,
                    events: all[n * EVENTS..(n + 1) * EVENTS].to_vec(),
                })
                .collect();
            states.extend(reducer.fold(&topic, &inputs).unwrap());
        }
        report(&format!("{name}: fold, grouped"), all.len(), start);
        let rejected: usize = states.iter().map(|folded| folded.rejections.len()).sum();

        // In random order, but the events of an aggregate in theirs.
        let mut order: Vec<usize> = (0..all.len()).map(|n| n / EVENTS).collect();
        let mut seed = 7u64;
        for i in (1..order.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, (seed >> 33) as usize % (i + 1));
        }
        let mut next = vec![0; AGGREGATES];
        let mut mixed: Vec<Option<Vec<u8>>> = vec![None; AGGREGATES];
        let start = Instant::now();
        for chunk in order.chunks(BATCH) {
            let mut touched: Vec<usize> = chunk.to_vec();
            touched.sort_unstable();
            let mut inputs: Vec<FoldInput<'_>> = Vec::new();
            let mut targets = Vec::new();
            for &n in &touched {
                let event = all[n * EVENTS + next[n]];
                next[n] += 1;
                match targets.last() {
                    Some(&last) if last == n => inputs.last_mut().unwrap().events.push(event),
                    _ => {
                        let state = mixed[n].as_deref();
                        inputs.push(FoldInput {
                            key: &keys[n],
                            state,
                            events: vec![event],
                        });
                        targets.push(n);
                    }
                }
            }
            let folded = reducer.fold(&topic, &inputs).unwrap();
            for (n, folded) in targets.into_iter().zip(folded) {
                mixed[n] = folded.state;
            }
        }
        report(&format!("{name}: fold, random order"), all.len(), start);
        let same = states
            .iter()
            .zip(&mixed)
            .all(|(folded, state)| folded.state == *state);
        println!("rejected {rejected}, the same in both orders: {same}");

        let rows: Vec<(&str, &[u8])> = keys
            .iter()
            .zip(&states)
            .map(|(key, folded)| (&key[..], folded.state.as_deref().unwrap_or_default()))
            .collect();
        let start = Instant::now();
        for chunk in rows.chunks(BATCH) {
            reducer.project(&topic, chunk).unwrap();
        }
        report(&format!("{name}: project"), rows.len(), start);
    }
}
