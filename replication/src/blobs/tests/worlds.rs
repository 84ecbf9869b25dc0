//! Blobs in simulated networks: liars, lost links, crashes, quotas, strangers.

use synlog_log::ids::TopicId;
use synlog_log::topic::Mode;

use crate::blobs::{BlobKey, GROUP_BYTES};
use crate::world::{Conditions, Plan, World};

const KIB: usize = 1024;

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| ((at * 7) >> 4) as u8).collect()
}

/// Hosts who all are members of a topic of the first.
fn world(hosts: usize, links: &[(usize, usize)], public: bool, seed: u64) -> (World, TopicId) {
    let mut world = World::new(seed);
    world.conditions = Conditions::good(20);
    for _ in 0..hosts {
        world.add_host();
    }
    let members: Vec<usize> = (0..hosts).collect();
    let topic = world.found(Plan {
        owner: 0,
        members: &members,
        keepers: &[],
        mode: Mode::Causal,
        public,
    });
    for (one, other) in links {
        world.befriend(*one, *other, true);
        world.befriend(*other, *one, true);
    }
    (0..hosts).for_each(|host| world.start(host));
    world.run_for(20_000);
    (world, topic)
}

fn published(world: &mut World, topic: TopicId, bytes: usize) -> BlobKey {
    let key = world.publish_blob(0, topic, &content(bytes));
    world.run_for(10_000);
    key
}

fn repo(world: &mut World, host: usize) -> &mut crate::world::MemoryRepo {
    &mut world.hosts[host].life.as_mut().unwrap().repo
}

fn wishes(world: &World, host: usize) -> usize {
    world.hosts[host]
        .life
        .as_ref()
        .unwrap()
        .engine
        .blobs()
        .wishes()
        .count()
}

#[test]
fn a_member_gets_what_an_entry_names() {
    for (public, bytes) in [
        (true, 1),
        (true, 100 * KIB),
        (false, 16 * KIB),
        (false, 900 * KIB),
    ] {
        let (mut world, topic) = world(2, &[(0, 1)], public, 1);
        let key = published(&mut world, topic, bytes);
        world.want_blob(1, key, Some(bytes as u64));
        world.run_for(20_000);
        assert!(world.has_blob(1, &key.1), "{public} {bytes}");
        assert_eq!(wishes(&world, 1), 0);
        assert!(world.counts.breaches.is_empty());
    }
}

#[test]
fn the_size_need_not_be_known() {
    let (mut world, topic) = world(2, &[(0, 1)], true, 2);
    let key = published(&mut world, topic, 300 * KIB);
    world.want_blob(1, key, None);
    world.run_for(20_000);
    assert!(world.has_blob(1, &key.1));
}

#[test]
fn it_comes_through_neighbours_and_no_farther_than_so_many() {
    // a chain: each passes the want on, the first with two hops left
    for (hosts, comes) in [(3, true), (4, true), (5, false)] {
        let links: Vec<(usize, usize)> = (1..hosts).map(|it| (it - 1, it)).collect();
        let (mut world, topic) = world(hosts, &links, true, 3);
        let key = published(&mut world, topic, 50 * KIB);
        world.run_for(60_000);
        world.want_blob(hosts - 1, key, None);
        world.run_for(60_000);
        assert_eq!(world.has_blob(hosts - 1, &key.1), comes, "{hosts} in a row");
        // who only passed it on looks for it no more
        for host in 1..hosts - 1 {
            assert!(wishes(&world, host) == 0 || !comes, "{host} of {hosts}");
        }
    }
}

#[test]
fn a_ring_asks_each_other_once_and_ends() {
    let (mut world, topic) = world(4, &[(0, 1), (1, 2), (2, 3), (3, 1)], true, 4);
    let key = published(&mut world, topic, 80 * KIB);
    world.run_for(30_000);
    // nobody has it but 0, who is away
    world.stop(0, true);
    world.run_for(5_000);
    for host in 1..4 {
        world.want_blob(host, key, None);
    }
    let steps = world.counts.steps;
    world.run_for(60_000);
    assert!(
        world.counts.steps - steps < 2_000,
        "{}",
        world.counts.steps - steps
    );
    world.start(0);
    world.run_for(60_000);
    for host in 1..4 {
        assert!(world.has_blob(host, &key.1));
    }
}

#[test]
fn who_lies_is_found_out_and_another_is_asked() {
    for spoils in [true, false] {
        let (mut world, topic) = world(3, &[(0, 2), (1, 2), (0, 1)], true, 5);
        let key = published(&mut world, topic, 200 * KIB);
        world.want_blob(1, key, None);
        world.run_for(20_000);
        assert!(world.has_blob(1, &key.1));
        let liar = repo(&mut world, 0).blobs();
        if spoils {
            liar.spoils = true;
        } else {
            // the same number of groups, but not the same size
            liar.boasts = 5;
        }
        world.want_blob(2, key, None);
        world.run_for(30_000);
        assert!(world.has_blob(2, &key.1), "{spoils}");
        // a liar alone brings nothing, and nothing wrong is stored
        world.stop(1, true);
        world.stop(2, true);
        world.hosts[2].disk.blobs = Default::default();
        world.hosts[2].disk.blobs.name(key, None);
        world.start(2);
        world.run_for(10_000);
        world.want_blob(2, key, None);
        world.run_for(60_000);
        assert!(!world.has_blob(2, &key.1));
        assert_eq!(repo(&mut world, 2).blobs().held(&key.1), 0);
        world.start(1);
        world.run_for(60_000);
        assert!(world.has_blob(2, &key.1), "{spoils}");
    }
}

#[test]
fn several_bring_pieces_and_none_twice() {
    let (mut world, topic) = world(3, &[(0, 2), (1, 2), (0, 1)], true, 6);
    let key = published(&mut world, topic, 3_000 * KIB);
    world.want_blob(1, key, None);
    world.run_for(60_000);
    assert!(world.has_blob(1, &key.1));
    world.want_blob(2, key, None);
    world.run_for(60_000);
    assert!(world.has_blob(2, &key.1));
    let blobs = repo(&mut world, 2).blobs();
    assert_eq!(blobs.twice, 0);
}

#[test]
fn it_goes_on_where_it_was_broken_off() {
    let (mut world, topic) = world(2, &[(0, 1)], true, 7);
    let bytes = 8_000 * KIB;
    let key = published(&mut world, topic, bytes);
    world.want_blob(1, key, Some(bytes as u64));
    let mut held = 0;
    for round in 0..200 {
        world.run_for(37);
        let now = repo(&mut world, 1).blobs().held(&key.1);
        if now > held && now > 100 {
            held = now;
            break;
        }
        assert!(round < 199, "nothing came");
    }
    // once by a crash of this side, once of the other
    for host in [1, 0] {
        world.stop(host, false);
        world.run_for(3_000);
        world.start(host);
        world.run_for(2_000);
        world.want_blob(1, key, Some(bytes as u64));
        world.run_for(60);
    }
    assert!(repo(&mut world, 1).blobs().held(&key.1) >= held || world.has_blob(1, &key.1));
    world.run_for(120_000);
    assert!(world.has_blob(1, &key.1));
    let blobs = repo(&mut world, 1).blobs();
    assert_eq!(blobs.twice, 0, "what was held was asked for again");
    assert!(blobs.pieces <= (bytes as u64).div_ceil(GROUP_BYTES * 4) + 8);
}

#[test]
fn a_stranger_gets_nothing() {
    let mut world = World::new(8);
    world.conditions = Conditions::good(20);
    (0..3).for_each(|_| {
        world.add_host();
    });
    let plan = |public: bool| Plan {
        owner: 0,
        members: &[0, 1],
        keepers: &[],
        mode: Mode::Causal,
        public,
    };
    let secret = world.found(plan(false));
    let board = world.found(plan(true));
    for other in [1, 2] {
        world.befriend(0, other, true);
        world.befriend(other, 0, true);
    }
    // 2 knows the ids and wants both; it may have the public one only
    world.hosts[2].interests.topics.extend([secret, board]);
    world.secrets.clear();
    (0..3).for_each(|host| world.start(host));
    world.run_for(20_000);
    let hidden = published(&mut world, secret, 40 * KIB);
    let shown = published(&mut world, board, 40 * KIB + 1);
    // it knows the hash: neither in the private topic nor, where no entry names it, in the
    // public one is it served
    for key in [hidden, (board, hidden.1)] {
        world.want_blob(2, key, None);
        world.run_for(60_000);
        assert!(!world.has_blob(2, &hidden.1));
    }
    world.want_blob(2, shown, None);
    world.run_for(30_000);
    assert!(world.has_blob(2, &shown.1));
    // one who left the topic gets nothing any more
    let later = published(&mut world, secret, 20 * KIB);
    for host in 0..2 {
        let gone = world.entity(1);
        let life = world.hosts[host].life.as_mut().unwrap();
        life.repo
            .audiences
            .get_mut(&secret)
            .unwrap()
            .members
            .remove(&gone);
    }
    world.want_blob(1, later, None);
    world.run_for(60_000);
    assert!(!world.has_blob(1, &later.1));
}

#[test]
fn who_keeps_a_private_topic_holds_what_members_offer() {
    let mut world = World::new(9);
    world.conditions = Conditions::good(20);
    (0..3).for_each(|_| {
        world.add_host();
    });
    let topic = world.found(Plan {
        owner: 0,
        members: &[0, 1],
        keepers: &[2],
        mode: Mode::Causal,
        public: false,
    });
    for other in [0, 1] {
        world.befriend(2, other, true);
        world.befriend(other, 2, true);
    }
    world.secrets.clear();
    world.start(0);
    world.start(2);
    world.run_for(20_000);
    let key = published(&mut world, topic, 120 * KIB);
    world.run_for(30_000);
    assert!(world.has_blob(2, &key.1));
    // 0 is away when 1 comes
    world.stop(0, true);
    world.start(1);
    world.run_for(20_000);
    world.want_blob(1, key, None);
    world.run_for(20_000);
    assert!(world.has_blob(1, &key.1));
}

#[test]
fn quotas_hold_for_oneself_and_for_others() {
    let (mut world, topic) = world(3, &[(0, 1), (1, 2)], true, 10);
    repo(&mut world, 1).blobs().quota_bytes = 150 * 1024;
    let small = published(&mut world, topic, 100 * KIB);
    let large = published(&mut world, topic, 100 * KIB + 1);
    world.want_blob(1, small, None);
    world.run_for(20_000);
    assert!(world.has_blob(1, &small.1));
    world.want_blob(1, large, None);
    // 2 gets it only through 1
    world.want_blob(2, large, None);
    world.run_for(60_000);
    assert!(!world.has_blob(1, &large.1));
    assert!(!world.has_blob(2, &large.1));
    let state = world.hosts[1]
        .life
        .as_ref()
        .unwrap()
        .engine
        .blobs()
        .wishes()
        .next();
    assert!(state.unwrap().no_room);
    repo(&mut world, 1).blobs().quota_bytes = u64::MAX;
    world.run_for(60_000);
    assert!(world.has_blob(1, &large.1));
    world.run_for(60_000);
    assert!(world.has_blob(2, &large.1));
}

#[test]
fn damage_is_noticed_and_fetched_anew() {
    let (mut world, topic) = world(3, &[(0, 1), (1, 2)], true, 11);
    let key = published(&mut world, topic, 200 * KIB);
    world.want_blob(1, key, None);
    world.run_for(20_000);
    repo(&mut world, 1).blobs().damage(&key.1, 100 * KIB);
    world.want_blob(2, key, None);
    // what 1 has is found to be damaged, dropped, and fetched for 2
    world.run_for(90_000);
    assert!(world.has_blob(2, &key.1));
}

#[test]
fn entries_go_first() {
    let (mut world, topic) = world(2, &[(0, 1)], true, 12);
    let key = published(&mut world, topic, 20_000 * KIB);
    world.want_blob(1, key, None);
    world.run_for(500);
    let before = world.height_at(1, topic, 0);
    for _ in 0..50 {
        world.write(0, topic, 100);
    }
    world.run_for(300);
    assert_eq!(world.height_at(1, topic, 0), before + 50);
    assert!(
        !world.has_blob(1, &key.1),
        "it was too small to be in the way"
    );
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = || {
        let (mut world, topic) = world(3, &[(0, 1), (1, 2), (0, 2)], true, 13);
        let key = published(&mut world, topic, 500 * KIB);
        world.want_blob(1, key, None);
        world.want_blob(2, key, None);
        world.run_for(30_000);
        world.trace()
    };
    assert_eq!(run(), run());
}
