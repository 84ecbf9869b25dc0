//! What a node logs at its most talkative: whole lines with ids, and no secret in any.

use std::fs::File;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_client::Web;

/// A node that logs everything, libraries too, to a file.
fn up(desk: &Desk, log: &Path, more: &[&str]) -> Up {
    let mut arguments = vec!["up", "--json", "--log", "trace,synlog=trace"];
    arguments.extend(["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"]);
    arguments.extend(more);
    let mut command = desk.command(&arguments);
    command.stderr(File::create(log).unwrap());
    Up::spawn(command).unwrap()
}

/// All that may stand in no log: what the key files hold, as hex and as bytes.
fn secrets(desk: &Desk) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for entry in std::fs::read_dir(desk.home.join("keys")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for hex in text.lines().filter_map(|line| line.strip_prefix("secret ")) {
            let hex = hex.trim();
            let bytes: Vec<u8> = (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            // as a library would show an array
            let numbers: Vec<String> = bytes[..8].iter().map(ToString::to_string).collect();
            secrets.push(numbers.join(", ").into_bytes());
            secrets.push(bytes[..16].to_vec());
            secrets.push(hex.as_bytes()[..32].to_vec());
            secrets.push(hex[..32].to_uppercase().into_bytes());
        }
    }
    assert!(secrets.len() >= 12, "keys of root, device and transport");
    secrets
}

#[test]
fn no_secret_is_logged_however_much_is() {
    let (shop, client) = (Desk::new("counter"), Desk::new("phone"));
    let logs = [shop.root.join("log"), client.root.join("log")];
    let token = shop.ok(&["token", "new", "till", "--write"]).word();
    let shop_up = up(&shop, &logs[0], &["--log-format", "json"]);
    let client_up = up(&client, &logs[1], &[]);

    // a session over HTTP, with a login, a token, a wrong one, and a stream
    let link = shop_up.ready["web"]["login"].as_str().unwrap().to_owned();
    let web = Web::login(&link);
    let till = web.with_token(&token);
    assert_eq!(web.with_token("canary-guess").get("/topics").status, 401);
    let mut stream = web.watch("/stream", None);
    assert_eq!(stream.next().unwrap().event, "hello");

    // a private topic, written to on both sides, and letters
    let ticket = shop.ok(&["invite", "--json"]).json();
    client.ok(&["join", ticket["ticket"].as_str().unwrap()]);
    client.ok(&["sync", "--once"]);
    let member = format!("{}=client", client.entity());
    shop.ok(&[
        "topic", "new", "orders", "--app", "relation", "--member", &member,
    ]);
    shop.ok(&[
        "invite",
        "orders",
        "--to",
        &client.entity(),
        "--message",
        "canary-letter",
    ]);
    let letter = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let inbox = client.ok(&["inbox", "--json"]).json();
        inbox["letters"][0]["letter"].as_str().map(str::to_owned)
    });
    client.ok(&["inbox", "accept", &letter.unwrap()[..8]]);
    client.ok(&["sync", "--once"]);
    client.ok(&["say", "orders", "--text", "canary-said-by-client"]);
    let say = json!({ "body": { "text": "canary-said-by-shop" } });
    let said = till.done("/topics/orders/events/say", &say);
    assert_eq!(said["verdict"], "accepted");
    client.ok(&["sync", "--once"]);
    let blob = b"canary-in-a-blob".repeat(100);
    let added = till.ask("POST", "/blobs?topic=orders", &[], &blob);
    assert_eq!(added.status, 200);
    let told = till.ask("GET", "/topics", &[("x-request-id", "from-the-till")], b"");
    assert_eq!(told.header("x-request-id"), Some("from-the-till"));

    let mut canaries: Vec<Vec<u8>> = [&shop, &client].into_iter().flat_map(secrets).collect();
    let cookie = web.cookie.split('=').nth(1).unwrap();
    let login = link.split("#login=").nth(1).unwrap();
    for text in [&token, cookie, login, "canary-"] {
        canaries.push(text.as_bytes().to_vec());
    }
    drop(stream);
    shop_up.stop();
    client_up.stop();
    for log in &logs {
        let bytes = std::fs::read(log).unwrap();
        assert!(bytes.len() > 20_000, "{} bytes are no trace", bytes.len());
        for canary in &canaries {
            let found = bytes
                .windows(canary.len())
                .position(|window| window == canary);
            let around = found.map(|at| {
                let line = &bytes[at.saturating_sub(300)..bytes.len().min(at + 100)];
                String::from_utf8_lossy(line).into_owned()
            });
            assert_eq!(around, None, "{}", String::from_utf8_lossy(canary));
        }
    }

    // each line is whole, and requests, links and syncs can be told apart
    let text = std::fs::read_to_string(&logs[0]).unwrap();
    let lines: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let within = |name: &str, message: &str| -> Vec<Json> {
        let lines = lines.iter().filter(|line| line["message"] == message);
        let spans = lines.flat_map(|line| line["spans"].as_array().unwrap());
        spans.filter(|span| span["name"] == name).cloned().collect()
    };
    let answered = within("request", "answered");
    assert!(answered.iter().any(|span| span["id"] == "from-the-till"));
    assert!(answered.len() >= 6, "{answered:?}");
    assert_eq!(
        within("link", "connected").len(),
        within("link", "closed").len()
    );
    assert!(!within("link", "connected").is_empty());
    assert!(!within("sync", "both hold the same").is_empty());
    assert!(!within("command", "ended").is_empty());
}
