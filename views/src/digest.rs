//! Digests: what two nodes compare to know that they show the same (`spec/11-views.md`).

use synlog_log::ids::{EntryId, TopicId};

use crate::driver::{Views, guarded};
use crate::error::ViewsError;
use crate::hashing::Purpose;
use crate::store::keys::{self, Layer};
use crate::store::record::{Aggregate, Rejection};

/// What a digest is of. Where names differ, digests may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestName {
    /// The topic.
    pub topic: TopicId,
    /// Hash of the reducer.
    pub reducer: [u8; 32],
    /// Version of the rules.
    pub rules: u64,
    /// The last entry of the sequencer that is folded.
    pub head: Option<EntryId>,
    /// How many lines of the prefix are folded; in a causal topic: accepted lines of all.
    pub lines: u64,
    /// Running hash over those of them that were accepted.
    pub lines_hash: [u8; 32],
    /// Running hash over the tentative lines that are folded.
    pub tentative_hash: [u8; 32],
}

/// The digest of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// What it is of.
    pub name: DigestName,
    /// Root over what the sequencer placed; in a causal topic over all.
    pub sequenced: [u8; 32],
    /// Root over what tentative events change on top.
    pub tentative: [u8; 32],
    /// How many aggregates there are, and how many of them tentative events change.
    pub aggregates: (u64, u64),
    /// Keys that this node could not fold.
    pub halted: Vec<String>,
}

impl Views {
    /// The digest of a topic. Reads all its aggregates.
    ///
    /// # Errors
    /// `UnknownTopic`, or where the database fails.
    pub fn digest(&self, topic: &TopicId) -> Result<Digest, ViewsError> {
        guarded(|| {
            let state = self.topics.get(topic).ok_or(ViewsError::UnknownTopic)?;
            let record = &state.record;
            Ok(Digest {
                name: DigestName {
                    topic: *topic,
                    reducer: record.reducer,
                    rules: record.rules,
                    head: record.head,
                    lines: record.lines,
                    lines_hash: record.lines_hash,
                    tentative_hash: record.tentative_hash,
                },
                sequenced: self.layer_root(topic, Layer::Base)?,
                tentative: self.layer_root(topic, Layer::Overlay)?,
                aggregates: (record.aggregates, record.overlaid),
                halted: state.halted.clone(),
            })
        })
    }

    fn layer_root(&self, topic: &TopicId, layer: Layer) -> Result<[u8; 32], ViewsError> {
        let mut leaves = Vec::new();
        for item in self.store.scan(&keys::aggregate(layer, topic, "")) {
            let (key, (_, payload)) = item?;
            let name = keys::aggregate_key(&key)
                .ok_or_else(|| ViewsError::Damaged("the key of an aggregate".into()))?;
            leaves.push(Aggregate::decode(&payload)?.leaf(name));
        }
        let mut rejections = Vec::new();
        for item in self.store.scan(&keys::rejection(layer, topic, &[])) {
            let (_, (_, payload)) = item?;
            rejections.push(Rejection::decode(&payload)?.leaf());
        }
        Ok(Purpose::Node.hash(&[&root(leaves), &root(rejections)]))
    }
}

/// Root of the tree over leaves. One that has no neighbour goes up as it is.
fn root(mut nodes: Vec<[u8; 32]>) -> [u8; 32] {
    while nodes.len() > 1 {
        let pair = |pair: &[[u8; 32]]| match pair {
            [left, right] => Purpose::Node.hash(&[left, right]),
            _ => pair[0],
        };
        nodes = nodes.chunks(2).map(pair).collect();
    }
    nodes.first().copied().unwrap_or([0; 32])
}
