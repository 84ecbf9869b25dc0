//! One line for each rule: the stage, who tries what, and the code.

mod rules;

use std::collections::BTreeSet;

use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

use super::host::*;
use super::lives::back;
use super::scenes::*;
use rules::*;

/// A body, with its evidence.
type Body = fn(&mut World) -> Value;

struct Case(&'static str, Who, &'static str, Body, &'static str);

fn order(world: &mut World) -> Value {
    on(world, [])
}

fn booking(world: &mut World) -> Value {
    book(world, [])
}

fn nothing(_: &mut World) -> Value {
    map([])
}

fn elsewhere(_: &mut World) -> Value {
    map([("order", b(NOWHERE)), ("booking", b(NOWHERE))])
}

fn reasons(world: &mut World) -> Value {
    let body = book(world, [("reason", t(&"x".repeat(1_001)))]);
    with(&body, "order", b(world.last("order.request")))
}

fn at(stage: &str) -> World {
    match stage {
        "new" => World::default(),
        "requested" => {
            let mut world = World::default();
            world.does(CLIENT, "order.request", &request(GOODS));
            world
        }
        "quoted" => {
            let mut world = at("requested");
            world.does(OWNER, "order.quote", &offer(&world, 1, GOODS));
            world
        }
        "stale" => {
            let mut world = at("quoted");
            world.at_ms += 2_000;
            world
        }
        "expired" => {
            let mut world = at("stale");
            world.does(OWNER, "order.expire", &on(&world, []));
            world
        }
        "declined" => {
            let mut world = at("quoted");
            world.does(OWNER, "order.decline", &on(&world, []));
            world
        }
        "agreed" => World::agreed(GOODS),
        "agreed, takes" => World::agreed(Shape {
            takes: true,
            ..GOODS
        }),
        "confirmed" => World::confirmed(GOODS),
        "escrow" => World::confirmed(ESCROW),
        "held money" => {
            let mut world = World::confirmed(ESCROW);
            world.does(ARBITER, "pay.hold", &pay(&world, TOTAL));
            world
        }
        "disputed" => {
            let mut world = at("held money");
            world.goes(OWNER, &DELIVERY);
            world.does(CLIENT, "dispute.open", &on(&world, []));
            world
        }
        "delivered" => World::fulfilled(GOODS, &DELIVERY),
        "completed" => {
            let mut world = at("delivered");
            world.does(CLIENT, "order.complete", &on(&world, []));
            world
        }
        "cancelled" => {
            let mut world = at("confirmed");
            world.does(CLIENT, "order.cancel", &on(&world, []));
            world
        }
        "opened" => {
            let mut world = at("new");
            world.does(OWNER, "relation.open", &map([("until", n(NOW + 50))]));
            world
        }
        "closed" => {
            let mut world = at("opened");
            world.does(OWNER, "relation.close", &map([]));
            world
        }
        other => World::booked(other),
    }
}

/// One of the cases: the world at its stage, and who writes what.
pub(super) fn case(index: proptest::sample::Index) -> (World, Who, &'static str, Value) {
    let mut cases = cases();
    let Case(stage, who, kind, body, _) = cases.swap_remove(index.index(cases.len()));
    let mut world = at(stage.strip_suffix(" booking").map_or(stage, |_| "booked"));
    let body = body(&mut world);
    (world, who, kind, body)
}

/// What the README lists, but for what the SDK gives by itself.
pub(super) fn codes_of_the_readme() -> BTreeSet<String> {
    let text = include_str!("../../README.md");
    let (_, codes) = text.split_once("## Codes").unwrap();
    let (codes, _) = codes.split_once("## Tables").unwrap();
    let rows = codes.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|line| line.split('|').nth(1));
    let names = first.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[test]
fn every_rule_has_its_code() {
    let mut met = BTreeSet::new();
    for (index, Case(stage, who, kind, body, code)) in cases().into_iter().enumerate() {
        let mut world = at(stage.strip_suffix(" booking").map_or(stage, |_| "booked"));
        let body = body(&mut world);
        let result = world.write(who, kind, &body).map(|_| ());
        let what = format!("case {index}: {kind} by {} when {stage}", who.role);
        assert_eq!(result, Err(code.to_owned()), "{what}");
        met.insert(code.to_owned());
    }
    let named = codes_of_the_readme();
    assert_eq!(named.len(), 25);
    let missing: Vec<&String> = named.difference(&met).collect();
    assert!(missing.is_empty(), "{missing:?}");
    met.remove("bad_event");
    met.remove("unknown_kind");
    let unnamed: Vec<&String> = met.difference(&named).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

/// The same bodies are accepted where nothing is wrong.
#[test]
fn the_right_ones_are_accepted() {
    let cases = [
        Case("new", CLIENT, "order.request", |_| request(GOODS), ""),
        Case(
            "new",
            CLIENT,
            "booking.request",
            |_| with(&map(slot_of(START, END)), "space", b(Id(SPACE))),
            "",
        ),
        Case(
            "requested",
            OWNER,
            "order.quote",
            |w| offer(w, 1, GOODS),
            "",
        ),
        Case("quoted", CLIENT, "order.agree", quoted_agree, ""),
        Case("quoted", CLIENT, "order.counter", counter, ""),
        Case("quoted", OWNER, "order.decline", order, ""),
        Case("stale", OWNER, "order.expire", order, ""),
        Case("agreed", OWNER, "order.confirm", right_confirm, ""),
        Case(
            "agreed",
            OWNER,
            "order.confirm",
            |w| taking(w, |w| take(w, 0, "tap", w.last("order.request"))),
            "",
        ),
        Case("confirmed", CLIENT, "order.link", link, ""),
        Case("confirmed", CLIENT, "pay.claim", |w| pay(w, 1), ""),
        Case(
            "delivered",
            CLIENT,
            "return.request",
            |w| back(w, 2, "refund"),
            "",
        ),
        Case(
            "disputed",
            ARBITER,
            "dispute.rule",
            |w| ruling(w, 0, TOTAL),
            "",
        ),
        Case("held", OWNER, "booking.confirm", booked_slot, ""),
        Case(
            "confirmed booking",
            OWNER,
            "booking.reschedule",
            moved_slot,
            "",
        ),
        Case("held", CLIENT, "booking.cancel", booking, ""),
        Case("pending", OWNER, "booking.decline", booking, ""),
    ];
    for Case(stage, who, kind, body, _) in cases {
        let mut world = at(stage.strip_suffix(" booking").map_or(stage, |_| "booked"));
        let body = body(&mut world);
        world.does(who, kind, &body);
        world.check_batches(2);
    }
}

#[test]
fn what_comes_twice_is_a_duplicate() {
    let mut world = at("disputed");
    world.does(OWNER, "message.post", &map([("text", t("hello"))]));
    let states = world.states.clone();
    for index in 0..world.log.len() {
        assert_eq!(world.again(index), Err("duplicate".to_owned()), "{index}");
        assert_eq!(world.states, states);
    }
    let mut world = at("held");
    for index in 0..world.log.len() {
        assert_eq!(world.again(index), Err("duplicate".to_owned()), "{index}");
    }
    let mut world = at("confirmed");
    let body = link(&mut world);
    world.does(OWNER, "order.link", &body);
    world.fails(CLIENT, "order.link", &body, "duplicate");
}

#[test]
fn lists_that_grow_have_ends() {
    let mut world = at("delivered");
    for _ in 0..crate::order::returns::RETURNS_MAX {
        let id = world.does(CLIENT, "return.request", &back(&world, 1, "refund"));
        world.does(OWNER, "return.decline", &on(&world, [("return", b(id))]));
    }
    let body = back(&world, 1, "refund");
    world.fails(CLIENT, "return.request", &body, "too_many");

    for number in 0..crate::order::LINKS_MAX {
        let child = b(Id([number as u8; 32]));
        let body = on(&world, [("child", child), ("role", t("period"))]);
        world.does(OWNER, "order.link", &body);
    }
    let body = link(&mut world);
    world.fails(
        OWNER,
        "order.link",
        &with(&body, "child", b(NOWHERE)),
        "too_many",
    );
    assert_eq!(world.rows().len(), 2 + 2 + 1 + 16 + 16);

    // many devices write to one aggregate, but not any number
    let mut world = World::default();
    for device in 0..=u8::try_from(crate::party::FEEDS_MAX).unwrap() {
        let who = Who { device, ..CLIENT };
        let full = usize::from(device) == crate::party::FEEDS_MAX;
        let result = world.write(who, "message.post", &map([("text", t("hello"))]));
        assert_eq!(result.err().as_deref(), full.then_some("too_many"));
    }
}

#[test]
fn the_manifest_names_every_kind_and_table() {
    let manifest = synlog_reducer::describe::<crate::RelationApp>();
    let manifest = synlog_log::fold::Manifest::decode(&manifest).unwrap();
    let kinds: Vec<&str> = manifest
        .events
        .iter()
        .map(|event| &event.kind[..])
        .collect();
    assert_eq!(kinds, <crate::Event as synlog_reducer::Event>::KINDS);
    let tables: Vec<&str> = manifest
        .tables
        .iter()
        .map(|table| &table.name[..])
        .collect();
    assert_eq!(tables, <crate::RelationApp as synlog_reducer::App>::TABLES);
    let receipt = manifest.event("order.receipt").unwrap();
    assert_eq!(receipt.evidence, ["receipt:cancel", "proof:cancel"]);
    for event in &manifest.events {
        assert!(
            event
                .fields
                .iter()
                .all(|field| !field.title.is_empty() || field.make.is_some())
        );
    }
}
