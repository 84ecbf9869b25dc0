//! Secrets that follow from one key that is kept (`spec/10-reducer.md` 10.7), and the
//! hashes by which they are committed to.

use synlog_log::attestation::holder_hash;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::keys::SecretKey;

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

    /// The secret that this device's entry with a seq in a topic commits to.
    pub fn entry(&self, label: &str, topic: &TopicId, seq: u64) -> [u8; 32] {
        self.of(label, &[b"entry", &topic.0, &seq.to_le_bytes()])
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
