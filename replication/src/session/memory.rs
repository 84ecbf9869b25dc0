//! What a node remembers of a peer, so that the next meeting is short.

use std::collections::BTreeSet;

use synlog_log::ids::TopicId;
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use crate::repo::Epoch;

/// The version of its encoding.
const VERSION: u8 = 1;
/// Topics that are remembered for one peer.
const TOPICS_MAX: usize = 1 << 20;

/// What is remembered of a peer. Both sides remember the same `key` and `shared`, and
/// notice where they don't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMemory {
    /// Key of the meeting in which the topics were matched.
    pub key: [u8; 32],
    /// Topics that both shared.
    pub shared: BTreeSet<TopicId>,
    /// Topics that this side would have shared and the other did not know.
    pub unmatched: BTreeSet<TopicId>,
    /// Up to where this side has what the other stored.
    pub cursor: (Epoch, u64),
}

impl PeerMemory {
    /// The one encoding, for a file of this node.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&self.cursor.0.0);
        out.put_varint(self.cursor.1);
        for topics in [&self.shared, &self.unmatched] {
            out.put_varint(topics.len() as u64);
            topics
                .iter()
                .for_each(|topic| out.extend_from_slice(&topic.0));
        }
        out
    }

    /// Decodes it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Refusal::NotCanonical);
        }
        let key = reader.array()?;
        let cursor = (Epoch(reader.array()?), reader.varint()?);
        let mut topics = || -> Result<BTreeSet<TopicId>, Refusal> {
            let count = reader.length(TOPICS_MAX)?;
            let bytes = reader.take(count * 32)?;
            let topic = |bytes: &[u8]| {
                let mut id = [0; 32];
                id.copy_from_slice(bytes);
                TopicId(id)
            };
            let topics: Vec<TopicId> = bytes.chunks_exact(32).map(topic).collect();
            match topics.windows(2).all(|pair| pair[0] < pair[1]) {
                true => Ok(topics.into_iter().collect()),
                false => Err(Refusal::NotCanonical),
            }
        };
        let (shared, unmatched) = (topics()?, topics()?);
        reader.end()?;
        Ok(Self {
            key,
            shared,
            unmatched,
            cursor,
        })
    }
}
