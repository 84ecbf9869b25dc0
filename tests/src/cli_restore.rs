//! A data directory that was copied or restored must not sign until it has a new key.

use serde_json::json;

use crate::cli::{Desk, copy};

#[test]
fn a_copy_refuses_to_sign_until_renewed() {
    let original = Desk::new("laptop");
    original.ok(&["topic", "new", "orders", "--app", "market"]);
    original.ok(&["topic", "new", "board", "--app", "board", "--causal"]);
    original.ok(&["append", "orders", "order.request", "--body", "{\"n\":1}"]);
    let restored = Desk::empty();
    copy(&original.home, &restored.home);
    let old = original.device();
    for arguments in [
        &["append", "orders", "order.request"][..],
        &["topic", "new", "more", "--app", "a"],
        &["topic", "role", "orders", "client"],
    ] {
        let refused = restored.fails(5, arguments);
        assert!(
            refused.err.contains("must not sign any more"),
            "{refused:?}"
        );
        assert!(refused.err.contains("device renew"), "{refused:?}");
    }
    let refused = restored.fed(
        b"{\"n\":2}",
        &["import", "jsonl", "-", "--topic", "orders", "--kind", "a.b"],
    );
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(restored.ok(&["whoami"]).out.contains("guard "));
    let doctor = restored.fails(1, &["doctor", "--json"]).json();
    assert_eq!(doctor["notes"][0]["code"], json!("guarded"));
    // it still shows and carries what it has
    assert_eq!(restored.ok(&["tail", "--json"]).json_lines().len(), 3);
    restored.ok(&["bundle", "write", &restored.path("copy")]);

    let renewed = restored.ok(&["device", "renew", "--json"]).json();
    assert_eq!(renewed["old"], json!(old));
    assert_eq!(renewed["device_name"], json!("laptop-2"));
    assert_eq!(renewed["taken_over"].as_array().unwrap().len(), 2);
    restored.ok(&["append", "orders", "order.request", "--body", "{\"n\":3}"]);
    for topic in ["orders", "board"] {
        let shown = restored.ok(&["topic", "show", topic, "--json"]).json();
        assert_eq!(shown["sequencer"], renewed["device"]);
    }
    let shown = restored.ok(&["topic", "show", "orders", "--json"]).json();
    assert_eq!(shown["policy"]["revoked"][0]["device"], json!(old));
    let devices = restored.ok(&["device", "list", "--json"]).json();
    assert_eq!(devices["devices"][0]["revoked"], json!(true));
    assert_eq!(devices["devices"][1]["this"], json!(true));
    restored.ok(&["doctor"]);
    let path = restored.path("after.synlog");
    restored.ok(&["bundle", "write", &path]);
    restored.ok(&["verify", &path]);
}

#[test]
fn own_entries_from_outside_trip_the_guard() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    let early = Desk::empty();
    copy(&desk.home, &early.home);
    desk.ok(&["append", "orders", "order.request"]);
    let later = desk.path("later.synlog");
    desk.ok(&["bundle", "write", &later]);
    let read = early.ok(&["bundle", "read", &later, "--json"]).json();
    assert_eq!(read["own_from_outside"], json!(1));
    assert!(read["guard"].is_string());
    early.fails(5, &["append", "orders", "order.request"]);
    // with what the old device wrote at hand nothing of it is withdrawn
    let renewed = early
        .ok(&["device", "renew", "--name", "desk", "--json"])
        .json();
    assert_eq!(renewed["taken_over"][0]["last_seq"], json!(1));
    let held = early
        .ok(&["tail", "--status", "held", "--json"])
        .json_lines();
    assert_eq!(held.len(), 0);
}
