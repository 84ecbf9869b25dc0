//! More of the local API of a running node: pages of entries, what the page of an app may
//! have, and places in streams.

use serde_json::{Value as Json, json};

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_client::Web;

/// A node, offline; who is logged in.
fn counter() -> (Desk, Up, Web) {
    let desk = Desk::new("counter");
    let up = Up::start(&desk, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    (desk, up, web)
}

/// All entries that one finds who goes on as `next` says, and how many pages that took.
fn paged(web: &Web, path: &str, by: &str) -> (Vec<Json>, usize) {
    let (mut found, mut pages, mut on) = (Vec::new(), 0, String::new());
    loop {
        let told = web.ok(&format!("{path}{on}"));
        let entries = told["entries"].as_array().unwrap().clone();
        match by {
            "before" => found.splice(0..0, entries).for_each(drop),
            _ => found.extend(entries),
        }
        pages += 1;
        match told["next"].as_str() {
            Some(next) => on = format!("&{by}={next}"),
            None => return (found, pages),
        }
    }
}

#[test]
fn entries_of_a_kind_are_found_behind_many_others() {
    let (desk, up, web) = counter();
    desk.ok(&["topic", "new", "diary", "--app", "diary"]);
    let line = |kind: &str, n: usize| format!("{}\n", json!({ "kind": kind, "body": { "n": n } }));
    let lines: String = (0..2_050)
        .map(|n| line("note.often", n))
        .chain((0..3).map(|n| line("note.rare", n)))
        .collect();
    let file = desk.path("lines");
    std::fs::write(&file, lines).unwrap();
    desk.ok(&["import", "jsonl", "--topic", "diary", &file]);

    let path = "/topics/diary/entries";
    let numbers = |entries: &[Json]| -> Vec<u64> {
        let all = entries.iter().map(|it| it["body"]["n"].as_u64().unwrap());
        all.collect()
    };
    let (rare, pages) = paged(&web, &format!("{path}?kind=note.rare"), "after");
    assert_eq!((numbers(&rare), pages), (vec![0, 1, 2], 2));
    let (rare, pages) = paged(&web, &format!("{path}?kind=note.rare&limit=1"), "after");
    assert_eq!((numbers(&rare), pages), (vec![0, 1, 2], 4));
    let (often, _) = paged(&web, &format!("{path}?kind=note.often&limit=999"), "after");
    assert_eq!(numbers(&often), (0..2_050).collect::<Vec<_>>());
    // there and back the same, of all kinds
    let (there, _) = paged(&web, &format!("{path}?limit=700"), "after");
    let (back, _) = paged(&web, &format!("{path}?limit=700&last=true"), "before");
    assert!(there == back && there.len() > 2_053, "{}", there.len());

    // each way its own word
    let id = rare[0]["id"].as_str().unwrap();
    for query in [format!("after={id}&last=true"), format!("before={id}")] {
        assert_eq!(web.get(&format!("{path}?{query}")).status, 400, "{query}");
    }
    let unknown = format!("{path}?after={}", "00".repeat(32));
    assert_eq!(web.get(&unknown).status, 404);
    up.stop();
}

#[test]
fn the_page_of_an_app_writes_and_sees_what_the_app_names() {
    let (_desk, up, web) = counter();
    for (name, app) in [("hall", "tally"), ("shop", "space"), ("aino", "relation")] {
        web.done("/topics", &json!({ "name": name, "app": app }));
    }
    let as_app = |app: &str, method: &str, path: &str, body: &Json| {
        let headers = [("Synlog-UI", app)];
        web.ask(method, path, &headers, body.to_string().as_bytes())
    };
    let open = "/topics/hall/events/tally.open";
    let count = || web.ok("/entries")["entries"].as_array().unwrap().len();
    let before = count();
    for dry_run in [true, false] {
        let hidden = json!({
            "body": { "title": "Hours" }, "erasable": { "pay": "all" }, "dry_run": dry_run,
        });
        let told = as_app("tally", "POST", open, &hidden);
        assert_eq!(
            (told.status, &told.json()["code"]),
            (403, &json!("not_allowed"))
        );
    }
    assert_eq!(count(), before);
    let told = as_app(
        "tally",
        "POST",
        open,
        &json!({ "body": { "title": "Hours" } }),
    );
    assert_eq!((told.status, count()), (200, before + 1));

    // pictures that a topic of the app names, and no other file
    let picture = |more: u8| [&b"\x89PNG\r\n\x1a\n"[..], &[more; 500]].concat();
    let keep = |topic: &str, bytes: &[u8]| {
        let path = format!("/blobs?topic={topic}");
        web.ask("POST", &path, &[], bytes).json()
    };
    let say = |kept: &Json| {
        let said = json!({ "body": { "text": "see", "picture": kept["reference"] } });
        web.done("/topics/aino/events/message.post", &said);
    };
    let [said, unsaid, elsewhere] = [
        keep("aino", &picture(1)),
        keep("aino", &picture(2)),
        keep("shop", &picture(3)),
    ];
    let text = keep("aino", b"no picture at all");
    say(&said);
    say(&text);
    for (kept, status) in [
        (&said, 200),
        (&unsaid, 403),
        (&elsewhere, 403),
        (&text, 403),
    ] {
        let path = format!("/blobs/{}", kept["blob"].as_str().unwrap());
        let told = as_app("relation", "GET", &path, &Json::Null);
        assert_eq!(told.status, status, "{kept}");
        assert_eq!(as_app("tally", "GET", &path, &Json::Null).status, 403);
        assert_eq!(web.get(&path).status, 200);
    }
    up.stop();
}

#[test]
fn a_place_in_a_stream_is_of_its_store() {
    let (desk, up, web) = counter();
    desk.ok(&["topic", "new", "diary", "--app", "diary"]);
    let first = |last: &str| {
        let told = web.watch("/stream", Some(last)).next().unwrap();
        (told.event, told.id)
    };
    let (greeting, id) = first("1");
    let (at, mark) = id.split_once('-').unwrap();
    assert_eq!((&greeting[..], at), ("hello", "1"));
    // one that may be told to anybody
    assert!(mark.len() == 16 && mark.bytes().all(|it| it.is_ascii_hexdigit()));
    assert_eq!(first(&id), ("hello".to_owned(), id.clone()));
    // another store was as long once; what came behind that place is not what comes here
    let (told, now) = first("1-00112233445566ff");
    assert_eq!(told, "reset");
    assert!(now.ends_with(mark) && now != id);
    up.stop();

    // the same store is known again
    let up = Up::start(&desk, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    let told = web.watch("/stream", Some(&id)).next().unwrap();
    assert_eq!((told.event, told.id), ("hello".to_owned(), id));
    up.stop();
}
