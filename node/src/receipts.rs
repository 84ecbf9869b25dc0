//! Receipts: what this device says it was given, and what others said so
//! (`spec/10-reducer.md` 10.8). They travel in bundles.

use std::collections::BTreeMap;

use synlog_log::attestation::{Attestation, Claims, check_receipt};
use synlog_log::bundle::RecordKind;
use synlog_log::fold::Fact;
use synlog_log::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::run::RunView;
use synlog_log::store::Record;

use crate::failure::Failure;
use crate::ledger::read;
use crate::node::Node;

/// Receipts of a topic that are kept; beyond, new ones from others are not.
const KEPT_MAX: usize = 4_096;

/// A receipt that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its topic.
    pub topic: TopicId,
    /// Who confirms.
    pub device: DeviceId,
    /// Whose device that is.
    pub entity: EntityId,
    /// Author of what was delivered.
    pub author: DeviceId,
    /// Number of what was delivered in its feed; all before it was, too.
    pub seq: u64,
    /// The entry.
    pub entry: EntryId,
    /// How many entries `device` had written in the topic by then.
    pub height: u64,
    /// Its clock by then, UTC ms.
    pub at_ms: u64,
    /// The attestation, encoded: evidence as it stands.
    pub bytes: Vec<u8>,
}

impl Receipt {
    /// Reads one, checked already.
    pub(crate) fn of(fact: &Fact, bytes: Vec<u8>) -> Option<Self> {
        let Fact::Receipt {
            topic,
            device,
            entity,
            entry,
            author,
            seq,
            height,
            at_ms,
        } = fact
        else {
            return None;
        };
        Some(Self {
            topic: *topic,
            device: *device,
            entity: *entity,
            author: *author,
            seq: *seq,
            entry: *entry,
            height: *height,
            at_ms: *at_ms,
            bytes,
        })
    }
}

/// What a receipt is known by in the store.
fn name(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

impl Node {
    /// Signs a receipt for each feed of others that grew, in topics where this device
    /// has a part: where it wrote before or its entity is a member.
    pub fn issue_receipts(
        &mut self,
        fresh: &BTreeMap<FeedKey, u64>,
        now_ms: u64,
    ) -> Result<usize, Failure> {
        let Some(certificate) = self.certificate() else {
            return Ok(0);
        };
        let certificate = certificate.encode();
        let (device, entity) = (self.device(), self.entity());
        let mut issued = 0;
        for feed in fresh.keys().filter(|feed| feed.author != device) {
            let own = FeedKey {
                author: device,
                topic: feed.topic,
            };
            let height = self.store.feed(&own).map_or(0, |state| state.height);
            let member = self.is_member(&feed.topic, &entity);
            let Some((seq, entry)) = self.store.feed(feed).and_then(|state| {
                let seq = state.height.checked_sub(1)?;
                Some((seq, state.head))
            }) else {
                continue;
            };
            if height == 0 && !member {
                continue;
            }
            let claims = Claims::Receipt {
                topic: feed.topic,
                author: feed.author,
                seq,
                entry,
                height,
                at_ms: now_ms,
            };
            let bytes = Attestation::sign(&self.key, &certificate, claims).encode();
            issued += usize::from(self.take_in_receipt(&bytes)?);
        }
        Ok(issued)
    }

    /// Keeps a receipt, if it checks, is of somebody who has a part in a topic that is
    /// here, and says more than those that are kept. A refusal is an error.
    pub fn take_in_receipt(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        let fact = check_receipt(bytes).map_err(Failure::refused("a receipt"))?;
        let Some(receipt) = Receipt::of(&fact, bytes.to_vec()) else {
            return Ok(false);
        };
        if !self.has_a_part(&receipt)? {
            return Ok(false);
        }
        let own = receipt.device == self.device();
        let kept = self.receipts.entry(receipt.topic).or_default();
        let said = kept.iter().any(|other| {
            other.device == receipt.device
                && other.author == receipt.author
                && other.seq >= receipt.seq
                && other.height <= receipt.height
        });
        if said || (kept.len() >= KEPT_MAX && !own) {
            return Ok(false);
        }
        let kind = RecordKind::Receipt.number();
        self.store
            .commit(&[Record::other(kind, bytes, name(bytes))])?;
        kept.push(receipt);
        Ok(true)
    }

    /// Whether a receipt is for an entry that is here, by somebody whom its topic knows.
    fn has_a_part(&mut self, receipt: &Receipt) -> Result<bool, Failure> {
        let Some(position) = self.store.locate(&receipt.entry)? else {
            return Ok(false);
        };
        let feed = FeedKey {
            author: receipt.author,
            topic: receipt.topic,
        };
        let record = read(&self.store, position)?;
        if record.is_none_or(|record| RunView::feed_of(&record.bytes) != Ok(feed)) {
            return Ok(false);
        }
        if self.is_member(&receipt.topic, &receipt.entity) {
            return Ok(true);
        }
        for state in self.store.feeds_of(&receipt.topic) {
            if self.author_of(&state.key)? == Some(receipt.entity) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes up a receipt that the store held.
    pub(crate) fn load_receipt(&mut self, bytes: Vec<u8>) {
        if let Ok(fact) = check_receipt(&bytes)
            && let Some(receipt) = Receipt::of(&fact, bytes)
        {
            self.receipts
                .entry(receipt.topic)
                .or_default()
                .push(receipt);
        }
    }

    /// Receipts of a topic, as they came.
    pub fn receipts(&self, topic: &TopicId) -> &[Receipt] {
        self.receipts.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Receipts by other entities that cover an entry, those of the sequencer's entity
    /// first, then the one with the least height.
    pub fn receipts_for(
        &mut self,
        topic: &TopicId,
        author: &DeviceId,
        seq: u64,
    ) -> Result<Vec<Receipt>, Failure> {
        let own = self.entity();
        let order = self.order(topic)?;
        let owners: Vec<EntityId> = order
            .head()
            .and_then(|head| order.entity_of(&head))
            .into_iter()
            .collect();
        let mut covering: Vec<Receipt> = self
            .receipts(topic)
            .iter()
            .filter(|receipt| {
                receipt.author == *author && receipt.seq >= seq && receipt.entity != own
            })
            .cloned()
            .collect();
        covering.sort_by_key(|receipt| {
            (
                !owners.contains(&receipt.entity),
                receipt.height,
                receipt.at_ms,
            )
        });
        Ok(covering)
    }
}
