//! What no event may break, checked on the states after each step:
//!
//! - payment: the legs add up to what was agreed; received + claimed ≤ amount; refunded ≤
//!   paid; sums are those of the accepted events, and only grow
//! - fulfilment: Σ quantities ≤ ordered; only along the stages; not before its payment; not
//!   at the door without the secret; nothing after the end
//! - commercial: only along its moves; lines, client and provider never change; what was
//!   agreed changes by the client's agree alone; a confirm has its agree and its takes
//! - cancellation: 0 ≤ fee ≤ total, free where the provider cancels, only lowered by receipts
//! - returns: quantity ≤ delivered; disputes: one open, no completion meanwhile, a ruling
//!   divides all that is held
//! - bookings: only along their moves; confirmed with a take; start < end
//! - relation: the last messages only; nothing new when it is closed or over
//! - everybody: only by whom the event is for; strangers write nothing

use std::collections::BTreeMap;

use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

use super::host::*;
use super::writer::{Tried, writers};
use crate::booking::{Booking, State as Booked};
use crate::order::commercial::Commercial::{self, *};
use crate::order::fulfilment::{edge, stages};
use crate::order::quote::Trigger;
use crate::order::{Order, dispute, returns};
use crate::party::Party;
use crate::relation::{MESSAGES_MAX, State as Bond};

/// Bytes that the state of an aggregate here never has: far below the host's limit.
const STATE_BYTES_MAX: usize = 192 * 1_024;

/// The money of an order, added up from the events that were accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    paid: i64,
    refunded: i64,
    held: i64,
    returned: i64,
}

/// What the writers have done, told plainly.
#[derive(Default)]
pub(super) struct Model {
    sums: BTreeMap<Id, Sums>,
}

/// The states that an event is about, before it.
pub(super) struct Before {
    order: Option<Order>,
    booking: Option<Booking>,
    bond: Bond,
    until: Option<i64>,
}

impl Before {
    pub(super) fn of(world: &World) -> BTreeMap<String, Vec<u8>> {
        world.states.clone()
    }

    fn read(states: &BTreeMap<String, Vec<u8>>, tried: &Tried) -> Self {
        let mut world = World::default();
        world.states.clone_from(states);
        let relation = world.relation();
        Self {
            order: tried.order.and_then(|id| world.order_at(id)),
            booking: tried.booking.and_then(|id| world.booking_at(id)),
            bond: relation.state,
            until: relation.until,
        }
    }
}

fn minor(body: &Value, field: &str) -> i64 {
    match body.get(field).and_then(|money| money.get("minor")) {
        Some(Value::Int(minor)) => *minor,
        _ => panic!("{field} of an event that was accepted"),
    }
}

impl Model {
    /// Checks a step that was accepted.
    pub(super) fn accept(
        &mut self,
        states: &BTreeMap<String, Vec<u8>>,
        world: &World,
        tried: &Tried,
    ) {
        let before = Before::read(states, tried);
        let Tried { who, kind, .. } = tried;
        let right = writers(kind).iter().any(|one| one.role == who.role);
        assert!(right, "{kind} by {}", who.role);
        match *kind {
            "order.request" | "booking.request" => {
                assert_ne!(before.bond, Bond::Closed);
                assert!(before.until.is_none_or(|until| world.at_ms <= until));
            }
            _ if kind.starts_with("booking.") => {
                let id = tried.booking.expect("a booking");
                let now = world.booking_at(id).expect("a booking");
                check_move(&before.booking.expect("a booking"), &now, tried);
            }
            _ if kind.starts_with("relation.") || *kind == "message.post" => {
                check_bond(&before, world, kind);
            }
            _ => {
                let id = tried.order.expect("an order");
                let now = world.order_at(id).expect("an order");
                let was = before.order.expect("an order");
                self.pay(&was, &now, tried);
                check_step(&was, &now, tried, world.at_ms);
            }
        }
    }

    fn pay(&mut self, was: &Order, now: &Order, tried: &Tried) {
        let sums = self.sums.entry(now.id).or_default();
        let body = &tried.body;
        match tried.kind {
            "pay.ack" => sums.paid += minor(body, "amount"),
            "pay.hold" => sums.held += minor(body, "amount"),
            "pay.refund" => sums.refunded += minor(body, "amount"),
            "pay.release" => {
                sums.held -= minor(body, "amount");
                sums.paid += minor(body, "amount");
            }
            "pay.split" | "dispute.rule" => {
                let (provider, client) = (minor(body, "provider"), minor(body, "client"));
                sums.held -= provider + client;
                sums.paid += provider;
                sums.returned += client;
                assert_eq!(sums.held, 0, "all that is held is divided");
            }
            _ => (),
        }
        let legs = || now.payments.iter();
        let shown = Sums {
            paid: legs().map(|leg| leg.paid).sum(),
            refunded: legs().map(|leg| leg.refunded).sum(),
            held: legs().map(|leg| leg.held).sum(),
            returned: legs().map(|leg| leg.returned).sum(),
        };
        assert_eq!(*sums, shown, "{}", tried.kind);
        let total = now.agreed.as_ref().map_or(0, |one| one.offer.total.minor);
        let amounts: i64 = legs().map(|leg| leg.terms.amount.minor).sum();
        assert_eq!(amounts, total);
        for leg in legs() {
            let all = [leg.paid, leg.refunded, leg.held, leg.returned, leg.claimed];
            assert!(all.iter().all(|sum| *sum >= 0), "{leg:?}");
            assert!(leg.received() + leg.claimed <= leg.terms.amount.minor);
            assert!(leg.refunded <= leg.paid);
            assert!(leg.terms.escrow || leg.held == 0);
        }
        let balance = match &now.cancelled {
            Some(cancelled) => cancelled.fee - sums.paid + sums.refunded,
            None if now.commercial == Declined => sums.refunded - sums.paid,
            None => total - sums.paid - sums.held - sums.returned,
        };
        assert_eq!(now.balance(), balance);
        if !tried.kind.starts_with("pay.") && !["order.agree", "dispute.rule"].contains(&tried.kind)
        {
            assert_eq!(was.payments, now.payments, "{}", tried.kind);
        }
    }
}

/// The moves of the commercial axis, but for a receipt.
fn may_move(from: Commercial, to: Commercial) -> bool {
    match (from, to) {
        (Requested, Quoted | Declined | Expired | Cancelled) => true,
        (Quoted | Countered, Quoted | Countered | Agreed | Declined | Expired | Cancelled) => true,
        (Agreed, Confirmed | Declined | Cancelled) => true,
        (Confirmed | InProgress, InProgress | Completed | Cancelled) => true,
        _ => from == to,
    }
}

fn check_step(was: &Order, now: &Order, tried: &Tried, at_ms: i64) {
    let Tried { who, kind, .. } = tried;
    let revived = *kind == "order.receipt" && was.commercial == Completed;
    let moved = may_move(was.commercial, now.commercial);
    assert!(moved || revived && now.commercial == Cancelled, "{kind}");
    assert_eq!(
        (
            &was.lines,
            was.client,
            &was.place,
            was.window,
            was.handover_hash,
            &was.note
        ),
        (
            &now.lines,
            now.client,
            &now.place,
            now.window,
            now.handover_hash,
            &now.note
        )
    );
    assert!(was.provider.is_none() || was.provider == now.provider);
    match who.role {
        "client" => assert_eq!(now.client.0, [who.entity; 32]),
        "owner" => assert!(now.provider.is_none_or(|one| one.0 == [who.entity; 32])),
        "arbiter" => assert_eq!(now.arbiter(), Some(Id([who.entity; 32]))),
        _ => (),
    }
    assert!(was.agreed == now.agreed || *kind == "order.agree");
    assert!(now.revision == was.revision || now.revision == was.revision + 1);
    assert_eq!(now.updated_ms, at_ms);

    let confirmed = matches!(now.commercial, Confirmed | InProgress | Completed);
    assert!(!confirmed || now.confirmed.is_some() && now.agreed.is_some());
    if was.confirmed.is_none() && now.confirmed.is_some() {
        let agreed = now.agreed.as_ref().expect("an agreement");
        let taken = |line: &i64| now.taken.iter().any(|(one, _)| one == line);
        assert!(agreed.offer.takes.iter().all(taken));
        assert_eq!(was.commercial, Agreed);
    }
    if now.commercial == Completed && was.commercial != Completed {
        assert!(!was.disputed() && now.all_fulfilled());
    }
    check_fulfilment(was, now, kind);
    check_ends(was, now, tried);
    for one in &now.returns {
        let leg = now.fulfilments.iter().find(|leg| leg.terms.leg == one.leg);
        let leg = leg.expect("the leg of a return");
        assert!(leg.stage().done());
        for share in &one.lines {
            let of = |lines: &[crate::order::quote::Share]| -> i64 {
                let lines = lines.iter().filter(|other| other.line == share.line);
                lines.map(|other| other.quantity).sum()
            };
            let asked = now
                .returns
                .iter()
                .filter(|other| other.leg == one.leg && other.state != returns::State::Declined);
            let asked: i64 = asked.map(|other| of(&other.lines)).sum();
            assert!(asked <= of(&leg.terms.lines));
        }
    }
}

fn check_fulfilment(was: &Order, now: &Order, kind: &str) {
    for (index, line) in now.lines.iter().enumerate() {
        let shares = now.fulfilments.iter().flat_map(|leg| &leg.terms.lines);
        let shares = shares.filter(|share| share.line == index as i64);
        assert!(shares.map(|share| share.quantity).sum::<i64>() <= line.quantity);
    }
    for leg in &now.fulfilments {
        let old = was.fulfilments.iter().find(|old| old.terms == leg.terms);
        let steps = old.map_or(0, |old| old.steps.len());
        assert!(leg.steps.len() == steps || kind == "fulfil.state");
        let mut from = stages(leg.terms.kind)[0];
        for step in &leg.steps {
            assert!(edge(leg.terms.kind, from, step.stage));
            from = step.stage;
        }
        if leg.steps.len() > steps {
            assert!(was.running() && now.running());
            let before =
                |leg: &&crate::order::payment::PaymentLeg| leg.terms.trigger == Trigger::Before;
            let over = leg.stage().over() && !leg.stage().done();
            let covered = now.payments.iter().filter(before).all(|leg| leg.covered());
            assert!(over || covered, "unpaid");
        }
        let digital = leg.terms.kind == crate::order::quote::Kind::Digital;
        assert!(!leg.stage().done() || digital || now.handover_hash.is_none() || leg.proved);
    }
    let begun = was.fulfilments.iter().filter(|leg| !leg.steps.is_empty());
    for old in begun {
        let kept = now.fulfilments.iter().find(|leg| leg.terms == old.terms);
        assert!(kept.is_some_and(|leg| leg.steps.starts_with(&old.steps)));
    }
}

fn check_ends(was: &Order, now: &Order, tried: &Tried) {
    assert_eq!(now.cancelled.is_some(), now.commercial == Cancelled);
    if let Some(cancelled) = &now.cancelled {
        let total = now.agreed.as_ref().map_or(0, |one| one.offer.total.minor);
        assert!((0..=total).contains(&cancelled.fee));
        let free = cancelled.by == Party::Provider || now.confirmed.is_none();
        assert!(!free || cancelled.fee == 0);
        match &was.cancelled {
            None => {
                assert!(["order.cancel", "order.receipt"].contains(&tried.kind));
                assert!(cancelled.fee <= was.cancel_fee(&[]));
            }
            Some(old) if tried.kind == "order.receipt" => assert!(cancelled.fee <= old.fee),
            Some(old) => assert_eq!(old, cancelled),
        }
    }
    let state = |order: &Order| order.dispute.as_ref().map(|one| one.state);
    match (state(was), state(now)) {
        (before, after) if before == after => (),
        (_, Some(dispute::State::Open)) => assert!(!was.disputed()),
        (before, Some(_)) => assert_eq!(before, Some(dispute::State::Open)),
        (_, None) => panic!("a dispute is gone"),
    }
    if state(now) == Some(dispute::State::Ruled) && was.disputed() {
        let held: i64 = was.payments.iter().map(|leg| leg.held).sum();
        let split = now.dispute.as_ref().and_then(|one| one.split);
        assert_eq!(
            split.map(|(provider, client)| provider + client),
            Some(held)
        );
        assert!(now.payments.iter().all(|leg| leg.held == 0));
    }
}

fn check_move(was: &Booking, now: &Booking, tried: &Tried) {
    use Booked::*;
    let right = match (was.state, now.state) {
        (Pending, Held | Confirmed | Declined | Cancelled) => true,
        (Held, Held | Pending | Confirmed | Declined | Cancelled) => true,
        (Confirmed, Confirmed | Attended | NoShow | Cancelled) => true,
        (Attended | NoShow, same) => same == was.state && now.contested && !was.contested,
        _ => false,
    };
    assert!(right, "{} {:?} {:?}", tried.kind, was.state, now.state);
    assert!(now.start < now.end && now.seats > 0);
    assert!(!matches!(now.state, Confirmed | Attended | NoShow) || now.take.is_some());
    assert_eq!(now.until.is_some(), now.state == Held);
    assert_eq!((was.client, was.space), (now.client, now.space));
    let moved = (was.start, was.end) != (now.start, now.end);
    assert!(!moved || tried.kind == "booking.reschedule" && was.take != now.take);
}

fn check_bond(before: &Before, world: &World, kind: &str) {
    let now = world.relation();
    let right = match (before.bond, now.state) {
        (Bond::New | Bond::Closed, Bond::Opened) => kind == "relation.open",
        (Bond::Opened, Bond::Accepted) => kind == "relation.accept",
        (Bond::Opened | Bond::Accepted, Bond::Closed) => kind == "relation.close",
        (was, now) => was == now && kind == "message.post",
    };
    assert!(right, "{kind}");
    assert!(now.messages.len() <= MESSAGES_MAX && now.messages.len() as u64 <= now.count);
}

/// Rows have the columns that the manifest names, each of its type, and each row once.
pub(super) fn check_rows(world: &World) {
    let manifest = synlog_reducer::describe::<crate::RelationApp>();
    let manifest = synlog_log::fold::Manifest::decode(&manifest).unwrap();
    for (key, state) in &world.states {
        assert!(state.len() <= STATE_BYTES_MAX);
        let mut seen = Vec::new();
        for (name, sub, columns) in rows(key, state) {
            let (_, table) = manifest.table(&name).unwrap();
            let Value::Map(pairs) = &columns else {
                panic!("a row is a map")
            };
            assert_eq!(pairs.len(), table.columns.len(), "{name}");
            for column in &table.columns {
                let value = columns.get(&column.name);
                let value = value.unwrap_or_else(|| panic!("{name} has no {}", column.name));
                let fits = match column.kind.text() {
                    "text" => matches!(value, Value::Text(_) | Value::Null),
                    "bool" => matches!(value, Value::Bool(_)),
                    "int" | "instant" => matches!(value, Value::Int(_) | Value::Null),
                    // minor units, in a row that tells its currency
                    "money" if columns.get("currency").is_some() => {
                        matches!(value, Value::Int(_) | Value::Null)
                    }
                    "money" => matches!(value, Value::Map(_)),
                    _ => match value {
                        Value::Bytes(bytes) => bytes.len() == 32,
                        other => *other == Value::Null,
                    },
                };
                assert!(fits, "{name}.{} is {value:?}", column.name);
            }
            seen.push((name, sub));
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "a row twice");
    }
}
