//! The vectors of the protocol (`spec/vectors`), held against this very code wherever it
//! runs: the module in a browser shows with them that it is no other protocol.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use synlog_log::attestation::check_evidence;
use synlog_log::bundle::verify;
use synlog_log::cbor::Value;
use synlog_log::fold::{Fact, FoldEvent};
use synlog_log::fork::ForkProof;
use synlog_log::header::Header;
use synlog_log::identity::{Action, Certificate, SignedStatement};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex, unhex};
use synlog_log::keys::{self, EncryptionSecret, WrapBinding};
use synlog_log::order::ChainState;
use synlog_log::payload::{Payload, payload_hash};
use synlog_log::proof::Proof;
use synlog_log::refusal::Refusal;
use synlog_log::run::RunView;
use synlog_log::sealed::{open, previous_key};
use synlog_log::skiplink;
use synlog_log::wire::Reader;
use synlog_values::json::to_json;

use crate::identity::array;

/// What a file of vectors comes to: how many cases there are, and the names of those that
/// give something else than they must. `None`: it is no file of vectors that is known here.
pub fn check(file: &str, text: &[u8]) -> Option<(usize, Vec<String>)> {
    let json: Json = serde_json::from_slice(text).ok()?;
    let cases = json.get("cases")?.as_array()?;
    let mut failed = Vec::new();
    for case in cases {
        let case = case.as_object()?;
        let found = outcome(file, case)?;
        let same = match &found {
            Err(refusal) => case.get("error") == Some(&json!(refusal.code())),
            Ok(found) => {
                let found = found.as_object()?;
                case.get("error").is_none()
                    && found
                        .iter()
                        .all(|(key, value)| case.get(key) == Some(value))
            }
        };
        if !same {
            let name = case.get("name").and_then(Json::as_str).unwrap_or_default();
            let found = found.map_or_else(|refusal| refusal.code().to_owned(), |it| it.to_string());
            failed.push(format!(
                "{name}: {}",
                found.chars().take(200).collect::<String>()
            ));
        }
    }
    Some((cases.len(), failed))
}

type Case = Map<String, Json>;

fn bytes(case: &Case, key: &str) -> Option<Vec<u8>> {
    unhex(case.get(key)?.as_str()?)
}

fn id(case: &Case, key: &str) -> Option<[u8; 32]> {
    array(case.get(key)?)
}

/// What a case gives here; `None` where the file is not known, or the case not as it should be.
fn outcome(file: &str, case: &Case) -> Option<Result<Json, Refusal>> {
    let given = || bytes(case, "bytes");
    Some(match file {
        "varint" => varint(&given()?),
        "cbor" => Value::decode(&given()?).map(|value| json!({ "json": to_json(&value) })),
        "lipmaa" => Ok(json!({ "target": skiplink::target(case.get("seq")?.as_u64()?) })),
        "keys" => Ok(json!({ "admitted": keys::admit(&id(case, "key")?).is_ok() })),
        "signatures" => {
            let signature = array(case.get("signature")?)?;
            let good = keys::verify(&id(case, "key")?, &bytes(case, "message")?, &signature);
            Ok(json!({ "valid": good.is_ok() }))
        }
        "headers" => header(&given()?),
        "payloads" => payload(&given()?),
        "runs" => run(&given()?),
        "statements" => statement(&given()?, &id(case, "root")?),
        "certificates" => certificate(&given()?, &DeviceId(id(case, "device")?)),
        "proofs" => proof(&given()?),
        "attestations" => attestation(&given()?),
        "fork_proofs" => fork_proof(&given()?),
        "sealed" => {
            let header = Header::decode(&bytes(case, "header")?).ok()?;
            let (epoch, key) = (case.get("epoch")?.as_i64()?, id(case, "epoch_key")?);
            sealed(&header, &bytes(case, "payload")?, epoch, &key)
        }
        "wraps" => {
            let binding = WrapBinding {
                topic: TopicId(id(case, "topic")?),
                epoch: case.get("epoch")?.as_u64()?,
                key_hash: id(case, "key_hash")?,
                recipient: EntityId(id(case, "recipient")?),
            };
            let secret = EncryptionSecret::from_bytes(0, id(case, "secret")?);
            wrap(
                &secret,
                &binding,
                &bytes(case, "wrap")?,
                &bytes(case, "previous")?,
            )
        }
        "bundles" | "other_bundles" => bundle(&given()?),
        _ => return None,
    })
}

fn varint(bytes: &[u8]) -> Result<Json, Refusal> {
    let mut reader = Reader::new(bytes);
    let value = reader.varint()?;
    reader.end()?;
    Ok(json!({ "value": value }))
}

fn header(bytes: &[u8]) -> Result<Json, Refusal> {
    let header = Header::decode(bytes)?;
    let (id, genesis) = (header.id().to_string(), header.is_genesis());
    Ok(json!({ "id": id, "seq": header.seq, "genesis": genesis }))
}

fn payload(bytes: &[u8]) -> Result<Json, Refusal> {
    let payload = Payload::split(bytes).map_err(|_| Refusal::BadPayload)?;
    let event = payload.check()?;
    Ok(json!({
        "hash": hex(&payload_hash(bytes)),
        "kind": event.kind,
        "body": to_json(&event.body),
        "erasable_hash": payload.erasable.map(|part| hex(&part.hash())),
    }))
}

fn run(bytes: &[u8]) -> Result<Json, Refusal> {
    let run = RunView::decode(bytes)?;
    let ids: Vec<String> = run.entries.iter().map(|it| it.id.to_string()).collect();
    let signed = run.signature.map(|_| run.verify().is_ok());
    Ok(json!({ "ids": ids, "signed": signed }))
}

fn statement(bytes: &[u8], root: &[u8; 32]) -> Result<Json, Refusal> {
    let signed = SignedStatement::decode(bytes)?;
    signed.verify(root)?;
    let action = match signed.statement.action {
        Action::Certify { .. } => "certify",
        Action::Revoke { .. } => "revoke",
        Action::Rotate { .. } => "rotate",
        Action::Takeover { .. } => "takeover",
        Action::Encryption { .. } => "encryption",
    };
    let (hash, number) = (hex(&signed.statement.hash()), signed.statement.number);
    Ok(json!({ "hash": hash, "number": number, "action": action }))
}

fn certificate(bytes: &[u8], device: &DeviceId) -> Result<Json, Refusal> {
    let certified = Certificate::verify_bytes(bytes, device)?;
    Ok(json!({ "entity": certified.entity.to_string(), "name": certified.name }))
}

fn proof(bytes: &[u8]) -> Result<Json, Refusal> {
    let proven = Proof::decode(bytes)?.verify()?;
    let (id, entity) = (proven.id.to_string(), proven.certified.entity.to_string());
    Ok(json!({ "id": id, "entity": entity }))
}

fn attestation(bytes: &[u8]) -> Result<Json, Refusal> {
    let fact = check_evidence(bytes)?;
    let (device, entity) = match &fact {
        Fact::Grant {
            device, subject, ..
        } => (*device, *subject),
        Fact::Receipt { device, entity, .. } | Fact::Entry { device, entity, .. } => {
            (*device, *entity)
        }
    };
    let event = FoldEvent {
        id: EntryId::ZERO,
        author: DeviceId::ZERO,
        entity: EntityId::ZERO,
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
        "device": device.to_string(), "entity": entity.to_string(), "fact": hex(&fact),
    }))
}

fn fork_proof(bytes: &[u8]) -> Result<Json, Refusal> {
    let proof = ForkProof::decode(bytes)?;
    let feed = proof.verify()?;
    let (author, topic) = (feed.author.to_string(), feed.topic.to_string());
    Ok(json!({ "author": author, "topic": topic, "seq": proof.seq }))
}

fn sealed(header: &Header, bytes: &[u8], epoch: i64, key: &[u8; 32]) -> Result<Json, Refusal> {
    let payload = Payload::split(bytes).map_err(|_| Refusal::BadPayload)?;
    let opened = open(header, &payload, |wanted| (wanted == epoch).then_some(*key))?;
    let event = Payload::split_erased(&opened.part)?;
    let event = event.check()?;
    let erasable = opened.erasable.as_ref().map(to_json);
    Ok(json!({ "kind": event.kind, "body": to_json(&event.body), "erasable": erasable }))
}

fn wrap(
    secret: &EncryptionSecret,
    binding: &WrapBinding,
    wrap: &[u8],
    previous: &[u8],
) -> Result<Json, Refusal> {
    let key = secret.unwrap_key(binding, wrap)?;
    let epoch = i64::try_from(binding.epoch).map_err(|_| Refusal::Unsealable)?;
    let before = previous_key(&binding.topic, epoch, &key, previous);
    let before = before.ok_or(Refusal::Unsealable)?;
    let public = hex(&secret.public());
    Ok(json!({ "public": public, "key": hex(&key), "previous_key": hex(&before) }))
}

fn bundle(bytes: &[u8]) -> Result<Json, Refusal> {
    let report = verify(bytes).map_err(|_| Refusal::BadBundle)?;
    let topics = report.topics.iter().map(|topic| {
        let order = topic.order.lines().map(|line| {
            json!({
                "id": line.id.to_string(), "status": line.status.word(), "code": line.status.text(),
            })
        });
        json!({
            "topic": topic.topic.to_string(),
            "digest": hex(&topic.order.digest()),
            "state": match topic.order.state() {
                ChainState::Open { .. } => "open",
                ChainState::Forked { .. } => "forked",
            },
            "order": order.collect::<Vec<_>>(),
        })
    });
    let topics: Vec<Json> = topics.collect();
    let problems = report.problems.iter();
    let errors: BTreeSet<&str> = problems.map(|problem| problem.refusal.code()).collect();
    Ok(json!({ "ok": report.is_ok(), "errors": errors, "topics": topics }))
}
