//! Limits hold.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::stage::{Node, PATIENCE, Stage, host, key};
use crate::limits::{PROOF, REQUEST_BURST, REQUESTS_PER_CALLER_AND_NODE};

#[tokio::test(flavor = "multi_thread")]
async fn one_address_can_ask_only_so_much() {
    let stage = Stage::new().await;
    let stream = TcpStream::connect(stage.relay.address())
        .await
        .expect("it listens");
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.expect("HTTP");
    tokio::spawn(connection);
    let mut served = 0;
    for _ in 0..2 * REQUEST_BURST {
        let request = Request::get("/").header("host", host(&key(9).public()));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key("retry-after"));
            break;
        }
        served += 1;
        drop(answer);
        sender.ready().await.expect("it goes on");
    }
    assert!(
        (REQUEST_BURST..2 * REQUEST_BURST).contains(&served),
        "{served}"
    );
    assert!(stage.relay.counts().requests_refused.get() > 0);
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_ways_to_a_node_for_others() {
    let stage = Stage::new().await;
    let node = Node::start(key(1), &stage.url()).await;
    let other = Node::start(key(2), &stage.url()).await;
    let mut open = Vec::new();
    for _ in 0..REQUESTS_PER_CALLER_AND_NODE {
        let live = stage.get(&node.id(), "/live").await;
        assert_eq!(live.status(), StatusCode::OK);
        open.push(live);
    }
    let one_more = stage.get(&node.id(), "/").await;
    assert_eq!(one_more.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stage.get(&other.id(), "/").await.status(), StatusCode::OK);
    open.clear();
    // who let go gets in again, once the gateway has seen it
    let again = async {
        while stage.get(&node.id(), "/").await.status() != StatusCode::OK {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("there is room again");
    stage.relay.stop().await;
}

/// Waits for something that comes about by itself.
async fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_only_so_many_connections_nodes_included() {
    // the gateway's own to the relay takes one, the node's another
    let stage = Stage::with(|options| options.per_caller = 4).await;
    let node = Node::start(key(1), &stage.url()).await;
    assert_eq!(stage.get(&node.id(), "/").await.status(), StatusCode::OK);
    let places = stage.relay.counts().connections.get() + stage.relay.counts().clients.get();
    assert!(places >= 2, "{places}");
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(
            TcpStream::connect(stage.relay.address())
                .await
                .expect("it listens"),
        );
    }
    until(|| stage.relay.counts().connections_refused.get() >= 4).await;
    let mut closed = 0;
    for stream in &mut open {
        let read = timeout(Duration::from_secs(2), stream.read_u8()).await;
        closed += usize::from(matches!(read, Ok(Err(_))));
    }
    assert!(closed >= 4, "{closed}");
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_relay_turns_nodes_away() {
    // the gateway itself is one
    let stage = Stage::with(|options| options.clients_max = 2).await;
    let first = Node::start(key(1), &stage.url()).await;
    // the gateway may come a little later
    assert_eq!(stage.get(&first.id(), "/").await.status(), StatusCode::OK);
    let second = iroh::Endpoint::builder(iroh::endpoint::presets::Minimal)
        .relay_mode(iroh::RelayMode::custom([stage.url()]))
        .clear_ip_transports()
        .bind()
        .await
        .expect("an endpoint");
    until(|| stage.relay.counts().clients_refused.get() > 0).await;
    let online = timeout(Duration::from_millis(300), second.online()).await;
    assert!(online.is_err());
    assert_eq!(stage.relay.counts().clients.get(), 2);
    first.endpoint.close().await;
    // there is room again
    timeout(PATIENCE * 2, second.online())
        .await
        .expect("it comes in");
    stage.relay.stop().await;
}

/// Who becomes a relay's client and never says who he is holds his place for a moment only.
#[tokio::test(flavor = "multi_thread")]
async fn who_proves_nothing_is_cut_off() {
    let stage = Stage::new().await;
    let mut stream = TcpStream::connect(stage.relay.address())
        .await
        .expect("it listens");
    let head = "GET /relay HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Protocol: iroh-relay-v2, iroh-relay-v1\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.expect("read");
    assert!(answer[..read].starts_with(b"HTTP/1.1 101"));
    let rest = async {
        let mut bytes = [0; 4_096];
        while !matches!(stream.read(&mut bytes).await, Ok(0) | Err(_)) {}
    };
    let ended = timeout(PROOF + Duration::from_secs(5), rest).await;
    assert!(ended.is_ok(), "it is still open");
    // nor does it help to have asked for something else before
    let mut stream = TcpStream::connect(stage.relay.address())
        .await
        .expect("it listens");
    let both = format!("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n{head}");
    stream.write_all(both.as_bytes()).await.expect("written");
    let mut answers = Vec::new();
    while !String::from_utf8_lossy(&answers).contains("no_relay_client") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answers)).await;
        assert!(read.expect("in time").expect("read") > 0);
    }
    stage.relay.stop().await;
}
