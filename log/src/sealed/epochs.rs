//! Epoch keys on their way: wrapped for members, and the key before sealed under the next.

use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::cbor::Value;
use crate::hash::Context;
use crate::ids::{EntityId, TopicId};
use crate::keys::{SUITE_X25519, WrapBinding, wrap_key};
use crate::refusal::Refusal;

/// A wrapped key. For whom it is isn't said: a keeper doesn't need to know, and the
/// recipient finds out by trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrap {
    /// How it is wrapped.
    pub suite: i64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Bytes of one wrap: room for suites with larger keys.
const WRAP_BYTES_MAX: usize = 2_048;

impl Wrap {
    /// Reads one of an event's `wraps`.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let bytes = value.get("wrap")?.as_bytes();
        Some(Self {
            suite: value.get("suite")?.as_int()?,
            bytes: bytes
                .filter(|bytes| bytes.len() <= WRAP_BYTES_MAX)?
                .to_vec(),
        })
    }

    /// Its value in an event's `wraps`.
    pub fn value(&self) -> Value {
        Value::map([
            ("suite", Value::Int(self.suite)),
            ("wrap", Value::Bytes(self.bytes.clone())),
        ])
    }
}

/// Wraps a key for several entities, each with its encryption key and a random seed.
/// They come in the order of their bytes, so that the order says nothing of the entities.
pub fn wraps_for(
    topic: &TopicId,
    epoch: i64,
    key: &[u8; 32],
    recipients: &[(EntityId, [u8; 32], [u8; 32])],
) -> Result<Vec<Wrap>, Refusal> {
    let wrap = |(entity, public, seed): &(EntityId, [u8; 32], [u8; 32])| {
        let binding = WrapBinding {
            topic: *topic,
            epoch: epoch as u64,
            key_hash: super::epoch_key_hash(key),
            recipient: *entity,
        };
        Ok(Wrap {
            suite: SUITE_X25519 as i64,
            bytes: wrap_key(public, &binding, key, seed)?,
        })
    };
    let mut wraps: Vec<Wrap> = recipients.iter().map(wrap).collect::<Result<_, _>>()?;
    wraps.sort_by(|a, b| a.bytes.cmp(&b.bytes));
    Ok(wraps)
}

fn previous_cipher(topic: &TopicId, epoch: i64, key: &[u8; 32]) -> XChaCha20Poly1305 {
    let parts: [&[u8]; 3] = [key, &topic.0, &epoch.to_le_bytes()];
    XChaCha20Poly1305::new(&Key::from(Context::PreviousEpoch.hash_parts(&parts)))
}

/// Seals the key of the epoch before under the key of an epoch: who gets the new key has
/// the whole history. The cipher's key is used for nothing else, so its nonce is zero.
pub fn seal_previous(
    topic: &TopicId,
    epoch: i64,
    key: &[u8; 32],
    previous: &[u8; 32],
) -> Result<Vec<u8>, Refusal> {
    let message = AeadPayload {
        msg: previous,
        aad: &[],
    };
    let sealed = previous_cipher(topic, epoch, key).encrypt(&XNonce::from([0; 24]), message);
    sealed.map_err(|_| Refusal::TooLarge)
}

/// The key of the epoch before, if it is sealed there.
pub fn previous_key(
    topic: &TopicId,
    epoch: i64,
    key: &[u8; 32],
    sealed: &[u8],
) -> Option<[u8; 32]> {
    let message = AeadPayload {
        msg: sealed,
        aad: &[],
    };
    let opened = previous_cipher(topic, epoch, key).decrypt(&XNonce::from([0; 24]), message);
    opened.ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_key_before_opens_at_its_place() {
        let (topic, other) = (TopicId([1; 32]), TopicId([2; 32]));
        let sealed = seal_previous(&topic, 4, &[7; 32], &[6; 32]).unwrap();
        assert_eq!(previous_key(&topic, 4, &[7; 32], &sealed), Some([6; 32]));
        assert_eq!(previous_key(&topic, 5, &[7; 32], &sealed), None);
        assert_eq!(previous_key(&other, 4, &[7; 32], &sealed), None);
        assert_eq!(previous_key(&topic, 4, &[8; 32], &sealed), None);
        assert_eq!(previous_key(&topic, 4, &[7; 32], &sealed[1..]), None);
    }
}
