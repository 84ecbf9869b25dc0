//! A device that signs two branches: everybody who gets both sees it, and says so.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde_json::json;
use synlog_log::admission::{MemoryLedger, Tip};
use synlog_log::bundle::{BundleReader, BundleWriter, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::keys::SecretKey;
use synlog_log::payload::PayloadBuilder;
use synlog_log::run::RunView;

use crate::cli::Desk;

/// Writes a bundle in which the feed of a bundle goes on with one more entry of the same device.
fn branch(from: &Path, key: &Path, to: &Path) {
    let key = SecretKey::from_file(&std::fs::read_to_string(key).unwrap()).unwrap();
    let mut reader = BundleReader::new(BufReader::new(File::open(from).unwrap())).unwrap();
    let mut writer = BundleWriter::new(File::create(to).unwrap()).unwrap();
    let mut ledger = MemoryLedger::default();
    let mut head = None;
    while let Some(record) = reader.next_record().unwrap() {
        if record.kind == RecordKind::Run {
            let run = RunView::decode(&record.data).unwrap();
            ledger.add(&run);
            head = Some((run.feed.topic, run.last().id, run.last().hlc));
        }
        writer.record(record.kind, &record.data).unwrap();
    }
    let (topic, head, hlc) = head.unwrap();
    let tip = Tip::load(&ledger, &head).unwrap().unwrap();
    let mut draft = Draft::after(&key, topic, tip);
    let payload = PayloadBuilder::new("order.decide", Value::map([("to", Value::Int(2))]));
    draft
        .add((hlc >> 16) + 5, &[], &payload.encode().unwrap())
        .unwrap();
    let (run, _) = draft.sign().unwrap();
    writer.record(RecordKind::Run, &run).unwrap();
    writer.finish().unwrap();
}

#[test]
fn two_branches_are_told_and_proven() {
    let (anna, ben) = (Desk::new("laptop"), Desk::new("phone"));
    anna.ok(&[
        "topic", "new", "orders", "--app", "market", "--open", "client",
    ]);
    let [early, one, other] =
        ["early", "one", "other"].map(|name| anna.path(&format!("{name}.synlog")));
    anna.ok(&["bundle", "write", &early]);
    anna.ok(&["append", "orders", "order.decide", "--body", "{\"to\":1}"]);
    anna.ok(&["bundle", "write", &one]);
    branch(
        Path::new(&early),
        &anna.home.join("keys/device.key"),
        Path::new(&other),
    );

    // each branch alone looks right: nobody can see what is withheld
    ben.ok(&["verify", &one]);
    ben.ok(&["verify", &other]);
    ben.ok(&["bundle", "read", &one]);
    let read = ben.ok(&["bundle", "read", &other, "--json"]).json();
    assert_eq!(read["forks"][0]["seq"], json!(1));
    assert_eq!(read["forks"][0]["feed"]["author"], json!(anna.device()));
    let shown = ben.ok(&["topic", "show", "orders", "--json"]).json();
    assert_eq!(
        (&shown["state"], &shown["forked_at"]),
        (&json!("forked"), &json!(1))
    );
    assert_eq!(shown["feeds"][0]["forked_at"], json!(1));
    assert!(ben.ok(&["topic", "show", "orders"]).out.contains("FORKED"));

    // the proof goes with what he hands on
    let both = ben.path("both.synlog");
    ben.ok(&["bundle", "write", &both]);
    let verified = ben.ok(&["verify", &both, "--json"]).json();
    assert_eq!(verified["fork_proofs"][0]["seq"], json!(1));
    assert_eq!(verified["topics"][0]["feeds"][0]["forked_at"], json!(1));
    assert_eq!(verified["topics"][0]["digest"], shown["digest"]);
    let text = ben.ok(&["verify", &both]).out;
    assert!(text.contains("FORKED at seq 1"), "{text}");

    // she reads what she seems to have written elsewhere: she must not sign any more
    anna.run(&["bundle", "read", &both]);
    anna.fails(5, &["append", "orders", "order.decide"]);
}
