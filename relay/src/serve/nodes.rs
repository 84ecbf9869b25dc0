//! Connections from the gateway to nodes: dialled once for all who ask, kept while they
//! are used.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iroh::endpoint::{
    Connection, ConnectionError, PortmapperConfig, QuicTransportConfig, RecvStream, SendStream,
    VarInt, presets,
};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, RelayUrl, SecretKey};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::ServeError;
use super::clock::now_ms;
use super::lookup::Lookup;
use crate::GUEST_ALPN;
use crate::access::Door;
use crate::limits::{
    DIAL, DIAL_AGAIN, DIALS_MAX, FAR_DIALS_MAX, NODE_WINDOW, NODES_MAX, STREAM_WINDOW, UNUSED,
};
use crate::metrics::Counts;
use crate::page::Away;

/// How soon a node that says nothing counts as gone; it is asked at a third of that.
const SILENT: Duration = Duration::from_secs(15);

/// Starts the gateway's endpoint. It reaches nodes by our own relay, through a door of its
/// own on this machine, so it needs neither a public name nor a certificate for that.
pub(crate) async fn endpoint(key: SecretKey, own: &RelayUrl) -> Result<Endpoint, ServeError> {
    let silent = SILENT.try_into().ok();
    let transport = QuicTransportConfig::builder()
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(NODE_WINDOW))
        .send_window(u64::from(NODE_WINDOW))
        .max_idle_timeout(silent)
        .keep_alive_interval(SILENT / 3)
        // nodes open nothing here
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .build();
    let endpoint = Endpoint::builder(presets::Minimal)
        .secret_key(key)
        .relay_mode(RelayMode::custom([own.clone()]))
        .transport_config(transport)
        .portmapper_config(PortmapperConfig::Disabled)
        .bind()
        .await;
    endpoint.map_err(|error| ServeError::Endpoint(error.to_string()))
}

#[derive(Debug, Default)]
struct Link {
    connection: Option<Connection>,
    /// Which coming of the node to our relay it belongs to.
    coming: Option<u64>,
    failed: Option<(Instant, Away)>,
}

#[derive(Debug, Default)]
struct Spot {
    link: tokio::sync::Mutex<Link>,
    used_ms: AtomicU64,
}

/// The nodes that browsers ask for.
pub(crate) struct Nodes {
    endpoint: Endpoint,
    own: RelayUrl,
    door: Door,
    lookup: Lookup,
    spots: Mutex<HashMap<EndpointId, Arc<Spot>>>,
    dials: Semaphore,
    far_dials: Semaphore,
    counts: Arc<Counts>,
}

/// A stream to a node.
pub(crate) struct Stream {
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
    connection: Connection,
}

impl Stream {
    /// What tells later why it broke off.
    pub(crate) fn witness(&self) -> impl Fn() -> Away + Send + use<> {
        let connection = self.connection.clone();
        move || away(connection.close_reason().as_ref())
    }
}

fn away(why: Option<&ConnectionError>) -> Away {
    match why {
        Some(ConnectionError::ApplicationClosed(_)) => Away::Closed,
        Some(ConnectionError::ConnectionClosed(_)) => Away::Closed,
        _ => Away::Broken,
    }
}

impl Nodes {
    pub(crate) fn new(
        endpoint: Endpoint,
        own: RelayUrl,
        door: Door,
        lookup: Lookup,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            endpoint,
            own,
            door,
            lookup,
            spots: Mutex::default(),
            dials: Semaphore::new(DIALS_MAX),
            far_dials: Semaphore::new(FAR_DIALS_MAX),
            counts,
        }
    }

    fn spots(&self) -> MutexGuard<'_, HashMap<EndpointId, Arc<Spot>>> {
        self.spots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spot(&self, node: EndpointId) -> Option<Arc<Spot>> {
        let mut spots = self.spots();
        if spots.len() >= NODES_MAX && !spots.contains_key(&node) {
            // who is used by nobody just now makes room, longest first
            let idle = spots
                .iter()
                .filter(|(_, spot)| Arc::strong_count(spot) == 1);
            let oldest = idle.min_by_key(|(_, spot)| spot.used_ms.load(Ordering::Relaxed));
            let oldest = oldest.map(|(node, _)| *node)?;
            spots.remove(&oldest);
        }
        let spot = spots.entry(node).or_default();
        spot.used_ms.store(now_ms(), Ordering::Relaxed);
        Some(Arc::clone(spot))
    }

    /// Opens a stream to a node.
    pub(crate) async fn open(&self, node: EndpointId) -> Result<Stream, Away> {
        let connection = self.connection(node).await?;
        let opened = timeout(DIAL, connection.open_bi()).await;
        match opened {
            Ok(Ok((send, recv))) => Ok(Stream {
                send,
                recv,
                connection,
            }),
            Ok(Err(error)) => Err(away(Some(&error))),
            // it takes no more streams
            Err(_) => Err(Away::Busy),
        }
    }

    async fn connection(&self, node: EndpointId) -> Result<Connection, Away> {
        let coming = self.door.coming(&node);
        let spot = self.spot(node).ok_or(Away::Busy)?;
        let mut link = spot.link.lock().await;
        let same = link.coming == coming;
        if let Some(connection) = &link.connection
            && same
            && connection.close_reason().is_none()
        {
            return Ok(connection.clone());
        }
        if let Some((at, away)) = link.failed
            && same
            && at.elapsed() < DIAL_AGAIN
        {
            return Err(away);
        }
        let dialled = self.dial(node, coming.is_some()).await;
        link.coming = coming;
        match dialled {
            Ok(connection) => {
                link.failed = None;
                link.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(away) => {
                link.failed = Some((Instant::now(), away));
                link.connection = None;
                Err(away)
            }
        }
    }

    async fn dial(&self, node: EndpointId, is_here: bool) -> Result<Connection, Away> {
        let dials = match is_here {
            true => &self.dials,
            false => &self.far_dials,
        };
        let Ok(_permit) = dials.try_acquire() else {
            return Err(Away::Busy);
        };
        let mut address = EndpointAddr::new(node);
        if is_here {
            address = address.with_relay_url(self.own.clone());
        } else {
            // nobody waits for a node of which nothing is known
            for relay in self.lookup.relays(&node).await {
                address = address.with_relay_url(relay);
            }
        }
        if address.is_empty() {
            return Err(Away::Absent);
        }
        self.counts.dials.add(1);
        let dialled = timeout(DIAL, self.endpoint.connect(address, GUEST_ALPN)).await;
        let dialled = match dialled {
            Ok(Ok(connection)) => Ok(connection),
            // it was there to say no
            Ok(Err(_)) => Err(Away::Closed),
            Err(_) => Err(Away::Slow),
        };
        if dialled.is_err() {
            self.counts.dials_failed.add(1);
        }
        dialled
    }

    /// Lets go of those whom nobody has asked for in a while.
    pub(crate) fn tidy(&self) {
        let now_ms = now_ms();
        let unused_ms = u64::try_from(UNUSED.as_millis()).unwrap_or(u64::MAX);
        self.spots().retain(|_, spot| {
            let used_ms = spot.used_ms.load(Ordering::Relaxed);
            // streams that go on hold the connection by themselves
            Arc::strong_count(spot) > 1 || now_ms.saturating_sub(used_ms) < unused_ms
        });
    }
}
