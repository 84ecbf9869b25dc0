//! A registry, and relays that register themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::{Request, StatusCode};
use iroh::RelayUrl;
use iroh::address_lookup::{AddressLookupBuilder, PkarrPublisher};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use super::stage::{Node, PATIENCE, Stage, ask, host, key, loopback, text};
use crate::name;
use crate::registration::Registration;
use crate::serve::bootstrap::{Bootstrap, BootstrapOptions};
use crate::serve::clock::now_ms;
use crate::serve::enlist;
use crate::serve::fetch::Fetch;
use crate::wellknown::relay_url;

async fn start(home: &TempDir) -> Bootstrap {
    let options = BootstrapOptions::new(home.path().join("b"), loopback());
    let started = Bootstrap::start(options, Arc::new(|_| {})).await;
    started.expect("a registry")
}

fn url(bootstrap: &Bootstrap) -> RelayUrl {
    relay_url(&format!("http://{}", bootstrap.address())).expect("a URL")
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn fetch() -> Fetch {
    Fetch::new(&Default::default(), true).expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_come_are_chosen_and_go() {
    let home = tempfile::tempdir().expect("a directory");
    let bootstrap = start(&home).await;
    let at = url(&bootstrap);
    let none = enlist::choice(&fetch(), &at, 3).await.expect("an answer");
    assert!(none.is_empty());
    let registers = |options: &mut crate::serve::relay::RelayOptions| {
        options.bootstraps = vec![at.clone()];
    };
    let (one, two) = (Stage::with(registers).await, Stage::with(registers).await);
    until("both are proven", || bootstrap.relays() == (2, 2)).await;
    let mut chosen = enlist::choice(&fetch(), &at, 3).await.expect("an answer");
    chosen.sort();
    let mut expected = [one.url(), two.url()];
    expected.sort();
    assert_eq!(chosen, expected);
    one.relay.stop().await;
    until("who goes says so", || bootstrap.relays() == (1, 1)).await;
    // what it knows survives a new start
    bootstrap.stop().await.expect("kept");
    let bootstrap = start(&home).await;
    assert_eq!(bootstrap.relays(), (1, 1));
    let chosen = enlist::choice(&fetch(), &url(&bootstrap), 3).await;
    assert_eq!(chosen.expect("an answer"), [two.url()]);
    two.relay.stop().await;
    bootstrap.stop().await.expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_relay_never_counts() {
    let home = tempfile::tempdir().expect("a directory");
    let bootstrap = start(&home).await;
    let at = url(&bootstrap);
    let stage = Stage::new().await;
    let now_ms = now_ms();
    let post = |registration: Registration| {
        let (fetch, at) = (fetch(), at.clone());
        async move {
            let json = registration.to_json().to_string();
            let answered = fetch.post(&at, "/relays", json).await.expect("an answer");
            let value: Value = serde_json::from_slice(&answered.1).expect("JSON");
            (
                answered.0,
                value["code"].as_str().unwrap_or_default().to_owned(),
            )
        }
    };
    // somebody else's relay, signed by a key of one's own
    let theft = Registration::sign(&key(5), stage.url(), 9, now_ms, now_ms + 60_000);
    assert_eq!(post(theft.clone()).await.0, 202);
    assert_eq!(post(theft.clone()).await, (409, "replayed".into()));
    let bent = Registration {
        capacity: 10,
        at_ms: now_ms + 1,
        ..theft
    };
    assert_eq!(post(bent).await, (403, "bad_signature".into()));
    // a server that is no relay
    let no_relay = Registration::sign(&key(6), at.clone(), 9, now_ms, now_ms + 60_000);
    assert_eq!(post(no_relay).await.0, 202);
    let old = now_ms - 3_600_000;
    let old = Registration::sign(&key(7), at.clone(), 9, old, now_ms);
    assert_eq!(post(old).await, (400, "bad_time".into()));
    let listed = || async {
        let (_, body) = fetch().get(&at, "/relays").await.expect("an answer");
        serde_json::from_slice::<Value>(&body).expect("JSON")["relays"].clone()
    };
    let begun = Instant::now();
    loop {
        let relays = listed().await;
        let relays = relays.as_array().expect("a list");
        if relays.iter().all(|relay| relay["why"].is_string()) && relays.len() == 2 {
            assert!(relays.iter().all(|relay| relay["good"] == false));
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{relays:?}");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bootstrap.relays().0, 0);
    // too large, and no registration at all
    let (status, _) = fetch()
        .post(&at, "/relays", "x".repeat(9_000))
        .await
        .expect("an answer");
    assert_eq!(status, 413);
    let (status, _) = fetch()
        .post(&at, "/relays", "{}".into())
        .await
        .expect("an answer");
    assert_eq!(status, 400);
    stage.relay.stop().await;
    bootstrap.stop().await.expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_registry_takes_no_relay_of_its_own_network() {
    let home = tempfile::tempdir().expect("a directory");
    let mut options = BootstrapOptions::new(home.path().join("b"), loopback());
    options.near = false;
    let bootstrap = Bootstrap::start(options, Arc::new(|_| {}))
        .await
        .expect("a registry");
    let now_ms = now_ms();
    for (seed, to) in (1..).zip(["http://a.example", "https://127.0.0.1", "https://[fd00::1]"]) {
        let to = relay_url(to).expect("a URL");
        let word = Registration::sign(&key(seed), to, 9, now_ms, now_ms + 60_000);
        let json = word.to_json().to_string();
        let (status, body) = fetch()
            .post(&url(&bootstrap), "/relays", json)
            .await
            .expect("an answer");
        assert_eq!(status, 400);
        assert!(String::from_utf8_lossy(&body).contains("not_public"));
    }
    // a name that leads there is noticed when it is looked up
    let to = relay_url("https://localhost").expect("a URL");
    let word = Registration::sign(&key(9), to, 9, now_ms, now_ms + 60_000);
    let json = word.to_json().to_string();
    let (status, _) = fetch()
        .post(&url(&bootstrap), "/relays", json)
        .await
        .expect("an answer");
    assert_eq!(status, 202);
    let begun = Instant::now();
    loop {
        let (_, body) = fetch()
            .get(&url(&bootstrap), "/relays")
            .await
            .expect("an answer");
        let text = String::from_utf8_lossy(&body).into_owned();
        if text.contains("no public address") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        sleep(Duration::from_millis(50)).await;
    }
    bootstrap.stop().await.expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_knows_where_a_node_is() {
    let home = tempfile::tempdir().expect("a directory");
    let bootstrap = start(&home).await;
    let at = url(&bootstrap);
    let stage = Stage::with(|options| options.bootstraps = vec![at.clone()]).await;
    until("it is proven", || bootstrap.relays() == (1, 1)).await;
    let node = Node::start(key(1), &stage.url()).await;
    let own = |path: String| {
        let request = Request::get(path).body(Full::default()).expect("a request");
        let address = bootstrap.address();
        async move { ask(address, "127.0.0.1", request).await }
    };
    let id = name::hex(&node.id());
    assert_eq!(
        own(format!("/nodes/{id}")).await.status(),
        StatusCode::BAD_GATEWAY
    );
    // the node says at its relay where it is; the registry asks the relay
    let records = stage.url().join("pkarr").expect("a URL");
    let publisher = PkarrPublisher::builder(records).into_address_lookup(&node.endpoint);
    let lookups = node.endpoint.address_lookup().expect("look-ups");
    lookups.add(publisher.expect("a publisher"));
    until("its record is there", || {
        stage.relay.counts().packets_put.get() > 0
    })
    .await;
    let answer = own(format!("/nodes/{id}")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let value: Value = serde_json::from_str(&text(answer).await).expect("JSON");
    let port = stage.relay.address().port();
    let page = format!("http://{}:{port}/", host(&node.id()));
    assert_eq!(value["relays"][0]["url"], stage.url().as_str());
    assert_eq!(value["relays"][0]["page"], page);
    let answer = own(format!("/n/{}", name::label(&node.id()))).await;
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.headers()["location"], page);
    assert_eq!(
        own("/nodes/xyz".into()).await.status(),
        StatusCode::BAD_REQUEST
    );
    stage.relay.stop().await;
    bootstrap.stop().await.expect("kept");
}
