//! A whole story by hand: two people, a topic, a stick that goes back and forth.

use serde_json::json;

use crate::cli::{Desk, program};

#[test]
fn two_people_and_a_stick() {
    let (anna, ben) = (Desk::new("laptop"), Desk::new("phone"));
    let topic = anna
        .ok(&["topic", "new", "orders", "--app", "market"])
        .word();
    anna.ok(&[
        "topic",
        "role",
        "orders",
        "client",
        "order.request",
        "order.cancel",
    ]);
    anna.ok(&["topic", "grant", "orders", &ben.entity(), "client"]);
    let stick = anna.path("stick");
    let written = anna.ok(&["bundle", "write", &stick, "orders"]);
    assert_eq!(written.out.trim(), format!("{stick}.synlog"));
    let stick = format!("{stick}.synlog");

    let read = ben.ok(&["bundle", "read", &stick, "--json"]).json();
    assert_eq!(read["fresh"][0]["entries"], json!(3));
    assert_eq!(read["fresh"][0]["new_topic"], json!(true));
    let request = [
        "append",
        "orders",
        "order.request",
        "--body",
        r#"{"item":"bread","n":2}"#,
    ];
    let id = ben
        .ok(&[&request[..], &["--erasable", r#"{"street":"Bulevardi 7"}"#]].concat())
        .word();
    // the role does not let him write this
    let refused = ben.fails(3, &["append", "orders", "order.decide"]);
    assert!(refused.err.contains("not_permitted"), "{refused:?}");
    let refused = ben.fails(3, &["topic", "grant", "orders", &ben.entity(), "owner"]);
    assert!(
        refused.err.contains("hint: only the topic's sequencer"),
        "{refused:?}"
    );
    let tentative = ben
        .ok(&["tail", "orders", "--status", "tentative", "--json"])
        .json_lines();
    assert_eq!(tentative.len(), 1);
    ben.ok(&["bundle", "write", &stick]);

    let read = anna.ok(&["bundle", "read", &stick, "--json"]).json();
    assert_eq!(read["acks"].as_array().unwrap().len(), 1);
    assert_eq!(
        anna.ok(&["bundle", "read", &stick, "--json"]).json()["known"],
        json!(4)
    );
    assert!(anna.ok(&["topic", "ack", "orders"]).out.is_empty());
    anna.ok(&["bundle", "write", &stick]);
    ben.ok(&["bundle", "read", &stick]);
    let [a, b] =
        [&anna, &ben].map(|desk| desk.ok(&["topic", "show", &topic[..8], "--json"]).json());
    assert_eq!(a["digest"], b["digest"]);
    assert_eq!(
        a["counts"],
        json!([{"status": "sequenced", "code": "accepted", "count": 5}])
    );

    let verified = program()
        .args(["verify", &stick, "--json", "--order"])
        .output()
        .unwrap();
    assert!(verified.status.success());
    let report: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(report["ok"], json!(true));
    assert_eq!(report["topics"][0]["digest"], a["digest"]);
    assert_eq!(report["topics"][0]["order"].as_array().unwrap().len(), 5);
    assert_eq!(report["topics"][0]["feeds"].as_array().unwrap().len(), 2);
    let text = ben.ok(&["verify", &stick, "--order"]).out;
    assert!(
        text.contains("complete up to seq 3") && text.contains(&id),
        "{text}"
    );

    // a proof of the request goes to somebody who has nothing
    let proof = ben.path("request.proof");
    ben.ok(&["entry", "prove", &id[..10], "-o", &proof]);
    let stranger = Desk::empty();
    let proven = stranger.ok(&["entry", "check", &proof, "--json"]).json();
    assert_eq!(proven["body"], json!({"item": "bread", "n": 2}));
    assert_eq!(proven["entity"], json!(ben.entity()));
    let evident = anna
        .ok(&["append", "orders", "order.decide", "--evidence", &proof])
        .word();
    let shown = anna.ok(&["entry", "show", &evident, "--json"]).json();
    assert_eq!(shown["evidence"][0]["id"], json!(id));
    let mut broken = std::fs::read(&proof).unwrap();
    let last = broken.len() - 40;
    broken[last] ^= 1;
    std::fs::write(&proof, &broken).unwrap();
    stranger.fails(1, &["entry", "check", &proof]);
    anna.fails(
        3,
        &["append", "orders", "order.decide", "--evidence", &proof],
    );

    // he takes his address back
    assert!(anna.ok(&["entry", "show", &id]).out.contains("Bulevardi"));
    let [target] =
        ["erase"].map(|command| ben.ok(&[command, &id, "--json"]).json()["target"].clone());
    assert_eq!(target, json!(id));
    let shown = ben.ok(&["entry", "show", &id, "--json"]).json();
    assert_eq!(
        (&shown["erased"], &shown["erasable"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(ben.ok(&["erase", &id]).out, "");
    assert!(
        ben.ok(&["doctor", "prune"])
            .out
            .starts_with("rewrote 1 record")
    );
    ben.ok(&["bundle", "write", &stick]);
    assert!(!String::from_utf8_lossy(&std::fs::read(&stick).unwrap()).contains("Bulevardi"));
    anna.ok(&["bundle", "read", &stick]);
    assert!(!anna.ok(&["entry", "show", &id]).out.contains("Bulevardi"));
    for desk in [&anna, &ben] {
        desk.ok(&["doctor"]);
        desk.ok(&["doctor", "scrub"]);
        desk.ok(&["doctor", "rebuild"]);
    }
    let [a, b] = [&anna, &ben].map(|desk| {
        desk.ok(&["tail", "orders", "--order", "--json"])
            .json_lines()
    });
    assert!(a.len() > b.len());
}

#[test]
fn tail_has_the_documented_fields() {
    let desk = Desk::new("laptop");
    desk.ok(&[
        "topic", "new", "board", "--app", "board", "--causal", "--open", "guest",
    ]);
    let body = r#"{"text":"é","bytes":{"$hex":"00ff"},"n":[-1,true,null]}"#;
    desk.ok(&[
        "append",
        "board",
        "post.text",
        "--body",
        body,
        "--erasable",
        r#"{"a":1}"#,
    ]);
    let first = desk.fed(
        br#"{"text":"two"}"#,
        &["append", "board", "post.text", "--body-file", "-"],
    );
    assert_eq!(first.code, Some(0), "{first:?}");
    let rows = desk.ok(&["tail", "--json"]).json_lines();
    let fields = [
        "cursor",
        "id",
        "topic",
        "app",
        "author",
        "device_name",
        "entity",
        "seq",
        "hlc",
        "time",
        "kind",
        "status",
        "verdict",
        "body",
        "erasable",
        "erased",
        "deps",
        "backlink",
        "sealed",
    ];
    for row in &rows {
        let keys: Vec<&str> = row
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, fields);
    }
    let described = include_str!("../../docs/TAIL.md");
    for field in fields {
        assert!(described.contains(&format!("| `{field}` |")), "{field}");
    }
    assert_eq!(
        rows[1]["body"],
        serde_json::from_str::<serde_json::Value>(body).unwrap()
    );
    assert_eq!(rows[1]["erasable"], json!({"a": 1}));
    assert_eq!(rows[0]["backlink"], json!(null));
    assert_eq!(rows[2]["backlink"], rows[1]["id"]);
    assert_eq!(rows[2]["device_name"], json!("laptop"));
    let cursor = rows[1]["cursor"].to_string();
    assert_eq!(
        desk.ok(&["tail", "--json", "--after", &cursor])
            .json_lines(),
        rows[2..]
    );
    assert_eq!(
        desk.ok(&["tail", "--json", "--limit", "2"]).json_lines(),
        rows[..2]
    );
    assert_eq!(
        desk.ok(&["tail", "--json", "--last", "2"]).json_lines(),
        rows[1..]
    );
    assert_eq!(
        desk.ok(&["tail", "--json", "--kind", "post.*"])
            .json_lines(),
        rows[1..]
    );
    assert_eq!(
        desk.ok(&["tail", "--json", "--status", "void"])
            .json_lines()
            .len(),
        0
    );
    let device = desk.device();
    assert_eq!(
        desk.ok(&["tail", "--json", "--author", &device[..6]])
            .json_lines(),
        rows
    );
    assert_eq!(
        desk.ok(&["tail", "--json", "--entity", &desk.entity()[..6]])
            .json_lines(),
        rows
    );
    assert_eq!(
        desk.ok(&["tail", "board", "--json", "--order"])
            .json_lines()
            .len(),
        3
    );
    assert_eq!(desk.ok(&["tail"]).out.lines().count(), 3);
}

#[test]
fn a_removed_member_and_a_hand_over() {
    let (anna, ben) = (Desk::new("laptop"), Desk::new("phone"));
    let member = format!("{}=writer", ben.entity());
    anna.ok(&[
        "topic", "new", "board", "--app", "board", "--causal", "--member", &member,
    ]);
    anna.ok(&[
        "topic",
        "new",
        "desk",
        "--app",
        "desk",
        "--member",
        &member,
        "--role",
        "writer=note.*",
    ]);
    let (out, back) = (anna.path("out.synlog"), anna.path("back.synlog"));
    anna.ok(&["bundle", "write", &out]);
    ben.ok(&["bundle", "read", &out]);
    ben.ok(&["append", "board", "post.text"]);
    ben.ok(&["append", "desk", "note.add"]);
    ben.ok(&["bundle", "write", &back]);
    anna.ok(&["bundle", "read", &back]);
    anna.ok(&["topic", "revoke", "board", &ben.entity()[..8]]);
    anna.ok(&["topic", "handover", "desk", &ben.device()[..8]]);
    anna.fails(3, &["topic", "ack", "desk"]);
    ben.ok(&["append", "board", "post.text"]);
    anna.ok(&["bundle", "write", &out]);
    ben.ok(&["bundle", "read", &out]);
    ben.fails(3, &["append", "board", "post.text"]);
    let rows = ben
        .ok(&["tail", "board", "--status", "void", "--json"])
        .json_lines();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["verdict"], json!("removed"));
    ben.ok(&["topic", "role", "desk", "writer"]);
    let shown = ben.ok(&["topic", "show", "desk", "--json"]).json();
    assert_eq!(shown["sequencer"], json!(ben.device()));
    assert_eq!(shown["legs"].as_array().unwrap().len(), 2);
    assert_eq!(shown["policy"]["roles"], json!({"writer": []}));
}
