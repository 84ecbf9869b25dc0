//! Particular cases.

use synlog_log::identity::{Action, Statement};
use synlog_log::ids::{DeviceId, EntityId, TopicId};
use synlog_log::keys::SecretKey;
use synlog_log::scenario::{Person, START_MS};
use synlog_log::sealed::letter::{Envelope, Invitation, Letter};
use synlog_log::topic::Mode;

use crate::engine::{Input, Source};
use crate::policy::{Follow, Mode as PolicyMode};
use crate::repo::Post;
use crate::world::cast::{Device, device};
use crate::world::{Conditions, Lies, Plan, Record, World};

fn world(hosts: usize, seed: u64) -> World {
    let mut world = World::new(seed);
    world.conditions = Conditions::good(20);
    for _ in 0..hosts {
        world.add_host();
    }
    world
}

fn disk_bytes(world: &World, host: usize) -> usize {
    let life = world.hosts[host].life.as_ref().unwrap();
    life.repo.disk().bytes()
}

#[test]
fn ten_thousand_feeds_of_a_stranger_store_nothing() {
    let mut world = world(3, 1);
    // 0 is honest and has a public topic, in which its friend 1 writes; 2 is a stranger
    let topic = world.found(Plan {
        owner: 0,
        members: &[0, 1],
        keepers: &[],
        mode: Mode::Causal,
        public: true,
    });
    world.hosts[2].interests.topics.insert(topic);
    let genesis = world.hosts[0].disk.records.last().unwrap().clone();
    world.hosts[2].disk.records.push(genesis);
    let mut person = Person::new(99, 1);
    world.start(2);
    let life = world.hosts[2].life.as_mut().unwrap();
    for number in 0..10_000u32 {
        let mut seed = [77; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let key = SecretKey::from_seed(seed);
        let id = DeviceId(key.public());
        // each from an entity of its own; one in a hundred is enough to be sure of that
        if number % 100 == 0 {
            person = Person::new(100 + (number / 100) as u8, 1);
        }
        let certify = Action::Certify {
            device: id,
            acceptance: Statement::acceptance(&person.id(), &key),
            name: "one of many".into(),
        };
        person.state(certify);
        let certificate = person.log.certificate(&id).unwrap().encode();
        let device = Device {
            key,
            id,
            entity: person.id(),
            certificate: certificate.into(),
        };
        life.repo.write_as(
            &device,
            topic,
            &crate::world::payload("test.note", 1, 0),
            START_MS + 1,
        );
    }
    let feeds = life.repo.rows_of(&topic).len();
    assert_eq!(feeds, 10_001);
    world.stop(2, false);
    world.befriend(0, 1, true);
    world.befriend(1, 0, true);
    let node = world.hosts[0].node;
    world.hosts[2].heard.push((node, Source::Record));
    world.start(0);
    world.start(1);
    world.run_for(10_000);
    let before = disk_bytes(&world, 0);
    world.start(2);
    world.run_for(120_000);
    assert_eq!(
        disk_bytes(&world, 0),
        before,
        "bytes of strangers were stored"
    );
    let waiting = world.hosts[0].life.as_ref().unwrap();
    assert_eq!(waiting.repo.waiting_of(&world.hosts[2].node), (0, 0));
    // and friends go on
    world.write(1, topic, 0);
    world.run_for(1_000);
    assert_eq!(world.height_at(0, topic, 1), 1);
    assert!(disk_bytes(&world, 0) > before);
}

#[test]
fn one_honest_pin_among_many_who_lie_is_enough() {
    for seed in 0..3 {
        let mut world = world(20, seed);
        let topic = world.found(Plan {
            owner: 1,
            members: &(0..20).collect::<Vec<_>>(),
            keepers: &[],
            mode: Mode::Causal,
            public: true,
        });
        world.befriend(0, 1, true);
        world.befriend(1, 0, true);
        for liar in 2..20 {
            world.befriend(0, liar, false);
            world.befriend(liar, 0, false);
            world.befriend(liar, 1, false);
            world.hosts[liar].lies = Some(Lies {
                turns_bits: [0, 10][liar % 2],
                omits: [0, 3, 9][liar % 3],
                replays: [7, 0][liar % 2],
                garbage: [0, 11][liar % 2],
                twists: [2, 5, 0][liar % 3],
                claims: [1, 2, 0][liar % 3],
                withholds: [1, 0][liar % 2],
                spoils: [0, 2][liar % 2],
                ..Lies::default()
            });
        }
        for host in (0..20).rev() {
            world.start(host);
        }
        world.run_for(10_000);
        for _ in 0..20 {
            world.write(1, topic, 0);
            world.write(0, topic, 0);
            for liar in 2..20 {
                world.write(liar, topic, 0);
            }
            world.run_for(500);
        }
        world.run_for(60_000);
        assert_eq!(world.height_at(0, topic, 1), 21, "seed {seed}");
        assert_eq!(world.height_at(1, topic, 0), 20, "seed {seed}");
        let rows = |host: usize| {
            let life = world.hosts[host].life.as_ref().unwrap();
            life.repo.rows_of(&topic)
        };
        assert_eq!(rows(0), rows(1), "seed {seed}");
    }
}

#[test]
fn who_is_ten_years_off_says_so_and_does_not_sign() {
    const YEARS_10_MS: i64 = 10 * 365 * 86_400_000;
    for skew_ms in [YEARS_10_MS, -YEARS_10_MS] {
        let mut world = world(3, 5);
        let topic = world.found(Plan {
            owner: 0,
            members: &[0, 1, 2],
            keepers: &[],
            mode: Mode::Ordered,
            public: true,
        });
        for (one, other) in [(0, 1), (1, 0), (2, 0), (2, 1)] {
            world.befriend(one, other, true);
        }
        world.hosts[2].clock_ms = skew_ms;
        for host in 0..3 {
            world.start(host);
        }
        world.run_for(5_000);
        world.write(2, topic, 0);
        world.write(1, topic, 0);
        world.run_for(5_000);
        assert_eq!(world.hosts[2].refused_to_sign, 1);
        let life = world.hosts[2].life.as_ref().unwrap();
        let off = life.engine.clock().may_sign().unwrap_err();
        assert!((off.offset_ms + skew_ms).abs() < 5_000, "{off}");
        assert!(world.counts.clock_notices > 0);
        // those whose clocks are right are not impressed
        for right in [0, 1] {
            let life = world.hosts[right].life.as_ref().unwrap();
            assert!(life.engine.clock().may_sign().is_ok());
        }
        // somebody sets the clock, and all is well
        world.hosts[2].clock_ms = 0;
        world.run_for(6_000);
        world.write(2, topic, 0);
        world.run_for(30_000);
        for host in 0..3 {
            assert_eq!(world.height_at(host, topic, 2), 1, "{host} {skew_ms}");
            assert_eq!(world.height_at(host, topic, 1), 1, "{host} {skew_ms}");
        }
    }
}

#[test]
fn a_keeper_carries_for_two_who_are_never_there_together() {
    let mut world = world(4, 9);
    let topic = world.found(Plan {
        owner: 0,
        members: &[0, 1],
        keepers: &[2],
        mode: Mode::Ordered,
        public: false,
    });
    // 3 is the keeper's friend and nobody else's
    for (one, other) in [(0, 2), (1, 2), (2, 0), (2, 1), (2, 3), (3, 2)] {
        world.befriend(one, other, true);
    }
    world.hosts[3].interests.topics.insert(topic);
    world.start(2);
    world.start(3);
    for round in 1..=3u64 {
        world.start(0);
        world.run_for(70_000);
        world.write(0, topic, 500);
        world.run_for(5_000);
        assert_eq!(world.height_at(0, topic, 1), round - 1);
        world.stop(0, round.is_multiple_of(2));
        world.start(1);
        world.run_for(70_000);
        world.write(1, topic, 500);
        world.run_for(5_000);
        assert!(world.height_at(1, topic, 0) > round);
        world.stop(1, round.is_multiple_of(2));
    }
    // the keeper has all, its friend nothing
    assert_eq!(world.height_at(2, topic, 1), 3);
    let friend = world.hosts[3].life.as_ref().unwrap();
    assert!(!friend.repo.has_topic(&topic));
    let keeps = |record: &Record| matches!(record, Record::Run(_));
    assert!(!friend.repo.disk().records.iter().any(keeps));
}

#[test]
fn nodes_of_different_policy_stay_connected_and_agree_on_the_rest() {
    let mut world = world(4, 3);
    let topic = world.found(Plan {
        owner: 0,
        members: &[0, 1, 2, 3],
        keepers: &[],
        mode: Mode::Causal,
        public: true,
    });
    for (one, other) in [(0, 1), (1, 0), (1, 2), (2, 1), (1, 3), (3, 1)] {
        world.befriend(one, other, true);
    }
    // 0 has shut out 3, whose entries the others take
    let shut_out = world.entity(3);
    world.hosts[0].interests.blocked.insert(shut_out);
    for host in 0..4 {
        world.start(host);
    }
    world.run_for(5_000);
    for round in 0..40 {
        // nobody cites 3: what cites it could not be taken by 0
        world.write_uncited(if round % 2 == 0 { 0 } else { 2 }, topic);
        world.run_for(1_500);
        if round % 10 == 9 {
            world.write_uncited(3, topic);
            world.run_for(1_500);
        }
    }
    world.run_for(60_000);
    assert!(
        world.counts.breaches.is_empty(),
        "{:?}",
        world.counts.breaches
    );
    assert_eq!(world.height_at(0, topic, 2), 20);
    assert_eq!(world.height_at(2, topic, 0), 21);
    assert_eq!(world.height_at(0, topic, 3), 0);
    assert_eq!(world.height_at(1, topic, 3), 4);
}

#[test]
fn a_node_that_a_followed_profile_announces_is_called_by_invitation_too() {
    for (source, called) in [
        (Source::Lan, false),
        (Source::Profile(TopicId([9; 32])), true),
    ] {
        let mut world = world(2, 13);
        let topic = world.found(Plan {
            owner: 0,
            members: &[0, 1],
            keepers: &[],
            mode: Mode::Causal,
            public: true,
        });
        let node = world.hosts[0].node;
        let followed = world.entity(0);
        let host = &mut world.hosts[1];
        host.interests.mode = PolicyMode::Invite;
        host.interests.follows.insert(followed, Follow::default());
        host.heard.push((node, source));
        world.start(0);
        world.start(1);
        world.run_for(1_000);
        world.write(0, topic, 0);
        world.run_for(20_000);
        let height = world.height_at(1, topic, 0);
        assert_eq!(height > 0, called, "{source:?}: {height}");
        // who was blocked is not called, whatever a profile says
        let host = &mut world.hosts[1];
        host.interests.blocked_nodes.insert(node);
        world.stop(1, false);
        world.start(1);
        world.write(0, topic, 1);
        world.run_for(20_000);
        assert_eq!(world.height_at(1, topic, 0), height, "{source:?}");
    }
}

#[test]
fn a_stranger_who_shares_a_topic_hears_of_what_comes_later() {
    let mut world = world(3, 14);
    let topic = world.found(Plan {
        owner: 0,
        members: &[0, 2],
        keepers: &[],
        mode: Mode::Causal,
        public: true,
    });
    let node = world.hosts[0].node;
    for stranger in [1, 2] {
        let host = &mut world.hosts[stranger];
        host.interests.topics.insert(topic);
        host.heard.push((node, Source::Ticket));
    }
    (0..3).for_each(|host| world.start(host));
    world.run_for(10_000);
    assert_eq!(world.height_at(1, topic, 0), 1);
    // its own, and what another brings
    world.write(0, topic, 0);
    world.write(2, topic, 0);
    world.run_for(3_000);
    assert_eq!(world.height_at(1, topic, 0), 2);
    assert_eq!(world.height_at(1, topic, 2), 1);
}

/// A letter by a host's device to the person of another.
fn letter(world: &World, from: usize, to: usize, topic: TopicId) -> (EntityId, Post) {
    let (from, to) = (&world.hosts[from], Person::new(world.hosts[to].person, 1));
    let device = device(from.person, from.device);
    let envelope = Envelope {
        to: to.id(),
        key: &to.encryption().public(),
        now_ms: START_MS,
        certificate: &device.certificate,
    };
    let invitation = Invitation {
        topic,
        run: Vec::new(),
        keys: Vec::new(),
        message: "hello".into(),
    };
    let letter = Letter::write(&device.key, &envelope, &invitation, &[7; 32]).unwrap();
    let post = Post {
        id: letter.hash(),
        topic,
        letter: letter.encode(),
    };
    (to.id(), post)
}

/// Who invites a host's person to what.
fn came_to(world: &World, host: usize) -> Vec<(EntityId, TopicId)> {
    let repo = &world.hosts[host].life.as_ref().unwrap().repo;
    let reader = Person::new(world.hosts[host].person, 1).secrets();
    let letters = repo.inbox.letters().into_iter();
    let mut letters: Vec<_> = letters
        .map(|(_, it)| (it.from, it.letter.open(&reader).unwrap().topic))
        .collect();
    letters.sort_by_key(|(_, topic)| topic.0[0]);
    letters
}

#[test]
fn letters_are_handed_over_by_their_writer_to_their_reader() {
    let mut world = world(4, 15);
    let shared = world.found(Plan {
        owner: 0,
        members: &[0, 1],
        keepers: &[],
        mode: Mode::Causal,
        public: true,
    });
    let node = world.hosts[0].node;
    for host in [1, 2] {
        world.hosts[host].heard.push((node, Source::Ticket));
    }
    world.hosts[1].interests.topics.insert(shared);
    (0..3).for_each(|host| world.start(host));
    let [one, other] = [1, 2].map(|id| TopicId([id; 32]));
    let letters = [
        letter(&world, 0, 1, one),
        letter(&world, 0, 2, other),
        // they share the topic to which this one invites
        letter(&world, 0, 1, shared),
        // somebody else wrote this one
        letter(&world, 3, 1, other),
    ];
    world.hosts[0].life.as_mut().unwrap().repo.letters = letters.into();
    // at once, not when links are next looked after
    world.run_for(3_000);
    let came = |host: usize| came_to(&world, host);
    let writer = world.entity(0);
    assert_eq!(came(0), []);
    assert_eq!(came(1), [(writer, one)]);
    assert_eq!(came(2), [(writer, other)]);
    // on a link that stands they need no other message to go along with
    let third = TopicId([3; 32]);
    let (to, post) = letter(&world, 0, 2, third);
    let writers = &mut world.hosts[0].life.as_mut().unwrap().repo.letters;
    writers.push((to, post));
    world.feed(0, Input::LetterWritten { to });
    world.run_for(1_000);
    assert_eq!(came_to(&world, 2), [(writer, other), (writer, third)]);
}

#[test]
fn what_came_is_confirmed_soon() {
    let mut world = world(2, 16);
    let topic = world.found(Plan {
        owner: 0,
        members: &[0, 1],
        keepers: &[],
        mode: Mode::Causal,
        public: false,
    });
    world.befriend(0, 1, true);
    world.befriend(1, 0, true);
    (0..2).for_each(|host| world.start(host));
    world.run_for(70_000);
    let receipts = |world: &World| world.hosts[0].life.as_ref().unwrap().repo.receipts.len();
    let before = receipts(&world);
    world.write(0, topic, 0);
    world.run_for(1_000);
    assert_eq!(world.height_at(1, topic, 0), 2);
    assert_eq!(receipts(&world), before + 1);
}
