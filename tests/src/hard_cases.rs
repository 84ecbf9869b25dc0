//! The cases that decide whether the rules of order are right: each has one
//! outcome, whatever arrives when.

use synlog_log::admission::{Admission, Admit, MemoryLedger};
use synlog_log::cbor::Value;
use synlog_log::draft::{DraftError, next_hlc};
use synlog_log::header::Header;
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::order::ChainState;
use synlog_log::run::RunView;
use synlog_log::scenario::{Node, Person, START_MS, World, genesis};
use synlog_log::topic::Mode;

/// A small generator, so that a failing shuffle can be run again by its seed.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

fn none() -> Value {
    Value::Map(Vec::new())
}

fn bytes(id: [u8; 32]) -> Value {
    Value::Bytes(id.to_vec())
}

/// Feeds the runs to nodes in many orders, some in steps with the order looked at
/// between; all must agree. Gives the node of the first order.
fn everywhere(world: &World) -> Node {
    let runs: Vec<&[u8]> = world
        .written
        .iter()
        .map(|written| &written.run[..])
        .collect();
    let mut first = Node::new();
    runs.iter().for_each(|run| first.receive(run));
    let digest = first.digest();
    for seed in 0..60 {
        let (mut order, mut random) = (runs.clone(), Lcg(seed));
        random.shuffle(&mut order);
        let mut node = Node::new();
        for run in order {
            node.receive(run);
            if random.below(3) == 0 {
                node.digest();
            }
        }
        assert_eq!(node.waiting(), 0, "seed {seed}");
        assert_eq!(node.digest(), digest, "seed {seed}");
    }
    first
}

/// Provider P (two devices), client C (two devices).
pub fn shop(mode: Mode) -> (Person, Person, World) {
    let (provider, client) = (Person::new(1, 2), Person::new(40, 2));
    let world = World::new(&provider, 0, &genesis(mode, &[(&client, "client")]));
    (provider, client, world)
}

/// A client's feed with two branches at seq 1.
fn forked_client(world: &mut World, client: &Person) -> (EntryId, EntryId, EntryId, EntryId) {
    let base = world.write(client, 0, None, &[], "note.put", none());
    let left = world.write(
        client,
        0,
        Some(base),
        &[],
        "note.put",
        Value::map([("side", Value::Int(1))]),
    );
    let right = world.write(
        client,
        0,
        Some(base),
        &[],
        "note.put",
        Value::map([("side", Value::Int(2))]),
    );
    let right_next = world.write(client, 0, Some(right), &[], "note.put", none());
    (base, left, right, right_next)
}

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

#[test]
fn a_late_entry_under_a_long_prefix_moves_nothing() {
    let (provider, client, mut world) = shop(Mode::Ordered);
    let late = world.write(&client, 0, None, &[], "note.put", none());
    let mut at = world.genesis();
    for _ in 0..500 {
        at = world.write(&provider, 0, Some(at), &[], "note.put", none());
    }
    let mut node = Node::new();
    for written in world.written.iter().filter(|written| written.id != late) {
        node.receive(&written.run);
    }
    let order = node.order();
    assert_eq!(order.settle().prefix, 501);
    node.receive(&world.written[1].run);
    let change = node.order().settle();
    assert_eq!((change.kept, change.prefix), (501, 501));
    assert_eq!(node.status(&late), "tentative:accepted");
    // cited at last, it comes after what was there
    let ack = world.write(&provider, 0, Some(at), &[late], "topic.ack", none());
    node.receive(&world.written.last().unwrap().run);
    assert_eq!(node.order().settle().kept, 501);
    let tail: Vec<EntryId> = node.order().prefix_from(501).map(|line| line.id).collect();
    assert_eq!(tail, [late, ack]);
}

#[test]
fn a_revocation_acts_from_where_it_is_placed() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let (provider, mut client, mut world) = shop(mode);
        let before = world.write(&client, 1, None, &[], "note.put", none());
        let first = world.write(&client, 0, None, &[before], "note.put", none());
        let revoke = client.state(Action::Revoke {
            device: client.device(1),
        });
        let body = World::statement_body(&client, &revoke);
        let carrier = world.write(&client, 0, Some(first), &[], "topic.identity", body);
        let genesis = world.genesis();
        let one = world.write(&provider, 0, Some(genesis), &[carrier], "topic.ack", none());
        let after = world.write(&client, 1, Some(before), &[one], "note.put", none());
        world.write(&provider, 0, Some(one), &[after], "topic.ack", none());
        let mut node = everywhere(&world);
        assert_eq!(node.status(&before), "sequenced:accepted");
        assert_eq!(node.status(&carrier), "sequenced:accepted");
        assert_eq!(node.status(&after), "sequenced:revoked");
    }
}

#[test]
fn a_revocation_that_arrives_late_refolds_nothing() {
    let (provider, mut client, mut world) = shop(Mode::Ordered);
    let stolen = world.write(&client, 1, None, &[], "note.put", none());
    let first = world.write(&client, 0, None, &[], "note.put", none());
    let revoke = client.state(Action::Revoke {
        device: client.device(1),
    });
    let body = World::statement_body(&client, &revoke);
    let carrier = world.write(&client, 0, Some(first), &[], "topic.identity", body);
    // the sequencer places the stolen device's entry before it hears of the revocation
    let genesis = world.genesis();
    let one = world.write(&provider, 0, Some(genesis), &[stolen], "topic.ack", none());
    let two = world.write(&provider, 0, Some(one), &[carrier], "topic.ack", none());
    let later = world.write(&client, 1, Some(stolen), &[], "note.put", none());
    world.write(&provider, 0, Some(two), &[later], "topic.ack", none());
    let mut node = everywhere(&world);
    assert_eq!(node.status(&stolen), "sequenced:accepted");
    assert_eq!(node.status(&later), "sequenced:revoked");
}

/// The provider's root lets device 1 go on after `head` of device 0.
pub fn takeover(
    world: &mut World,
    provider: &mut Person,
    head: EntryId,
    last_seq: u64,
    deps: &[EntryId],
) -> EntryId {
    let action = Action::Takeover {
        topic: world.topic,
        old: provider.device(0),
        last_seq,
        head,
        next: provider.device(1),
    };
    let statement = provider.state(action);
    let body = World::statement_body(provider, &statement);
    let mut deps = deps.to_vec();
    deps.push(head);
    world.write(provider, 1, None, &deps, "topic.takeover", body)
}

#[test]
fn a_takeover_that_arrives_late_withdraws_what_came_after() {
    let (mut provider, client, mut world) = shop(Mode::Ordered);
    let asked = world.write(&client, 0, None, &[], "note.put", none());
    let genesis = world.genesis();
    let kept = world.write(&provider, 0, Some(genesis), &[asked], "topic.ack", none());
    let lost = world.write(&provider, 0, Some(kept), &[], "note.put", none());
    let cites_lost = world.write(&client, 0, Some(asked), &[lost], "note.put", none());
    let begins = takeover(&mut world, &mut provider, kept, 1, &[]);
    let goes_on = world.write(
        &provider,
        1,
        Some(begins),
        &[cites_lost],
        "topic.ack",
        none(),
    );
    let mut node = everywhere(&world);
    assert_eq!(node.status(&kept), "sequenced:accepted");
    assert_eq!(node.status(&begins), "sequenced:accepted");
    assert_eq!(node.status(&lost), "void:withdrawn");
    assert_eq!(node.status(&cites_lost), "sequenced:accepted");
    assert_eq!(node.status(&goes_on), "sequenced:accepted");
    assert_eq!(
        node.order().state(),
        ChainState::Open {
            sequencer: provider.device(1)
        }
    );
}

#[test]
fn a_takeover_settles_a_forked_sequencer() {
    let (mut provider, _, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let left = world.write(
        &provider,
        0,
        Some(genesis),
        &[],
        "note.put",
        Value::map([("n", Value::Int(1))]),
    );
    let right = world.write(
        &provider,
        0,
        Some(genesis),
        &[],
        "note.put",
        Value::map([("n", Value::Int(2))]),
    );
    let mut node = everywhere(&world);
    assert_eq!(node.status(&left), "held:fork");
    assert_eq!(
        node.order().state(),
        ChainState::Forked {
            sequencer: provider.device(0),
            seq: 1
        }
    );
    let begins = takeover(&mut world, &mut provider, left, 1, &[]);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&left), "sequenced:accepted");
    assert_eq!(node.status(&right), "held:fork");
    assert_eq!(node.status(&begins), "sequenced:accepted");
}

#[test]
fn two_takeovers_under_one_number_fork_the_topic() {
    let (mut provider, _, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let one = world.write(&provider, 0, Some(genesis), &[], "note.put", none());
    let two = world.write(&provider, 0, Some(one), &[], "note.put", none());
    let log = provider.log.clone();
    let first = takeover(&mut world, &mut provider, one, 1, &[]);
    provider.log = log;
    let action = Action::Takeover {
        topic: world.topic,
        old: provider.device(0),
        last_seq: 2,
        head: two,
        next: provider.device(1),
    };
    let statement = provider.state(action);
    let body = World::statement_body(&provider, &statement);
    let second = world.write(&provider, 1, Some(first), &[two], "topic.takeover", body);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&one), "sequenced:accepted");
    assert_eq!(node.status(&second), "tentative:not_sequencer");
    assert_eq!(
        node.order().state(),
        ChainState::Forked {
            sequencer: provider.device(0),
            seq: 2
        }
    );
}

#[test]
fn a_handover_passes_the_order_on_and_back() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let (provider, client, mut world) = shop(mode);
        let genesis = world.genesis();
        let hello = world.write(&client, 0, None, &[], "note.put", none());
        let handover = |to: &Person, head: Option<EntryId>| {
            let head = head.map_or(Value::Null, |head| bytes(head.0));
            Value::map([("next", bytes(to.device(0).0)), ("head", head)])
        };
        let body = handover(&client, Some(hello));
        let away = world.write(
            &provider,
            0,
            Some(genesis),
            &[hello],
            "topic.handover",
            body,
        );
        let too_late = world.write(&provider, 0, Some(away), &[], "topic.ack", none());
        let mine = world.write(&client, 0, Some(hello), &[away], "topic.ack", none());
        let back = handover(&provider, None);
        let back = world.write(&client, 0, Some(mine), &[too_late], "topic.handover", back);
        let again = world.write(&provider, 0, Some(too_late), &[back], "topic.ack", none());
        let mut node = everywhere(&world);
        for accepted in [hello, away, mine, back, again] {
            assert_eq!(node.status(&accepted), "sequenced:accepted");
        }
        assert_eq!(node.status(&too_late), "sequenced:not_sequencer");
        let order = node.order();
        assert_eq!(
            order.state(),
            ChainState::Open {
                sequencer: provider.device(0)
            }
        );
        assert_eq!(order.legs().len(), 3);
    }
}

#[test]
fn a_removed_member_writes_no_more() {
    let (provider, client, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let before = world.write(&client, 0, None, &[], "note.put", none());
    let body = Value::map([("entity", bytes(client.id().0))]);
    let removed = world.write(&provider, 0, Some(genesis), &[before], "topic.remove", body);
    let after = world.write(&client, 0, Some(before), &[], "note.put", none());
    world.write(&provider, 0, Some(removed), &[after], "topic.ack", none());
    let mut node = everywhere(&world);
    assert_eq!(node.status(&before), "sequenced:accepted");
    assert_eq!(node.status(&after), "sequenced:not_member");
}

#[test]
fn in_a_causal_topic_a_removal_ends_the_feed_where_it_says() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let before = world.write(&client, 0, None, &[], "note.put", none());
    let hidden = world.write(&client, 0, Some(before), &[], "note.put", none());
    let cut = Value::map([
        ("device", bytes(client.device(0).0)),
        ("last_seq", Value::Int(0)),
        ("head", bytes(before.0)),
    ]);
    let body = Value::map([
        ("entity", bytes(client.id().0)),
        ("cuts", Value::Array(vec![cut])),
    ]);
    world.write(&provider, 0, Some(genesis), &[before], "topic.remove", body);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&before), "sequenced:accepted");
    assert_eq!(node.status(&hidden), "void:removed");
}

#[test]
fn a_tombstone_before_or_after_its_entry_erases_the_same() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let (provider, client, mut world) = shop(mode);
        let genesis = world.genesis();
        let mut payload = synlog_log::payload::PayloadBuilder::new("note.put", none());
        payload.erasable = Some((
            [4; 16],
            0,
            Value::map([("phone", Value::Text("+358 1".into()))]),
        ));
        let payload = payload.encode().unwrap();
        let target = world.write_payload(&client, 0, None, &[genesis], &payload);
        // the client's other device has not seen the entry; it only names it
        let body = Value::map([("target", bytes(target.0))]);
        world.write(&client, 1, None, &[], "topic.tombstone", body.clone());
        let strangers = world.write(&provider, 1, None, &[], "topic.tombstone", body);
        let mut node = everywhere(&world);
        assert_eq!(node.order().erased(), [target]);
        let mut only_strangers = Node::new();
        for written in &world.written {
            if [genesis, target, strangers].contains(&written.id) {
                only_strangers.receive(&written.run);
            }
        }
        only_strangers.digest();
        assert_eq!(only_strangers.order().erased(), []);
        // a node that got the entry with the part dropped has the same order
        let whole: Vec<&[u8]> = world
            .written
            .iter()
            .map(|written| &written.run[..])
            .collect();
        let mut a = Node::new();
        let mut b = Node::new();
        for run in whole {
            a.receive(run);
            let view = RunView::decode(run).unwrap();
            let mut writer = synlog_log::run::RunWriter::like(&view);
            view.entries
                .iter()
                .for_each(|entry| writer.push_erased(entry));
            b.receive(&writer.finish(view.signature.as_ref()));
        }
        assert_eq!(a.digest(), b.digest());
    }
}

#[test]
fn evidence_holds_after_its_certificate_was_revoked() {
    let (provider, mut client, mut world) = shop(Mode::Ordered);
    let elsewhere = World::new(&client, 1, &genesis(Mode::Ordered, &[]));
    let run = RunView::decode(&elsewhere.written[0].run).unwrap();
    let payload = match run.first().payload {
        synlog_log::run::PayloadForm::Whole(bytes) => bytes.to_vec(),
        synlog_log::run::PayloadForm::Erased { .. } => unreachable!("nothing was erased"),
    };
    let proof = synlog_log::proof::Proof {
        certificate: run.certificate.unwrap().to_vec(),
        path: vec![run.header(0)],
        signature: run.signature.unwrap(),
        payload: synlog_log::proof::ProofPayload::Whole(payload),
    };
    let mut with = synlog_log::payload::PayloadBuilder::new("note.put", none());
    with.evidence = vec![proof.encode()];
    let good = with.encode().unwrap();
    let mut wrong = proof.clone();
    wrong.signature[5] ^= 1;
    with.evidence = vec![wrong.encode()];
    let bad = with.encode().unwrap();
    let revoke = client.state(Action::Revoke {
        device: client.device(1),
    });
    let body = World::statement_body(&client, &revoke);
    let revoked = world.write(&client, 0, None, &[], "topic.identity", body);
    let genesis = world.genesis();
    let ack = world.write(&provider, 0, Some(genesis), &[revoked], "topic.ack", none());
    let carries = world.write_payload(&provider, 0, Some(ack), &[], &good);
    let lies = world.write_payload(&provider, 0, Some(carries), &[], &bad);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&carries), "sequenced:accepted");
    assert_eq!(node.status(&lies), "sequenced:bad_evidence");
}

#[test]
fn entries_whose_ancestors_never_come_wait_and_are_no_part_of_the_order() {
    let (_, client, mut world) = shop(Mode::Ordered);
    let hidden = world.write(&client, 0, None, &[], "note.put", none());
    let waits = world.write(&client, 0, Some(hidden), &[], "note.put", none());
    let mut node = Node::new();
    for written in world.written.iter().filter(|written| written.id != hidden) {
        node.receive(&written.run);
    }
    assert_eq!((node.waiting(), node.facts(&waits)), (1, None));
    node.receive(&world.written[1].run);
    assert_eq!(node.waiting(), 0);
    assert_eq!(node.status(&waits), "tentative:accepted");
}

#[test]
fn a_device_ten_years_ahead_is_put_aside_and_pulls_no_clock() {
    const TEN_YEARS_MS: u64 = 10 * 365 * 86_400_000;
    let (provider, client, mut world) = shop(Mode::Ordered);
    world.clock_ms += TEN_YEARS_MS;
    let ahead = world.write(&client, 0, None, &[], "note.put", none());
    let builds_on_it = world.write(&provider, 1, None, &[ahead], "note.put", none());
    let run = |id: &EntryId| {
        let written = world
            .written
            .iter()
            .find(|written| written.id == *id)
            .unwrap();
        written.run.clone()
    };
    let (mut admission, mut ledger) = (Admission::default(), MemoryLedger::default());
    ledger.add(&RunView::decode(&world.written[0].run).unwrap());
    let mut offer = |id: &EntryId, ledger: &MemoryLedger, now_ms: u64| {
        let bytes = run(id);
        let Ok(outcome) = admission.admit(&RunView::decode(&bytes).unwrap(), ledger, Some(now_ms));
        outcome
    };
    let now_ms = START_MS + 60_000;
    let claimed_ms = match offer(&ahead, &ledger, now_ms) {
        Admit::Ahead { claimed_ms } => claimed_ms,
        other => panic!("{other:?}"),
    };
    assert!(claimed_ms > now_ms + TEN_YEARS_MS - 120_000);
    // what builds on it waits for it, whatever it claims itself
    assert_eq!(
        offer(&builds_on_it, &ledger, now_ms),
        Admit::Waits {
            missing: vec![ahead]
        }
    );
    // whoever cites only what was admitted is not dragged along
    let genesis_hlc = RunView::decode(&world.written[0].run).unwrap().first().hlc;
    assert_eq!(
        next_hlc(now_ms, [genesis_hlc].into_iter()),
        Ok(now_ms << 16)
    );
    // a device that ran ahead itself does not write on when its clock is right again
    let own = next_hlc(now_ms, [claimed_ms << 16].into_iter());
    assert!(
        matches!(own, Err(DraftError::AheadOfClock { .. })),
        "{own:?}"
    );
    // ten years later it is an entry like any other
    let later_ms = claimed_ms - 60_000;
    assert!(matches!(offer(&ahead, &ledger, later_ms), Admit::Fresh(_)));
    ledger.add(&RunView::decode(&run(&ahead)).unwrap());
    assert!(matches!(
        offer(&builds_on_it, &ledger, later_ms),
        Admit::Fresh(_)
    ));
}

#[test]
fn a_cut_of_a_device_that_comes_later_holds() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let late = world.write(&client, 0, None, &[], "note.put", none());
    let cut = Value::map([
        ("device", bytes(client.device(0).0)),
        ("last_seq", Value::Int(-1)),
        ("head", Value::Null),
    ]);
    let body = Value::map([
        ("entity", bytes(client.id().0)),
        ("cuts", Value::Array(vec![cut])),
    ]);
    let removed = world.write(&provider, 0, Some(genesis), &[], "topic.remove", body);
    let run = |id: EntryId| {
        world
            .written
            .iter()
            .find(|written| written.id == id)
            .unwrap()
            .run
            .clone()
    };
    let mut node = Node::new();
    for id in [genesis, removed, late] {
        node.receive(&run(id));
        node.digest();
    }
    assert_eq!(node.status(&late), "void:removed");
    everywhere(&world);
}

#[test]
fn a_device_that_was_cut_and_then_sequences_is_cut_no_more() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let first = world.write(&client, 0, None, &[], "note.put", none());
    let second = world.write(&client, 0, Some(first), &[], "note.put", none());
    let cut = Value::map([
        ("device", bytes(client.device(0).0)),
        ("last_seq", Value::Int(0)),
        ("head", bytes(first.0)),
    ]);
    let body = Value::map([
        ("entity", bytes(client.id().0)),
        ("cuts", Value::Array(vec![cut])),
    ]);
    let removed = world.write(&provider, 0, Some(genesis), &[second], "topic.remove", body);
    let body = Value::map([("next", bytes(client.device(0).0)), ("head", Value::Null)]);
    let away = world.write(&provider, 0, Some(removed), &[], "topic.handover", body);
    let stranger = Person::new(90, 1);
    let body = Value::map([
        ("entity", bytes(stranger.id().0)),
        ("role", Value::Text("guest".into())),
    ]);
    let member = world.write(&client, 0, Some(second), &[away], "topic.member", body);
    let theirs = world.write(&stranger, 0, None, &[member], "note.put", none());
    let mut node = Node::new();
    for written in &world.written {
        node.receive(&written.run);
        node.digest();
    }
    assert_eq!(node.status(&theirs), "tentative:accepted");
    let digest = node.digest();
    assert_eq!(everywhere(&world).digest(), digest);
}
