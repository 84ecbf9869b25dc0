//! Nodes that reach each other through `synlog relay` alone, found by `synlog bootstrap`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use synlog_net::Ticket;

use crate::cli::Desk;
use crate::net_daemon::Up;

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
const CANARY: &str = "a canary in the mine sings of fresh bread";

/// A server of one command, once it is ready.
pub(crate) fn serve(desk: &Desk, arguments: &[&str]) -> Up {
    let arguments = [&["--json"], arguments].concat();
    Up::spawn(desk.command(&arguments)).expect("a server that starts")
}

/// What a server answers at a path.
fn get(server: &str, path: &str) -> (u16, String) {
    let address = server.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

fn json(server: &str, path: &str) -> Json {
    let (status, body) = get(server, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A number of a server's metrics.
pub(crate) fn metric(server: &str, name: &str) -> u64 {
    let (_, text) = get(server, "/metrics");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

#[test]
fn nodes_sync_a_private_topic_through_a_relay_that_a_registry_chose() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: no IPv6 loopback, by which the nodes are kept apart");
        return;
    }
    let (server, shop, client) = (Desk::empty(), Desk::new("counter"), Desk::new("phone"));
    let registry = serve(&server, &["bootstrap", "--listen", "127.0.0.1:0"]);
    let registry_url = registry.ready["url"].as_str().unwrap().to_owned();
    let relay = serve(
        &server,
        &[
            "relay",
            "--listen",
            "127.0.0.1:0",
            "--bootstrap",
            &registry_url,
        ],
    );
    assert_eq!(relay.wait("registered")["why"], Json::Null);
    let relay_url = relay.ready["relay"].as_str().unwrap().to_owned();
    let chosen = until("the relay is proven", || {
        let relays = json(&registry_url, "/relays/choice?n=3");
        relays["relays"].get(0).cloned()
    });
    assert_eq!(chosen["url"], relay_url);
    assert_eq!(chosen["endpoint"], relay.ready["endpoint"]);

    // one hears on IPv4 alone, the other on IPv6: nothing goes past the relay
    let near = [
        "--no-mdns",
        "--no-dht",
        "--no-web",
        "--bootstrap",
        &registry_url,
    ];
    let shop_up = Up::start(&shop, &[&near[..], &["--bind", "127.0.0.1:0"]].concat());
    let client_up = Up::start(&client, &[&near[..], &["--bind", "[::1]:0"]].concat());
    let chosen = |desk: &Desk| std::fs::read_to_string(desk.home.join("relay.url")).unwrap();
    assert_eq!(chosen(&shop).trim(), relay_url);
    let ticket = until("the ticket names the relay", || {
        let ticket = shop.ok(&["invite", "--json"]).json();
        let ticket = ticket["ticket"].as_str().unwrap().to_owned();
        let named = ticket.parse::<Ticket>().unwrap().relay;
        (named.as_ref() == Some(&relay_url)).then_some(ticket)
    });
    client.ok(&["join", &ticket]);
    let connected = client_up.wait("connected");
    assert_eq!(connected["via"], "relay", "{connected}");
    client.ok(&["sync", "--once"]);
    let member = format!("{}=client", client.entity());
    let new = [
        "topic", "new", "orders", "--app", "relation", "--member", &member,
    ];
    until("the shop knows the client's key", || {
        (shop.run(&new).code == Some(0)).then_some(())
    });
    shop.ok(&["invite", "orders", "--to", &client.entity()]);
    let letter = until("the letter comes", || {
        let letters = client.ok(&["inbox", "--json"]).json();
        letters["letters"].get(0).cloned()
    });
    client.ok(&["inbox", "accept", letter["letter"].as_str().unwrap()]);
    client.ok(&["sync", "--once"]);
    let before = metric(&relay_url, "synlog_relay_bytes_sent_total");
    for number in 0..20 {
        client.ok(&["say", "orders", "--text", &format!("{CANARY} {number}")]);
    }
    let tail = || shop.ok(&["tail", "orders", "--json"]).out;
    until("the shop has read it all", || {
        (tail().matches(CANARY).count() >= 20).then_some(())
    });
    // what came went through the relay
    let relayed = metric(&relay_url, "synlog_relay_bytes_sent_total") - before;
    assert!(relayed > 20 * CANARY.len() as u64, "{relayed}");
    assert!(metric(&relay_url, "synlog_relay_clients") >= 2);

    // the registry knows where they are
    let node = shop_up.ready["node"].as_str().unwrap();
    let found = until("its record is there", || {
        let (status, body) = get(&registry_url, &format!("/nodes/{node}"));
        (status == 200).then(|| serde_json::from_str::<Json>(&body).unwrap())
    });
    assert_eq!(found["relays"][0]["url"], relay_url);
    let page = found["relays"][0]["page"].as_str().unwrap();
    assert!(
        page.ends_with(&relay_url["http://127.0.0.1".len()..]),
        "{page}"
    );

    // a node whose registry is gone starts with the relay of last time
    registry.stop();
    client_up.stop();
    let client_up = Up::start(&client, &[&near[..], &["--bind", "[::1]:0"]].concat());
    assert_eq!(client_up.wait("connected")["via"], "relay");
    client_up.stop();
    shop_up.stop();
    relay.stop();
}

#[test]
fn what_was_typed_wrong_is_told() {
    let desk = Desk::empty();
    let refused = desk.fails(
        2,
        &["relay", "--listen", "127.0.0.1:0", "--domain", "a.example"],
    );
    assert!(refused.err.contains("--url"), "{refused:?}");
    let refused = desk.fails(2, &["relay", "--bootstrap", "nowhere"]);
    assert!(refused.err.contains("no URL"), "{refused:?}");
    let missing = ["--cert", "none.pem", "--key", "none.pem"];
    let refused = desk.fails(
        6,
        &[&["relay", "--listen", "127.0.0.1:0"], &missing[..]].concat(),
    );
    assert!(refused.err.contains("none.pem"), "{refused:?}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let refused = desk.fails(6, &["bootstrap", "--listen", &taken]);
    assert!(refused.err.contains("--listen"), "{refused:?}");
}
