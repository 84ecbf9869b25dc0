//! Thousands of entries with forks, late entries, hand-overs and takeovers, in
//! many orders of arrival: one sequence.

use synlog_log::cbor::Value;
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

use crate::hard_cases::Lcg;

/// Writes `count` entries by random writers on random branches.
pub fn random_world(mode: Mode, count: usize, seed: u64) -> World {
    let mut random = Lcg(seed);
    let mut people: Vec<Person> = (0..5).map(|n| Person::new(1 + n * 40, 2)).collect();
    let members: Vec<(&Person, &str)> = people[1..4]
        .iter()
        .map(|person| (person, "member"))
        .collect();
    let mut world = World::new(&people[0], 0, &genesis(mode, &members));
    // heads of each (person, device); several where it forked
    let mut heads: Vec<((usize, usize), EntryId)> = vec![((0, 0), world.genesis())];
    let mut sequencer = (0, 0);
    let mut all = vec![world.genesis()];
    let mut statements = 0;
    while world.written.len() < count {
        let who = if random.below(3) == 0 {
            sequencer
        } else {
            (random.below(people.len()), random.below(2))
        };
        let own: Vec<usize> = (0..heads.len())
            .filter(|index| heads[*index].0 == who)
            .collect();
        let at = if own.is_empty() {
            None
        } else {
            Some(own[random.below(own.len())])
        };
        let after = at.map(|index| heads[index].1);
        let fork = random.below(400) == 0;
        let deps: Vec<EntryId> = (0..random.below(4))
            .map(|_| {
                // mostly recent ones, now and then an old one
                let back = if random.below(5) == 0 {
                    all.len()
                } else {
                    all.len().min(30)
                };
                all[all.len() - 1 - random.below(back)]
            })
            .collect();
        let person = &people[who.0];
        let id32 = |id: [u8; 32]| Value::Bytes(id.to_vec());
        let roll = random.below(1_000);
        let (kind, body) = if roll < 8 && who == sequencer && after.is_some() {
            let to = (random.below(people.len()), random.below(2));
            if to == who {
                continue;
            }
            sequencer = to;
            let device = people[to.0].device(to.1);
            (
                "topic.handover",
                Value::map([("next", id32(device.0)), ("head", Value::Null)]),
            )
        } else if roll < 12 && after.is_some() && statements < 12 {
            statements += 1;
            let device = people[who.0].device(1 - who.1);
            let statement = people[who.0].state(Action::Revoke { device });
            (
                "topic.identity",
                World::statement_body(&people[who.0], &statement),
            )
        } else if roll < 18 && who == sequencer {
            let entity = people[random.below(people.len())].id();
            if random.below(2) == 0 {
                ("topic.remove", Value::map([("entity", id32(entity.0))]))
            } else {
                let role = Value::Text("member".into());
                (
                    "topic.member",
                    Value::map([("entity", id32(entity.0)), ("role", role)]),
                )
            }
        } else if roll < 26 {
            let (old, Some(head)) = (who, after) else {
                continue;
            };
            let next = (who.0, 1 - who.1);
            let seq = world
                .written
                .iter()
                .find(|written| written.id == head)
                .map(|written| {
                    synlog_log::run::RunView::decode(&written.run)
                        .unwrap()
                        .first()
                        .seq
                })
                .unwrap();
            let action = Action::Takeover {
                topic: world.topic,
                old: person.device(old.1),
                last_seq: seq,
                head,
                next: person.device(next.1),
            };
            let statement = people[who.0].state(action);
            let body = World::statement_body(&people[who.0], &statement);
            let next_head = heads.iter().position(|(of, _)| *of == next);
            // the genesis feed of the owner's first device can't begin again
            if next_head.is_none() && next == (0, 0) {
                continue;
            }
            let after = next_head.map(|index| heads[index].1);
            let id = world.write(
                &people[next.0],
                next.1,
                after,
                &[head],
                "topic.takeover",
                body,
            );
            match next_head {
                Some(index) => heads[index].1 = id,
                None => heads.push((next, id)),
            }
            if old == sequencer {
                sequencer = next;
            }
            all.push(id);
            continue;
        } else if who == sequencer && roll.is_multiple_of(2) {
            ("topic.ack", Value::Map(Vec::new()))
        } else {
            ("note.put", Value::map([("n", Value::Int(roll as i64))]))
        };
        let id = world.write(&people[who.0], who.1, after, &deps, kind, body);
        match at {
            Some(index) if !fork => heads[index].1 = id,
            _ => heads.push((who, id)),
        }
        all.push(id);
    }
    world
}

fn check(mode: Mode, count: usize, orders: u64, seed: u64) {
    let world = random_world(mode, count, seed);
    let runs: Vec<&[u8]> = world
        .written
        .iter()
        .map(|written| &written.run[..])
        .collect();
    let mut first = Node::new();
    runs.iter().for_each(|run| first.receive(run));
    assert!(first.refused.is_empty(), "{:?}", first.refused);
    let digest = first.digest();
    let lines: Vec<_> = first.order().lines().collect();
    assert_eq!(lines.len(), world.written.len());
    if std::env::var_os("SYNLOG_SHOW").is_some() {
        let mut counts = std::collections::BTreeMap::new();
        lines.iter().for_each(|line| {
            *counts
                .entry((line.status.word(), line.status.text()))
                .or_insert(0) += 1
        });
        let order = first.order();
        println!(
            "{mode:?} seed {seed}: {counts:?}, {} legs, {:?}",
            order.legs().len(),
            order.state()
        );
    }
    for order in 0..orders {
        let mut random = Lcg(seed * 1_000 + order);
        let mut indexes: Vec<usize> = (0..runs.len()).collect();
        // from slightly late entries to a full shuffle
        if order % 4 == 0 {
            random.shuffle(&mut indexes);
        } else {
            let reach = 2 + random.below(runs.len() / 4);
            indexes.sort_by_cached_key(|index| index + random.below(reach));
        }
        let mut node = Node::new();
        let steps = 1 + random.below(20);
        for (number, index) in indexes.into_iter().enumerate() {
            node.receive_verified(runs[index]);
            if number % (runs.len() / steps + 1) == 0 {
                node.digest();
            }
        }
        if node.digest() != digest {
            let other: Vec<_> = node.order().lines().collect();
            let at = lines.iter().zip(&other).position(|(a, b)| a != b);
            panic!(
                "{mode:?} seed {seed} order {order}: differs at {at:?} of {}: {:?} / {:?}",
                lines.len(),
                at.map(|at| lines[at].clone()),
                at.map(|at| other[at].clone())
            );
        }
    }
}

#[test]
fn five_thousand_entries_in_two_hundred_orders_ordered() {
    check(Mode::Ordered, 5_000, 200, 1);
}

#[test]
fn five_thousand_entries_in_two_hundred_orders_causal() {
    check(Mode::Causal, 5_000, 200, 2);
}

#[test]
fn small_worlds_of_many_seeds() {
    for seed in 10..60 {
        check(Mode::Ordered, 150, 12, seed);
        check(Mode::Causal, 150, 12, seed);
    }
}
