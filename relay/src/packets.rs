//! Address records of nodes (pkarr), each signed by the node itself.

use std::collections::{BTreeSet, HashMap};

use iroh::EndpointId;
use iroh::endpoint_info::EndpointInfo;
use iroh_dns::pkarr::SignedPacket;

use crate::limits::{DHT_AGAIN_MS, PACKET_AHEAD_MS, PACKET_KEPT_MS, PACKETS_MAX};

/// Why a record is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Not by the node, or no record.
    #[error("this is no record that the node signed")]
    Unsigned,
    /// A newer one is here.
    #[error("a newer record is here")]
    Older,
    /// The clock of its maker is wrong.
    #[error("the record's time is in the future")]
    Ahead,
}

#[derive(Debug)]
struct Kept {
    packet: SignedPacket,
    put_ms: u64,
    dht_ms: Option<u64>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// It is another one than before.
    pub is_new: bool,
    /// The DHT should get it.
    pub for_dht: bool,
}

/// Records that were published here: newest first, bounded, forgotten after a while.
#[derive(Debug)]
pub struct Packets {
    kept: HashMap<EndpointId, Kept>,
    by_age: BTreeSet<(u64, EndpointId)>,
    packets_max: usize,
}

impl Default for Packets {
    fn default() -> Self {
        Self::with_room(PACKETS_MAX)
    }
}

impl Packets {
    /// With room for some.
    pub fn with_room(packets_max: usize) -> Self {
        Self {
            kept: HashMap::new(),
            by_age: BTreeSet::new(),
            packets_max,
        }
    }

    /// Takes a record as it comes by HTTP: signature, time and DNS packet.
    pub fn put(
        &mut self,
        node: &EndpointId,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<Taken, PacketError> {
        let packet = read(node, payload)?;
        self.forget(now_ms);
        if packet.timestamp().as_micros() / 1_000 > now_ms.saturating_add(PACKET_AHEAD_MS) {
            return Err(PacketError::Ahead);
        }
        let known = self.kept.get(node);
        let is_new = known.is_none_or(|known| known.packet != packet);
        if known.is_some_and(|known| is_new && !packet.more_recent_than(&known.packet)) {
            return Err(PacketError::Older);
        }
        let due = |at_ms: u64| now_ms.saturating_sub(at_ms) >= DHT_AGAIN_MS;
        let told = known.and_then(|known| known.dht_ms).filter(|_| !is_new);
        let for_dht = told.is_none_or(due);
        if let Some(known) = known {
            self.by_age.remove(&(known.put_ms, *node));
        } else if self.kept.len() >= self.packets_max
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            // honest nodes publish again in minutes
            self.kept.remove(&oldest);
        }
        self.by_age.insert((now_ms, *node));
        let kept = Kept {
            packet,
            put_ms: now_ms,
            dht_ms: if for_dht { Some(now_ms) } else { told },
        };
        self.kept.insert(*node, kept);
        Ok(Taken { is_new, for_dht })
    }

    /// The record of a node.
    pub fn get(&self, node: &EndpointId, now_ms: u64) -> Option<&SignedPacket> {
        let kept = self.kept.get(node)?;
        (now_ms.saturating_sub(kept.put_ms) < PACKET_KEPT_MS).then_some(&kept.packet)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some((put_ms, node)) = self.by_age.first().copied()
            && now_ms.saturating_sub(put_ms) >= PACKET_KEPT_MS
        {
            self.by_age.pop_first();
            self.kept.remove(&node);
        }
    }
}

/// Reads a record, and checks that the node signed it.
pub fn read(node: &EndpointId, payload: &[u8]) -> Result<SignedPacket, PacketError> {
    if payload.len() > SignedPacket::MAX_BYTES {
        return Err(PacketError::Unsigned);
    }
    SignedPacket::from_relay_payload(node, payload).map_err(|_| PacketError::Unsigned)
}

/// The relays at which a record says that its node is.
pub fn relays(packet: &SignedPacket) -> Vec<iroh::RelayUrl> {
    let info = EndpointInfo::from_pkarr_signed_packet(packet);
    info.map_or_else(|_| Vec::new(), |info| info.relay_urls().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iroh::SecretKey;
    use proptest::prelude::*;

    fn packet(key: &SecretKey, relay: &str) -> SignedPacket {
        let relay = relay.parse().expect("a URL");
        let info = EndpointInfo::new(key.public()).with_relay_url(relay);
        info.to_pkarr_signed_packet(key, 30).expect("fits")
    }

    fn time_ms(packet: &SignedPacket) -> u64 {
        packet.timestamp().as_micros() / 1_000
    }

    #[test]
    fn the_newest_wins() {
        let key = SecretKey::from_bytes(&[1; 32]);
        let old = packet(&key, "https://old.example");
        let new = packet(&key, "https://new.example");
        let (node, now_ms) = (key.public(), time_ms(&old));
        let mut packets = Packets::default();
        let first = packets.put(&node, &old.to_relay_payload(), now_ms);
        assert_eq!(
            first,
            Ok(Taken {
                is_new: true,
                for_dht: true
            })
        );
        let again = packets.put(&node, &old.to_relay_payload(), now_ms + 1);
        assert_eq!(
            again,
            Ok(Taken {
                is_new: false,
                for_dht: false
            })
        );
        let later = packets.put(&node, &old.to_relay_payload(), now_ms + DHT_AGAIN_MS);
        assert_eq!(
            later,
            Ok(Taken {
                is_new: false,
                for_dht: true
            })
        );
        assert!(packets.put(&node, &new.to_relay_payload(), now_ms).is_ok());
        let replayed = packets.put(&node, &old.to_relay_payload(), now_ms);
        assert_eq!(replayed, Err(PacketError::Older));
        let kept = packets.get(&node, now_ms).expect("kept");
        assert_eq!(relays(kept)[0].as_str(), "https://new.example/");
        assert!(packets.get(&node, now_ms + PACKET_KEPT_MS).is_none());
    }

    #[test]
    fn others_and_the_future_are_refused() {
        let key = SecretKey::from_bytes(&[1; 32]);
        let other = SecretKey::from_bytes(&[2; 32]).public();
        let packet = packet(&key, "https://a.example");
        let payload = packet.to_relay_payload();
        let mut packets = Packets::default();
        let now_ms = time_ms(&packet);
        assert_eq!(
            packets.put(&other, &payload, now_ms),
            Err(PacketError::Unsigned)
        );
        let slow = now_ms - PACKET_AHEAD_MS - 1_000;
        assert_eq!(
            packets.put(&key.public(), &payload, slow),
            Err(PacketError::Ahead)
        );
        for at in 0..payload.len() {
            let mut bent = payload.clone();
            bent[at] ^= 1;
            assert!(packets.put(&key.public(), &bent, now_ms).is_err(), "{at}");
        }
        assert!(packets.is_empty());
    }

    #[test]
    fn room_is_bounded_and_old_ones_go() {
        let mut packets = Packets::with_room(3);
        let keys: Vec<_> = (1..=5)
            .map(|seed| SecretKey::from_bytes(&[seed; 32]))
            .collect();
        let mut now_ms = 0;
        for key in &keys {
            let packet = packet(key, "https://a.example");
            now_ms = time_ms(&packet).max(now_ms + 1);
            let taken = packets.put(&key.public(), &packet.to_relay_payload(), now_ms);
            assert!(taken.is_ok());
        }
        assert_eq!((packets.len(), packets.by_age.len()), (3, 3));
        assert!(packets.get(&keys[1].public(), now_ms).is_none());
        assert!(packets.get(&keys[4].public(), now_ms).is_some());
        packets.forget(now_ms + PACKET_KEPT_MS);
        assert!(packets.is_empty() && packets.by_age.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_500)) {
            let node = SecretKey::from_bytes(&[1; 32]).public();
            prop_assert!(read(&node, &bytes).is_err());
        }

        /// What a node signs need not be a record at all.
        #[test]
        fn no_signed_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_000)) {
            let key = SecretKey::from_bytes(&[1; 32]);
            let mut signed = format!("3:seqi7e1:v{}:", bytes.len()).into_bytes();
            signed.extend(&bytes);
            let mut payload = key.sign(&signed).to_bytes().to_vec();
            payload.extend(7_u64.to_be_bytes());
            payload.extend(&bytes);
            if let Ok(packet) = read(&key.public(), &payload) {
                let _ = relays(&packet);
            }
        }
    }
}
