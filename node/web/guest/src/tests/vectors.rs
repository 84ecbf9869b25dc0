//! The vectors of the protocol, as the module in a browser checks them, and the module itself.

use crate::vectors::check;

macro_rules! vectors {
    ($($file:literal),+ $(,)?) => {
        [$(($file, &include_bytes!(concat!("../../../../../spec/vectors/", $file, ".json"))[..])),+]
    };
}

#[test]
fn they_hold() {
    for (file, text) in vectors![
        "varint",
        "cbor",
        "lipmaa",
        "keys",
        "signatures",
        "headers",
        "payloads",
        "runs",
        "statements",
        "certificates",
        "proofs",
        "attestations",
        "fork_proofs",
        "sealed",
        "wraps",
        "bundles",
        "other_bundles",
    ] {
        let (cases, failed) = check(file, text).unwrap();
        assert!(cases > 0 && failed.is_empty(), "{file}: {failed:?}");
    }
}

#[test]
fn a_wrong_vector_is_told() {
    let text = br#"{"cases": [{"name": "one", "bytes": "01", "value": 2}, {"name": "cut", "bytes": "80", "value": 0}]}"#;
    let (cases, failed) = check("varint", text).unwrap();
    assert_eq!((cases, failed.len()), (2, 2));
    assert!(check("varint", b"[]").is_none());
    assert!(check("nothing", br#"{"cases": [{}]}"#).is_none());
}

/// Bytes of the released module: what a phone loads.
const SIZE_MAX: usize = 800 * 1024;

#[test]
fn what_is_released_is_what_is_pinned() {
    let wasm = include_bytes!("../../pages/guest.wasm");
    let line = format!("{} {}", blake3::hash(wasm).to_hex(), wasm.len());
    assert!(
        include_str!("../../PIN").lines().any(|pin| pin == line),
        "{line}"
    );
    assert!(wasm.len() <= SIZE_MAX, "{line}");
}
