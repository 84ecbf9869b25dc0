//! Whole lives of orders and bookings that go well, and what the rows say of them.

use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

use super::host::*;
use super::scenes::*;

fn row(world: &World, table: &str, column: &str) -> Value {
    world.column(table, column)
}

#[test]
fn goods_are_delivered_paid_and_completed() {
    let mut world = World::confirmed(Shape {
        takes: true,
        ..GOODS
    });
    assert_eq!(row(&world, "orders", "next"), t("provider"));
    assert_eq!(row(&world, "orders", "fee_now"), n(100));
    world.does(OWNER, "fulfil.state", &state(&world, "assigned"));
    world.goes(DELIVERER, &DELIVERY);
    assert_eq!(row(&world, "fulfilments", "state"), t("delivered"));
    let claim = with(&pay(&world, 600), "method", t("iban"));
    let claim = with(&claim, "proof_hash", b(R));
    world.does(CLIENT, "pay.claim", &claim);
    assert_eq!(row(&world, "payments", "state"), t("claimed"));
    assert_eq!(row(&world, "payments", "method"), t("iban"));
    assert_eq!(row(&world, "payments", "proof_hash"), b(R));
    world.does(OWNER, "pay.ack", &pay(&world, 600));
    assert_eq!(row(&world, "payments", "state"), t("partly_paid"));
    assert_eq!(row(&world, "orders", "balance"), n(400));
    world.does(OWNER, "pay.ack", &pay(&world, 400));
    assert_eq!(row(&world, "payments", "state"), t("paid"));
    assert_eq!(row(&world, "orders", "balance"), n(0));
    assert_eq!(row(&world, "orders", "next"), t("client"));
    world.does(CLIENT, "order.complete", &on(&world, []));
    assert_eq!(row(&world, "orders", "state"), t("completed"));
    world.check_batches(3);
}

#[test]
fn goods_are_fetched() {
    let shape = Shape {
        kind: "pickup",
        ..GOODS
    };
    let mut world = World::confirmed(shape);
    world.fails(
        OWNER,
        "fulfil.state",
        &state(&world, "picked_up"),
        "bad_transition",
    );
    world.goes(OWNER, &["assigned", "packed", "delivered"]);
    world.at_ms += 1_000;
    world.does(OWNER, "order.complete", &on(&world, []));
}

#[test]
fn a_visit_ends_with_the_secret_given_at_the_door() {
    let shape = Shape {
        handover: true,
        ..VISIT
    };
    let mut world = World::fulfilled(shape, &["in_transit", "at_location", "started"]);
    let proof = |world: &World, secret| on(world, [("leg", t("f")), ("preimage", b(secret))]);
    let done = state(&world, "completed");
    world.fails(DELIVERER, "fulfil.state", &done, "no_proof");
    world.fails(
        DELIVERER,
        "fulfil.proof",
        &proof(&world, HOLDER),
        "no_proof",
    );
    world.does(DELIVERER, "fulfil.proof", &proof(&world, R));
    world.fails(
        DELIVERER,
        "fulfil.proof",
        &proof(&world, R),
        "bad_transition",
    );
    world.does(DELIVERER, "fulfil.state", &done);
    assert_eq!(row(&world, "fulfilments", "proved"), Value::Bool(true));
    world.does(CLIENT, "order.complete", &on(&world, []));
}

#[test]
fn something_digital_needs_no_secret() {
    let shape = Shape {
        kind: "digital",
        handover: true,
        ..GOODS
    };
    let mut world = World::fulfilled(shape, &["available", "accessed"]);
    world.does(TABLET, "order.complete", &on(&world, []));
}

#[test]
fn an_offer_is_countered_and_revised() {
    let mut world = World::default();
    world.does(CLIENT, "order.request", &request(GOODS));
    let first = world.does(OWNER, "order.quote", &offer(&world, 1, GOODS));
    let counter = [("quote", b(first)), ("total", eur(900))];
    world.does(CLIENT, "order.counter", &on(&world, counter));
    assert_eq!(row(&world, "orders", "state"), t("countered"));
    assert_eq!(row(&world, "orders", "next"), t("provider"));
    let second = world.does(OWNER, "order.quote", &offer(&world, 2, GOODS));
    world.fails(CLIENT, "order.agree", &agree(&world, first), "stale_quote");
    world.does(CLIENT, "order.agree", &agree(&world, second));
    let body = confirm(&mut world, GOODS);
    world.does(OWNER, "order.confirm", &body);
    world.does(OWNER, "pay.ack", &pay(&world, 700));

    let less = |minor| {
        let body = offer(&world, 3, GOODS);
        let body = with(&body, "total", eur(minor));
        let body = with(&body, "legs", list([payment("p", minor, GOODS)]));
        let part = map([("title", t("work")), ("amount", eur(minor))]);
        with(&body, "breakup", list([part]))
    };
    let (too_little, enough) = (less(699), less(700));
    world.fails(OWNER, "order.revise", &too_little, "overpay");
    let third = world.does(OWNER, "order.revise", &enough);
    assert_eq!(row(&world, "orders", "due"), n(TOTAL));
    assert_eq!(row(&world, "orders", "next"), t("client"));
    // another holder does not replace the one that was granted
    let other = with(&agree(&world, third), "holder", b(R));
    world.does(CLIENT, "order.agree", &other);
    let order = world.order();
    assert_eq!(order.agreed.map(|agreed| agreed.holder), Some(HOLDER));
    assert_eq!(row(&world, "orders", "due"), n(700));
    assert_eq!(row(&world, "orders", "balance"), n(0));
    world.check_batches(4);
}

#[test]
fn what_has_begun_stays_in_a_revision() {
    let mut world = World::fulfilled(GOODS, &["packed"]);
    let other = map([("leg", t("g")), ("kind", t("pickup"))]);
    let body = with(&offer(&world, 2, GOODS), "fulfilment", list([other]));
    world.fails(OWNER, "order.revise", &body, "bad_transition");
    let quote = world.does(OWNER, "order.revise", &offer(&world, 2, GOODS));
    world.does(CLIENT, "order.agree", &agree(&world, quote));
    assert_eq!(row(&world, "fulfilments", "state"), t("packed"));
    world.goes(OWNER, &["picked_up"]);
}

#[test]
fn stock_of_many_lines_is_reserved_first() {
    let mut world = World::default();
    world.does(CLIENT, "order.request", &request(GOODS));
    let body = with(&offer(&world, 1, GOODS), "takes", list([n(0), n(1)]));
    let quote = world.does(OWNER, "order.quote", &body);
    world.does(CLIENT, "order.agree", &agree(&world, quote));
    let order = world.last("order.request");
    let body = confirm(&mut world, GOODS);
    world.fails(OWNER, "order.confirm", &body, "no_take");
    let first = take(&mut world, 0, "tap", order);
    let reserve = on(&world, [("takes", list([first]))]);
    world.does(OWNER, "order.reserve", &reserve);
    let body = confirm(&mut world, GOODS);
    world.fails(OWNER, "order.confirm", &body, "no_take");
    let second = take(&mut world, 1, "pipe", order);
    world.grant(OWNER, HOLDER, TAG);
    let body = with(
        &on(&world, [("agree", b(world.last("order.agree")))]),
        "takes",
        list([second]),
    );
    world.does(OWNER, "order.confirm", &body);
    assert_eq!(world.order().taken.len(), 2);
}

#[test]
fn escrow_is_held_released_and_split() {
    let mut world = World::confirmed(ESCROW);
    world.fails(OWNER, "fulfil.state", &state(&world, "packed"), "unpaid");
    world.does(ARBITER, "pay.hold", &pay(&world, TOTAL));
    assert_eq!(row(&world, "payments", "state"), t("held"));
    assert_eq!(row(&world, "orders", "held"), n(TOTAL));
    world.goes(OWNER, &DELIVERY);
    world.does(ARBITER, "pay.release", &pay(&world, 400));
    let split = |provider, client| {
        [
            ("leg", t("p")),
            ("provider", eur(provider)),
            ("client", eur(client)),
        ]
    };
    let body = on(&world, split(500, 99));
    world.fails(ARBITER, "pay.split", &body, "sum_mismatch");
    let body = on(&world, split(500, 100));
    world.does(ARBITER, "pay.split", &body);
    assert_eq!(row(&world, "payments", "state"), t("split"));
    assert_eq!(row(&world, "orders", "paid"), n(900));
    assert_eq!(row(&world, "orders", "balance"), n(0));
    world.fails(
        ARBITER,
        "pay.split",
        &on(&world, split(0, 0)),
        "bad_transition",
    );

    let mut world = World::confirmed(ESCROW);
    world.does(ARBITER, "pay.hold", &pay(&world, TOTAL));
    world.does(ARBITER, "pay.release", &pay(&world, TOTAL));
    assert_eq!(row(&world, "payments", "state"), t("released"));
}

#[test]
fn a_dispute_is_ruled() {
    let mut world = World::confirmed(ESCROW);
    world.does(ARBITER, "pay.hold", &pay(&world, TOTAL));
    world.goes(OWNER, &DELIVERY);
    let open = on(&world, [("reason", t("broken"))]);
    world.does(CLIENT, "dispute.open", &open);
    assert_eq!(row(&world, "orders", "next"), t("arbiter"));
    world.fails(CLIENT, "order.complete", &on(&world, []), "disputed");
    let ruling = |provider, client| [("provider", eur(provider)), ("client", eur(client))];
    let body = on(&world, ruling(600, 300));
    world.fails(ARBITER, "dispute.rule", &body, "sum_mismatch");
    world.does(ARBITER, "dispute.rule", &on(&world, ruling(600, 400)));
    assert_eq!(row(&world, "disputes", "state"), t("ruled"));
    assert_eq!(row(&world, "disputes", "by"), t("client"));
    assert_eq!(row(&world, "disputes", "reason"), t("broken"));
    assert_eq!(row(&world, "disputes", "provider"), n(600));
    assert_eq!(row(&world, "disputes", "client"), n(400));
    world.does(CLIENT, "order.complete", &on(&world, []));
    // and again, which the other side accepts
    world.does(OWNER, "dispute.open", &on(&world, []));
    world.does(CLIENT, "dispute.accept", &on(&world, []));
    assert_eq!(row(&world, "disputes", "state"), t("accepted"));
    world.does(CLIENT, "dispute.open", &on(&world, []));
    world.does(CLIENT, "dispute.accept", &on(&world, []));
    assert_eq!(row(&world, "disputes", "state"), t("withdrawn"));
}

/// A request to return so many of the first line.
pub(super) fn back(world: &World, quantity: i64, outcome: &str) -> Value {
    let lines = list([share(0, quantity)]);
    let pairs = [("leg", t("f")), ("lines", lines), ("outcome", t(outcome))];
    on(world, pairs)
}

#[test]
fn what_was_delivered_is_returned_and_refunded() {
    let mut world = World::fulfilled(GOODS, &DELIVERY);
    world.does(OWNER, "pay.ack", &pay(&world, TOTAL));
    let one = world.does(CLIENT, "return.request", &back(&world, 1, "refund"));
    assert_eq!(row(&world, "orders", "next"), t("provider"));
    assert_eq!(row(&world, "returns", "outcome"), t("refund"));
    let answer = |world: &World, id: Id| on(world, [("return", b(id))]);
    world.does(OWNER, "return.approve", &answer(&world, one));
    world.does(OWNER, "return.received", &answer(&world, one));
    world.does(OWNER, "pay.refund", &pay(&world, 500));
    assert_eq!(row(&world, "payments", "state"), t("partly_refunded"));
    assert_eq!(row(&world, "orders", "balance"), n(0));
    world.fails(OWNER, "pay.refund", &pay(&world, 501), "over_refund");
    let body = back(&world, 2, "refund");
    world.fails(CLIENT, "return.request", &body, "over_return");
    // what was declined can be asked for again
    let two = world.does(CLIENT, "return.request", &back(&world, 1, "replace"));
    world.does(OWNER, "return.decline", &answer(&world, two));
    let three = world.does(CLIENT, "return.request", &back(&world, 1, "refund_only"));
    world.does(OWNER, "return.approve", &answer(&world, three));
    let received = answer(&world, three);
    world.fails(OWNER, "return.received", &received, "bad_transition");
    world.does(OWNER, "pay.refund", &pay(&world, 500));
    assert_eq!(row(&world, "payments", "state"), t("refunded"));
    world.check_batches(5);
}

#[test]
fn what_failed_comes_back() {
    let mut world = World::fulfilled(GOODS, &["packed", "failed"]);
    let packed = state(&world, "packed");
    world.fails(OWNER, "fulfil.state", &packed, "bad_transition");
    world.goes(OWNER, &["returned"]);
    let body = back(&world, 1, "refund");
    world.fails(CLIENT, "return.request", &body, "bad_transition");
    world.does(CLIENT, "order.complete", &on(&world, []));
}

#[test]
fn money_of_a_declined_order_is_given_back() {
    let mut world = World::agreed(GOODS);
    world.does(OWNER, "pay.ack", &pay(&world, 300));
    let body = on(&world, [("reason", t("sold out"))]);
    world.does(OWNER, "order.decline", &body);
    assert_eq!(row(&world, "orders", "reason"), t("sold out"));
    assert_eq!(row(&world, "orders", "due"), n(0));
    assert_eq!(row(&world, "orders", "balance"), n(-300));
    world.does(OWNER, "pay.refund", &pay(&world, 300));
    assert_eq!(row(&world, "orders", "balance"), n(0));
}

#[test]
fn orders_are_linked() {
    let mut world = World::confirmed(GOODS);
    let body = on(&world, [("child", b(R)), ("role", t("delivery"))]);
    world.does(OWNER, "order.link", &body);
    assert_eq!(row(&world, "links", "child"), b(R));
    assert_eq!(row(&world, "links", "role"), t("delivery"));
}

#[test]
fn a_booking_is_held_confirmed_and_attended() {
    let mut world = World::booked("held");
    assert_eq!(row(&world, "bookings", "held_until"), n(NOW + 1_000));
    world.does(OWNER, "booking.release", &book(&world, []));
    assert_eq!(row(&world, "bookings", "state"), t("pending"));
    assert_eq!(row(&world, "bookings", "held_until"), Value::Null);
    let id = world.last("booking.request");
    let body = slot(&mut world, id, START, END);
    world.does(PHONE, "booking.confirm", &body);
    assert_eq!(row(&world, "bookings", "next"), Value::Null);
    // moved, with another take
    let moved = slot(&mut world, id, START + 60, END + 60);
    let moved = with(&moved, "start", n(START + 60));
    let moved = with(&moved, "end", n(END + 60));
    world.does(OWNER, "booking.reschedule", &moved);
    assert_eq!(row(&world, "bookings", "start"), n(START + 60));
    world.at_ms = START + 58;
    let came = book(&world, []);
    world.fails(OWNER, "booking.attended", &came, "too_early");
    world.does(OWNER, "booking.attended", &came);
    world.check_batches(3);
}

#[test]
fn who_did_not_show_up_contests_it() {
    let mut world = World::booked("no_show");
    let body = book(&world, [("reason", t("I was there"))]);
    world.does(CLIENT, "booking.contest", &body);
    world.fails(CLIENT, "booking.contest", &body, "bad_transition");
    assert_eq!(row(&world, "bookings", "contested"), Value::Bool(true));
    assert_eq!(row(&world, "bookings", "reason"), t("I was there"));
}

#[test]
fn a_relation_is_opened_accepted_and_closed() {
    let mut world = World::default();
    let body = map([("kind", t("maintenance")), ("until", n(NOW + 100))]);
    world.does(OWNER, "relation.open", &body);
    world.fails(PHONE, "relation.accept", &map([]), "wrong_actor");
    world.does(CLIENT, "relation.accept", &map([]));
    assert_eq!(row(&world, "relation", "state"), t("accepted"));
    world.does(CLIENT, "order.request", &request(GOODS));
    world.at_ms += 200;
    world.fails(CLIENT, "order.request", &request(GOODS), "expired");
    world.does(CLIENT, "relation.close", &map([]));
    world.fails(CLIENT, "order.request", &request(GOODS), "closed");
    world.does(CLIENT, "relation.open", &map([]));
    world.does(CLIENT, "order.request", &request(GOODS));
    for _ in 0..60 {
        world.does(DELIVERER, "message.post", &map([("text", t("hello"))]));
    }
    world.erasable = true;
    world.does(CLIENT, "message.post", &map([]));
    assert_eq!(row(&world, "relation", "messages"), n(61));
    let kept = world.rows();
    let kept = kept.iter().filter(|(table, _, _)| table == "messages");
    assert_eq!(kept.count(), crate::relation::MESSAGES_MAX);
    world.check_batches(7);
}
