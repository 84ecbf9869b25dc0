//! Bodies of events that are right, and worlds at each stage of an order or a booking.

use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

use super::host::*;
use crate::evidence::{commitment, handover_hash};

/// Opens the commitment of takes; also the client's handover secret.
pub(super) const R: Id = Id([7; 32]);
pub(super) const HOLDER: Id = Id([5; 32]);
pub(super) const TAG: [u8; 16] = [6; 16];
/// The item's revision that was seen.
pub(super) const REVISION: Id = Id([77; 32]);
pub(super) const TOTAL: i64 = 1_000;

pub(super) fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::map(pairs)
}

pub(super) fn t(text: &str) -> Value {
    Value::from(text)
}

pub(super) fn n(number: i64) -> Value {
    Value::Int(number)
}

pub(super) fn b(id: Id) -> Value {
    Value::Bytes(id.0.to_vec())
}

pub(super) fn list<const N: usize>(items: [Value; N]) -> Value {
    Value::Array(items.to_vec())
}

pub(super) fn eur(minor: i64) -> Value {
    map([("currency", t("EUR")), ("minor", n(minor))])
}

/// A map with another value under a key, or without the key.
pub(super) fn with(body: &Value, key: &str, value: impl Into<Option<Value>>) -> Value {
    let Value::Map(mut pairs) = body.clone() else {
        return body.clone();
    };
    pairs.retain(|(name, _)| name != key);
    pairs.extend(value.into().map(|value| (key.to_owned(), value)));
    Value::map(pairs)
}

/// A map about the last order.
pub(super) fn on<const N: usize>(world: &World, pairs: [(&str, Value); N]) -> Value {
    with(&map(pairs), "order", b(world.last("order.request")))
}

/// A map about the last booking.
pub(super) fn book<const N: usize>(world: &World, pairs: [(&str, Value); N]) -> Value {
    with(&map(pairs), "booking", b(world.last("booking.request")))
}

/// What is ordered, how it is paid and fulfilled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) kind: &'static str,
    pub(super) trigger: &'static str,
    pub(super) handover: bool,
    pub(super) escrow: bool,
    pub(super) takes: bool,
}

pub(super) const GOODS: Shape = Shape {
    kind: "goods",
    trigger: "after",
    handover: false,
    escrow: false,
    takes: false,
};
pub(super) const VISIT: Shape = Shape {
    kind: "visit",
    ..GOODS
};
pub(super) const ESCROW: Shape = Shape {
    trigger: "before",
    escrow: true,
    ..GOODS
};

pub(super) fn line(item: &str) -> Value {
    map([
        ("space", b(Id(SPACE))),
        ("item", t(item)),
        ("revision", b(REVISION)),
        ("quantity", n(2)),
    ])
}

pub(super) fn request(shape: Shape) -> Value {
    let body = map([
        ("lines", list([line("tap"), line("pipe")])),
        ("place", t("Main street 1")),
        ("note", t("ring twice")),
    ]);
    let hash = shape.handover.then(|| b(handover_hash(&R)));
    with(&body, "handover_hash", hash)
}

pub(super) fn share(line: i64, quantity: i64) -> Value {
    map([("line", n(line)), ("quantity", n(quantity))])
}

pub(super) fn payment(leg: &str, minor: i64, shape: Shape) -> Value {
    map([
        ("leg", t(leg)),
        ("amount", eur(minor)),
        ("trigger", t(shape.trigger)),
        ("escrow", Value::Bool(shape.escrow)),
    ])
}

/// An offer of [`TOTAL`] cents. Cancelling costs 10 % once it is confirmed, 50 % from the
/// second stage on, and 90 % from the third.
pub(super) fn offer(world: &World, revision: i64, shape: Shape) -> Value {
    let stages = match shape.kind {
        "goods" => ["packed", "picked_up"],
        "pickup" => ["assigned", "packed"],
        "visit" => ["in_transit", "at_location"],
        _ => ["available", "accessed"],
    };
    let term = |stage: &str, bp| map([("stage", t(stage)), ("fee_bp", n(bp))]);
    let part = |title: &str, minor| map([("title", t(title)), ("amount", eur(minor))]);
    let fulfilment = map([
        ("leg", t("f")),
        ("kind", t(shape.kind)),
        ("lines", list([share(0, 2)])),
    ]);
    let body = on(
        world,
        [
            ("revision", n(revision)),
            (
                "breakup",
                list([part("work", TOTAL + 100), part("discount", -100)]),
            ),
            ("total", eur(TOTAL)),
            ("legs", list([payment("p", TOTAL, shape)])),
            ("fulfilment", list([fulfilment])),
            (
                "terms",
                list([
                    term("pending", 1_000),
                    term(stages[0], 5_000),
                    term(stages[1], 9_000),
                ]),
            ),
            ("arbiter", b(Id([ARBITER.entity; 32]))),
            ("valid_until", n(NOW + 1_000)),
            ("silence_s", n(1)),
            ("return_s", n(10)),
        ],
    );
    with(&body, "takes", shape.takes.then(|| list([n(0)])))
}

pub(super) fn agree(world: &World, quote: Id) -> Value {
    on(
        world,
        [
            ("quote", b(quote)),
            ("holder", b(HOLDER)),
            ("tag", Value::Bytes(TAG.to_vec())),
        ],
    )
}

/// The take of a line, with its proof among the evidence.
pub(super) fn take(world: &mut World, line: i64, item: &str, about: Id) -> Value {
    let id = Id([50 + line as u8; 32]);
    let body = map([
        ("item", t(item)),
        ("revision", b(REVISION)),
        ("quantity", n(2)),
        ("c", b(commitment(&R, &TOPIC, &about))),
    ]);
    world.prove(OWNER, SPACE, id, "item.take", &body);
    map([("line", n(line)), ("take", b(id)), ("r", b(R))])
}

/// A right confirm, with its evidence.
pub(super) fn confirm(world: &mut World, shape: Shape) -> Value {
    world.grant(OWNER, HOLDER, TAG);
    let body = on(world, [("agree", b(world.last("order.agree")))]);
    let order = world.last("order.request");
    let takes = shape.takes.then(|| take(world, 0, "tap", order));
    with(&body, "takes", takes.map(|one| list([one])))
}

pub(super) fn pay(world: &World, minor: i64) -> Value {
    on(world, [("leg", t("p")), ("amount", eur(minor))])
}

pub(super) fn state(world: &World, state: &str) -> Value {
    on(world, [("leg", t("f")), ("state", t(state))])
}

pub(super) fn slot_of(start: i64, end: i64) -> [(&'static str, Value); 4] {
    [
        ("resource", t("anna")),
        ("start", n(start)),
        ("end", n(end)),
        ("seats", n(1)),
    ]
}

/// A right confirm of a booking, or the move of one, with its evidence.
pub(super) fn slot(world: &mut World, about: Id, start: i64, end: i64) -> Value {
    let mut id = Id([4; 32]);
    id.0[..8].copy_from_slice(&start.to_be_bytes());
    id.0[8..16].copy_from_slice(&end.to_be_bytes());
    let c = b(commitment(&R, &TOPIC, &about));
    let body = with(&map(slot_of(start, end)), "c", c);
    world.prove(OWNER, SPACE, id, "slot.take", &body);
    map([("booking", b(about)), ("take", b(id)), ("r", b(R))])
}

/// Where bookings begin: UTC ms.
pub(super) const START: i64 = NOW + 5_000;
/// Where they end: UTC ms.
pub(super) const END: i64 = START + 1_000;

impl World {
    /// Writes what must be accepted.
    #[track_caller]
    pub(super) fn does(&mut self, who: Who, kind: &str, body: &Value) -> Id {
        let result = self.write(who, kind, body);
        result.unwrap_or_else(|code| panic!("{kind} by {}: {code}", who.role))
    }

    /// Writes what must be rejected.
    #[track_caller]
    pub(super) fn fails(&mut self, who: Who, kind: &str, body: &Value, code: &str) {
        let result = self.write(who, kind, body).map(|_| ());
        assert_eq!(result, Err(code.to_owned()), "{kind} by {}", who.role);
    }

    /// A request, a quote and an agree.
    pub(super) fn agreed(shape: Shape) -> Self {
        let mut world = Self::default();
        world.does(CLIENT, "order.request", &request(shape));
        let quote = world.does(OWNER, "order.quote", &offer(&world, 1, shape));
        world.does(CLIENT, "order.agree", &agree(&world, quote));
        world
    }

    /// And the confirm.
    pub(super) fn confirmed(shape: Shape) -> Self {
        let mut world = Self::agreed(shape);
        let body = confirm(&mut world, shape);
        world.does(OWNER, "order.confirm", &body);
        world
    }

    /// And the work, up to a stage.
    pub(super) fn fulfilled(shape: Shape, stages: &[&str]) -> Self {
        let mut world = Self::confirmed(shape);
        world.goes(OWNER, stages);
        world
    }

    /// Moves the work on.
    #[track_caller]
    pub(super) fn goes(&mut self, who: Who, stages: &[&str]) {
        for stage in stages {
            self.does(who, "fulfil.state", &state(self, stage));
        }
    }

    /// A booking up to a state.
    pub(super) fn booked(up_to: &str) -> Self {
        let mut world = Self::default();
        let body = with(&map(slot_of(START, END)), "space", b(Id(SPACE)));
        let id = world.does(CLIENT, "booking.request", &body);
        if up_to == "pending" {
            return world;
        }
        let until = [("until", n(NOW + 1_000))];
        world.does(OWNER, "booking.hold", &book(&world, until));
        if up_to == "held" {
            return world;
        }
        let body = slot(&mut world, id, START, END);
        world.does(OWNER, "booking.confirm", &body);
        if up_to == "attended" || up_to == "no_show" {
            world.at_ms = START;
            let kind = format!("booking.{up_to}");
            world.does(OWNER, &kind, &book(&world, []));
        }
        world
    }
}

/// What leads to a delivery of goods.
pub(super) const DELIVERY: [&str; 4] = ["packed", "picked_up", "out_for_delivery", "delivered"];
