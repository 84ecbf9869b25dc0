//! A running node places what comes in the topics that it sequences.

use std::time::Duration;

use crate::cli::Desk;
use crate::net_daemon::Up;

const LOCAL: [&str; 4] = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];

/// Whether all messages of a topic come to be sequenced somewhere.
fn all_placed(desk: &Desk, count: usize) -> bool {
    (0..1_200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let shown = desk.ok(&["view", "list", "orders", "messages"]).out;
        shown.matches("● ").count() == count && !shown.contains("○ ")
    })
}

#[test]
fn what_a_client_writes_is_placed_by_the_shop_that_runs() {
    let (shop, client) = (Desk::new("counter"), Desk::new("phone"));
    let shop_up = Up::start(&shop, &LOCAL);
    let client_up = Up::start(&client, &LOCAL);
    let invite = |more: &[&str]| {
        let ticket = shop.ok(&[&["invite", "--json"], more].concat()).json();
        client.ok(&["join", ticket["ticket"].as_str().unwrap()]);
        client.ok(&["sync", "--once"]);
    };
    invite(&[]);
    let member = format!("{}=client", client.entity());
    shop.ok(&[
        "topic", "new", "orders", "--app", "relation", "--member", &member,
    ]);
    invite(&["orders"]);
    client.ok(&["say", "orders", "--text", "is it there?"]);
    client.ok(&["say", "orders", "--text", "the lock"]);
    assert!(all_placed(&client, 2));
    // also what came while nobody was there to place it
    shop_up.stop();
    client.ok(&["say", "orders", "--text", "hello?"]);
    let shop_up = Up::start(&shop, &LOCAL);
    assert!(all_placed(&client, 3));
    // and nothing goes on for ever
    let entries = |desk: &Desk| desk.ok(&["tail", "orders", "--json"]).json_lines().len();
    let count = entries(&shop);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(entries(&shop), count);
    shop_up.stop();
    client_up.stop();
}
