//! The mainline DHT, in which address records are found without any server of ours.

use std::net::{SocketAddr, SocketAddrV4};

use iroh::EndpointId;
use iroh_dns::pkarr::{SignedPacket, Timestamp};
use n0_mainline::{DhtBuilder, MutableItem};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::ServeError;
use crate::limits::{DHT_MAX, DHT_PATIENCE};

/// Whether records go on to the DHT and are looked up there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Dht {
    /// Not at all.
    #[default]
    Off,
    /// The public one.
    Public,
    /// One that is entered at these addresses.
    At(Vec<SocketAddrV4>),
}

/// A way into it.
pub(crate) struct Entrance {
    dht: n0_mainline::Dht,
    turns: Semaphore,
}

impl Entrance {
    pub(crate) fn enter(dht: &Dht) -> Result<Option<Self>, ServeError> {
        let mut builder = DhtBuilder::default();
        match dht {
            Dht::Off => return Ok(None),
            Dht::Public => {}
            Dht::At(addresses) => {
                let addresses = addresses.iter().copied().map(SocketAddr::from);
                builder.bootstrap(&addresses.collect::<Vec<_>>());
            }
        }
        Ok(Some(Self {
            dht: builder.build().map_err(ServeError::Dht)?,
            turns: Semaphore::new(DHT_MAX),
        }))
    }

    /// Puts a record there; whether it went.
    pub(crate) async fn put(&self, packet: &SignedPacket) -> bool {
        let Ok(_turn) = self.turns.try_acquire() else {
            return false;
        };
        let Ok(seq) = i64::try_from(packet.timestamp().as_micros()) else {
            return false;
        };
        let item = MutableItem::new_signed_unchecked(
            *packet.public_key().as_bytes(),
            packet.signature().to_bytes(),
            packet.encoded_packet(),
            seq,
            None,
        );
        // the DHT is slow to take what it takes
        let put = timeout(4 * DHT_PATIENCE, self.dht.put_mutable(item, None));
        matches!(put.await, Ok(Ok(_)))
    }

    /// Looks a record up.
    pub(crate) async fn find(&self, node: &EndpointId) -> Option<SignedPacket> {
        let _turn = self.turns.try_acquire().ok()?;
        let found = self.dht.get_mutable_most_recent(node.as_bytes(), None);
        let item = timeout(DHT_PATIENCE, found).await.ok()?.ok()??;
        let time = Timestamp::from_micros(u64::try_from(item.seq()).ok()?);
        let (key, signature) = (node.as_bytes(), item.signature());
        let packet = SignedPacket::from_parts_unchecked(key, signature, time, item.value()).ok()?;
        // whatever the DHT checked, this is checked here
        SignedPacket::from_bytes(packet.as_bytes()).ok()
    }
}
