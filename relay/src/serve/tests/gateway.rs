//! Browsers and nodes, with the gateway between them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use iroh_relay::tls::CaTlsConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::stage::{Node, PATIENCE, Stage, ask, endpoint, endpoint_with, host, key, text};
use crate::limits::BODY_BYTES;
use crate::serve::fetch::Fetch;
use crate::wellknown::{PATH, WellKnown};
use crate::{GUEST_ALPN, name};

#[tokio::test(flavor = "multi_thread")]
async fn pages_posts_and_live_streams_pass() {
    let stage = Stage::new().await;
    let node = Node::start(key(1), &stage.url()).await;
    let page = stage.get(&node.id(), "/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["set-cookie"], "a=1; HttpOnly");
    assert_eq!(text(page).await, "<h1>Bakery</h1>");
    assert_eq!(
        stage.get(&node.id(), "/no").await.status(),
        StatusCode::NOT_FOUND
    );

    let body = Bytes::from(vec![7; 1 << 20]);
    let expected = format!("{} {}", body.len(), blake3::hash(&body));
    let post = Request::post("/echo")
        .body(Full::new(body))
        .expect("a request");
    let answered = stage.ask(&host(&node.id()), post).await;
    assert_eq!(text(answered).await, expected);

    // what comes live is not gathered
    let live = stage.get(&node.id(), "/live").await;
    let mut body = live.into_body();
    for _ in 0..5 {
        let frame = timeout(PATIENCE, body.frame()).await;
        let frame = frame.expect("in time").expect("more").expect("whole");
        assert!(
            frame
                .data_ref()
                .is_some_and(|data| data.starts_with(b"data: tick"))
        );
    }
    assert_eq!(stage.relay.counts().requests_open.get(), 1);
    drop(body);
    assert_eq!(stage.relay.counts().requests_failed.get(), 0);
    // one connection for all of it
    assert_eq!(stage.relay.counts().dials.get(), 1);
    node.endpoint.close().await;
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sees_its_name_and_no_address() {
    let stage = Stage::new().await;
    let (node, other) = (
        Node::start(key(1), &stage.url()).await,
        Node::start(key(2), &stage.url()).await,
    );
    let head = |node: &Node| {
        let request = Request::get("/head?x=1")
            .header("x-forwarded-for", "10.9.8.7")
            .header("synlog-caller", "forged")
            .header("authorization", "Bearer t")
            .header("upgrade", "websocket")
            .header("connection", "upgrade");
        let request = request.body(Full::default()).expect("a request");
        let host = format!("{}:4480", host(&node.id()));
        let stage = &stage;
        async move { text(stage.ask(&host, request).await).await }
    };
    let (first, again, elsewhere) = (head(&node).await, head(&node).await, head(&other).await);
    assert_eq!(first, again);
    let caller = |head: &str| {
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("synlog-caller: "));
        line.expect("a caller").to_owned()
    };
    assert_eq!(caller(&first).len(), 16);
    // two nodes can't find out that they have the same customer
    assert_ne!(caller(&first), caller(&elsewhere));
    assert!(first.contains(&format!("host: {}:4480\n", host(&node.id()))));
    assert!(first.contains("authorization: Bearer t\n"));
    for wrong in ["10.9.8.7", "forged", "127.0.0.1", "upgrade"] {
        assert!(!first.contains(wrong), "{wrong}: {first}");
    }
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_the_writer_down() {
    let stage = Stage::new().await;
    let node = Node::start(key(1), &stage.url()).await;
    let answer = stage.get(&node.id(), "/flood").await;
    let mut body = answer.into_body();
    body.frame().await.expect("more").expect("whole");
    // nobody reads on: all that is made must soon come to rest
    let mut before = u64::MAX;
    let mut now = node.made.load(Ordering::Relaxed);
    let begun = Instant::now();
    while before != now {
        assert!(begun.elapsed() < PATIENCE, "{now} bytes, and it goes on");
        sleep(Duration::from_millis(700)).await;
        (before, now) = (now, node.made.load(Ordering::Relaxed));
    }
    // sockets of this machine hold some megabytes
    assert!(now < 24 << 20, "{now}");
    // others are served meanwhile
    assert_eq!(
        text(stage.get(&node.id(), "/").await).await,
        "<h1>Bakery</h1>"
    );
    // and it goes on where it is read again
    let mut read = 0;
    while read < now + (1 << 20) {
        let frame = timeout(PATIENCE, body.frame()).await.expect("in time");
        let frame = frame.expect("more").expect("whole");
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    // who goes ends it
    drop(body);
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_and_comes_back() {
    let stage = Stage::new().await;
    let node = Node::start(key(1), &stage.url()).await;
    let id = node.id();
    assert_eq!(stage.get(&id, "/").await.status(), StatusCode::OK);
    node.endpoint.close().await;
    drop(node);
    let begun = Instant::now();
    loop {
        let answer = stage.get(&id, "/").await;
        if answer.status() == StatusCode::BAD_GATEWAY {
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert!(answer.headers().contains_key("retry-after"));
            let text = text(answer).await;
            if text.contains("node_absent") {
                break;
            }
        }
        assert!(begun.elapsed() < PATIENCE, "it is gone");
        sleep(Duration::from_millis(50)).await;
    }
    let node = Node::start(key(1), &stage.url()).await;
    assert_eq!(stage.get(&id, "/").await.status(), StatusCode::OK);
    // without having said goodbye
    let crashed = node;
    let next = Node::start(key(1), &stage.url()).await;
    assert_eq!(stage.get(&id, "/").await.status(), StatusCode::OK);
    drop((crashed, next));
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_costs_nothing() {
    let stage = Stage::new().await;
    let request = Request::get("/")
        .header("accept", "text/html")
        .header("accept-language", "de-CH,de;q=0.9")
        .body(Full::default())
        .expect("a request");
    let answer = stage.ask(&host(&key(9).public()), request).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(
        text(answer)
            .await
            .contains("Der Laden ist gerade geschlossen")
    );
    assert_eq!(stage.relay.counts().dials.get(), 0);
    let answer = stage
        .ask("www.localhost", Request::new(Full::default()))
        .await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    // a node that takes no guests, or not from us
    let closed = endpoint(key(3), &stage.url(), &[b"synlog/sync/1"]).await;
    tokio::spawn(async move {
        while let Some(incoming) = closed.accept().await {
            tokio::spawn(async move { drop(incoming.await) });
        }
    });
    let answer = stage.get(&key(3).public(), "/").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(text(answer).await.contains("node_closed"));
    let refusing = endpoint(key(4), &stage.url(), &[GUEST_ALPN]).await;
    tokio::spawn(async move {
        while let Some(incoming) = refusing.accept().await {
            if let Ok(connection) = incoming.await {
                connection.close(1_u32.into(), b"not from you");
            }
        }
    });
    let answer = stage.get(&key(4).public(), "/").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(text(answer).await.contains("node_closed"));
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_stays_here() {
    let stage = Stage::new().await;
    let node = Node::start(key(1), &stage.url()).await;
    // only the head: who is still sending when it is refused may hear nothing but an end
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        host(&node.id()),
        BODY_BYTES + 1
    );
    let mut stream = TcpStream::connect(stage.relay.address())
        .await
        .expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("a head");
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 413");
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_says_what_it_is_and_leads_to_nodes() {
    let stage = Stage::new().await;
    let own = |path: &str| {
        let request = Request::get(path).body(Full::default()).expect("a request");
        let address = stage.relay.address();
        async move { ask(address, "127.0.0.1", request).await }
    };
    let known = text(own(PATH).await).await;
    let known = WellKnown::read(known.as_bytes()).expect("it says what it is");
    assert_eq!(&known, stage.relay.known());
    let node = key(5).public();
    for id in [name::hex(&node), name::label(&node)] {
        let answer = own(&format!("/n/{id}")).await;
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        let port = stage.relay.address().port();
        let expected = format!("http://{}.localhost:{port}/", name::label(&node));
        assert_eq!(answer.headers()["location"], expected);
    }
    assert_eq!(own("/n/xyz").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(own("/healthz").await.status(), StatusCode::OK);
    let metrics = text(own("/metrics").await).await;
    assert!(
        metrics.contains("\nsynlog_relay_bytes_received_total "),
        "{metrics}"
    );
    let begun = Instant::now();
    while own("/readyz").await.status() != StatusCode::OK {
        assert!(begun.elapsed() < PATIENCE);
        sleep(Duration::from_millis(100)).await;
    }
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_all_goes_by_tls() {
    // no wildcard holds right below a name of one label
    let names = ["localhost".to_owned(), host(&key(1).public())];
    let made = rcgen::generate_simple_self_signed(names).expect("made");
    let folder = tempfile::tempdir().expect("a directory");
    let paths = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&paths.0, made.cert.pem()).expect("written");
    std::fs::write(&paths.1, made.signing_key.serialize_pem()).expect("written");
    let stage = Stage::with(|options| options.tls = Some(paths)).await;
    assert_eq!(stage.url().scheme(), "https");
    assert!(stage.relay.discovery().is_some());
    let root = CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).expect("PEM");
    let roots = CaTlsConfig::custom_roots([root]);
    let node = endpoint_with(key(1), &stage.url(), &[GUEST_ALPN], roots.clone()).await;
    let node = Node::on(node);
    let port = stage.relay.address().port();
    let fetch = Fetch::new(&roots, true).expect("a client");
    let known = fetch.get(&stage.url(), PATH).await.expect("an answer");
    let known = WellKnown::read(&known.1).expect("it says what it is");
    assert_eq!(
        known.page_of(&node.id()),
        format!("https://{}:{port}/", host(&node.id()))
    );
    // as a browser that finds the name at this machine
    let stream = tokio::net::TcpStream::connect(stage.relay.address()).await;
    let stream = stream.expect("it listens");
    let tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(fetch.tls()));
    let server = rustls::pki_types::ServerName::try_from(host(&node.id())).expect("a name");
    let stream = tls.connect(server, stream).await.expect("TLS");
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .expect("HTTP");
    tokio::spawn(connection);
    let request = Request::get("/").header("host", format!("{}:{port}", host(&node.id())));
    let request = request.body(Full::<Bytes>::default()).expect("a request");
    let answer = timeout(PATIENCE, sender.send_request(request)).await;
    let answer = answer.expect("in time").expect("an answer");
    assert_eq!(text(answer).await, "<h1>Bakery</h1>");
    stage.relay.stop().await;
}
