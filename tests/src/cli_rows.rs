//! What apps make of entries, as a user sees it: rules, rows, explanations, audits,
//! replays; and that rows are the same whatever happened to them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};
use synlog_log::bundle::{BundleReader, BundleWriter, RecordKind};
use synlog_log::cbor::Value;

use crate::cli::{Desk, program};

/// A shop and a client with the topics that they share.
struct Trade {
    shop: Desk,
    client: Desk,
}

impl Trade {
    fn begin() -> Self {
        let (shop, client) = (Desk::new("counter"), Desk::new("phone"));
        let member = format!("{}=client", client.entity());
        shop.ok(&["topic", "new", "kiosk", "--app", "space"]);
        shop.ok(&[
            "topic", "new", "orders", "--app", "relation", "--public", "--member", &member,
        ]);
        shop.ok(&[
            "space",
            "create",
            "kiosk",
            "Kiosk",
            "--zone",
            "Europe/Helsinki",
        ]);
        shop.ok(&[
            "item",
            "put",
            "kiosk",
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
            "--price-max",
            "450",
            "--stock",
            "1",
        ]);
        let trade = Self { shop, client };
        trade.to_client("kiosk");
        trade.to_client("orders");
        trade
    }

    fn carry(from: &Desk, to: &Desk, topic: &str) {
        let stick = from.path("stick.synlog");
        from.ok(&["bundle", "write", &stick, topic]);
        to.ok(&["bundle", "read", &stick]);
    }

    fn to_client(&self, topic: &str) {
        Self::carry(&self.shop, &self.client, topic);
    }

    fn to_shop(&self, topic: &str) {
        Self::carry(&self.client, &self.shop, topic);
    }

    fn request(&self) -> String {
        let line = "space=kiosk,item=bread,quantity=1";
        let order = self
            .client
            .ok(&["order", "request", "orders", "--line", line]);
        self.to_shop("orders");
        order.word()
    }

    fn agreed(&self) -> String {
        let order = self.request();
        self.shop.ok(&[
            "order",
            "quote",
            "orders",
            &order,
            "--revision",
            "1",
            "--breakup",
            "title=bread,amount=4.50 EUR",
            "--total",
            "4.50 EUR",
            "--leg",
            "leg=all,amount=4.50 EUR,trigger=after",
            "--fulfilment",
            r#"{"leg":"go","kind":"pickup","lines":[{"line":0,"quantity":1}]}"#,
            "--takes",
            "0",
            "--valid-until",
            "2099-01-01",
        ]);
        self.to_client("orders");
        self.client.ok(&["order", "agree", "orders", &order]);
        self.to_shop("orders");
        order
    }
}

fn rows_of(desk: &Desk, topic: &str) -> (Json, Json) {
    let shown = desk.ok(&["topic", "show", topic, "--json"]).json();
    (shown["rows"].clone(), shown["rows_tentative"].clone())
}

fn order_row(desk: &Desk) -> Json {
    let rows = desk
        .ok(&["view", "list", "orders", "orders", "--json"])
        .json_lines();
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}

#[test]
fn an_order_is_folded_alike_on_both_sides_and_by_a_stranger() {
    let trade = Trade::begin();
    let order = trade.request();
    let row = order_row(&trade.client);
    assert_eq!(row["tentative"], json!(true), "the shop has not placed it");
    assert_eq!(row["columns"]["state"], json!("requested"));
    let second = trade.agreed();
    // only one bread is there: the second take is against the rules
    let take = trade
        .shop
        .ok(&["item", "take", "kiosk", "bread", "--for", &second])
        .word();
    let late = trade
        .shop
        .fails(3, &["item", "take", "kiosk", "bread", "--for", &order]);
    assert!(late.err.contains("stock_negative"), "{late:?}");
    let line = format!("line=0,take={take}");
    // without the take the confirmation is refused
    let bare = trade
        .shop
        .fails(3, &["order", "confirm", "orders", &second]);
    assert!(bare.err.contains("no_take"), "{bare:?}");
    trade
        .shop
        .ok(&["order", "confirm", "orders", &second, "--take", &line]);
    trade.to_client("orders");
    assert_eq!(
        rows_of(&trade.shop, "orders"),
        rows_of(&trade.client, "orders")
    );
    let key = format!("order/{second}");
    let made = trade
        .client
        .ok(&["explain", "orders", &key, "--json"])
        .json_lines();
    let kinds: Vec<&str> = made
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "order.request",
            "order.quote",
            "order.agree",
            "order.confirm"
        ]
    );

    let file = trade.shop.path("orders.synlog");
    trade.shop.ok(&["bundle", "write", &file, "orders"]);
    let verified = program()
        .args(["verify", &file, "--json"])
        .output()
        .unwrap();
    let verified: Json = serde_json::from_slice(&verified.stdout).unwrap();
    let rows = &verified["topics"][0]["rows"];
    assert_eq!(rows["state"], json!("same"));
    assert_eq!(rows["sequenced"], rows_of(&trade.shop, "orders").0);
    let audited = program()
        .args(["audit", "--bundle", &file, "--json"])
        .output()
        .unwrap();
    let audited: Json = serde_json::from_slice(&audited.stdout).unwrap();
    let own = trade.shop.ok(&["audit", "orders", "--json"]).json();
    assert_eq!(audited["events"], own["events"]);
    assert_eq!(audited["rows"], own["rows"]);
    assert!(!own["receipts"].as_array().unwrap().is_empty());
}

#[test]
fn what_the_rules_refuse_is_not_signed_unless_forced_and_then_shown() {
    let trade = Trade::begin();
    let order = trade.agreed();
    let ack = [
        "pay", "ack", "orders", &order, "--leg", "all", "--amount", "4.50 EUR",
    ];
    let before = trade
        .client
        .ok(&["tail", "orders", "--json"])
        .json_lines()
        .len();
    let refused = trade.client.fails(3, &ack);
    assert!(refused.err.contains("wrong_actor"), "{refused:?}");
    assert_eq!(
        trade
            .client
            .ok(&["tail", "orders", "--json"])
            .json_lines()
            .len(),
        before
    );
    let forced = trade
        .client
        .ok(&[&ack[..], &["--force", "--json"]].concat())
        .json();
    assert_eq!(forced["rejected"], json!("wrong_actor"));
    trade.to_shop("orders");
    let audit = trade.shop.ok(&["audit", "orders", "--json"]).json();
    let events = audit["events"].as_array().unwrap();
    let event = events
        .iter()
        .find(|event| event["id"] == forced["id"])
        .unwrap();
    assert_eq!(
        (&event["outcome"], &event["code"]),
        (&json!("rejected"), &json!("wrong_actor"))
    );
    assert_eq!(order_row(&trade.shop)["columns"]["state"], json!("agreed"));
    // a dry run tells the verdict and writes nothing
    let dry = trade.client.ok(&[&ack[..], &["--dry-run"]].concat()).json();
    assert_eq!(dry["verdict"], json!("wrong_actor"));
    // `append` asks the same rules
    let body = format!(r#"{{"order":{{"$hex":"{order}"}}}}"#);
    trade
        .client
        .fails(3, &["append", "orders", "order.nothing", "--body", &body]);
}

#[test]
fn text_of_others_is_no_markup_in_the_audit() {
    let trade = Trade::begin();
    let text = "<script>alert(1)</script><img src=x onerror=alert(2)> \u{202e}drawkcab";
    trade.client.ok(&["say", "orders", "--text", text]);
    trade.to_shop("orders");
    let page = trade.shop.path("audit.html");
    trade.shop.ok(&["audit", "orders", "--html", &page]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'));
}

#[test]
fn rows_that_a_file_claims_are_held_against_its_entries() {
    let trade = Trade::begin();
    trade.agreed();
    let file = trade.shop.path("orders.synlog");
    trade.shop.ok(&["bundle", "write", &file, "orders"]);
    let bytes = std::fs::read(&file).unwrap();
    let mut reader = BundleReader::new(&bytes[..]).unwrap();
    let mut writer = BundleWriter::new(Vec::new()).unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        let mut data = record.data;
        if record.kind == RecordKind::Note {
            data = with_other_rows(Value::decode_map(&data).unwrap()).encode();
        }
        writer.record(record.kind, &data).unwrap();
    }
    std::fs::write(&file, writer.finish().unwrap()).unwrap();
    let ended = trade.shop.fails(1, &["verify", &file]);
    assert!(ended.out.contains("OTHER"), "{ended:?}");
    let ended = trade.shop.fails(1, &["verify", &file, "--json"]);
    assert_eq!(
        ended.json()["topics"][0]["rows"]["state"],
        json!("bad_rows")
    );
    // signatures and order are right all the same
    trade.shop.ok(&["verify", &file, "--no-replay"]);
}

/// A note whose roots are others.
fn with_other_rows(note: Value) -> Value {
    match note {
        Value::Map(pairs) => Value::map(pairs.into_iter().map(|(key, value)| {
            let value = match (&key[..], value) {
                ("sequenced", Value::Bytes(mut root)) => {
                    root[0] ^= 1;
                    Value::Bytes(root)
                }
                (_, value) => with_other_rows(value),
            };
            (key, value)
        })),
        Value::Array(items) => Value::Array(items.into_iter().map(with_other_rows).collect()),
        other => other,
    }
}

#[test]
fn rows_come_back_the_same_after_kills_and_deletion() {
    let desk = Desk::new("counter");
    desk.ok(&["topic", "new", "town", "--app", "space"]);
    desk.ok(&[
        "space",
        "create",
        "town",
        "Town",
        "--zone",
        "Europe/Helsinki",
    ]);
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/data/helsinki-places.osm.pbf");
    desk.ok(&["import", "osm", "town", data, "--zone", "Europe/Helsinki"]);
    let whole = rows_of(&desk, "town");
    let views = desk.home.join("views");
    let rounds: u64 = std::env::var("SYNLOG_FOLD_ROUNDS").map_or(50, |text| text.parse().unwrap());
    for round in 0..rounds {
        // sometimes from nothing, sometimes from what the kill before has left
        if round % 3 == 0 {
            let _ = std::fs::remove_dir_all(&views);
        }
        if round % 2 == 0 {
            let delta = if round % 4 == 0 { "1" } else { "2" };
            desk.ok(&[
                "item",
                "state",
                "town",
                "osm-n25063540",
                "--state",
                "paused",
                "--force",
            ]);
            desk.ok(&[
                "append",
                "town",
                "item.stock",
                "--force",
                "--body",
                &format!(r#"{{"item":"osm-n25063540","delta":{delta}}}"#),
            ]);
        }
        let mut child = program()
            .arg("--home")
            .arg(&desk.home)
            .args(["view", "list", "town", "places", "--limit", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(10 + round * 13 % 240));
        let _ = child.kill();
        let _ = child.wait();
    }
    let incremental = rows_of(&desk, "town");
    std::fs::remove_dir_all(&views).unwrap();
    assert_eq!(
        rows_of(&desk, "town"),
        incremental,
        "rebuilt is not incremental"
    );
    assert_ne!(incremental, whole, "something was written in between");
}

#[test]
fn a_watch_goes_on_where_it_was() {
    let trade = Trade::begin();
    let look = |after: Option<&str>| {
        let mut args = vec![
            "view", "watch", "orders", "--table", "orders", "--once", "--json",
        ];
        args.extend(after.into_iter().flat_map(|after| ["--after", after]));
        trade.shop.ok(&args).json_lines()
    };
    let first = look(None);
    assert_eq!(first[0]["reset"], json!(true));
    let cursor = first[0]["cursor"].as_str().unwrap().to_owned();
    assert!(look(Some(&cursor)).is_empty(), "nothing has changed");
    let order = trade.request();
    let changes = look(Some(&cursor));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["key"], json!(format!("order/{order}")));
    let cursor = changes[0]["cursor"].as_str().unwrap().to_owned();
    assert!(look(Some(&cursor)).is_empty(), "told once");
}

#[test]
fn a_writer_cannot_forge_lines_of_an_audit() {
    let trade = Trade::begin();
    let body = json!({ "x\n●  99. forged\u{1b}[31m": "y\n● 100. forged" }).to_string();
    trade.client.ok(&[
        "append",
        "orders",
        "message.post",
        "--force",
        "--body",
        &body,
    ]);
    trade.to_shop("orders");
    let text = trade.shop.ok(&["audit", "orders"]).out;
    assert!(!text.contains('\u{1b}'));
    assert!(
        !text
            .lines()
            .any(|line| line.starts_with("●  99") || line.starts_with("● 100"))
    );
}

#[test]
fn a_secret_outlives_the_device_key_and_an_audit_keeps_addresses_to_itself() {
    let trade = Trade::begin();
    let line = "space=kiosk,item=bread,quantity=1";
    let order = trade
        .client
        .ok(&[
            "order",
            "request",
            "orders",
            "--line",
            line,
            "--address",
            "Bulevardi 7",
        ])
        .word();
    let args = ["entry", "secret", &order, "--label", "handover"];
    let secret = trade.client.ok(&args).word();
    assert!(
        !trade
            .client
            .ok(&["audit", "orders"])
            .out
            .contains("Bulevardi")
    );
    let whole = trade.client.ok(&["audit", "orders", "--erasable"]).out;
    assert!(whole.contains("Bulevardi 7"));
    trade.client.ok(&["device", "renew", "--name", "new phone"]);
    assert_eq!(trade.client.ok(&args).word(), secret);
    // somebody else has no such secret
    trade.to_shop("orders");
    trade.shop.fails(2, &args);
}
