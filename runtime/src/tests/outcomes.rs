//! One outcome for each history of events, however they are grouped and whatever runs
//! them; and reducers that break the rule are condemned.

use std::collections::BTreeMap;

use proptest::prelude::*;
use synlog_log::fold::{FoldInput, Folded, Halt, Projected, Reducer, Routed};
use synlog_log::ids::TopicId;

use super::guest::{Guest, event};
use super::second_engine::Second;
use crate::{Backend, Checks, Engine, Module, Settings};

const TOPIC: TopicId = TopicId([9; 32]);

/// State, rejections by event and rows of an aggregate.
type Shown = (Option<Vec<u8>>, Vec<(usize, String)>, Option<Projected>);

/// All that can be seen of a history: keys, states, rejections by event, rows.
#[derive(Debug, Clone, PartialEq, Default)]
struct Outcome {
    routed: Vec<Routed>,
    aggregates: BTreeMap<String, Shown>,
}

fn module(backend: Backend, guest: &Guest) -> Module {
    let settings = Settings {
        backend,
        cache: None,
    };
    Engine::new(settings).unwrap().load(&guest.wasm()).unwrap()
}

/// Folds a history in batches of so many events.
fn run(module: &Module, checks: Checks, events: &[Vec<u8>], batch: usize) -> Result<Outcome, Halt> {
    let mut reducer = module.reducer(checks);
    let mut outcome = Outcome::default();
    for (number, chunk) in events.chunks(batch).enumerate() {
        let all: Vec<&[u8]> = chunk.iter().map(Vec::as_slice).collect();
        let routed = reducer.route(&TOPIC, &all)?;
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, routed) in routed.iter().enumerate() {
            for key in routed.iter().flatten() {
                groups.entry(key).or_default().push(index);
            }
        }
        let inputs: Vec<FoldInput<'_>> = groups
            .iter()
            .map(|(key, indices)| FoldInput {
                key,
                state: outcome
                    .aggregates
                    .get(*key)
                    .and_then(|known| known.0.as_deref()),
                events: indices.iter().map(|index| all[*index]).collect(),
            })
            .collect();
        let folded: Vec<Folded> = reducer.fold(&TOPIC, &inputs)?;
        drop(inputs);
        for ((key, indices), folded) in groups.iter().zip(folded) {
            let known = outcome.aggregates.entry((*key).to_owned()).or_default();
            known.0 = folded.state;
            for (index, code) in folded.rejections {
                known.1.push((number * batch + indices[index], code));
            }
        }
        outcome.routed.extend(routed);
    }
    let states: Vec<(&str, &[u8])> = outcome
        .aggregates
        .iter()
        .filter_map(|(key, known)| Some((&key[..], known.0.as_deref()?)))
        .collect();
    let rows = reducer.project(&TOPIC, &states)?;
    let keys: Vec<String> = states.iter().map(|(key, _)| (*key).to_owned()).collect();
    for (key, rows) in keys.iter().zip(rows) {
        outcome.aggregates.get_mut(key).unwrap().2 = Some(rows);
    }
    Ok(outcome)
}

/// The same by the letter of the specification in another engine.
fn by_the_letter(guest: &Guest, events: &[Vec<u8>]) -> Outcome {
    let second = Second::new(&guest.wasm());
    let mut outcome = Outcome::default();
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let routed = second.route(event);
        for key in routed.iter().flatten() {
            groups.entry(key.clone()).or_default().push(index);
        }
        outcome.routed.push(routed);
    }
    for (key, indices) in groups {
        let all: Vec<&[u8]> = indices.iter().map(|index| &events[*index][..]).collect();
        let folded = second.fold(&key, &all);
        let rejections = folded.rejections.into_iter();
        let rejections = rejections
            .map(|(index, code)| (indices[index], code))
            .collect();
        let rows = folded
            .state
            .as_ref()
            .map(|state| second.project(&key, state));
        outcome
            .aggregates
            .insert(key, (folded.state, rejections, rows));
    }
    outcome
}

/// A history in which every behaviour of the counter stands among good events.
fn history() -> Vec<Vec<u8>> {
    let letters = b"aaratazanamaXaaa1a2a3a4aadawasabarrafaafafafafafaaat";
    let mut events: Vec<Vec<u8>> = (0u32..)
        .zip(letters)
        .map(|(number, letter)| event(number, &[*letter, number as u8, (number / 9) as u8 & 1]))
        .collect();
    // burning all gas takes an interpreter its time: once
    events.insert(5, event(1_000, b"g\x01\x01"));
    events
}

const BACKENDS: [Backend; 3] = [Backend::Optimised, Backend::Unoptimised, Backend::Pulley];

#[test]
fn every_engine_and_every_batch_size_gives_the_same() {
    let guest = Guest::default();
    let events = history();
    let wanted = by_the_letter(&guest, &events);
    let codes: std::collections::BTreeSet<&str> = wanted
        .aggregates
        .values()
        .flat_map(|(_, rejections, _)| rejections.iter().map(|(_, code)| &code[..]))
        .collect();
    let all = ["bad", "bad_output", "over_budget", "state_full", "trapped"];
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), all);
    for backend in BACKENDS {
        let module = module(backend, &guest);
        for batch in [1, 7, 1_000] {
            // interpreted gas is slow: without checks there
            let first = if backend == Backend::Optimised { 4 } else { 0 };
            let checks = Checks {
                first,
                ..Checks::default()
            };
            let got = run(&module, checks, &events, batch).unwrap();
            assert_eq!(got, wanted, "{backend:?}, {batch} at a time");
        }
    }
}

#[test]
fn the_bounds_of_a_call_do_not_show() {
    let module = module(Backend::Optimised, &Guest::default());
    let events: Vec<Vec<u8>> = (0..60)
        .map(|number| event(number, &[if number % 7 == 3 { b'r' } else { b'a' }, 1, 0]))
        .collect();
    let wanted = run(&module, Checks::default(), &events, 1_000).unwrap();
    for (events_max, bytes_max, instance_calls) in [(1, 1, 1), (3, 1 << 20, 2), (0, 500, 0)] {
        let checks = Checks {
            events_max,
            bytes_max,
            instance_calls,
            ..Checks::default()
        };
        assert_eq!(run(&module, checks, &events, 1_000).unwrap(), wanted);
    }
}

/// Reducers that show what they did before, each in another way.
const LEAKS: [(&str, Guest); 6] = [
    (
        "a counter in memory",
        Guest {
            extra: "",
            describe: "",
            route: "",
            project: "",
            input: "",
            event: "(i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
                (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const 16))))",
        },
    ),
    (
        "a counter in a global",
        Guest {
            extra: "(global $calls (mut i64) (i64.const 0))",
            describe: "",
            route: "",
            project: "",
            input: "",
            event: "(global.set $calls (i64.add (global.get $calls) (i64.const 1)))
                (local.set $sum (i64.add (local.get $sum) (global.get $calls)))",
        },
    ),
    (
        "memory that an earlier call has written",
        Guest {
            extra: "",
            describe: "",
            route: "",
            project: "",
            input: "",
            event: "(local.set $sum (i64.add (local.get $sum) (i64.load8_u (i32.const 3145730))))",
        },
    ),
    (
        "the size of the memory",
        Guest {
            extra: "",
            describe: "",
            route: "",
            project: "",
            input: "",
            event: "(drop (memory.grow (i32.const 1)))
                (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (memory.size))))",
        },
    ),
    (
        "a counter in a rejection",
        Guest {
            extra: "(global $calls (mut i32) (i32.const 0))",
            describe: "",
            route: "",
            project: "",
            input: "",
            event: "(local.set $reject (global.get $calls)) (global.set $calls (i32.const 1))",
        },
    ),
    (
        "a counter in the route",
        Guest {
            extra: "",
            describe: "",
            event: "",
            project: "",
            input: "",
            route: "(if (i32.load (i32.const 16)) (then
                  (i32.store8 (i32.add (local.get $body) (i32.const 2)) (i32.const 7))))
                (i32.store (i32.const 16) (i32.const 1))",
        },
    ),
];

#[test]
fn reducers_that_remember_are_condemned_at_every_batch_size() {
    let events: Vec<Vec<u8>> = (0..40).map(|number| event(number, b"a\x01\x01")).collect();
    for (what, guest) in LEAKS {
        for backend in BACKENDS {
            let module = module(backend, &guest);
            for batch in [1, 7, 1_000] {
                let halt = run(&module, Checks::default(), &events, batch);
                let condemned = matches!(halt, Err(Halt::Condemned(_)));
                assert!(
                    condemned,
                    "{what}, {backend:?}, {batch} at a time: {halt:?}"
                );
            }
        }
    }
}

#[test]
fn a_condemned_reducer_stays_condemned() {
    let module = module(Backend::Optimised, &LEAKS[0].1);
    let mut reducer = module.reducer(Checks::default());
    let event = event(0, b"a\x01\x01");
    let input = [FoldInput {
        key: "k",
        state: None,
        events: vec![&event],
    }];
    let first = reducer.fold(&TOPIC, &input).unwrap_err();
    let Halt::Condemned(reason) = &first else {
        panic!("{first}")
    };
    let id: String = event[..32]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(reason.contains(&id), "{reason}");
    assert_eq!(reducer.fold(&TOPIC, &input).unwrap_err(), first);
    assert_eq!(reducer.route(&TOPIC, &[&event]).unwrap_err(), first);
    assert_eq!(
        reducer.project(&TOPIC, &[("k", &[0; 8])]).unwrap_err(),
        first
    );
}

#[test]
fn a_leak_shown_only_late_is_found_by_the_sample() {
    // Shows what it counted from the 40th call on.
    let guest = Guest {
        event: "(i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
                (if (i32.gt_u (i32.load (i32.const 16)) (i32.const 40))
                  (then (local.set $sum (i64.const 5))))",
        ..Guest::default()
    };
    let module = module(Backend::Optimised, &guest);
    let events: Vec<Vec<u8>> = (0..4_000)
        .map(|n| event(n, &[b'a', 1, (n / 64) as u8]))
        .collect();
    let checks = Checks {
        sample: 8,
        ..Checks::default()
    };
    let halt = run(&module, checks, &events, 2_000).unwrap_err();
    assert!(matches!(halt, Halt::Condemned(_)), "{halt:?}");
}

#[test]
fn failures_of_route_and_project_stand_for_their_event_and_aggregate() {
    let looping = Guest {
        route:
            "(if (i32.eq (i32.load8_u (local.get $body)) (i32.const 82)) (then (loop $l (br $l))))
                (if (i32.eq (i32.load8_u (local.get $body)) (i32.const 81)) (then (unreachable)))",
        project:
            "(if (i32.eq (i32.load8_u (global.get $p)) (i32.const 3)) (then (loop $l (br $l))))
                  (if (i32.eq (i32.load8_u (global.get $p)) (i32.const 4))
                    (then (return (i64.const -1))))",
        ..Guest::default()
    };
    let bodies: [&[u8]; 6] = [
        b"a\x01\x01",
        b"R\x01\x01",
        b"Q\x01\x01",
        b"X\x01\x01",
        b"a\x03\x02",
        b"a\x04\x03",
    ];
    let events: Vec<Vec<u8>> = (0..).zip(bodies).map(|(n, body)| event(n, body)).collect();
    let wanted = by_the_letter(&looping, &events);
    assert_eq!(wanted.routed[1], Err("over_budget".to_owned()));
    assert_eq!(wanted.routed[2], Err("trapped".to_owned()));
    assert_eq!(wanted.routed[3], Err("no".to_owned()));
    assert_eq!(
        wanted.aggregates["b"].2,
        Some(Err("over_budget".to_owned()))
    );
    assert_eq!(wanted.aggregates["c"].2, Some(Err("bad_output".to_owned())));
    for backend in [Backend::Optimised, Backend::Unoptimised] {
        let module = module(backend, &looping);
        for batch in [1, 7] {
            assert_eq!(
                run(&module, Checks::default(), &events, batch).unwrap(),
                wanted
            );
        }
    }
}

#[test]
fn inputs_go_only_where_there_is_room() {
    for input in [
        "(i32.const -1)",
        "(i32.const 5242870)",
        "(unreachable)",
        "(loop $l (br $l)) (i32.const 0)",
    ] {
        let guest = Guest {
            input,
            ..Guest::default()
        };
        let events = vec![event(0, b"a\x01\x01")];
        let wanted = by_the_letter(&guest, &events);
        assert!(wanted.routed[0].is_err());
        let module = module(Backend::Optimised, &guest);
        assert_eq!(run(&module, Checks::default(), &events, 1).unwrap(), wanted);
    }
}

#[test]
fn frames_of_every_shape_end_at_the_charged_limit() {
    // Frames whose values live in the machine's frame though few stand on the stack of
    // the module: many expressions that can be taken out of a loop, and all used in it.
    let hoisted: String = (1..400)
        .map(|n| format!("(local.set $x (i64.add (local.get $x) (i64.xor (i64.mul (local.get $y) (i64.const {n}7)) (i64.const {n}))))"))
        .collect();
    let extra = format!(
        "(func $wide (param $n i32) (param $y i64) (result i64) (local $x i64) (local $i i32)
           (loop $l
             (if (local.get $n) (then (local.set $x (i64.add (local.get $x)
               (call $wide (i32.sub (local.get $n) (i32.const 1)) (local.get $y))))))
             {hoisted}
             (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))
           (local.get $x))
         (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64)
           (call $many (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)
             (local.get 6) (local.get 7) (local.get 8) (local.get 9) (local.get 10)
             (local.get 11) (local.get 0)))
         (func $none (call $none))"
    );
    let extra: &'static str = Box::leak(extra.into_boxed_str());
    for (event_code, what) in [
        (
            "(drop (call $wide (i32.const 100000) (i64.load32_u (local.get $body))))",
            "wide",
        ),
        (
            "(call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
              (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10)
              (i64.const 11) (i64.const 12)) (drop) (drop) (drop)",
            "many",
        ),
        ("(call $none)", "none"),
    ] {
        let guest = Guest {
            extra,
            event: event_code,
            ..Guest::default()
        };
        let event = event(0, b"a\x01\x01");
        for backend in BACKENDS {
            let mut reducer = module(backend, &guest).reducer(Checks::default());
            let input = [FoldInput {
                key: "k",
                state: None,
                events: vec![&event],
            }];
            let folded = reducer.fold(&TOPIC, &input).unwrap();
            let wanted = vec![(0, "over_budget".to_owned())];
            assert_eq!(folded[0].rejections, wanted, "{what} {backend:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn groupings_do_not_show(
        letters in proptest::collection::vec((proptest::sample::select(&b"aaaaaaaarttnm1X"[..]), any::<u8>()), 1..80),
        batch in 1usize..50,
        events_max in 1usize..20,
    ) {
        static MODULE: std::sync::LazyLock<Module> =
            std::sync::LazyLock::new(|| module(Backend::Optimised, &Guest::default()));
        let events: Vec<Vec<u8>> = (0u32..)
            .zip(&letters)
            .map(|(number, (letter, key))| event(number, &[*letter, 3, key % 4]))
            .collect();
        let checks = Checks { first: 0, events_max, ..Checks::default() };
        let wanted = run(&MODULE, Checks { events_max: 1, ..Checks::default() }, &events, 1).unwrap();
        prop_assert_eq!(run(&MODULE, checks, &events, batch).unwrap(), wanted);
    }
}
