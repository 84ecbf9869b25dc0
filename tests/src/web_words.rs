//! Words of the pages: all that apps which come along say of themselves has German words, and
//! what the command line advises has words that fit on a page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use synlog_log::fold::Manifest;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::store::{GuardReason, StoreError};
use synlog_node::failure::Failure;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names of the messages of a language.
fn keys(language: &str) -> BTreeSet<String> {
    let folder = root().join("node/web/ui");
    let read =
        |of: &str| std::fs::read_to_string(folder.join(format!("{of}-{language}.js"))).unwrap();
    let text = ["words", "more", "work", "names"].map(read).concat();
    let lines = text.lines().filter(|line| line.starts_with("  "));
    // 'name': 'text', 'name': 'text',
    let parts = lines.flat_map(|line| line.trim().split("', "));
    let named = parts.filter_map(|part| part.split_once("': '"));
    named
        .map(|(key, _)| key.trim_matches('\'').to_owned())
        .collect()
}

/// What is between two texts, each time.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(move |rest| rest.split(after).next())
}

/// All sources of a folder.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    all
}

#[test]
fn apps_that_come_along_speak_german() {
    let (english, german) = (keys("en"), keys("de"));
    assert!(english.len() > 600 && german.len() > 900);
    let mut lacking = Vec::new();
    let mut need = |known: &BTreeSet<String>, any_of: &[String]| {
        if !any_of.iter().any(|key| known.contains(key)) {
            lacking.push(any_of.join(" or "));
        }
    };
    let mut kinds = 0;
    for app in &synlog_apps::ALL {
        let manifest = Manifest::decode(&(app.manifest)()).unwrap();
        need(&german, &[format!("app.{}", manifest.app)]);
        for event in &manifest.events {
            kinds += 1;
            let kind = &event.kind;
            need(&german, &[format!("did.{kind}")]);
            need(&english, &[format!("did.{kind}")]);
            need(&german, &[format!("word.{kind}")]);
            for field in event.fields.iter().chain(&event.erasable) {
                let name = &field.name;
                need(
                    &german,
                    &[format!("field.{kind}.{name}"), format!("field.{name}")],
                );
            }
        }
        for table in &manifest.tables {
            need(&german, &[format!("table.{}", table.name)]);
            for column in &table.columns {
                let name = &column.name;
                need(&german, &[format!("column.{name}"), format!("word.{name}")]);
            }
        }
        for role in manifest.roles.keys() {
            need(&german, &[format!("word.{role}")]);
        }
    }
    // what every topic has, whatever its app is
    let kernel = sources(&root().join("log/src/topic"));
    for name in between(&kernel, "\"topic.", '"').filter(|name| !name.is_empty()) {
        need(&german, &[format!("did.topic.{name}")]);
        need(&english, &[format!("did.topic.{name}")]);
    }
    // why the rules refuse something
    let apps = ["relation", "space", "tally"].map(|app| root().join("apps").join(app).join("src"));
    for folder in apps {
        let text = sources(&folder);
        let codes = between(&text, ": Code = \"", '"').chain(between(&text, "Err(\"", '"'));
        for code in codes {
            need(&german, &[format!("rule.{code}")]);
            need(&english, &[format!("rule.{code}")]);
        }
    }
    assert!(kinds > 50, "{kinds}");
    assert!(lacking.is_empty(), "no words for {lacking:#?}");
}

#[test]
fn what_is_typed_elsewhere_is_not_advised_on_a_page() {
    let (english, german) = (keys("en"), keys("de"));
    let path = || PathBuf::from("file");
    let failures = [
        Failure::Store(StoreError::Locked),
        Failure::Store(StoreError::Poisoned),
        Failure::NoEncryptionKey(EntityId([1; 32])),
        Failure::OtherRoot(path()),
        Failure::RootLocked(path()),
        Failure::WrongPassphrase(path()),
        Failure::NoRootKey(path()),
        Failure::Guarded(GuardReason::IdentityChanged),
        Failure::Rejected("not_member"),
        Failure::Rejected("not_sequencer"),
        Failure::Rejected("revoked"),
        Failure::AgainstRules {
            code: "unknown_item".to_owned(),
            fields: Vec::new(),
            met: Some(EntryId([2; 32])),
        },
        Failure::NoReducer([3; 32]),
        Failure::NoTopic(TopicId([4; 32])),
        Failure::NoEntry(EntryId([5; 32])),
        Failure::NodeStopped,
        Failure::NoWeb("none"),
        Failure::Newer {
            path: path(),
            version: 9,
        },
    ];
    for failure in failures {
        let hint = failure.hint().unwrap();
        let key = format!("hint.{}", failure.code());
        for words in [&english, &german] {
            // the pages have one answer to all that could be forced
            let is_said = words.contains(&key) || hint.contains("--force");
            assert!(is_said, "{key}: {hint}");
            assert!(words.contains("hint.rejected"));
        }
    }
}
