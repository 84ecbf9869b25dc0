//! What is fed with any bytes: every decoder, with the checks that follow on it.

use synlog_log::attestation::check_evidence;
use synlog_log::bundle;
use synlog_log::cbor::Value;
use synlog_log::decoded::DecodedRun;
use synlog_log::fold::{FoldEvent, Manifest};
use synlog_log::fork::ForkProof;
use synlog_log::hash::Context;
use synlog_log::header::Header;
use synlog_log::identity::{Certificate, DeviceAnswer, SignedRequest, SignedStatement, Ticket};
use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::keys::{EncryptionSecret, SecretKey};
use synlog_log::order::Content;
use synlog_log::payload::{Payload, payload_hash};
use synlog_log::proof::Proof;
use synlog_log::run::{PayloadForm, RunView};
use synlog_log::sealed::blob::{self, BlobKey};
use synlog_log::sealed::disclosure::{self, Disclosure};
use synlog_log::sealed::inbox::{Inbox, InboxLimits};
use synlog_log::sealed::letter::{Invitation, Letter};
use synlog_log::sealed::{self, Secrets};
use synlog_log::store::{Decoder as SegmentDecoder, RunFacts, check_segment};
use synlog_log::wire::Reader;
use synlog_replication::blobs::{Piece, Span};
use synlog_replication::message::Message;
use synlog_replication::policy::Interests;
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
    let run = RunView::decode(bytes);
    let _ = run.as_ref().map(|run| run.verify());
    // what is looked at again is the same
    let decoded = DecodedRun::new(bytes.to_vec());
    assert_eq!(decoded.as_ref().err(), run.as_ref().err());
    if let Ok(decoded) = &decoded {
        assert_eq!(decoded.view(), run);
    }
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

fn disclosure(bytes: &[u8]) {
    if let Ok(disclosure) = Disclosure::decode(bytes) {
        assert_eq!(disclosure.encode(), bytes, "one encoding");
        let _ = disclosure.verify();
    }
    // most bytes stop at the first ones
    let framed = [&disclosure::MAGIC[..], bytes].concat();
    let _ = Disclosure::decode(&framed).and_then(|disclosure| disclosure.verify());
}

fn sealed_to_a_key(bytes: &[u8]) {
    let key = EncryptionSecret::derive(&[3; 32], 0);
    let _ = key.open("a test", &[], bytes);
    let _ = EncryptionSecret::from_file(&String::from_utf8_lossy(bytes));
}

fn inbox_letter(bytes: &[u8]) {
    if let Ok(letter) = Letter::decode(bytes) {
        assert_eq!(letter.encode(), bytes, "one encoding");
        let key = EncryptionSecret::derive(&[3; 32], 0);
        let secrets = Secrets::new(vec![(EntityId([1; 32]), key)]);
        let _ = letter.open(&secrets);
    }
    let _ = Invitation::decode(bytes);
    let limits = InboxLimits::default();
    if let Ok(inbox) = Inbox::decode(EntityId([1; 32]), limits, bytes) {
        assert!(inbox.letters().len() <= limits.letters);
    }
}

fn sealed_blob(bytes: &[u8]) {
    let key = BlobKey::from_bytes([4; 32]);
    let mut out = Vec::new();
    let _ = blob::open(&key, bytes, |chunk| out.extend_from_slice(chunk));
    assert!(out.len() <= bytes.len());
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

fn device_request(bytes: &[u8]) {
    if let Ok(signed) = SignedRequest::decode(bytes) {
        assert_eq!(signed.encode(), bytes, "one encoding");
    }
}

fn device_answer(bytes: &[u8]) {
    let _ = DeviceAnswer::decode(bytes);
}

fn ticket(bytes: &[u8]) {
    let _ = Ticket::DeviceRequest.decode(&String::from_utf8_lossy(bytes));
}

struct Runs;

impl SegmentDecoder for Runs {
    fn run_facts(&self, record: &[u8]) -> Result<RunFacts, String> {
        let run = RunView::decode(record).map_err(|refusal| refusal.to_string())?;
        Ok(run.facts())
    }

    fn record_id(&self, _: u8, record: &[u8]) -> Result<[u8; 32], String> {
        Ok(Context::Body.hash(record))
    }
}

fn segment(bytes: &[u8]) {
    let _ = check_segment(bytes, &Runs, true);
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

fn interests(bytes: &[u8]) {
    if let Ok(interests) = Interests::decode(bytes) {
        assert_eq!(interests.encode(), bytes, "one encoding");
    }
}

fn blob_names(bytes: &[u8]) {
    if let Ok(body) = Value::decode(bytes) {
        for reference in synlog_log::blob::named(&body) {
            assert!(
                synlog_log::blob::may_name(bytes),
                "what is named is looked for"
            );
            let read = synlog_log::blob::BlobRef::of(&reference.value());
            assert_eq!(read, Some(reference));
        }
    }
}

fn piece(bytes: &[u8]) {
    let hash = synlog_log::ids::BlobHash([7; 32]);
    let size = 1 + bytes.len() as u64 * 1_000;
    for (first, count) in [(0, 1), (0, 4), (3, 2), (u32::MAX, u32::MAX)] {
        let span = Span { first, count };
        assert!(
            Piece::check(&hash, size, span, bytes).is_err(),
            "a hash is met"
        );
    }
}

pub const DECODERS: &[Decoder] = &[
    ("varint", varints),
    ("names of blobs", blob_names),
    ("piece of a blob", piece),
    ("cbor", cbor),
    ("header", header),
    ("payload", payload),
    ("run", run),
    ("statement", statement),
    ("certificate", certificate),
    ("proof", proof),
    ("fork proof", fork_proof),
    ("sealed payload", sealed_payload),
    ("disclosure", disclosure),
    ("sealed to a key", sealed_to_a_key),
    ("letter", inbox_letter),
    ("sealed blob", sealed_blob),
    ("bundle", whole_bundle),
    ("key file", key_file),
    ("evidence", evidence),
    ("event of a fold", fold_event),
    ("manifest", manifest),
    ("device request", device_request),
    ("device answer", device_answer),
    ("ticket", ticket),
    ("segment", segment),
    ("message", message),
    ("memory of a peer", peer_memory),
    ("interests", interests),
];
