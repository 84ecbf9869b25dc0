//! Secrets that can be derived again (`spec/10-reducer.md` 10.7): one key is kept for
//! all, so nothing is lost with a view and nothing leaks with a bundle.

use synlog_log::ids::{EntryId, TopicId};
use synlog_log::keys::SecretKey;
use synlog_values::secrets::{Secrets, derived};

use crate::entropy::random;
use crate::failure::Failure;
use crate::node::Node;

pub use synlog_values::secrets::{commit, take_commitment};

impl Node {
    /// A key that only this device can compute.
    pub(crate) fn device_secret(&self, purpose: &str) -> [u8; 32] {
        derived(&self.key, purpose)
    }

    fn secrets_key(&self) -> Result<SecretKey, Failure> {
        let path = self.home.secrets_key_path();
        if !path.exists() {
            let key = SecretKey::from_seed(random()?);
            self.home.write_key(&path, &key)?;
        }
        self.home.read_key(path)
    }

    /// The secret that this device's entry with a seq in a topic commits to.
    pub fn entry_secret(
        &self,
        label: &str,
        topic: &TopicId,
        seq: u64,
    ) -> Result<[u8; 32], Failure> {
        Ok(Secrets(&self.secrets_key()?).entry(label, topic, seq))
    }

    /// The secret to which the body of this device's entry commits.
    pub fn committed_secret(
        &self,
        label: &str,
        topic: &TopicId,
        seq: u64,
        body: &[u8],
    ) -> Result<Option<[u8; 32]>, Failure> {
        Ok(Secrets(&self.secrets_key()?).committed(label, topic, seq, body))
    }

    /// The `r` of a take for an order or booking.
    pub fn take_secret(&self, relation: &TopicId, order: &EntryId) -> Result<[u8; 32], Failure> {
        Ok(Secrets(&self.secrets_key()?).take(relation, order))
    }

    /// The salt that opens the holder of a grant with a tag to this device's entity.
    pub fn holder_salt(&self, topic: &TopicId, tag: &[u8]) -> Result<[u8; 32], Failure> {
        Ok(Secrets(&self.secrets_key()?).holder_salt(topic, tag))
    }

    /// Who may review, as a hash.
    pub fn holder(&self, topic: &TopicId, tag: &[u8]) -> Result<[u8; 32], Failure> {
        Ok(Secrets(&self.secrets_key()?).holder(topic, tag, &self.entity()))
    }
}
