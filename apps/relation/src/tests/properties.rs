//! Random lives by random writers, and bodies that nobody should write.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use synlog_reducer::Event as _;
use synlog_reducer::cbor::Value;

use super::codes;
use super::host::*;
use super::invariants::{Before, Model, check_rows};
use super::scenes::*;
use super::writer::{Try, Writer, any_try, hostile};
use crate::Event;

fn any_life() -> impl Strategy<Value = Vec<(Try, Value)>> {
    proptest::collection::vec((any_try(), hostile()), 1..160)
}

/// Lives it, checks every step, and says what was accepted and which codes were met.
fn live(life: &[(Try, Value)], batch: usize) -> BTreeSet<String> {
    let mut world = World::default();
    let (mut writer, mut model) = (Writer::default(), Model::default());
    let mut met = BTreeSet::new();
    for (one, bad) in life {
        let before = Before::of(&world);
        let Some(tried) = writer.attempt(&mut world, one, bad) else {
            continue;
        };
        match &tried.result {
            Ok(_) => {
                model.accept(&before, &world, &tried);
                met.insert(tried.kind.to_owned());
            }
            Err(code) => {
                assert_eq!(before, world.states, "{code}");
                met.insert(code.clone());
            }
        }
    }
    check_rows(&world);
    world.check_batches(batch);
    met
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_life_breaks_a_rule(life in any_life(), batch in 1usize..50) {
        live(&life, batch);
    }

    #[test]
    fn no_hostile_value_traps(
        case in any::<prop::sample::Index>(),
        field in any::<prop::sample::Index>(),
        inner in any::<prop::sample::Index>(),
        bad in hostile(),
    ) {
        let (mut world, who, kind, body) = codes::case(case);
        let body = replaced(&body, &field, &inner, &bad);
        let _ = world.write(who, kind, &body);
        check_rows(&world);
        world.check_batches(9);
    }

    #[test]
    fn no_bytes_trap(
        case in any::<prop::sample::Index>(),
        kind in any::<prop::sample::Index>(),
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            (proptest::collection::vec(any::<u8>(), 1..8), any::<prop::sample::Index>())
                .prop_map(|(bytes, at)| {
                    let mut body = request(GOODS).encode();
                    let at = at.index(body.len());
                    let end = (at + bytes.len()).min(body.len());
                    body.splice(at..end, bytes);
                    body
                }),
        ],
    ) {
        let (mut world, who, ..) = codes::case(case);
        let kind = Event::KINDS[kind.index(Event::KINDS.len())];
        let _ = world.raw(who, kind, &bytes);
        check_rows(&world);
    }
}

/// A body with another value in one of its fields, or deeper.
fn replaced(
    body: &Value,
    field: &prop::sample::Index,
    inner: &prop::sample::Index,
    bad: &Value,
) -> Value {
    match body {
        Value::Map(pairs) if !pairs.is_empty() => {
            let (name, old) = &pairs[field.index(pairs.len())];
            let deeper = matches!(old, Value::Map(_) | Value::Array(_)) && inner.index(3) > 0;
            let new = match deeper {
                true => replaced(old, inner, field, bad),
                false => bad.clone(),
            };
            with(body, name, new)
        }
        Value::Array(items) if !items.is_empty() => {
            let mut items = items.clone();
            let at = field.index(items.len());
            items[at] = replaced(&items[at], inner, field, bad);
            Value::Array(items)
        }
        _ => bad.clone(),
    }
}

/// The writer above gets everywhere: else the properties would say little.
#[test]
fn random_lives_reach_every_kind_and_most_codes() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for batch in 1..=400 {
        let life = any_life().new_tree(&mut runner).unwrap().current();
        met.extend(live(&life, batch % 40 + 1));
    }
    let kinds: BTreeSet<String> = Event::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    let missing: Vec<&String> = kinds.difference(&met).collect();
    assert!(missing.is_empty(), "never accepted: {missing:?}");
    let codes = codes::codes_of_the_readme();
    let missing: Vec<&String> = codes.difference(&met).collect();
    let deep = ["no_proof", "over_return", "too_many", "unknown_return"];
    assert!(
        missing.iter().all(|code| deep.contains(&&code[..])),
        "never met: {missing:?}"
    );
}

/// The largest bodies that are accepted leave a state and rows far below their limits.
#[test]
fn states_are_bounded() {
    let mut world = World::default();
    let long = |length| t(&"x".repeat(length));
    let line = with(&line("tap"), "title", long(20));
    let body = with(&request(GOODS), "lines", Value::Array(vec![line; 32]));
    let body = with(&with(&body, "place", long(1_000)), "note", long(1_000));
    assert!(body.encode().len() < 8_192);
    world.does(CLIENT, "order.request", &body);
    let part = |minor| map([("title", long(190)), ("amount", eur(minor))]);
    let mut parts = vec![part(0); 31];
    parts.push(part(TOTAL));
    let body = with(&offer(&world, 1, GOODS), "breakup", Value::Array(parts));
    let legs = (0..16).map(|index| {
        let minor = if index == 0 { TOTAL - 15 } else { 1 };
        payment(&format!("leg {index}"), minor, GOODS)
    });
    let body = with(&body, "legs", Value::Array(legs.collect()));
    let quote = world.does(OWNER, "order.quote", &body);
    world.does(CLIENT, "order.agree", &agree(&world, quote));
    let body = confirm(&mut world, GOODS);
    world.does(OWNER, "order.confirm", &body);
    world.goes(OWNER, &DELIVERY);
    let revised = offer(&world, 2, GOODS);
    world.does(OWNER, "order.revise", &revised);
    for number in 0..16 {
        let body = with(
            &super::lives::back(&world, 1, "refund"),
            "reason",
            long(1_000),
        );
        let id = world.does(CLIENT, "return.request", &body);
        let answer = on(&world, [("return", b(id))]);
        world.does(OWNER, "return.decline", &answer);
        let child = b(synlog_reducer::Id([number; 32]));
        let body = on(&world, [("child", child), ("role", long(64))]);
        world.does(OWNER, "order.link", &body);
    }
    world.does(
        CLIENT,
        "dispute.open",
        &on(&world, [("reason", long(1_000))]),
    );
    check_rows(&world);
    let subs: Vec<String> = world
        .rows()
        .into_iter()
        .filter(|(table, _, _)| table == "lines")
        .map(|(_, sub, _)| sub)
        .collect();
    let numbers: Vec<String> = (0..32).map(|number| number.to_string()).collect();
    assert_eq!(subs, numbers);
    assert_eq!(world.rows().len(), 1 + 32 + 16 + 1 + 16 + 16 + 1);
    let bytes: usize = world.states.values().map(Vec::len).sum();
    assert!(bytes < 64 * 1_024, "{bytes}");
}
