//! Data directories of versions that were: they are opened, checked and gone on with. And what
//! a later version made is refused by name, and left as it is.
//!
//! `tests/data/homes/v1` was made by `make_a_home_of_this_version`, which is run by hand, once
//! for a version: `cargo test … -- stored_homes::make --ignored` writes to the folder that
//! `SYNLOG_NEW_HOME` names. What is derived (rows, compiled modules) is not in it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::cli::{Desk, copy};
use crate::net_daemon::Up;

/// When it was made.
const MADE_MS: u64 = 1_795_000_000_000;
/// A day later.
const LATER_MS: u64 = MADE_MS + 86_400_000;
/// What is not stored: it follows from the rest, or belongs to a run.
const DERIVED: &[&str] = &["views", "modules", "run"];
const FILES_MAX: u64 = 200 * 1024;

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/homes/v1")
}

/// A desk with a copy of the stored directory.
fn opened() -> Desk {
    let mut desk = Desk::empty();
    desk.now_ms = Some(LATER_MS);
    copy(&stored().join("home"), &desk.home);
    for folder in [desk.home.clone(), desk.home.join("keys")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    desk
}

/// What is asked of it: no more than what must stay so in all versions.
fn told(desk: &Desk) -> Json {
    let of = |arguments: &[&str]| desk.ok(arguments).json();
    let fields = |json: &Json, names: &[&str]| -> Json {
        let fields = names
            .iter()
            .map(|name| ((*name).to_owned(), json[name].clone()));
        Json::Object(fields.collect())
    };
    let list = |json: &Json, names: &[&str]| -> Json {
        json.as_array()
            .unwrap()
            .iter()
            .map(|it| fields(it, names))
            .collect()
    };
    let entries = desk.ok(&["tail", "--json"]).json_lines();
    // an app may have more to say of a row one day, but not less
    let rows = |topic: &str, view: &str, columns: &[&str]| -> Json {
        let rows = desk
            .ok(&["view", "list", topic, view, "--json"])
            .json_lines();
        let rows = rows
            .iter()
            .map(|row| json!([row["key"], fields(&row["columns"], columns)]));
        rows.collect()
    };
    let topics = ["shop", "orders"].map(|topic| {
        let shown = of(&["topic", "show", topic, "--json"]);
        fields(&shown, &["topic", "name", "digest"])
    });
    json!({
        "whoami": fields(&of(&["whoami", "--json"]), &["entity", "device"]),
        "topics": topics,
        "entries": list(&Json::Array(entries), &["id", "topic", "kind", "status", "body"]),
        "items": rows("shop", "items", &["title", "min", "state"]),
        "messages": rows("orders", "messages", &["author", "at", "text"]),
        "letters": list(&of(&["inbox", "--json"])["letters"], &["letter", "from", "message"]),
        "tokens": list(&of(&["token", "list", "--json"])["tokens"], &["name", "scope"]),
        "blobs": list(&of(&["blob", "list", "--json"])["blobs"], &["blob", "size", "pinned"]),
        "quota": fields(&of(&["blob", "quota", "--json"]), &["topic_bytes", "total_bytes"]),
        "gossip": fields(&of(&["config", "show", "net.gossip", "--json"])["settings"][0], &["value"]),
    })
}

#[test]
#[ignore = "makes the data directory that other tests open; by hand, once for a version"]
fn make_a_home_of_this_version() {
    let into = PathBuf::from(std::env::var_os("SYNLOG_NEW_HOME").expect("SYNLOG_NEW_HOME"));
    let [mut shop, mut phone] = [Desk::empty(), Desk::empty()];
    for (desk, name) in [(&mut shop, "counter"), (&mut phone, "phone")] {
        desk.now_ms = Some(MADE_MS);
        desk.ok(&["init", "--name", name]);
    }
    phone.ok(&["config", "set", "net.gossip", "false"]);
    phone.ok(&["token", "new", "dashboard"]);
    phone.ok(&["topic", "new", "shop", "--app", "space"]);
    phone.ok(&[
        "space",
        "create",
        "shop",
        "Kallion leipä",
        "--currency",
        "EUR",
        "--zone",
        "Europe/Helsinki",
    ]);
    phone.ok(&[
        "item",
        "put",
        "shop",
        "bread",
        "--schema",
        "goods/1",
        "--title",
        "Rye bread",
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "450",
    ]);
    let picture = phone.path("picture.png");
    std::fs::write(&picture, [&b"\x89PNG\r\n\x1a\n"[..], &[7; 2000]].concat()).unwrap();
    phone.ok(&["blob", "add", &picture]);
    phone.ok(&["blob", "quota", "--total", "2G"]);
    let ids = shop.entity();
    phone.ok(&["block", "--entity", &"0123456789abcdef".repeat(4)]);

    let alone = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];
    let (shop_up, phone_up) = (Up::start(&shop, &alone), Up::start(&phone, &alone));
    let ticket = shop.ok(&["invite", "--json"]).json();
    phone.ok(&["join", ticket["ticket"].as_str().unwrap()]);
    phone.ok(&["sync", "--once"]);
    let member = format!("{}=client", phone.entity());
    for (topic, message) in [("orders", "as we said"), ("more", "and this")] {
        shop.ok(&[
            "topic", "new", topic, "--app", "relation", "--member", &member,
        ]);
        shop.ok(&[
            "invite",
            topic,
            "--to",
            &phone.entity(),
            "--message",
            message,
        ]);
    }
    let letters = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let inbox = phone.ok(&["inbox", "--json"]).json();
        let letters = inbox["letters"].as_array().unwrap().clone();
        (letters.len() == 2).then_some(letters)
    });
    let letters = letters.unwrap();
    let first = letters
        .iter()
        .find(|letter| letter["message"] == "as we said");
    phone.ok(&[
        "inbox",
        "accept",
        first.unwrap()["letter"].as_str().unwrap(),
    ]);
    phone.ok(&["sync", "--once"]);
    phone.ok(&["say", "orders", "--text", "thank you"]);
    phone.ok(&["sync", "--once"]);
    shop_up.stop();
    phone_up.stop();
    // one that waits to be handed over
    phone.ok(&["invite", "shop", "--to", &ids, "--message", "come and see"]);
    let told = told(&phone);
    let home = into.join("home");
    copy(&phone.home, &home);
    for derived in DERIVED {
        let _ = std::fs::remove_dir_all(home.join(derived));
    }
    let text = format!("{}\n", serde_json::to_string_pretty(&told).unwrap());
    std::fs::write(into.join("told.json"), text).unwrap();
}

fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if path.is_file() {
        return [(path.to_path_buf(), std::fs::read(path).unwrap())].into();
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries
        .flat_map(|entry| files(&entry.unwrap().path()))
        .collect()
}

#[test]
fn a_home_of_version_1_is_opened_and_gone_on_with() {
    let size: usize = files(&stored()).values().map(Vec::len).sum();
    assert!(size as u64 <= FILES_MAX, "{size} bytes");
    let desk = opened();
    let recorded = std::fs::read_to_string(stored().join("told.json")).unwrap();
    let recorded: Json = serde_json::from_str(&recorded).unwrap();
    assert_eq!(told(&desk), recorded);

    // every file of it is whole, and what it holds can be checked elsewhere
    desk.ok(&["doctor", "scrub"]);
    let bundle = desk.path("all.synlog");
    desk.ok(&["bundle", "write", &bundle, "shop", "orders"]);
    let elsewhere = Desk::empty();
    elsewhere.ok(&["verify", &bundle]);

    // a copy signs nothing until it has a device key of its own, as ever
    let put = |title: &str| {
        let rest = [
            "--schema",
            "goods/1",
            "--title",
            title,
            "--price-kind",
            "fixed",
        ];
        let price = ["--price-currency", "EUR", "--price-min", "300"];
        [&["item", "put", "shop", "roll"][..], &rest, &price]
            .concat()
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<String>>()
    };
    let words = put("Roll");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    desk.fails(5, &words);
    desk.ok(&["device", "renew"]);
    desk.ok(&words);
    desk.ok(&["say", "orders", "--text", "a day later"]);
    desk.ok(&["token", "new", "second"]);
    desk.ok(&["config", "set", "log.filter", "info"]);
    desk.ok(&["unblock", "--entity", &"0123456789abcdef".repeat(4)]);
    let from = recorded["letters"][0]["from"].as_str().unwrap();
    desk.ok(&["invite", "shop", "--to", from]);
    for name in ["tokens.json", "config.toml", "interests", "letters"] {
        let mode = std::fs::metadata(desk.home.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let now = told(&desk);
    let count = |json: &Json, list: &str| json[list].as_array().unwrap().len();
    assert_eq!(count(&now, "items"), count(&recorded, "items") + 1);
    assert_eq!(count(&now, "messages"), count(&recorded, "messages") + 1);
    assert_eq!(count(&now, "tokens"), count(&recorded, "tokens") + 1);
    assert_eq!(now["letters"], recorded["letters"]);
    assert_eq!(now["gossip"], recorded["gossip"]);
    // what follows from the log comes back the same
    std::fs::remove_dir_all(desk.home.join("views")).unwrap();
    std::fs::remove_dir_all(desk.home.join("store/index")).unwrap();
    assert_eq!(told(&desk), now);
    let up = Up::start(&desk, &["--offline"]);
    assert_eq!(told(&desk), now);
    up.stop();
}

/// CRC-32C, as the store uses it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn one_more(bytes: &mut [u8], at: usize) {
    let version = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    bytes[at..at + 4].copy_from_slice(&(version + 1).to_le_bytes());
}

/// HEAD with another version in each slot that says something.
fn newer_head(bytes: &mut [u8]) {
    let starts: Vec<usize> = (0..bytes.len() - 8)
        .filter(|at| bytes[*at..].starts_with(b"SYNLOGHD"))
        .collect();
    assert!(!starts.is_empty());
    for at in starts {
        one_more(bytes, at + 8);
        let length = u32::from_le_bytes(bytes[at + 12..at + 16].try_into().unwrap()) as usize;
        let all = [&bytes[at..at + 16], &bytes[at + 20..at + 20 + length]].concat();
        bytes[at + 16..at + 20].copy_from_slice(&crc32c(&all).to_le_bytes());
    }
}

/// A segment with another version in both headers.
fn newer_segment(bytes: &mut [u8]) {
    for at in [0, 4096] {
        assert!(bytes[at..].starts_with(b"SYNLOGSG"));
        one_more(bytes, at + 8);
        let crc = crc32c(&bytes[at..at + 72]);
        bytes[at + 72..at + 76].copy_from_slice(&crc.to_le_bytes());
    }
}

/// A text in place of another, which must be there.
fn replaced(bytes: &mut Vec<u8>, old: &str, new: &str) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(old), "{text}");
    *bytes = text.replacen(old, new, 1).into_bytes();
}

#[test]
fn what_a_later_version_made_is_refused_by_name_and_left_alone() {
    type Change = fn(&mut Vec<u8>);
    let key: Change = |bytes| replaced(bytes, "key 1\n", "key 2\n");
    let first: Change = |bytes| bytes[0] += 1;
    let recorded = std::fs::read_to_string(stored().join("told.json")).unwrap();
    let recorded: Json = serde_json::from_str(&recorded).unwrap();
    let entity = recorded["letters"][0]["from"].as_str().unwrap();
    // file, how it becomes newer, a command that needs it, its exit code
    type Case<'a> = (&'a str, Change, &'a [&'a str], i32);
    let table: &[Case<'_>] = &[
        ("keys/device.key", key, &["whoami"], 6),
        ("keys/encryption.key", key, &["tail"], 6),
        ("keys/root.key", key, &["root", "export", "root.out"], 6),
        ("keys/transport.key", key, &["invite"], 6),
        ("store/HEAD", |bytes| newer_head(bytes), &["tail"], 6),
        (
            "store/segments/SEGMENT",
            |bytes| newer_segment(bytes),
            &["tail"],
            6,
        ),
        ("interests", first, &["follow"], 6),
        ("letters", first, &["invite", "shop", "--to", entity], 6),
        ("inbox", first, &["inbox"], 6),
        (
            "contacts",
            |bytes| replaced(bytes, "contacts 1\n", "contacts 2\n"),
            &["peers"],
            6,
        ),
        (
            "tokens.json",
            |bytes| replaced(bytes, "\"version\":1", "\"version\":2"),
            &["token", "list"],
            6,
        ),
        (
            "config.toml",
            |bytes| replaced(bytes, "version = 1", "version = 2"),
            &["config", "show"],
            2,
        ),
        (
            "config.toml",
            |bytes| replaced(bytes, "version = 1", "version = 2"),
            &["config", "set", "net.mdns", "false"],
            2,
        ),
        (
            "blobs/journal",
            |bytes| replaced(bytes, "\"version\":1", "\"version\":2"),
            &["blob", "list"],
            6,
        ),
        (
            "blobs/quota.json",
            |bytes| replaced(bytes, "\"version\":1", "\"version\":2"),
            &["blob", "quota"],
            6,
        ),
    ];
    for (name, change, command, code) in table {
        let desk = opened();
        let name = match name.strip_suffix("SEGMENT") {
            None => (*name).to_owned(),
            Some(front) => {
                let mut entries = std::fs::read_dir(desk.home.join(front)).unwrap();
                let entry = entries.next().unwrap().unwrap();
                format!("{front}{}", entry.file_name().to_str().unwrap())
            }
        };
        let path = desk.home.join(&name);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let store = files(&desk.home.join("store"));
        let ended = desk.fails(*code, command);
        assert!(
            ended.err.contains("made by a newer synlog"),
            "{name}: {ended:?}"
        );
        let named = name.strip_prefix("store/").unwrap_or(&name);
        assert!(ended.err.contains(named), "{name}: {ended:?}");
        if *code == 6 {
            assert!(
                ended.err.contains("nothing was changed"),
                "{name}: {ended:?}"
            );
            let mut command = command.to_vec();
            command.push("--json");
            let ended = desk.fails(*code, &command);
            let error: Json = serde_json::from_str(ended.err.lines().last().unwrap()).unwrap();
            assert_eq!(error["error"]["code"], "newer_format", "{name}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
        if name.starts_with("store/") {
            let mut now = files(&desk.home.join("store"));
            // the lock is no data
            now.retain(|path, _| store.contains_key(path) || !path.ends_with("LOCK"));
            assert!(now == store, "{name}: something in the store was changed");
        }
    }
}

#[test]
fn a_backup_and_a_request_of_a_later_version_are_refused_by_name() {
    let desk = opened();
    let place = desk.path("backup");
    desk.ok(&["backup", &place]);
    let manifests = files(&Path::new(&place).join("manifests"));
    let (path, bytes) = manifests.into_iter().next().unwrap();
    // the map says its format by a small whole number behind the key
    let mut body = bytes[32..].to_vec();
    let key = b"format";
    let at = body
        .windows(key.len())
        .position(|window| window == key)
        .unwrap()
        + key.len();
    assert_eq!(body[at], 1);
    body[at] = 2;
    let newer = [blake3::hash(&body).as_bytes(), &body[..]].concat();
    std::fs::write(&path, &newer).unwrap();
    for command in [&["verify", &place][..], &["backup", &place]] {
        let ended = desk.run(command);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains("made by a newer synlog"), "{ended:?}");
        assert_eq!(std::fs::read(&path).unwrap(), newer);
    }

    let fresh = Desk::empty();
    let entity = "0123456789abcdef".repeat(4);
    let request = ["device", "request", "--for", &entity, "--name", "phone"];
    fresh.ok(&request);
    let path = fresh.home.join("keys/request.key");
    let mut bytes = std::fs::read(&path).unwrap();
    replaced(&mut bytes, "request 1\n", "request 2\n");
    std::fs::write(&path, &bytes).unwrap();
    let ended = fresh.fails(6, &request);
    assert!(ended.err.contains("made by a newer synlog"), "{ended:?}");
    assert!(ended.err.contains("request.key"), "{ended:?}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}
