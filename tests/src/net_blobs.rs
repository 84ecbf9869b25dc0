//! Blobs between real nodes: pictures that come by themselves, films that are asked for,
//! what strangers don't get, and what is on the disks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;

use crate::cli::Desk;
use crate::net_daemon::Up;

const LOCAL: [&str; 4] = ["--no-mdns", "--no-dht", "--bind", "127.0.0.1:0"];

/// Bytes that begin like a PNG and say something that can be searched for.
fn picture(desk: &Desk, name: &str, bytes: usize) -> (String, Vec<u8>) {
    let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut number = 0u64;
    while content.len() < bytes {
        content.extend_from_slice(format!("canary of a picture {name} {number};").as_bytes());
        number += 1;
    }
    content.truncate(bytes);
    let path = desk.path(name);
    std::fs::write(&path, &content).unwrap();
    (path, content)
}

fn join(one: &Desk, other: &Desk, topic: &str) {
    let invited = one.ok(&["invite", topic, "--json"]).json();
    other.ok(&["join", invited["ticket"].as_str().unwrap()]);
}

fn until(what: &str, mut happens: impl FnMut() -> bool) {
    let happened = (0..600).any(|_| {
        let happened = happens();
        if !happened {
            std::thread::sleep(Duration::from_millis(50));
        }
        happened
    });
    assert!(happened, "{what}");
}

fn blob(desk: &Desk, hash: &str) -> Option<Json> {
    let listed = desk.ok(&["blob", "list", "--json"]).json();
    let blobs = listed["blobs"].as_array().unwrap();
    blobs.iter().find(|blob| blob["blob"] == hash).cloned()
}

fn has(desk: &Desk, hash: &str) -> bool {
    blob(desk, hash).is_some_and(|blob| blob["state"] == "here")
}

/// All files under a path.
fn files(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn stands_in(home: &Path, needle: &[u8]) -> Option<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    files(home).into_iter().find(holds)
}

/// A shop with an item whose picture is a file.
fn shop(desk: &Desk, path: &str) -> (String, String) {
    let topic = desk.ok(&["topic", "new", "shop", "--app", "space"]).word();
    desk.ok(&[
        "space",
        "create",
        "shop",
        "Bakery",
        "--zone",
        "Europe/Helsinki",
    ]);
    let image = format!("@{path}");
    desk.ok(&[
        "item",
        "put",
        "shop",
        "bread",
        "--schema",
        "goods/1",
        "--title",
        "Bread",
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "250",
        "--image",
        &image,
    ]);
    let item = desk
        .ok(&["view", "get", "shop", "items", "item/bread", "--json"])
        .json();
    let listed = desk.ok(&["blob", "list", "--json"]).json();
    let hash = listed["blobs"][0]["blob"].as_str().unwrap().to_owned();
    assert!(item.to_string().contains(&hash), "{item}");
    (topic, hash)
}

#[test]
fn a_picture_of_an_item_comes_by_itself_and_from_there_to_the_next() {
    let [ana, ben, cy] = ["ana", "ben", "cy"].map(Desk::new);
    let (path, content) = picture(&ana, "bread.png", 200_000);
    let (topic, hash) = shop(&ana, &path);
    let own = blob(&ana, &hash).unwrap();
    assert_eq!(
        (&own["own"], &own["type"]),
        (&true.into(), &"image/png".into())
    );
    let up_ana = Up::start(&ana, &LOCAL);
    let up_ben = Up::start(&ben, &LOCAL);
    join(&ana, &ben, "shop");
    until("the picture came", || has(&ben, &hash));
    let out = ben.path("out.png");
    let got = ben
        .ok(&["blob", "get", &hash[..12], "-o", &out, "--json"])
        .json();
    assert_eq!(
        (&got["bytes"], &got["fetched"]),
        (&200_000.into(), &false.into())
    );
    assert_eq!(std::fs::read(&out).unwrap(), content);
    let part = ben.ok(&["blob", "get", &hash, "-o", &out, "--range", "70000..70100"]);
    assert_eq!(
        std::fs::read(&out).unwrap(),
        content[70_000..70_100],
        "{part:?}"
    );

    // what is large is only named, and comes when it is asked for; broken off, it goes on
    let (film, content) = picture(&ana, "film.png", 16_000_000);
    let image = format!("@{film}");
    ana.ok(&[
        "item",
        "put",
        "shop",
        "cake",
        "--schema",
        "goods/1",
        "--title",
        "Cake",
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "900",
        "--image",
        &image,
    ]);
    let refused = ana.fails(3, &["item", "put", "shop", "pie", "--schema", "goods/1", "--title",
        "Pie", "--price-kind", "fixed", "--price-currency", "EUR", "--price-min", "1", "--images",
        r#"{"blob":{"$hex":"0101010101010101010101010101010101010101010101010101010101010101"},"size":9,"type":"image/gif"}"#]);
    assert!(refused.err.contains("bad_image"), "{refused:?}");
    let listed = ana.ok(&["blob", "list", "shop", "--json"]).json();
    let blobs = listed["blobs"].as_array().unwrap();
    let large = blobs
        .iter()
        .find(|blob| blob["size"] == 16_000_000)
        .unwrap();
    let large = large["blob"].as_str().unwrap().to_owned();
    until("the large one is named", || blob(&ben, &large).is_some());
    let mut getting = ben
        .command(&["blob", "get", &large, "-o", &out])
        .spawn()
        .unwrap();
    until("some of it came", || {
        let state = blob(&ben, &large).unwrap();
        state["percent"].as_u64().is_some_and(|percent| percent > 5) || state["state"] == "here"
    });
    up_ben.kill();
    getting.wait().unwrap();
    let before = blob(&ben, &large).unwrap();
    let up_ben = Up::start(&ben, &LOCAL);
    ben.ok(&["blob", "get", &large, "-o", &out]);
    assert_eq!(std::fs::read(&out).unwrap(), content);
    assert!(
        before["state"] == "here" || before["percent"].as_u64() > Some(5),
        "{before}"
    );

    // ana is away: cy has it of ben, although nobody told ben to give it
    up_ana.stop();
    let up_cy = Up::start(&cy, &LOCAL);
    let invited = ben.ok(&["invite", &topic, "--json"]).json();
    cy.ok(&["join", invited["ticket"].as_str().unwrap()]);
    until("the picture came on", || has(&cy, &hash));
    cy.ok(&["blob", "get", &large, "-o", &cy.path("film.png")]);
    assert_eq!(std::fs::read(cy.path("film.png")).unwrap(), content);
    // a hash that no entry here names is asked of nobody
    let unknown = cy.fails(1, &["blob", "get", &"ab".repeat(32), "-o", &out, "--json"]);
    assert!(unknown.err.contains("no_blob"), "{unknown:?}");
    up_ben.stop();
    up_cy.stop();
}

#[test]
fn a_private_topic_s_blob_is_ciphertext_and_only_members_get_it() {
    let [shop, client, stranger] = ["shop", "client", "stranger"].map(Desk::new);
    client.introduce_to(&shop);
    let member = format!("{}=client", client.entity());
    let topic = shop
        .ok(&[
            "topic", "new", "order", "--app", "relation", "--member", &member,
        ])
        .word();
    let (path, content) = picture(&shop, "plan.png", 150_000);
    let added = shop
        .ok(&["blob", "add", &path, "--topic", "order", "--json"])
        .json();
    let hash = added["blob"].as_str().unwrap();
    let key = added["key"].as_str().unwrap();
    assert_ne!(hash, blake3::hash(&content).to_hex().as_str());
    let body = format!(
        r#"{{"plan":{{"blob":{{"$hex":"{hash}"}},"size":{},"type":"image/png","key":{{"$hex":"{key}"}}}}}}"#,
        added["size"]
    );
    shop.ok(&["append", "order", "plan.show", "--body", &body, "--force"]);
    let up_shop = Up::start(&shop, &LOCAL);
    let [up_client, up_stranger] = [&client, &stranger].map(|desk| Up::start(desk, &LOCAL));
    join(&shop, &client, "order");
    join(&shop, &stranger, "order");
    until("the picture came", || has(&client, hash));
    let out = client.path("plan.png");
    client.ok(&["blob", "get", hash, "-o", &out]);
    assert_eq!(std::fs::read(&out).unwrap(), content);
    std::fs::remove_file(&out).unwrap();
    client.ok(&["blob", "get", hash, "-o", &out, "--range", "65530..65600"]);
    assert_eq!(std::fs::read(&out).unwrap(), content[65_530..65_600]);
    client.ok(&["blob", "get", hash, "-o", &out, "--sealed"]);
    let sealed = std::fs::read(&out).unwrap();
    assert_eq!(blake3::hash(&sealed).to_hex().as_str(), hash);
    for home in [&shop.home, &client.home, &stranger.home] {
        assert_eq!(stands_in(home, b"canary of a picture"), None);
    }
    // it knows topic and hash, and is told of neither
    let asked = stranger.fails(
        1,
        &[
            "blob",
            "get",
            hash,
            "-o",
            &stranger.path("x"),
            "--timeout",
            "2",
            "--json",
        ],
    );
    assert!(asked.err.contains("no_blob"), "{asked:?}");
    let blobs = stranger.home.join("blobs");
    for file in files(&stranger.home) {
        assert!(
            !file.starts_with(&blobs) || file.ends_with("journal"),
            "{}",
            file.display()
        );
    }
    assert!(!stranger.ok(&["topic", "list"]).out.contains(&topic[..10]));
    for up in [up_shop, up_client, up_stranger] {
        up.stop();
    }
}

#[test]
fn what_is_kept_and_what_goes() {
    let desk = Desk::new("laptop");
    let (path, content) = picture(&desk, "bread.png", 40_000);
    let (_, hash) = shop(&desk, &path);
    let (loose, _) = picture(&desk, "loose.png", 50_000);
    let pinned = desk.ok(&["blob", "add", &loose]).word();
    assert_eq!(
        pinned,
        blake3::hash(&std::fs::read(&loose).unwrap())
            .to_hex()
            .as_str()
    );
    // nothing goes: one is named by an entry of one's own, the other pinned, whatever the quotas
    desk.ok(&["blob", "quota", "--total", "10K"]);
    assert_eq!(desk.ok(&["blob", "gc", "--json"]).json()["bytes"], 0);
    desk.ok(&["blob", "unpin", &pinned[..10]]);
    let would = desk.ok(&["blob", "gc", "--dry-run", "--json"]).json();
    assert_eq!(
        (&would["bytes"], &would["dropped"][0]),
        (&50_000.into(), &pinned.as_str().into())
    );
    assert!(has(&desk, &pinned));
    desk.ok(&["blob", "gc"]);
    assert!(blob(&desk, &pinned).is_none() && has(&desk, &hash));
    // damage is found, and what is damaged dropped
    assert_eq!(desk.ok(&["blob", "verify", "--json"]).json()["checked"], 1);
    let file = desk.home.join("blobs").join(&hash[..2]).join(&hash);
    let mut damaged = content.clone();
    damaged[20_000] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let found = desk.fails(1, &["blob", "verify", "--json"]).json();
    assert_eq!(found["damaged"][0], hash.as_str());
    assert_eq!(blob(&desk, &hash).unwrap()["state"], "missing");
    assert_eq!(desk.fails(1, &["blob", "get", &hash]).out, "");
    desk.ok(&["blob", "add", &path]);
    assert_eq!(
        desk.ok(&["blob", "get", &hash, "-o", "out.png"]).code,
        Some(0)
    );
    // what follows from entries comes back when it is lost
    desk.ok(&["blob", "unpin", &hash]);
    let before = desk.ok(&["blob", "list", "--json"]).json();
    std::fs::remove_file(desk.home.join("blobs/journal")).unwrap();
    let mut after = desk.ok(&["blob", "list", "--json"]).json();
    after["blobs"][0]["used"] = before["blobs"][0]["used"].clone();
    assert_eq!(after, before);
    desk.fails(2, &["blob", "add", "/dev/null"]);
}
