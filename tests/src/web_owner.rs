//! What the owner alone does by the local API: recovery words, the first run, imports, and
//! hearing of what needs an answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_client::{PATIENCE, Web, soon};

fn up(desk: &Desk, more: &[&str]) -> (Up, Web) {
    let arguments: Vec<&str> = ["--offline"].iter().chain(more).copied().collect();
    let up = Up::start(desk, &arguments);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    (up, web)
}

/// An import once it is not under way any more.
fn ended(web: &Web, import: &Json) -> Json {
    let path = format!("/imports/{}", import["import"].as_str().unwrap());
    let over = |job: &Json| job["stage"] != "looking" && job["stage"] != "writing";
    soon(|| web.ok(&path), over)
}

#[test]
fn the_words_are_for_the_owner_alone() {
    let desk = Desk::new("counter");
    let (up, web) = up(&desk, &[]);
    let program = desk.ok(&["token", "new", "till", "--write"]).word();
    let program = web.with_token(&program);
    for path in ["words", "check", "lock", "remove"] {
        let refused = program.post(&format!("/root/{path}"), "{}");
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.json()["code"], "owner_only", "{path}");
    }
    assert_eq!(web.ok("/root")["root_form"], "plain");
    let words = web.done("/root/words", &json!({}))["words"].clone();
    assert_eq!(words, desk.ok(&["root", "words", "--json"]).json()["words"]);
    let word = |at: usize| words[at].as_str().unwrap().to_owned();
    let three = json!({ "words": { "1": word(0), "12": word(11), "24": word(23).to_uppercase() } });
    let wrong = json!({ "words": { "1": word(0), "12": word(11), "24": "zzz" } });

    // three words, and right ones
    assert_eq!(web.ok("/steps")["steps"]["words"], "open");
    assert_eq!(web.done("/root/check", &wrong)["right"], false);
    let said = json!({ "step": "words", "state": "done" });
    assert_eq!(web.post("/steps", &said.to_string()).status, 400);
    let two = json!({ "words": { "1": word(0), "2": word(1) } });
    assert_eq!(web.post("/root/check", &two.to_string()).status, 400);
    assert_eq!(web.done("/root/check", &three)["right"], true);
    assert_eq!(web.ok("/steps")["steps"]["words"], "done");

    // locked: the words want the passphrase, and nothing shows it
    let lock = json!({ "passphrase": "a long sentence" });
    assert_eq!(web.done("/root/lock", &lock)["root_form"], "locked");
    assert!(!desk.home.join("keys/root.key").exists());
    assert!(web.post("/root/words", "{}").status >= 400);
    let wrong_pass = json!({ "passphrase": "another" });
    assert_eq!(web.post("/root/words", &wrong_pass.to_string()).status, 400);
    assert_eq!(web.done("/root/words", &lock)["words"], words);
    assert!(web.post("/root/remove", &three.to_string()).status >= 400);
    up.stop();
    // what was left out or done is known the next time
    let (up, web) = self::up(&desk, &[]);
    assert_eq!(web.ok("/steps")["steps"]["words"], "done");
    web.done("/steps", &json!({ "step": "hours", "state": "skipped" }));
    assert_eq!(web.ok("/steps")["steps"]["hours"], "skipped");
    up.stop();
}

#[test]
fn the_root_key_goes_when_the_words_are_safe() {
    let desk = Desk::new("counter");
    let (up, web) = up(&desk, &[]);
    let words = web.done("/root/words", &json!({}))["words"].clone();
    let wrong = json!({ "words": { "1": "a", "2": "b", "3": "c" } });
    let refused = web.post("/root/remove", &wrong.to_string());
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (422, &json!("wrong_words"))
    );
    assert!(desk.home.join("keys/root.key").exists());
    let right = json!({ "words": { "1": words[0], "2": words[1], "3": words[2] } });
    assert_eq!(web.done("/root/remove", &right)["root_form"], "absent");
    assert!(!desk.home.join("keys/root.key").exists());
    assert!(web.post("/root/words", "{}").status >= 400);
    up.stop();
}

#[test]
fn imports_write_what_the_command_writes() {
    let (desk, other) = (Desk::new("counter"), Desk::new("other"));
    for desk in [&desk, &other] {
        desk.ok(&["topic", "new", "shop", "--app", "space"]);
    }
    let (up, web) = up(&desk, &[]);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let give = |file: &str| {
        let bytes = std::fs::read(data.join(file)).unwrap();
        let path = format!("/imports?topic=shop&name={file}");
        let answer = web.ask("POST", &path, &[], &bytes);
        assert_eq!(answer.status, 200, "{file}");
        ended(&web, &answer.json())
    };
    let act = |job: &Json, more: Json| {
        let path = format!("/imports/{}", job["import"].as_str().unwrap());
        web.done(&path, &more)
    };
    let zone = "Europe/Helsinki";
    for (file, format) in [
        ("items.csv", "csv"),
        ("shop.jsonld", "schema-org"),
        ("helsinki-places.osm.pbf", "osm"),
    ] {
        let looked = give(file);
        assert_eq!(
            (&looked["stage"], &looked["format"]),
            (&json!("ready"), &json!(format))
        );
        act(
            &looked,
            json!({ "action": "preview", "zone": zone, "currency": "EUR" }),
        );
        let looked = ended(&web, &looked);
        assert_eq!(looked["stage"], "ready", "{looked}");
        let preview = looked["preview"].as_array().unwrap().len() as u64;
        assert_eq!(preview, looked["events"].as_u64().unwrap().min(20));
        act(
            &looked,
            json!({ "action": "run", "zone": zone, "currency": "EUR" }),
        );
        let done = ended(&web, &looked);
        assert_eq!(done["stage"], "done", "{done}");
        assert_eq!(done["summary"]["written"], looked["events"], "{file}");
        let path = data.join(file).display().to_string();
        let mut command = vec!["import", format, "shop", &path, "--zone", zone, "--json"];
        if format != "osm" {
            command.extend(["--currency", "EUR"]);
        }
        let told = other.run(&command);
        let mut told: Json = told.json_lines().pop().unwrap();
        told["topic"] = done["summary"]["topic"].clone();
        let mut summary = done["summary"].clone();
        if let Some(summary) = summary.as_object_mut() {
            summary.remove("refused_more");
        }
        assert_eq!(summary, told, "{file}");
    }
    // the same rows, by the same entries
    let rows = |desk: &Desk, view: &str| {
        let rows = desk.ok(&["view", "list", "shop", view, "--json", "--limit", "1000"]);
        let columns = rows.json_lines().into_iter().map(|mut row| {
            row["columns"]["revision"] = Json::Null;
            (row["key"].clone(), row["columns"].clone())
        });
        columns.collect::<Vec<_>>()
    };
    for view in ["items", "places"] {
        assert_eq!(rows(&desk, view), rows(&other, view), "{view}");
    }

    // what is wrong is told, and nothing is left behind
    let refused = web.ask("POST", "/imports?topic=shop&name=photo.png", &[], b"x");
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("usage"))
    );
    let refused = web.ask("POST", "/imports?topic=none&name=a.csv", &[], b"x");
    assert_eq!(refused.status, 404);
    let broken = web.ask(
        "POST",
        "/imports?topic=shop&name=a.osm.pbf",
        &[],
        b"nonsense",
    );
    let broken = ended(&web, &broken.json());
    assert_eq!(broken["stage"], "failed");
    assert!(
        broken["problem"]["title"]
            .as_str()
            .unwrap()
            .contains("a.osm.pbf")
    );
    assert!(
        !broken["problem"].to_string().contains("run/imports"),
        "{broken}"
    );
    let strange = json!({ "action": "explode" });
    let path = format!("/imports/{}", broken["import"].as_str().unwrap());
    assert_eq!(web.post(&path, &strange.to_string()).status, 400);
    web.done(&path, &json!({ "action": "forget" }));
    assert_eq!(web.get(&path).status, 404);
    let kept = std::fs::read_dir(desk.home.join("run/imports"))
        .unwrap()
        .count();
    assert_eq!(
        kept,
        web.ok("/imports")["imports"].as_array().unwrap().len()
    );
    up.stop();
}

#[test]
fn an_import_lets_others_in_and_ends_when_told() {
    let desk = Desk::new("counter");
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    let (up, web) = up(&desk, &[]);
    let mut csv = String::from("item,title,price,currency\n");
    for number in 0..6_000 {
        csv.push_str(&format!("item-{number},Item {number},1.00,EUR\n"));
    }
    let path = "/imports?topic=shop&name=many.csv";
    let job = web.ask("POST", path, &[], csv.as_bytes()).json();
    let looked = ended(&web, &job);
    assert_eq!(looked["events"], 6_000);
    let path = format!("/imports/{}", job["import"].as_str().unwrap());
    web.done(&path, &json!({ "action": "run" }));
    soon(
        || web.ok(&path),
        |job| job["entries"] != 0 || job["stage"] != "writing",
    );
    // others are answered meanwhile
    assert!(web.ok("/topics")["topics"][0]["entries"].as_u64().unwrap() > 0);
    let busy = web.post(&path, &json!({ "action": "run" }).to_string());
    if busy.status != 409 {
        // it was over, and began again: nothing is left to write
        assert_eq!(ended(&web, &job)["summary"]["skipped"], 6_000);
    }
    web.done(&path, &json!({ "action": "cancel" }));
    let stopped = ended(&web, &job);
    println!("told to cancel, the import was {}", stopped["stage"]);
    // begun again it writes the rest, and nothing twice
    web.done(&path, &json!({ "action": "run" }));
    let done = ended(&web, &job);
    assert_eq!(done["stage"], "done", "{done}");
    let summary = &done["summary"];
    let [wrote, skipped] = ["written", "skipped"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(wrote + skipped, 6_000);
    let last = web.ok("/topics/shop/rows/items/item/item-5999");
    assert_eq!(last["rows"][0]["columns"]["title"], "Item 5999");
    up.stop();
}

/// A provider with an order that waits for an answer, and who runs it.
fn ordered(desk: &Desk, client: &Desk, name: &str) {
    let file = desk
        .root
        .join(format!("{name}.synlog"))
        .display()
        .to_string();
    client.ok(&["bundle", "write", &file, "--identity"]);
    desk.ok(&["bundle", "read", &file]);
    let entity = client.ok(&["whoami", "--json"]).json()["entity"].clone();
    let member = format!("{}=client", entity.as_str().unwrap());
    desk.ok(&[
        "topic", "new", name, "--app", "relation", "--member", &member,
    ]);
    desk.ok(&["bundle", "write", &file, name]);
    client.ok(&["bundle", "read", &file]);
    let space = "ab".repeat(32);
    let line = format!("space={space},item=bread,revision={space},quantity=2,title=Bread");
    client.ok(&["order", "request", name, "--line", &line]);
    client.ok(&["bundle", "write", &file, name]);
    desk.ok(&["bundle", "read", &file]);
}

#[test]
fn a_program_hears_once_of_what_needs_an_answer() {
    let (desk, client) = (Desk::new("counter"), Desk::new("phone"));
    let told = desk.root.join("told");
    let notify = format!("tee -a {}", told.display());
    let (up, web) = up(&desk, &["--notify", &notify]);
    assert_eq!(web.ok("/waiting")["waiting"], json!([]));
    ordered(&desk, &client, "orders");
    let read = || std::fs::read_to_string(&told).unwrap_or_default();
    let text = soon(read, |text| text.ends_with('\n'));
    let message: Json = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(message["event"], "needs_answer");
    assert_eq!(
        (&message["what"], &message["state"]),
        (&json!("order"), &json!("requested"))
    );
    assert_eq!(message["name"], "orders");
    let waiting = web.ok("/waiting")["waiting"].clone();
    assert_eq!(waiting[0]["id"], message["id"]);
    up.stop();
    // not again after a new start; what was answered is forgotten
    let (up, web) = self::up(&desk, &["--notify", &notify]);
    let body = json!({ "body": { "order": message["id"] } });
    web.done("/topics/orders/events/order.decline", &body);
    soon(
        || web.ok("/waiting")["waiting"].clone(),
        |all| *all == json!([]),
    );
    ordered(&desk, &client, "more");
    let text = soon(read, |text| text.lines().count() == 2);
    let second: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(second["name"], "more");
    up.stop();
}

#[test]
fn an_address_hears_of_what_needs_an_answer() {
    let (desk, client) = (Desk::new("counter"), Desk::new("phone"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let (up, _web) = up(&desk, &["--notify", &address]);
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut text, mut piece) = (String::new(), [0; 4096]);
        while !text.contains("\"pages\"") {
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0);
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            .unwrap();
        text
    });
    ordered(&desk, &client, "orders");
    let text = heard.join().unwrap();
    assert!(text.starts_with("POST /hook HTTP/1.1"), "{text}");
    let body: Json = serde_json::from_str(text.rsplit("\r\n\r\n").next().unwrap()).unwrap();
    assert_eq!(body["what"], "order");
    up.stop();
    assert_eq!(desk.run(&["up", "--notify", ""]).code, Some(2));
}
