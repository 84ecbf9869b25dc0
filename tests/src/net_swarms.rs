//! Who follows the same public topic is found without anybody in between.

use std::time::Duration;

use crate::cli::Desk;
use crate::net_daemon::Up;

const LOCAL: [&str; 4] = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];

/// Whether something comes to be so.
fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        is_so()
    })
}

/// The nodes with which a desk is linked.
fn linked(desk: &Desk) -> Vec<String> {
    let peers = desk.ok(&["peers", "--json"]).json();
    let peers = peers["peers"].as_array().unwrap().iter();
    let linked = peers.filter(|peer| peer["connected"] == true);
    linked
        .map(|peer| peer["node"].as_str().unwrap().to_owned())
        .collect()
}

fn entries(desk: &Desk) -> usize {
    desk.ok(&["tail", "market", "--json"]).json_lines().len()
}

fn node(desk: &Desk) -> String {
    let peers = desk.ok(&["peers", "--json"]).json();
    peers["node"].as_str().unwrap().to_owned()
}

#[test]
fn followers_of_a_shop_find_each_other_while_it_sleeps() {
    let (shop, ana, ben) = (Desk::new("shop"), Desk::new("ana"), Desk::new("ben"));
    shop.ok(&["topic", "new", "market", "--app", "tally"]);
    let shop_up = Up::start(&shop, &LOCAL);
    let ticket = shop.ok(&["invite", "market", "--json"]).json();
    let ticket = ticket["ticket"].as_str().unwrap();
    let (ana_up, ben_up) = (Up::start(&ana, &LOCAL), Up::start(&ben, &LOCAL));
    for desk in [&ana, &ben] {
        desk.ok(&["join", ticket]);
        desk.ok(&["sync", "--once"]);
    }
    // each knows the shop alone, and then of the other
    let of_ben = node(&ben);
    assert!(soon(|| linked(&ana).contains(&of_ben)));
    // what one gets while the other is away comes to that one without the shop
    ben_up.stop();
    let body = r#"{"title":"Hours","unit":"h"}"#;
    shop.ok(&["append", "market", "tally.open", "--body", body]);
    let count = entries(&shop);
    assert!(soon(|| entries(&ana) == count));
    shop_up.stop();
    assert!(entries(&ben) < count);
    let ben_up = Up::start(&ben, &LOCAL);
    assert!(soon(|| entries(&ben) == count));
    ben_up.stop();
    ana_up.stop();
}

#[test]
fn who_does_not_want_to_is_not_found() {
    let (shop, ana, ben) = (Desk::new("shop"), Desk::new("ana"), Desk::new("ben"));
    shop.ok(&["topic", "new", "market", "--app", "tally"]);
    let shop_up = Up::start(&shop, &LOCAL);
    let ticket = shop.ok(&["invite", "market", "--json"]).json();
    let ticket = ticket["ticket"].as_str().unwrap();
    let silent = [&LOCAL[..], &["--no-gossip"]].concat();
    let (ana_up, ben_up) = (Up::start(&ana, &LOCAL), Up::start(&ben, &silent));
    for desk in [&ana, &ben] {
        desk.ok(&["join", ticket]);
        desk.ok(&["sync", "--once"]);
    }
    let of_ben = node(&ben);
    std::thread::sleep(Duration::from_secs(5));
    assert!(!linked(&ana).contains(&of_ben));
    for up in [shop_up, ana_up, ben_up] {
        up.stop();
    }
}
