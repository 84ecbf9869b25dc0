//! What a node with a store makes of runs that were tampered with on the way.

use synlog_log::admission::fork_proof;
use synlog_log::bundle::{BundleWriter, RecordKind, verify};
use synlog_log::cbor::Value;
use synlog_log::fork::ForkProof;
use synlog_log::ids::EntryId;
use synlog_log::run::{RunView, RunWriter};
use synlog_log::scenario::{Person, START_MS, World, genesis};
use synlog_log::topic::Mode;
use synlog_node::home::Home;
use synlog_node::intake::Intake;
use synlog_node::node::Node;
use synlog_node::writing::Event;

/// A topic with ten entries of one device, each signed on its own.
fn story() -> (Person, World) {
    let person = Person::new(1, 1);
    let mut world = World::new(&person, 0, &genesis(Mode::Ordered, &[]));
    let mut at = world.genesis();
    for n in 0..9 {
        let body = Value::map([("n", Value::Int(n))]);
        at = world.write(&person, 0, Some(at), &[], "note.put", body);
    }
    (person, world)
}

fn garbled(run: &[u8]) -> Vec<u8> {
    let view = RunView::decode(run).unwrap();
    let mut writer = RunWriter::like(&view);
    view.entries
        .iter()
        .for_each(|entry| writer.push_view(entry));
    let mut signature = view.signature.unwrap();
    signature[11] ^= 4;
    writer.finish(Some(&signature))
}

fn open(folder: &std::path::Path) -> Node {
    let home = Home::at(folder);
    if home.exists() {
        Node::open(home).unwrap()
    } else {
        Node::init(home, "desk", START_MS).unwrap()
    }
}

#[test]
fn a_garbled_inner_signature_is_neither_stored_nor_served() {
    let folder = tempfile::tempdir().unwrap();
    let (_, world) = story();
    let mut runs: Vec<Vec<u8>> = world
        .written
        .iter()
        .map(|written| written.run.clone())
        .collect();
    runs[4] = garbled(&runs[4]);
    runs[5] = garbled(&runs[5]);
    let mut node = open(folder.path());
    let mut intake = Intake::default();
    node.take_in(runs, START_MS + 60_000, &mut intake).unwrap();
    assert_eq!((intake.fresh_entries(), intake.garbled.len()), (10, 2));
    // the later signatures vouch for the two, also in what is handed on
    let file = folder.path().join("out.synlog");
    node.write_bundle(&[world.topic], &file).unwrap();
    let report = verify(&std::fs::read(&file).unwrap()[..]).unwrap();
    assert!(report.is_ok(), "{:?}", report.problems);
    assert_eq!(report.entries, 10);
    let proof = node.prove(&world.written[4].id).unwrap();
    assert_eq!(proof.verify().unwrap().id, world.written[4].id);
    assert!(node.scrub(&mut |_, _| {}).unwrap().findings.is_empty());
    node.close().unwrap();
    let mut again = open(folder.path());
    assert_eq!(again.order(&world.topic).unwrap().len(), 10);
}

#[test]
fn entries_that_nothing_vouches_for_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (_, world) = story();
    let mut runs: Vec<Vec<u8>> = world
        .written
        .iter()
        .map(|written| written.run.clone())
        .collect();
    runs[9] = garbled(&runs[9]);
    let mut node = open(folder.path());
    let mut intake = Intake::default();
    node.take_in(runs, START_MS + 60_000, &mut intake).unwrap();
    assert_eq!((intake.fresh_entries(), intake.garbled.len()), (9, 1));
    assert!(!node.store.contains(&world.written[9].id).unwrap());
}

#[test]
fn a_bundle_with_a_damaged_frame_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_, world) = story();
    let mut writer = BundleWriter::new(Vec::new()).unwrap();
    for written in &world.written {
        writer.record(RecordKind::Run, &written.run).unwrap();
    }
    let mut bytes = writer.finish().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let file = folder.path().join("in.synlog");
    std::fs::write(&file, &bytes).unwrap();
    let mut node = open(&folder.path().join("home"));
    let end = node.store.end();
    assert!(
        node.read_bundle(&file, START_MS + 60_000, &mut |_| {})
            .is_err()
    );
    assert_eq!(node.store.end(), end);
}

#[test]
fn what_only_a_refused_run_vouches_for_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (person, world) = story();
    let good: Vec<Vec<u8>> = world.written[..8]
        .iter()
        .map(|written| written.run.clone())
        .collect();
    // entry 8 has lost its signature; entry 9, which vouches for it, claims an impossible time
    let lost = garbled(&world.written[8].run);
    let view = RunView::decode(&world.written[9].run).unwrap();
    let mut header = view.header(0);
    header.hlc = 1;
    let mut writer = RunWriter::like(&view);
    writer.push(
        header.skiplink.as_ref(),
        header.hlc,
        &[],
        &view.first().payload,
    );
    let refused = writer.finish(Some(&person.devices[0].sign(&header.id().0)));
    let mut node = open(folder.path());
    let mut intake = Intake::default();
    let runs = good.into_iter().chain([lost, refused]).collect();
    node.take_in(runs, START_MS + 60_000, &mut intake).unwrap();
    assert_eq!((intake.fresh_entries(), intake.refused.len()), (8, 1));
    let file = folder.path().join("out.synlog");
    node.write_bundle(&[world.topic], &file).unwrap();
    assert!(verify(&std::fs::read(&file).unwrap()[..]).unwrap().is_ok());
}

#[test]
fn a_handover_that_leads_nowhere_asks_for_no_endless_acks() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let stranger = Person::new(7, 1);
    let mut world = World::new(&stranger, 0, &genesis(Mode::Ordered, &[]));
    let body = Value::map([
        ("next", Value::Bytes(node.device().0.to_vec())),
        ("head", Value::Bytes(vec![9; 32])),
    ]);
    let genesis = world.genesis();
    world.write(&stranger, 0, Some(genesis), &[], "topic.handover", body);
    let runs = world
        .written
        .iter()
        .map(|written| written.run.clone())
        .collect();
    let now_ms = START_MS + 60_000;
    node.take_in(runs, now_ms, &mut Intake::default()).unwrap();
    assert!(node.acknowledge(&world.topic, now_ms).unwrap().len() <= 1);
}

#[test]
fn a_fork_proof_that_does_not_count_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (person, mut world) = story();
    // a second beginning of the genesis's feed, and a real fork at 5
    let second = world.write(&person, 0, None, &[], "note.put", Value::Map(vec![]));
    let base = world.written[4].id;
    world.write(
        &person,
        0,
        Some(base),
        &[],
        "note.put",
        Value::map([("other", Value::Int(1))]),
    );
    let run = |index: usize| RunView::decode(&world.written[index].run).unwrap();
    assert_eq!(world.written[10].id, second);
    let at_zero = ForkProof::new(
        0,
        run(0).commitment(0).unwrap(),
        run(10).commitment(0).unwrap(),
    );
    let at_five = fork_proof(&run(5), &run(11), 5).unwrap();
    let mut node = open(folder.path());
    let runs = world.written[..10]
        .iter()
        .map(|written| written.run.clone())
        .collect();
    node.take_in(runs, START_MS + 60_000, &mut Intake::default())
        .unwrap();
    assert!(!node.take_in_fork_proof(&at_zero.unwrap()).unwrap());
    assert!(node.take_in_fork_proof(&at_five).unwrap());
    let device = person.device(0);
    assert_eq!(
        node.order(&world.topic).unwrap().forked_at(&device),
        Some(5)
    );
    node.close().unwrap();
    let mut again = open(folder.path());
    assert_eq!(
        again.order(&world.topic).unwrap().forked_at(&device),
        Some(5)
    );
}

#[test]
fn a_full_run_can_be_erased_and_carried() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = open(folder.path());
    let now_ms = START_MS + 60_000;
    let topic = node
        .create_topic(&genesis(Mode::Ordered, &[]), now_ms)
        .unwrap();
    let mut payloads = Vec::new();
    for n in 0..256 {
        let body = Value::map([("fill", Value::Bytes(vec![7; 3_900])), ("n", Value::Int(n))]);
        let mut event = Event::new("note.put", body);
        event.erasable = Some(Value::Map(vec![]));
        payloads.push(node.payload(&event).unwrap());
    }
    node.append_run(&topic, &payloads, now_ms).unwrap();
    let ids: Vec<EntryId> = node
        .order(&topic)
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.id)
        .collect();
    let tombstones: Vec<Vec<u8>> = ids
        .iter()
        .map(|id| {
            let body = Value::map([("target", Value::Bytes(id.0.to_vec()))]);
            node.payload(&Event::new("topic.tombstone", body)).unwrap()
        })
        .collect();
    node.append_run(&topic, &tombstones, now_ms + 1_000)
        .unwrap();
    let file = folder.path().join("out.synlog");
    node.write_bundle(&[topic], &file).unwrap();
    let report = verify(&std::fs::read(&file).unwrap()[..]).unwrap();
    assert!(report.is_ok(), "{:?}", report.problems);
    assert_eq!(report.topics[0].feeds[0].erased, 256);
    let pruned = node.prune(now_ms, &mut |_, _| {}).unwrap();
    assert_eq!((pruned.refused, pruned.records > 0), (0, true));
    assert!(node.scrub(&mut |_, _| {}).unwrap().findings.is_empty());
}
