//! Letters of first contact between nodes that run.

use std::time::Duration;

use serde_json::Value as Json;

use crate::cli::Desk;
use crate::net_daemon::Up;

const ALONE: [&str; 4] = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];

/// The letters that wait, once there are so many.
fn letters(desk: &Desk, count: usize) -> Vec<Json> {
    for _ in 0..200 {
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
