//! Whatever comes over the boundary is answered, and takes nothing down.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use synlog_log::ids::hex;

use super::scene::{Native, Scene, ask};
use crate::guest::Guest;
use crate::ops::{message, parts};

const OPS: [&str; 25] = [
    "pin",
    "make",
    "load_keys",
    "load",
    "take",
    "me",
    "words",
    "is_root",
    "drop_root",
    "session",
    "heights",
    "unsent",
    "lacking",
    "reducer",
    "manifest",
    "rows",
    "audit",
    "try",
    "write",
    "kept",
    "dropped",
    "secret",
    "export",
    "bundle",
    "vectors",
];

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
        any::<[u8; 32]>().prop_map(|id| json!(hex(&id))),
        any::<[u8; 32]>().prop_map(|id| json!({ "$hex": hex(&id) })),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn messages_come_back() {
    let json = json!({ "op": "me", "text": "ä" });
    let bytes = message(&json, &[1, 2, 3]);
    assert_eq!(parts(&bytes), Some((json, &[1, 2, 3][..])));
    assert_eq!(parts(&[]), None);
    assert_eq!(parts(&[255, 255, 255, 255, 0]), None);
}

#[test]
fn without_keys_nothing_is_told() {
    let mut guest = Guest::new();
    for op in ["me", "words", "session", "export", "drop_root"] {
        let asked = json!({ "op": op, "challenge": hex(&[1; 32]), "node": hex(&[1; 32]) });
        assert_eq!(
            ask(&mut guest, asked, &[]).unwrap_err()["code"],
            "no_keys",
            "{op}"
        );
    }
    assert_eq!(
        ask(&mut guest, json!({ "op": "other" }), &[]).unwrap_err()["code"],
        "usage"
    );
}

#[test]
fn stored_records_are_read_back_as_a_bundle() {
    let scene = Scene::new();
    let runs: Vec<&[u8]> = scene.world.written.iter().map(|it| &it.run[..]).collect();
    let records: Vec<Json> = runs
        .iter()
        .map(|run| json!({ "kind": 1, "bytes": run.len() }))
        .collect();
    let mut guest = Guest::new();
    let asked = json!({ "op": "bundle", "records": records });
    let (_, bundle) = ask(&mut guest, asked.clone(), &runs.concat()).unwrap();
    assert_eq!(bundle, scene.bundle());
    assert!(ask(&mut guest, asked, &runs[0][1..]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut guest = Guest::new();
        let answer = guest.handle(&mut Native, &bytes);
        prop_assert!(parts(&answer).unwrap().0.get("error").is_some());
    }

    #[test]
    fn any_request_is_answered(
        op in 0..OPS.len(),
        kind in "(order\\.request|message\\.post|booking\\.request|order\\.agree|[a-z.]{0,8})",
        fields in proptest::collection::btree_map("(body|erasable|keys|records|file|name|words|height|heights|label|entry)", any_json(), 0..5),
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        whole: bool,
    ) {
        let scene = Scene::new();
        let mut guest = scene.guest();
        let mut request = json!({
            "op": OPS[op], "topic": scene.world.topic.to_string(), "kind": kind,
            "now_ms": super::scene::NOW_MS, "random": hex(&[1; 32]), "body": {},
        });
        for (key, value) in fields {
            request[key] = value;
        }
        let bytes = if whole { scene.bundle() } else { bytes };
        let answer = guest.handle(&mut Native, &message(&request, &bytes));
        let (answer, _) = parts(&answer).unwrap();
        prop_assert!(answer.get("ok").is_some() != answer.get("error").is_some());
        // and it goes on all the same
        let topic = scene.world.topic.to_string();
        let rows = ask(&mut guest, json!({ "op": "rows", "topic": topic }), &[]);
        if OPS[op] != "load_keys" {
            prop_assert!(rows.is_ok());
        }
    }
}
