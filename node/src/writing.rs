//! Writing: topics, events, statements of one's own root.

use std::collections::BTreeMap;

use synlog_log::admission::{Ledger, MemoryLedger, Tip};
use synlog_log::cbor::Value;
use synlog_log::draft::{Draft, DraftError};
use synlog_log::identity::{Action, SignedStatement};
use synlog_log::ids::{EntryId, FeedKey, TopicId};
use synlog_log::limits::{DEPS_MAX, PAYLOAD_MAX, SALT_LEN};
use synlog_log::order::{Content, Status, Verdict};
use synlog_log::payload::{Payload, PayloadBuilder};
use synlog_log::run::PayloadForm;
use synlog_log::topic::{GENESIS_KIND, Genesis};

use crate::entropy::random;
use crate::failure::Failure;
use crate::ledger::StoreLedger;
use crate::node::Node;
use crate::privacy::add_sealed;

/// What a single entry may need beside its payload: header, certificate, frame.
const RESERVE_BYTES: u64 = 8 * 1024;

impl Node {
    /// Refuses to write where the guard says that own entries may be lost, or this machine's
    /// clock is not right.
    pub fn check_guard(&self) -> Result<(), Failure> {
        if let Some(reason) = self.store.guard() {
            return Err(Failure::Guarded(reason));
        }
        self.clock_off
            .map_or(Ok(()), |off_ms| Err(Failure::ClockOff { off_ms }))
    }

    /// The tip of this device's feed in a topic.
    pub fn own_tip(&self, topic: &TopicId) -> Result<Option<Tip>, Failure> {
        let Some(state) = self.store.feed(&FeedKey {
            author: self.device(),
            topic: *topic,
        }) else {
            return Ok(None);
        };
        let staged = MemoryLedger::default();
        let ledger = StoreLedger {
            store: &self.store,
            staged: &staged,
            remembered: &self.remembered,
        };
        Ok(Tip::load(&ledger, &state.head)?)
    }

    fn facts_hlc(&self, id: &EntryId) -> Result<Option<u64>, Failure> {
        let staged = MemoryLedger::default();
        let ledger = StoreLedger {
            store: &self.store,
            staged: &staged,
            remembered: &self.remembered,
        };
        Ok(ledger.facts(id)?.map(|facts| facts.hlc))
    }

    /// What the next entry in a topic cites: all that nobody has cited yet, the
    /// latest first, as far as an entry has room.
    pub fn next_deps(&mut self, topic: &TopicId) -> Result<Vec<(EntryId, u64)>, Failure> {
        let own = FeedKey {
            author: self.device(),
            topic: *topic,
        };
        let own_head = self.store.feed(&own).map(|state| state.head);
        let mut tips = self.order(topic)?.tips();
        tips.retain(|tip| Some(*tip) != own_head);
        if own_head.is_none() && !tips.contains(&EntryId(topic.0)) {
            // the first entry of a feed cites the genesis, whoever else did
            tips.insert(0, EntryId(topic.0));
        }
        tips.truncate(DEPS_MAX);
        let mut deps = Vec::new();
        for tip in tips {
            deps.extend(self.facts_hlc(&tip)?.map(|hlc| (tip, hlc)));
        }
        Ok(deps)
    }

    /// Begins a draft of this device's next entries in a topic.
    pub fn draft(&self, topic: &TopicId) -> Result<Draft, Failure> {
        self.check_guard()?;
        Ok(match self.own_tip(topic)? {
            Some(tip) => Draft::after(&self.key, *topic, tip),
            None => Draft::first(&self.key, *topic, self.own_certificate()?),
        })
    }

    pub(crate) fn own_certificate(&self) -> Result<Vec<u8>, Failure> {
        let certificate = self.certificate().map(|certificate| certificate.encode());
        certificate
            .ok_or_else(|| Failure::System("this device has no certificate in its store".into()))
    }

    /// Creates a topic.
    pub fn create_topic(&mut self, genesis: &Genesis, now_ms: u64) -> Result<TopicId, Failure> {
        self.check_guard()?;
        self.store.reserve(RESERVE_BYTES)?;
        if genesis.is_private() {
            return self.create_private_topic(genesis, now_ms);
        }
        let payload = PayloadBuilder::new(GENESIS_KIND, genesis.body()).encode();
        let payload = payload.map_err(Failure::refused("the genesis"))?;
        // what is written is read back by the same rules that others will apply
        let read = Payload::split(&payload).and_then(|split| Genesis::parse(&split.check()?));
        read.map_err(Failure::refused("the genesis"))?;
        let mut draft = Draft::first(&self.key, TopicId::ZERO, self.own_certificate()?);
        let id = draft.add(now_ms, &[], &payload)?;
        if let Some((run, _)) = draft.sign() {
            self.publish(&run)?;
        }
        Ok(TopicId(id.0))
    }

    /// Writes one event. Unless `force`, an event that the kernel would reject is not signed.
    pub fn append(
        &mut self,
        topic: &TopicId,
        payload: &[u8],
        now_ms: u64,
        force: bool,
    ) -> Result<EntryId, Failure> {
        self.check_guard()?;
        if !force {
            Failure::of_verdict(self.preview(topic, payload)?)?;
        }
        self.see_to_epochs(topic, now_ms)?;
        self.sign_one(topic, payload, now_ms)
    }

    /// Signs one event and stores it.
    pub(crate) fn sign_one(
        &mut self,
        topic: &TopicId,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<EntryId, Failure> {
        let deps = self.next_deps(topic)?;
        self.store.reserve(RESERVE_BYTES + payload.len() as u64)?;
        let mut draft = self.draft(topic)?;
        let id = self.add_to(&mut draft, topic, now_ms, &deps, payload)?;
        if let Some((run, _)) = draft.sign() {
            self.publish(&run)?;
        }
        Ok(id)
    }

    /// What the kernel would say of an event of this device, placed now.
    pub fn preview(&mut self, topic: &TopicId, payload: &[u8]) -> Result<Verdict, Failure> {
        let (device, entity) = (self.device(), self.entity);
        let content = Content::of(&PayloadForm::Whole(payload), &device, false);
        Ok(self.order(topic)?.preview(&device, &entity, &content))
    }

    /// Cites what is not placed yet, where this device sequences the topic. Gives the acks.
    pub fn acknowledge(&mut self, topic: &TopicId, now_ms: u64) -> Result<Vec<EntryId>, Failure> {
        let payload = PayloadBuilder::new("topic.ack", Value::Map(Vec::new())).encode();
        let payload = payload.map_err(Failure::refused("an ack"))?;
        let mut acks = Vec::new();
        let device = self.device();
        while self.order(topic)?.awaits_sequencer(&device) {
            let ack = self.append(topic, &payload, now_ms, false)?;
            acks.push(ack);
            // a hand-over that this device can't take up (its `head` is nowhere) would ask for ever
            let placed = self.order(topic)?.status(&ack);
            if !matches!(placed, Some(Status::Sequenced(_))) {
                break;
            }
        }
        Ok(acks)
    }

    /// Signs and stores a statement of this node's entity. Needs the root key.
    pub fn state(&mut self, action: Action, now_ms: u64) -> Result<SignedStatement, Failure> {
        let root = self.root()?;
        self.state_with(&root, action, now_ms)
    }

    /// The body that carries a statement of this node's entity in a topic.
    pub fn statement_body(&self, signed: &SignedStatement) -> Value {
        let log = self.identities.get(&signed.statement.entity);
        let rotations = log
            .map(|log| log.rotations())
            .unwrap_or_default()
            .into_iter();
        let before =
            rotations.filter(|rotation| rotation.statement.number < signed.statement.number);
        let before: Vec<Value> = before
            .map(|rotation| Value::Bytes(rotation.encode()))
            .collect();
        Value::map([
            ("statement", Value::Bytes(signed.encode())),
            ("rotations", Value::Array(before)),
        ])
    }

    /// Encodes an event. The erasable part gets a salt that follows from the event
    /// and this device's key: random to others, the same when it is written again.
    pub fn payload(&self, event: &Event) -> Result<Vec<u8>, Failure> {
        let mut builder = PayloadBuilder::new(&event.kind, event.body.clone());
        builder.evidence.clone_from(&event.evidence);
        if let Some(data) = &event.erasable {
            let mut hasher = blake3::Hasher::new_keyed(&self.device_secret("synlog erasable salt"));
            hasher
                .update(event.kind.as_bytes())
                .update(&event.body.encode())
                .update(&data.encode());
            let mut salt = [0; SALT_LEN];
            salt.copy_from_slice(&hasher.finalize().as_bytes()[..SALT_LEN]);
            builder.erasable = Some((salt, event.expires_ms, data.clone()));
        }
        builder
            .encode()
            .map_err(Failure::refused(format!("the event {:?}", event.kind)))
    }

    /// How often each payload stands in this device's feed of a topic: what an
    /// import that was interrupted has done.
    pub fn own_payloads(&self, topic: &TopicId) -> Result<BTreeMap<[u8; 32], u64>, Failure> {
        let mut counts = BTreeMap::new();
        for bytes in self
            .runs_of_feed(&FeedKey {
                author: self.device(),
                topic: *topic,
            })?
            .values()
        {
            let run = synlog_log::run::RunView::decode(bytes)
                .map_err(Failure::refused("a stored run"))?;
            for entry in &run.entries {
                *counts.entry(entry.payload_hash).or_default() += 1;
            }
        }
        Ok(counts)
    }

    /// A nonce for a new topic.
    pub fn nonce(&self) -> Result<[u8; 16], Failure> {
        random()
    }

    /// Writes many events: as few runs and signatures as possible. Stops at the
    /// first error; what was committed stays.
    pub fn append_run(
        &mut self,
        topic: &TopicId,
        payloads: &[Vec<u8>],
        now_ms: u64,
    ) -> Result<u64, Failure> {
        self.check_guard()?;
        self.see_to_epochs(topic, now_ms)?;
        let private = self.order(topic)?.is_private();
        let mut written = 0;
        let mut rest = payloads;
        while !rest.is_empty() {
            let deps = self.next_deps(topic)?;
            let mut draft = self.draft(topic)?;
            let mut taken = 0;
            for payload in rest {
                debug_assert!(payload.len() <= PAYLOAD_MAX);
                let cites = if taken == 0 { &deps[..] } else { &[] };
                let sealing = match private {
                    true => self.sealing(topic, payload)?,
                    false => None,
                };
                let added = match sealing {
                    None => draft.add(now_ms, cites, payload),
                    Some(sealing) => add_sealed(&mut draft, now_ms, cites, payload, sealing)?,
                };
                match added {
                    Ok(_) => taken += 1,
                    Err(DraftError::RunFull) if taken > 0 => break,
                    Err(error) => return Err(error.into()),
                }
            }
            if let Some((run, _)) = draft.sign() {
                self.store.reserve(run.len() as u64 + RESERVE_BYTES)?;
                self.publish(&run)?;
            }
            written += taken as u64;
            rest = &rest[taken..];
        }
        Ok(written)
    }
}

/// An event to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its kind.
    pub kind: String,
    /// Its body, a CBOR map.
    pub body: Value,
    /// Encoded proofs.
    pub evidence: Vec<Vec<u8>>,
    /// What may be erased later.
    pub erasable: Option<Value>,
    /// When it may be dropped, UTC ms; 0 = never.
    pub expires_ms: u64,
}

impl Event {
    /// An event of only kind and body.
    pub fn new(kind: &str, body: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            body,
            evidence: Vec::new(),
            erasable: None,
            expires_ms: 0,
        }
    }
}
