//! `keys.json` and `signatures.json`: what ZIP-215 and key admission say of the
//! known edge cases.

use std::collections::BTreeSet;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use serde_json::json;
use synlog_log::ids::{hex, unhex};
use synlog_log::keys::{Batch, SecretKey, admit, verify};

use super::hold;
use super::speccheck::CASES;

/// p = 2^255 − 19, little-endian, plus a small number.
fn p_plus(n: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + n;
    bytes[31] = 0x7f;
    bytes
}

fn signed(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] |= 0x80;
    bytes
}

/// The 14 encodings of the 8 points of small order that ZIP-215 accepts.
fn small_order() -> Vec<[u8; 32]> {
    let canonical: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().to_bytes())
        .collect();
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = p_plus(0);
    minus_one[0] -= 1;
    let others = [
        signed(one),
        signed(minus_one),
        p_plus(0),
        signed(p_plus(0)),
        p_plus(1),
        signed(p_plus(1)),
    ];
    let all: Vec<[u8; 32]> = canonical.into_iter().chain(others).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 14);
    all
}

/// The order of the group, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0u16;
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            carry += u16::from(*a) + u16::from(*b);
            let low = carry as u8;
            carry >>= 8;
            low
        })
        .collect()
}

/// Name, key, message, signature, and what is known of the outcome beforehand.
type Input = (String, Vec<u8>, Vec<u8>, Vec<u8>, Option<bool>);

#[test]
fn signatures() {
    let mut inputs: Vec<Input> = Vec::new();
    for (i, key) in small_order().iter().enumerate() {
        for (j, r) in small_order().iter().enumerate() {
            let signature = [&r[..], &[0; 32]].concat();
            let name = format!("small order: key {i}, R {j}, s = 0");
            inputs.push((name, key.to_vec(), b"Zcash".to_vec(), signature, Some(true)));
        }
    }
    for (index, [message, key, signature]) in CASES.iter().enumerate() {
        let parts = [message, key, signature].map(|text| unhex(text).unwrap());
        let [message, key, signature] = parts;
        inputs.push((format!("speccheck {index}"), key, message, signature, None));
    }
    // RFC 8032, 7.1, tests 1 to 3
    let rfc = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "72",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "af82",
        ),
    ];
    let signatures = [
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ];
    let keys = [
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ];
    for (index, (_, message)) in rfc.iter().enumerate() {
        let [key, message, signature] =
            [keys[index], message, signatures[index]].map(|text| unhex(text).unwrap());
        inputs.push((
            format!("RFC 8032 test {}", index + 1),
            key,
            message,
            signature,
            Some(true),
        ));
    }
    let secret = SecretKey::from_seed([5; 32]);
    let (key, message) = (secret.public(), [9; 32]);
    let good = secret.sign(&message);
    let change = |at: usize, to: &[u8]| {
        let mut changed = good.to_vec();
        changed[at..at + to.len()].copy_from_slice(to);
        changed
    };
    let order = unhex(ORDER).unwrap();
    let mut not_a_point = [2; 32];
    while CompressedEdwardsY(not_a_point).decompress().is_some() {
        not_a_point[0] += 1;
    }
    let mixed = CompressedEdwardsY(key).decompress().unwrap() + EIGHT_TORSION[1];
    let mixed = mixed.compress().to_bytes();
    let mut rest = vec![
        (
            "a good one".to_owned(),
            key.to_vec(),
            message.to_vec(),
            good.to_vec(),
            Some(true),
        ),
        (
            "another message".to_owned(),
            key.to_vec(),
            vec![8; 32],
            good.to_vec(),
            Some(false),
        ),
        (
            "s + ℓ".to_owned(),
            key.to_vec(),
            message.to_vec(),
            change(32, &add(&good[32..], &order)),
            Some(false),
        ),
        (
            "s = ℓ".to_owned(),
            key.to_vec(),
            message.to_vec(),
            change(32, &order),
            Some(false),
        ),
        (
            "R is not a point".to_owned(),
            key.to_vec(),
            message.to_vec(),
            change(0, &not_a_point),
            Some(false),
        ),
        (
            "the key is not a point".to_owned(),
            not_a_point.to_vec(),
            message.to_vec(),
            good.to_vec(),
            Some(false),
        ),
        (
            "the key of mixed order".to_owned(),
            mixed.to_vec(),
            message.to_vec(),
            good.to_vec(),
            Some(false),
        ),
    ];
    inputs.append(&mut rest);
    let mut cases = Vec::new();
    let mut batch = Batch::default();
    let mut singles = Vec::new();
    for (name, key, message, signature, expected) in inputs {
        let (key, signature) = (key.try_into().unwrap(), signature.try_into().unwrap());
        let valid = verify(&key, &message, &signature).is_ok();
        assert!(expected.is_none_or(|expected| expected == valid), "{name}");
        if let Ok(message) = message.clone().try_into() {
            batch.push(&key, &message, &signature);
            singles.push(valid);
        }
        cases.push(json!({
            "name": name, "key": hex(&key), "message": hex(&message), "signature": hex(&signature), "valid": valid
        }));
    }
    let failures = batch.failures();
    for (index, valid) in singles.iter().enumerate() {
        assert_eq!(
            !failures.contains(&index),
            *valid,
            "batch and single disagree"
        );
    }
    hold(
        "signatures.json",
        "Signatures by the ZIP-215 rule of page 2.1, key admission aside",
        cases,
    );
}

#[test]
fn admission() {
    let mut cases = Vec::new();
    let mut add = |name: String, key: [u8; 32], admitted: bool| {
        assert_eq!(admit(&key).is_ok(), admitted, "{name}");
        cases.push(json!({ "name": name, "key": hex(&key), "admitted": admitted }));
    };
    for n in 1..6 {
        add(
            format!("good {n}"),
            SecretKey::from_seed([n; 32]).public(),
            true,
        );
    }
    add(
        "the base point".into(),
        ED25519_BASEPOINT_POINT.compress().to_bytes(),
        true,
    );
    for (index, key) in small_order().into_iter().enumerate() {
        add(format!("small order {index}"), key, false);
    }
    for (index, torsion) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let key = (ED25519_BASEPOINT_POINT + torsion).compress().to_bytes();
        add(format!("mixed order {index}"), key, false);
    }
    for n in 2..19u8 {
        // y between p and 2^255: never canonical, whether there is a point or not
        add(format!("y = p + {n}"), p_plus(n), false);
    }
    let mut not_a_point = [2; 32];
    while CompressedEdwardsY(not_a_point).decompress().is_some() {
        not_a_point[0] += 1;
    }
    add("not a point".into(), not_a_point, false);
    hold(
        "keys.json",
        "Which public keys are admitted (page 2.1)",
        cases,
    );
}
