//! `synlog app …`: a new project, modules that are taken and modules that are not.

use serde_json::Value as Json;
use synlog_apps::{ALL, TALLY_IN_C};

use crate::cli::Desk;

fn names(list: &Json) -> Vec<String> {
    let apps = list["apps"].as_array().unwrap().iter();
    apps.map(|app| app["app"].as_str().unwrap_or("?").to_owned())
        .collect()
}

#[test]
fn released_modules_are_reducers() {
    let desk = Desk::empty();
    for pinned in &ALL {
        let path = desk.path(&format!("{}.wasm", pinned.app));
        std::fs::write(&path, pinned.wasm).unwrap();
        let json = desk.ok(&["app", "check", &path, "--json"]).json();
        assert_eq!(json["ok"], true);
        assert_eq!(json["app"], pinned.app);
        assert_eq!(json["major"], pinned.major);
        assert_eq!(json["bytes"], pinned.wasm.len());
        let hash = json["hash"].as_str().unwrap();
        assert_eq!(hash, blake3::Hash::from(pinned.hash()).to_hex().as_str());
        let text = desk.ok(&["app", "check", &path]).out;
        assert!(text.contains(hash) && text.contains("ordered"), "{text}");
    }
    // neither keys nor a data directory were needed
    assert!(!desk.home.exists());
}

#[test]
fn what_is_no_reducer_is_told_with_a_code() {
    let desk = Desk::new("anna");
    let table: [(&str, &[u8], &str); 3] = [
        ("text.wasm", b"hello", "not_wasm"),
        ("component.wasm", b"\0asm\x0d\0\x01\0", "component"),
        ("empty.wasm", b"\0asm\x01\0\0\0", "no_memory"),
    ];
    for (name, bytes, code) in table {
        std::fs::write(desk.path(name), bytes).unwrap();
        let ended = desk.fails(1, &["app", "check", name, "--json"]);
        let json: Json = serde_json::from_str(ended.out.trim()).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["code"], code, "{ended:?}");
        // and it is not installed
        let ended = desk.fails(3, &["app", "install", name]);
        assert!(ended.err.contains("is refused"), "{ended:?}");
    }
    desk.fails(6, &["app", "check", "nowhere.wasm"]);
    let list = desk.ok(&["app", "list", "--json"]).json();
    assert_eq!(names(&list).len(), ALL.len());
}

#[test]
fn an_installed_module_is_listed() {
    let desk = Desk::new("anna");
    let path = desk.path("tally-c.wasm");
    std::fs::write(&path, TALLY_IN_C).unwrap();
    let hash = desk.ok(&["app", "install", &path]).word();
    // again is the same
    assert_eq!(desk.ok(&["app", "install", &path]).word(), hash);
    let list = desk.ok(&["app", "list", "--json"]).json();
    let apps = list["apps"].as_array().unwrap();
    assert_eq!(apps.len(), ALL.len() + 1);
    let mine = apps
        .iter()
        .find(|app| app["hash"] == hash.as_str())
        .unwrap();
    assert_eq!(
        (&mine["app"], &mine["installed"]),
        (&Json::from("tally"), &Json::from(true))
    );
    assert!(desk.ok(&["app", "list"]).out.contains(&hash));
    // a file that was changed on the disk is not run
    let file = desk.home.join(format!("apps/{hash}.wasm"));
    std::fs::write(&file, b"other").unwrap();
    let list = desk.ok(&["app", "list", "--json"]).json();
    let apps = list["apps"].as_array().unwrap();
    let mine = apps
        .iter()
        .find(|app| app["hash"] == hash.as_str())
        .unwrap();
    assert!(mine["refused"].is_string(), "{mine}");
}

#[test]
fn installing_needs_a_data_directory() {
    let desk = Desk::empty();
    let path = desk.path("tally.wasm");
    std::fs::write(&path, TALLY_IN_C).unwrap();
    desk.fails(2, &["app", "install", &path]);
    assert!(!desk.home.exists());
}

#[test]
fn a_new_project_is_whole() {
    let desk = Desk::empty();
    let json = desk.ok(&["app", "new", "errands", "--json"]).json();
    assert!(json["files"].as_array().unwrap().len() > 10);
    let root = desk.root.join("errands");
    let rules = std::fs::read_to_string(root.join("src/lib.rs")).unwrap();
    assert!(rules.contains("\"errands.add\""));
    assert!(root.join("synlog-reducer/src/lib.rs").exists());
    // not over something else
    desk.fails(2, &["app", "new", "errands"]);
    desk.fails(2, &["app", "new", "Errands"]);
    desk.fails(2, &["app", "new", "topic"]);
    desk.fails(2, &["app", "build", "nowhere"]);
    // without a module there is nothing to test
    let ended = desk.fails(2, &["app", "test", "errands", "--no-cargo"]);
    assert!(ended.err.contains("app build"), "{ended:?}");
}

#[test]
fn samples_are_folded() {
    let desk = Desk::empty();
    desk.ok(&["app", "new", "count", "--dir", "counting"]);
    // the module of another app in its place: what a build would have made
    std::fs::write(desk.root.join("counting/count.wasm"), TALLY_IN_C).unwrap();
    let lines = [
        r#"{"label":"hall","by":"anna","kind":"tally.open","body":{"title":"the hall","unit":"h"}}"#,
        r#"{"by":"ben","kind":"tally.add","body":{"tally":{"$entry":"hall"},"amount":3}}"#,
        r#"{"by":"ben","kind":"tally.close","body":{"tally":{"$entry":"hall"}}}"#,
        r#"{"by":"ben","kind":"tally.burn","body":{}}"#,
    ];
    std::fs::write(desk.root.join("counting/events.jsonl"), lines.join("\n")).unwrap();
    let run = ["app", "test", "counting", "--no-cargo", "--json"];
    let json = desk.ok(&run).json();
    let codes: Vec<&Json> = json["rejections"].as_array().unwrap().iter().collect();
    assert_eq!(codes[0]["code"], "not_owner");
    assert_eq!(codes[1]["code"], "unknown_kind");
    let rows = json["aggregates"][0]["rows"].as_array().unwrap();
    assert_eq!(rows[0]["columns"]["sum"], 3);
    assert_eq!(rows.len(), 2);
    std::fs::write(desk.root.join("counting/events.jsonl"), "{}").unwrap();
    let ended = desk.fails(2, &run);
    assert!(ended.err.contains("line 1"), "{ended:?}");
}

#[test]
fn a_new_project_builds_where_a_toolchain_is() {
    if std::env::var_os("SYNLOG_BUILD_APPS").is_none() {
        eprintln!("skipped: builds a standard library, a minute or more; set SYNLOG_BUILD_APPS=1");
        return;
    }
    let desk = Desk::empty();
    desk.ok(&["app", "new", "errands"]);
    let ended = desk.run(&["app", "build", "errands", "--json"]);
    if ended.code == Some(6) {
        assert!(ended.err.contains("rustup target add"), "{ended:?}");
        eprintln!("skipped: no compiler for wasm32-unknown-unknown is here");
        return;
    }
    if ended.err.contains("failed to download") || ended.err.contains("failed to get") {
        eprintln!("skipped: the crates of the kit can't be had from a registry here");
        return;
    }
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let json = ended.json();
    assert_eq!(json["app"], "errands");
    assert!(json["bytes"].as_u64().unwrap() < 100_000, "{json}");
    let json = desk.ok(&["app", "test", "errands", "--json"]).json();
    assert_eq!(json["events"], 5);
    assert_eq!(json["rejections"].as_array().unwrap().len(), 2);
    desk.ok(&["init", "--name", "anna"]);
    desk.ok(&["app", "install", "errands/errands.wasm"]);
}

#[test]
fn a_module_from_a_bundle_runs_only_where_somebody_lets_it() {
    let (anna, ben) = (Desk::new("desk"), Desk::new("phone"));
    let module = anna.path("tally-c.wasm");
    std::fs::write(&module, synlog_apps::TALLY_IN_C).unwrap();
    anna.ok(&["app", "install", &module]);
    anna.ok(&["topic", "new", "poll", "--app", "tally"]);
    let hash = blake3::hash(synlog_apps::TALLY_IN_C).to_hex();
    let body = format!(r#"{{"hash":{{"$hex":"{hash}"}},"version":"1.0.0"}}"#);
    anna.ok(&["append", "poll", "topic.reducer", "--body", &body]);
    let bundle = anna.path("poll.synlog");
    anna.ok(&["bundle", "write", &bundle, "poll"]);
    let read = ben.ok(&["bundle", "read", &bundle]);
    assert!(read.err.contains("--install-reducers"), "{read:?}");
    let refused = ben.fails(1, &["view", "tables", "poll"]);
    assert!(refused.err.contains("--install-reducers"), "{refused:?}");
    ben.ok(&["bundle", "read", &bundle, "--install-reducers"]);
    ben.ok(&["view", "tables", "poll"]);
}

/// A tally that knows no additions: the kind has another name in it.
fn without_additions() -> Vec<u8> {
    let mut wasm = TALLY_IN_C.to_vec();
    let places: Vec<usize> = wasm
        .windows(9)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"tally.add")
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        wasm[at + 8] = b'x';
    }
    wasm
}

#[test]
fn another_reducer_is_tried_before_it_decides() {
    let desk = Desk::new("anna");
    desk.ok(&["topic", "new", "poll", "--app", "tally"]);
    let body = r#"{"title":"Hours","unit":"h"}"#;
    let tally = desk.ok(&["append", "poll", "tally.open", "--body", body]);
    let tally = tally.out.trim().to_owned();
    let body = format!(r#"{{"tally":{{"$hex":"{tally}"}},"amount":3}}"#);
    desk.ok(&["append", "poll", "tally.add", "--body", &body]);

    // the same rules in another language: nothing changes
    std::fs::write(desk.path("tally-c.wasm"), TALLY_IN_C).unwrap();
    let tried = desk.ok(&[
        "app",
        "use",
        "poll",
        "./tally-c.wasm",
        "--dry-run",
        "--json",
    ]);
    let json = tried.json();
    assert_eq!(json["entry"], Json::Null, "{json}");
    assert_eq!(json["changes"]["rows_changed"], 0, "{json}");
    assert_eq!(json["changes"]["lost"], Json::Array(Vec::new()), "{json}");
    let json = desk
        .ok(&["app", "use", "poll", "tally-c.wasm", "--json"])
        .json();
    assert!(json["entry"].is_string(), "{json}");
    let hash = json["hash"].as_str().unwrap().to_owned();
    let again = desk.ok(&["app", "use", "poll", &hash[..8]]);
    assert!(again.out.contains("is active already"), "{again:?}");
    let rows = desk.ok(&["view", "list", "poll", "tallies"]).out;
    assert!(rows.contains("Hours") && rows.contains('3'), "{rows}");

    // one by which the addition would not count any more
    std::fs::write(desk.path("other.wasm"), without_additions()).unwrap();
    let refused = desk.fails(1, &["app", "use", "poll", "other.wasm"]);
    assert!(
        refused.out.contains("1 event would not count any more"),
        "{refused:?}"
    );
    assert!(refused.out.contains("unknown_kind"), "{refused:?}");
    let again = desk.ok(&["app", "use", "poll", &hash]);
    assert!(again.out.contains("is active already"), "{again:?}");
    desk.ok(&["app", "use", "poll", "other.wasm", "--force"]);
    let rejections = desk
        .ok(&["app", "use", "poll", "--dry-run", "--json"])
        .json();
    assert_eq!(rejections["changes"]["gained"].as_array().unwrap().len(), 1);
    // back to what comes with synlog
    desk.ok(&["app", "use", "poll"]);
    let rows = desk.ok(&["view", "list", "poll", "tallies"]).out;
    assert!(rows.contains("Hours") && rows.contains('3'), "{rows}");

    // what is of another app is not taken
    let space = synlog_apps::Pinned::find("space", 1).unwrap();
    std::fs::write(desk.path("space.wasm"), space.wasm).unwrap();
    let refused = desk.fails(2, &["app", "use", "poll", "space.wasm"]);
    assert!(refused.err.contains("one of tally 1"), "{refused:?}");
    desk.fails(2, &["app", "use", "poll", "ffffffff"]);
}

#[test]
fn a_refusal_names_the_field() {
    let desk = Desk::new("anna");
    desk.ok(&["topic", "new", "poll", "--app", "tally"]);
    let body = r#"{"titel":"Hours","unit":5}"#;
    let refused = desk.fails(3, &["append", "poll", "tally.open", "--body", body]);
    for text in [
        "title is missing",
        "unit is not a text",
        "titel is no field of it",
    ] {
        assert!(refused.err.contains(text), "{refused:?}");
    }
}
