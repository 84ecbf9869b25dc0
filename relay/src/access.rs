//! Which nodes the relay lets in, and which are there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::HeaderName;
use iroh::EndpointId;
use iroh_relay::server::{Access, AccessControl, ClientRequest, ConnectionId};

use crate::limits::CLIENTS_MAX;
use crate::metrics::Counts;

/// Names, within this process alone, the place that a connection takes up at the listener:
/// what a client sends under this name is removed.
pub const SEAT: HeaderName = HeaderName::from_static("synlog-seat");

/// What is held as long as somebody is connected.
pub type Seat = Box<dyn Send + Sync>;

#[derive(Default)]
struct Inner {
    /// Seats of those who are about to come in.
    waiting: HashMap<u64, Seat>,
    next: u64,
    seats: HashMap<ConnectionId, Option<Seat>>,
    /// Nodes that are connected: their connections, and how often each came.
    nodes: HashMap<EndpointId, Present>,
    comings: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Present {
    connections: usize,
    coming: u64,
}

/// The door of the relay.
#[derive(Clone)]
pub struct Door {
    inner: Arc<Mutex<Inner>>,
    counts: Arc<Counts>,
    clients_max: usize,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Door").finish_non_exhaustive()
    }
}

impl Door {
    /// A door that lets so many in at once.
    pub fn new(counts: Arc<Counts>, clients_max: usize) -> Self {
        Self {
            inner: Arc::default(),
            counts,
            clients_max: clients_max.min(CLIENTS_MAX),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a seat for a connection that is about to become a relay's; its number.
    pub fn seat(&self, seat: Seat) -> u64 {
        let mut inner = self.inner();
        inner.next += 1;
        let number = inner.next;
        inner.waiting.insert(number, seat);
        number
    }

    /// Gives a seat free that nobody came for; whether it was free.
    pub fn leave(&self, number: u64) -> bool {
        self.inner().waiting.remove(&number).is_some()
    }

    /// Whether a node is here: a number that is another one each time it came anew.
    pub fn coming(&self, node: &EndpointId) -> Option<u64> {
        self.inner().nodes.get(node).map(|present| present.coming)
    }

    fn enter(&self, node: EndpointId, connection: ConnectionId, seat: Option<u64>) -> bool {
        let mut inner = self.inner();
        let seat = seat.and_then(|number| inner.waiting.remove(&number));
        if inner.seats.len() >= self.clients_max {
            self.counts.clients_refused.add(1);
            return false;
        }
        inner.seats.insert(connection, seat);
        inner.comings += 1;
        let coming = inner.comings;
        let present = inner.nodes.entry(node).or_default();
        present.connections += 1;
        present.coming = coming;
        self.counts.clients.add(1);
        true
    }
}

impl AccessControl for Door {
    async fn on_connect(&self, request: &ClientRequest) -> Access {
        let seat = request.headers().get(&SEAT);
        let seat = seat.and_then(|seat| seat.to_str().ok()?.parse().ok());
        if self.enter(request.endpoint_id(), request.connection_id(), seat) {
            return Access::Allow;
        }
        Access::Deny {
            reason: Some("the relay is full".into()),
        }
    }

    fn on_disconnect(&self, node: EndpointId, connection: ConnectionId) {
        let mut inner = self.inner();
        if inner.seats.remove(&connection).is_none() {
            return;
        }
        self.counts.clients.sub(1);
        if let Some(present) = inner.nodes.get_mut(&node) {
            present.connections -= 1;
            if present.connections == 0 {
                inner.nodes.remove(&node);
            }
        }
    }
}
