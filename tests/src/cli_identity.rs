//! Root keys, recovery words, devices that join and leave.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value as Json, json};

use crate::cli::Desk;

/// A place with keys whose recovery words are in a file.
fn with_words(name: &str) -> (Desk, String) {
    let desk = Desk::empty();
    let words = desk.path("words");
    desk.ok(&["init", "--name", name, "--words-file", &words]);
    (desk, words)
}

/// A second device of a desk's entity, with the topics of a bundle.
fn second(first: &Desk, name: &str) -> Desk {
    let desk = Desk::empty();
    let entity = first.entity();
    let asked = desk.ok(&[
        "device", "request", "--for", &entity, "--name", name, "--json",
    ]);
    let request = asked.json()["request"].as_str().unwrap().to_owned();
    let answer = desk.path("answer");
    first.ok(&["device", "add", &request, "--yes", "--out", &answer]);
    desk.ok(&["device", "accept", &answer]);
    desk
}

/// Carries all topics from one desk to another.
fn carry(from: &Desk, to: &Desk) -> Json {
    let path = from.path("carried.synlog");
    from.ok(&["bundle", "write", &path]);
    to.ok(&["bundle", "read", &path, "--json"]).json()
}

fn count(json: &Json, key: &str) -> usize {
    json[key]
        .as_array()
        .unwrap_or_else(|| panic!("{json}"))
        .len()
}

#[test]
fn words_make_a_device_again() {
    let (lost, words) = with_words("laptop");
    lost.ok(&["topic", "new", "orders", "--app", "market"]);
    lost.ok(&["append", "orders", "order.request"]);
    let bundle = lost.path("orders.synlog");
    lost.ok(&["bundle", "write", &bundle]);

    let again = Desk::empty();
    let refused = again.fails(2, &["recover", "--words-file", &words]);
    assert!(refused.err.contains("--from FILE"), "{refused:?}");
    let recovered = again
        .ok(&[
            "recover",
            "--words-file",
            &words,
            "--from",
            &bundle,
            "--name",
            "new",
            "--json",
        ])
        .json();
    assert_eq!(recovered["entity"], json!(lost.entity()));
    assert_eq!(
        (&recovered["number"], &recovered["root_form"]),
        (&json!(2), &json!("absent"))
    );
    assert_eq!(recovered["others"][0]["device"], json!(lost.device()));
    // the words are not kept: for more they are needed again
    let old = lost.device();
    again.fails(6, &["device", "lost", &old]);
    again.ok(&["root", "import", "--words-file", &words]);
    let told = again.ok(&["device", "lost", "laptop", "--json"]).json();
    assert_eq!(told["taken_over"][0]["from"], json!(old));
    again.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    let after = again.path("after.synlog");
    again.ok(&["bundle", "write", &after]);
    again.ok(&["verify", &after]);
    again.fails(2, &["recover", "--words-file", &words]);
}

#[test]
fn a_root_key_used_twice_is_seen() {
    let (lost, words) = with_words("laptop");
    lost.ok(&["topic", "new", "orders", "--app", "market"]);
    let again = Desk::empty();
    again.ok(&["recover", "--words-file", &words, "--first"]);
    carry(&lost, &again);
    let devices = again.ok(&["device", "list", "--json"]).json();
    assert_eq!(devices["conflicts"], json!([0, 1]));
    assert!(
        again
            .ok(&["device", "list"])
            .err
            .contains("used in two places")
    );
}

#[test]
fn wrong_words_are_named() {
    let (desk, words) = with_words("laptop");
    let text = std::fs::read_to_string(&words).unwrap();
    let mode = std::fs::metadata(&words).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(desk.ok(&["root", "words"]).out, text);
    let listed = desk.ok(&["root", "words", "--json"]).json();
    let first = listed["words"][0].as_str().unwrap();
    let bad = desk.path("bad");
    std::fs::write(&bad, text.replacen(first, "synlog", 1)).unwrap();
    let refused = Desk::empty().fails(2, &["recover", "--words-file", &bad]);
    assert!(
        refused.err.contains("is none of the recovery words"),
        "{refused:?}"
    );
    // on day one they are shown, for programs only when asked
    let shown = Desk::empty().ok(&["init"]);
    assert!(shown.err.contains("recovery words"), "{shown:?}");
    assert!(!shown.out.contains("recovery"));
    assert!(
        !Desk::empty()
            .ok(&["init", "--no-words"])
            .err
            .contains("on paper")
    );
    assert!(
        Desk::empty()
            .ok(&["init", "--json"])
            .json()
            .get("words")
            .is_none()
    );
    let asked = Desk::empty().ok(&["init", "--json", "--words"]).json();
    assert_eq!(count(&asked, "words"), 24);
}

#[test]
fn a_locked_root_key_opens_with_its_passphrase_alone() {
    let desk = Desk::empty();
    let (pass, other, words) = (desk.path("pass"), desk.path("other"), desk.path("words"));
    std::fs::write(&pass, "correct horse\n").unwrap();
    std::fs::write(&other, "battery staple\n").unwrap();
    let made = desk.ok(&[
        "init",
        "--passphrase-file",
        &pass,
        "--words-file",
        &words,
        "--json",
    ]);
    assert_eq!(made.json()["root_form"], json!("locked"));
    assert!(!desk.home.join("keys/root.key").exists());
    let locked = std::fs::read_to_string(desk.home.join("keys/root.key.age")).unwrap();
    assert!(locked.starts_with("-----BEGIN AGE"), "{locked}");
    let refused = desk.fails(6, &["device", "renew", "--json"]);
    assert!(refused.err.contains("root_locked"), "{refused:?}");
    let refused = desk.fails(
        2,
        &["device", "renew", "--passphrase-file", &other, "--json"],
    );
    assert!(refused.err.contains("wrong_passphrase"), "{refused:?}");
    desk.ok(&["device", "renew", "--passphrase-file", &pass]);
    // out of the environment, and back to an open one
    let unlocked = desk
        .command(&["root", "unlock", "--json"])
        .env("SYNLOG_PASSPHRASE", "correct horse")
        .output()
        .unwrap();
    assert!(unlocked.status.success(), "{unlocked:?}");
    assert!(!desk.home.join("keys/root.key.age").exists());
    desk.ok(&["root", "lock", "--passphrase-file", &other]);
    let stick = desk.path("stick.key");
    desk.ok(&["root", "export", &stick, "--passphrase-file", &other]);
    assert!(
        std::fs::read_to_string(&stick)
            .unwrap()
            .starts_with("-----BEGIN AGE")
    );
    desk.fails(2, &["root", "remove"]);
    desk.ok(&[
        "root",
        "remove",
        "--words-file",
        &words,
        "--passphrase-file",
        &other,
    ]);
    assert_eq!(
        desk.ok(&["root", "show", "--json"]).json()["root_form"],
        json!("absent")
    );
    desk.fails(6, &["root", "words"]);
    desk.ok(&["root", "import", &stick, "--passphrase-file", &other]);
    assert_eq!(
        desk.ok(&["whoami", "--json"]).json()["root_form"],
        json!("locked")
    );
    // of somebody else
    let (_keep, words) = with_words("other");
    desk.fails(6, &["root", "import", "--words-file", &words]);
}

#[test]
fn a_device_joins_by_two_texts() {
    let (laptop, _) = with_words("laptop");
    laptop.ok(&["topic", "new", "orders", "--app", "market"]);
    let phone = Desk::empty();
    let entity = laptop.entity();
    let request = [
        "device", "request", "--for", &entity, "--name", "phone", "--json",
    ];
    let asked = phone.ok(&request).json();
    assert_eq!(phone.ok(&request).json(), asked, "asked again");
    let text = asked["request"].as_str().unwrap();
    let unsure = laptop.fails(2, &["device", "add", text]);
    assert!(
        unsure.err.contains(asked["check"].as_str().unwrap()),
        "{unsure:?}"
    );
    // a letter that was read wrongly
    let letter = if &text[40..41] == "A" { "B" } else { "A" };
    let typo = format!("{}{letter}{}", &text[..40], &text[41..]);
    let refused = laptop.run(&["device", "add", &typo, "--yes"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let answered = laptop
        .ok(&["device", "add", &text.to_lowercase(), "--yes", "--json"])
        .json();
    assert_eq!(answered["device"], asked["device"]);
    assert_eq!(
        (&answered["number"], &answered["topics"]),
        (&json!(2), &json!(1))
    );
    let again = laptop
        .ok(&["device", "add", text, "--yes", "--json"])
        .json();
    assert_eq!(
        (&again["again"], &again["number"]),
        (&json!(true), &json!(2))
    );

    let stranger = Desk::empty();
    let elsewhere = [
        "device", "request", "--for", &entity, "--name", "other", "--json",
    ];
    let theirs = stranger.ok(&elsewhere).json();
    let answer = answered["answer"].as_str().unwrap();
    stranger.fails(3, &["device", "accept", answer]);
    assert_ne!(theirs["device"], asked["device"]);
    let joined = phone.fed(answer.as_bytes(), &["device", "accept", "-", "--json"]);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    assert_eq!(joined.json()["topics"][0]["name"], json!("orders"));
    assert!(!phone.home.join("keys/request.key").exists());
    phone.fails(2, &["device", "accept", answer]);
    let who = phone.ok(&["whoami", "--json"]).json();
    assert_eq!(
        (&who["entity"], &who["device_name"]),
        (&json!(entity), &json!("phone"))
    );
    assert_eq!(who["root_form"], json!("absent"));

    // it writes as the same entity
    carry(&laptop, &phone);
    phone.ok(&["append", "orders", "order.request", "--body", "{\"n\":1}"]);
    carry(&phone, &laptop);
    let lines = laptop.ok(&["tail", "orders", "--json"]).json_lines();
    let of_phone = lines
        .iter()
        .find(|line| line["kind"] == json!("order.request"));
    assert_eq!(of_phone.unwrap()["device_name"], json!("phone"));
    assert_eq!(of_phone.unwrap()["status"], json!("sequenced"));
    // for somebody else's entity
    let (ana, _) = with_words("ana");
    ana.fails(3, &["device", "add", text, "--yes"]);
}

#[test]
fn a_revoked_device_is_revoked_in_all_topics() {
    let (laptop, _) = with_words("laptop");
    laptop.ok(&["topic", "new", "orders", "--app", "market"]);
    laptop.ok(&["topic", "new", "board", "--app", "board", "--causal"]);
    let phone = second(&laptop, "phone");
    carry(&laptop, &phone);
    phone.ok(&["append", "orders", "order.request", "--body", "{\"n\":1}"]);
    // somebody else's topic
    let (shop, _) = with_words("shop");
    shop.ok(&["topic", "new", "theirs", "--app", "market"]);
    shop.ok(&["topic", "grant", "theirs", &laptop.entity(), "client"]);
    carry(&shop, &laptop);
    carry(&phone, &laptop);

    let gone = phone.device();
    let told = laptop.ok(&["device", "revoke", "phone", "--json"]).json();
    assert_eq!(
        (count(&told, "told"), count(&told, "waiting")),
        (2, 1),
        "{told}"
    );
    assert_eq!(told["waiting"][0]["sequencer"], json!(shop.device()));
    let entries = |desk: &Desk| desk.ok(&["tail", "--json"]).json_lines().len();
    let before = entries(&laptop);
    let again = laptop.ok(&["device", "revoke", &gone, "--json"]).json();
    assert_eq!(
        (&again["before"], count(&again, "waiting")),
        (&json!(2), 1),
        "{again}"
    );
    assert_eq!(entries(&laptop), before, "nothing is written twice");
    // what it writes from now on counts nowhere
    phone.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    phone.ok(&["append", "board", "post.new", "--body", "{\"n\":2}"]);
    carry(&phone, &laptop);
    let lines = laptop.ok(&["tail", "--json"]).json_lines();
    let late: Vec<&Json> = lines
        .iter()
        .filter(|line| line["body"]["n"] == json!(2))
        .collect();
    assert_eq!(late.len(), 2, "{lines:?}");
    let accepted = late
        .iter()
        .filter(|line| line["verdict"] == json!("accepted"));
    assert_eq!(accepted.count(), 0, "{late:?}");
    let early = lines
        .iter()
        .find(|line| line["body"]["n"] == json!(1))
        .unwrap();
    assert_eq!(early["verdict"], json!("accepted"), "{early}");
    // the shop places it
    carry(&laptop, &shop);
    carry(&shop, &laptop);
    let last = laptop.ok(&["device", "revoke", "phone", "--json"]).json();
    assert_eq!(last["before"], json!(3), "{last}");
    laptop.fails(3, &["device", "revoke", &laptop.device()]);
    laptop.fails(2, &["device", "revoke", "nobody"]);
}

#[test]
fn a_lost_sequencer_is_taken_over() {
    let (laptop, _) = with_words("laptop");
    let phone = second(&laptop, "phone");
    for topic in ["a", "b"] {
        phone.ok(&["topic", "new", topic, "--app", "market"]);
    }
    phone.ok(&["topic", "new", "c", "--app", "board", "--causal"]);
    carry(&phone, &laptop);
    let revoked = laptop.ok(&["device", "revoke", "phone", "--json"]).json();
    assert_eq!(count(&revoked, "still_sequenced"), 3, "{revoked}");
    let told = laptop.ok(&["device", "lost", "phone", "--json"]).json();
    assert_eq!(count(&told, "taken_over"), 3, "{told}");
    let again = laptop.ok(&["device", "lost", "phone", "--json"]).json();
    assert_eq!(
        (count(&again, "taken_over"), &again["before"]),
        (0, &json!(3)),
        "{again}"
    );
    for topic in ["a", "b", "c"] {
        let shown = laptop.ok(&["topic", "show", topic, "--json"]).json();
        assert_eq!(shown["sequencer"], json!(laptop.device()));
    }
    laptop.ok(&["append", "a", "order.request"]);
    let path = laptop.path("after.synlog");
    laptop.ok(&["bundle", "write", &path]);
    laptop.ok(&["verify", &path]);
}

#[test]
fn a_rotated_root_certifies_and_the_old_one_does_not() {
    let (laptop, old_words) = with_words("laptop");
    laptop.ok(&["topic", "new", "orders", "--app", "market"]);
    laptop.ok(&["append", "orders", "order.request", "--body", "{\"n\":1}"]);
    let new_words = laptop.path("new-words");
    let rotated = laptop
        .ok(&["root", "rotate", "--words-file", &new_words, "--json"])
        .json();
    assert_eq!(rotated["certified"], json!([laptop.device()]));
    assert_eq!(
        (count(&rotated, "told"), &rotated["number"]),
        (1, &json!(2)),
        "{rotated}"
    );
    laptop.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    // a feed that begins after the rotation
    let phone = second(&laptop, "phone");
    carry(&laptop, &phone);
    phone.ok(&["append", "orders", "order.request", "--body", "{\"n\":3}"]);
    carry(&phone, &laptop);
    let lines = laptop.ok(&["tail", "orders", "--json"]).json_lines();
    let orders = lines
        .iter()
        .filter(|line| line["kind"] == json!("order.request"));
    let verdicts: Vec<&Json> = orders.map(|line| &line["verdict"]).collect();
    assert_eq!(verdicts, [&json!("accepted"); 3], "{lines:?}");
    let bundle = laptop.path("orders.synlog");
    laptop.ok(&["bundle", "write", &bundle]);
    laptop.ok(&["verify", &bundle]);
    // the old words
    laptop.fails(6, &["root", "import", "--words-file", &old_words]);
    let refused = Desk::empty().fails(
        3,
        &["recover", "--words-file", &old_words, "--from", &bundle],
    );
    assert!(refused.err.contains("was rotated"), "{refused:?}");
    let again = Desk::empty();
    let recovered = again
        .ok(&[
            "recover",
            "--words-file",
            &new_words,
            "--from",
            &bundle,
            "--json",
        ])
        .json();
    assert_eq!(recovered["entity"], json!(laptop.entity()));
    again.ok(&["append", "orders", "order.request", "--body", "{\"n\":4}"]);
    carry(&again, &laptop);
    let lines = laptop.ok(&["tail", "orders", "--json"]).json_lines();
    let last = lines
        .iter()
        .find(|line| line["body"]["n"] == json!(4))
        .unwrap();
    assert_eq!(last["verdict"], json!("accepted"), "{last}");
    let listed = laptop.ok(&["device", "list", "--json"]).json();
    assert_eq!(count(&listed, "devices"), 3, "{listed}");
}

#[test]
fn a_profile_announces_public_topics() {
    let (ana, _) = with_words("ana");
    ana.fails(1, &["profile", "show"]);
    ana.fails(2, &["profile", "set"]);
    ana.ok(&["profile", "set", "--name", "Ana", "--about", "plumber"]);
    let shop = ana.ok(&["topic", "new", "shop", "--app", "market"]).word();
    ana.ok(&["profile", "announce", "shop", "--name", "Spare parts"]);
    ana.ok(&["profile", "set", "--name", "Ana & Co"]);
    let (bo, _) = with_words("bo");
    carry(&ana, &bo);
    let shown = bo.ok(&["profile", "show", &ana.entity(), "--json"]).json();
    assert_eq!(
        (&shown["name"], &shown["about"]),
        (&json!("Ana & Co"), &json!("plumber"))
    );
    let expected = json!([{ "topic": shop, "app": "market", "name": "Spare parts" }]);
    assert_eq!(shown["topics"], expected);
    // only she writes there, and only what is hers is announced
    bo.fails(3, &["profile", "announce", "shop"]);
    let topic = shown["topic"].as_str().unwrap();
    bo.fails(
        3,
        &[
            "append",
            topic,
            "profile.set",
            "--body",
            "{\"name\":\"x\",\"about\":\"\"}",
        ],
    );
    bo.ok(&[
        "append",
        topic,
        "profile.set",
        "--force",
        "--body",
        "{\"name\":\"x\",\"about\":\"\"}",
    ]);
    let same = bo.ok(&["profile", "show", &ana.entity(), "--json"]).json();
    assert_eq!(same["name"], shown["name"]);
    ana.ok(&["profile", "withdraw", "shop"]);
    ana.fails(3, &["profile", "withdraw", "shop"]);
    assert_eq!(
        ana.ok(&["profile", "show", "--json"]).json()["topics"],
        json!([])
    );
}
