//! The local API of a running node, as programs and pages use it.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_client::Web;

/// A node with a space, offline; who is logged in.
fn shop() -> (Desk, Up, Web) {
    let desk = Desk::new("counter");
    let up = Up::start(&desk, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    let topic = web.done("/topics", &json!({ "name": "shop", "app": "space" }));
    assert_eq!(topic["name"], "shop");
    let create = json!({ "body": { "name": "Kallion leipä", "currency": "EUR", "zone": "Europe/Helsinki" } });
    web.done("/topics/shop/events/space.create", &create);
    (desk, up, web)
}

fn bread(price: i64) -> Json {
    json!({ "body": {
        "item": "bread", "schema": "goods/1", "title": "Rye <b>bread</b>", "stock": 5,
        "price": { "kind": "fixed", "currency": "EUR", "min": price },
    } })
}

#[test]
fn the_api_does_what_commands_do() {
    let (desk, up, web) = shop();
    let put = web.done("/topics/shop/events/item.put", &bread(450));
    assert_eq!(
        (&put["status"], &put["verdict"]),
        (&json!("sequenced"), &json!("accepted"))
    );
    // by the words of its command, too
    let stock = json!({ "body": { "item": "bread", "delta": 3 } });
    web.done("/topics/shop/events/item-stock", &stock);

    // the same rows as on the command line
    let rows = web.ok("/topics/shop/views/items");
    let listed = desk
        .ok(&["view", "list", "shop", "items", "--json"])
        .json_lines();
    assert_eq!(rows["rows"].as_array().unwrap(), &listed);
    assert_eq!(rows["rows"][0]["columns"]["stock"], 8);
    assert_eq!(web.ok("/apps/space/views/items")["rows"], rows["rows"]);
    assert_eq!(
        web.ok("/topics/shop/rows/items/item/bread")["rows"],
        rows["rows"]
    );
    let revision = put["id"].as_str().unwrap();
    let found = web.ok(&format!(
        "/topics/shop/views/revisions?index=by_revision&equal={revision}"
    ));
    assert_eq!(found["rows"][0]["columns"]["title"], "Rye <b>bread</b>");
    assert_eq!(web.get("/topics/shop/rows/items/item/cake").status, 404);

    // pages
    for number in 0..5 {
        let mut body = bread(100 + number);
        body["body"]["item"] = json!(format!("roll-{number}"));
        web.done("/topics/shop/events/item.put", &body);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = web.ok(&format!(
            "/topics/shop/views/items?limit=2&prefix=item/{after}"
        ));
        let keys = page["rows"].as_array().unwrap().iter();
        seen.extend(keys.map(|row| row["key"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted());

    // entries, the same as tail tells them
    let entries = web.ok("/entries?topic=shop");
    let tail = desk.ok(&["tail", "shop", "--json"]).json_lines();
    assert_eq!(entries["entries"].as_array().unwrap(), &tail);
    let cursor = tail[2]["cursor"].as_u64().unwrap();
    let rest = web.ok(&format!("/entries?topic=shop&after={cursor}&limit=2"));
    assert_eq!(rest["entries"].as_array().unwrap(), &tail[3..5]);
    let last = web.ok("/entries?topic=shop&last=true&limit=2");
    assert_eq!(last["entries"].as_array().unwrap(), &tail[tail.len() - 2..]);
    assert_eq!(
        web.ok("/topics/shop/entries")["entries"]
            .as_array()
            .unwrap()
            .len(),
        tail.len()
    );
    assert_eq!(web.ok(&format!("/entries/{revision}"))["kind"], "item.put");
    let explained = web.ok("/topics/shop/explain/item/bread");
    assert_eq!(explained["entries"].as_array().unwrap().len(), 2);
    let audit = web.ok("/topics/shop/audit");
    assert_eq!(audit["events"].as_array().unwrap().len(), tail.len());

    // and all the rest, with the JSON of the commands
    for (path, command) in [
        ("/whoami", &["whoami", "--json"][..]),
        ("/topics", &["topic", "list", "--json"]),
        ("/topics/shop", &["topic", "show", "shop", "--json"]),
        ("/apps", &["app", "list", "--json"]),
        ("/devices", &["device", "list", "--json"]),
        ("/follows", &["follow", "--json"]),
        ("/blobs", &["blob", "list", "--json"]),
    ] {
        assert_eq!(web.ok(path), desk.ok(command).json(), "{path}");
    }
    assert_eq!(web.ok("/peers")["running"], true);
    assert_eq!(web.ok("/doctor")["ok"], true);
    let manifest = web.ok("/topics/shop/manifest");
    let events = manifest["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["command"] == "item put"));
    let document = web.ok("/openapi.json");
    assert!(document["paths"]["/api/v1/topics/{topic}/events/{command}"]["post"].is_object());
    up.stop();
}

#[test]
fn refusals_tell_code_and_hint() {
    let (desk, up, web) = shop();
    let path = "/topics/shop/events/item.state";
    let unknown = json!({ "body": { "item": "cake", "state": "paused" } });
    let refused = web.post(path, &unknown.to_string());
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    let problem = refused.json();
    let told = desk.run(&[
        "item", "state", "shop", "cake", "--state", "paused", "--json",
    ]);
    let told: Json = serde_json::from_str(told.err.trim()).unwrap();
    assert_eq!(problem["code"], told["error"]["code"]);
    assert_eq!(problem["title"], told["error"]["message"]);
    assert_eq!(problem["hint"], told["error"]["hint"]);
    assert!(problem["rule"].is_string());

    // nothing was written; what would be is told without writing
    let before = web.ok("/entries")["entries"].as_array().unwrap().len();
    let mut dry = unknown.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(web.done(path, &dry)["verdict"], problem["rule"]);
    let mut sure = bread(1);
    sure["dry_run"] = json!(true);
    assert_eq!(
        web.done("/topics/shop/events/item.put", &sure)["verdict"],
        "accepted"
    );
    assert_eq!(
        web.ok("/entries")["entries"].as_array().unwrap().len(),
        before
    );

    let half = json!({ "body": {}, "dry_run": true });
    assert_eq!(
        web.done("/topics/shop/events/item.put", &half)["verdict"],
        "incomplete"
    );

    // with force it is written, and shown as rejected
    let mut forced = unknown;
    forced["force"] = json!(true);
    assert_eq!(web.done(path, &forced)["rejected"], problem["rule"]);

    let cases: &[(&str, Json, u16, &str)] = &[
        ("/topics/none/events/item.put", bread(1), 404, "bad_name"),
        ("/topics/shop/events/no-such-thing", json!({}), 400, "usage"),
        (
            "/topics/shop/events/item.put",
            json!({ "body": {} }),
            400,
            "usage",
        ),
        (
            "/topics/shop/events/item.put",
            json!({ "body": { "item": 1.5 } }),
            400,
            "usage",
        ),
        ("/topics", json!({ "name": "x", "app": "" }), 400, "usage"),
    ];
    for (path, body, status, code) in cases {
        let answer = web.post(path, &body.to_string());
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, *status, "{path}: {text}");
        assert_eq!(answer.json()["code"], *code, "{path}: {text}");
    }
    // what is said is never an option of a command, and names no file
    for path in [
        "/topics/--help",
        "/topics/--home=x/audit",
        "/entries/--version",
    ] {
        let answer = web.get(path);
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    let mut file = bread(1);
    file["body"]["images"] = json!(["@/etc/hostname"]);
    let answer = web.post("/topics/shop/events/item.put", &file.to_string());
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &json!("usage"))
    );
    up.stop();
}

#[test]
fn only_who_may_is_let_in() {
    let (desk, up, web) = shop();
    let url = up.ready["web"]["url"].as_str().unwrap().to_owned();
    let nobody = Web::at(&url);
    assert_eq!(nobody.get("/topics").status, 401);
    let used = up.ready["web"]["login"].as_str().unwrap();
    let token = used.split_once("#login=").unwrap().1;
    let again = nobody.post("/login", &format!("{{\"token\":\"{token}\"}}"));
    assert_eq!(
        (again.status, &again.json()["code"]),
        (401, &json!("wrong_login"))
    );
    let evil = web.ask("GET", "/topics", &[("Host", "evil.example")], b"");
    assert_eq!(
        (evil.status, &evil.json()["code"]),
        (403, &json!("wrong_host"))
    );
    let body = bread(1).to_string();
    let foreign = [("Origin", "http://evil.example")];
    let foreign = web.ask(
        "POST",
        "/topics/shop/events/item.put",
        &foreign,
        body.as_bytes(),
    );
    assert_eq!(
        (foreign.status, &foreign.json()["code"]),
        (403, &json!("foreign_origin"))
    );

    // programs
    let reader = desk.ok(&["token", "new", "reader"]).word();
    let writer = desk.ok(&["token", "new", "till", "--write"]).word();
    let (reader, writer) = (web.with_token(&reader), web.with_token(&writer));
    assert_eq!(reader.ok("/session")["scope"], "read");
    assert_eq!(
        reader.post("/topics/shop/events/item.put", &body).status,
        403
    );
    writer.done("/topics/shop/events/item.put", &bread(1));
    let listed = desk.ok(&["token", "list", "--json"]).json();
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 2);
    assert_eq!(web.ok("/tokens"), listed);
    let kept = std::fs::read_to_string(desk.home.join("tokens.json")).unwrap();
    assert!(!kept.contains(&reader.token));
    desk.ok(&["token", "revoke", "reader"]);
    assert_eq!(reader.get("/session").status, 401);
    assert_eq!(desk.run(&["token", "revoke", "reader"]).code, Some(1));

    // a new link for another browser; who leaves is out
    let other = Web::login(&desk.ok(&["web"]).word());
    assert_eq!(other.ok("/session")["scope"], "owner");
    assert_eq!(other.post("/logout", "").status, 200);
    assert_eq!(other.get("/session").status, 401);
    assert_eq!(web.ok("/session")["scope"], "owner");

    // who was in is in the next time, at the same port; who left is not
    up.stop();
    let kept = std::fs::read_to_string(desk.home.join("sessions.json")).unwrap();
    assert!(!kept.contains(web.session()), "{kept}");
    let up = Up::start(&desk, &["--offline"]);
    assert_eq!(up.ready["web"]["url"], url);
    assert_eq!(web.ok("/session")["scope"], "owner");
    assert_eq!(other.get("/session").status, 401);
    assert_eq!(writer.ok("/session")["scope"], "write");

    // all are logged out: by a browser, by a command, where no node runs; never by a program
    let everywhere = r#"{"everywhere":true}"#;
    assert_eq!(writer.post("/logout", everywhere).status, 403);
    let other = Web::login(&desk.ok(&["web"]).word());
    assert_eq!(other.post("/logout", everywhere).status, 200);
    assert_eq!(web.get("/session").status, 401);
    let unused = desk.ok(&["web"]).word();
    let web = Web::login(&desk.ok(&["web"]).word());
    assert_eq!(desk.ok(&["web", "--log-out"]).out, "1 browser logged out\n");
    assert_eq!(web.get("/session").status, 401);
    let (_, token) = unused.split_once("#login=").unwrap();
    let late = web.post("/login", &format!("{{\"token\":\"{token}\"}}"));
    assert_eq!(late.status, 401);
    let web = Web::login(&desk.ok(&["web"]).word());
    up.stop();
    let ended = desk.ok(&["web", "--log-out", "--json"]).json();
    assert_eq!(ended["logged_out"], 1);
    let up = Up::start(&desk, &["--offline"]);
    assert_eq!(web.get("/session").status, 401);
    up.stop();

    // who can't be written down is let in; who leaves is told that it will not last
    std::fs::remove_file(desk.home.join("sessions.json")).unwrap();
    std::fs::create_dir_all(desk.home.join("sessions.json/in the way")).unwrap();
    let up = Up::start(&desk, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    assert_eq!(web.ok("/session")["scope"], "owner");
    assert_eq!(web.post("/logout", "{}").status, 500);
    up.stop();
}

#[test]
fn the_pages_can_be_left_out_and_are_for_this_machine_alone() {
    let desk = Desk::new("counter");
    let refused = desk.run(&["up", "--offline", "--web", "0.0.0.0:0", "--json"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("other machines"), "{}", refused.err);
    let told = desk.run(&["web", "--json"]);
    assert!(told.err.contains("no_web"), "{}", told.err);
    let up = Up::start(&desk, &["--offline", "--no-web"]);
    assert_eq!(up.ready["web"], Json::Null);
    assert!(desk.run(&["web", "--json"]).err.contains("no_web"));
    up.stop();
    // a port that is taken
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = desk.run(&["up", "--offline", "--web", &address, "--json"]);
    assert_eq!(refused.code, Some(6), "{}", refused.err);
}

#[test]
fn a_stream_survives_a_restart_of_the_node() {
    let (desk, up, web) = shop();
    let mut stream = web.watch("/stream?topic=shop", None);
    let hello = stream.next().unwrap();
    assert_eq!(hello.event, "hello");
    let (mut last, mut entries, mut keys) = (hello.id, Vec::new(), Vec::new());
    let mut written = Vec::new();
    let mut write = |desk: &Desk, name: &str| {
        let put = desk.ok(&[
            "item",
            "put",
            "shop",
            name,
            "--title",
            name,
            "--schema",
            "goods/1",
            "--price-kind",
            "fixed",
            "--price-currency",
            "EUR",
            "--price-min",
            "100",
            "--json",
        ]);
        written.push(put.json()["id"].as_str().unwrap().to_owned());
    };
    let mut take = |stream: &mut dyn Iterator<Item = crate::web_client::Told>,
                    last: &mut String,
                    until: (usize, usize)| {
        while entries.len() < until.0 || keys.len() < until.1 {
            let told = stream.next().expect("an event");
            match &told.event[..] {
                "entry" => entries.push(told.data["id"].as_str().unwrap().to_owned()),
                "rows" => {
                    let changes = told.data["changes"].as_array().unwrap().iter();
                    keys.extend(changes.map(|change| change["key"].as_str().unwrap().to_owned()));
                }
                "hello" => {}
                other => panic!("{other}: {}", told.data),
            }
            *last = told.id;
        }
        (entries.clone(), keys.clone())
    };
    write(&desk, "a");
    // rows may come in fewer events than entries: each key once, as it is then
    let begun = Instant::now();
    take(&mut stream, &mut last, (1, 1));
    assert!(begun.elapsed() < Duration::from_secs(20));
    drop(stream);
    write(&desk, "b");
    let mut stream = web.watch("/stream?topic=shop", Some(&last));
    write(&desk, "c");
    take(&mut stream, &mut last, (3, 3));
    // written while no node runs
    up.stop();
    assert!(stream.all(|told| told.event != "problem"));
    write(&desk, "d");
    let up = Up::start(&desk, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    let mut stream = web.watch("/stream?topic=shop", Some(&last));
    write(&desk, "e");
    let (entries, keys) = take(&mut stream, &mut last, (5, 5));
    assert_eq!(entries, written);
    assert_eq!(keys, ["item/a", "item/b", "item/c", "item/d", "item/e"]);
    // from the beginning, all of it once
    let all = web.ok("/entries?topic=shop")["entries"]
        .as_array()
        .unwrap()
        .len();
    let told = web.watch("/stream?topic=shop&from=0", None);
    let told = told
        .filter(|told| told.event == "entry")
        .take(all)
        .collect::<Vec<_>>();
    assert_eq!(told.len(), all);
    up.stop();
}

#[test]
fn a_stream_ends_with_what_opened_it() {
    let (desk, up, web) = shop();
    let token = desk.ok(&["token", "new", "screen", "--json"]).json();
    let program = web.with_token(token["token"].as_str().unwrap());
    let mut streams = [&program, &web].map(|who| who.watch("/stream?topic=shop", None));
    for stream in &mut streams {
        assert_eq!(stream.next().unwrap().event, "hello");
    }
    desk.ok(&["token", "revoke", "screen"]);
    web.done("/topics/shop/events/item.put", &bread(450));
    let [revoked, open] = &mut streams;
    assert!(revoked.next().is_none());
    assert!(open.next().is_some());
    web.done("/logout", &json!({}));
    let bag = ["item", "put", "shop", "bag", "--title", "Bag"];
    let price = [
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "10",
    ];
    desk.ok(&[&bag[..], &price, &["--schema", "goods/1"]].concat());
    // what was on its way may still come
    assert!(open.take(100).count() < 100);
    up.stop();
}

#[test]
fn a_key_that_opens_nothing_hides_no_picture() {
    let (_desk, up, web) = shop();
    let picture = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 5_000]].concat();
    let kept = web.ask("POST", "/blobs?topic=shop", &[], &picture).json();
    let path = format!("/blobs/{}", kept["blob"].as_str().unwrap());
    let mut lie = bread(450);
    lie["force"] = json!(true);
    lie["body"]["images"] = json!([{
        "blob": { "$hex": kept["blob"] },
        "size": picture.len(),
        "type": "image/png",
        "key": { "$hex": "09".repeat(32) },
    }]);
    web.done("/topics/shop/events/item.put", &lie);
    let told = web.get(&path);
    assert_eq!((told.status, told.body), (200, picture));
    up.stop();
}

#[test]
fn blobs_are_kept_and_given_in_parts() {
    let (_desk, up, web) = shop();
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.extend((0..100_000_u32).map(|byte| byte as u8));
    let kept = web.ask("POST", "/blobs?topic=shop", &[], &picture).json();
    assert_eq!(kept["type"], "image/png");
    let mut body = bread(450);
    body["body"]["images"] = json!([kept["reference"]]);
    web.done("/topics/shop/events/item.put", &body);
    let path = format!("/blobs/{}", kept["blob"].as_str().unwrap());
    let whole = web.get(&path);
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, Some("image/png"))
    );
    assert_eq!(whole.body, picture);
    let part = web.ask("GET", &path, &[("Range", "bytes=65530-65545")], b"");
    assert_eq!(part.status, 206);
    assert_eq!(part.body, picture[65_530..65_546]);
    // what could bring scripts along is only ever saved
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let kept = web.ask("POST", "/blobs", &[], svg).json();
    let saved = web.get(&format!("/blobs/{}", kept["blob"].as_str().unwrap()));
    assert_eq!(
        saved.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(saved.header("content-disposition"), Some("attachment"));
    assert!(
        saved
            .header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(web.get("/blobs/00").status, 404);

    // of a private topic they lie sealed, and come open
    web.done("/topics", &json!({ "name": "with", "app": "relation" }));
    let kept = web.ask("POST", "/blobs?topic=with", &[], &picture).json();
    assert!(kept["key"].is_string());
    let named = json!({ "body": { "text": "see", "picture": kept["reference"] } });
    web.done("/topics/with/events/message.post", &named);
    let path = format!("/blobs/{}", kept["blob"].as_str().unwrap());
    assert_eq!(web.get(&path).body, picture);
    let part = web.ask("GET", &path, &[("Range", "bytes=-7")], b"");
    assert_eq!(part.body, picture[picture.len() - 7..]);
    up.stop();
}
