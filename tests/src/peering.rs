//! The store of a node as replication sees it: rows that are the same everywhere, runs
//! in an order in which nothing waits.

use std::collections::BTreeMap;
use std::path::Path;

use synlog_log::cbor::Value;
use synlog_log::identity::{Action, SignedStatement};
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};
use synlog_log::payload::PayloadBuilder;
use synlog_log::run::RunView;
use synlog_log::scenario::{Person, START_MS, World, genesis};
use synlog_log::topic::{Mode, Visibility};
use synlog_node::home::Home;
use synlog_node::node::Node;
use synlog_node::peering::Peering;
use synlog_replication::peer::{NodeId, Peer, Proven};
use synlog_replication::repo::{Access, Repo};
use synlog_replication::row::Row;

const NOW_MS: u64 = START_MS + 3_600_000;
const SOMEBODY: NodeId = NodeId([7; 32]);

fn open(folder: &Path) -> Node {
    let home = Home::at(folder);
    if home.exists() {
        // a process that another test starts holds the lock until it has become the other program
        let again = |_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Node::open(home.clone()).ok()
        };
        (0..100).find_map(again).unwrap()
    } else {
        Node::init(home, "desk", START_MS).unwrap()
    }
}

fn body(n: i64) -> Value {
    Value::map([("n", Value::Int(n))])
}

/// Two people who answer each other, entry by entry.
fn talk(entries: i64) -> (Person, Person, World) {
    let (anna, ben) = (Person::new(1, 1), Person::new(2, 1));
    let mut world = World::new(&anna, 0, &genesis(Mode::Causal, &[(&ben, "client")]));
    let (mut of_anna, mut of_ben) = (world.genesis(), None);
    let mut last = world.genesis();
    for n in 0..entries {
        if n % 2 == 0 {
            last = world.write(&ben, 0, of_ben, &[last], "note.put", body(n));
            of_ben = Some(last);
        } else {
            last = world.write(&anna, 0, Some(of_anna), &[last], "note.put", body(n));
            of_anna = last;
        }
    }
    (anna, ben, world)
}

fn runs_of(world: &World) -> Vec<Vec<u8>> {
    world
        .written
        .iter()
        .map(|written| written.run.clone())
        .collect()
}

/// Everything of a topic as a peer that has nothing is sent it.
fn sent(repo: &Peering<'_>, topic: &TopicId, max_bytes: usize) -> Vec<Vec<u8>> {
    let mut all: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for row in repo.rows(topic).unwrap() {
        let mut seq = 0;
        while seq < row.height {
            let runs = repo.runs(&row.feed, seq, max_bytes).unwrap();
            assert!(!runs.is_empty());
            for (position, run) in runs {
                let view = RunView::decode(&run).unwrap();
                assert_eq!((view.feed, view.first().seq), (row.feed, seq));
                assert!(view.signature.is_some());
                seq = view.last().seq + 1;
                all.insert(position, run);
            }
        }
    }
    all.into_values().collect()
}

#[test]
fn in_the_order_of_arrival_nothing_waits() {
    let (_, _, world) = talk(40);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [mut giver, mut taker] = folders.each_ref().map(|folder| open(folder.path()));
    let mut giver = Peering::new(&mut giver);
    let taken = giver.take_in(SOMEBODY, runs_of(&world), NOW_MS).unwrap();
    assert_eq!(taken.fresh_entries, 41);
    assert!(taken.missing.is_empty() && taken.refused.is_empty());
    let mut taker = Peering::new(&mut taker);
    for max_bytes in [1, 700, 1 << 20] {
        let taken = taker
            .take_in(SOMEBODY, sent(&giver, &world.topic, max_bytes), NOW_MS)
            .unwrap();
        assert!(taken.missing.is_empty(), "{:?}", taken.missing);
    }
    assert_eq!(
        giver.rows(&world.topic).unwrap(),
        taker.rows(&world.topic).unwrap()
    );
    assert_eq!(taker.topics(), [world.topic]);
}

#[test]
fn what_waits_names_what_it_waits_for() {
    let (_, _, world) = talk(6);
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let mut repo = Peering::new(&mut node);
    let mut runs = runs_of(&world);
    let held_back = runs.remove(3);
    let taken = repo.take_in(SOMEBODY, runs, NOW_MS).unwrap();
    assert_eq!(taken.missing, [(world.topic, world.written[3].id)]);
    assert_eq!(taken.fresh_entries, 3);
    // what it waited for lets it in
    let taken = repo.take_in(SOMEBODY, vec![held_back], NOW_MS).unwrap();
    assert_eq!((taken.fresh_entries, taken.advanced.len()), (4, 2));
    let run = repo
        .run_with(&world.topic, &world.written[5].id)
        .unwrap()
        .unwrap();
    assert_eq!(
        RunView::decode(&run).unwrap().last().id,
        world.written[5].id
    );
    assert_eq!(
        repo.run_with(&TopicId([9; 32]), &world.written[5].id)
            .unwrap(),
        None
    );
    assert_eq!(
        repo.run_with(&world.topic, &EntryId([9; 32])).unwrap(),
        None
    );
}

#[test]
fn the_row_of_a_forked_feed_ends_under_the_fork_whatever_came_first() {
    let anna = Person::new(1, 1);
    let mut world = World::new(&anna, 0, &genesis(Mode::Ordered, &[]));
    let mut at = world.genesis();
    for n in 0..4 {
        at = world.write(&anna, 0, Some(at), &[], "note.put", body(n));
    }
    let one = world.write(&anna, 0, Some(at), &[], "note.put", body(10));
    let further = world.write(&anna, 0, Some(one), &[], "note.put", body(11));
    let other = world.write(&anna, 0, Some(at), &[], "note.put", body(20));
    let by_id: BTreeMap<EntryId, Vec<u8>> = world
        .written
        .iter()
        .map(|written| (written.id, written.run.clone()))
        .collect();
    let trunk: Vec<Vec<u8>> = world.written[..5]
        .iter()
        .map(|written| written.run.clone())
        .collect();
    let mut rows: Vec<Row> = Vec::new();
    for branches in [
        vec![one, further, other],
        vec![other, one],
        vec![other, one, further],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut node = open(folder.path());
        let mut repo = Peering::new(&mut node);
        repo.take_in(SOMEBODY, trunk.clone(), NOW_MS).unwrap();
        for id in &branches {
            repo.take_in(SOMEBODY, vec![by_id[id].clone()], NOW_MS)
                .unwrap();
        }
        let row = repo.rows(&world.topic).unwrap()[0];
        assert_eq!(
            (row.height, row.head, row.forked_at),
            (5, Some(at), Some(5))
        );
        assert!(repo.fork_proof(&row.feed).unwrap().is_some());
        rows.push(row);
        let served = repo.runs(&row.feed, 0, 1 << 20).unwrap();
        assert_eq!(
            served.len(),
            5,
            "nothing beyond the fork is offered unasked"
        );
    }
    assert!(rows.iter().all(|row| *row == rows[0]));
    // who has only the proof cuts at the same place
    let folder = tempfile::tempdir().unwrap();
    let mut first = open(folder.path());
    let mut first = Peering::new(&mut first);
    first
        .take_in(
            SOMEBODY,
            [&trunk[..], &[by_id[&one].clone(), by_id[&other].clone()]].concat(),
            NOW_MS,
        )
        .unwrap();
    let proof = first.fork_proof(&rows[0].feed).unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut second = open(folder.path());
    let mut second = Peering::new(&mut second);
    second
        .take_in(
            SOMEBODY,
            [&trunk[..], &[by_id[&one].clone()]].concat(),
            NOW_MS,
        )
        .unwrap();
    assert_eq!(second.take_in_proof(&proof).unwrap(), Some(rows[0]));
    assert_eq!(second.take_in_proof(&proof).unwrap(), None);
    assert!(second.take_in_proof(&proof[..proof.len() - 1]).is_err());
}

#[test]
fn what_went_on_since_a_position_is_told_once_in_order() {
    let (anna, ben, world) = talk(10);
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let mut repo = Peering::new(&mut node);
    let runs = runs_of(&world);
    repo.take_in(SOMEBODY, runs[..6].to_vec(), NOW_MS).unwrap();
    let key = |device: DeviceId| FeedKey {
        author: device,
        topic: world.topic,
    };
    let since = |repo: &Peering<'_>, position| {
        let rows = repo.advanced_since(position, 10).unwrap();
        rows.into_iter()
            .map(|(_, advance)| advance.row.feed)
            .collect::<Vec<_>>()
    };
    // entry 5 is the last of these, by the second to speak
    assert_eq!(since(&repo, 0), [key(anna.device(0)), key(ben.device(0))]);
    let end = repo.end();
    assert!(since(&repo, end).is_empty());
    repo.take_in(SOMEBODY, runs[6..7].to_vec(), NOW_MS).unwrap();
    assert_eq!(since(&repo, end).len(), 1);
    assert_eq!(repo.advanced_since(0, 1).unwrap().len(), 1);
    node.close().unwrap();
    // the same after it was opened again
    let mut node = open(folder.path());
    let repo = Peering::new(&mut node);
    assert_eq!(since(&repo, end).len(), 1);
    assert_eq!(since(&repo, 0).len(), 2);
}

#[test]
fn a_private_topic_is_for_those_it_names() {
    let (mut anna, ben) = (Person::new(1, 2), Person::new(2, 1));
    let mut private = genesis(Mode::Ordered, &[]);
    private.visibility = Visibility::Private;
    let world = World::new(&anna, 0, &private);
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let mut repo = Peering::new(&mut node);
    repo.take_in(SOMEBODY, runs_of(&world), NOW_MS).unwrap();
    let peer = |proven| Peer {
        node: SOMEBODY,
        proven,
    };
    let as_device = |person: &Person, index| {
        let (device, entity) = (person.device(index), person.id());
        peer(Some(Proven { device, entity }))
    };
    // who can't read it knows only whose it is
    for (who, access) in [
        (as_device(&anna, 0), Access::Member),
        (as_device(&anna, 1), Access::Member),
        (as_device(&ben, 0), Access::Nothing),
        (peer(None), Access::Nothing),
    ] {
        assert_eq!(repo.access(&world.topic, &who), access);
        assert_eq!(repo.access(&TopicId([5; 32]), &who), Access::Nothing);
    }
    // a device that was revoked has a certificate still
    let (lost, kept) = (as_device(&anna, 1), as_device(&anna, 0));
    let device = anna.device(1);
    anna.state(Action::Revoke { device });
    for statement in anna.log.statements().map(SignedStatement::encode) {
        assert!(repo.take_in_statement(&statement).unwrap());
        assert!(!repo.take_in_statement(&statement).unwrap());
    }
    assert_eq!(repo.access(&world.topic, &lost), Access::Nothing);
    assert_eq!(repo.access(&world.topic, &kept), Access::Member);
}

#[test]
fn a_damaged_feed_is_asked_for_from_the_damage_on() {
    let (_, _, world) = talk(30);
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let mut repo = Peering::new(&mut node);
    repo.take_in(SOMEBODY, runs_of(&world)[..20].to_vec(), NOW_MS)
        .unwrap();
    repo.take_in(SOMEBODY, runs_of(&world)[20..].to_vec(), NOW_MS)
        .unwrap();
    let whole = repo.rows(&world.topic).unwrap();
    node.close().unwrap();
    let segment = std::fs::read_dir(folder.path().join("store/segments")).unwrap();
    let segment = segment.map(|entry| entry.unwrap().path()).min().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&segment, &bytes).unwrap();
    let mut node = open(folder.path());
    node.scrub(&mut |_, _| {}).unwrap();
    let mut repo = Peering::new(&mut node);
    let rows = repo.rows(&world.topic).unwrap();
    let short = |rows: &[Row]| rows.iter().map(|row| row.height).sum::<u64>();
    assert!(short(&rows) < short(&whole), "{rows:?}");
    repo.take_in(SOMEBODY, runs_of(&world), NOW_MS).unwrap();
    assert_eq!(repo.rows(&world.topic).unwrap(), whole);
}

#[test]
fn members_are_told_alike_with_and_without_the_order() {
    let (anna, ben, cara) = (Person::new(1, 1), Person::new(2, 1), Person::new(3, 1));
    let mut world = World::new(&anna, 0, &genesis(Mode::Ordered, &[(&ben, "client")]));
    let note = world.write(&anna, 0, Some(world.genesis()), &[], "note.put", body(1));
    let who = |entity: [u8; 32]| ("entity", Value::Bytes(entity.to_vec()));
    let joins = [who(cara.id().0), ("role", Value::Text("client".into()))];
    let joins = world.write(&anna, 0, Some(note), &[], "topic.member", Value::map(joins));
    let leaves = Value::map([who(ben.id().0)]);
    world.write(&anna, 0, Some(joins), &[], "topic.remove", leaves);
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let people = [anna.id(), ben.id(), cara.id()];
    let expected = [
        [true, true, false],
        [true, true, false],
        [true, true, true],
        [true, false, true],
    ];
    for (run, members) in runs_of(&world).into_iter().zip(expected) {
        let mut peering = Peering::new(&mut node);
        peering.take_in(SOMEBODY, vec![run], NOW_MS).unwrap();
        let told = people.map(|entity| peering.is_member(&world.topic, &entity));
        assert_eq!(told, members);
        // one that reads all that is there says the same
        drop(node);
        node = open(folder.path());
        let peering = Peering::new(&mut node);
        let told = people.map(|entity| peering.is_member(&world.topic, &entity));
        assert_eq!(told, members);
    }
    let nowhere = TopicId([9; 32]);
    assert!(!Peering::new(&mut node).is_member(&nowhere, &anna.id()));
}

#[test]
fn what_a_tombstone_names_is_never_kept_whole_whatever_came_first() {
    let (anna, ben) = (Person::new(1, 1), Person::new(2, 2));
    let mut world = World::new(&anna, 0, &genesis(Mode::Causal, &[(&ben, "client")]));
    let mut payload = PayloadBuilder::new("note.put", body(1));
    let phone = Value::map([("phone", Value::Text("+358 40 1234567".into()))]);
    payload.erasable = Some(([4; 16], 0, phone));
    let payload = payload.encode().unwrap();
    let genesis = world.genesis();
    let target = world.write_payload(&ben, 0, None, &[genesis], &payload);
    // the other device has not seen the entry; it only names it
    let names = Value::map([("target", Value::Bytes(target.0.to_vec()))]);
    world.write(&ben, 1, None, &[], "topic.tombstone", names);
    let [begins, whole, tombstone] = runs_of(&world).try_into().unwrap();
    let batches = [
        vec![vec![&begins], vec![&tombstone], vec![&whole]],
        vec![vec![&begins, &tombstone, &whole]],
        vec![vec![&begins], vec![&tombstone, &whole]],
        vec![vec![&begins, &tombstone], vec![&whole]],
    ];
    for batches in batches {
        let folder = tempfile::tempdir().unwrap();
        let mut node = open(folder.path());
        for batch in &batches {
            let batch = batch.iter().map(|run| run.to_vec()).collect();
            let taken = Peering::new(&mut node).take_in(SOMEBODY, batch, NOW_MS);
            assert!(taken.unwrap().refused.is_empty());
        }
        let position = node.store.locate(&target).unwrap().unwrap();
        let stored = node.store.read(position).unwrap().unwrap().bytes;
        assert_ne!(stored, whole, "{batches:?}");
        let run = RunView::decode(&stored).unwrap();
        assert!(run.first().payload.is_erased());
        assert_eq!(run.first().id, target);
    }
}
