//! Guests that a gateway brings: an iroh endpoint of this test plays it.

use std::time::Duration;

use iroh::endpoint::{Connection, RecvStream, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey, TransportAddr};
use synlog_log::ids::{hex, unhex};
use synlog_net::GUEST_ALPN;
use tokio::time::timeout;

use crate::cli::Desk;
use crate::net_daemon::Up;

const PATIENCE: Duration = Duration::from_secs(30);

async fn endpoint(seed: u8) -> Endpoint {
    Endpoint::builder(presets::Minimal)
        .secret_key(SecretKey::from_bytes(&[seed; 32]))
        .relay_mode(RelayMode::Disabled)
        .clear_ip_transports()
        .bind_addr("127.0.0.1:0")
        .unwrap()
        .bind()
        .await
        .unwrap()
}

/// Where a node is.
fn address(up: &Up) -> (EndpointAddr, Vec<u8>) {
    let node = unhex(up.ready["node"].as_str().unwrap()).unwrap();
    let id = EndpointId::from_bytes(&node[..].try_into().unwrap()).unwrap();
    let sockets = up.ready["addresses"].as_array().unwrap().iter();
    let sockets = sockets.filter_map(|it| it.as_str()?.parse().ok().map(TransportAddr::Ip));
    (EndpointAddr::from_parts(id, sockets), node)
}

async fn ask(connection: &Connection, request: &str) -> String {
    let (mut writer, mut reader): (SendStream, RecvStream) = connection.open_bi().await.unwrap();
    writer.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, reader.read_to_end(1 << 20))
        .await
        .unwrap();
    if let Ok(bytes) = read {
        answer = bytes;
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_gateway_that_the_owner_named_brings_guests() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (gateway, other) = runtime.block_on(async { (endpoint(7).await, endpoint(8).await) });
    let desk = Desk::new("counter");
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    let named = format!("{}@gate.example", hex(gateway.id().as_bytes()));
    let local = [
        "--bind",
        "127.0.0.1:0",
        "--no-mdns",
        "--no-dht",
        "--gateway",
        &named,
    ];
    let up = Up::start(&desk, &local);
    let (at, node) = address(&up);
    let label = data_encoding::BASE32_NOPAD.encode(&node).to_lowercase();
    let host = format!("{label}.gate.example");
    assert_eq!(up.ready["guests"]["url"], format!("https://{host}/"));
    let link = desk.ok(&["guests", "link"]).out;
    assert!(
        link.starts_with(&format!("https://{host}/#space=")),
        "{link}"
    );

    runtime.block_on(async {
        let connection = gateway.connect(at.clone(), GUEST_ALPN).await.unwrap();
        let get = |host: &str, more: &str| {
            format!("GET /api/guest/v1/here HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
        };
        let answer = ask(&connection, &get(&host, "")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("\"name\":\"shop\""), "{answer}");
        let with_port = ask(&connection, &get(&format!("{host}:8443"), "")).await;
        assert!(with_port.starts_with("HTTP/1.1 200"), "{with_port}");
        for wrong in ["127.0.0.1", "localhost", "gate.example", "evil.example", "x.gate.example"] {
            let answer = ask(&connection, &get(wrong, "")).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{wrong}: {answer}");
            assert!(answer.contains("wrong_host"), "{wrong}: {answer}");
        }
        let foreign = get(&host, "Origin: https://evil.example\r\n");
        assert!(ask(&connection, &foreign).await.contains("foreign_origin"));
        let own = get(&host, &format!("Origin: https://{host}\r\nSec-Fetch-Site: same-origin\r\n"));
        assert!(ask(&connection, &own).await.starts_with("HTTP/1.1 200"));

        // callers that the gateway tells apart are counted apart
        let challenge = |caller: &str| {
            format!("POST /api/guest/v1/challenge HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\nSynlog-Caller: {caller}\r\n\r\n")
        };
        let mut last = String::new();
        for _ in 0..61 {
            last = ask(&connection, &challenge("0011223344556677")).await;
        }
        assert!(last.starts_with("HTTP/1.1 429"), "{last}");
        let another = ask(&connection, &challenge("8899aabbccddeeff")).await;
        assert!(another.starts_with("HTTP/1.1 200"), "{another}");

        // many at once, and one that says nothing holds up nobody
        let (mut idle, _reading) = connection.open_bi().await.unwrap();
        idle.write_all(b"GET").await.unwrap();
        let asked = (0..40).map(|_| {
            let (connection, request) = (connection.clone(), get(&host, ""));
            tokio::spawn(async move { ask(&connection, &request).await })
        });
        for answer in asked.collect::<Vec<_>>() {
            assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
        }

        // somebody else brings nobody
        let stranger = other.connect(at, GUEST_ALPN).await.unwrap();
        let closed = timeout(PATIENCE, stranger.closed()).await.unwrap();
        assert!(closed.to_string().contains("not a gateway"), "{closed}");
        gateway.close().await;
        other.close().await;
    });
    up.stop();
}

#[test]
fn a_gateway_says_who_it_is() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let id = hex(SecretKey::from_bytes(&[7; 32]).public().as_bytes());
    let body = format!(
        "{{\"endpoint\":\"{id}\",\"relay\":\"http://127.0.0.1:{port}/\",\"domain\":\"localhost\",\"version\":\"1\"}}"
    );
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 2048];
        let read = stream.read(&mut head).unwrap();
        assert!(head[..read].starts_with(b"GET /.well-known/synlog HTTP/1.1"));
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
    });
    let desk = Desk::new("counter");
    let url = format!("http://127.0.0.1:{port}");
    let local = ["--bind", "127.0.0.1:0", "--no-mdns", "--no-dht"];
    let up = Up::start(&desk, &[&local[..], &["--gateway", &url]].concat());
    answering.join().unwrap();
    let node = unhex(up.ready["node"].as_str().unwrap()).unwrap();
    let label = data_encoding::BASE32_NOPAD.encode(&node).to_lowercase();
    let here = format!("http://{label}.localhost:{port}/");
    assert_eq!(up.ready["guests"]["url"], here);
    up.stop();
    // it is gone, and counts as it was
    let up = Up::start(&desk, &local);
    assert_eq!(up.ready["guests"]["url"], here);
    up.stop();
    // one that never said who it is can't be named
    let other = Desk::new("till");
    let failed = other.fails(6, &[&["up"][..], &local, &["--gateway", &url]].concat());
    assert!(failed.err.contains("does not answer"), "{}", failed.err);
}
