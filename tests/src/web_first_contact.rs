//! Two people who meet by the pages of their nodes alone: a ticket, a relation, a letter.

use serde_json::{Value as Json, json};

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_client::{Web, soon};

const LOCAL: [&str; 4] = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];

/// A running node, and who is logged in there.
fn at(name: &str) -> (Desk, Up, Web) {
    let desk = Desk::new(name);
    let up = Up::start(&desk, &LOCAL);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    (desk, up, web)
}

#[test]
fn a_ticket_a_relation_and_a_letter() {
    let (_shop, shop_up, shop) = at("counter");
    let (client_desk, client_up, client) = at("phone");
    let made = shop.done("/invitations", &json!({}));
    let squares = made["qr"].as_array().unwrap();
    let is_square = |row: &Json| {
        let row = row.as_str().unwrap();
        row.len() == squares.len() && row.chars().all(|square| "#.".contains(square))
    };
    assert!(squares.len() > 20 && squares.iter().all(is_square));
    client.done("/joins", &json!({ "ticket": made["ticket"] }));
    let connected = |peers: &Json| peers["peers"][0]["connected"] == true;
    soon(|| client.ok("/peers"), connected);
    client_desk.ok(&["sync", "--once"]);

    let entity = client.ok("/whoami")["entity"].clone();
    let mut new = json!({ "name": "orders", "app": "relation" });
    new["members"][entity.as_str().unwrap()] = json!("client");
    let topic = shop.done("/topics", &new);
    let text = "Hello <img src=x onerror=alert(1)>";
    let letter = json!({ "topic": topic["topic"], "to": entity, "message": text });
    shop.done("/invitations", &letter);
    let one = |inbox: &Json| {
        inbox["letters"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    };
    let inbox = soon(|| client.ok("/inbox"), one);
    let letter = &inbox["letters"][0];
    assert_eq!(letter["message"], text);
    assert_eq!(letter["topic"], topic["topic"]);
    let path = format!("/inbox/{}", letter["letter"].as_str().unwrap());
    client.done(&path, &json!({ "accept": true }));
    assert_eq!(client.ok("/inbox")["letters"], json!([]));
    let has_it = |topics: &Json| {
        let mut topics = topics["topics"].as_array().unwrap().iter();
        topics.any(|other| other["topic"] == topic["topic"] && other["name"] == "orders")
    };
    soon(|| client.ok("/topics"), has_it);

    // what makes no sense is said so, and nothing breaks
    let status = |path: &str, body: Json| client.post(path, &body.to_string()).status;
    assert_eq!(
        status("/joins", json!({ "ticket": "synlog1nonsense" })),
        400
    );
    assert_eq!(status("/joins", json!({ "ticket": "--home=/" })), 400);
    assert_eq!(status("/inbox/ffff", json!({ "accept": false })), 400);
    assert_eq!(status("/invitations", json!({ "to": "--json" })), 400);
    client_up.stop();
    shop_up.stop();
}
