//! What a cancellation costs, and what receipts prove.

use synlog_reducer::Id;
use synlog_reducer::cbor::Value;

use super::host::*;
use super::scenes::*;

#[test]
fn the_fee_is_that_of_the_stage() {
    let cases: [(Shape, &[&str], i64); 10] = [
        (GOODS, &[], 100),
        (GOODS, &["assigned"], 100),
        (GOODS, &["packed"], 500),
        (GOODS, &["packed", "picked_up"], 900),
        (GOODS, &["packed", "picked_up", "failed"], 900),
        (GOODS, &["packed", "failed", "returned"], 500),
        (VISIT, &["in_transit"], 500),
        (VISIT, &["in_transit", "at_location", "started"], 900),
        (
            Shape {
                kind: "pickup",
                ..GOODS
            },
            &["assigned"],
            500,
        ),
        (
            Shape {
                kind: "digital",
                ..GOODS
            },
            &["available"],
            500,
        ),
    ];
    for (shape, stages, fee) in cases {
        let mut world = World::fulfilled(shape, stages);
        assert_eq!(world.column("orders", "fee_now"), n(fee), "{stages:?}");
        world.does(CLIENT, "order.cancel", &on(&world, [("reason", t("ill"))]));
        for column in ["fee", "due", "balance"] {
            assert_eq!(world.column("orders", column), n(fee), "{stages:?}");
        }
        assert_eq!(world.column("orders", "reason"), t("ill"));
        world.does(OWNER, "pay.ack", &pay(&world, fee));
        assert_eq!(world.column("orders", "balance"), n(0));
        let state = state(&world, "failed");
        world.fails(OWNER, "fulfil.state", &state, "bad_transition");
    }
}

#[test]
fn it_is_free_before_the_confirm_and_for_the_client_of_a_provider_that_cancels() {
    let mut world = World::agreed(GOODS);
    world.does(CLIENT, "order.cancel", &on(&world, []));
    assert_eq!(world.column("orders", "fee"), n(0));

    let mut world = World::fulfilled(GOODS, &["packed"]);
    world.does(OWNER, "pay.ack", &pay(&world, TOTAL));
    world.does(OWNER, "order.cancel", &on(&world, []));
    assert_eq!(world.column("orders", "fee"), n(0));
    assert_eq!(world.column("orders", "balance"), n(-TOTAL));
    world.does(OWNER, "pay.refund", &pay(&world, TOTAL));
    assert_eq!(world.column("orders", "balance"), n(0));
}

#[test]
fn a_fixed_fee_is_added_and_never_more_than_the_total() {
    for (minor, fee) in [(50, 150), (950, 1_000), (i64::MAX, 1_000)] {
        let mut world = World::default();
        world.does(CLIENT, "order.request", &request(GOODS));
        let stage = ("stage", t("pending"));
        let term = map([stage, ("fee_bp", n(1_000)), ("fee_minor", n(minor))]);
        let body = with(&offer(&world, 1, GOODS), "terms", list([term]));
        let quote = world.does(OWNER, "order.quote", &body);
        world.does(CLIENT, "order.agree", &agree(&world, quote));
        assert_eq!(world.column("orders", "fee_now"), n(0));
        let body = confirm(&mut world, GOODS);
        world.does(OWNER, "order.confirm", &body);
        assert_eq!(world.column("orders", "fee_now"), n(fee));
    }
}

fn shown(world: &World, cancel: Id) -> Value {
    on(world, [("cancel", b(cancel))])
}

#[test]
fn a_receipt_lowers_the_fee_of_a_cancel_that_took_effect() {
    let mut world = World::confirmed(VISIT);
    let pending = world.height(OWNER);
    world.goes(OWNER, &["in_transit"]);
    let cancel = world.does(CLIENT, "order.cancel", &on(&world, []));
    let event = shown(&world, cancel);
    world.fails(CLIENT, "order.receipt", &event, "no_receipt");
    let (height, now) = (world.height(OWNER), world.at_ms);
    // it proves no earlier stage
    world.receive(OWNER, cancel, height, now);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 500);
    world.receive(OWNER, cancel, pending, now);
    world.fails(OWNER, "order.receipt", &event, "wrong_actor");
    world.receive(OWNER, cancel, pending, now);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 100);
    // before the confirm
    world.receive(OWNER, cancel, pending - 1, now);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 0);
    // and never up again
    world.receive(OWNER, cancel, height, now);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 0);
}

/// A cancel that the provider had while it was under way, and placed after the delivery:
/// the world, the cancel, and the provider's height and clock when it had it.
fn withheld() -> (World, Id, u64, i64) {
    let mut world = World::fulfilled(GOODS, &["packed"]);
    let (height, at_ms) = (world.height(OWNER), world.at_ms);
    world.goes(OWNER, &["picked_up", "out_for_delivery", "delivered"]);
    let cancel = late(&mut world);
    (world, cancel, height, at_ms)
}

/// A cancel that is rejected because it is placed too late.
fn late(world: &mut World) -> Id {
    let body = on(world, [("reason", t("ill"))]);
    let before = world.log.len();
    world.fails(CLIENT, "order.cancel", &body, "bad_transition");
    entry(before)
}

#[test]
fn a_receipt_revives_a_cancel_that_was_placed_after_the_delivery() {
    let (mut world, cancel, height, at_ms) = withheld();
    let event = shown(&world, cancel);
    world.receive(OWNER, cancel, height, at_ms);
    world.fails(CLIENT, "order.receipt", &event, "no_proof");
    world.prove_written(cancel);
    world.fails(CLIENT, "order.receipt", &event, "no_receipt");
    // the provider's next entry made it picked up, so that had not happened
    world.prove_written(cancel);
    world.receive(OWNER, cancel, height, at_ms);
    world.does(CLIENT, "order.receipt", &event);
    let cancelled = world.order().cancelled.unwrap();
    assert_eq!((cancelled.entry, cancelled.fee), (cancel, 500));
    assert_eq!(world.column("orders", "state"), t("cancelled"));
    assert_eq!(world.column("orders", "reason"), t("ill"));
    assert_eq!(world.column("orders", "balance"), n(500));
    // another receipt, of an earlier time, needs no proof any more
    world.receive(OWNER, cancel, height - 1, at_ms);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 100);
    world.check_batches(3);
}

#[test]
fn it_revives_one_that_was_placed_after_the_providers_completion() {
    let (mut world, _, height, at_ms) = withheld();
    world.at_ms += 2_000;
    world.does(OWNER, "order.complete", &on(&world, []));
    let cancel = late(&mut world);
    world.prove_written(cancel);
    world.receive(OWNER, cancel, height, at_ms);
    world.does(CLIENT, "order.receipt", &shown(&world, cancel));
    assert_eq!(world.order().cancelled.unwrap().fee, 500);
}

#[test]
fn another_cancel_of_the_client_may_be_the_earlier_one() {
    // one device cancels, the provider keeps it back; another cancels, which is placed
    let mut world = World::confirmed(VISIT);
    let (height, at_ms) = (world.height(OWNER), world.at_ms);
    world.goes(OWNER, &["in_transit"]);
    world.does(TABLET, "order.cancel", &on(&world, []));
    assert_eq!(world.order().cancelled.unwrap().fee, 500);
    let cancel = late(&mut world);
    world.prove_written(cancel);
    world.receive(OWNER, cancel, height, at_ms);
    world.does(CLIENT, "order.receipt", &shown(&world, cancel));
    let cancelled = world.order().cancelled.unwrap();
    assert_eq!((cancelled.entry, cancelled.fee), (cancel, 100));
}

#[test]
fn it_must_have_been_in_time() {
    let refused = |prepare: fn(&mut World, Id, u64, i64), code: &str| {
        let (mut world, cancel, height, at_ms) = withheld();
        prepare(&mut world, cancel, height, at_ms);
        world.fails(CLIENT, "order.receipt", &shown(&world, cancel), code);
    };
    // the provider had it after the delivery only
    refused(
        |world, cancel, height, at_ms| {
            world.prove_written(cancel);
            world.receive(OWNER, cancel, height + 3, at_ms);
        },
        "bad_transition",
    );
    // the client has completed since, or the arbiter has ruled
    refused(
        |world, cancel, height, at_ms| {
            world.does(CLIENT, "order.complete", &on(world, []));
            world.prove_written(cancel);
            world.receive(OWNER, cancel, height, at_ms);
        },
        "bad_transition",
    );
    refused(
        |world, cancel, height, at_ms| {
            world.does(CLIENT, "dispute.open", &on(world, []));
            let body = on(world, [("provider", eur(0)), ("client", eur(0))]);
            world.does(ARBITER, "dispute.rule", &body);
            world.prove_written(cancel);
            world.receive(OWNER, cancel, height, at_ms);
        },
        "bad_transition",
    );
    // the client has agreed to another offer since
    refused(
        |world, cancel, height, at_ms| {
            let quote = world.does(OWNER, "order.revise", &offer(world, 2, GOODS));
            world.does(CLIENT, "order.agree", &agree(world, quote));
            world.prove_written(cancel);
            world.receive(OWNER, cancel, height, at_ms);
        },
        "bad_transition",
    );
    // the provider has cancelled, which is free anyway
    let mut world = World::fulfilled(GOODS, &["packed"]);
    let (height, at_ms) = (world.height(OWNER), world.at_ms);
    world.does(OWNER, "order.cancel", &on(&world, []));
    let cancel = late(&mut world);
    world.prove_written(cancel);
    world.receive(OWNER, cancel, height, at_ms);
    let event = shown(&world, cancel);
    world.fails(CLIENT, "order.receipt", &event, "bad_transition");
}

#[test]
fn the_proof_is_of_a_cancel_of_this_order_by_this_client() {
    let (mut world, cancel, height, at_ms) = withheld();
    let event = shown(&world, cancel);
    let right = on(&world, []);
    let long = on(&world, [("reason", t(&"x".repeat(1_001)))]);
    let other = with(&right, "order", b(R));
    let empty = map([]);
    #[allow(clippy::type_complexity, reason = "a table")]
    let cases: [(Who, [u8; 32], Id, &str, &Value, &str); 8] = [
        (CLIENT, TOPIC, cancel, "order.decline", &right, "no_proof"),
        (CLIENT, TOPIC, cancel, "", &right, "no_proof"),
        (CLIENT, SPACE, cancel, "order.cancel", &right, "no_proof"),
        (CLIENT, TOPIC, R, "order.cancel", &right, "no_proof"),
        (
            OTHER_CLIENT,
            TOPIC,
            cancel,
            "order.cancel",
            &right,
            "no_proof",
        ),
        (CLIENT, TOPIC, cancel, "order.cancel", &other, "no_proof"),
        (CLIENT, TOPIC, cancel, "order.cancel", &empty, "no_proof"),
        (CLIENT, TOPIC, cancel, "order.cancel", &long, "too_long"),
    ];
    for (who, topic, id, kind, body, code) in cases {
        world.prove(who, topic, id, kind, body);
        world.receive(OWNER, cancel, height, at_ms);
        world.fails(CLIENT, "order.receipt", &event, code);
    }
    // receipts of others, and of other entries
    let posted = world.does(CLIENT, "message.post", &map([("text", t("hello"))]));
    let answer = world.does(OWNER, "message.post", &map([("text", t("hello"))]));
    let early = world.last("order.agree");
    for (who, id) in [
        (OTHER_OWNER, cancel),
        (CLIENT, cancel),
        (DELIVERER, cancel),
        (OWNER, answer),
        (OWNER, early),
    ] {
        world.prove_written(cancel);
        world.receive(who, id, height, at_ms);
        world.fails(CLIENT, "order.receipt", &event, "no_receipt");
    }
    // a later entry of the same feed came with all before it
    world.prove_written(cancel);
    world.receive(OWNER, posted, height, at_ms);
    world.does(CLIENT, "order.receipt", &event);
}

#[test]
fn steps_of_other_devices_are_dated_by_their_clocks() {
    // the sequencer's device has the cancel at `at_ms`; another device delivers after it
    for (who, late_ms) in [(PHONE, 10), (DELIVERER, 10), (PHONE, 0), (DELIVERER, 0)] {
        let mut world = World::confirmed(GOODS);
        world.goes(who, &["packed"]);
        let (height, at_ms) = (world.height(OWNER), world.at_ms);
        let phone = world.height(who);
        world.at_ms += late_ms;
        world.goes(who, &["picked_up", "out_for_delivery", "delivered"]);
        let delivered_ms = world.at_ms;
        let cancel = late(&mut world);
        let event = shown(&world, cancel);
        // a clock that says it was delivered before
        world.prove_written(cancel);
        world.receive(OWNER, cancel, height, delivered_ms);
        world.fails(CLIENT, "order.receipt", &event, "bad_transition");
        if who == PHONE {
            // its own receipt dates its steps exactly, whatever the clocks say
            world.prove_written(cancel);
            world.receive(OWNER, cancel, height, delivered_ms);
            world.receive(PHONE, cancel, phone, delivered_ms);
            world.does(CLIENT, "order.receipt", &event);
        } else {
            world.prove_written(cancel);
            world.receive(OWNER, cancel, height, at_ms);
            world.does(CLIENT, "order.receipt", &event);
        }
        assert_eq!(world.order().cancelled.unwrap().fee, 500);
    }
}

#[test]
fn a_confirm_by_another_device_is_dated_by_its_clock() {
    let mut world = World::agreed(GOODS);
    let (height, at_ms) = (world.height(OWNER), world.at_ms);
    let body = confirm(&mut world, GOODS);
    world.does(PHONE, "order.confirm", &body);
    let cancel = world.does(CLIENT, "order.cancel", &on(&world, []));
    let event = shown(&world, cancel);
    world.receive(OWNER, cancel, height, at_ms + 1);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 100);
    world.receive(OWNER, cancel, height, at_ms);
    world.does(CLIENT, "order.receipt", &event);
    assert_eq!(world.order().cancelled.unwrap().fee, 0);
}
