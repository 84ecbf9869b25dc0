//! Secrets that follow from one key that is kept (`spec/10-reducer.md` 10.7), and the
//! hashes by which they are committed to.

use synlog_log::attestation::holder_hash;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::keys::SecretKey;

use crate::codes::shortened;

/// Context of the hash that a taker of stock or of a slot commits to.
const TAKE_CONTEXT: &str = "synlog v1 commitment of a take";

/// The hash by which a secret with a label is committed to.
pub fn commit(label: &str, secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(&format!("synlog v1 {label}"), secret)
}

/// The public side of a take: tells nobody for whom, until `r` is shown.
pub fn take_commitment(r: &[u8; 32], relation: &TopicId, order: &EntryId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(TAKE_CONTEXT);
    hasher.update(r).update(&relation.0).update(&order.0);
    *hasher.finalize().as_bytes()
}

/// A key that only the holder of another can compute.
pub fn derived(key: &SecretKey, purpose: &str) -> [u8; 32] {
    // a signature is a secret of the key's holder as long as nobody asks for this one
    let signed = key.sign(blake3::hash(purpose.as_bytes()).as_bytes());
    *blake3::hash(&signed).as_bytes()
}

/// The secrets that follow from a key which stays when the device key is renewed: what
/// was committed to must still be shown then.
pub struct Secrets<'a>(pub &'a SecretKey);

impl Secrets<'_> {
    fn of(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&derived(self.0, "synlog app secrets"));
        hasher.update(label.as_bytes()).update(&[0]);
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        *hasher.finalize().as_bytes()
    }

    /// The secret that this device's entry with a seq in a topic commits to: one that can be
    /// written as a [code](crate::codes).
    pub fn entry(&self, label: &str, topic: &TopicId, seq: u64) -> [u8; 32] {
        shortened(self.in_full(label, topic, seq))
    }

    fn in_full(&self, label: &str, topic: &TopicId, seq: u64) -> [u8; 32] {
        self.of(label, &[b"entry", &topic.0, &seq.to_le_bytes()])
    }

    /// That secret, if the entry's body commits to it. Those of before there were codes have
    /// all of their 32 bytes.
    pub fn committed(
        &self,
        label: &str,
        topic: &TopicId,
        seq: u64,
        body: &[u8],
    ) -> Option<[u8; 32]> {
        let full = self.in_full(label, topic, seq);
        [shortened(full), full].into_iter().find(|secret| {
            let hash = commit(label, secret);
            body.windows(hash.len()).any(|window| window == hash)
        })
    }

    /// The `r` of a take for an order or booking.
    pub fn take(&self, relation: &TopicId, order: &EntryId) -> [u8; 32] {
        self.of("take", &[&relation.0, &order.0])
    }

    /// The salt that opens the holder of a grant with a tag to this device's entity.
    pub fn holder_salt(&self, topic: &TopicId, tag: &[u8]) -> [u8; 32] {
        self.of("holder", &[&topic.0, tag])
    }

    /// Who may review, as a hash.
    pub fn holder(&self, topic: &TopicId, tag: &[u8], entity: &EntityId) -> [u8; 32] {
        holder_hash(&self.holder_salt(topic, tag), entity)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What was promised by an older program is still shown.
    #[test]
    fn an_entry_shows_what_it_committed_to() {
        let key = SecretKey::from_seed([7; 32]);
        let secrets = Secrets(&key);
        let (topic, other) = (TopicId([1; 32]), TopicId([2; 32]));
        let body = |secret: &[u8; 32]| [&[9][..], &commit("handover", secret), &[9]].concat();
        let short = secrets.entry("handover", &topic, 3);
        let full = secrets.in_full("handover", &topic, 3);
        assert_ne!(short, full);
        for secret in [short, full] {
            let body = body(&secret);
            let shown = |topic, seq| secrets.committed("handover", topic, seq, &body);
            assert_eq!(shown(&topic, 3), Some(secret));
            assert_eq!(shown(&topic, 4), None);
            assert_eq!(shown(&other, 3), None);
            assert_eq!(secrets.committed("visit", &topic, 3, &body), None);
        }
        assert_eq!(secrets.committed("handover", &topic, 3, &[]), None);
    }
}
