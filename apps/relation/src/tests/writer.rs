//! A writer of random events: mostly such as lead on, by the right party and with the right
//! evidence, and often not.

use proptest::prelude::*;
use synlog_reducer::cbor::Value;
use synlog_reducer::{Event as _, Id};

use super::host::*;
use super::scenes::*;
use crate::booking::{Booking, State as Booked};
use crate::order::Order;
use crate::order::commercial::Commercial;
use crate::order::fulfilment::{Stage, stages};
use crate::order::returns;

/// Numbers that decide what is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    /// Which kind.
    pick: u8,
    /// Whether a kind that leads on.
    onward: bool,
    /// By whom, where it is somebody else.
    other: u8,
    /// What is wrong with it.
    fault: u8,
    /// How much of whatever it is.
    number: i64,
    /// How much time passes: ms.
    wait_ms: i64,
}

pub(super) fn any_try() -> impl Strategy<Value = Try> {
    let number = prop_oneof![12 => 0i64..1_200, 1 => -3i64..0, 1 => any::<i64>()];
    let wait_ms = prop_oneof![20 => 0i64..3, 1 => 0i64..2_000, 1 => 5_000i64..12_000];
    let numbers = (any::<u8>(), 0u8..8, any::<u8>(), 0u8..30, number, wait_ms);
    numbers.prop_map(|(pick, onward, other, fault, number, wait_ms)| Try {
        pick,
        onward: onward > 0,
        other,
        fault,
        number,
        wait_ms,
    })
}

/// Values that are nowhere right.
pub(super) fn hostile() -> impl Strategy<Value = Value> {
    let ints = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let deep = (0..12).fold(n(1), |inner, _| list([inner]));
    prop_oneof![
        proptest::sample::select(ints.to_vec()).prop_map(n),
        any::<i64>().prop_map(n),
        Just(Value::Null),
        Just(Value::Bool(true)),
        Just(list([])),
        Just(map([])),
        Just(deep),
        (0usize..8_000).prop_map(|length| t(&"ä".repeat(length / 2))),
        (0usize..40).prop_map(|length| Value::Bytes(vec![7; length])),
        (0usize..300).prop_map(|length| Value::Array(vec![n(0); length])),
        any::<i64>().prop_map(eur),
        any::<i64>().prop_map(|number| list([share(number, number)])),
    ]
}

/// Everybody.
const PEOPLE: [Who; 10] = [
    OWNER,
    PHONE,
    CLIENT,
    TABLET,
    ARBITER,
    DELIVERER,
    STRANGER,
    OTHER_OWNER,
    OTHER_CLIENT,
    OTHER_ARBITER,
];

/// Who may write a kind.
pub(super) fn writers(kind: &str) -> &'static [Who] {
    match kind {
        "message.post" => &[CLIENT, OWNER, ARBITER, DELIVERER, PHONE, TABLET],
        "order.complete" | "order.cancel" | "order.link" | "dispute.open" | "dispute.accept"
        | "booking.cancel" | "relation.open" | "relation.accept" | "relation.close" => {
            &[CLIENT, OWNER, TABLET, PHONE]
        }
        "order.request" | "order.counter" | "order.agree" | "order.receipt" | "pay.claim"
        | "return.request" | "booking.request" | "booking.contest" => &[CLIENT, TABLET],
        "pay.hold" | "pay.release" | "pay.split" | "dispute.rule" => &[ARBITER],
        "fulfil.state" | "fulfil.proof" => &[OWNER, DELIVERER, PHONE],
        _ => &[OWNER, PHONE],
    }
}

fn onward_order(order: &Order) -> &'static [&'static str] {
    if order.disputed() {
        return &[
            "dispute.rule",
            "dispute.accept",
            "fulfil.state",
            "order.cancel",
        ];
    }
    match order.commercial {
        Commercial::Requested => &["order.quote", "order.quote", "order.quote", "order.decline"],
        Commercial::Quoted => &[
            "order.agree",
            "order.agree",
            "order.counter",
            "order.expire",
        ],
        Commercial::Countered => &["order.quote", "order.agree", "order.counter"],
        Commercial::Agreed => &[
            "order.confirm",
            "order.confirm",
            "order.confirm",
            "order.reserve",
            "order.revise",
            "order.agree",
            "pay.claim",
            "pay.ack",
            "pay.hold",
        ],
        Commercial::Confirmed | Commercial::InProgress => &[
            "fulfil.state",
            "fulfil.state",
            "fulfil.state",
            "fulfil.state",
            "fulfil.proof",
            "pay.claim",
            "pay.ack",
            "pay.hold",
            "pay.hold",
            "pay.release",
            "pay.split",
            "pay.refund",
            "order.revise",
            "order.agree",
            "order.complete",
            "order.cancel",
            "order.receipt",
            "order.link",
            "dispute.open",
            "return.request",
        ],
        Commercial::Completed | Commercial::Cancelled => &[
            "return.request",
            "return.approve",
            "return.decline",
            "return.received",
            "pay.refund",
            "pay.split",
            "pay.ack",
            "dispute.open",
            "order.cancel",
            "order.receipt",
            "order.receipt",
        ],
        Commercial::Declined | Commercial::Expired => &["pay.refund", "order.request"],
    }
}

fn onward_booking(booking: &Booking) -> &'static [&'static str] {
    match booking.state {
        Booked::Pending => &["booking.hold", "booking.confirm", "booking.decline"],
        Booked::Held => &[
            "booking.confirm",
            "booking.confirm",
            "booking.hold",
            "booking.release",
        ],
        Booked::Confirmed => &[
            "booking.reschedule",
            "booking.attended",
            "booking.no_show",
            "booking.cancel",
        ],
        _ => &["booking.contest", "booking.request"],
    }
}

/// The writer, and what it remembers.
#[derive(Default)]
pub(super) struct Writer {
    orders: Vec<Id>,
    bookings: Vec<Id>,
    /// Cancels of clients, rejected ones too.
    cancels: Vec<Id>,
}

/// What was tried.
pub(super) struct Tried {
    pub(super) who: Who,
    pub(super) kind: &'static str,
    pub(super) body: Value,
    /// The order that it is about, before and by its id.
    pub(super) order: Option<Id>,
    pub(super) booking: Option<Id>,
    pub(super) result: Result<Id, String>,
}

fn pick<T: Copy>(items: &[T], number: impl TryInto<usize>) -> Option<T> {
    let number = number.try_into().unwrap_or(0);
    items.get(number % items.len().max(1)).copied()
}

impl Writer {
    /// Tries something. `None` where an event of before was placed again.
    pub(super) fn attempt(&mut self, world: &mut World, one: &Try, bad: &Value) -> Option<Tried> {
        world.at_ms += one.wait_ms;
        if one.fault == 29 && !world.log.is_empty() {
            let index = one.number.unsigned_abs() as usize % world.log.len();
            // what was rejected left no trace, so nothing tells it from a new one
            if world.log[index].accepted() {
                assert!(world.again(index).is_err(), "applied twice");
            }
            return None;
        }
        let order = match one.other % 8 {
            7 => pick(&self.orders, one.pick),
            _ => self.orders.last().copied(),
        };
        let booking = self.bookings.last().copied();
        let state = order.and_then(|id| world.order_at(id));
        let slot = booking.and_then(|id| world.booking_at(id));
        let kinds = match (one.onward, &state, &slot) {
            (false, _, _) => crate::Event::KINDS,
            (true, _, Some(slot)) if one.pick.is_multiple_of(4) => onward_booking(slot),
            (true, Some(state), _) => onward_order(state),
            (true, None, _) => &["order.request", "booking.request", "relation.open"],
        };
        let kind = pick(kinds, one.pick / 4).unwrap_or("message.post");
        let who = match one.fault {
            28 => pick(&PEOPLE, one.other),
            _ => pick(writers(kind), one.other / 5),
        };
        let who = who.unwrap_or(STRANGER);
        let body = self.body(world, kind, one.number, who, state.as_ref(), slot.as_ref());
        let body = with(
            &body,
            "order",
            order.filter(|_| names(kind, "order")).map(b),
        );
        let body = with(
            &body,
            "booking",
            booking.filter(|_| names(kind, "booking")).map(b),
        );
        let body = spoiled(world, body, one, bad);
        let at = world.log.len();
        let result = world.write(who, kind, &body);
        match (&result, kind) {
            (Ok(id), "order.request") => self.orders.push(*id),
            (Ok(id), "booking.request") => self.bookings.push(*id),
            (_, "order.cancel") if who.role == "client" => self.cancels.push(entry(at)),
            _ => (),
        }
        Some(Tried {
            who,
            kind,
            body,
            order,
            booking,
            result,
        })
    }

    fn body(
        &self,
        world: &mut World,
        kind: &str,
        number: i64,
        who: Who,
        order: Option<&Order>,
        booking: Option<&Booking>,
    ) -> Value {
        let shape = Shape {
            kind: pick(&["goods", "pickup", "visit", "digital"], number).unwrap_or("goods"),
            trigger: pick(&["after", "before", "on_agree"], number / 4).unwrap_or("on"),
            handover: number & 1 == 1,
            escrow: number & 2 == 2,
            takes: number & 4 == 4,
        };
        match (kind, order, booking) {
            ("relation.open", _, _) => map([(
                "until",
                n(world.at_ms.saturating_add(number.saturating_mul(100))),
            )]),
            ("message.post", _, _) => map([("text", t("hello"))]),
            ("order.request", _, _) => request(shape),
            ("booking.request", _, _) => {
                let start = world.at_ms + number % 2_000;
                with(&map(slot_of(start, start + 100)), "space", b(Id(SPACE)))
            }
            (_, Some(order), _) if !kind.starts_with("booking.") => {
                self.order_body(world, kind, number, who, order, shape)
            }
            (_, _, Some(booking)) => booking_body(world, kind, number, booking),
            _ => map([]),
        }
    }

    fn order_body(
        &self,
        world: &mut World,
        kind: &str,
        number: i64,
        who: Who,
        order: &Order,
        shape: Shape,
    ) -> Value {
        let leg = order.payments.first();
        let part = |whole: i64| n(number.checked_rem(whole + 1).unwrap_or(number));
        let amount = |whole| map([("currency", t("EUR")), ("minor", part(whole))]);
        let of_leg = |whole| map([("leg", t("p")), ("amount", amount(whole))]);
        let held: i64 = order.payments.iter().map(|leg| leg.held).sum();
        let open = leg.map_or(0, |leg| leg.terms.amount.minor - leg.received());
        let offered = order.offered.as_ref().map_or(NOWHERE, |(id, _)| *id);
        match kind {
            "order.quote" | "order.revise" => {
                let body = offer(world, order.revision + 1, shape);
                with(&body, "valid_until", n(world.at_ms + 500))
            }
            "order.counter" => map([("quote", b(offered)), ("note", t("less"))]),
            "order.agree" => agree(world, offered),
            "order.reserve" | "order.confirm" => {
                let wanted = order.agreed.as_ref();
                let wanted = wanted.is_some_and(|agreed| !agreed.offer.takes.is_empty());
                let takes = wanted && order.taken.is_empty() || kind == "order.reserve";
                let takes = takes.then(|| list([take(world, 0, "tap", order.id)]));
                let agreed = order.agreed.as_ref();
                world.grant(
                    who,
                    agreed.map_or(R, |agreed| agreed.holder),
                    agreed.map_or(TAG, |agreed| agreed.tag.0),
                );
                let agree = agreed.map_or(NOWHERE, |agreed| agreed.entry);
                with(&map([("agree", b(agree))]), "takes", takes)
            }
            "order.receipt" => {
                let cancel = pick(&self.cancels, number).unwrap_or(NOWHERE);
                if cancel != NOWHERE {
                    world.prove_written(cancel);
                    for who in [OWNER, PHONE] {
                        let height = world.height(who);
                        let height = number.unsigned_abs() % (height + 1);
                        world.receive(who, cancel, height, world.at_ms - number % 50);
                    }
                }
                map([("cancel", b(cancel))])
            }
            "order.link" => map([("child", b(Id([number as u8; 32]))), ("role", t("period"))]),
            "pay.claim" | "pay.ack" | "pay.hold" => of_leg(open),
            "pay.refund" => of_leg(leg.map_or(0, |leg| leg.paid - leg.refunded)),
            "pay.release" => of_leg(held),
            "pay.split" | "dispute.rule" => {
                let provider = number.checked_rem(held + 1).unwrap_or(0);
                let shares = [
                    ("provider", eur(provider)),
                    ("client", eur(held - provider)),
                ];
                with(&map(shares), "leg", t("p"))
            }
            "fulfil.state" => {
                let leg = order.fulfilments.first();
                let to = leg.map_or(Stage::Packed, |leg| {
                    let all = stages(leg.terms.kind);
                    let at = all.iter().position(|stage| *stage == leg.stage());
                    match (at, number % 12) {
                        (None, _) => Stage::Returned,
                        (_, 11) => Stage::Failed,
                        (Some(at), _) => all[(at + 1).min(all.len() - 1)],
                    }
                });
                map([("leg", t("f")), ("state", t(to.name()))])
            }
            "fulfil.proof" => map([("leg", t("f")), ("preimage", b(R))]),
            "return.request" => {
                let outcomes = ["refund", "replace", "refund_only"];
                let outcome = pick(&outcomes, number).unwrap_or("refund");
                let lines = list([share(0, number % 2 + 1)]);
                map([("leg", t("f")), ("lines", lines), ("outcome", t(outcome))])
            }
            "return.approve" | "return.decline" | "return.received" => {
                let wanted = match kind {
                    "return.received" => returns::State::Approved,
                    _ => returns::State::Requested,
                };
                let mut all = order.returns.iter();
                let found = all.find(|one| one.state == wanted);
                map([("return", b(found.map_or(NOWHERE, |one| one.id)))])
            }
            _ => map([("reason", t("so"))]),
        }
    }
}

fn booking_body(world: &mut World, kind: &str, number: i64, booking: &Booking) -> Value {
    match kind {
        "booking.hold" => map([("until", n(world.at_ms + 20 + number % 500))]),
        "booking.confirm" => slot(world, booking.id, booking.start, booking.end),
        "booking.reschedule" => {
            let start = world.at_ms + number.rem_euclid(3_000);
            let body = slot(world, booking.id, start, start + 50);
            with(&with(&body, "start", n(start)), "end", n(start + 50))
        }
        _ => map([("reason", t("so"))]),
    }
}

/// Whether a kind is about an order or a booking.
fn names(kind: &str, field: &str) -> bool {
    let booking = kind.starts_with("booking.") && kind != "booking.request";
    let message = kind == "message.post";
    let other = kind.starts_with("relation.") || kind.ends_with("ing.request");
    match field {
        "booking" => booking || message,
        _ => !booking && !other && kind != "order.request",
    }
}

/// With one thing wrong, where the try says so.
fn spoiled(world: &mut World, body: Value, one: &Try, bad: &Value) -> Value {
    let Value::Map(pairs) = &body else {
        return body;
    };
    let name = match pairs.len() {
        0 => "reason".to_owned(),
        count => pairs[usize::from(one.other) % count].0.clone(),
    };
    match one.fault {
        27 => with(&body, &name, bad.clone()),
        26 => with(&body, &name, None),
        25 => with(&body, &name, b(NOWHERE)),
        24 => {
            world.facts.clear();
            body
        }
        23 => {
            world.erasable = true;
            with(&body, "text", None)
        }
        // a sum that is too large
        21 | 22 => match body.get("amount").and_then(|money| money.get("minor")) {
            Some(Value::Int(minor)) => {
                let more = minor.saturating_add(one.number.clamp(1, 600));
                with(&body, "amount", eur(more))
            }
            _ => body,
        },
        _ => body,
    }
}
