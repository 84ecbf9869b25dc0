//! `import jsonl`: everything once, however often it is begun.

use serde_json::json;

use crate::cli::Desk;

fn desk() -> Desk {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "map", "--app", "map"]);
    desk
}

#[test]
fn an_import_goes_on_where_it_was() {
    let desk = desk();
    let line = |n: u64| format!("{{\"n\":{}}}\n", n / 2);
    let all: String = (0..1000).map(line).collect();
    let half: String = (0..500).map(line).collect();
    let import = [
        "import",
        "jsonl",
        "-",
        "--topic",
        "map",
        "--kind",
        "place.seen",
        "--json",
    ];
    let first = desk.fed(half.as_bytes(), &import).json();
    assert_eq!(
        (&first["written"], &first["skipped"]),
        (&json!(500), &json!(0))
    );
    let path = desk.path("all.jsonl");
    std::fs::write(&path, all.replace('\n', "\r\n\n")).unwrap();
    let import = [
        "import",
        "jsonl",
        &path,
        "--topic",
        "map",
        "--kind",
        "place.seen",
        "--json",
    ];
    let second = desk.ok(&import).json();
    assert_eq!(
        (&second["written"], &second["skipped"]),
        (&json!(500), &json!(500))
    );
    assert_eq!(desk.ok(&import).json()["written"], json!(0));
    let rows = desk
        .ok(&["tail", "--kind", "place.seen", "--json"])
        .json_lines();
    let numbers: Vec<u64> = rows
        .iter()
        .map(|row| row["body"]["n"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..1000).map(|n| n / 2).collect::<Vec<_>>());
}

#[test]
fn refused_lines_are_named_and_the_others_written() {
    let desk = desk();
    let long = format!(
        "{{\"kind\":\"a.b\",\"body\":{{\"x\":\"{}\"}}}}",
        "x".repeat(2 << 20)
    );
    let big = format!(
        "{{\"kind\":\"a.b\",\"body\":{{\"x\":\"{}\"}}}}",
        "x".repeat(9000)
    );
    let lines: Vec<(&str, Option<&str>)> = vec![
        (r#"{"kind":"a.b","body":{"n":1}}"#, None),
        ("not json", Some("bad_json")),
        ("[]", Some("bad_json")),
        (r#"{"body":{}}"#, Some("bad_kind")),
        (r#"{"kind":"A.b"}"#, Some("bad_kind")),
        (r#"{"kind":"a.b","body":[]}"#, Some("bad_json")),
        (r#"{"kind":"a.b","body":{"n":1.5}}"#, Some("bad_value")),
        (&long, Some("too_large")),
        (&big, Some("too_large")),
        (r#"{"kind":"topic.nonsense"}"#, Some("unknown_kind")),
        (r#"{"kind":"a.b","expires_ms":5}"#, Some("bad_expiry")),
        (
            r#"{"kind":"a.b","erasable":{"p":1},"expires_ms":-5}"#,
            Some("bad_expiry"),
        ),
        (r#"{"kind":"a.b","bdy":{}}"#, Some("unknown_field")),
        ("", None),
        (
            r#"{"kind":"a.b","body":{"n":2},"erasable":{"phone":"1"},"expires_ms":4102444800000}"#,
            None,
        ),
    ];
    let text = lines
        .iter()
        .map(|(line, _)| format!("{line}\n"))
        .collect::<String>();
    let ended = desk.fed(
        text.as_bytes(),
        &["import", "jsonl", "-", "--topic", "map", "--json"],
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report = ended.json();
    assert_eq!(
        (&report["lines"], &report["written"]),
        (&json!(14), &json!(2))
    );
    let got: Vec<(u64, String)> = report["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["line"].as_u64().unwrap(),
                row["code"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let want: Vec<(u64, String)> = (1..)
        .zip(&lines)
        .filter_map(|(number, (_, code))| Some((number, (*code)?.to_owned())))
        .collect();
    assert_eq!(got, want);
    let rows = desk.ok(&["tail", "--kind", "a.b", "--json"]).json_lines();
    assert_eq!(rows[1]["erasable"], json!({"phone": "1"}));

    let many = "x\n".repeat(50);
    let ended = desk.fed(
        many.as_bytes(),
        &["import", "jsonl", "-", "--topic", "map", "--kind", "a.b"],
    );
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended
            .err
            .lines()
            .filter(|line| line.starts_with("line "))
            .count(),
        20
    );
    assert!(ended.err.contains("and 30 more"), "{ended:?}");
    assert!(ended.out.contains("0 events written"), "{ended:?}");
}

#[test]
fn fields_move_into_the_erasable_part() {
    let desk = desk();
    let text = r#"{"name":"x","phone":"1","email":"e"}"#;
    let import = [
        "import",
        "jsonl",
        "-",
        "--topic",
        "map",
        "--kind",
        "a.b",
        "--erasable-field",
        "phone",
        "email",
        "fax",
    ];
    assert_eq!(desk.fed(text.as_bytes(), &import).code, Some(0));
    let row = &desk.ok(&["tail", "--kind", "a.b", "--json"]).json_lines()[0];
    assert_eq!(row["body"], json!({"name": "x"}));
    assert_eq!(row["erasable"], json!({"phone": "1", "email": "e"}));
    // what was erased since is not written again
    desk.ok(&["erase", row["id"].as_str().unwrap()]);
    desk.ok(&["doctor", "prune"]);
    let again = desk
        .fed(text.as_bytes(), &[&import[..], &["--json"]].concat())
        .json();
    assert_eq!(
        (&again["written"], &again["skipped"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn what_a_line_decides_holds_for_the_next() {
    let (anna, ben) = (desk(), Desk::new("phone"));
    let entity = ben.entity();
    let text = format!(
        "{{\"kind\":\"topic.member\",\"body\":{{\"entity\":{{\"$hex\":\"{entity}\"}},\"role\":\"client\"}}}}\n{{\"kind\":\"a.b\"}}\n"
    );
    let ended = anna.fed(text.as_bytes(), &["import", "jsonl", "-", "--topic", "map"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = anna.ok(&["topic", "show", "map", "--json"]).json();
    assert_eq!(shown["policy"]["members"].as_array().unwrap().len(), 2);
}
