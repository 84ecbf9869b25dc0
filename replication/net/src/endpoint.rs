//! The iroh endpoint: how nodes on other machines are found and reached.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use iroh::address_lookup::{
    AddrFilter, AddressLookupBuilder, MemoryLookup, PkarrPublisher, PkarrResolver,
};
use iroh::endpoint::{
    BindOpts, Builder, Connection, NetReportConfig, PortmapperConfig, QuicTransportConfig, VarInt,
    presets,
};
use iroh::protocol::{AcceptError, ProtocolHandler, Router};
use iroh::{Endpoint, RelayMode, SecretKey};
use iroh_gossip::net::Gossip;
use iroh_mainline_address_lookup::DhtAddressLookup;
use iroh_mdns_address_lookup::{DiscoveryEvent, MdnsAddressLookup};
use n0_future::StreamExt;
use n0_mainline::DhtBuilder;
use synlog_replication::peer::NodeId;
use tokio::time::timeout;

use crate::ALPN;
use crate::config::{Config, Dht};
use crate::event::Event;
use crate::gossip::PAYLOAD_ROOM;
use crate::guests::{GUEST_ALPN, GuestDoor, STREAMS_MAX};
use crate::link::{self, Wire};
use crate::service::NetError;
use crate::shared::Shared;

/// The service that nodes look for on the local network.
const MDNS_SERVICE: &str = "synlog";
/// Bytes on the way on one stream.
const WINDOW: u32 = 1 << 20;
/// How often the DHT is told again where this node is. It forgets within hours; answers that
/// are late are lost to it, and a node that nobody was told of should not wait for an hour.
const DHT_AGAIN: Duration = Duration::from_secs(600);
/// The same in a DHT of one's own, which is small.
const DHT_AGAIN_OWN: Duration = Duration::from_secs(2);
/// How long a caller may take to open its stream.
const OPENING: Duration = Duration::from_secs(10);

/// The endpoint and what belongs to it.
pub(crate) struct Outside {
    pub(crate) endpoint: Endpoint,
    pub(crate) router: Router,
    pub(crate) gossip: Gossip,
    /// Addresses that were learned by hand or from feeds.
    pub(crate) known: MemoryLookup,
    /// What of it did not start, in words.
    pub(crate) troubles: Vec<String>,
    /// The DHT that was asked for.
    pub(crate) dht: Dht,
}

impl Outside {
    /// Whether anybody in the DHT answers; `None` where none was asked for.
    pub(crate) async fn dht_answers(&self, patience: Duration) -> Option<bool> {
        let client = dht(&self.dht)?.build();
        let answers = async {
            match client {
                Ok(client) => client.bootstrapped().await.unwrap_or(false),
                Err(_) => false,
            }
        };
        Some(timeout(patience, answers).await.unwrap_or(false))
    }
}

/// Starts it.
pub(crate) async fn start(shared: &Arc<Shared>, config: &Config) -> Result<Outside, NetError> {
    let relay = match &config.relay {
        None => RelayMode::Disabled,
        Some(url) => {
            let parsed = url.parse();
            let url = parsed.map_err(|_| NetError::Relay(url.clone()))?;
            RelayMode::custom([url])
        }
    };
    let known = MemoryLookup::new();
    let prepared = || prepared(config, relay.clone(), known.clone());
    let usual = match usual(config) {
        Some(places) => listening(prepared(), &places)?.bind().await.ok(),
        None => None,
    };
    let endpoint = match (usual, config.bind) {
        (Some(endpoint), _) => Ok(endpoint),
        (None, None) => prepared().bind().await,
        (None, Some(bind)) => listening(prepared(), &[bind])?.bind().await,
    };
    let endpoint = endpoint.map_err(|error| match config.bind {
        Some(bind) => NetError::Bind(bind, error.to_string()),
        None => NetError::Endpoint(error.to_string()),
    })?;
    let mut troubles = Vec::new();
    if config.mdns {
        match MdnsAddressLookup::builder()
            .service_name(MDNS_SERVICE)
            .build(endpoint.id())
        {
            Ok(mdns) => {
                tokio::spawn(listen(Arc::clone(shared), mdns.clone()));
                if let Ok(lookups) = endpoint.address_lookup() {
                    lookups.add(mdns);
                }
            }
            Err(error) => troubles.push(format!("mDNS: {error}")),
        }
    }
    if let Some(dht) = dht(&config.dht) {
        // a put that nobody took is not tried again earlier
        let again = match &config.dht {
            Dht::At(_) => DHT_AGAIN_OWN,
            _ => DHT_AGAIN,
        };
        let lookup = DhtAddressLookup::builder()
            .dht_builder(dht)
            .secret_key(endpoint.secret_key().clone())
            .addr_filter(published(config))
            .republish_delay(again)
            .build();
        match (lookup, endpoint.address_lookup()) {
            (Ok(lookup), Ok(lookups)) => lookups.add(lookup),
            (Err(error), _) => troubles.push(format!("DHT: {error}")),
            (_, Err(error)) => troubles.push(format!("DHT: {error}")),
        }
    }
    if let Some(server) = &config.records {
        records(&endpoint, server)?;
    }
    let gossip = Gossip::builder()
        .max_message_size(PAYLOAD_ROOM)
        .spawn(endpoint.clone());
    let mut router = Router::builder(endpoint.clone())
        .accept(ALPN, Door(Arc::clone(shared)))
        .accept(iroh_gossip::ALPN, gossip.clone());
    if let Some(gate) = &config.guests {
        router = router.accept(GUEST_ALPN, GuestDoor::new(gate.clone()));
    }
    let router = router.spawn();
    Ok(Outside {
        endpoint,
        router,
        gossip,
        known,
        troubles,
        dht: config.dht.clone(),
    })
}

/// An endpoint that listens anywhere.
fn prepared(config: &Config, relay: RelayMode, known: MemoryLookup) -> Builder {
    let loopback = config.bind.is_some_and(|bind| bind.ip().is_loopback());
    let mut builder = Endpoint::builder(presets::Minimal)
        .secret_key(SecretKey::from_bytes(&config.transport_seed))
        .relay_mode(relay)
        .transport_config(windows())
        .address_lookup(known);
    if config.relay.is_none() {
        builder = builder.net_report_config(NetReportConfig::minimal());
    }
    if loopback || config.relay.is_none() {
        builder = builder.portmapper_config(PortmapperConfig::Disabled);
    }
    builder
}

/// Where it listens if it can have the port that it had: only asked for where any would do.
fn usual(config: &Config) -> Option<Vec<SocketAddr>> {
    let port = config.usual_port?;
    match config.bind {
        None => Some(vec![
            (Ipv4Addr::UNSPECIFIED, port).into(),
            (Ipv6Addr::UNSPECIFIED, port).into(),
        ]),
        Some(bind) if bind.port() == 0 => Some(vec![(bind.ip(), port).into()]),
        Some(_) => None,
    }
}

/// An endpoint at these addresses alone. A machine without IPv6 does without, if it has
/// another address.
fn listening(mut builder: Builder, places: &[SocketAddr]) -> Result<Builder, NetError> {
    builder = builder.clear_ip_transports();
    for place in places {
        let required = place.is_ipv4() || places.len() == 1;
        builder = builder
            .bind_addr_with_opts(*place, BindOpts::default().set_is_required(required))
            .map_err(|error| NetError::Bind(*place, error.to_string()))?;
    }
    Ok(builder)
}

/// How much may be on the way on one connection, so that the memory of all is bounded:
/// enough for 10 MB/s over 100 ms. Not more: the QUIC library gives a connection up when
/// what waits to be read came in more than 2,048 pieces, which 2.5 MB of packets are.
fn windows() -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .receive_window(VarInt::from_u32(2 * WINDOW))
        .send_window(u64::from(WINDOW))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .build()
}

/// What the DHT is told. Without a relay there is no other way to be reached than by the
/// addresses themselves; with one they need not be public.
fn published(config: &Config) -> AddrFilter {
    match config.relay {
        Some(_) => AddrFilter::relay_only(),
        None => AddrFilter::unfiltered(),
    }
}

/// Lets a server know where this node is, and asks it where others are.
fn records(endpoint: &Endpoint, server: &str) -> Result<(), NetError> {
    let url: Option<iroh::RelayUrl> = server.parse().ok();
    let url = url.and_then(|url| url.join("pkarr").ok());
    let url = url.ok_or_else(|| NetError::Relay(server.to_owned()))?;
    // by which relay it is reached, and nothing of its addresses
    let publisher = PkarrPublisher::builder(url.clone());
    let publisher = publisher.into_address_lookup(endpoint);
    let resolver = PkarrResolver::builder(url).into_address_lookup(endpoint);
    if let (Ok(publisher), Ok(resolver), Ok(lookups)) =
        (publisher, resolver, endpoint.address_lookup())
    {
        lookups.add(publisher);
        lookups.add(resolver);
    }
    Ok(())
}

fn dht(dht: &Dht) -> Option<DhtBuilder> {
    let mut builder = DhtBuilder::default();
    match dht {
        Dht::Off => return None,
        Dht::Public => {}
        Dht::At(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.iter().copied().map(Into::into).collect();
            builder.bootstrap(&addresses);
        }
    }
    Some(builder)
}

/// Tells of nodes that are seen on the local network.
async fn listen(shared: Arc<Shared>, mdns: MdnsAddressLookup) {
    let mut seen = mdns.subscribe().await;
    while let Some(event) = seen.next().await {
        if let DiscoveryEvent::Discovered { endpoint_info, .. } = event {
            let node = NodeId(*endpoint_info.endpoint_id.as_bytes());
            if node != shared.own
                && shared.note_heard(node)
                && shared.events.send(Event::Heard { node }).await.is_err()
            {
                return;
            }
        }
    }
}

/// Lets other nodes in.
#[derive(Debug)]
struct Door(Arc<Shared>);

impl ProtocolHandler for Door {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let Ok(Ok((writer, reader))) = timeout(OPENING, connection.accept_bi()).await else {
            return Ok(());
        };
        let wire = Wire {
            reader: Box::new(reader),
            writer: Box::new(writer),
            connection: Some(connection),
            dialed: false,
        };
        // what never counted has told the other end why
        let _ = link::run(Arc::clone(&self.0), wire).await;
        Ok(())
    }
}
