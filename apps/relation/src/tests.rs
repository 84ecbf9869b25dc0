//! Rules line by line.

mod properties;

use std::collections::BTreeMap;

use synlog_reducer::cbor::Value;
use synlog_reducer::{App, Code, Event as _, Fact, Id, Meta, Rows};

use crate::evidence::{commitment, handover_hash};
use crate::{Event, RelationApp, State};

const TOPIC: [u8; 32] = [9; 32];
const SPACE: [u8; 32] = [8; 32];
const R: Id = Id([7; 32]);

/// A topic, folded as a node does.
#[derive(Default)]
struct World {
    states: BTreeMap<String, State>,
    count: u8,
    at_ms: u64,
    facts: Vec<Fact>,
}

fn id(n: u8) -> Value {
    Value::Bytes(vec![n; 32])
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::map(pairs)
}

fn eur(minor: i64) -> Value {
    map([("currency", text("EUR")), ("minor", Value::Int(minor))])
}

fn who(role: &str) -> u8 {
    match role {
        "owner" => 1,
        "client" => 2,
        "arbiter" => 3,
        _ => 4,
    }
}

impl World {
    /// Writes an event; its entry's id is its number, 32 times.
    fn write(&mut self, role: &str, kind: &str, body: Value) -> Result<u8, Code> {
        self.count += 1;
        self.at_ms += 1;
        let facts = std::mem::take(&mut self.facts);
        let meta = Meta {
            topic: TOPIC,
            id: [self.count; 32],
            author: [who(role) + 100; 32],
            entity: [who(role); 32],
            seq: u64::from(self.count),
            hlc: self.at_ms << 16,
            sequenced: true,
            role,
            erasable_hash: None,
            facts: &facts,
        };
        self.fold(kind, &body.encode(), &meta)?;
        Ok(self.count)
    }

    fn fold(&mut self, kind: &str, body: &[u8], meta: &Meta<'_>) -> Result<(), Code> {
        let event = Event::decode(kind, body)?;
        let mut changed = Vec::new();
        for key in RelationApp::keys(&event, meta)?.as_slice() {
            let mut state = self.states.get(key).cloned();
            RelationApp::apply(&mut state, key, &event, meta)?;
            changed.push((key.clone(), state));
        }
        for (key, state) in changed {
            if let Some(state) = state {
                let mut rows = Rows::new(RelationApp::TABLES);
                RelationApp::rows(&key, &state, &mut rows);
                self.states.insert(key, state);
            }
        }
        Ok(())
    }

    fn order(&self) -> &crate::order::Order {
        let found = self.states.values().find_map(|state| match state {
            State::Order(order) => Some(order),
            _ => None,
        });
        found.expect("an order")
    }

    fn grant(&mut self) {
        self.facts.push(Fact::Grant {
            subject: [1; 32],
            device: [101; 32],
            holder: [5; 32],
            tag: [6; 16],
            month: 1,
        });
    }

    fn entry(&mut self, kind: &str, n: u8, body: Value) {
        self.facts.push(Fact::Entry {
            id: [n; 32],
            topic: SPACE,
            device: [101; 32],
            entity: [1; 32],
            seq: 1,
            hlc: 1,
            kind: kind.to_owned(),
            body: body.encode(),
        });
    }

    /// A request (entry 1), a quote (2), an agree (3) of 1,000 cents, and the confirm (4).
    fn agreed(kind: &str, handover: bool, escrow: bool) -> Self {
        let mut world = Self::default();
        let mut request = vec![("lines", Value::Array(vec![line()]))];
        if handover {
            let hash = handover_hash(&R);
            request.push(("handover_hash", Value::from(hash)));
        }
        assert_eq!(
            world.write("client", "order.request", Value::map(request)),
            Ok(1)
        );
        assert_eq!(
            world.write("owner", "order.quote", quote(1, kind, 1_000, escrow)),
            Ok(2)
        );
        let agree = on([
            ("quote", id(2)),
            ("holder", id(5)),
            ("tag", Value::Bytes(vec![6; 16])),
        ]);
        assert_eq!(world.write("client", "order.agree", agree), Ok(3));
        world
    }

    fn confirmed(kind: &str, handover: bool, escrow: bool) -> Self {
        let mut world = Self::agreed(kind, handover, escrow);
        world.grant();
        assert_eq!(
            world.write("owner", "order.confirm", on([("agree", id(3))])),
            Ok(4)
        );
        world
    }

    fn state(&mut self, state: &str) -> Result<u8, Code> {
        let body = on([("leg", text("f")), ("state", text(state))]);
        self.write("owner", "fulfil.state", body)
    }

    fn pay(&mut self, role: &str, kind: &str, minor: i64) -> Result<u8, Code> {
        let body = on([("leg", text("p")), ("amount", eur(minor))]);
        self.write(role, kind, body)
    }
}

fn line() -> Value {
    map([
        ("space", Value::Bytes(SPACE.to_vec())),
        ("item", text("tap")),
        ("revision", id(77)),
        ("quantity", Value::Int(2)),
    ])
}

fn on<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let order = [("order", id(1))];
    Value::map(order.into_iter().chain(pairs))
}

fn quote(revision: i64, kind: &str, sum: i64, escrow: bool) -> Value {
    let leg = map([
        ("leg", text("p")),
        ("amount", eur(sum)),
        ("trigger", text(if escrow { "before" } else { "after" })),
        ("escrow", Value::Bool(escrow)),
    ]);
    let share = map([("line", Value::Int(0)), ("quantity", Value::Int(2))]);
    let fulfilment = map([
        ("leg", text("f")),
        ("kind", text(kind)),
        ("lines", Value::Array(vec![share])),
    ]);
    let term = |stage, bp| map([("stage", text(stage)), ("fee_bp", Value::Int(bp))]);
    on([
        ("revision", Value::Int(revision)),
        (
            "breakup",
            Value::Array(vec![map([("title", text("work")), ("amount", eur(1_000))])]),
        ),
        ("total", eur(1_000)),
        ("legs", Value::Array(vec![leg])),
        ("fulfilment", Value::Array(vec![fulfilment])),
        (
            "terms",
            Value::Array(vec![term("pending", 1_000), term("in_transit", 5_000)]),
        ),
        ("arbiter", id(3)),
        ("valid_until", Value::Int(1_000)),
        ("silence_s", Value::Int(1)),
        ("return_s", Value::Int(10)),
    ])
}

#[test]
fn goods_are_delivered_returned_and_refunded() {
    let mut world = World::confirmed("goods", false, false);
    assert_eq!(world.state("delivered"), Err("bad_transition"));
    for state in [
        "assigned",
        "packed",
        "picked_up",
        "out_for_delivery",
        "delivered",
    ] {
        assert!(world.state(state).is_ok(), "{state}");
    }
    assert_eq!(
        world.write("client", "order.cancel", on([])),
        Err("bad_transition")
    );
    assert!(world.pay("client", "pay.claim", 1_000).is_ok());
    assert_eq!(world.pay("client", "pay.ack", 1_000), Err("wrong_actor"));
    assert_eq!(world.pay("owner", "pay.ack", 1_001), Err("overpay"));
    assert!(world.pay("owner", "pay.ack", 1_000).is_ok());
    assert_eq!(
        world.write("owner", "order.complete", on([])),
        Err("too_early")
    );
    world.at_ms += 1_000;
    assert!(world.write("owner", "order.complete", on([])).is_ok());
    let back = |quantity| {
        let share = map([("line", Value::Int(0)), ("quantity", Value::Int(quantity))]);
        on([
            ("leg", text("f")),
            ("lines", Value::Array(vec![share])),
            ("outcome", text("refund")),
        ])
    };
    assert_eq!(
        world.write("client", "return.request", back(3)),
        Err("over_return")
    );
    let request = world
        .write("client", "return.request", back(2))
        .expect("a return");
    let answer = || on([("return", id(request))]);
    assert_eq!(
        world.write("client", "return.approve", answer()),
        Err("wrong_actor")
    );
    assert!(world.write("owner", "return.approve", answer()).is_ok());
    assert!(world.write("owner", "return.received", answer()).is_ok());
    assert_eq!(world.pay("owner", "pay.refund", 1_001), Err("over_refund"));
    assert!(world.pay("owner", "pay.refund", 1_000).is_ok());
    world.at_ms += 20_000;
    assert_eq!(
        world.write("client", "return.request", back(1)),
        Err("out_of_window")
    );
}

#[test]
fn a_visit_needs_the_secret_and_cancelling_costs_what_was_agreed() {
    let mut world = World::confirmed("visit", true, false);
    assert_eq!(world.order().cancel_fee(&[]), 100);
    assert!(world.state("in_transit").is_ok());
    assert_eq!(world.order().cancel_fee(&[]), 500);
    for state in ["at_location", "started"] {
        assert!(world.state(state).is_ok());
    }
    assert_eq!(world.state("completed"), Err("no_proof"));
    let proof = |n| on([("leg", text("f")), ("preimage", id(n))]);
    assert_eq!(
        world.write("owner", "fulfil.proof", proof(1)),
        Err("no_proof")
    );
    assert!(world.write("owner", "fulfil.proof", proof(7)).is_ok());
    assert!(world.state("completed").is_ok());
    assert!(world.write("client", "order.complete", on([])).is_ok());
}

#[test]
fn a_receipt_proves_the_earlier_stage() {
    let mut world = World::confirmed("visit", false, false);
    assert!(world.state("in_transit").is_ok());
    let cancel = world
        .write("client", "order.cancel", on([]))
        .expect("cancelled");
    let fee = |world: &World| world.order().cancelled.as_ref().map(|one| one.fee);
    assert_eq!(fee(&world), Some(500));
    let event = || on([("cancel", id(cancel))]);
    assert_eq!(
        world.write("client", "order.receipt", event()),
        Err("no_receipt")
    );
    world.facts.push(Fact::Receipt {
        topic: TOPIC,
        device: [101; 32],
        entity: [1; 32],
        entry: [cancel; 32],
        author: [102; 32],
        seq: u64::from(cancel),
        height: 5, // the confirm is 4, the visit's start 5
        at_ms: 0,
    });
    assert!(world.write("client", "order.receipt", event()).is_ok());
    assert_eq!(fee(&world), Some(100));
}

#[test]
fn a_ruling_divides_what_is_held() {
    let mut world = World::confirmed("goods", false, true);
    assert_eq!(world.state("packed"), Err("unpaid"));
    assert!(world.pay("arbiter", "pay.hold", 1_000).is_ok());
    assert!(world.state("packed").is_ok());
    assert!(world.write("client", "dispute.open", on([])).is_ok());
    assert_eq!(
        world.write("owner", "dispute.open", on([])),
        Err("disputed")
    );
    assert_eq!(world.pay("arbiter", "pay.release", 1), Err("disputed"));
    let rule = |a, b| on([("provider", eur(a)), ("client", eur(b))]);
    assert_eq!(
        world.write("arbiter", "dispute.rule", rule(600, 300)),
        Err("sum_mismatch")
    );
    assert_eq!(
        world.write("client", "dispute.rule", rule(0, 1_000)),
        Err("wrong_actor")
    );
    assert!(
        world
            .write("arbiter", "dispute.rule", rule(600, 400))
            .is_ok()
    );
    let leg = &world.order().payments[0];
    assert_eq!((leg.paid, leg.returned, leg.state()), (600, 400, "split"));
}

#[test]
fn agreeing_and_confirming_have_their_codes() {
    let mut world = World::agreed("goods", false, false);
    assert_eq!(
        world.write("owner", "order.confirm", on([("agree", id(3))])),
        Err("no_grant")
    );
    assert_eq!(
        world.write("owner", "order.confirm", on([("agree", id(9))])),
        Err("stale_quote")
    );
    assert_eq!(
        world.write("owner", "order.quote", quote(2, "goods", 1_000, false)),
        Err("bad_transition")
    );
    assert_eq!(
        world.write("owner", "order.revise", quote(2, "goods", 999, false)),
        Err("sum_mismatch")
    );
    assert_eq!(
        world.write("owner", "order.revise", quote(3, "goods", 1_000, false)),
        Err("stale_quote")
    );
    let missing = map([("order", id(99))]);
    assert_eq!(
        world.write("owner", "order.decline", missing),
        Err("unknown_order")
    );
    let take = map([
        ("line", Value::Int(0)),
        ("take", id(55)),
        ("r", Value::from(R)),
    ]);
    let confirm = || {
        on([
            ("agree", id(3)),
            ("takes", Value::Array(vec![take.clone()])),
        ])
    };
    world.grant();
    assert_eq!(
        world.write("owner", "order.confirm", confirm()),
        Err("no_take")
    );
    let taken = map([
        ("item", text("tap")),
        ("revision", id(77)),
        ("quantity", Value::Int(2)),
        ("c", Value::from(commitment(&R, &TOPIC, &Id([1; 32])))),
    ]);
    world.grant();
    world.entry("item.take", 55, taken);
    assert!(world.write("owner", "order.confirm", confirm()).is_ok());
}

#[test]
fn a_booking_shows_its_take() {
    let mut world = World::default();
    let slot = |start: i64| {
        vec![
            ("resource", text("anna")),
            ("start", Value::Int(start)),
            ("end", Value::Int(start + 100)),
            ("seats", Value::Int(1)),
        ]
    };
    let mut request = slot(500);
    request.push(("space", Value::Bytes(SPACE.to_vec())));
    assert!(
        world
            .write("client", "booking.request", Value::map(request))
            .is_ok()
    );
    let on = |pairs: Vec<(&'static str, Value)>| {
        Value::map([("booking", id(1))].into_iter().chain(pairs))
    };
    let confirm = || on(vec![("take", id(55)), ("r", Value::from(R))]);
    assert_eq!(
        world.write("owner", "booking.confirm", confirm()),
        Err("no_take")
    );
    let mut taken = slot(500);
    taken.push(("c", Value::from(commitment(&R, &TOPIC, &Id([1; 32])))));
    world.entry("slot.take", 55, Value::map(taken));
    assert!(world.write("owner", "booking.confirm", confirm()).is_ok());
    assert_eq!(
        world.write("owner", "booking.no_show", on(vec![])),
        Err("too_early")
    );
    world.at_ms = 600;
    assert!(world.write("owner", "booking.no_show", on(vec![])).is_ok());
    assert!(world.write("client", "booking.contest", on(vec![])).is_ok());
    let missing = map([("booking", id(99))]);
    assert_eq!(
        world.write("owner", "booking.cancel", missing),
        Err("unknown_booking")
    );
}

#[test]
fn the_manifest_names_every_kind_and_table() {
    let manifest = RelationApp::manifest();
    assert_eq!(manifest.kinds(), Event::KINDS);
    assert_eq!(manifest.table_names(), RelationApp::TABLES);
    let decoded = synlog_log::fold::Manifest::decode(&manifest.encode());
    assert!(decoded.is_ok(), "{decoded:?}");
}

#[test]
fn deadlines_pass_only_where_the_provider_says_so() {
    let mut world = World::default();
    let request = || map([("lines", Value::Array(vec![line()]))]);
    assert!(world.write("client", "order.request", request()).is_ok());
    assert!(
        world
            .write("owner", "order.quote", quote(1, "goods", 1_000, false))
            .is_ok()
    );
    assert_eq!(
        world.write("owner", "order.expire", on([])),
        Err("too_early")
    );
    world.at_ms = 2_000;
    let agree = on([
        ("quote", id(2)),
        ("holder", id(5)),
        ("tag", Value::Bytes(vec![6; 16])),
    ]);
    assert_eq!(
        world.write("client", "order.agree", agree),
        Err("stale_quote")
    );
    assert_eq!(
        world.write("client", "order.expire", on([])),
        Err("wrong_actor")
    );
    assert!(world.write("owner", "order.expire", on([])).is_ok());
    assert_eq!(
        world.write("client", "order.cancel", on([])),
        Err("expired")
    );
}

#[test]
fn a_closed_relation_takes_no_requests() {
    let mut world = World::default();
    let none = || Value::Map(Vec::new());
    assert!(world.write("owner", "relation.open", none()).is_ok());
    assert_eq!(
        world.write("owner", "relation.accept", none()),
        Err("wrong_actor")
    );
    assert!(world.write("client", "relation.accept", none()).is_ok());
    assert_eq!(
        world.write("client", "relation.open", none()),
        Err("bad_transition")
    );
    assert!(world.write("client", "relation.close", none()).is_ok());
    let request = map([("lines", Value::Array(vec![line()]))]);
    assert_eq!(
        world.write("client", "order.request", request),
        Err("closed")
    );
    assert_eq!(
        world.write("client", "message.post", none()),
        Err("bad_value")
    );
    let long = map([("text", text(&"x".repeat(2_001)))]);
    assert_eq!(world.write("client", "message.post", long), Err("too_long"));
    for _ in 0..60 {
        assert!(
            world
                .write("client", "message.post", map([("text", text("hello"))]))
                .is_ok()
        );
    }
    let Some(State::Relation(relation)) = world.states.get("relation") else {
        panic!("a relation")
    };
    assert_eq!((relation.messages.len(), relation.count), (50, 60));
}

#[test]
fn what_comes_twice_is_a_duplicate() {
    let mut world = World::confirmed("goods", false, false);
    assert!(world.pay("owner", "pay.ack", 100).is_ok());
    world.count -= 1;
    assert_eq!(world.pay("owner", "pay.ack", 100), Err("duplicate"));
    assert_eq!(world.order().payments[0].paid, 100);
}
