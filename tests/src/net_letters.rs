//! Letters of first contact between nodes that run.

use std::time::Duration;

use serde_json::Value as Json;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::sealed::inbox::Delivery;
use synlog_log::sealed::letter::{Envelope, Invitation, Letter};
use synlog_node::home::Home;
use synlog_node::node::Node;

use crate::cli::Desk;
use crate::net_daemon::Up;

const ALONE: [&str; 4] = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];

/// The letters that wait, once there are so many.
fn letters(desk: &Desk, count: usize) -> Vec<Json> {
    for _ in 0..1_200 {
        let listed = desk.ok(&["inbox", "--json"]).json();
        let letters = listed["letters"].as_array().unwrap();
        if letters.len() == count {
            return letters.clone();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} letters never came", count);
}

#[test]
fn a_client_who_called_is_written_to_and_follows_by_a_word() {
    let (shop, client) = (Desk::new("counter"), Desk::new("phone"));
    let shop_up = Up::start(&shop, &ALONE);
    let client_up = Up::start(&client, &ALONE);
    let ticket = shop.ok(&["invite", "--json"]).json();
    client.ok(&["join", ticket["ticket"].as_str().unwrap()]);
    client.ok(&["sync", "--once"]);
    assert!(letters(&client, 0).is_empty());
    let entity = client.entity();

    // who is no member is not invited
    shop.ok(&["topic", "new", "others", "--app", "relation", "--private"]);
    let refused = shop.fails(2, &["invite", "others", "--to", &entity]);
    assert!(refused.err.contains("topic grant"), "{refused:?}");

    let member = format!("{entity}=client");
    shop.ok(&[
        "topic", "new", "orders", "--app", "relation", "--member", &member,
    ]);
    let text = "Your order, \u{1b}[2Jas we said";
    shop.ok(&["invite", "orders", "--to", &entity, "--message", text]);
    let came = letters(&client, 1);
    assert_eq!(came[0]["message"], text);
    assert_eq!(came[0]["from"], shop.entity());
    assert!(!client.ok(&["inbox"]).out.contains('\u{1b}'));
    // nothing of the topic is here before somebody says so
    let topics = client.ok(&["topic", "list", "--json"]).json();
    assert_eq!(topics["topics"], serde_json::json!([]));
    let id = came[0]["letter"].as_str().unwrap();
    client.ok(&["inbox", "accept", &id[..8]]);
    assert!(letters(&client, 0).is_empty());
    client.ok(&["sync", "--once"]);
    client.ok(&["say", "orders", "--text", "thank you"]);

    // one that is thrown away does not come again, also after a new start
    shop.ok(&[
        "topic", "new", "more", "--app", "relation", "--member", &member,
    ]);
    shop.ok(&["invite", "more", "--to", &entity]);
    let more = letters(&client, 1);
    client_up.stop();
    let id = more[0]["letter"].as_str().unwrap();
    client.ok(&["inbox", "drop", &id[..8]]);
    let client_up = Up::start(&client, &ALONE);
    client.ok(&["sync", "--once"]);
    std::thread::sleep(Duration::from_millis(500));
    assert!(letters(&client, 0).is_empty());
    let unknown = client.fails(2, &["inbox", "drop", &id[..8]]);
    assert!(unknown.err.contains("no letter begins with"), "{unknown:?}");
    client_up.stop();
    shop_up.stop();
}

/// A letter to the client by the shop's device that says one topic and carries a run of
/// another, put where the client's node puts letters.
fn deliver_crossed(shop: &Desk, client: &Desk, says: TopicId, carries: TopicId) {
    let from = Node::open(Home::at(&shop.home)).unwrap();
    let position = from.store.locate(&EntryId(carries.0)).unwrap().unwrap();
    let run = from.store.read(position).unwrap().unwrap().bytes;
    let home = Home::at(&shop.home);
    let key = home.read_key(home.device_key_path()).unwrap();
    let certificate = from.certificate().unwrap().encode();
    let writer = from.entity();
    from.close().unwrap();
    let to = Node::open(Home::at(&client.home)).unwrap();
    let now_ms = synlog_node::clock::now_ms();
    let envelope = Envelope {
        to: to.entity(),
        key: &to.encryption_key_of(&to.entity()).unwrap(),
        now_ms,
        certificate: &certificate,
    };
    let invitation = Invitation {
        topic: says,
        run,
        keys: Vec::new(),
        message: String::new(),
    };
    let letter = Letter::write(&key, &envelope, &invitation, &[3; 32]).unwrap();
    let mut inbox = to.inbox().unwrap();
    let delivery = inbox.deliver(&letter.encode(), (writer, [5; 32]), now_ms);
    assert_eq!(delivery, Delivery::Taken);
    to.save_inbox(&inbox).unwrap();
    to.close().unwrap();
}

#[test]
fn a_letter_brings_nothing_of_another_topic_and_a_blocked_writer_none() {
    let (shop, client) = (Desk::new("counter"), Desk::new("phone"));
    let topic = |name: &str| -> TopicId {
        let new = ["topic", "new", name, "--app", "tally", "--json"];
        let made = shop.ok(&new).json();
        made["topic"].as_str().unwrap().parse().unwrap()
    };
    let (says, carries) = (topic("nice"), topic("other"));
    deliver_crossed(&shop, &client, says, carries);
    let id = letters(&client, 1)[0]["letter"]
        .as_str()
        .unwrap()
        .to_owned();
    client.ok(&["inbox", "accept", &id]);
    let topics = client.ok(&["topic", "list", "--json"]).json();
    assert_eq!(topics["topics"], serde_json::json!([]));

    deliver_crossed(&shop, &client, carries, carries);
    client.ok(&["block", "--entity", &shop.entity()]);
    assert!(letters(&client, 0).is_empty());
    client.fails(2, &["invite", "nowhere", "--to", &shop.entity()]);
}
