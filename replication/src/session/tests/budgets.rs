//! What meetings cost, in bytes and flights, and that any two frontiers come together.

use proptest::prelude::*;

use crate::repo::Repo;
use crate::session::{Breach, Fault};
use crate::world::pair::Pair;
use crate::world::sheet::{Sheet, feed};

fn same(feeds: u64, topics: u64) -> Pair<Sheet> {
    Pair::alike(feeds, topics)
}

#[test]
fn a_cold_meeting_is_short() {
    for topics in [1, 100, 600, 5_000] {
        let mut pair = same(10_000, topics);
        pair.change(10_000, topics, 50);
        pair.connect().unwrap();
        let same = pair.settle(30).unwrap();
        let bytes = pair.overhead_bytes() - pair.matching_bytes();
        assert!(pair.is_synced(), "{topics}");
        // three flights greet and match topics
        let flights = same.unwrap() - 3;
        assert!(flights <= 5, "{topics} topics: {flights} flights");
        assert!(bytes <= 25_000, "{topics} topics: {bytes} bytes");
        assert_eq!(pair.sides[0].repo.known_entries, 0);
        assert_eq!(pair.sides[1].repo.known_entries, 0);
    }
}

#[test]
fn a_warm_meeting_is_shorter() {
    for topics in [1, 5_000] {
        let mut pair = same(10_000, topics);
        pair.connect().unwrap();
        pair.settle(30).unwrap();
        pair.cut();
        pair.change(10_000, topics, 50);
        pair.connect().unwrap();
        let same = pair.settle(30).unwrap();
        let bytes = pair.overhead_bytes();
        assert!(pair.is_synced());
        assert_eq!(same, Some(2), "one round trip");
        assert!(bytes <= 2_000, "{bytes} bytes");
        assert_eq!(pair.sides[0].repo.known_entries, 0);
    }
}

#[test]
fn another_history_of_the_peer_and_a_cursor_ahead_of_its_end() {
    let mut pair = same(500, 5);
    pair.connect().unwrap();
    pair.settle(30).unwrap();
    pair.cut();
    // a wiped disk
    let mut fresh = Sheet::new(9);
    fresh.write(feed(0, 0), 1);
    pair.sides[1] = crate::world::pair::Side::new(fresh, pair.sides[1].me);
    pair.connect().unwrap();
    pair.settle(60).unwrap();
    assert!(pair.is_synced());
    // of the topics that it does not know it is told nothing
    assert_eq!(pair.sides[1].rows().len(), 100);

    pair.cut();
    // a copy of an older disk, under its old name
    for side in &mut pair.sides {
        let memory = side.memory.as_mut().unwrap();
        memory.cursor.1 = u64::MAX;
    }
    pair.change(500, 5, 10);
    pair.connect().unwrap();
    pair.settle(60).unwrap();
    assert!(pair.is_synced() && pair.is_same());
}

#[test]
fn a_cursor_that_skips_something_does_not_end_it() {
    let mut pair = same(2_000, 7);
    pair.connect().unwrap();
    pair.settle(30).unwrap();
    pair.cut();
    pair.change(2_000, 7, 20);
    for side in &mut pair.sides {
        // as if all that changed had been seen
        side.memory.as_mut().unwrap().cursor.1 += 1_000_000;
    }
    pair.sides[0].memory.as_mut().unwrap().cursor.1 = pair.sides[1].repo.all().len() as u64 * 3;
    pair.connect().unwrap();
    pair.settle(60).unwrap();
    assert!(pair.is_synced() && pair.is_same());
}

#[test]
fn nothing_shared_and_nothing_here() {
    for (ours, theirs) in [(0, 0), (0, 50), (50, 0)] {
        let mut one = Sheet::new(1);
        let mut other = Sheet::new(2);
        (0..ours).for_each(|number| one.write(feed(1, number), 1));
        (0..theirs).for_each(|number| other.write(feed(2, number), 1));
        let mut pair = Pair::new(one, other);
        pair.connect().unwrap();
        pair.settle(20).unwrap();
        assert!(pair.is_synced());
        assert_eq!(pair.sides[0].rows().len() as u64, ours);
    }
}

#[test]
fn a_side_that_wants_all_gets_all() {
    let mut one = Sheet::new(1);
    (0..3_000).for_each(|number| one.write(feed(number % 3, number), 1 + number % 40));
    let mut pair = Pair::new(one, Sheet::new(2));
    for topic in 0..3 {
        pair.sides[1].terms.wanted.push(feed(topic, 0).topic);
    }
    pair.connect().unwrap();
    pair.settle(2_000).unwrap();
    assert!(pair.is_synced());
    assert_eq!(pair.sides[1].rows().len(), 3_000);
    assert_eq!(pair.sides[1].repo.known_entries, 0);
    // and the other way, with the caller empty
    let all = pair.sides[0].repo.clone();
    let mut pair = Pair::new(Sheet::new(3), all);
    pair.sides[0].terms.wanted.push(feed(2, 0).topic);
    pair.connect().unwrap();
    pair.settle(2_000).unwrap();
    assert!(pair.is_synced());
    assert_eq!(pair.sides[0].rows().len(), 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_two_come_together(
        one in proptest::collection::vec((0u64..5, 0u64..200, 1u64..30), 0..300),
        other in proptest::collection::vec((0u64..5, 0u64..200, 1u64..30), 0..300),
        again in proptest::collection::vec((0u64..5, 0u64..250, 1u64..5), 0..40),
    ) {
        let mut sheets = [Sheet::new(1), Sheet::new(2)];
        for (sheet, writes) in sheets.iter_mut().zip([&one, &other]) {
            for (topic, author, entries) in writes {
                sheet.write(feed(*topic, *author), *entries);
            }
        }
        let [a, b] = sheets;
        let mut pair = Pair::new(a, b);
        for side in 0..2 {
            pair.sides[side].terms.wanted = (0..5).map(|topic| feed(topic, 0).topic).collect();
        }
        pair.connect().unwrap();
        pair.settle(3_000).unwrap();
        prop_assert!(pair.is_synced() && pair.is_same());
        prop_assert_eq!(pair.sides[0].rows(), pair.sides[1].rows());
        pair.cut();
        for (number, (topic, author, entries)) in again.iter().enumerate() {
            let side = &mut pair.sides[number % 2];
            side.repo.write(feed(*topic, *author), *entries);
            for row in side.repo.all() {
                side.frontier.put(&row);
            }
        }
        pair.connect().unwrap();
        pair.settle(3_000).unwrap();
        prop_assert!(pair.is_synced() && pair.is_same());
        prop_assert_eq!(pair.sides[0].rows(), pair.sides[1].rows());
    }
}

#[test]
fn a_line_that_is_cut_goes_on_where_it_was() {
    let mut one = Sheet::new(1);
    one.write(feed(0, 0), 40_000);
    let total = {
        let runs = one.runs(&feed(0, 0), 0, usize::MAX).unwrap();
        runs.iter().map(|(_, run)| run.len() as u64).sum::<u64>()
    };
    let mut pair = Pair::new(one, Sheet::new(2));
    pair.sides[1].terms.wanted.push(feed(0, 0).topic);
    let (mut sent, mut cuts) = (0, 0);
    loop {
        pair.connect().unwrap();
        pair.settle(12).unwrap();
        sent += pair.sides[0].run_bytes;
        if pair.is_synced() {
            break;
        }
        cuts += 1;
        assert!(cuts < 100);
        pair.cut();
    }
    assert!(cuts > 2);
    assert_eq!(pair.sides[1].repo.known_entries, 0);
    // what was on its way when the line was cut is lost, not more
    let window = 1024 * 1024 + 64 * 1024;
    assert!(sent <= total + cuts * window, "{sent} of {total}");
}

#[test]
fn a_receiver_that_is_slow_holds_the_sender_back() {
    let mut one = Sheet::new(1);
    one.write(feed(0, 0), 100_000);
    let mut pair = Pair::new(one, Sheet::new(2));
    pair.sides[1].terms.wanted.push(feed(0, 0).topic);
    pair.drains = false;
    pair.connect().unwrap();
    pair.settle(20).unwrap();
    // nothing leaves the sender: it stops after half a megabyte
    assert!(pair.sides[0].run_bytes < 1024 * 1024);
    assert!(pair.sides[0].run_bytes > 100_000);
    // all leaves, and the receiver takes nothing in
    pair.cut();
    pair.sides[1].terms.wanted = vec![feed(0, 0).topic];
    pair.connect().unwrap();
    pair.drains = true;
    for _ in 0..3 {
        pair.flight().unwrap();
    }
    for _ in 0..50 {
        pair.act(0, |session, cx, out| session.sent(1 << 20, cx, out))
            .unwrap();
    }
    let waiting: usize = pair.sides[1].inbox.iter().map(Vec::len).sum();
    assert!(waiting <= 1024 * 1024 + 256 * 1024, "{waiting} bytes");
}

#[test]
fn topics_that_come_while_it_runs() {
    let mut one = Sheet::new(1);
    (0..50).for_each(|number| one.write(feed(0, number), 2));
    let mut other = one.clone();
    other.set_epoch(2);
    other.write(feed(1, 7), 20);
    let mut pair = Pair::new(one, other);
    pair.connect().unwrap();
    pair.settle(20).unwrap();
    assert!(pair.is_synced());
    assert_eq!(pair.sides[0].rows().len(), 50);
    // the caller comes to want a topic of the called
    pair.sides[0].terms.wanted.push(feed(1, 0).topic);
    pair.act(0, |session, cx, out| session.policy_changed(cx, out))
        .unwrap();
    pair.settle(60).unwrap();
    assert!(pair.is_synced());
    assert_eq!(pair.sides[0].rows().len(), 51);
    // and the other way
    pair.sides[0].repo.write(feed(2, 9), 5);
    for row in pair.sides[0].repo.all() {
        pair.sides[0].frontier.put(&row);
    }
    pair.sides[1].terms.wanted.push(feed(2, 0).topic);
    for side in [1, 0] {
        pair.act(side, |session, cx, out| session.policy_changed(cx, out))
            .unwrap();
    }
    pair.settle(100).unwrap();
    assert!(pair.is_synced());
    assert_eq!(pair.sides[1].rows().len(), 52);
    // a topic that is not shared any more
    pair.sides[0].terms.kept.push(feed(0, 0).topic);
    pair.act(0, |session, cx, out| session.policy_changed(cx, out))
        .unwrap();
    pair.settle(150).unwrap();
    assert!(pair.is_synced());
    let shared = pair.sides[1].session.as_ref().unwrap().topics().len();
    assert_eq!(shared, 2);
}

#[test]
fn whoever_lies_about_what_is_there_is_left() {
    use crate::message::{Check, Message};
    let mut pair = same(300, 2);
    pair.connect().unwrap();
    pair.settle(20).unwrap();
    let mut found = None;
    for round in 0u8..200 {
        // the called says another fingerprint each time, and that all is the same
        pair.sides[1].inbox.clear();
        let sent: u64 = pair.sides[0]
            .said
            .iter()
            .filter(|(name, _)| !["hello", "credit", "check"].contains(*name))
            .map(|(_, tally)| tally.count)
            .sum();
        let check = Message::Check(Check {
            rows: [round + 1; 8],
            statements: [0; 8],
            seen: sent,
            answered: 0,
            position: 0,
        });
        for message in [check, Message::Reconcile(Vec::new())] {
            let bytes = message.encode();
            if matches!(message, Message::Reconcile(_)) {
                // the comparison begins when it is looked after
                let ticked = pair.act(0, |session, cx, out| session.tick(cx, out));
                if let Err((0, Fault::Breach(breach))) = ticked {
                    found = found.or(Some(breach));
                    break;
                }
            }
            if let Err((0, Fault::Breach(breach))) =
                pair.act(0, |session, cx, out| session.handle(&bytes, cx, out))
            {
                found = found.or(Some(breach));
            }
        }
        if found.is_some() {
            break;
        }
    }
    assert_eq!(found, Some(Breach::Endless));
}
