//! A customer without an install orders from a shop: a real node, and a guest that writes,
//! signs and checks all of its side itself.

use std::time::Duration;

use serde_json::{Value as Json, json};
use synlog_log::admission::Admit;
use synlog_log::bundle::{BundleReader, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::ids::{EntryId, TopicId, hex, unhex};
use synlog_log::replica::Replica;
use synlog_log::run::RunView;
use synlog_node::guests::pull;
use synlog_node::home::Home;
use synlog_node::node::Node;

use crate::cli::Desk;
use crate::guest::{Guest, door};
use crate::net_daemon::Up;
use crate::web_client::Web;

/// A picture.
pub(crate) fn picture() -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n"[..], &[7; 5_000]].concat()
}

/// A node with a space that is open to guests; its owner; and what it offers.
pub(crate) struct Shop {
    pub(crate) desk: Desk,
    pub(crate) up: Up,
    pub(crate) owner: Web,
    pub(crate) url: String,
    pub(crate) space: String,
    pub(crate) revision: String,
    pub(crate) image: String,
}

/// Opens one.
pub(crate) fn shop(more: &[&str]) -> Shop {
    open(&[&["--offline", "--guests", "127.0.0.1:0"], more].concat())
}

/// Opens one, whose node runs like this.
pub(crate) fn open(arguments: &[&str]) -> Shop {
    let desk = Desk::new("counter");
    let up = Up::start(&desk, arguments);
    let owner = Web::login(up.ready["web"]["login"].as_str().unwrap());
    let topic = owner.done("/topics", &json!({ "name": "shop", "app": "space" }));
    let create = json!({ "body": { "name": "Kallion leipä", "currency": "EUR", "zone": "Europe/Helsinki" } });
    owner.done("/topics/shop/events/space.create", &create);
    let kept = owner
        .ask("POST", "/blobs?topic=shop", &[], &picture())
        .json();
    let put = owner.done(
        "/topics/shop/events/item.put",
        &json!({ "body": {
            "item": "bread", "schema": "goods/1", "title": "Rye bread", "stock": 5,
            "price": { "kind": "fixed", "currency": "EUR", "min": 450 },
            "images": [kept["reference"]],
        } }),
    );
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    Shop {
        url: format!("http://{}/", text(&up.ready["guests"]["address"])),
        space: text(&topic["topic"]),
        revision: text(&put["id"]),
        image: text(&kept["blob"]),
        desk,
        up,
        owner,
    }
}

pub(crate) fn bytes(id: &str) -> Value {
    Value::Bytes(unhex(id).unwrap())
}

/// An order for two loaves.
pub(crate) fn request(shop: &Shop) -> Value {
    let line = Value::map([
        ("space", bytes(&shop.space)),
        ("item", Value::Text("bread".into())),
        ("revision", bytes(&shop.revision)),
        ("quantity", Value::Int(2)),
    ]);
    Value::map([("lines", Value::Array(vec![line]))])
}

fn of(order: &EntryId, more: &[(&str, Value)]) -> Value {
    let mut pairs = vec![("order", Value::Bytes(order.0.to_vec()))];
    pairs.extend(more.iter().cloned());
    Value::map(pairs)
}

/// The state of an order as the shop's command line tells it, once it is that.
fn await_state(desk: &Desk, topic: &TopicId, state: &str) {
    let topic = topic.to_string();
    for _ in 0..600 {
        let rows = desk.ok(&["view", "list", &topic, "orders", "--json"]);
        let rows = rows.json_lines();
        if rows.iter().any(|row| row["columns"]["state"] == state) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let rows = desk.ok(&["view", "list", &topic, "orders", "--json"]).out;
    panic!("the order never was {state}: {rows}");
}

#[test]
fn a_guest_orders_agrees_and_completes() {
    let shop = shop(&[]);
    let here = door(&shop.url).ok("/here");
    assert_eq!(here["accepts"], "open");
    assert_eq!(here["spaces"][0]["topic"], shop.space);
    assert_eq!(here["relation"], json!({ "app": "relation", "major": 1 }));
    let mut guest = Guest::new(21, "Mari", &shop.url);
    let session = guest.log_in();
    assert_eq!(session["relations"], json!([]));
    // a stranger that only looks leaves nothing behind
    let entries = shop.owner.ok("/entries?limit=1000")["entries"]
        .as_array()
        .unwrap()
        .len();
    let topic = guest.found(&shop.space);
    assert_eq!(
        guest.found(&shop.space),
        topic,
        "there is one for each entity"
    );
    assert!(
        shop.owner.ok("/entries?limit=1000")["entries"]
            .as_array()
            .unwrap()
            .len()
            > entries
    );
    let name = format!("Mari {}", &guest.entity().to_string()[..6]);
    let shown = shop.desk.ok(&["topic", "show", &name, "--json"]).json();
    assert_eq!(shown["topic"], topic.to_string());
    assert!(guest.pull(&topic) > 0);
    assert_eq!(guest.order(&topic).genesis().unwrap().app, "relation");

    let order = guest.send(&topic, "order.request", request(&shop));
    guest.await_placing(&topic);
    await_state(&shop.desk, &topic, "requested");
    let (of_topic, id) = (topic.to_string(), order.to_string());
    let price = |amount: &str| format!("leg=all,amount={amount},trigger=after");
    shop.desk.ok(&[
        "order",
        "quote",
        &of_topic,
        &id,
        "--revision",
        "1",
        "--breakup",
        "title=two loaves,amount=9.00 EUR",
        "--total",
        "9.00 EUR",
        "--leg",
        &price("9.00 EUR"),
        "--fulfilment",
        r#"{"leg":"counter","kind":"pickup","lines":[{"line":0,"quantity":2}]}"#,
        "--takes",
        "[]",
        "--valid-until",
        "2099-12-31",
    ]);
    let quote = guest.await_entry(&topic, "order.quote");
    let agree = [
        ("quote", Value::Bytes(quote.0.to_vec())),
        ("holder", Value::Bytes(vec![5; 32])),
        ("tag", Value::Bytes(vec![6; 16])),
    ];
    guest.send(&topic, "order.agree", of(&order, &agree));
    await_state(&shop.desk, &topic, "agreed");

    // the node goes away and comes back at the same address
    shop.up.stop();
    let up = Up::start(&shop.desk, &["--offline"]);
    assert_eq!(
        up.ready["guests"]["url"], shop.url,
        "`up` alone keeps what was said"
    );
    assert_eq!(
        guest.wish(&shop.space).status,
        401,
        "sessions end with the node"
    );
    let session = guest.log_in();
    let known = &session["relations"][0];
    assert_eq!(known["topic"], of_topic);
    let own = guest.device().to_string();
    let heights = known["heights"].as_array().unwrap();
    let own = heights.iter().find(|it| it["author"] == own).unwrap();
    assert_eq!(own["height"], 2);
    shop.desk.ok(&["order", "confirm", &of_topic, &id]);
    for state in ["packed", "delivered"] {
        shop.desk.ok(&[
            "fulfil", "state", &of_topic, &id, "--leg", "counter", "--state", state,
        ]);
    }
    guest.await_entry(&topic, "fulfil.state");
    let amount = Value::map([
        ("currency", Value::Text("EUR".into())),
        ("minor", Value::Int(900)),
    ]);
    let claim = [
        ("leg", Value::Text("all".into())),
        ("amount", amount),
        ("method", Value::Text("cash".into())),
    ];
    guest.send(&topic, "pay.claim", of(&order, &claim));
    guest.await_placing(&topic);
    shop.desk.ok(&[
        "pay", "ack", &of_topic, &id, "--leg", "all", "--amount", "9.00 EUR",
    ]);
    guest.await_entry(&topic, "pay.ack");
    guest.send(&topic, "order.complete", of(&order, &[]));
    guest.await_placing(&topic);
    await_state(&shop.desk, &topic, "completed");

    // nothing of it was rejected, and both sides hold the same
    for kind in [
        "order.request",
        "order.agree",
        "pay.claim",
        "order.complete",
    ] {
        let entries = guest.entries(&topic, kind);
        assert_eq!(entries.len(), 1, "{kind}");
        assert_eq!(entries[0].2, "accepted", "{kind}");
    }
    let audit = shop.desk.ok(&["topic", "show", &of_topic, "--json"]).json();
    let digest = hex(&guest.order(&topic).digest());
    assert_eq!(audit["digest"], digest, "{audit}");
    up.stop();
}

/// Authors and heights of what a replica was offered.
type Have = std::collections::BTreeMap<String, u64>;

#[test]
fn a_long_relation_comes_in_parts_that_stand_by_themselves() {
    let shop = shop(&[]);
    let mut guest = Guest::new(23, "Mari", &shop.url);
    guest.log_in();
    let topic = guest.found(&shop.space);
    for number in 0..12 {
        guest.pull(&topic);
        let text = Value::Text(format!("{number} {}", "x".repeat(300)));
        guest.send(&topic, "message.post", Value::map([("text", text)]));
        let text = format!("answer {number}");
        shop.desk.ok(&["say", &topic.to_string(), "--text", &text]);
    }
    guest.await_placing(&topic);
    shop.up.stop();
    let mut node = Node::open(Home::at(&shop.desk.home)).unwrap();
    let (mut have, mut replica) = (Have::new(), Replica::default());
    let (mut parts, mut entries) = (0, 0);
    loop {
        let known: Vec<(String, u64)> = have.clone().into_iter().collect();
        let part = pull(&mut node, &topic, &known, 2_000).unwrap();
        let mut reader = BundleReader::new(&part.bundle[..]).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            if record.kind == RecordKind::Run {
                let run = RunView::decode(&record.data).unwrap();
                let admitted = replica.offer(&run);
                assert!(matches!(admitted, Admit::Fresh(_)), "{admitted:?}");
                have.insert(run.feed.author.to_string(), run.last().seq + 1);
                entries += run.entries.len();
            }
        }
        parts += 1;
        if !part.more {
            break;
        }
    }
    assert!(parts > 3, "{parts}");
    let order = replica.orders.get_mut(&topic).unwrap();
    order.settle();
    let lines = guest.order(&topic).lines().count();
    assert_eq!((order.lines().count(), entries), (lines, lines));
}

#[test]
fn a_stream_tells_that_the_relation_has_grown() {
    let shop = shop(&[]);
    let mut guest = Guest::new(22, "", &shop.url);
    guest.log_in();
    let topic = guest.found(&shop.space);
    let name = format!("guest-{}", &guest.entity().to_string()[..6]);
    assert_eq!(
        shop.desk.ok(&["topic", "show", &name, "--json"]).json()["topic"],
        topic.to_string()
    );
    let mut stream = guest.web.watch(&format!("/relations/{topic}/stream"), None);
    let first = stream.next().unwrap();
    assert_eq!(first.event, "grown");
    let height = |told: &Json| {
        let heights = told["heights"].as_array().unwrap();
        let heights = heights.iter().map(|it| it["height"].as_u64().unwrap());
        heights.sum::<u64>()
    };
    let before = height(&first.data);
    assert!(before > 0);
    shop.desk
        .ok(&["say", &topic.to_string(), "--text", "welcome"]);
    let next = stream.next().unwrap();
    assert_eq!(height(&next.data), before + 1);
    // what is written elsewhere is no news here
    shop.desk
        .ok(&["item", "stock", "shop", "bread", "--delta", "1"]);
    guest.pull(&topic);
    guest.send(
        &topic,
        "message.post",
        Value::map([("text", Value::Text("hello".into()))]),
    );
    // the guest's own, and soon what places it
    // told each by itself, or both at once
    let mut seen = before + 1;
    while seen < before + 3 {
        let now = height(&stream.next().unwrap().data);
        assert!((seen + 1..=before + 3).contains(&now), "{seen} {now}");
        seen = now;
    }
    // nothing more of it to be had twice
    guest.await_placing(&topic);
    assert_eq!(guest.pull(&topic), 0);
    drop(stream);
    shop.up.stop();
}
