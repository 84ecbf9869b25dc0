//! A canary in every text of a private topic: members read it, and it stands in no file of
//! a bundle and on no disk of anybody else.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::cli::{Desk, program};

/// Texts that stand nowhere else.
struct Canaries {
    salt: String,
}

impl Canaries {
    fn new(desk: &Desk) -> Self {
        // the name of a temporary directory differs from run to run
        let hash = blake3::hash(desk.root.to_string_lossy().as_bytes());
        Self {
            salt: hash.to_hex()[..16].to_owned(),
        }
    }

    fn text(&self, what: &str) -> String {
        format!("canary-{what}-{}", self.salt)
    }
}

/// All files under a path.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries
        .flat_map(|entry| files(&entry.unwrap().path()))
        .collect()
}

/// The first file in which some bytes stand.
fn found(path: &Path, text: &str) -> Option<PathBuf> {
    let needle = text.as_bytes();
    files(path).into_iter().find(|file| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

fn assert_absent(path: &Path, texts: &[String]) {
    assert!(!files(path).is_empty());
    for text in texts {
        assert_eq!(found(path, text), None, "{text} under {}", path.display());
    }
}

fn tail(desk: &Desk) -> Vec<Json> {
    desk.ok(&["tail", "--json"]).json_lines()
}

fn says(entries: &[Json], text: &str) -> bool {
    entries.iter().any(|entry| entry.to_string().contains(text))
}

fn rows(desk: &Desk, topic: &str) -> Json {
    let shown = desk.ok(&["topic", "show", topic, "--json"]).json();
    json!([shown["digest"], shown["rows"], shown["epochs_held"]])
}

/// A shop with a client and a clerk in a private relation.
struct Relation {
    shop: Desk,
    client: Desk,
    clerk: Desk,
    canaries: Canaries,
    topic: String,
}

impl Relation {
    fn begin() -> Self {
        let [shop, client, clerk] = ["counter", "phone", "till"].map(Desk::new);
        let canaries = Canaries::new(&shop);
        let name = canaries.text("name");
        let new = ["topic", "new", name.as_str(), "--app", "relation"];
        let members = [&client, &clerk].map(|desk| format!("{}=client", desk.entity()));
        let invited = [
            "--member",
            members[0].as_str(),
            "--member",
            members[1].as_str(),
        ];
        // nothing can be sealed to somebody whose key isn't known
        let refused = shop.fails(1, &[&new[..], &invited].concat());
        assert!(
            refused.err.contains("bundle write FILE --identity"),
            "{refused:?}"
        );
        client.introduce_to(&shop);
        clerk.introduce_to(&shop);
        let topic = shop.ok(&[&new[..], &invited].concat()).word();
        shop.carry_to(&client, &topic);
        shop.carry_to(&clerk, &topic);
        Self {
            shop,
            client,
            clerk,
            canaries,
            topic,
        }
    }

    fn say(&self, desk: &Desk, what: &str) -> String {
        let text = self.canaries.text(what);
        desk.ok(&["say", &self.topic, "--text", &text]).word()
    }
}

#[test]
fn what_is_private_stands_nowhere_else() {
    let relation = Relation::begin();
    let Relation {
        shop,
        client,
        clerk,
        canaries,
        topic,
    } = &relation;
    let topic = topic.as_str();
    let quote = relation.say(shop, "from-shop");
    shop.carry_to(client, topic);
    relation.say(client, "from-client");
    let line = format!(
        r#"{{"custom":{{"title":"{}"}},"quantity":1}}"#,
        canaries.text("line")
    );
    let body = format!(r#"{{"lines":[{line}],"note":"{}"}}"#, canaries.text("note"));
    let erasable = format!(r#"{{"address":"{}"}}"#, canaries.text("address"));
    client.ok(&[
        "append",
        topic,
        "order.request",
        "--body",
        &body,
        "--erasable",
        &erasable,
        "--force",
    ]);
    let back = client.carry_to(shop, topic);
    let stick = shop.carry_to(clerk, topic);
    let before = [
        "name",
        "from-shop",
        "from-client",
        "line",
        "note",
        "address",
    ]
    .map(|what| canaries.text(what));
    let entries = tail(clerk);
    for text in &before[1..] {
        assert!(says(&entries, text), "{text}");
    }
    let listed = clerk.ok(&["topic", "list", "--json"]).json();
    assert_eq!(listed["topics"][0]["name"], json!(before[0]));
    // the log itself is sealed, also on a member's disk; only what follows from it is not
    for desk in [shop, client, clerk] {
        assert_absent(&desk.home.join("store"), &before);
    }

    // a stranger who finds the stick, and keeps what is on it
    let stranger = Desk::new("finder");
    stranger.ok(&["bundle", "read", stick.to_str().unwrap()]);
    let copied = stranger.path("copy.synlog");
    stranger.ok(&["bundle", "write", &copied]);
    for path in [stick.as_path(), back.as_path(), stranger.root.as_path()] {
        assert_absent(path, &before);
        assert_absent(path, &["relation".to_owned()]);
    }
    let entries = tail(&stranger);
    let closed = entries
        .iter()
        .filter(|entry| entry["sealed"] == json!("closed"));
    assert!(closed.count() >= 4);
    assert!(entries.iter().all(|entry| entry["sealed"] != json!("open")));
    let shown = stranger.ok(&["topic", "show", topic, "--json"]).json();
    assert_eq!(
        (&shown["app"], &shown["epoch_missing"]),
        (&json!(""), &json!(1))
    );
    let refused = stranger.fails(3, &["append", topic, "message.post"]);
    assert!(refused.err.contains("not_member"), "{refused:?}");

    // the clerk is removed, and reads nothing new
    shop.ok(&["topic", "revoke", topic, &clerk.entity()]);
    relation.say(shop, "after");
    let after = [canaries.text("after")];
    let stick = shop.carry_to(clerk, topic);
    shop.carry_to(client, topic);
    assert_absent(&stick, &after);
    assert_absent(&clerk.root, &after);
    let entries = tail(clerk);
    assert!(!says(&entries, &after[0]) && says(&entries, &before[1]));
    let shown = clerk.ok(&["topic", "show", topic, "--json"]).json();
    assert_eq!(shown["epoch_missing"], json!(2));
    let refused = clerk.fails(3, &["append", topic, "message.post", "--force"]);
    assert!(refused.err.contains("epoch 2"), "{refused:?}");
    assert!(says(&tail(client), &after[0]));
    let held = client.ok(&["topic", "show", topic, "--json"]).json();
    assert_eq!(held["epochs_held"].as_array().unwrap().len(), 2);

    // whoever comes later reads all of it
    let late = Desk::new("books");
    late.introduce_to(shop);
    shop.ok(&["topic", "grant", topic, &late.entity(), "client"]);
    let stick = shop.carry_to(&late, topic);
    shop.carry_to(client, topic);
    let entries = tail(&late);
    assert!(
        before[1..]
            .iter()
            .chain(&after)
            .all(|text| says(&entries, text))
    );
    assert_eq!(rows(&late, topic), rows(shop, topic));
    assert_eq!(rows(client, topic), rows(shop, topic));

    checked_elsewhere(&relation, &late, &stick, &quote);
}

/// Bundles with and without keys, and one entry alone.
fn checked_elsewhere(relation: &Relation, late: &Desk, stick: &Path, quote: &str) {
    let stick = stick.to_str().unwrap();
    let canary = relation.canaries.text("from-shop");
    let blind = program()
        .args(["verify", stick, "--json"])
        .output()
        .unwrap();
    assert!(blind.status.success());
    let blind: Json = serde_json::from_slice(&blind.stdout).unwrap();
    assert_eq!(blind["topics"][0]["app"], json!(""));
    let open = late.ok(&["verify", stick, "--unseal", "--json"]).json();
    assert_eq!(open["topics"][0]["app"], json!("relation"));
    assert_eq!(open["topics"][0]["rows"]["state"], json!("replayed"));
    let audit = late.ok(&["audit", "--bundle", stick, "--unseal"]);
    assert!(audit.out.contains(&canary));
    let own = relation.shop.ok(&["audit", &relation.topic]);
    assert!(own.out.contains(&canary));

    let file = relation.shop.path("one.disclosure");
    relation.shop.ok(&["entry", "disclose", quote, "-o", &file]);
    let shown = program()
        .args(["entry", "check", file.as_str(), "--json"])
        .output();
    let shown: Json = serde_json::from_slice(&shown.unwrap().stdout).unwrap();
    assert_eq!(shown["body"]["text"], json!(canary));
    let others = ["name", "from-client", "line", "note", "address", "after"];
    let others = others.map(|what| relation.canaries.text(what));
    assert_absent(Path::new(&file), &others);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[25] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let wrong = program()
        .args(["entry", "check", file.as_str()])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(1));
}

#[test]
fn keepers_order_erase_and_know_who_may_fetch() {
    let relation = Relation::begin();
    let (shop, client, topic) = (&relation.shop, &relation.client, relation.topic.as_str());
    let keeper = Desk::new("old-pc");
    keeper.introduce_to(shop);
    shop.ok(&["topic", "keeper", topic, &keeper.entity()]);
    let text = relation.canaries.text("address");
    let erasable = format!(r#"{{"address":"{text}"}}"#);
    let event = [
        "append",
        topic,
        "message.post",
        "--body",
        r#"{"text":"hi"}"#,
    ];
    let id = client
        .ok(&[&event[..], &["--erasable", &erasable]].concat())
        .word();
    client.carry_to(shop, topic);
    client.ok(&["erase", &id]);
    client.carry_to(shop, topic);
    shop.carry_to(&keeper, topic);
    let entries = tail(&keeper);
    let erased = entries
        .iter()
        .find(|entry| entry["id"] == json!(id))
        .unwrap();
    assert_eq!(
        (&erased["erased"], &erased["sealed"]),
        (&json!(true), &json!("closed"))
    );
    assert_eq!(erased["status"], json!("sequenced"));
    assert_absent(&keeper.root, std::slice::from_ref(&text));
    // a member's node tells the same entries to be erased
    let entries = tail(shop);
    let erased = entries
        .iter()
        .find(|entry| entry["id"] == json!(id))
        .unwrap();
    assert_eq!(
        (&erased["erased"], &erased["sealed"]),
        (&json!(true), &json!("open"))
    );
}
