//! What those see who watch over a node, and that it ends in time whoever does not answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_client::Web;

/// Asks for something beside the API. Gives status and body.
pub(crate) fn probe(host: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let mut stream = TcpStream::connect(host).unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A number.
fn value(text: &str, name: &str) -> Option<f64> {
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let mut lines = lines.filter(|(front, _)| *front == name);
    lines.next().map(|(_, value)| value.parse().unwrap())
}

/// Asks until the numbers are as they should be: the loop notes them now and then.
fn until(host: &str, token: &str, right: impl Fn(&str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let (status, text) = probe(host, "/metrics", Some(token));
        assert_eq!(status, 200);
        if right(&text) {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn numbers_follow_what_happens() {
    let (shop, other) = (Desk::new("counter"), Desk::new("stall"));
    let token = shop.ok(&["token", "new", "watcher"]).word();
    let up = Up::start(&shop, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    let host = web.host.clone();
    assert_eq!(
        probe(&host, "/healthz", None),
        (200, json!({ "alive": true }).to_string())
    );
    assert_eq!(probe(&host, "/readyz", None).0, 200);
    assert_eq!(probe(&host, "/metrics", None).0, 401);

    let before = until(&host, &token, |text| {
        value(text, "synlog_topics") == Some(0.0)
    });
    for name in [
        "synlog_entries",
        "synlog_feeds",
        "synlog_store_bytes",
        "synlog_waiting_entries",
        "synlog_waiting_dropped_total",
        "synlog_fold_lag_entries",
        "synlog_rejected_total",
        "synlog_net_sent_bytes_total",
        "synlog_net_received_bytes_total",
        "synlog_sync_rounds_total",
        "synlog_start_time_seconds",
        "synlog_http_request_seconds_sum",
    ] {
        assert!(value(&before, name).is_some(), "{name}\n{before}");
    }
    assert_eq!(value(&before, "synlog_ready"), Some(1.0));
    assert_eq!(value(&before, "synlog_peers{path=\"socket\"}"), Some(0.0));

    // entries, of which the rows know nothing until somebody asks
    let of_space = ["space", "create", "shop", "Shop"];
    shop.ok(&["topic", "new", "shop", "--app", "space"]);
    shop.ok(&[
        &of_space[..],
        &["--currency", "EUR", "--zone", "Europe/Helsinki"],
    ]
    .concat());
    let after = until(&host, &token, |text| {
        value(text, "synlog_topics") == Some(1.0)
            && value(text, "synlog_fold_lag_entries") > Some(0.0)
    });
    let grown = |name| value(&after, name) > value(&before, name);
    assert!(grown("synlog_entries") && grown("synlog_feeds") && grown("synlog_store_bytes"));
    shop.ok(&["view", "list", "shop", "items"]);
    until(&host, &token, |text| {
        value(text, "synlog_fold_lag_entries") == Some(0.0)
    });

    // a watcher, a wrong request, a neighbour
    let mut stream = web.watch("/stream", None);
    assert_eq!(stream.next().unwrap().event, "hello");
    assert_eq!(web.get("/topics/none").status, 404);
    let beside = shop.home.to_str().unwrap();
    let neighbour = Up::start(&other, &["--offline", "--neighbour", beside]);
    // bytes are counted as sent when they are, which may be after the other end's answer
    let text = until(&host, &token, |text| {
        value(text, "synlog_peers{path=\"socket\"}") == Some(1.0)
            && value(text, "synlog_sync_rounds_total") > Some(0.0)
            && value(text, "synlog_net_sent_bytes_total") > Some(0.0)
    });
    assert!(value(&text, "synlog_net_received_bytes_total") > Some(0.0));
    assert_eq!(value(&text, "synlog_stream_watchers"), Some(1.0));
    assert_eq!(
        value(&text, "synlog_http_requests_total{status=\"404\"}"),
        Some(1.0)
    );
    neighbour.stop();
    drop(stream);
    up.stop();

    // whoever is on this machine, where the owner says so
    let up = Up::start(&shop, &["--offline", "--set", "web.metrics=loopback"]);
    let url = up.ready["web"]["url"].as_str().unwrap();
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    assert_eq!(probe(host, "/metrics", None).0, 200);
    up.stop();
}

/// Sends a signal to a process.
fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_node_ends_within_five_seconds_whoever_does_not_answer() {
    for name in ["-TERM", "-INT"] {
        let (shop, other) = (Desk::new("counter"), Desk::new("stall"));
        let alone = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];
        let mut up = Up::start(&shop, &alone);
        let peer = Up::start(&other, &alone);
        let ticket = shop.ok(&["invite", "--json"]).json();
        other.ok(&["join", ticket["ticket"].as_str().unwrap()]);
        up.wait("connected");
        // a peer that answers nothing any more, a body that never ends, a command that
        // follows, and a stream
        signal(peer.pid(), "-STOP");
        let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
        let mut hanging = TcpStream::connect(&web.host).unwrap();
        let head = format!(
            "POST /api/v1/blobs HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nContent-Length: 1000\r\n\r\nfirst",
            web.host, web.cookie
        );
        hanging.write_all(head.as_bytes()).unwrap();
        shop.ok(&["topic", "new", "board", "--app", "board"]);
        let mut follows = shop.command(&["tail", "--follow"]);
        let mut follows = follows
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // it runs in the node, and not beside one that has ended already
        let mut lines = BufReader::new(follows.stdout.take().unwrap());
        assert!(lines.read_line(&mut String::new()).unwrap() > 0);
        let mut stream = web.watch("/stream", None);
        assert_eq!(stream.next().unwrap().event, "hello");
        std::thread::sleep(Duration::from_millis(300));

        let begun = Instant::now();
        signal(up.pid(), name);
        let told: Vec<String> = stream.map(|told| told.event).collect();
        assert_eq!(told.last().map(String::as_str), Some("bye"));
        let code = up.ended();
        let took = begun.elapsed();
        assert_eq!(code, Some(0), "{name}");
        // much more than it takes, for machines that do other things as well
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
        println!("{name}: ended after {took:?}");
        assert!(!follows.wait().unwrap().success());
        signal(peer.pid(), "-CONT");
        peer.kill();
        // nothing is left behind that would keep the next one from starting
        Up::start(&shop, &["--offline"]).stop();
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let shop = Desk::new("counter");
    let mut up = Up::start(&shop, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    // a body that never ends holds it for a moment
    let mut hanging = TcpStream::connect(&web.host).unwrap();
    let head = format!(
        "POST /api/v1/blobs HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nContent-Length: 1000\r\n\r\nfirst",
        web.host, web.cookie
    );
    hanging.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    // both are there before it can do anything; two of the same would be one
    for name in ["-STOP", "-TERM", "-INT", "-CONT"] {
        signal(up.pid(), name);
    }
    // not 0, with which it ends by itself
    assert_eq!(up.ended(), Some(130));
    shop.ok(&["doctor"]);
}
