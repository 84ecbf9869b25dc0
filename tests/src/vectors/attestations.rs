//! Attestations (page 10.8): grants and receipts.

use serde_json::{Value as Json, json};
use synlog_log::attestation::{Attestation, Claims, check_evidence, holder_hash};
use synlog_log::fold::{Fact, FoldEvent};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex};
use synlog_log::refusal::Refusal;
use synlog_log::scenario::{Person, START_MS};

use super::{bytes_of, case, hold};

fn sign(person: &Person, claims: Claims) -> Attestation {
    let certificate = person.log.certificate(&person.device(0)).unwrap();
    Attestation::sign(&person.devices[0], &certificate.encode(), claims)
}

/// What a reducer is given of it.
fn read(bytes: &[u8]) -> Result<Json, Refusal> {
    let fact = check_evidence(bytes)?;
    let (device, entity) = match &fact {
        Fact::Grant {
            device, subject, ..
        } => (*device, *subject),
        Fact::Receipt { device, entity, .. } => (*device, *entity),
        Fact::Entry { device, entity, .. } => (*device, *entity),
    };
    let event = FoldEvent {
        id: EntryId([0; 32]),
        author: DeviceId([0; 32]),
        entity: EntityId([0; 32]),
        seq: 0,
        hlc: 0,
        sequenced: false,
        role: String::new(),
        kind: String::new(),
        body: Vec::new(),
        erasable_hash: None,
        facts: vec![fact],
    };
    // behind three ids, two numbers, the flags and three empty texts stands the list of one
    let fact = event.encode().split_off(96 + 2 + 1 + 3 + 1);
    Ok(json!({
        "device": device.to_string(),
        "entity": entity.to_string(),
        "fact": hex(&fact),
    }))
}

#[test]
fn attestations() {
    let (shop, client) = (Person::new(1, 1), Person::new(2, 1));
    let grant = Claims::Grant {
        subject: shop.id(),
        holder: holder_hash(&[7; 32], &client.id()),
        tag: [9; 16],
        month: 2026 * 12 + 10,
    };
    let receipt = Claims::Receipt {
        topic: TopicId([1; 32]),
        author: client.device(0),
        seq: 300,
        entry: EntryId([4; 32]),
        height: 5,
        at_ms: START_MS,
    };
    let mut cases = Vec::new();
    for (name, attestation) in [
        ("a grant", sign(&shop, grant)),
        ("a receipt", sign(&shop, receipt)),
    ] {
        let bytes = attestation.encode();
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
    }
    let edit = |change: &dyn Fn(&mut Attestation)| {
        let mut attestation = sign(&shop, receipt);
        change(&mut attestation);
        attestation.encode()
    };
    let good = sign(&shop, receipt).encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let strangers = client.log.certificate(&client.device(0)).unwrap().encode();
    for (name, bytes, refusal) in [
        (
            "a grant for somebody else",
            sign(&client, grant).encode(),
            Refusal::BadEvidence,
        ),
        ("of no known kind", with(1, 3), Refusal::BadEvidence),
        ("a receipt as a grant", with(1, 1), Refusal::BadEvidence),
        (
            "a garbled signature",
            edit(&|it| it.signature[5] ^= 1),
            Refusal::BadSignature,
        ),
        (
            "another device's certificate",
            edit(&|it| it.certificate = strangers.clone()),
            Refusal::BadCertificate,
        ),
        (
            "a key of small order",
            edit(&|it| it.device = DeviceId([0; 32])),
            Refusal::BadKey,
        ),
        (
            "other claims",
            edit(&|it| {
                it.claims = Claims::Receipt {
                    topic: TopicId([1; 32]),
                    author: client.device(0),
                    seq: 300,
                    entry: EntryId([4; 32]),
                    height: 4,
                    at_ms: START_MS,
                }
            }),
            Refusal::BadSignature,
        ),
        (
            "ends early",
            good[..good.len() - 1].to_vec(),
            Refusal::BadEvidence,
        ),
        (
            "something after it",
            [&good[..], &[0]].concat(),
            Refusal::BadEvidence,
        ),
        ("only the mark", vec![0], Refusal::BadEvidence),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    hold(
        "attestations.json",
        "Grants and receipts (page 10.8), and the fact that a reducer is given",
        cases,
    );
}
