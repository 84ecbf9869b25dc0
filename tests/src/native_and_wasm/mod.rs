//! The rules as native code and as the released module: the same keys, states,
//! rejections and rows for the same events, in every back end, in batches of any size.
//! What the C module of tally does is held against the same.

mod letter;
mod writer;

use std::collections::BTreeMap;

use letter::Letter;
use synlog_app_relation::RelationApp;
use synlog_app_space::SpaceApp;
use synlog_app_tally::Tally;
use synlog_apps::native::Native;
use synlog_apps::{Pinned, TALLY_IN_C};
use synlog_log::fold::{FoldEvent, FoldInput, Manifest, Projected, Reducer, Routed};
use synlog_log::ids::TopicId;
use synlog_runtime::{Backend, Checks, Engine, Settings};
use writer::Writer;

const TOPIC: TopicId = TopicId([9; 32]);
/// Events of each history: enough to come into most rules.
const EVENTS: usize = 1_000;

/// What there is of an aggregate.
type Shown = (Option<Vec<u8>>, Vec<(usize, String)>, Option<Projected>);

/// All that can be seen of a history.
#[derive(Debug, Clone, PartialEq, Default)]
struct Outcome {
    routed: Vec<Routed>,
    aggregates: BTreeMap<String, Shown>,
}

/// Folds a history in batches of so many events. Each key by itself: what becomes of an
/// event with several keys is the driver's matter, not the reducer's.
fn fold(reducer: &mut dyn Reducer, events: &[Vec<u8>], batch: usize) -> Outcome {
    let mut outcome = Outcome::default();
    for (number, chunk) in events.chunks(batch).enumerate() {
        let all: Vec<&[u8]> = chunk.iter().map(Vec::as_slice).collect();
        let routed = reducer.route(&TOPIC, &all).unwrap();
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, routed) in routed.iter().enumerate() {
            for key in routed.iter().flatten() {
                groups.entry(key).or_default().push(index);
            }
        }
        let known = &outcome.aggregates;
        let inputs: Vec<FoldInput<'_>> = groups
            .iter()
            .map(|(key, indices)| FoldInput {
                key,
                state: known.get(*key).and_then(|known| known.0.as_deref()),
                events: indices.iter().map(|index| all[*index]).collect(),
            })
            .collect();
        let folded = reducer.fold(&TOPIC, &inputs).unwrap();
        drop(inputs);
        for ((key, indices), folded) in groups.iter().zip(folded) {
            let known = outcome.aggregates.entry((*key).to_owned()).or_default();
            known.0 = folded.state;
            let rejections = folded.rejections.into_iter();
            known
                .1
                .extend(rejections.map(|(index, code)| (number * batch + indices[index], code)));
        }
        outcome.routed.extend(routed);
    }
    let states: Vec<(&str, &[u8])> = outcome
        .aggregates
        .iter()
        .filter_map(|(key, known)| Some((&key[..], known.0.as_deref()?)))
        .collect();
    let rows = reducer.project(&TOPIC, &states).unwrap();
    let keys: Vec<String> = states.iter().map(|(key, _)| (*key).to_owned()).collect();
    for (key, rows) in keys.iter().zip(rows) {
        outcome.aggregates.get_mut(key).unwrap().2 = Some(rows);
    }
    outcome
}

/// Events that go on with what was accepted before them; the native rules tell.
fn history(native: &mut dyn Reducer, seed: u8) -> Vec<Vec<u8>> {
    let manifest = native.manifest().clone();
    let mut writer = Writer::new(&manifest, seed);
    let mut states: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut events = Vec::new();
    for _ in 0..EVENTS {
        let event = writer.event();
        let encoded = event.encode();
        let keys = native.route(&TOPIC, &[&encoded]).unwrap().remove(0);
        let mut accepted = keys.is_ok();
        for key in keys.iter().flatten() {
            let input = FoldInput {
                key,
                state: states.get(key).map(Vec::as_slice),
                events: vec![&encoded],
            };
            let folded = native.fold(&TOPIC, &[input]).unwrap().remove(0);
            accepted &= folded.rejections.is_empty();
            states.extend(folded.state.map(|state| (key.clone(), state)));
        }
        if accepted {
            writer.accept(event);
        }
        events.push(encoded);
    }
    events
}

fn in_engine(
    wasm: &[u8],
    backend: Backend,
    manifest: &Manifest,
    events: &[Vec<u8>],
    batch: usize,
) -> Outcome {
    let settings = Settings {
        backend,
        cache: None,
    };
    let module = Engine::new(settings).unwrap().load(wasm).unwrap();
    assert_eq!(module.manifest(), manifest);
    fold(&mut module.reducer(Checks::default()), events, batch)
}

/// Says where two outcomes differ; they are too large to print.
fn assert_same(a: &Outcome, b: &Outcome, what: &str) {
    for (index, (a, b)) in a.routed.iter().zip(&b.routed).enumerate() {
        assert_eq!(a, b, "{what}: route of event {index}");
    }
    for (key, shown) in &a.aggregates {
        assert_eq!(Some(shown), b.aggregates.get(key), "{what}: {key}");
    }
    assert!(a == b, "{what}");
}

/// Holds the module against the rules as native code. Gives the kinds that were accepted.
fn hold(pinned: &Pinned, native: &mut dyn Reducer, seed: u8) -> usize {
    let manifest = native.manifest().clone();
    assert_eq!(Manifest::decode(&(pinned.manifest)()).unwrap(), manifest);
    let events = history(native, seed);
    let expected = fold(native, &events, 64);
    for (backend, batch) in [
        (Backend::Optimised, 37),
        (Backend::Unoptimised, 1_000),
        (Backend::Pulley, 64),
    ] {
        let outcome = in_engine(pinned.wasm, backend, &manifest, &events, batch);
        assert_same(&expected, &outcome, &format!("{} {backend:?}", pinned.app));
    }
    let mut letter = Letter::new(pinned.wasm);
    assert_eq!(letter.manifest(), &manifest);
    let outcome = fold(&mut letter, &events, 64);
    assert_same(
        &expected,
        &outcome,
        &format!("{} by the letter", pinned.app),
    );
    let mut rejected = vec![false; events.len()];
    for (_, rejections, rows) in expected.aggregates.values() {
        rejections
            .iter()
            .for_each(|(index, _)| rejected[*index] = true);
        assert!(rows.as_ref().is_none_or(Result::is_ok));
    }
    let accepted =
        (0..events.len()).filter(|index| expected.routed[*index].is_ok() && !rejected[*index]);
    let mut kinds: Vec<String> = accepted
        .map(|index| FoldEvent::decode(&events[index]).unwrap().kind)
        .collect();
    let count = kinds.len();
    kinds.sort();
    kinds.dedup();
    eprintln!("{}: {count} of {EVENTS} accepted, {kinds:?}", pinned.app);
    kinds.len()
}

#[test]
fn tally_is_the_same_natively_as_a_module_and_in_c() {
    let pinned = Pinned::find("tally", 1).unwrap();
    let mut native = Native::<Tally>::new(pinned.hash()).unwrap();
    assert_eq!(hold(pinned, &mut native, 1), 3);
    for seed in 2..6 {
        let events = history(&mut native, seed);
        let expected = fold(&mut native, &events, 64);
        let in_c = in_engine(
            TALLY_IN_C,
            Backend::Optimised,
            native.manifest(),
            &events,
            50,
        );
        assert_same(&expected, &in_c, "in C");
    }
}

#[test]
fn space_is_the_same_natively_and_as_a_module() {
    let pinned = Pinned::find("space", 1).unwrap();
    let mut native = Native::<SpaceApp>::new(pinned.hash()).unwrap();
    assert!(hold(pinned, &mut native, 1) >= 12);
}

#[test]
fn relation_is_the_same_natively_and_as_a_module() {
    let pinned = Pinned::find("relation", 1).unwrap();
    let mut native = Native::<RelationApp>::new(pinned.hash()).unwrap();
    assert!(hold(pinned, &mut native, 1) >= 6);
}
