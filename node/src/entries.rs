//! Looking entries up: by id or the front of one, with their payloads and proofs.

use std::collections::HashMap;

use synlog_log::bundle::RecordKind;
use synlog_log::header::Header;
use synlog_log::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId, hex};
use synlog_log::order::Status;
use synlog_log::owned::OwnedPayload;
use synlog_log::proof::{Proof, ProofPayload};
use synlog_log::refusal::Refusal;
use synlog_log::run::{EntryView, PayloadForm, RunView};
use synlog_log::skiplink;
use synlog_log::store::StoreError;
use synlog_log::topic::Genesis;

use crate::failure::Failure;
use crate::ledger::read;
use crate::node::Node;
use crate::privacy::opened;

/// An entry with all that is known of it here.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its position of arrival in this store: a cursor.
    pub position: u64,
    /// Its id.
    pub id: EntryId,
    /// Its header.
    pub header: Header,
    /// The topic to which it belongs.
    pub topic: TopicId,
    /// The entity of its author, where its topic is here.
    pub entity: Option<EntityId>,
    /// The name of its device.
    pub device_name: Option<String>,
    /// Where it stands in its topic.
    pub status: Option<Status>,
    /// The payload; of a sealed entry that opens here what is inside.
    pub payload: OwnedPayload,
    /// Whether it is sealed.
    pub lock: Lock,
    /// Whether a tombstone for its erasable part counts, or it was dropped already.
    pub erased: bool,
}

/// How an entry of a private topic stands to this reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// It is not sealed.
    None,
    /// It is sealed and open here; as it is stored.
    Open(OwnedPayload),
    /// It is sealed, and closed to this reader.
    Closed,
}

impl Entry {
    /// The payload as it was signed.
    pub fn stored_payload(&self) -> &OwnedPayload {
        match &self.lock {
            Lock::Open(stored) => stored,
            Lock::None | Lock::Closed => &self.payload,
        }
    }
}

/// Ids that fit the front of one are shown up to this many.
const AMBIGUOUS_MAX: usize = 8;

impl Node {
    /// Everything that arrived from a position on, in order, given to `each` until
    /// it returns `false`. Damaged ranges are told to `missing`.
    pub fn arrivals(
        &mut self,
        from: u64,
        missing: &mut dyn FnMut(u64, u64),
        each: &mut dyn FnMut(Entry) -> Result<bool, Failure>,
    ) -> Result<u64, Failure> {
        let end = self.store.end();
        let mut at = from;
        while at < end {
            // a part at a time: the orders are loaded in between
            let records: Vec<_> = self.store.scan(at).take(256).collect();
            for record in records {
                let record = match record {
                    Ok(record) => record,
                    Err(StoreError::Missing { first, end }) => {
                        missing(first, end);
                        at = end;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let next = record.first_position + u64::from(record.positions);
                if RecordKind::from_number(record.kind) == Some(RecordKind::Run)
                    && let Ok(run) = RunView::decode(&record.bytes)
                {
                    let skip = at.saturating_sub(record.first_position);
                    for (index, entry) in run.entries.iter().enumerate().skip(skip as usize) {
                        let position = record.first_position + index as u64;
                        let entry = self.describe(position, &run, index, entry)?;
                        if !each(entry)? {
                            return Ok(position + 1);
                        }
                    }
                }
                at = next;
            }
        }
        Ok(end)
    }

    fn describe(
        &mut self,
        position: u64,
        run: &RunView<'_>,
        index: usize,
        entry: &EntryView<'_>,
    ) -> Result<Entry, Failure> {
        let topic = run.feed.topic;
        let order = match self.order(&topic) {
            Ok(order) => Some(order),
            Err(Failure::NoTopic(_)) => None,
            Err(failure) => return Err(failure),
        };
        let status = order.as_ref().and_then(|order| order.status(&entry.id));
        let entity = order
            .as_ref()
            .filter(|order| order.contains(&entry.id))
            .and_then(|order| order.entity_of(&entry.id));
        let device_name = order
            .as_ref()
            .and_then(|order| order.device_name(&entry.id))
            .map(str::to_owned);
        let mut payload = OwnedPayload::of(&entry.payload);
        let mut lock = Lock::None;
        if let Some(order) = order.as_ref().filter(|order| order.is_sealed(&entry.id)) {
            lock = match opened(order, &entry.id, || run.header(index), &entry.payload) {
                Some(inside) => Lock::Open(std::mem::replace(&mut payload, inside)),
                None => Lock::Closed,
            };
        }
        let erased =
            entry.payload.is_erased() || order.is_some_and(|order| order.is_erased(&entry.id));
        Ok(Entry {
            position,
            id: entry.id,
            header: run.header(index),
            topic,
            entity,
            device_name,
            status,
            payload,
            lock,
            erased,
        })
    }

    /// An entry by its id.
    pub fn entry(&mut self, id: &EntryId) -> Result<Entry, Failure> {
        let position = self.store.locate(id)?.ok_or(Failure::NoEntry(*id))?;
        let record = read(&self.store, position)?.ok_or(Failure::NoEntry(*id))?;
        if !crate::pipeline::is_run(record.kind) {
            return Err(Failure::NoEntry(*id));
        }
        let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
        let index = record.index_in_run as usize;
        let entry = run.entries.get(index).ok_or(Failure::NoEntry(*id))?.clone();
        self.describe(position, &run, index, &entry)
    }

    /// All entries of a topic, in its order; damaged ones are left out.
    pub fn entries_in_order(&mut self, topic: &TopicId) -> Result<Vec<Entry>, Failure> {
        let ids: Vec<EntryId> = self.order(topic)?.lines().map(|line| line.id).collect();
        let mut held = HashMap::new();
        for (first, bytes) in self.runs_of_topic(topic)? {
            let run = RunView::decode(&bytes).map_err(Failure::refused("a stored run"))?;
            for (index, entry) in run.entries.iter().enumerate() {
                let described = self.describe(first + index as u64, &run, index, entry)?;
                held.entry(entry.id).or_insert(described);
            }
        }
        Ok(ids.iter().filter_map(|id| held.remove(id)).collect())
    }

    /// The one entry whose id begins with some hex digits.
    pub fn find_entry(&mut self, front: &str) -> Result<EntryId, Failure> {
        if let Ok(id) = front.parse() {
            return Ok(id);
        }
        let mut found = Vec::new();
        let ids = self.all_entry_ids()?;
        found.extend(
            ids.into_iter()
                .filter(|id| hex(&id.0).starts_with(&front.to_lowercase()))
                .take(AMBIGUOUS_MAX + 1),
        );
        one_of("entry", front, &found, |id| id.to_string())
    }

    fn all_entry_ids(&self) -> Result<Vec<EntryId>, Failure> {
        let mut ids = Vec::new();
        for record in self.store.scan(0) {
            match record {
                Ok(record) if crate::pipeline::is_run(record.kind) => {
                    if let Ok(run) = RunView::decode(&record.bytes) {
                        ids.extend(run.entries.iter().map(|entry| entry.id));
                    }
                }
                Ok(_) | Err(StoreError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ids)
    }

    /// The name of a topic; that of a private one is sealed, and only its order opens it.
    pub(crate) fn topic_name(&mut self, topic: &TopicId) -> Result<Option<String>, Failure> {
        Ok(self.opened_genesis(topic)?.and_then(|genesis| genesis.name))
    }

    /// What a topic began with; the order of a private one opens it.
    pub(crate) fn opened_genesis(&mut self, topic: &TopicId) -> Result<Option<Genesis>, Failure> {
        match self.genesis(topic) {
            Some(genesis) if !genesis.is_private() => Ok(Some(genesis)),
            _ => match self.order(topic) {
                Ok(order) => Ok(order.genesis().cloned()),
                Err(Failure::NoTopic(_)) => Ok(None),
                Err(failure) => Err(failure),
            },
        }
    }

    /// The one topic whose id begins with some hex digits, or whose name is this.
    pub fn find_topic(&mut self, name: &str) -> Result<TopicId, Failure> {
        let topics = self.store.topics();
        if let Ok(id) = name.parse() {
            return if topics.contains(&id) {
                Ok(id)
            } else {
                Err(Failure::NoTopic(id))
            };
        }
        let (mut by_name, mut by_front) = (Vec::new(), Vec::new());
        for topic in topics {
            let named = self.topic_name(&topic)?.as_deref() == Some(name);
            let fits = !name.is_empty() && hex(&topic.0).starts_with(&name.to_lowercase());
            if named {
                by_name.push(topic);
            } else if fits {
                by_front.push(topic);
            }
        }
        // a name that is meant must not stop to fit when somebody's id begins like it
        let found = if by_name.is_empty() {
            by_front
        } else {
            by_name
        };
        one_of("topic", name, &found, |id| id.to_string())
    }

    /// The one device that is known here whose id begins with some hex digits.
    pub fn find_device(&self, front: &str) -> Result<DeviceId, Failure> {
        if let Ok(id) = front.parse() {
            return Ok(id);
        }
        let mut devices: Vec<DeviceId> = self.store.feeds().map(|state| state.key.author).collect();
        devices.sort();
        devices.dedup();
        devices.retain(|id| hex(&id.0).starts_with(&front.to_lowercase()));
        one_of("device", front, &devices, |id| id.to_string())
    }

    /// The one entity that is known here whose id begins with some hex digits.
    pub fn find_entity(&mut self, front: &str) -> Result<EntityId, Failure> {
        if let Ok(id) = front.parse() {
            return Ok(id);
        }
        let met = self.met.entities();
        let mut entities: Vec<EntityId> = self.identities.keys().chain(met).copied().collect();
        for topic in self.store.topics() {
            if let Ok(order) = self.order(&topic) {
                entities.extend(order.policy().members.keys());
            }
        }
        entities.sort();
        entities.dedup();
        entities.retain(|id| hex(&id.0).starts_with(&front.to_lowercase()));
        one_of("entity", front, &entities, |id| id.to_string())
    }

    /// Proves an entry by a path of headers from the signed end of its run.
    pub fn prove(&mut self, id: &EntryId) -> Result<Proof, Failure> {
        let entry = self.entry(id)?;
        let feed = FeedKey {
            author: entry.header.author,
            topic: entry.topic,
        };
        // every stored run is signed at its end, so the path never leaves the run
        let record = read(&self.store, entry.position)?.ok_or(Failure::NoEntry(*id))?;
        let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
        let unsigned = || Failure::refused("a stored run")(Refusal::BadSignature);
        let signature = run.signature.ok_or_else(unsigned)?;
        let lowest = run.first().seq;
        let path = skiplink::path(run.last().seq, entry.header.seq)
            .into_iter()
            .map(|seq| run.header((seq - lowest) as usize))
            .collect();
        let certificate = self.feed_certificate(&feed)?;
        let payload = match entry.stored_payload().clone() {
            OwnedPayload::Whole(bytes) if entry.erased => {
                match synlog_log::run::erase(&PayloadForm::Whole(&bytes)) {
                    Some(PayloadForm::Erased {
                        part,
                        erasable_hash,
                        ..
                    }) => ProofPayload::Erased {
                        part: part.to_vec(),
                        erasable_hash,
                    },
                    _ => ProofPayload::Whole(bytes),
                }
            }
            OwnedPayload::Whole(bytes) => ProofPayload::Whole(bytes),
            OwnedPayload::Erased {
                part,
                erasable_hash,
                ..
            } => ProofPayload::Erased {
                part,
                erasable_hash,
            },
        };
        Ok(Proof {
            certificate,
            path,
            signature,
            payload,
        })
    }

    fn feed_certificate(&self, feed: &FeedKey) -> Result<Vec<u8>, Failure> {
        for position in self.store.at_seq(feed, 0)? {
            let Some(record) = read(&self.store, position)? else {
                continue;
            };
            if let Ok(run) = RunView::decode(&record.bytes)
                && let Some(certificate) = run.certificate
            {
                return Ok(certificate.to_vec());
            }
        }
        Err(Failure::NoDevice(feed.author))
    }
}

pub(crate) fn one_of<T: Copy>(
    what: &str,
    name: &str,
    found: &[T],
    show: impl Fn(&T) -> String,
) -> Result<T, Failure> {
    match found {
        [one] => Ok(*one),
        [] => Err(Failure::BadName(format!(
            "no {what} here is called {name:?} or begins with it"
        ))),
        several => {
            let ids: Vec<String> = several.iter().take(AMBIGUOUS_MAX).map(show).collect();
            Err(Failure::BadName(format!(
                "several fit {name:?}: {}",
                ids.join(", ")
            )))
        }
    }
}
