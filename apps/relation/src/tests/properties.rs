//! Random writers.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_writers_break_no_invariant(
        escrow in any::<bool>(),
        steps in prop::collection::vec((0..4_usize, 0..11_usize, -5..1_200_i64, 0..14_usize), 1..80),
    ) {
        let mut world = World::confirmed("goods", false, escrow);
        let roles = ["owner", "client", "arbiter", "deliverer"];
        let kinds = ["pay.claim", "pay.ack", "pay.refund", "pay.hold", "pay.release"];
        let stages = ["pending", "assigned", "packed", "picked_up", "out_for_delivery", "delivered",
            "in_transit", "failed", "returned", "completed", "started", "available", "accessed", "x"];
        for (role, what, minor, stage) in steps {
            let role = roles[role];
            let was = world.order().clone();
            let done = match what {
                0..=4 => world.pay(role, kinds[what], minor),
                5 | 6 => world.write(role, "fulfil.state", on([("leg", text("f")), ("state", text(stages[stage]))])),
                7 => world.write(role, "order.complete", on([])),
                8 => world.write(role, "dispute.open", on([])),
                9 => world.write(role, "dispute.rule", on([("provider", eur(minor)), ("client", eur(1_000 - minor))])),
                _ if stage == 0 => world.write(role, "order.cancel", on([])),
                _ => world.write(role, "dispute.accept", on([])),
            };
            let now = world.order();
            if done.is_err() {
                prop_assert_eq!(&was, now);
            }
            for leg in &now.payments {
                prop_assert!(leg.received() + leg.claimed <= leg.terms.amount.minor);
                prop_assert!(leg.refunded <= leg.paid);
                prop_assert!([leg.paid, leg.held, leg.returned, leg.claimed, leg.refunded].iter().all(|n| *n >= 0));
            }
            let ended = !was.running();
            prop_assert!(!ended || (was.commercial == now.commercial && was.fulfilments == now.fulfilments));
            prop_assert!(!(was.disputed() && now.commercial != was.commercial && now.commercial.name() == "completed"));
        }
    }

    #[test]
    fn no_body_panics(kind in 0..Event::KINDS.len(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::confirmed("goods", false, false);
        let was = world.states.clone();
        let meta = Meta { topic: TOPIC, id: [99; 32], author: [1; 32], entity: [1; 32], seq: 99, hlc: 1,
            sequenced: true, role: "nobody", erasable_hash: None, facts: &[] };
        prop_assert!(world.fold(Event::KINDS[kind], &body, &meta).is_err());
        prop_assert_eq!(was, world.states);
    }
}
