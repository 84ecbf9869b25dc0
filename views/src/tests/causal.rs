//! Late entries of causal topics fold again little; sequenced ones nothing.

use proptest::prelude::*;
use synlog_log::cbor::Value;
use synlog_log::ids::EntryId;
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

use super::world::{Fixture, Source, node};

/// One aggregate of many events, and writers who write one late entry each.
fn thread(length: usize, late: &[usize]) -> (World, Vec<EntryId>) {
    let people: Vec<Person> = (0..=late.len() as u8)
        .map(|n| Person::new(1 + n * 20, 1))
        .collect();
    let members: Vec<(&Person, &str)> = people.iter().skip(1).map(|it| (it, "m")).collect();
    let mut world = World::new(&people[0], 0, &genesis(Mode::Causal, &members));
    let mut last = world.genesis();
    let mut lates = vec![EntryId([0; 32]); late.len()];
    let body = |n: usize| {
        Value::map([
            ("n", Value::Int(n as i64 * 5 + 1)),
            ("key", Value::Text("k".into())),
        ])
    };
    // n such that all go to the one key
    let fits = |n: &usize| !(n * 5 + 1).is_multiple_of(11) && (n * 5 + 1) % 13 != 12;
    for (number, n) in (0..).filter(fits).take(length).enumerate() {
        last = world.write(&people[0], 0, Some(last), &[], "note.put", body(n));
        for (who, at) in late.iter().enumerate() {
            if *at == number {
                lates[who] = world.write(&people[who + 1], 0, None, &[], "note.put", body(0));
            }
        }
    }
    (world, lates)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_late_event_folds_again_at_most_twice_its_distance(
        length in 1usize..250,
        late in proptest::collection::vec(0usize..250, 1..4),
        chunk in prop_oneof![Just(3), Just(1_000)],
    ) {
        let late: Vec<usize> = late.into_iter().map(|at| at % length).collect();
        let (world, lates) = thread(length, &late);
        let mut held = Node::new();
        let mut fixture = Fixture::new(Source::of(&world), chunk);
        for written in world.written.iter().filter(|it| !lates.contains(&it.id)) {
            held.receive_verified(&written.run);
        }
        held.order().settle();
        prop_assert_eq!(fixture.update(held.order()).refolded, 0);
        for (late, at) in lates.iter().zip(&late) {
            let written = world.written.iter().find(|it| it.id == *late).unwrap();
            held.receive_verified(&written.run);
            held.order().settle();
            let lines: Vec<EntryId> = held.order().lines().map(|line| line.id).collect();
            let distance = lines.len() - 1 - lines.iter().position(|id| id == late).unwrap();
            let update = fixture.update(held.order());
            prop_assert_eq!(update.folded, 1);
            prop_assert!(
                update.refolded as usize <= (2 * distance).max(distance + 8),
                "{} events again for {distance} of {length}, late at {at}", update.refolded
            );
        }
        let mut fresh = Fixture::new(Source::of(&world), 1_000);
        fresh.update(node(&world).order());
        prop_assert_eq!(fixture.whole(&world.topic), fresh.whole(&world.topic));
    }
}

#[test]
fn sequenced_events_are_never_folded_again() {
    let (owner, client) = (Person::new(1, 1), Person::new(50, 1));
    let mut world = World::new(&owner, 0, &genesis(Mode::Ordered, &[(&client, "m")]));
    let (mut last, mut clients) = (world.genesis(), None);
    let mut held = Node::new();
    let mut fixture = Fixture::new(Source::default(), 1_000);
    for n in 0..60 {
        let body = Value::map([
            ("n", Value::Int(n % 7 + 1)),
            ("key", Value::Text("k".into())),
        ]);
        let id = world.write(&client, 0, clients, &[last], "stock.add", body.clone());
        clients = Some(id);
        if n % 5 == 4 {
            last = world.write(
                &owner,
                0,
                Some(last),
                &[id],
                "topic.ack",
                Value::Map(Vec::new()),
            );
        }
        for written in &world.written {
            held.receive_verified(&written.run);
            fixture.source.add(&written.run);
        }
        held.order().settle();
        let before = fixture.shop.folded;
        let update = fixture.update(held.order());
        // with the decision the five are folded once as sequenced ones
        let expected = if n % 5 == 4 { 5 } else { 1 };
        assert_eq!((update.folded, update.refolded), (expected, 0));
        assert_eq!(fixture.shop.folded - before, expected);
    }
}
