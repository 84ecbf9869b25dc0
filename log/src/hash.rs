//! BLAKE3 in derive-key mode, one context for each kind of thing that is hashed.

use std::sync::LazyLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

/// What a hash is of. The context strings are fixed by `spec/01-encoding.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A header: gives the entry id.
    Entry,
    /// Kind, body and evidence of a payload.
    Body,
    /// The erasable part of a payload.
    Erasable,
    /// Body hash and erasable hash.
    Payload,
    /// The second part of the order key.
    Tie,
    /// An identity statement.
    Statement,
    /// What a key signs to join an entity.
    Acceptance,
    /// Id of a topic without a genesis.
    DerivedTopic,
    /// Id of a fork proof.
    ForkProof,
    /// The order of a topic.
    Order,
    /// Key that seals one part of one entry.
    EntryKey,
    /// What makes a sealed part open one way only.
    Commitment,
    /// Public name of an epoch key.
    EpochKey,
    /// A bundle's bytes.
    Bundle,
    /// A grant of the right to review.
    Grant,
    /// A receipt.
    Receipt,
    /// Salt and entity of who may review.
    Holder,
    /// How far a feed goes.
    Row,
    /// Two parts of a frontier.
    Rows,
    /// The key of one meeting of two nodes.
    Meeting,
    /// The secret encryption key that follows from a root's seed.
    EncryptionKey,
    /// Key that seals the key of the epoch before.
    PreviousEpoch,
    /// Key that seals one chunk of a blob.
    BlobKey,
    /// A letter of first contact.
    Letter,
    /// What a new device asks for.
    DeviceRequest,
    /// What it gets for an answer.
    DeviceAnswer,
    /// Name of the swarm of a public topic.
    Swarm,
    /// What a node says of itself in a swarm.
    SwarmWord,
}

/// Number of contexts.
const COUNT: usize = 28;

impl Context {
    /// The context string.
    pub fn text(self) -> &'static str {
        match self {
            Self::Entry => "synlog v1 entry",
            Self::Body => "synlog v1 body",
            Self::Erasable => "synlog v1 erasable",
            Self::Payload => "synlog v1 payload",
            Self::Tie => "synlog v1 tie",
            Self::Statement => "synlog v1 statement",
            Self::Acceptance => "synlog v1 acceptance",
            Self::DerivedTopic => "synlog v1 derived topic",
            Self::ForkProof => "synlog v1 fork proof",
            Self::Order => "synlog v1 order",
            Self::EntryKey => "synlog v1 entry key",
            Self::Commitment => "synlog v1 commitment",
            Self::EpochKey => "synlog v1 epoch key",
            Self::Bundle => "synlog v1 bundle",
            Self::Grant => "synlog v1 grant",
            Self::Receipt => "synlog v1 receipt",
            Self::Holder => "synlog v1 holder",
            Self::Row => "synlog v1 row",
            Self::Rows => "synlog v1 rows",
            Self::Meeting => "synlog v1 meeting",
            Self::EncryptionKey => "synlog v1 encryption key",
            Self::PreviousEpoch => "synlog v1 previous epoch",
            Self::BlobKey => "synlog v1 blob key",
            Self::Letter => "synlog v1 letter",
            Self::DeviceRequest => "synlog v1 device request",
            Self::DeviceAnswer => "synlog v1 device answer",
            Self::Swarm => "synlog v1 swarm",
            Self::SwarmWord => "synlog v1 swarm word",
        }
    }

    const ALL: [Self; COUNT] = [
        Self::Entry,
        Self::Body,
        Self::Erasable,
        Self::Payload,
        Self::Tie,
        Self::Statement,
        Self::Acceptance,
        Self::DerivedTopic,
        Self::ForkProof,
        Self::Order,
        Self::EntryKey,
        Self::Commitment,
        Self::EpochKey,
        Self::Bundle,
        Self::Grant,
        Self::Receipt,
        Self::Holder,
        Self::Row,
        Self::Rows,
        Self::Meeting,
        Self::EncryptionKey,
        Self::PreviousEpoch,
        Self::BlobKey,
        Self::Letter,
        Self::DeviceRequest,
        Self::DeviceAnswer,
        Self::Swarm,
        Self::SwarmWord,
    ];

    /// A hasher that has taken in the context. The context keys are computed
    /// once: for short inputs hashing the context would double the work.
    #[inline]
    pub fn hasher(self) -> Hasher {
        static KEYS: LazyLock<[ContextKey; COUNT]> =
            LazyLock::new(|| Context::ALL.map(|context| hash_derive_key_context(context.text())));
        Hasher::new_from_context_key(&KEYS[self as usize])
    }

    /// Hash of some bytes.
    #[inline]
    pub fn hash(self, data: &[u8]) -> [u8; 32] {
        *self.hasher().update(data).finalize().as_bytes()
    }

    /// Hash of several pieces, one after the other.
    #[inline]
    pub fn hash_parts(self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_derive_key_mode() {
        for context in Context::ALL {
            assert_eq!(
                context.hash(b"data"),
                blake3::derive_key(context.text(), b"data")
            );
            assert_eq!(context, Context::ALL[context as usize]);
        }
    }
}
