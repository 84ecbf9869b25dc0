//! A customer in a browser and a provider with a node: they come to the same order and rows,
//! and with the recovery words a node becomes another device of the customer.

use serde_json::{Value as Json, json};
use synlog_app_relation::RelationApp;
use synlog_guest::guest::Guest;
use synlog_guest::ops::{message, parts};
use synlog_guest::rules::{Engine, Function, Stopped};
use synlog_log::ids::hex;
use synlog_reducer::{describe, fold, project, route};

use crate::cli::Desk;

/// The app as native code, whatever the hash: the node runs the released module.
struct Native;

impl Engine for Native {
    fn call(&mut self, _: &[u8; 32], function: Function, input: &[u8]) -> Result<Vec<u8>, Stopped> {
        match function {
            Function::Describe => Ok(describe::<RelationApp>()),
            Function::Route => route::<RelationApp>(input).map_err(|_| Stopped::Trapped),
            Function::Fold => fold::<RelationApp>(input).map_err(|_| Stopped::Trapped),
            Function::Project => project::<RelationApp>(input).map_err(|_| Stopped::Trapped),
        }
    }
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64
}

/// A customer whose browser is this test.
struct Browser {
    guest: Guest,
    topic: String,
    draws: u8,
}

impl Browser {
    fn new() -> Self {
        let mut browser = Self {
            guest: Guest::new(),
            topic: String::new(),
            draws: 0,
        };
        browser.ask("make", json!({ "name": "Kallio" }), &[]);
        let pinned = synlog_apps::Pinned::find("relation", 1).unwrap();
        let pin = json!({ "app": "relation", "major": 1, "hash": hex(&pinned.hash()) });
        browser.ask("pin", pin, &[]);
        browser
    }

    fn ask(&mut self, op: &str, mut fields: Json, bytes: &[u8]) -> (Json, Vec<u8>) {
        self.draws += 1;
        fields["op"] = json!(op);
        fields["now_ms"] = json!(now_ms());
        fields["random"] = json!(hex(&[self.draws; 32]));
        if fields.get("topic").is_none() {
            fields["topic"] = json!(self.topic);
        }
        let answer = self.guest.handle(&mut Native, &message(&fields, bytes));
        let (json, bytes) = parts(&answer).unwrap();
        assert!(json.get("error").is_none(), "{op}: {json}");
        (json["ok"].clone(), bytes.to_vec())
    }

    /// Signs, stores and sends.
    fn write(&mut self, shop: &Desk, kind: &str, body: Json) -> String {
        let (signed, _) = self.ask("write", json!({ "kind": kind, "body": body }), &[]);
        self.ask("kept", json!({}), &[]);
        let (_, bundle) = self.ask("unsent", json!({ "height": 0 }), &[]);
        let file = shop.path("from-the-guest.synlog");
        std::fs::write(&file, bundle).unwrap();
        shop.ok(&["bundle", "read", &file]);
        signed["id"].as_str().unwrap().to_owned()
    }

    /// Takes in what a desk has of the relation.
    fn pull(&mut self, desk: &Desk) {
        let file = desk.path("for-the-guest.synlog");
        desk.ok(&["bundle", "write", &file, &self.topic]);
        let bundle = std::fs::read(&file).unwrap();
        let (took, _) = self.ask("take", json!({}), &bundle);
        assert_eq!(
            (&took["refused"], &took["waiting"]),
            (&json!([]), &json!(0))
        );
    }

    /// Order and rows are those of the desk.
    fn agrees_with(&mut self, desk: &Desk) -> Json {
        let shown = desk.ok(&["topic", "show", &self.topic, "--json"]).json();
        let (rows, _) = self.ask("rows", json!({}), &[]);
        assert_eq!(rows["order_digest"], shown["digest"]);
        assert_eq!(rows["digest"]["sequenced"], shown["rows"]);
        assert_eq!(rows["digest"]["tentative"], shown["rows_tentative"]);
        for table in ["orders", "lines", "payments", "messages"] {
            let theirs = desk.ok(&["view", "list", &self.topic, table, "--json"]);
            let theirs = theirs.json_lines().into_iter();
            let theirs: Vec<Json> = theirs
                .map(|row| json!([row["key"], row["columns"], row["tentative"]]))
                .collect();
            let ours = rows["tables"][table].as_array().unwrap().iter();
            let ours: Vec<Json> = ours
                .map(|row| json!([row["key"], row["columns"], row["tentative"]]))
                .collect();
            assert_eq!(ours, theirs, "{table}");
        }
        rows
    }
}

#[test]
fn a_guest_trades_with_a_node_and_moves_to_one() {
    let shop = Desk::new("counter");
    let mut browser = Browser::new();
    let me = browser.ask("me", json!({}), &[]).0;
    let entity = me["entity"].as_str().unwrap().to_owned();
    // who it is comes with the session
    let session = json!({ "challenge": hex(&[1; 32]), "node": hex(&[2; 32]) });
    let (_, profile) = browser.ask("session", session, &[]);
    let file = shop.path("profile.synlog");
    std::fs::write(&file, profile).unwrap();
    shop.ok(&["bundle", "read", &file]);
    let member = format!("{entity}=client");
    let new = [
        "topic", "new", "guest", "--app", "relation", "--member", &member,
    ];
    browser.topic = shop.ok(&new).word();
    browser.pull(&shop);
    browser.agrees_with(&shop);

    let line = json!({
        "space": { "$hex": hex(&[5; 32]) }, "item": "bread",
        "revision": { "$hex": hex(&[6; 32]) }, "title": "Bread", "quantity": 2,
    });
    let order = browser.write(
        &shop,
        "order.request",
        json!({ "lines": [line], "note": "sliced" }),
    );
    let (rows, _) = browser.ask("rows", json!({}), &[]);
    assert_eq!(rows["tables"]["orders"][0]["tentative"], true);
    browser.pull(&shop);
    let rows = browser.agrees_with(&shop);
    assert_eq!(rows["tables"]["orders"][0]["tentative"], false);
    let topic = browser.topic.clone();
    let quote = |revision: &str, total: &str| {
        let part = format!("title=bread,amount={total}");
        let leg = format!("leg=all,amount={total},trigger=after");
        let way = r#"{"leg":"go","kind":"pickup","lines":[{"line":0,"quantity":2}]}"#;
        shop.ok(&[
            "order",
            "quote",
            &topic,
            &order,
            "--revision",
            revision,
            "--breakup",
            &part,
            "--total",
            total,
            "--leg",
            &leg,
            "--fulfilment",
            way,
            "--valid-until",
            "2099-01-01",
        ]);
    };
    quote("1", "9.00 EUR");
    browser.pull(&shop);
    let rows = browser.agrees_with(&shop);
    assert_eq!(rows["tables"]["orders"][0]["tentative"], false);
    assert_eq!(rows["tables"]["orders"][0]["columns"]["state"], "quoted");
    // negotiating: a wish, another offer, and it is agreed
    let of = json!({ "$hex": order });
    browser.write(
        &shop,
        "order.counter",
        json!({ "order": of, "total": "8.00 EUR", "note": "a bit less?" }),
    );
    browser.pull(&shop);
    browser.agrees_with(&shop);
    quote("2", "8.50 EUR");
    browser.pull(&shop);
    browser.write(&shop, "order.agree", json!({ "order": of }));
    shop.ok(&["order", "confirm", &topic, &order]);
    browser.pull(&shop);
    let rows = browser.agrees_with(&shop);
    assert_eq!(rows["tables"]["orders"][0]["columns"]["state"], "confirmed");
    // the code that the customer shows at the door is the one that it committed to
    let (code, _) = browser.ask(
        "secret",
        json!({ "entry": order, "label": "handover" }),
        &[],
    );
    shop.ok(&[
        "fulfil",
        "proof",
        &topic,
        &order,
        "--leg",
        "go",
        "--preimage",
        code.as_str().unwrap(),
    ]);
    for state in ["packed", "delivered"] {
        shop.ok(&[
            "fulfil", "state", &topic, &order, "--leg", "go", "--state", state,
        ]);
    }
    let paid = json!({ "order": of, "leg": "all", "amount": "8.50 EUR", "method": "cash" });
    browser.pull(&shop);
    browser.write(&shop, "pay.claim", paid);
    shop.ok(&[
        "pay", "ack", &topic, &order, "--leg", "all", "--amount", "8.50 EUR",
    ]);
    browser.pull(&shop);
    browser.write(&shop, "order.complete", json!({ "order": of }));
    shop.ok(&["say", &topic, "--text", "thank you"]);
    browser.pull(&shop);
    let rows = browser.agrees_with(&shop);
    assert_eq!(rows["tables"]["orders"][0]["columns"]["state"], "completed");
    assert_eq!(rows["tables"]["orders"][0]["columns"]["balance"], 0);
    let (audit, _) = browser.ask("audit", json!({}), &[]);
    assert_eq!(audit["verified"], audit["entries"]);
    let theirs = shop.ok(&["audit", &topic, "--json"]).json();
    let told = |audit: &Json| -> Vec<Json> {
        let events = audit["events"].as_array().unwrap().iter();
        events
            .map(|it| {
                json!([
                    it["number"],
                    it["id"],
                    it["kind"],
                    it["title"],
                    it["body"],
                    it["role"]
                ])
            })
            .collect()
    };
    assert_eq!(told(&audit), told(&theirs));

    // on to a node of its own, with the words and the file that the page gives out
    let (words, _) = browser.ask("words", json!({}), &[]);
    let words: Vec<&str> = words["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    let (_, export) = browser.ask("export", json!({}), &[]);
    let node = Desk::empty();
    let file = node.path("synlog-guest.synlog");
    std::fs::write(&file, &export).unwrap();
    let recover = [
        "recover",
        "--words-file",
        "-",
        "--from",
        &file,
        "--name",
        "laptop",
    ];
    let ended = node.fed(words.join(" ").as_bytes(), &recover);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(node.entity(), entity);
    assert_ne!(node.device(), me["device"].as_str().unwrap());
    node.ok(&["bundle", "read", &file]);
    let orders = node
        .ok(&["view", "list", &topic, "orders", "--json"])
        .json_lines();
    assert_eq!(orders[0]["columns"]["state"], "completed");
    // as another device of the same customer
    node.ok(&["say", &topic, "--text", "from my laptop"]);
    node.carry_to(&shop, &topic);
    shop.ok(&["say", &topic, "--text", "I see"]);
    browser.pull(&shop);
    browser.agrees_with(&shop);
    let (audit, _) = browser.ask("audit", json!({}), &[]);
    let events = audit["events"].as_array().unwrap();
    let laptop = events
        .iter()
        .find(|it| it["device_name"] == "laptop")
        .unwrap();
    assert_eq!(
        (&laptop["by"], &laptop["mark"]),
        (&json!("you"), &json!("sequenced"))
    );
    // and the browser goes on, too
    browser.write(&shop, "message.post", json!({ "text": "still here" }));
    let last = shop
        .ok(&["view", "list", &topic, "messages", "--json"])
        .json_lines();
    assert!(
        last.iter()
            .any(|row| row["columns"]["text"] == "still here")
    );
}
