//! Guests that a gateway brings: each stream of its connection is one HTTP connection of
//! somebody's browser. Who serves them is not this crate's business.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use iroh::endpoint::{Connection, VarInt};
use iroh::protocol::{AcceptError, ProtocolHandler};
use synlog_replication::peer::NodeId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The protocol by which gateways bring guests.
pub const GUEST_ALPN: &[u8] = b"synlog/guest/1";

/// Streams of all gateways at once: browsers that are open at one time.
pub(crate) const STREAMS_MAX: u32 = 256;
/// What a stranger is told.
const NOT_NAMED: &[u8] = b"not a gateway of this node";

/// Which gateways may bring guests, and where their streams go.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Those that the owner named.
    pub gateways: BTreeSet<NodeId>,
    /// Who serves them.
    pub streams: mpsc::Sender<GuestStream>,
}

/// One connection of a guest.
pub struct GuestStream {
    /// The gateway that brought it.
    pub from: NodeId,
    /// What comes.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What goes.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its place among all; to be held until the connection has ended.
    pub seat: OwnedSemaphorePermit,
}

impl fmt::Debug for GuestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestStream")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Lets gateways in.
#[derive(Debug)]
pub(crate) struct GuestDoor {
    gate: Gate,
    seats: Arc<Semaphore>,
}

impl GuestDoor {
    pub(crate) fn new(gate: Gate) -> Self {
        Self {
            gate,
            seats: Arc::new(Semaphore::new(STREAMS_MAX as usize)),
        }
    }
}

impl ProtocolHandler for GuestDoor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let from = NodeId(*connection.remote_id().as_bytes());
        if !self.gate.gateways.contains(&from) {
            connection.close(VarInt::from_u32(1), NOT_NAMED);
            return Ok(());
        }
        // a stream waits for its seat: the gateway sees it by what it does not take
        while let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await {
            let Ok((writer, reader)) = connection.accept_bi().await else {
                break;
            };
            let stream = GuestStream {
                from,
                reader: Box::new(reader),
                writer: Box::new(writer),
                seat,
            };
            if self.gate.streams.send(stream).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
