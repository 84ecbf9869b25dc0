//! How commands end when something is wrong: code, message, hint, and never a panic.

use std::io::Read;
use std::process::Stdio;

use serde_json::json;

use crate::cli::{Desk, program};

const NOBODY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn each_code_has_its_cases() {
    let desk = Desk::empty();
    let no_home = desk.fails(2, &["whoami"]);
    assert!(
        no_home.err.contains("error: there is no synlog data in"),
        "{no_home:?}"
    );
    assert!(
        no_home.err.contains("hint: run `synlog init` first"),
        "{no_home:?}"
    );
    desk.ok(&["init"]);
    desk.fails(2, &["init"]);
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    let bundle = desk.path("orders.synlog");
    desk.ok(&["bundle", "write", &bundle]);

    // 1: a check found something, or it is not there
    desk.fails(1, &["entry", "show", NOBODY]);
    desk.fails(1, &["topic", "show", NOBODY]);
    let garbage = desk.path("garbage");
    std::fs::write(&garbage, b"SYNLOG\x00\x01 and then nothing good").unwrap();
    desk.fails(1, &["verify", &garbage]);
    desk.fails(1, &["bundle", "read", &garbage]);
    desk.fails(1, &["entry", "check", &garbage]);
    // 2: what was typed makes no sense
    desk.fails(2, &[]);
    desk.fails(2, &["nonsense"]);
    desk.fails(2, &["topic", "show", "nosuch"]);
    desk.fails(2, &["entry", "show", "zz"]);
    desk.fails(2, &["append", "orders", "order.x", "--body", "{"]);
    // 3: the rules refuse it
    desk.fails(3, &["append", "orders", "topic.nonsense"]);
    desk.fails(
        3,
        &[
            "erase",
            &desk.ok(&["tail", "--json"]).json_lines()[0]["id"]
                .as_str()
                .unwrap()[..9],
        ],
    );
    desk.ok(&["append", "orders", "topic.nonsense", "--force"]);
    // 6: disk, files, system
    desk.fails(6, &["bundle", "write", &desk.path("no/such/place")]);
    std::fs::create_dir(desk.path("taken.synlog")).unwrap();
    desk.fails(6, &["bundle", "write", &desk.path("taken")]);
    assert!(!desk.root.join("taken.synlog.part").exists());
    desk.fails(6, &["verify", &desk.path("nosuch.synlog")]);
    std::fs::remove_file(desk.home.join("keys/root.key")).unwrap();
    let ended = desk.fails(6, &["device", "renew"]);
    assert!(ended.err.contains("the root key is not here"), "{ended:?}");
    std::fs::write(desk.home.join("keys/device.key"), "not a key").unwrap();
    desk.fails(6, &["whoami"]);
}

#[test]
fn errors_are_json_where_the_answer_would_be() {
    let desk = Desk::empty();
    let cases: [(i32, &str, &[&str]); 3] = [
        (2, "no_home", &["whoami", "--json"]),
        (2, "usage", &["--json", "nonsense"]),
        (6, "file", &["verify", "--json", "nosuch"]),
    ];
    for (exit, code, arguments) in cases {
        let ended = desk.fails(exit, arguments);
        let error: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
        assert_eq!(error["error"]["code"], json!(code), "{ended:?}");
        assert!(
            error["error"]["message"].is_string() && ended.out.is_empty(),
            "{ended:?}"
        );
    }
    desk.ok(&["init"]);
    desk.ok(&["topic", "new", "t", "--app", "a", "--causal"]);
    let refused = desk.fails(
        3,
        &[
            "append",
            "t",
            "topic.ack",
            "--json",
            "--evidence",
            "/dev/null",
        ],
    );
    let error: serde_json::Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(error["error"]["code"], json!("bad_proof"));
}

#[test]
fn a_store_in_use_is_said_to_be() {
    let desk = Desk::new("laptop");
    let lock = std::fs::File::open(desk.home.join("store/LOCK")).unwrap();
    lock.lock().unwrap();
    for arguments in [
        &["tail"][..],
        &["topic", "new", "t", "--app", "a"],
        &["doctor"],
    ] {
        let ended = desk.fails(4, arguments);
        assert!(ended.err.contains("open in another process"), "{ended:?}");
        assert!(ended.err.contains("hint: "), "{ended:?}");
    }
    // one that is about to end is waited for
    let waiting = desk.command(&["tail"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(lock);
    assert!(waiting.wait_with_output().unwrap().status.success());
}

#[test]
fn what_people_type_never_panics() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep = format!("{{\"a\":{deep}}}");
    let wide = format!("{{\"a\":\"{}\"}}", "x".repeat(9000));
    let bodies = [
        "",
        "null",
        "1",
        "[]",
        "\"a\"",
        "{\"a\":1.5}",
        "{\"a\":1e400}",
        "{\"a\":9223372036854775808}",
        "{\"$hex\":\"00\"}",
        "{\"a\":{\"$hex\":\"0\"}}",
        "{\"a\":{\"$hex\":1}}",
        "{\"a\":\"\\ud800\"}",
        &deep,
        &wide,
    ];
    for body in bodies {
        let ended = desk.run(&["append", "orders", "a.b", "--body", body]);
        assert!(matches!(ended.code, Some(2 | 3)), "{body:.40}: {ended:?}");
        let ended = desk.run(&["append", "orders", "a.b", "--erasable", body]);
        // the erasable part has more room than the body
        assert!(
            matches!(ended.code, Some(2 | 3)) || body == wide,
            "{body:.40}: {ended:?}"
        );
    }
    let wrong = desk.fails(
        2,
        &[
            "append",
            "orders",
            "a.b",
            "--body",
            r#"{"price":{"minor":1.5}}"#,
        ],
    );
    assert!(wrong.err.contains("$.price.minor"), "{wrong:?}");
    let long = "x".repeat(300);
    let odd = [
        "",
        " ",
        "\u{1b}[31m",
        "ü",
        "=",
        "a=",
        "=a",
        "-1",
        "99999999999999999999",
        "a.b.",
        &long,
    ];
    let shapes: &[&[&str]] = &[
        &["append", "orders", "?"],
        &["append", "?", "a.b"],
        &["entry", "show", "?"],
        &["topic", "new", "n", "--app", "a", "--member", "?"],
        &["topic", "new", "n", "--app", "a", "--role", "?"],
        &["topic", "grant", "orders", "?", "client"],
        &["topic", "grant", "orders", NOBODY, "?"],
        &["topic", "handover", "orders", "?"],
        &["tail", "--after", "?"],
        &["tail", "--status", "?"],
        &["tail", "--kind", "?"],
        &[
            "append",
            "orders",
            "a.b",
            "--erasable",
            "{}",
            "--expires",
            "?",
        ],
        &["tail", "?"],
        &["erase", "?"],
        &["topic", "new", "n", "--app", "a", "--major", "?"],
        &["device", "renew", "--name", "?"],
        &["topic", "role", "orders", "?"],
        &["tail", "--last", "?"],
    ];
    for shape in shapes {
        for word in odd {
            let arguments: Vec<&str> = shape
                .iter()
                .map(|part| if *part == "?" { word } else { part })
                .collect();
            let ended = desk.run(&arguments);
            assert!(!ended.err.contains("panicked"), "{arguments:?}: {ended:?}");
            assert!(
                matches!(ended.code, Some(0..=6)),
                "{arguments:?}: {ended:?}"
            );
            assert!(!ended.err.contains('\u{1b}'), "{arguments:?}: {ended:?}");
        }
    }
    let private = ["topic", "new", "secret", "--app", "a", "--private"];
    desk.fails(2, &[&private[..], &["--causal"]].concat());
    let stranger = format!("{}=client", "5f".repeat(32));
    let ended = desk.fails(1, &[&private[..], &["--member", &stranger]].concat());
    assert!(
        ended.err.contains("encryption key is not known"),
        "{ended:?}"
    );
}

#[test]
fn garbled_files_are_told_and_never_panic() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    let lines: String = (0..40).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    assert_eq!(
        desk.fed(
            lines.as_bytes(),
            &["import", "jsonl", "-", "--topic", "orders", "--kind", "a.b"]
        )
        .code,
        Some(0)
    );
    let path = desk.path("whole.synlog");
    desk.ok(&["bundle", "write", &path]);
    let whole = std::fs::read(&path).unwrap();
    let reader = Desk::new("reader");
    let bad = desk.path("bad.synlog");
    for step in 0..24 {
        let mut bytes = whole.clone();
        let at = bytes.len() * step / 24;
        if step % 4 == 3 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << (step % 8);
        }
        std::fs::write(&bad, &bytes).unwrap();
        let verified = reader.fails(1, &["verify", &bad, "--json"]);
        let report: serde_json::Value = verified.json();
        assert_eq!(report["ok"], json!(false));
        assert!(report["errors"][0]["code"].is_string());
        let read = reader.run(&["bundle", "read", &bad]);
        assert_eq!(read.code, Some(1), "{read:?}");
    }
    reader.ok(&["bundle", "read", &path]);
    reader.ok(&["doctor", "scrub"]);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    let lines: String = (0..3000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    desk.fed(
        lines.as_bytes(),
        &["import", "jsonl", "-", "--topic", "orders", "--kind", "a.b"],
    );
    for arguments in [
        &["tail"][..],
        &["tail", "--json"],
        &["tail", "orders", "--order"],
        &["completions", "bash"],
    ] {
        let mut command = desk.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), said.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn no_home_can_be_found_without_an_environment() {
    let ended = program().env_remove("HOME").arg("whoami").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("--home DIR"));
}
