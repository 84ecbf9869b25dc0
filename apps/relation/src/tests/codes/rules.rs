//! The table.

use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

use super::super::host::*;
use super::super::lives::back;
use super::super::scenes::*;
use super::{Case, booking, elsewhere, nothing, order, reasons};

/// An offer with one key changed.
macro_rules! offer {
    ($revision:expr, $key:expr, $value:expr) => {
        |world| with(&offer(world, $revision, GOODS), $key, $value)
    };
}

/// A request with one key of its first line changed.
macro_rules! ordered {
    ($key:expr, $value:expr) => {
        |_| {
            with(
                &request(GOODS),
                "lines",
                list([with(&line("tap"), $key, $value)]),
            )
        }
    };
}

/// A payment with one key changed.
macro_rules! paid {
    ($key:expr, $value:expr) => {
        |world| with(&pay(world, 1), $key, $value)
    };
}

/// A request for a booking with one key changed.
macro_rules! asked {
    ($key:expr, $value:expr) => {
        |_| {
            let body = with(&map(slot_of(START, END)), "space", b(Id(SPACE)));
            with(&body, $key, $value)
        }
    };
}

/// A request to return with one key changed.
macro_rules! returned {
    ($key:expr, $value:expr) => {
        |world| with(&back(world, 1, "refund"), $key, $value)
    };
}

pub(super) fn many(value: Value, count: usize) -> Value {
    Value::Array(vec![value; count])
}

fn fulfilment(shares: Value) -> Value {
    list([map([
        ("leg", t("f")),
        ("kind", t("goods")),
        ("lines", shares),
    ])])
}

fn leg(key: &str, value: Value) -> Value {
    list([with(&payment("p", TOTAL, GOODS), key, value)])
}

fn term(key: &'static str, value: i64) -> Value {
    list([with(&map([("stage", t("pending"))]), key, n(value))])
}

pub(super) fn quoted_agree(world: &mut World) -> Value {
    agree(world, world.last("order.quote"))
}

pub(super) fn counter(world: &mut World) -> Value {
    on(world, [("quote", b(world.last("order.quote")))])
}

pub(super) fn right_confirm(world: &mut World) -> Value {
    confirm(world, GOODS)
}

fn bare_confirm(world: &mut World) -> Value {
    on(world, [("agree", b(world.last("order.agree")))])
}

/// A confirm with a take that has a wrong value.
pub(super) fn taking(world: &mut World, change: fn(&mut World) -> Value) -> Value {
    world.grant(OWNER, HOLDER, TAG);
    let take = change(world);
    with(&bare_confirm(world), "takes", list([take]))
}

pub(super) fn ruling(world: &mut World, provider: i64, client: i64) -> Value {
    let shares = [("provider", eur(provider)), ("client", eur(client))];
    with(&on(world, shares), "leg", t("p"))
}

pub(super) fn link(world: &mut World) -> Value {
    on(world, [("child", b(R)), ("role", t("delivery"))])
}

pub(super) fn booked_slot(world: &mut World) -> Value {
    let id = world.last("booking.request");
    slot(world, id, START, END)
}

pub(super) fn moved_slot(world: &mut World) -> Value {
    let id = world.last("booking.request");
    let body = slot(world, id, START, END);
    with(&with(&body, "start", n(START)), "end", n(END))
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        // who
        Case("new", OWNER, "order.request", |_| request(GOODS), "wrong_actor"),
        Case("new", STRANGER, "order.request", |_| request(GOODS), "wrong_actor"),
        Case("requested", CLIENT, "order.quote", |w| offer(w, 1, GOODS), "wrong_actor"),
        Case("quoted", OWNER, "order.counter", counter, "wrong_actor"),
        Case("quoted", OWNER, "order.agree", quoted_agree, "wrong_actor"),
        Case("quoted", OTHER_CLIENT, "order.agree", quoted_agree, "wrong_actor"),
        Case("quoted", OTHER_OWNER, "order.decline", order, "wrong_actor"),
        Case("quoted", STRANGER, "order.cancel", order, "wrong_actor"),
        Case("quoted", DELIVERER, "order.cancel", order, "wrong_actor"),
        Case("quoted", ARBITER, "order.cancel", order, "wrong_actor"),
        Case("quoted", CLIENT, "order.decline", order, "wrong_actor"),
        Case("stale", CLIENT, "order.expire", order, "wrong_actor"),
        Case("agreed", CLIENT, "order.confirm", right_confirm, "wrong_actor"),
        Case("agreed", CLIENT, "order.reserve", |w| on(w, [("takes", list([]))]), "wrong_actor"),
        Case("agreed", DELIVERER, "order.link", link, "wrong_actor"),
        Case("confirmed", CLIENT, "order.revise", |w| offer(w, 2, GOODS), "wrong_actor"),
        Case("confirmed", CLIENT, "fulfil.state", |w| state(w, "packed"), "wrong_actor"),
        Case("confirmed", ARBITER, "fulfil.state", |w| state(w, "packed"), "wrong_actor"),
        Case("confirmed", CLIENT, "fulfil.proof", |w| on(w, [("leg", t("f")), ("preimage", b(R))]), "wrong_actor"),
        Case("confirmed", OWNER, "pay.claim", |w| pay(w, 1), "wrong_actor"),
        Case("confirmed", CLIENT, "pay.ack", |w| pay(w, 1), "wrong_actor"),
        Case("confirmed", ARBITER, "pay.ack", |w| pay(w, 1), "wrong_actor"),
        Case("confirmed", CLIENT, "pay.refund", |w| pay(w, 1), "wrong_actor"),
        Case("escrow", OWNER, "pay.hold", |w| pay(w, 1), "wrong_actor"),
        Case("escrow", OTHER_ARBITER, "pay.hold", |w| pay(w, 1), "wrong_actor"),
        Case("held money", OWNER, "pay.release", |w| pay(w, 1), "wrong_actor"),
        Case("held money", CLIENT, "pay.split", |w| ruling(w, 0, TOTAL), "wrong_actor"),
        Case("delivered", OWNER, "return.request", |w| back(w, 1, "refund"), "wrong_actor"),
        Case("delivered", CLIENT, "return.approve", |w| on(w, [("return", b(R))]), "wrong_actor"),
        Case("delivered", ARBITER, "order.complete", order, "wrong_actor"),
        Case("confirmed", ARBITER, "dispute.open", order, "wrong_actor"),
        Case("disputed", OWNER, "dispute.rule", |w| ruling(w, TOTAL, 0), "wrong_actor"),
        Case("disputed", ARBITER, "dispute.accept", order, "wrong_actor"),
        Case("pending", CLIENT, "booking.hold", |w| book(w, [("until", n(START))]), "wrong_actor"),
        Case("pending", CLIENT, "booking.confirm", booked_slot, "wrong_actor"),
        Case("confirmed booking", CLIENT, "booking.reschedule", moved_slot, "wrong_actor"),
        Case("pending", CLIENT, "booking.decline", booking, "wrong_actor"),
        Case("held", CLIENT, "booking.release", booking, "wrong_actor"),
        Case("confirmed booking", CLIENT, "booking.attended", booking, "wrong_actor"),
        Case("confirmed booking", CLIENT, "booking.no_show", booking, "wrong_actor"),
        Case("no_show", OWNER, "booking.contest", booking, "wrong_actor"),
        Case("pending", OTHER_CLIENT, "booking.cancel", booking, "wrong_actor"),
        Case("held", OTHER_OWNER, "booking.cancel", booking, "wrong_actor"),
        Case("pending", ARBITER, "booking.cancel", booking, "wrong_actor"),
        Case("new", OWNER, "booking.request", asked!("note", None), "wrong_actor"),
        Case("new", ARBITER, "relation.open", nothing, "wrong_actor"),
        Case("opened", OWNER, "relation.accept", nothing, "wrong_actor"),
        Case("opened", DELIVERER, "relation.close", nothing, "wrong_actor"),
        Case("new", STRANGER, "message.post", |_| map([("text", t("hello"))]), "wrong_actor"),
        Case("requested", OWNER, "order.quote", offer!(1, "arbiter", b(Id([1; 32]))), "wrong_actor"),
        Case("requested", OWNER, "order.quote", offer!(1, "arbiter", b(Id([2; 32]))), "wrong_actor"),
        // when
        Case("requested", CLIENT, "order.counter", counter, "bad_transition"),
        Case("agreed", OWNER, "order.quote", |w| offer(w, 2, GOODS), "bad_transition"),
        Case("quoted", OWNER, "order.revise", |w| offer(w, 2, GOODS), "bad_transition"),
        Case("quoted", OWNER, "order.confirm", right_confirm, "bad_transition"),
        Case("quoted", OWNER, "order.reserve", |w| on(w, [("takes", list([]))]), "bad_transition"),
        Case("quoted", OWNER, "order.complete", order, "bad_transition"),
        Case("confirmed", OWNER, "order.confirm", right_confirm, "bad_transition"),
        Case("confirmed", OWNER, "order.decline", order, "bad_transition"),
        Case("agreed", OWNER, "order.expire", order, "bad_transition"),
        Case("declined", CLIENT, "order.agree", quoted_agree, "bad_transition"),
        Case("declined", CLIENT, "order.cancel", order, "bad_transition"),
        Case("confirmed", CLIENT, "order.complete", order, "bad_transition"),
        Case("completed", CLIENT, "order.complete", order, "bad_transition"),
        Case("completed", CLIENT, "order.cancel", order, "bad_transition"),
        Case("delivered", CLIENT, "order.cancel", order, "bad_transition"),
        Case("cancelled", CLIENT, "order.cancel", order, "bad_transition"),
        Case("cancelled", OWNER, "order.link", link, "bad_transition"),
        Case("agreed", OWNER, "fulfil.state", |w| state(w, "packed"), "bad_transition"),
        Case("confirmed", OWNER, "fulfil.state", |w| state(w, "pending"), "bad_transition"),
        Case("confirmed", OWNER, "fulfil.state", |w| state(w, "delivered"), "bad_transition"),
        Case("confirmed", OWNER, "fulfil.state", |w| state(w, "in_transit"), "bad_transition"),
        Case("confirmed", OWNER, "fulfil.state", |w| state(w, "returned"), "bad_transition"),
        Case("delivered", OWNER, "fulfil.state", |w| state(w, "failed"), "bad_transition"),
        Case("delivered", OWNER, "fulfil.proof", |w| on(w, [("leg", t("f")), ("preimage", b(R))]), "bad_transition"),
        Case("quoted", CLIENT, "pay.claim", |w| pay(w, 1), "bad_transition"),
        Case("confirmed", ARBITER, "pay.hold", |w| pay(w, 1), "bad_transition"),
        Case("escrow", OWNER, "pay.ack", |w| pay(w, 1), "bad_transition"),
        Case("escrow", ARBITER, "pay.split", |w| ruling(w, 0, 0), "bad_transition"),
        Case("agreed", CLIENT, "dispute.open", order, "bad_transition"),
        Case("confirmed", ARBITER, "dispute.rule", |w| ruling(w, 0, 0), "bad_transition"),
        Case("confirmed", CLIENT, "dispute.accept", order, "bad_transition"),
        Case("confirmed", CLIENT, "return.request", |w| back(w, 1, "refund"), "bad_transition"),
        Case("cancelled", CLIENT, "return.request", |w| back(w, 1, "refund"), "bad_transition"),
        Case("no_show", OWNER, "booking.hold", |w| book(w, [("until", n(END))]), "bad_transition"),
        Case("attended", OWNER, "booking.confirm", booked_slot, "bad_transition"),
        Case("held", OWNER, "booking.reschedule", moved_slot, "bad_transition"),
        Case("pending", OWNER, "booking.release", booking, "bad_transition"),
        Case("confirmed booking", OWNER, "booking.decline", booking, "bad_transition"),
        Case("held", OWNER, "booking.attended", booking, "bad_transition"),
        Case("attended", OWNER, "booking.cancel", booking, "bad_transition"),
        Case("confirmed booking", CLIENT, "booking.contest", booking, "bad_transition"),
        Case("new", CLIENT, "relation.accept", nothing, "bad_transition"),
        Case("new", CLIENT, "relation.close", nothing, "bad_transition"),
        Case("opened", CLIENT, "relation.open", nothing, "bad_transition"),
        // what there is not
        Case("quoted", CLIENT, "order.cancel", elsewhere, "unknown_order"),
        Case("pending", CLIENT, "booking.cancel", elsewhere, "unknown_booking"),
        Case("confirmed", OWNER, "pay.ack", paid!("leg", t("q")), "unknown_leg"),
        Case("confirmed", OWNER, "fulfil.state", |w| with(&state(w, "packed"), "leg", t("g")), "unknown_leg"),
        Case("delivered", CLIENT, "return.request", returned!("leg", t("g")), "unknown_leg"),
        Case("delivered", OWNER, "return.approve", |w| on(w, [("return", b(R))]), "unknown_return"),
        // values
        Case("new", CLIENT, "order.request", |_| with(&request(GOODS), "lines", list([])), "bad_value"),
        Case("new", CLIENT, "order.request", ordered!("quantity", n(0)), "bad_value"),
        Case("new", CLIENT, "order.request", ordered!("quantity", n(-1)), "bad_value"),
        Case("new", CLIENT, "order.request", ordered!("item", t("")), "bad_value"),
        Case("new", CLIENT, "order.request", |_| with(&request(GOODS), "window", map([("start", n(2)), ("end", n(2))])), "bad_value"),
        Case("quoted", CLIENT, "order.counter", |w| with(&counter(w), "total", eur(-1)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "total", eur(-1)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "valid_until", n(-1)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "silence_s", n(-1)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "return_s", n(i64::MIN)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "takes", list([n(2)])), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "takes", list([n(0), n(0)])), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "terms", term("fee_bp", 10_001)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "terms", term("fee_minor", -1)), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", leg("leg", t(""))), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", leg("trigger", t("date"))), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", leg("due", n(1))), "bad_value"),
        Case("requested", OWNER, "order.quote", |w| with(&offer(w, 1, ESCROW), "arbiter", None), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", list([payment("p", 1, GOODS), payment("p", TOTAL - 1, GOODS)])), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", list([payment("p", 0, GOODS), payment("q", TOTAL, GOODS)])), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "fulfilment", fulfilment(list([share(2, 1)]))), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "fulfilment", fulfilment(list([share(-1, 1)]))), "bad_value"),
        Case("requested", OWNER, "order.quote", offer!(1, "fulfilment", fulfilment(list([share(0, 0)]))), "bad_value"),
        Case("confirmed", OWNER, "pay.ack", |w| pay(w, 0), "bad_value"),
        Case("confirmed", OWNER, "pay.ack", |w| pay(w, -1), "bad_value"),
        Case("held money", ARBITER, "pay.split", |w| ruling(w, -1, TOTAL + 1), "bad_value"),
        Case("disputed", ARBITER, "dispute.rule", |w| ruling(w, TOTAL + 1, -1), "bad_value"),
        Case("delivered", CLIENT, "return.request", returned!("lines", list([])), "bad_value"),
        Case("delivered", CLIENT, "return.request", returned!("lines", list([share(0, 0)])), "bad_value"),
        Case("delivered", CLIENT, "return.request", returned!("lines", list([share(0, 1), share(0, 1)])), "bad_value"),
        Case("new", CLIENT, "booking.request", asked!("seats", n(0)), "bad_value"),
        Case("new", CLIENT, "booking.request", asked!("end", n(START)), "bad_value"),
        Case("new", CLIENT, "booking.request", asked!("resource", t("")), "bad_value"),
        Case("pending", OWNER, "booking.hold", |w| book(w, [("until", n(NOW))]), "bad_value"),
        Case("confirmed booking", OWNER, "booking.reschedule", |w| with(&moved_slot(w), "end", n(START)), "bad_value"),
        Case("new", CLIENT, "relation.open", |_| map([("until", n(NOW))]), "bad_value"),
        Case("new", CLIENT, "relation.open", |_| map([("kind", t(""))]), "bad_value"),
        Case("new", CLIENT, "message.post", nothing, "bad_value"),
        Case("confirmed", CLIENT, "order.link", |w| with(&link(w), "role", t("")), "bad_value"),
        // lengths
        Case("new", CLIENT, "order.request", |_| with(&request(GOODS), "note", t(&"x".repeat(1_001))), "too_long"),
        Case("new", CLIENT, "order.request", |_| with(&request(GOODS), "place", t(&"x".repeat(1_001))), "too_long"),
        Case("new", CLIENT, "order.request", ordered!("title", t(&"x".repeat(201))), "too_long"),
        Case("new", CLIENT, "order.request", ordered!("item", t(&"x".repeat(65))), "too_long"),
        Case("new", CLIENT, "order.request", ordered!("options", list([t(&"x".repeat(201))])), "too_long"),
        Case("quoted", CLIENT, "order.counter", |w| with(&counter(w), "note", t(&"x".repeat(1_001))), "too_long"),
        Case("quoted", OWNER, "order.decline", reasons, "too_long"),
        Case("quoted", CLIENT, "order.cancel", reasons, "too_long"),
        Case("confirmed", CLIENT, "dispute.open", reasons, "too_long"),
        Case("confirmed", CLIENT, "pay.claim", paid!("method", t(&"x".repeat(65))), "too_long"),
        Case("delivered", CLIENT, "return.request", returned!("reason", t(&"x".repeat(1_001))), "too_long"),
        Case("pending", CLIENT, "booking.cancel", reasons, "too_long"),
        Case("no_show", CLIENT, "booking.contest", reasons, "too_long"),
        Case("opened", CLIENT, "relation.close", reasons, "too_long"),
        Case("new", CLIENT, "message.post", |_| map([("text", t(&"x".repeat(2_001)))]), "too_long"),
        Case("new", CLIENT, "order.request", |_| with(&request(GOODS), "lines", many(line("tap"), 33)), "too_many"),
        Case("new", CLIENT, "order.request", ordered!("options", many(t("red"), 17)), "too_many"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", many(payment("p", 1, GOODS), 17)), "too_many"),
        Case("requested", OWNER, "order.quote", offer!(1, "takes", many(n(0), 3)), "too_many"),
        Case("requested", OWNER, "order.quote", offer!(1, "terms", many(map([("stage", t("packed"))]), 25)), "too_many"),
        Case("delivered", CLIENT, "return.request", returned!("lines", many(share(0, 1), 33)), "too_many"),
        // offers and times
        Case("requested", OWNER, "order.quote", |w| offer(w, 2, GOODS), "stale_quote"),
        Case("quoted", OWNER, "order.quote", |w| offer(w, 1, GOODS), "stale_quote"),
        Case("quoted", OWNER, "order.quote", |w| offer(w, i64::MIN, GOODS), "stale_quote"),
        Case("quoted", CLIENT, "order.agree", |w| agree(w, R), "stale_quote"),
        Case("stale", CLIENT, "order.agree", quoted_agree, "stale_quote"),
        Case("quoted", CLIENT, "order.counter", |w| on(w, [("quote", b(R))]), "stale_quote"),
        Case("agreed", OWNER, "order.confirm", |w| with(&right_confirm(w), "agree", b(R)), "stale_quote"),
        Case("expired", CLIENT, "order.cancel", order, "expired"),
        Case("expired", OWNER, "order.quote", |w| offer(w, 2, GOODS), "expired"),
        Case("quoted", OWNER, "order.expire", order, "too_early"),
        Case("requested", OWNER, "order.expire", order, "too_early"),
        Case("delivered", OWNER, "order.complete", order, "too_early"),
        Case("confirmed booking", OWNER, "booking.no_show", booking, "too_early"),
        Case("held", OWNER, "booking.confirm", |w| { w.at_ms = NOW + 1_000; booked_slot(w) }, "expired"),
        Case("opened", CLIENT, "relation.accept", |w| { w.at_ms = NOW + 50; map([]) }, "expired"),
        Case("confirmed booking", CLIENT, "booking.cancel", |w| { w.at_ms = START; book(w, []) }, "out_of_window"),
        Case("delivered", CLIENT, "return.request", |w| { w.at_ms += 10_000; back(w, 1, "refund") }, "out_of_window"),
        Case("closed", CLIENT, "order.request", |_| request(GOODS), "closed"),
        Case("closed", CLIENT, "booking.request", asked!("note", None), "closed"),
        // evidence
        Case("agreed", OWNER, "order.confirm", bare_confirm, "no_grant"),
        Case("agreed", OWNER, "order.confirm", |w| { w.grant(OWNER, R, TAG); bare_confirm(w) }, "no_grant"),
        Case("agreed", OWNER, "order.confirm", |w| { w.grant(OWNER, HOLDER, [0; 16]); bare_confirm(w) }, "no_grant"),
        Case("agreed", OWNER, "order.confirm", |w| { w.grant(OTHER_OWNER, HOLDER, TAG); bare_confirm(w) }, "no_grant"),
        Case("agreed, takes", OWNER, "order.confirm", right_confirm, "no_take"),
        Case("agreed", OWNER, "order.confirm", |w| taking(w, |w| take(w, 0, "tap", R)), "no_take"),
        Case("agreed", OWNER, "order.confirm", |w| taking(w, |w| take(w, 0, "pipe", w.last("order.request"))), "no_take"),
        Case("agreed", OWNER, "order.confirm", |w| taking(w, |w| take(w, 2, "tap", w.last("order.request"))), "no_take"),
        Case("agreed", OWNER, "order.confirm", |w| taking(w, |w| with(&take(w, 0, "tap", w.last("order.request")), "r", b(HOLDER))), "no_take"),
        Case("agreed", OWNER, "order.confirm", |w| taking(w, |w| with(&take(w, 0, "tap", w.last("order.request")), "take", b(R))), "no_take"),
        Case("agreed", PHONE, "order.confirm", |w| taking(w, |w| { let one = take(w, 0, "tap", w.last("order.request")); w.facts.clear(); one }), "no_take"),
        Case("agreed", OWNER, "order.reserve", |w| { let one = take(w, 0, "tap", w.last("order.request")); on(w, [("takes", list([one.clone(), one]))]) }, "no_take"),
        Case("held", OWNER, "booking.confirm", |w| { let body = booked_slot(w); w.facts.clear(); body }, "no_take"),
        Case("held", OWNER, "booking.confirm", |w| { let id = w.last("booking.request"); slot(w, id, START, END + 1) }, "no_take"),
        Case("held", OWNER, "booking.confirm", |w| slot(w, R, START, END), "unknown_booking"),
        Case("held", OWNER, "booking.confirm", |w| with(&booked_slot(w), "r", b(HOLDER)), "no_take"),
        Case("confirmed booking", OWNER, "booking.reschedule", |w| with(&moved_slot(w), "start", n(START + 1)), "no_take"),
        Case("cancelled", CLIENT, "order.receipt", |w| on(w, [("cancel", b(w.last("order.cancel")))]), "no_receipt"),
        Case("delivered", CLIENT, "order.receipt", |w| on(w, [("cancel", b(R))]), "no_proof"),
        Case("confirmed", OWNER, "fulfil.proof", |w| on(w, [("leg", t("f")), ("preimage", b(R))]), "no_proof"),
        // sums
        Case("requested", OWNER, "order.quote", offer!(1, "breakup", list([])), "sum_mismatch"),
        Case("requested", OWNER, "order.quote", offer!(1, "total", eur(TOTAL + 1)), "sum_mismatch"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", list([])), "sum_mismatch"),
        Case("requested", OWNER, "order.quote", offer!(1, "total", map([("currency", t("USD")), ("minor", n(TOTAL))])), "sum_mismatch"),
        Case("requested", OWNER, "order.quote", offer!(1, "legs", list([payment("p", i64::MAX, GOODS), payment("q", i64::MAX, GOODS)])), "sum_mismatch"),
        Case("requested", OWNER, "order.quote", offer!(1, "fulfilment", fulfilment(list([share(0, 2), share(0, 1)]))), "sum_mismatch"),
        Case("confirmed", OWNER, "pay.ack", paid!("amount", map([("currency", t("USD")), ("minor", n(1))])), "sum_mismatch"),
        Case("disputed", ARBITER, "dispute.rule", |w| ruling(w, TOTAL, 1), "sum_mismatch"),
        Case("disputed", ARBITER, "dispute.rule", |w| ruling(w, i64::MAX, 1), "sum_mismatch"),
        Case("held money", ARBITER, "pay.split", |w| ruling(w, i64::MAX, i64::MAX), "sum_mismatch"),
        Case("confirmed", CLIENT, "pay.claim", |w| pay(w, TOTAL + 1), "overpay"),
        Case("confirmed", OWNER, "pay.ack", |w| pay(w, i64::MAX), "overpay"),
        Case("held money", ARBITER, "pay.hold", |w| pay(w, 1), "overpay"),
        Case("held money", ARBITER, "pay.release", |w| pay(w, TOTAL + 1), "overpay"),
        Case("confirmed", OWNER, "pay.refund", |w| pay(w, 1), "over_refund"),
        Case("delivered", CLIENT, "return.request", |w| back(w, 3, "refund"), "over_return"),
        Case("delivered", CLIENT, "return.request", returned!("lines", list([share(1, 1)])), "over_return"),
        Case("delivered", CLIENT, "return.request", returned!("lines", list([share(i64::MAX, i64::MAX)])), "over_return"),
        Case("escrow", OWNER, "fulfil.state", |w| state(w, "packed"), "unpaid"),
        Case("disputed", OWNER, "dispute.open", order, "disputed"),
        Case("disputed", CLIENT, "order.complete", order, "disputed"),
        Case("disputed", ARBITER, "pay.release", |w| pay(w, 1), "disputed"),
        Case("disputed", ARBITER, "pay.split", |w| ruling(w, 0, TOTAL), "disputed"),
        // links
        Case("confirmed", CLIENT, "order.link", |w| with(&link(w), "child", b(w.last("order.request"))), "duplicate"),
        // what is no body of the kind
        Case("quoted", CLIENT, "order.cancel", nothing, "bad_event"),
        Case("confirmed", OWNER, "fulfil.state", |w| state(w, "flying"), "bad_event"),
        Case("confirmed", OWNER, "pay.ack", paid!("amount", n(1)), "bad_event"),
        Case("new", CLIENT, "order.refund", nothing, "unknown_kind"),
    ]
}
