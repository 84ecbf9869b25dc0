//! The guests' door of a real node: who gets what, and who is sent away with which word.

use serde_json::{Value as Json, json};
use synlog_log::bundle::RecordKind;
use synlog_log::cbor::Value;
use synlog_log::ids::TopicId;
use synlog_log::scenario::Person;

use crate::guest::{Guest, bundle, door};
use crate::guest_order::{Shop, picture, request, shop};
use crate::net_daemon::Up;
use crate::web_client::{Answer, Web};

fn told(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, code)
}

fn is(answer: &Answer, status: u16, code: &str) {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(told(answer), (status, code.to_owned()), "{text}");
}

/// A guest with a relation.
fn guest(shop: &Shop, seed: u8) -> (Guest, TopicId) {
    let mut guest = Guest::new(seed, "Mari", &shop.url);
    guest.log_in();
    let topic = guest.found(&shop.space);
    guest.pull(&topic);
    (guest, topic)
}

#[test]
fn everybody_sees_what_is_offered_and_nothing_else() {
    let shop = shop(&[]);
    let web = door(&shop.url);
    let path = format!("/spaces/{}", shop.space);
    let rows = web.ok(&format!("{path}/views/items?limit=1"));
    assert_eq!(rows["rows"][0]["columns"]["title"], "Rye bread");
    let own = shop.owner.ok("/topics/shop/views/items?limit=1");
    assert_eq!(rows, own, "the same rows as the owner's");
    let row = web.ok(&format!("{path}/rows/items/item/bread"));
    assert_eq!(row["rows"], rows["rows"]);
    assert_eq!(web.ok(&format!("{path}/manifest"))["app"], "space");
    let image = web.get(&format!("/blobs/{}", shop.image));
    assert_eq!((image.status, &image.body), (200, &picture()));
    assert_eq!(image.header("content-type"), Some("image/png"));
    let range = [("Range", "bytes=8-11")];
    let part = web.ask("GET", &format!("/blobs/{}", shop.image), &range, b"");
    assert_eq!((part.status, &part.body[..]), (206, &[7; 4][..]));

    // the module of the relation's rules, for ever
    let apps = shop.owner.ok("/apps");
    let mut apps = apps["apps"].as_array().unwrap().iter();
    let relation = apps.find(|app| app["app"] == "relation").unwrap();
    let hash = relation["hash"].as_str().unwrap();
    let module = web.get(&format!("/reducers/{hash}"));
    assert_eq!(module.header("content-type"), Some("application/wasm"));
    assert!(
        module
            .header("cache-control")
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(blake3::hash(&module.body).to_hex().as_str(), hash);

    // a blob that no space names, a picture of a private topic, what is no picture
    let (guest, topic) = guest(&shop, 31);
    let of_topic = topic.to_string();
    let other = [&picture()[..], b"other"].concat();
    let kept = |path: &str, bytes: &[u8]| {
        let kept = shop.owner.ask("POST", path, &[], bytes).json();
        kept["blob"].as_str().unwrap().to_owned()
    };
    let loose = kept("/blobs", &other);
    let sealed = kept(&format!("/blobs?topic={of_topic}"), &picture());
    let text = kept("/blobs?topic=shop", b"<svg onload=alert(1)>");
    let (path_of, zeros) = (|hash: &str| format!("/blobs/{hash}"), "00".repeat(32));
    let secret = shop
        .desk
        .ok(&["topic", "new", "plans", "--app", "space", "--private"])
        .word();
    let cases = [
        path_of(&loose),
        path_of(&sealed),
        path_of(&text),
        path_of(&zeros),
        path_of("zz"),
        path_of(&shop.image[..10]),
        format!("/reducers/{zeros}"),
        "/spaces/shop/views/items".to_owned(),
        format!("/spaces/{}/views/items", &shop.space[..10]),
        format!("/spaces/{secret}/views/items"),
        format!("/spaces/{secret}/manifest"),
        format!("/spaces/{of_topic}/views/orders"),
        format!("/spaces/{of_topic}/rows/orders/order"),
        format!("/spaces/{of_topic}/manifest"),
    ];
    for path in &cases {
        is(&web.get(path), 404, "not_here");
        is(&guest.web.get(path), 404, "not_here");
    }
    is(&web.get(&format!("{path}/views/none")), 400, "usage");
    is(
        &web.get(&format!("{path}/views/items?evil=1")),
        400,
        "usage",
    );
    is(
        &web.get(&format!("{path}/rows/items/item/cake")),
        404,
        "findings",
    );
    shop.up.stop();
}

#[test]
fn only_requests_of_its_own_pages_are_heard() {
    let shop = shop(&["--guests-name", "shop.example"]);
    let web = door(&shop.url);
    let get = |headers: &[(&str, &str)]| told(&web.ask("GET", "/here", headers, b""));
    let post = |headers: &[(&str, &str)]| told(&web.ask("POST", "/challenge", headers, b""));
    let ok = (200, String::new());
    let wrong_host = (403, "wrong_host".to_owned());
    let foreign = (403, "foreign_origin".to_owned());
    let port = shop.url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    assert_eq!(get(&[]), ok);
    assert_eq!(get(&[("Host", &format!("localhost:{port}"))]), ok);
    assert_eq!(get(&[("Host", "shop.example")]), ok);
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1",
        "localhost:1",
        "",
    ] {
        assert_eq!(get(&[("Host", host)]), wrong_host, "{host}");
        assert_eq!(post(&[("Host", host)]), wrong_host, "{host}");
    }
    let origin = format!("http://127.0.0.1:{port}");
    assert_eq!(post(&[("Origin", &origin)]), ok);
    for origin in [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost",
    ] {
        assert_eq!(post(&[("Origin", origin)]), foreign, "{origin}");
    }
    assert_eq!(
        post(&[("Origin", &origin), ("Sec-Fetch-Site", "cross-site")]),
        foreign
    );
    assert_eq!(get(&[("Sec-Fetch-Site", "cross-site")]), foreign);

    // headers, on answers and refusals alike; no cookies, no other origins
    for answer in [
        web.get("/here"),
        web.get("/none"),
        web.ask("OPTIONS", "/here", &[], b""),
    ] {
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(
                policy.split(';').any(|it| it.trim() == part),
                "{part}: {policy}"
            );
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            Some("same-origin")
        );
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
        assert!(answer.header("set-cookie").is_none());
        assert!(answer.header("access-control-allow-origin").is_none());
    }

    // the owner's API is not here, whatever is sent along, and this is not there
    let cookie = shop.owner.cookie.clone();
    for path in ["/whoami", "/topics", "/tokens", "/openapi.json", "/login"] {
        let here = Web {
            root: Some("/api/v1"),
            ..door(&shop.url)
        };
        is(
            &here.ask("GET", path, &[("Cookie", &cookie)], b""),
            404,
            "no_such_page",
        );
        is(&here.post(path, "{}"), 404, "no_such_page");
    }
    let there = Web {
        root: Some(crate::guest::ROOT),
        ..shop.owner.clone()
    };
    is(&there.get("/here"), 404, "no_such_page");
    is(&web.ask("POST", "/here", &[], b""), 405, "wrong_method");
    shop.up.stop();
}

#[test]
fn a_session_wants_a_signature_over_this_challenge() {
    let shop = shop(&[]);
    let mut mari = Guest::new(41, "Mari", &shop.url);
    let other = Guest::new(42, "Ove", &shop.url);
    let login = |body: &Json| mari.web.post("/session", &body.to_string());
    let fresh = || mari.challenge();

    let (challenge, node) = fresh();
    is(
        &login(&mari.login_body(&challenge, &node, false)),
        403,
        "not_certified",
    );
    is(
        &login(&mari.login_body(&challenge, &node, true)),
        403,
        "bad_challenge",
    );
    let (challenge, node) = fresh();
    let right = mari.login_body(&challenge, &node, true);
    assert_eq!(login(&right).status, 200);
    is(&login(&right), 403, "bad_challenge");
    is(
        &login(&mari.login_body(&"00".repeat(32), &node, true)),
        403,
        "bad_challenge",
    );

    let changed = |name: &str, value: Json| {
        let (challenge, node) = fresh();
        let mut body = mari.login_body(&challenge, &node, true);
        body[name] = value;
        login(&body)
    };
    is(
        &changed("signature", json!("00".repeat(64))),
        403,
        "bad_signature",
    );
    is(&changed("signature", json!("00")), 400, "usage");
    is(
        &changed("device", json!(other.device().to_string())),
        403,
        "not_certified",
    );
    is(&changed("device", json!("me")), 400, "usage");
    is(&changed("bundle", json!("!")), 400, "usage");
    is(&changed("bundle", json!("AAAA")), 422, "bad_profile");
    is(&changed("more", json!(1)), 400, "usage");
    let large = data_encoding::BASE64.encode(&vec![0; 65 << 10]);
    is(&changed("bundle", json!(large)), 413, "too_large");
    let (challenge, _) = fresh();
    let of_another_node = mari.login_body(&challenge, &[9; 32], true);
    is(&login(&of_another_node), 403, "bad_signature");
    // a bundle of somebody else's entity certifies another device
    let foreign = data_encoding::BASE64.encode(&other.introduction());
    is(&changed("bundle", json!(foreign)), 403, "not_certified");

    for (token, status) in [("", 401), ("00", 401), (&"ab".repeat(32)[..], 401)] {
        mari.web.token = token.to_owned();
        let answer = mari.wish(&shop.space);
        assert_eq!(answer.status, status);
        is(&answer, 401, "no_session");
    }
    // a program's token of the owner opens nothing here
    let token = shop
        .desk
        .ok(&["token", "new", "till", "--write", "--json"])
        .json();
    mari.web.token = token["token"].as_str().unwrap().to_owned();
    is(&mari.wish(&shop.space), 401, "no_session");
    // nothing of all this was kept
    let known = shop
        .desk
        .run(&["bundle", "write", "x.synlog", &mari.entity().to_string()]);
    assert_ne!(known.code, Some(0));
    shop.up.stop();
}

#[test]
fn a_guest_reaches_its_own_relation_alone() {
    let shop = shop(&[]);
    let (mut mari, topic) = guest(&shop, 51);
    let (mut ove, other) = guest(&shop, 52);
    assert_ne!(topic, other);
    for target in [
        other.to_string(),
        shop.space.clone(),
        "00".repeat(32),
        "x".to_owned(),
    ] {
        let path = format!("/relations/{target}");
        is(
            &mari.web.post(&format!("{path}/pull"), "{}"),
            404,
            "not_here",
        );
        is(&mari.web.post(&format!("{path}/push"), ""), 404, "not_here");
        is(&mari.web.get(&format!("{path}/stream")), 404, "not_here");
    }
    is(&mari.wish(&topic.to_string()), 404, "not_here");
    let nobody = door(&shop.url);
    let path = format!("/relations/{topic}/pull");
    is(&nobody.post(&path, "{}"), 401, "no_session");
    is(&mari.web.post(&path, "[]"), 400, "usage");
    is(
        &mari
            .web
            .post(&path, "{\"have\":[{\"feed\":{},\"height\":1}]}"),
        400,
        "usage",
    );

    // what is pushed must be its own, of its own relation
    let text = |text: &str| Value::map([("text", Value::Text(text.into()))]);
    let (_, own) = mari.write(&topic, "message.post", text("mine"));
    let (_, foreign) = ove.write(&other, "message.post", text("his"));
    is(
        &mari.push(&topic, std::slice::from_ref(&foreign)),
        403,
        "not_your_feed",
    );
    is(
        &mari.push(&topic, &[own.clone(), foreign.clone()]),
        403,
        "not_your_feed",
    );
    is(
        &ove.push(&other, std::slice::from_ref(&own)),
        403,
        "not_your_feed",
    );
    let mut forged = own.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    is(&mari.push(&topic, &[forged]), 422, "bad_signature");
    is(&mari.push_bundle(&topic, b"nonsense"), 422, "bad_bundle");
    is(
        &mari.push_bundle(&topic, &bundle(&[(RecordKind::Run, vec![1, 2, 3])])),
        422,
        "truncated",
    );
    let module = bundle(&[(RecordKind::Reducer, vec![0; 8])]);
    is(&mari.push_bundle(&topic, &module), 422, "bad_bundle");
    let stranger = Person::new(99, 1);
    let statement = stranger.log.statements().next().unwrap().encode();
    let statement = bundle(&[(RecordKind::Statement, statement)]);
    is(&mari.push_bundle(&topic, &statement), 403, "not_your_feed");
    is(
        &mari.push_bundle(&topic, &vec![0; (1 << 20) + 1]),
        413,
        "too_large",
    );
    // all that was refused left nothing; what is right is taken, once
    let answer = mari.push(&topic, std::slice::from_ref(&own));
    assert_eq!((answer.status, &answer.json()["took"]), (200, &json!(1)));
    let heights = answer.json()["heights"].clone();
    let of_own = |it: &&Json| it["author"] == mari.device().to_string();
    let own_height = heights.as_array().unwrap().iter().find(of_own).unwrap();
    assert_eq!(own_height["height"], 1);
    let again = mari.push(&topic, &[own]);
    assert_eq!((again.status, &again.json()["took"]), (200, &json!(0)));
    // two entries for one number
    let fork = {
        let mut blank = Guest::new(51, "Mari", &shop.url);
        blank.web = mari.web.clone();
        blank.pull_without_own(&topic);
        blank.write(&topic, "message.post", text("not mine")).1
    };
    is(&mari.push(&topic, &[fork]), 409, "forked");
    // an entry whose ancestor was kept back
    let (mut third, third_topic) = guest(&shop, 53);
    let (_, first) = third.write(&third_topic, "message.post", text("one"));
    let (_, second) = third.write(&third_topic, "message.post", text("two"));
    is(
        &third.push(&third_topic, std::slice::from_ref(&second)),
        409,
        "missing_ancestor",
    );
    assert_eq!(third.push(&third_topic, &[first, second]).status, 200);

    // who is shut out is out at once
    shop.desk
        .ok(&["guests", "block", &mari.entity().to_string()]);
    is(&mari.web.post(&path, "{}"), 403, "blocked");
    is(&mari.wish(&shop.space), 403, "blocked");
    let (challenge, node) = mari.challenge();
    let body = mari.login_body(&challenge, &node, true);
    is(
        &mari.web.post("/session", &body.to_string()),
        403,
        "blocked",
    );
    shop.desk
        .ok(&["guests", "unblock", &mari.entity().to_string()]);
    assert_eq!(mari.web.post(&path, "{}").status, 200);
    shop.up.stop();
}

#[test]
fn who_can_have_no_relation_leaves_nothing_behind() {
    let shop = shop(&[]);
    let mut guest = Guest::without_encryption(66, &shop.url);
    let end = || shop.owner.ok("/entries?last=true&limit=1")["cursor"].clone();
    let before = end();
    guest.log_in();
    is(&guest.wish(&shop.space), 422, "no_encryption_key");
    assert_eq!(end(), before);
    shop.up.stop();
}

#[test]
fn the_owner_may_want_to_be_asked() {
    let shop = shop(&["--guests-open", "ask"]);
    assert_eq!(door(&shop.url).ok("/here")["accepts"], "ask");
    let [mut mari, mut ove] = [61, 62].map(|seed| Guest::new(seed, "Mari <b>", &shop.url));
    let files = || shop.owner.ok("/entries?last=true&limit=1")["cursor"].clone();
    let before = files();
    for guest in [&mut mari, &mut ove] {
        guest.log_in();
        let answer = guest.wish(&shop.space);
        assert_eq!(
            (answer.status, answer.json()),
            (202, json!({ "state": "asked" }))
        );
        // who waits may look as often as it likes
        for _ in 0..30 {
            assert_eq!(guest.wish(&shop.space).status, 202);
        }
    }
    assert_eq!(files(), before, "who asks costs no disk");
    let told = shop.owner.ok("/guests");
    assert_eq!(told["asked"].as_array().unwrap().len(), 2);
    assert_eq!(told["asked"][0]["name"], "Mari b");
    assert_eq!(told["relations"], json!([]));
    let waiting = shop.owner.ok("/waiting")["waiting"].clone();
    let waiting = waiting.as_array().unwrap().iter();
    let guests: Vec<&Json> = waiting.filter(|it| it["what"] == "guest").collect();
    assert_eq!(guests.len(), 2);
    assert_eq!(guests[0]["name"], "Mari b");
    let answer = |guest: &Guest, word: &str| {
        let path = format!("/guests/{}", guest.entity());
        shop.owner
            .post(&path, &json!({ "answer": word }).to_string())
    };
    assert_eq!(answer(&mari, "accept").status, 200);
    assert_eq!(answer(&ove, "decline").status, 200);
    assert_eq!(answer(&ove, "decline").status, 404);
    assert_eq!(answer(&ove, "burn").status, 400);
    let topic = mari.found(&shop.space);
    mari.pull(&topic);
    mari.send(&topic, "order.request", request(&shop));
    is(&ove.wish(&shop.space), 403, "declined");
    // one profile is enough for anybody
    let another = mari.write_profile("Mari", 99);
    is(&mari.push(&topic, &[another]), 403, "not_your_feed");
    assert_eq!(mari.push(&topic, &[mari.profile.clone()]).status, 200);
    let told = shop.owner.ok("/guests");
    assert_eq!(told["asked"], json!([]));
    assert_eq!(told["relations"][0]["topic"], topic.to_string());
    let shown = shop.desk.ok(&["guests"]).out;
    assert!(shown.contains("Mari b"), "{shown}");

    // shut for new ones, open for the known
    shop.up.stop();
    let up = Up::start(&shop.desk, &["--offline", "--guests-open", "no"]);
    for guest in [&mut mari, &mut ove] {
        guest.log_in();
    }
    is(&ove.wish(&shop.space), 403, "not_open");
    assert_eq!(mari.found(&shop.space), topic);
    up.stop();
    let up = Up::start(&shop.desk, &["--offline", "--no-guests"]);
    assert!(up.ready["guests"].is_null());
    up.stop();
}

#[test]
fn a_link_leads_to_the_space() {
    let shop = shop(&["--offer", "all"]);
    let link = shop.desk.ok(&["guests", "link", "--json"]).json();
    let entity = shop.desk.entity();
    let url = format!("{}#space={}&entity={entity}", shop.url, shop.space);
    assert_eq!(link["url"], url);
    let told = shop.owner.done("/guests/link", &json!({ "space": "shop" }));
    assert_eq!(told, link);
    assert!(told["squares"].as_array().unwrap().len() > 20);
    shop.desk.fails(2, &["guests", "link", "nowhere"]);
    // a space that is not offered is not there for guests
    shop.desk
        .ok(&["topic", "new", "backroom", "--app", "space"]);
    shop.up.stop();
    let up = Up::start(&shop.desk, &["--offline", "--offer", "backroom"]);
    let spaces = door(&shop.url).ok("/here")["spaces"].clone();
    assert_eq!(spaces.as_array().unwrap().len(), 1);
    assert_eq!(spaces[0]["name"], "backroom");
    is(
        &door(&shop.url).get(&format!("/spaces/{}/manifest", shop.space)),
        404,
        "not_here",
    );
    up.stop();
    shop.desk
        .fails(2, &["up", "--offline", "--offer", "none-such"]);
}

#[test]
fn a_relation_is_found_again() {
    let shop = shop(&[]);
    // begun by hand, with somebody who comes as a guest later
    let mut mari = Guest::new(81, "Mari", &shop.url);
    let file = shop.desk.path("mari.synlog");
    std::fs::write(&file, mari.introduction()).unwrap();
    shop.desk.ok(&["bundle", "read", &file]);
    let member = format!("{}=client", mari.entity());
    let new = [
        "topic", "new", "mari", "--app", "relation", "--member", &member,
    ];
    let by_hand = shop.desk.ok(&new).word();
    mari.log_in();
    assert_eq!(mari.found(&shop.space).to_string(), by_hand);
    let (_, of_ove) = guest(&shop, 82);
    // the book is lost, or was not written before a power cut
    let book = shop.desk.home.join("guests.json");
    shop.up.kill();
    let text = std::fs::read_to_string(&book).unwrap();
    let mut begun: Json = serde_json::from_str(&text).unwrap();
    for relation in begun["relations"].as_array_mut().unwrap() {
        relation["topic"] = Json::Null;
    }
    let listens = ["--offline", "--guests", "127.0.0.1:0"];
    for left in [Some(begun.to_string()), None] {
        match left {
            Some(text) => std::fs::write(&book, text).unwrap(),
            None => std::fs::remove_file(&book).unwrap(),
        }
        let up = Up::start(&shop.desk, &listens);
        let url = format!(
            "http://{}/",
            up.ready["guests"]["address"].as_str().unwrap()
        );
        for (seed, topic) in [(82, of_ove.to_string()), (81, by_hand.clone())] {
            let mut again = Guest::new(seed, "Mari", &url);
            again.log_in();
            assert_eq!(again.found(&shop.space).to_string(), topic);
        }
        up.stop();
    }
    // what makes no sense is not overwritten
    std::fs::write(&book, "{}").unwrap();
    let failed = shop.desk.fails(6, &["up", "--offline"]);
    assert!(failed.err.contains("guests.json"), "{}", failed.err);
    assert_eq!(std::fs::read_to_string(&book).unwrap(), "{}");
}

#[test]
fn what_is_too_often_is_refused() {
    let shop = shop(&["--guests-limit", "hour=2", "--guests-limit", "day=3"]);
    let mut guests: Vec<Guest> = (71..74)
        .map(|seed| Guest::new(seed, "", &shop.url))
        .collect();
    for guest in &mut guests {
        guest.log_in();
    }
    assert_eq!(guests[0].wish(&shop.space).status, 200);
    assert_eq!(guests[1].wish(&shop.space).status, 200);
    let third = guests[2].wish(&shop.space);
    is(&third, 429, "too_often");
    assert!(third.header("retry-after").is_some());
    // who has one is not counted
    assert_eq!(guests[0].wish(&shop.space).status, 200);
    for _ in 0..80 {
        guests[0].web.post("/challenge", "{}");
    }
    is(&guests[0].web.post("/challenge", "{}"), 429, "too_often");
    shop.up.stop();
    // the count of a day outlives the node
    let up = Up::start(&shop.desk, &["--offline", "--guests-limit", "day=2"]);
    guests[2].log_in();
    is(&guests[2].wish(&shop.space), 429, "too_many_relations");
    up.stop();
}

#[test]
fn slow_and_many_connections_are_let_go() {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    use std::io::{Read, Write};
    let shop = shop(&[]);
    let host = shop
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let open = || std::net::TcpStream::connect(&host).unwrap();
    let ends = |mut stream: std::net::TcpStream| {
        let patience = std::time::Duration::from_secs(20);
        stream.set_read_timeout(Some(patience)).unwrap();
        // closed, with or without a last word; a timeout is one of this side
        let read = stream.read_to_end(&mut Vec::new());
        read.map_or_else(
            |error| !matches!(error.kind(), WouldBlock | TimedOut),
            |_| true,
        )
    };
    let mut slow = open();
    slow.write_all(b"GET /api/guest/v1/here HTTP/1.1\r\nHost: x")
        .unwrap();
    let held: Vec<_> = (0..31).map(|_| open()).collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let begun = std::time::Instant::now();
    assert!(ends(open()), "one more than one address may have");
    // before a head that is waited for would have been given up
    assert!(begun.elapsed() < std::time::Duration::from_secs(9));
    assert!(ends(slow), "a head that never ends");
    drop(held);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(door(&shop.url).get("/here").status, 200);
    // the owner's server has the same patience
    let owner = shop.owner.host.clone();
    let mut slow = std::net::TcpStream::connect(&owner).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert!(ends(slow));
    shop.up.stop();
}
