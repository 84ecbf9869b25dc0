//! Who calls with a ticket and shares nothing yet can be invited into a private topic.

use crate::cli::Desk;
use crate::net_daemon::Up;

const ALONE: [&str; 4] = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];

#[test]
fn who_called_can_be_invited_and_nothing_of_strangers_is_stored() {
    let (shop, client) = (Desk::new("counter"), Desk::new("phone"));
    let client_up = Up::start(&client, &ALONE);
    let meet = || {
        let up = Up::start(&shop, &ALONE);
        let ticket = shop.ok(&["invite", "--json"]).json();
        let ticket = ticket["ticket"].as_str().unwrap().to_owned();
        client.ok(&["join", &ticket]);
        client.ok(&["sync", "--once"]);
        up
    };
    let entity = client.ok(&["whoami", "--json"]).json();
    let member = format!("{}=client", entity["entity"].as_str().unwrap());
    let new = [
        "topic", "new", "orders", "--app", "relation", "--member", &member,
    ];

    // what the client said of itself was in the memory of a node that ended
    meet().stop();
    let refused = shop.fails(1, &new);
    assert!(refused.err.contains("encryption key"), "{refused:?}");

    let shop_up = meet();
    shop.ok(&new);
    shop_up.stop();
    // from then on it is kept
    shop.ok(&[
        "topic", "new", "more", "--app", "relation", "--member", &member,
    ]);
    client_up.stop();
}
