//! Backups and what comes out of them.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::{Desk, copy};

/// A place with words in a file, a topic and a backup.
fn backed_up() -> (Desk, String, String) {
    let desk = Desk::empty();
    let (words, backup) = (desk.path("words"), desk.path("backup"));
    desk.ok(&["init", "--name", "laptop", "--words-file", &words]);
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    desk.ok(&["append", "orders", "order.request", "--body", "{\"n\":1}"]);
    desk.ok(&["backup", &backup]);
    (desk, words, backup)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn only_what_is_new_travels_and_no_key_does() {
    let (desk, _, backup) = backed_up();
    let same = desk.ok(&["backup", &backup, "--json"]).json();
    assert_eq!((&same["number"], &same["segments"]), (&json!(2), &json!(1)));
    desk.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    let more = desk.ok(&["backup", &backup, "--json"]).json();
    assert_eq!((&more["number"], &more["keys"]), (&json!(3), &json!(null)));
    assert_eq!(
        files(&Path::new(&backup).join("manifests")).len(),
        1,
        "one is kept"
    );
    let checked = desk.ok(&["verify", &backup, "--json"]).json();
    assert_eq!(
        (&checked["ok"], &checked["positions"]),
        (&json!(true), &more["positions"])
    );
    assert_eq!(checked["entity"], json!(desk.entity()));
    let secrets = ["keys/root.key", "keys/device.key"].map(|name| {
        let text = std::fs::read_to_string(desk.home.join(name)).unwrap();
        let secret = text.lines().find_map(|line| line.strip_prefix("secret "));
        synlog_log::ids::unhex(secret.unwrap()).unwrap()
    });
    for path in files(Path::new(&backup)) {
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            assert!(
                !bytes.windows(32).any(|window| window == secret),
                "{path:?}"
            );
            let text = synlog_log::ids::hex(secret);
            assert!(!bytes.windows(64).any(|window| window == text.as_bytes()));
        }
    }
}

#[test]
fn a_restored_device_is_another_one() {
    let (desk, words, backup) = backed_up();
    let old = desk.device();
    let restored = Desk::empty();
    let device = restored
        .ok(&["restore", &backup, "--words-file", &words, "--json"])
        .json();
    assert_eq!(device["entity"], json!(desk.entity()));
    assert_eq!(device["replaced"]["device"], json!(old));
    assert_ne!(device["device"], json!(old));
    let shown = restored.ok(&["topic", "show", "orders", "--json"]).json();
    assert_eq!(shown["sequencer"], device["device"]);
    assert_eq!(shown["policy"]["revoked"][0]["device"], json!(old));
    restored.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    restored.ok(&["doctor"]);
    let bundle = restored.path("after.synlog");
    restored.ok(&["bundle", "write", &bundle]);
    restored.ok(&["verify", &bundle]);
    // it goes on with the same backup, and the old machine can't overwrite that
    restored.ok(&["backup", &backup]);
    let refused = desk.fails(3, &["backup", &backup, "--json"]);
    assert!(refused.err.contains("diverged"), "{refused:?}");
    let kept = desk.ok(&["backup", &backup, "--adopt", "--json"]).json();
    assert_eq!(kept["removed"], json!(0));
    restored.fails(2, &["restore", &backup]);
}

#[test]
fn without_the_root_it_can_be_read_and_nothing_more() {
    let (desk, words, backup) = backed_up();
    let restored = Desk::empty();
    restored.ok(&["restore", &backup]);
    let who = restored.ok(&["whoami", "--json"]).json();
    assert_eq!(
        (&who["entity"], &who["device"]),
        (&json!(desk.entity()), &json!(null))
    );
    assert_eq!(restored.ok(&["tail", "--json"]).json_lines().len(), 2);
    let refused = restored.fails(5, &["append", "orders", "order.request"]);
    assert!(refused.err.contains("synlog recover"), "{refused:?}");
    restored.fails(5, &["topic", "new", "more", "--app", "a"]);
    restored.fails(2, &["init"]);
    let recovered = restored
        .ok(&["recover", "--words-file", &words, "--json"])
        .json();
    assert_eq!(recovered["replaced"]["device"], json!(desk.device()));
    assert_eq!(
        recovered["replaced"]["taken_over"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    restored.ok(&["append", "orders", "order.request"]);
    // or as a device that another one certifies
    let other = Desk::empty();
    other.ok(&["restore", &backup]);
    let asked = other
        .ok(&["device", "request", "--for", &desk.entity(), "--json"])
        .json();
    let answer = other.path("answer");
    let request = asked["request"].as_str().unwrap();
    desk.ok(&["device", "add", request, "--yes", "--out", &answer]);
    other.ok(&["device", "accept", &answer]);
    other.ok(&["append", "orders", "order.request"]);
    let who = other.ok(&["whoami", "--json"]).json();
    assert_eq!(
        (&who["device"], &who["guard"]),
        (&asked["device"], &json!(null))
    );
}

#[test]
fn damage_is_found_and_mended() {
    let (desk, words, backup) = backed_up();
    let parts = files(&Path::new(&backup).join("objects"));
    let beginning = |magic: &[u8]| {
        let mut found = parts
            .iter()
            .filter(|path| std::fs::read(path).unwrap().starts_with(magic));
        found.next().unwrap()
    };
    let segment = beginning(b"SYNLOGSG");
    let head = parts.iter().find(|part| *part != segment).unwrap();
    for (part, byte) in [(segment, 4200), (head, 30)] {
        let good = std::fs::read(part).unwrap();
        let mut bytes = good.clone();
        bytes[byte] ^= 1;
        std::fs::write(part, &bytes).unwrap();
        let found = desk.fails(1, &["verify", &backup, "--json"]);
        let name = part.file_name().unwrap().to_str().unwrap();
        assert!(found.out.contains(name), "{found:?}");
        let restored = Desk::empty();
        let refused = restored.fails(1, &["restore", &backup, "--words-file", &words]);
        assert!(refused.err.contains("is not what it was"), "{refused:?}");
        restored.fails(2, &["whoami"]);
        // interrupted by the damage, it goes on once that is mended
        desk.ok(&["backup", &backup, "--full"]);
        assert_eq!(std::fs::read(part).unwrap(), good);
        desk.ok(&["verify", &backup]);
        restored.ok(&["restore", &backup, "--words-file", &words]);
    }
    std::fs::remove_file(segment).unwrap();
    assert!(
        desk.fails(1, &["verify", &backup])
            .out
            .contains("is missing")
    );
    // what is missing is sent again without being asked for
    desk.ok(&["backup", &backup]);
    desk.ok(&["verify", &backup]);
    let manifest = &files(&Path::new(&backup).join("manifests"))[0];
    std::fs::write(manifest, b"rubbish").unwrap();
    desk.fails(1, &["verify", &backup]);
    Desk::empty().fails(1, &["restore", &backup]);
}

#[test]
fn a_damaged_store_does_not_replace_a_good_backup() {
    let (desk, _, backup) = backed_up();
    let segment = desk.home.join("store/segments/00000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[4300] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let before = files(Path::new(&backup));
    let refused = desk.fails(1, &["backup", &backup, "--full"]);
    assert!(refused.err.contains("damaged"), "{refused:?}");
    assert_eq!(files(Path::new(&backup)), before);
    desk.ok(&["verify", &backup]);
}

#[test]
fn wrong_places_are_left_alone() {
    let (desk, _, backup) = backed_up();
    let wrong = desk.path("wrong");
    std::fs::create_dir(&wrong).unwrap();
    std::fs::write(format!("{wrong}/thesis.txt"), "mine").unwrap();
    let refused = desk.fails(2, &["backup", &wrong]);
    assert!(refused.err.contains("other files"), "{refused:?}");
    assert_eq!(files(Path::new(&wrong)).len(), 1);
    let empty = Desk::empty();
    empty.fails(2, &["restore", &wrong]);
    empty.fails(2, &["restore", &desk.path("nowhere")]);
    desk.fails(2, &["verify", &wrong]);
    assert!(!empty.home.exists());
    let other = Desk::new("other");
    let refused = other.fails(3, &["backup", &backup, "--json"]);
    assert!(refused.err.contains("other_store"), "{refused:?}");
}

#[test]
fn keys_come_back_with_their_passphrase_alone() {
    let desk = Desk::empty();
    let (pass, other, backup) = (desk.path("pass"), desk.path("other"), desk.path("backup"));
    std::fs::write(&pass, "correct horse\n").unwrap();
    std::fs::write(&other, "battery staple\n").unwrap();
    desk.ok(&[
        "init",
        "--name",
        "laptop",
        "--no-words",
        "--passphrase-file",
        &pass,
    ]);
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    desk.fails(2, &["backup", &backup, "--with-keys"]);
    let done = desk.ok(&[
        "backup",
        &backup,
        "--with-keys",
        "--passphrase-file",
        &pass,
        "--json",
    ]);
    assert_eq!(done.json()["keys"][0], json!("root"));
    // a later one without keys does not lose them
    desk.ok(&["backup", &backup]);
    let restored = Desk::empty();
    let refused = restored.fails(2, &["restore", &backup, "--passphrase-file", &other]);
    assert!(refused.err.contains("passphrase"), "{refused:?}");
    let again = restored
        .ok(&["restore", &backup, "--passphrase-file", &pass, "--json"])
        .json();
    assert_eq!(again["entity"], json!(desk.entity()));
    restored.ok(&["append", "orders", "order.request"]);
    assert_eq!(again["root_form"], json!("absent"));
}

#[test]
fn a_copy_of_a_restored_directory_is_guarded_too() {
    let (_desk, words, backup) = backed_up();
    let restored = Desk::empty();
    restored.ok(&["restore", &backup, "--words-file", &words]);
    restored.ok(&["append", "orders", "order.request"]);
    let copied = Desk::empty();
    copy(&restored.home, &copied.home);
    copied.fails(5, &["append", "orders", "order.request"]);
}
