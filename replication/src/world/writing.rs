//! What devices of a simulated world write, rightly and wrongly.

use synlog_log::admission::{Ledger, Tip};
use synlog_log::cbor::Value;
use synlog_log::draft::{Draft, DraftError};
use synlog_log::ids::{EntryId, FeedKey, TopicId};
use synlog_log::limits::{AHEAD_MAX_MS, DEPS_MAX};
use synlog_log::payload::PayloadBuilder;
use synlog_log::run::RunView;
use synlog_log::scenario::START_MS;
use synlog_log::topic::{GENESIS_KIND, Genesis};

use super::cast::Device;
use super::memory::MemoryRepo;
use crate::repo::Taken;

/// Bytes of a body; what a longer payload has beyond stands in its erasable part.
const BODY_BYTES: usize = 4_000;

/// A payload of a kind with a number in it, and bytes that make it longer.
pub fn payload(kind: &str, number: u64, extra_bytes: usize) -> Vec<u8> {
    let filling = |bytes: usize| Value::Bytes(vec![b'x'; bytes]);
    let in_body = extra_bytes.min(BODY_BYTES);
    let body = Value::map([("n", Value::Int(number as i64)), ("x", filling(in_body))]);
    let mut builder = PayloadBuilder::new(kind, body);
    if extra_bytes > in_body {
        let more = Value::map([("x", filling(extra_bytes - in_body))]);
        builder.erasable = Some(([0; 16], 0, more));
    }
    match builder.encode() {
        Ok(payload) => payload,
        Err(refusal) => panic!("a payload that can't be written: {refusal}"),
    }
}

/// The run that begins a topic, and the topic's id.
pub fn begin_topic(device: &Device, genesis: &Genesis, now_ms: u64) -> Option<(TopicId, Vec<u8>)> {
    let body = PayloadBuilder::new(GENESIS_KIND, genesis.body())
        .encode()
        .ok()?;
    let mut draft = Draft::first(&device.key, TopicId::ZERO, device.certificate.to_vec());
    let id = draft.add(now_ms, &[], &body).ok()?;
    let (run, _) = draft.sign()?;
    Some((TopicId(id.0), run))
}

impl MemoryRepo {
    /// The feed of this node's device in a topic.
    pub fn own_feed(&self, topic: TopicId) -> FeedKey {
        FeedKey {
            author: self.device.id,
            topic,
        }
    }

    /// The end of a feed's first branch, to write on from.
    pub fn tip(&self, feed: &FeedKey) -> Option<Tip> {
        let height = self.feeds.get(feed)?.height;
        let head = self.entry_at(feed, height.checked_sub(1)?)?;
        let Ok(tip) = Tip::load(&self.replica.ledger, &head);
        tip
    }

    /// Signs, after a tip or as a feed's first, an entry that cites others; nothing is stored.
    pub fn sign_entry(
        &self,
        topic: TopicId,
        tip: Option<Tip>,
        cited: &[EntryId],
        payload: &[u8],
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, DraftError> {
        let mut deps: Vec<EntryId> = cited.to_vec();
        let device = &self.device;
        let mut draft = match tip {
            Some(tip) => Draft::after(&device.key, topic, tip),
            None => {
                deps.push(EntryId(topic.0));
                Draft::first(&device.key, topic, device.certificate.to_vec())
            }
        };
        let with_clock = |id: &EntryId| {
            let Ok(facts) = self.replica.ledger.facts(id);
            Some((*id, facts?.hlc))
        };
        let deps: Vec<(EntryId, u64)> = deps.iter().filter_map(with_clock).collect();
        draft.add(now_ms, &deps, payload)?;
        Ok(draft.sign().map(|(run, _)| run))
    }

    /// Writes an entry that cites what nobody has cited yet; durable when this returns.
    pub fn write(
        &mut self,
        topic: TopicId,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<Option<FeedKey>, DraftError> {
        let feed = self.own_feed(topic);
        let own = self.tip(&feed);
        let tips = self.replica.orders.get(&topic).map(|order| order.tips());
        let mut cited = tips.unwrap_or_default();
        let citable = |id: &EntryId| {
            let Ok(facts) = self.replica.ledger.facts(id);
            let ahead = |hlc: u64| hlc >> 16 > now_ms.saturating_add(AHEAD_MAX_MS);
            facts.is_some_and(|facts| !ahead(facts.hlc))
        };
        cited.retain(|id| citable(id) && own.as_ref().is_none_or(|own| own.id != *id));
        // one place is for the genesis
        cited.truncate(DEPS_MAX - 1);
        let Some(run) = self.sign_entry(topic, own, &cited, payload, now_ms)? else {
            return Ok(None);
        };
        Ok(self.publish(run, now_ms))
    }

    /// Writes, in one step, the first entry of a device's feed; for whoever holds many keys.
    pub fn write_as(&mut self, device: &Device, topic: TopicId, payload: &[u8], now_ms: u64) {
        let first = (EntryId(topic.0), START_MS << 16);
        let mut draft = Draft::first(&device.key, topic, device.certificate.to_vec());
        if draft.add(now_ms, &[first], payload).is_ok()
            && let Some((run, _)) = draft.sign()
        {
            self.publish(run, now_ms);
        }
    }

    /// Stores a run of this device's own.
    pub fn publish(&mut self, run: Vec<u8>, now_ms: u64) -> Option<FeedKey> {
        let feed = RunView::decode(&run).ok()?.feed;
        let mut taken = Taken::default();
        self.admit(vec![(0, run)], now_ms, &mut taken);
        (taken.fresh_entries > 0).then_some(feed)
    }

    /// Whether this device is to sequence and has something to cite.
    pub fn has_to_sequence(&mut self, topic: &TopicId) -> bool {
        let device = self.device.id;
        let order = self.replica.orders.get_mut(topic);
        order.is_some_and(|order| {
            order.settle();
            !order.is_causal() && order.awaits_sequencer(&device)
        })
    }
}
