//! What goes through the relay, and what it sees of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use iroh::address_lookup::{AddressLookup, AddressLookupBuilder, PkarrPublisher, PkarrResolver};
use iroh::{EndpointAddr, RelayUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::stage::{Node, PATIENCE, Stage, endpoint, key, text};
use crate::limits::DIAL_AGAIN;
use crate::serve::Dht;

const CANARY: &[u8] = b"the canary sings at dawn, and nobody but us hears it";
const ALPN: &[u8] = b"test/1";

/// Listens in on all that goes to a server and comes from it.
async fn tap(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(server).await.expect("it listens");
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            for (mut from, mut to) in [(near_in, far_out), (far_in, near_out)] {
                let heard = Arc::clone(&keeps);
                tokio::spawn(async move {
                    let mut bytes = vec![0; 64 << 10];
                    while let Ok(count @ 1..) = from.read(&mut bytes).await {
                        heard.lock().expect("whole").extend(&bytes[..count]);
                        if to.write_all(&bytes[..count]).await.is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown().await;
                });
            }
        }
    });
    (address, heard)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_meet_through_the_relay_and_it_can_not_read_them() {
    let stage = Stage::new().await;
    let (address, heard) = tap(stage.relay.address()).await;
    let url: RelayUrl = format!("http://{address}").parse().expect("a URL");
    let before = stage.relay.relayed_bytes();
    let (one, two) = (
        endpoint(key(1), &url, &[ALPN]).await,
        endpoint(key(2), &url, &[ALPN]).await,
    );
    let to = EndpointAddr::new(two.id()).with_relay_url(url);
    let other = tokio::spawn(async move {
        let connection = two.accept().await.expect("a caller").await.expect("in");
        let (mut send, mut recv) = connection.accept_bi().await.expect("a stream");
        let bytes = recv.read_to_end(4 << 20).await.expect("all");
        send.write_all(&bytes).await.expect("written");
        send.finish().expect("finished");
        connection.closed().await;
        bytes
    });
    let connection = timeout(PATIENCE, one.connect(to, ALPN)).await;
    let connection = connection.expect("in time").expect("a connection");
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    let sent = CANARY.repeat(20_000);
    send.write_all(&sent).await.expect("written");
    send.finish().expect("finished");
    let back = timeout(PATIENCE, recv.read_to_end(4 << 20)).await;
    assert_eq!(back.expect("in time").expect("all"), sent);
    assert!(connection.paths().iter().all(|path| path.is_relay()));
    connection.close(0_u32.into(), b"done");
    assert_eq!(other.await.expect("it ran"), sent);
    // both ways and through nothing else
    let after = stage.relay.relayed_bytes();
    let (came, went) = (after.0 - before.0, after.1 - before.1);
    let whole = 2 * sent.len() as u64;
    assert!(came >= whole && went >= whole, "{came} {went} of {whole}");
    let heard = std::mem::take(&mut *heard.lock().expect("whole"));
    assert!(heard.len() as u64 >= 2 * whole, "{}", heard.len());
    assert!(!contains(&heard, CANARY));
    assert!(!contains(&heard, &CANARY[..16]));
    // what is heard in the clear: who speaks to whom
    assert!(contains(&heard, key(1).public().as_bytes()));
    stage.relay.stop().await;
}

/// A node that publishes itself at a relay's door for records, as iroh does it.
async fn publish(node: &Node, url: &RelayUrl) {
    let records = url.join("pkarr").expect("a URL");
    let publisher = PkarrPublisher::builder(records).into_address_lookup(&node.endpoint);
    let lookups = node.endpoint.address_lookup().expect("look-ups");
    lookups.add(publisher.expect("a publisher"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_finds_nodes_of_other_relays_by_their_records() {
    let (near, far) = (Stage::new().await, Stage::new().await);
    let node = Node::start(key(1), &far.url()).await;
    let absent = near.get(&node.id(), "/").await;
    assert!(text(absent).await.contains("node_absent"));
    publish(&node, &near.url()).await;
    let mut waited = 0;
    while near.relay.counts().packets_put.get() == 0 {
        waited += 1;
        assert!(waited < 200, "no record came");
        sleep(PATIENCE / 200).await;
    }
    // the failure before is not repeated for some seconds
    sleep(DIAL_AGAIN).await;
    let page = near.get(&node.id(), "/").await;
    assert_eq!(text(page).await, "<h1>Bakery</h1>");
    // as iroh's own resolver asks
    let asker = endpoint(key(2), &near.url(), &[]).await;
    let records = near.url().join("pkarr").expect("a URL");
    let resolver = PkarrResolver::builder(records).into_address_lookup(&asker);
    let resolver = resolver.expect("a resolver");
    let mut found = resolver.resolve(node.id()).expect("it resolves");
    let found = std::future::poll_fn(|cx| found.as_mut().poll_next(cx));
    let found = timeout(PATIENCE, found).await.expect("in time");
    let found = found.expect("an item").expect("a record");
    let relays: Vec<_> = found.endpoint_info().relay_urls().cloned().collect();
    assert_eq!(relays, [far.url()]);
    near.relay.stop().await;
    far.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_on_to_the_dht_and_are_found_there() {
    let net = n0_mainline::Testnet::new(8).await.expect("a DHT");
    let entrances = net
        .bootstrap
        .iter()
        .map(|place| place.parse().expect("an address"));
    let dht = Dht::At(entrances.collect());
    let with = |options: &mut crate::serve::relay::RelayOptions| options.dht = dht.clone();
    let (publishing, asking) = (Stage::with(with).await, Stage::with(with).await);
    let node = Node::start(key(1), &publishing.url()).await;
    publish(&node, &publishing.url()).await;
    let mut waited = 0;
    while publishing.relay.counts().packets_to_dht.get() == 0 {
        waited += 1;
        assert!(waited < 200, "the DHT took nothing");
        sleep(PATIENCE / 200).await;
    }
    // the other gateway knows of the node by the DHT alone
    let mut page = text(asking.get(&node.id(), "/").await).await;
    let begun = Instant::now();
    // answers of the DHT that are late are lost
    while page != "<h1>Bakery</h1>" {
        assert!(begun.elapsed() < PATIENCE, "{page}");
        sleep(DIAL_AGAIN).await;
        page = text(asking.get(&node.id(), "/").await).await;
    }
    publishing.relay.stop().await;
    asking.relay.stop().await;
}
