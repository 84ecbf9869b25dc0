//! What is fed with any bytes: every decoder, with the checks that follow on it.

use synlog_log::attestation::check_evidence;
use synlog_log::bundle;
use synlog_log::cbor::Value;
use synlog_log::fold::{FoldEvent, Manifest};
use synlog_log::fork::ForkProof;
use synlog_log::header::Header;
use synlog_log::identity::{Certificate, SignedStatement};
use synlog_log::ids::DeviceId;
use synlog_log::keys::SecretKey;
use synlog_log::order::Content;
use synlog_log::payload::{Payload, payload_hash};
use synlog_log::proof::Proof;
use synlog_log::run::{PayloadForm, RunView};
use synlog_log::sealed;
use synlog_log::wire::Reader;
use synlog_replication::message::Message;
use synlog_replication::session::PeerMemory;

/// One decoder: its name and what it does with bytes.
pub type Decoder = (&'static str, fn(&[u8]));

fn certificate(bytes: &[u8]) {
    let _ = Certificate::verify_bytes(bytes, &DeviceId([3; 32]));
}

fn proof(bytes: &[u8]) {
    let _ = Proof::decode(bytes).and_then(|proof| proof.verify());
}

fn fork_proof(bytes: &[u8]) {
    let _ = ForkProof::decode(bytes).and_then(|proof| proof.verify());
}

fn statement(bytes: &[u8]) {
    let _ =
        SignedStatement::decode(bytes).and_then(|signed| signed.verify(&signed.statement.entity.0));
}

fn payload(bytes: &[u8]) {
    payload_hash(bytes);
    let _ = Payload::split(bytes).and_then(|payload| payload.check());
    Content::of(&PayloadForm::Whole(bytes), &DeviceId([3; 32]), false);
}

fn run(bytes: &[u8]) {
    let _ = RunView::decode(bytes).map(|run| run.verify());
}

fn sealed_payload(bytes: &[u8]) {
    let header = Header {
        author: DeviceId([1; 32]),
        topic: synlog_log::ids::TopicId([2; 32]),
        seq: 5,
        backlink: None,
        skiplink: None,
        hlc: 1,
        deps: vec![],
        payload_hash: [0; 32],
        payload_len: 0,
        certificate: None,
    };
    let _ = Payload::split(bytes)
        .and_then(|payload| sealed::open(&header, &payload, |_| Some([7; 32])));
}

fn varints(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while reader.varint().is_ok() {}
}

fn cbor(bytes: &[u8]) {
    let _ = Value::decode(bytes);
}

fn header(bytes: &[u8]) {
    let _ = Header::decode(bytes).map(|header| header.id());
}

fn whole_bundle(bytes: &[u8]) {
    // a file that is read without error has a report, whatever it says
    assert!(bundle::verify(bytes).is_ok());
}

fn key_file(bytes: &[u8]) {
    let _ = SecretKey::from_file(&String::from_utf8_lossy(bytes));
}

fn evidence(bytes: &[u8]) {
    let _ = check_evidence(bytes);
}

fn fold_event(bytes: &[u8]) {
    if let Ok(event) = FoldEvent::decode(bytes) {
        assert_eq!(event.encode(), bytes, "one encoding");
    }
}

fn manifest(bytes: &[u8]) {
    let _ = Manifest::decode(bytes);
}

fn message(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(message.encode(), bytes, "one encoding");
    }
}

fn peer_memory(bytes: &[u8]) {
    if let Ok(memory) = PeerMemory::decode(bytes) {
        assert_eq!(memory.encode(), bytes, "one encoding");
    }
}

pub const DECODERS: &[Decoder] = &[
    ("varint", varints),
    ("cbor", cbor),
    ("header", header),
    ("payload", payload),
    ("run", run),
    ("statement", statement),
    ("certificate", certificate),
    ("proof", proof),
    ("fork proof", fork_proof),
    ("sealed payload", sealed_payload),
    ("bundle", whole_bundle),
    ("key file", key_file),
    ("evidence", evidence),
    ("event of a fold", fold_event),
    ("manifest", manifest),
    ("message", message),
    ("memory of a peer", peer_memory),
];
