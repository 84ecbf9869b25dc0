//! What both ends of a link sign, and tickets (page 12).

use serde_json::{Value as Json, json};
use synlog_log::ids::{EntityId, TopicId, hex};
use synlog_log::keys::SecretKey;
use synlog_log::refusal::Refusal;
use synlog_net::Ticket;
use synlog_net::handshake::{Greeting, Hello, Proof, Side};
use synlog_replication::peer::NodeId;

use crate::net_links::identity;
use crate::vectors::{case, hold};

fn hello(seed: u8) -> Hello {
    Hello {
        node: NodeId(SecretKey::from_seed([seed; 32]).public()),
        run: [seed; 16],
        nonce: [seed + 1; 32],
    }
}

#[test]
fn links() {
    let greeting = Greeting {
        dialer: hello(1),
        acceptor: hello(2),
    };
    let ana = identity(7);
    let transport = SecretKey::from_seed([2; 32]);
    let other = SecretKey::from_seed([3; 32]);
    let mut cases = Vec::new();
    let mut hold_case = |name: &str, side: Side, proof: &[u8], socket: bool, expected| {
        let shown = Proof::decode(proof).and_then(|proof| proof.verify(&greeting, side, !socket));
        let outcome = shown.map(|shown| {
            let proven = shown.map(|shown| shown.proven);
            json!({
                "device": proven.map(|proven| proven.device.to_string()),
                "entity": proven.map(|proven| proven.entity.to_string()),
            })
        });
        let input = json!({
            "dialer": hex(&greeting.dialer.encode()),
            "acceptor": hex(&greeting.acceptor.encode()),
            "side": u8::from(side == Side::Acceptor),
            "proof": hex(proof),
            "socket": socket,
        });
        cases.push(case(name, input, outcome, expected));
    };
    let right = Proof::of(&greeting, Side::Acceptor, Some(&ana), None).encode();
    let both = Proof::of(&greeting, Side::Acceptor, Some(&ana), Some(&transport)).encode();
    let stranger = Proof::of(&greeting, Side::Acceptor, None, None).encode();
    let wrong_key = Proof::of(&greeting, Side::Acceptor, None, Some(&other)).encode();
    let (ok, bad) = (Ok(()), Err(Refusal::BadSignature));
    hold_case("a device over QUIC", Side::Acceptor, &right, false, ok);
    hold_case("a device over a socket", Side::Acceptor, &both, true, ok);
    hold_case("both over QUIC", Side::Acceptor, &both, false, ok);
    hold_case("a stranger", Side::Acceptor, &stranger, false, ok);
    hold_case("the other side's", Side::Dialer, &right, false, bad);
    hold_case(
        "no transport key over a socket",
        Side::Acceptor,
        &right,
        true,
        bad,
    );
    hold_case(
        "a wrong transport key",
        Side::Acceptor,
        &wrong_key,
        true,
        bad,
    );
    let mut long = right.clone();
    long.push(0);
    let refusal = Err(Refusal::NotCanonical);
    hold_case("bytes left over", Side::Acceptor, &long, false, refusal);
    let cut = &right[..right.len() - 1];
    let refusal = Err(Refusal::Truncated);
    hold_case("cut", Side::Acceptor, cut, false, refusal);
    hold(
        "links.json",
        "Proofs of the two sides of a link (12.3)",
        cases,
    );
}

fn ticket_json(ticket: &Ticket) -> Json {
    let addresses = ticket.addresses.iter().map(|address| {
        let ip = match address.ip() {
            std::net::IpAddr::V4(ip) => hex(&ip.octets()),
            std::net::IpAddr::V6(ip) => hex(&ip.octets()),
        };
        json!([ip, address.port()])
    });
    json!({
        "node": hex(&ticket.node.0),
        "relay": ticket.relay,
        "addresses": addresses.collect::<Vec<_>>(),
        "entity": ticket.entity.map(|entity| entity.to_string()),
        "topic": ticket.topic.map(|topic| topic.to_string()),
        "name": ticket.name,
    })
}

#[test]
fn tickets() {
    let plain = Ticket::new(NodeId([1; 32]));
    let full = Ticket {
        node: NodeId([2; 32]),
        relay: Some("https://relay.example.org/".to_owned()),
        addresses: vec![
            "192.168.1.5:4455".parse().unwrap(),
            "[2001:db8::1]:80".parse().unwrap(),
        ],
        entity: Some(EntityId([3; 32])),
        topic: Some(TopicId([4; 32])),
        name: Some("Märkte".to_owned()),
    };
    let mut control = plain.clone();
    control.name = Some("a\u{7}b".to_owned());
    let mut mistyped = plain.to_string();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "a" { "b" } else { "a" });
    let texts = [
        ("only a node", plain.to_string(), true),
        ("everything", full.to_string(), true),
        (
            "in capitals, broken",
            format!(
                " {}\n{}",
                &full.to_string().to_uppercase()[..30],
                &full.to_string()[30..]
            ),
            true,
        ),
        ("a control letter", control.to_string(), false),
        ("a wrong letter", mistyped, false),
        ("no ticket", "synlog2abc".to_owned(), false),
        ("cut", plain.to_string()[..60].to_owned(), false),
    ];
    let cases = texts.into_iter().map(|(name, text, right)| {
        let read: Result<Ticket, _> = text.parse();
        // a ticket is right or not: readers tell people more, but need not agree on it
        let outcome = read
            .as_ref()
            .map(ticket_json)
            .map_err(|_| Refusal::NotCanonical);
        let expected = if right {
            Ok(())
        } else {
            Err(Refusal::NotCanonical)
        };
        case(name, json!({ "text": text }), outcome, expected)
    });
    hold("tickets.json", "Tickets (12.5)", cases.collect());
}
