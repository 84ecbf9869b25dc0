//! Feeds that fork: which branch stays, where a feed ends, and what a proof alone does.

use synlog_log::header::Header;
use synlog_log::ids::EntryId;
use synlog_log::run::RunView;
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

use super::{everywhere, forked_client, none, shop};

#[test]
fn the_first_branch_that_the_sequencer_cites_stays() {
    let (provider, client, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let (base, left, right, right_next) = forked_client(&mut world, &client);
    let one = world.write(&provider, 0, Some(genesis), &[left], "topic.ack", none());
    let two = world.write(&provider, 0, Some(one), &[right_next], "topic.ack", none());
    let mut node = everywhere(&world);
    assert_eq!(node.status(&base), "sequenced:accepted");
    assert_eq!(node.status(&left), "sequenced:accepted");
    assert_eq!(node.status(&right), "void:fork");
    assert_eq!(node.status(&right_next), "void:fork");
    assert_eq!(node.status(&two), "sequenced:accepted");
}

#[test]
fn branches_that_nobody_placed_are_shown_and_held_back() {
    let (_, client, mut world) = shop(Mode::Ordered);
    let (base, left, right, _) = forked_client(&mut world, &client);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&base), "tentative:accepted");
    assert_eq!(node.status(&left), "held:fork");
    assert_eq!(node.status(&right), "held:fork");
}

#[test]
fn in_a_causal_topic_the_feed_ends_at_its_fork() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let (base, left, right, right_next) = forked_client(&mut world, &client);
    let one = world.write(&provider, 0, Some(genesis), &[left], "note.put", none());
    let two = world.write(&provider, 0, Some(one), &[right], "note.put", none());
    let mut node = everywhere(&world);
    assert_eq!(node.status(&base), "sequenced:accepted");
    for void in [left, right, right_next] {
        assert_eq!(node.status(&void), "void:fork");
    }
    assert_eq!(node.status(&two), "sequenced:accepted");
    assert!(!node.proofs.is_empty());
    for proof in &node.proofs {
        assert_eq!(proof.verify().map(|feed| feed.author), Ok(client.device(0)));
        assert_eq!(proof.seq, 1);
    }
}

#[test]
fn a_fork_proof_alone_gives_the_same_cut() {
    let (_, client, mut world) = shop(Mode::Causal);
    let (base, left, right, right_next) = forked_client(&mut world, &client);
    let all = everywhere(&world);
    let mut node = Node::new();
    // this node never gets the right branch
    for written in world
        .written
        .iter()
        .filter(|written| written.id != right && written.id != right_next)
    {
        node.receive(&written.run);
    }
    assert_eq!(node.status(&left), "tentative:accepted");
    let proof = &all.proofs[0];
    node.order()
        .insert_fork(proof.verify().unwrap().author, proof.seq);
    assert_eq!(node.status(&left), "void:fork");
    assert_eq!(node.status(&base), "tentative:accepted");
}

#[test]
fn a_skiplink_that_contradicts_the_backlinks_is_refused_and_proves_a_fork() {
    let (_, client, mut world) = shop(Mode::Ordered);
    let mut at = world.write(&client, 0, None, &[], "note.put", none());
    for _ in 1..7 {
        at = world.write(&client, 0, Some(at), &[], "note.put", none());
    }
    let honest = world.write(&client, 0, Some(at), &[], "note.put", none());
    let run = world
        .written
        .iter()
        .find(|written| written.id == honest)
        .unwrap()
        .run
        .clone();
    // seq 7 links to seq 3; make it link to something else and sign that
    let mut header: Header = RunView::decode(&run).unwrap().header(0);
    assert_eq!(header.seq, 7);
    header.skiplink = Some(EntryId([9; 32]));
    let signature = client.devices[0].sign(&header.id().0);
    let mut writer = synlog_log::run::RunWriter::like(&RunView::decode(&run).unwrap());
    let entry = RunView::decode(&run).unwrap().first().payload;
    writer.push(header.skiplink.as_ref(), header.hlc, &[], &entry);
    let bad = writer.finish(Some(&signature));
    let mut node = Node::new();
    for written in world.written.iter().filter(|written| written.id != honest) {
        node.receive(&written.run);
    }
    node.receive(&bad);
    let refused = node.refused[0];
    assert_eq!(
        (refused.refusal.code(), refused.fork),
        ("bad_skiplink", Some(3))
    );
    // the one header is both sides: its skiplink says one thing of seq 3, its backlinks another
    let view = RunView::decode(&bad).unwrap();
    let by_skiplink = view.commitment_by_skiplink(7, 3).unwrap();
    let below: Vec<Header> = (3..7)
        .rev()
        .map(|seq| {
            RunView::decode(&world.written[seq as usize + 1].run)
                .unwrap()
                .header(0)
        })
        .collect();
    let mut path = vec![header];
    path.extend(below);
    let by_backlinks = synlog_log::fork::Commitment { path, signature };
    let proof = synlog_log::fork::ForkProof::new(3, by_skiplink, by_backlinks).unwrap();
    assert_eq!(proof.verify().map(|feed| feed.author), Ok(client.device(0)));
    let decoded = synlog_log::fork::ForkProof::decode(&proof.encode()).unwrap();
    assert_eq!(decoded, proof);
}

#[test]
fn two_geneses_of_one_device_are_two_topics() {
    let provider = Person::new(1, 1);
    let mut other = genesis(Mode::Ordered, &[]);
    other.nonce = [1; 16];
    let worlds = [
        World::new(&provider, 0, &genesis(Mode::Ordered, &[])),
        World::new(&provider, 0, &other),
    ];
    let mut node = Node::new();
    worlds
        .iter()
        .for_each(|world| node.receive(&world.written[0].run));
    assert!(node.refused.is_empty() && node.proofs.is_empty());
    assert_ne!(worlds[0].topic, worlds[1].topic);
    let ids = worlds.map(|world| EntryId(world.topic.0));
    assert!(ids.iter().all(|id| node.facts(id).is_some()));
}

#[test]
fn a_second_beginning_of_the_genesis_feed_is_refused() {
    let (provider, _, mut world) = shop(Mode::Ordered);
    let second = world.write(&provider, 0, None, &[], "note.put", none());
    let mut node = Node::new();
    world
        .written
        .iter()
        .for_each(|written| node.receive(&written.run));
    assert!(node.facts(&second).is_none());
    assert_eq!(node.refused[0].refusal.code(), "second_first");
}
