//! `statements.json` and `certificates.json`.

use serde_json::{Value as Json, json};
use synlog_log::identity::{Action, Certificate, IdentityLog, SignedStatement, Statement};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex};
use synlog_log::keys::{EncryptionSecret, SecretKey};
use synlog_log::refusal::Refusal;

use super::{case, hold};

struct Cast {
    root: SecretKey,
    next_root: SecretKey,
    device: SecretKey,
    other: SecretKey,
    log: IdentityLog,
}

fn cast() -> Cast {
    let [root, next_root, device, other] =
        [1, 2, 3, 4].map(|seed| SecretKey::from_seed([seed; 32]));
    let log = IdentityLog::new(EntityId(root.public()));
    Cast {
        root,
        next_root,
        device,
        other,
        log,
    }
}

fn certify(cast: &Cast) -> Action {
    Action::Certify {
        device: DeviceId(cast.device.public()),
        acceptance: Statement::acceptance(&cast.log.entity(), &cast.device),
        name: "workshop laptop".into(),
    }
}

fn rotate(cast: &Cast) -> Action {
    let acceptance = Statement::acceptance(&cast.log.entity(), &cast.next_root);
    Action::Rotate {
        next_root: cast.next_root.public(),
        acceptance,
    }
}

#[test]
fn statements() {
    let read = |bytes: &[u8], root: &[u8; 32]| -> Result<Json, Refusal> {
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
    };
    let mut cast = cast();
    let mut cases = Vec::new();
    let input = |bytes: &[u8], root: &[u8; 32]| json!({ "bytes": hex(bytes), "root": hex(root) });
    let root = cast.root.public();
    let device = DeviceId(cast.device.public());
    let takeover = Action::Takeover {
        topic: TopicId([9; 32]),
        old: device,
        last_seq: 300,
        head: EntryId([8; 32]),
        next: DeviceId(cast.other.public()),
    };
    let mut issued = Vec::new();
    let first = certify(&cast);
    for (name, action) in [
        ("certify", first.clone()),
        ("revoke", Action::Revoke { device }),
        ("takeover", takeover),
    ] {
        let signed = cast
            .log
            .issue(action, 1_767_225_600_000, &cast.root.clone())
            .unwrap();
        cases.push(case(
            name,
            input(&signed.encode(), &root),
            read(&signed.encode(), &root),
            Ok(()),
        ));
        issued.push(signed);
    }
    let rotation = cast
        .log
        .issue(rotate(&cast), 1_767_225_600_001, &cast.root.clone())
        .unwrap();
    cases.push(case(
        "rotate",
        input(&rotation.encode(), &root),
        read(&rotation.encode(), &root),
        Ok(()),
    ));
    let after = cast
        .log
        .issue(
            Action::Revoke { device },
            1_767_225_600_002,
            &cast.next_root.clone(),
        )
        .unwrap();
    let next = cast.next_root.public();
    cases.push(case(
        "by the next root",
        input(&after.encode(), &next),
        read(&after.encode(), &next),
        Ok(()),
    ));

    let secrets = [0, 1].map(|generation| EncryptionSecret::of_root(&cast.next_root, generation));
    for (name, number, last) in [
        ("an encryption key", 0, None),
        (
            "the next encryption key, and the one before",
            1,
            Some(&secrets[0]),
        ),
    ] {
        let action = cast.log.announcement(&secrets[number], last, &[7; 32]);
        let root = cast.next_root.clone();
        let issued = cast.log.issue(action.unwrap(), 1_767_225_600_003, &root);
        let bytes = issued.unwrap().encode();
        cases.push(case(
            name,
            input(&bytes, &next),
            read(&bytes, &next),
            Ok(()),
        ));
    }

    let good = issued[0].encode();
    let sign = |statement: Statement| statement.sign(&cast.root).encode();
    let base = issued[0].statement.clone();
    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut wrong_acceptance = base.clone();
    if let Action::Certify { acceptance, .. } = &mut wrong_acceptance.action {
        acceptance[3] ^= 1;
    }
    let stolen = Action::Certify {
        device: DeviceId(cast.other.public()),
        acceptance: Statement::acceptance(&base.entity, &cast.device),
        name: String::new(),
    };
    let small = Action::Certify {
        device: DeviceId([0; 32]),
        acceptance: [0; 64],
        name: String::new(),
    };
    let long_name = Action::Certify {
        device,
        acceptance: [0; 64],
        name: "x".repeat(65),
    };
    for (name, bytes, root, refusal) in [
        (
            "by another key",
            good.clone(),
            cast.other.public(),
            Refusal::BadSignature,
        ),
        (
            "a root of small order",
            good.clone(),
            [0; 32],
            Refusal::BadKey,
        ),
        ("a changed time", flip(36), root, Refusal::BadSignature),
        (
            "version 2",
            {
                let mut bytes = good.clone();
                bytes[0] = 2;
                bytes
            },
            root,
            Refusal::BadStatement,
        ),
        (
            "an acceptance that does not check",
            sign(wrong_acceptance),
            root,
            Refusal::BadAcceptance,
        ),
        (
            "a device that never agreed",
            sign(Statement {
                action: stolen,
                ..base.clone()
            }),
            root,
            Refusal::BadAcceptance,
        ),
        (
            "a device key of small order",
            sign(Statement {
                action: small,
                ..base.clone()
            }),
            root,
            Refusal::BadKey,
        ),
        (
            "number 0 with a prev",
            sign(Statement {
                prev: Some([1; 32]),
                ..base.clone()
            }),
            root,
            Refusal::BadStatement,
        ),
        (
            "number 1 without a prev",
            sign(Statement {
                number: 1,
                ..base.clone()
            }),
            root,
            Refusal::BadStatement,
        ),
        (
            "a name of 65 bytes",
            sign(Statement {
                action: long_name,
                ..base.clone()
            }),
            root,
            Refusal::BadStatement,
        ),
        (
            "ends early",
            good[..good.len() - 1].to_vec(),
            root,
            Refusal::BadStatement,
        ),
        (
            "something after it",
            [&good[..], &[0]].concat(),
            root,
            Refusal::BadStatement,
        ),
    ] {
        cases.push(case(
            name,
            input(&bytes, &root),
            read(&bytes, &root),
            Err(refusal),
        ));
    }
    hold("statements.json", "Identity statements (page 2.2)", cases);
}

#[test]
fn certificates() {
    let read = |bytes: &[u8], device: &DeviceId| -> Result<Json, Refusal> {
        let certified = Certificate::verify_bytes(bytes, device)?;
        Ok(json!({ "entity": certified.entity.to_string(), "name": certified.name }))
    };
    let input = |bytes: &[u8], device: &DeviceId| json!({ "bytes": hex(bytes), "device": device.to_string() });
    let mut cast = cast();
    let device = DeviceId(cast.device.public());
    let mut cases = Vec::new();
    cast.log
        .issue(certify(&cast), 1, &cast.root.clone())
        .unwrap();
    let early = cast.log.certificate(&device).unwrap();
    cast.log
        .issue(rotate(&cast), 2, &cast.root.clone())
        .unwrap();
    cast.log
        .issue(certify(&cast), 3, &cast.next_root.clone())
        .unwrap();
    let late = cast.log.certificate(&device).unwrap();
    for (name, certificate) in [("by the first root", &early), ("after a rotation", &late)] {
        let bytes = certificate.encode();
        cases.push(case(
            name,
            input(&bytes, &device),
            read(&bytes, &device),
            Ok(()),
        ));
    }
    let without = Certificate {
        rotations: vec![],
        ..late.clone()
    };
    let twice = Certificate {
        rotations: vec![late.rotations[0].clone(); 2],
        ..late.clone()
    };
    let early_after = Certificate {
        rotations: late.rotations.clone(),
        ..early.clone()
    };
    let not_a_rotation = Certificate {
        rotations: vec![early.certify.clone()],
        ..late.clone()
    };
    let not_a_certify = Certificate {
        certify: late.rotations[0].clone(),
        rotations: vec![],
    };
    let mut garbled = early.encode();
    let last = garbled.len() - 1;
    garbled[last] ^= 1;
    let other = DeviceId(cast.other.public());
    for (name, bytes, device) in [
        ("for another device", early.encode(), other),
        ("a garbled signature", garbled, device),
        ("the rotation left out", without.encode(), device),
        ("the rotation twice", twice.encode(), device),
        ("older than its rotation", early_after.encode(), device),
        (
            "a certify in place of a rotation",
            not_a_rotation.encode(),
            device,
        ),
        (
            "a rotation in place of the certify",
            not_a_certify.encode(),
            device,
        ),
        ("nothing", vec![], device),
        (
            "something after it",
            [early.encode(), vec![0]].concat(),
            device,
        ),
    ] {
        cases.push(case(
            name,
            input(&bytes, &device),
            read(&bytes, &device),
            Err(Refusal::BadCertificate),
        ));
    }
    hold("certificates.json", "Device certificates (page 2.3)", cases);
}
