//! What a node with a store makes of runs that were tampered with on the way.

use synlog_log::bundle::{BundleWriter, RecordKind, verify};
use synlog_log::cbor::Value;
use synlog_log::run::{RunView, RunWriter};
use synlog_log::scenario::{Person, START_MS, World, genesis};
use synlog_log::topic::Mode;
use synlog_node::home::Home;
use synlog_node::node::Node;
use synlog_node::pipeline::Intake;

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
