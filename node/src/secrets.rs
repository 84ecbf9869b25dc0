//! Secrets that can be derived again (`spec/10-reducer.md` 10.7): one key is kept for
//! all, so nothing is lost with a view and nothing leaks with a bundle.

use synlog_log::attestation::holder_hash;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::keys::SecretKey;

use crate::entropy::random;
use crate::failure::Failure;
use crate::node::Node;

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
fn derived(key: &SecretKey, purpose: &str) -> [u8; 32] {
    // a signature is a secret of the key's holder as long as nobody asks for this one
    let signed = key.sign(blake3::hash(purpose.as_bytes()).as_bytes());
    *blake3::hash(&signed).as_bytes()
}

impl Node {
    /// A key that only this device can compute.
    pub(crate) fn device_secret(&self, purpose: &str) -> [u8; 32] {
        derived(&self.key, purpose)
    }

    /// From a key of its own, which stays when the device key is renewed: what was
    /// committed to must still be shown then.
    fn secret(&self, label: &str, parts: &[&[u8]]) -> Result<[u8; 32], Failure> {
        let path = self.home.secrets_key_path();
        if !path.exists() {
            let key = SecretKey::from_seed(random()?);
            self.home.write_key(&path, &key)?;
        }
        let key = self.home.read_key(path)?;
        let mut hasher = blake3::Hasher::new_keyed(&derived(&key, "synlog app secrets"));
        hasher.update(label.as_bytes()).update(&[0]);
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        Ok(*hasher.finalize().as_bytes())
    }

    /// The secret that this device's entry with a seq in a topic commits to.
    pub fn entry_secret(
        &self,
        label: &str,
        topic: &TopicId,
        seq: u64,
    ) -> Result<[u8; 32], Failure> {
        self.secret(label, &[b"entry", &topic.0, &seq.to_le_bytes()])
    }

    /// The `r` of a take for an order or booking.
    pub fn take_secret(&self, relation: &TopicId, order: &EntryId) -> Result<[u8; 32], Failure> {
        self.secret("take", &[&relation.0, &order.0])
    }

    /// The salt that opens the holder of a grant with a tag to this device's entity.
    pub fn holder_salt(&self, topic: &TopicId, tag: &[u8]) -> Result<[u8; 32], Failure> {
        self.secret("holder", &[&topic.0, tag])
    }

    /// Who may review, as a hash.
    pub fn holder(&self, topic: &TopicId, tag: &[u8]) -> Result<[u8; 32], Failure> {
        Ok(holder_hash(&self.holder_salt(topic, tag)?, &self.entity()))
    }
}
