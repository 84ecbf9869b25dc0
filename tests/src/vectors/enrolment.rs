//! `device_requests.json` and `device_answers.json`.

use serde_json::{Value as Json, json};
use synlog_log::identity::{
    Action, DeviceAnswer, DeviceRequest, IdentityLog, SignedRequest, Ticket,
};
use synlog_log::ids::{DeviceId, EntityId, hex};
use synlog_log::keys::SecretKey;
use synlog_log::refusal::Refusal;
use synlog_node::identity::words::check_words;

use super::{case, hold};

struct Cast {
    root: SecretKey,
    laptop: SecretKey,
    phone: SecretKey,
    log: IdentityLog,
}

fn cast() -> Cast {
    let [root, laptop, phone] = [11, 12, 13].map(|seed| SecretKey::from_seed([seed; 32]));
    let mut log = IdentityLog::new(EntityId(root.public()));
    let first = DeviceRequest::new(log.entity(), &laptop, [0; 32], "laptop");
    log.issue(first.action(), 1_000, &root).unwrap();
    Cast {
        root,
        laptop,
        phone,
        log,
    }
}

fn request(cast: &Cast, name: &str) -> DeviceRequest {
    DeviceRequest::new(cast.log.entity(), &cast.phone, [7; 32], name)
}

#[test]
fn requests() {
    let cast = cast();
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let request = SignedRequest::decode(bytes)?.request;
        Ok(json!({
            "entity": request.entity.to_string(),
            "device": request.device.to_string(),
            "name": request.name,
            "hash": hex(&request.hash()),
            "text": Ticket::DeviceRequest.encode(bytes),
            "check": check_words(&request.hash()),
        }))
    };
    let good = request(&cast, "Anna’s phone").sign(&cast.phone).encode();
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut longer = good.clone();
    longer.push(0);
    let other_signer = request(&cast, "phone").sign(&cast.laptop).encode();
    let long_name = request(&cast, &"x".repeat(65)).sign(&cast.phone).encode();
    let mut small_order = request(&cast, "phone");
    small_order.device = DeviceId([0; 32]);
    let small_order = small_order.sign(&cast.phone).encode();
    let cases = [
        ("good", good.clone(), Ok(())),
        (
            "no name",
            request(&cast, "").sign(&cast.phone).encode(),
            Ok(()),
        ),
        ("another version", changed(0), Err(Refusal::NotCanonical)),
        ("another entity", changed(1), Err(Refusal::BadSignature)),
        (
            "another sealing key",
            changed(70),
            Err(Refusal::BadSignature),
        ),
        (
            "another acceptance",
            changed(100),
            Err(Refusal::BadSignature),
        ),
        (
            "signed by another device",
            other_signer,
            Err(Refusal::BadSignature),
        ),
        (
            "a device key that is not admitted",
            small_order,
            Err(Refusal::BadKey),
        ),
        ("a name of 65 bytes", long_name, Err(Refusal::TooLarge)),
        (
            "cut",
            good[..good.len() - 1].to_vec(),
            Err(Refusal::Truncated),
        ),
        ("a byte too many", longer, Err(Refusal::NotCanonical)),
    ];
    let cases = cases.into_iter().map(|(name, bytes, expected)| {
        case(
            name,
            json!({ "bytes": hex(&bytes) }),
            read(&bytes),
            expected,
        )
    });
    hold(
        "device_requests.json",
        "Requests of new devices (page 2.5)",
        cases.collect(),
    );
}

#[test]
fn answers() {
    let mut cast = cast();
    let asked = request(&cast, "phone");
    let signed = asked.clone().sign(&cast.phone).encode();
    let answer = |cast: &Cast, issuer: &SecretKey| DeviceAnswer {
        request: asked.hash(),
        issuer: DeviceId(issuer.public()),
        statements: cast.log.statements().cloned().collect(),
        sealed: vec![5; 60],
    };
    let early = answer(&cast, &cast.laptop).encode(&cast.laptop);
    cast.log.issue(asked.action(), 2_000, &cast.root).unwrap();
    let good = answer(&cast, &cast.laptop);
    let mut gap = good.clone();
    gap.statements.remove(0);
    let mut other = good.clone();
    other.request[0] ^= 1;
    let mut nothing = good.clone();
    nothing.sealed.clear();
    let stranger = answer(&cast, &cast.root).encode(&cast.root);
    let rotated = {
        let mut log = cast.log.clone();
        let next = SecretKey::from_seed([14; 32]);
        let action = Action::Rotate {
            next_root: next.public(),
            acceptance: synlog_log::identity::Statement::acceptance(&log.entity(), &next),
        };
        log.issue(action, 3_000, &cast.root).unwrap();
        let again = DeviceRequest::new(log.entity(), &cast.laptop, [0; 32], "laptop");
        log.issue(again.action(), 3_000, &next).unwrap();
        DeviceAnswer {
            statements: log.statements().cloned().collect(),
            ..good.clone()
        }
    };
    let device = DeviceId(cast.laptop.public());
    let mut revoked = cast.log.clone();
    revoked
        .issue(Action::Revoke { device }, 3_000, &cast.root)
        .unwrap();
    let revoked = DeviceAnswer {
        statements: revoked.statements().cloned().collect(),
        ..good.clone()
    };
    let mut damaged = good.encode(&cast.laptop);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let by = |answer: &DeviceAnswer| answer.encode(&cast.laptop);
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let log = DeviceAnswer::decode(bytes)?.check(&asked)?;
        Ok(json!({ "statements": log.statements().count() }))
    };
    let wrong = Err(Refusal::BadCertificate);
    let cases = [
        ("good", by(&good), Ok(())),
        ("nothing sealed", by(&nothing), Ok(())),
        ("after a rotation", by(&rotated), Ok(())),
        ("the new device is not certified", early, wrong),
        ("the first statement is missing", by(&gap), wrong),
        ("for another request", by(&other), wrong),
        ("by a key that is no device", stranger, wrong),
        ("by a device that is revoked", by(&revoked), wrong),
        (
            "signed by another device",
            good.encode(&cast.phone),
            Err(Refusal::BadSignature),
        ),
        ("changed", damaged, Err(Refusal::BadSignature)),
    ];
    let cases = cases.into_iter().map(|(name, bytes, expected)| {
        let input = json!({ "bytes": hex(&bytes), "request": hex(&signed) });
        case(name, input, read(&bytes), expected)
    });
    hold(
        "device_answers.json",
        "Answers to them (page 2.5)",
        cases.collect(),
    );
}
