//! Worlds in a nutshell for tests, vectors and simulations: entities, devices
//! and topics from numbers, entries on any branch, in any order of arrival.
//!
//! Deterministic: keys come from small numbers and the clock is a counter.

use std::collections::HashMap;

use crate::admission::{Admit, Facts, Ledger, Parked, Refused, Tip, Waiting, WaitingLimits};
use crate::cbor::Value;
use crate::draft::{Draft, DraftError};
use crate::fork::ForkProof;
use crate::identity::{Action, IdentityLog, SignedStatement, Statement};
use crate::ids::{DeviceId, EntityId, EntryId, TopicId};
use crate::keys::SecretKey;
use crate::order::TopicOrder;
use crate::payload::PayloadBuilder;
use crate::replica::Replica;
use crate::run::RunView;
use crate::topic::{GENESIS_KIND, Genesis, Mode, Visibility};

mod private;

pub use private::{epoch_key, key_body};

/// First millisecond of the made-up clock: 2026-01-01.
pub const START_MS: u64 = 1_767_225_600_000;

/// An entity with its devices.
pub struct Person {
    /// The root key.
    pub root: SecretKey,
    /// Its identity log.
    pub log: IdentityLog,
    /// Its devices' keys.
    pub devices: Vec<SecretKey>,
}

impl Person {
    /// Person number `n` with some devices.
    pub fn new(n: u8, devices: u8) -> Self {
        let root = SecretKey::from_seed([n; 32]);
        let mut log = IdentityLog::new(EntityId(root.public()));
        let mut keys = Vec::new();
        for device in 1..=devices {
            let mut seed = [n; 32];
            seed[31] = seed[31]
                .wrapping_add(device)
                .wrapping_mul(31)
                .wrapping_add(device);
            seed[0] = device;
            let key = SecretKey::from_seed(seed);
            let certify = Action::Certify {
                device: DeviceId(key.public()),
                acceptance: Statement::acceptance(&log.entity(), &key),
                name: format!("device {device}"),
            };
            // the root is right by construction
            let issued = log.issue(certify, START_MS, &root);
            debug_assert!(issued.is_ok());
            keys.push(key);
        }
        Self {
            root,
            log,
            devices: keys,
        }
    }

    /// Its id.
    pub fn id(&self) -> EntityId {
        self.log.entity()
    }

    /// Id of one of its devices.
    pub fn device(&self, index: usize) -> DeviceId {
        DeviceId(self.devices[index].public())
    }

    /// Signs the next statement of its identity log.
    pub fn state(&mut self, action: Action) -> SignedStatement {
        let root = self.root.clone();
        match self.log.issue(action, START_MS, &root) {
            Ok(statement) => statement,
            Err(refusal) => panic!("the scenario's root can't say that: {refusal}"),
        }
    }
}

/// One written entry: its run (of one) and id.
#[derive(Debug, Clone)]
pub struct Written {
    /// The entry's id.
    pub id: EntryId,
    /// A signed run of this one entry.
    pub run: Vec<u8>,
}

/// A topic that is being written.
pub struct World {
    /// The topic's id.
    pub topic: TopicId,
    /// All that was written, in order.
    pub written: Vec<Written>,
    tips: HashMap<EntryId, Tip>,
    hlcs: HashMap<EntryId, u64>,
    /// Milliseconds since [`START_MS`].
    pub clock_ms: u64,
}

/// The genesis of a scenario's topic.
pub fn genesis(mode: Mode, members: &[(&Person, &str)]) -> Genesis {
    Genesis {
        app: "test".into(),
        major: 1,
        mode,
        visibility: Visibility::Public,
        nonce: [0; 16],
        name: None,
        members: members
            .iter()
            .map(|(person, role)| (person.id(), (*role).to_owned()))
            .collect(),
        open: None,
        roles: std::collections::BTreeMap::new(),
    }
}

impl World {
    /// A topic that one device of a person begins.
    pub fn new(owner: &Person, device: usize, genesis: &Genesis) -> Self {
        let mut world = Self {
            topic: TopicId::ZERO,
            written: Vec::new(),
            tips: HashMap::new(),
            hlcs: HashMap::new(),
            clock_ms: 0,
        };
        let id = world.write_as(owner, device, None, &[], GENESIS_KIND, genesis.body());
        world.topic = TopicId(id.0);
        world
    }

    /// Id of the genesis.
    pub fn genesis(&self) -> EntryId {
        EntryId(self.topic.0)
    }

    /// Writes an event after an entry of the device's feed (`None`: its first),
    /// citing others. The clock goes on by a second.
    pub fn write(
        &mut self,
        person: &Person,
        device: usize,
        after: Option<EntryId>,
        deps: &[EntryId],
        kind: &str,
        body: Value,
    ) -> EntryId {
        let mut deps = deps.to_vec();
        let genesis = self.genesis();
        if after.is_none() && !deps.contains(&genesis) {
            deps.push(genesis);
        }
        self.write_as(person, device, after, &deps, kind, body)
    }

    fn write_as(
        &mut self,
        person: &Person,
        device: usize,
        after: Option<EntryId>,
        deps: &[EntryId],
        kind: &str,
        body: Value,
    ) -> EntryId {
        let payload = match PayloadBuilder::new(kind, body).encode() {
            Ok(payload) => payload,
            Err(refusal) => panic!("the scenario's payload: {refusal}"),
        };
        self.write_payload(person, device, after, deps, &payload)
    }

    /// Writes a payload of any bytes.
    pub fn write_payload(
        &mut self,
        person: &Person,
        device: usize,
        after: Option<EntryId>,
        deps: &[EntryId],
        payload: &[u8],
    ) -> EntryId {
        self.add(person, device, after, deps, |draft, now_ms, deps| {
            draft.add(now_ms, deps, payload)
        })
    }

    fn add(
        &mut self,
        person: &Person,
        device: usize,
        after: Option<EntryId>,
        deps: &[EntryId],
        write: impl FnOnce(&mut Draft, u64, &[(EntryId, u64)]) -> Result<EntryId, DraftError>,
    ) -> EntryId {
        self.clock_ms += 1_000;
        let key = &person.devices[device];
        let mut draft = match after.and_then(|after| self.tips.get(&after)) {
            Some(tip) => Draft::after(key, self.topic, tip.clone()),
            None => {
                let certificate = person.log.certificate(&DeviceId(key.public()));
                Draft::first(
                    key,
                    self.topic,
                    certificate.map(|it| it.encode()).unwrap_or_default(),
                )
            }
        };
        let deps: Vec<(EntryId, u64)> = deps.iter().map(|dep| (*dep, self.hlcs[dep])).collect();
        // two branches may be written at one moment with one content; the clock keeps them apart
        let id = match write(&mut draft, START_MS + self.clock_ms, &deps) {
            Ok(id) => id,
            Err(error) => panic!("the scenario's entry: {error}"),
        };
        if let Some((run, tip)) = draft.sign() {
            self.hlcs.insert(id, tip.hlc);
            self.tips.insert(id, tip);
            self.written.push(Written { id, run });
        }
        id
    }

    /// The statement body of `topic.identity` and `topic.takeover`.
    pub fn statement_body(person: &Person, statement: &SignedStatement) -> Value {
        let before = person.log.rotations().into_iter();
        let before =
            before.filter(|rotation| rotation.statement.number < statement.statement.number);
        Value::map([
            ("statement", Value::Bytes(statement.encode())),
            (
                "rotations",
                Value::Array(
                    before
                        .map(|rotation| Value::Bytes(rotation.encode()))
                        .collect(),
                ),
            ),
        ])
    }
}

/// A node in memory that takes in runs in any order and keeps what waits.
pub struct Node {
    /// What it holds.
    pub replica: Replica,
    /// Runs that were refused.
    pub refused: Vec<Refused>,
    /// Fork proofs that it made.
    pub proofs: Vec<ForkProof>,
    waiting: Waiting<Vec<u8>>,
    runs: HashMap<EntryId, Vec<u8>>,
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// An empty node.
    pub fn new() -> Self {
        Self {
            replica: Replica::default(),
            refused: Vec::new(),
            proofs: Vec::new(),
            waiting: Waiting::new(WaitingLimits::default()),
            runs: HashMap::new(),
        }
    }

    /// Takes in a run whose signature is checked here, and then whatever waited for it.
    pub fn receive(&mut self, bytes: &[u8]) {
        if RunView::decode(bytes).is_ok_and(|run| run.verify().is_ok()) {
            self.receive_verified(bytes);
        }
    }

    /// As [`Node::receive`], for a run whose signature has been checked.
    pub fn receive_verified(&mut self, bytes: &[u8]) {
        let mut queue = vec![bytes.to_vec()];
        while let Some(bytes) = queue.pop() {
            let Ok(run) = RunView::decode(&bytes) else {
                continue;
            };
            let fork = match self.replica.offer(&run) {
                Admit::Known | Admit::Ahead { .. } => None,
                Admit::Waits { missing } => {
                    let parked = Parked {
                        item: bytes.clone(),
                        entries: run.entries.len(),
                        bytes: bytes.len(),
                    };
                    self.waiting.park(0, parked, missing);
                    None
                }
                Admit::Refused(refused) => {
                    self.refused.push(refused);
                    refused.fork
                }
                Admit::Fresh(fresh) => {
                    for entry in &run.entries {
                        self.runs.insert(entry.id, bytes.clone());
                        queue.extend(
                            self.waiting
                                .arrived(&entry.id)
                                .into_iter()
                                .map(|(_, parked)| parked.item),
                        );
                    }
                    fresh.fork
                }
            };
            if let Some(seq) = fork {
                self.note_fork(&run, seq);
            }
        }
    }

    /// How many runs wait for ancestors.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn note_fork(&mut self, run: &RunView<'_>, seq: u64) {
        self.replica.insert_fork(&run.feed, seq);
        let Ok(rivals) = self.replica.ledger.at_seq(&run.feed, seq);
        for rival in rivals {
            let Some(bytes) = self.runs.get(&rival) else {
                continue;
            };
            let Ok(other) = RunView::decode(bytes) else {
                continue;
            };
            self.proofs
                .extend(crate::admission::fork_proof(run, &other, seq));
        }
    }

    /// What is known of an entry.
    pub fn facts(&self, id: &EntryId) -> Option<Facts> {
        let Ok(facts) = self.replica.ledger.facts(id);
        facts
    }

    /// The order of the one topic that a scenario has.
    pub fn order(&mut self) -> &mut TopicOrder {
        match self.replica.orders.values_mut().next() {
            Some(order) => order,
            None => panic!("the node has no topic"),
        }
    }

    /// The order digest after settling.
    pub fn digest(&mut self) -> [u8; 32] {
        self.replica
            .orders
            .values_mut()
            .next()
            .map_or([0; 32], |order| {
                order.settle();
                order.digest()
            })
    }

    /// `status:text` of an entry, after settling.
    pub fn status(&mut self, id: &EntryId) -> String {
        self.digest();
        let status = self.order().status(id);
        status.map_or("unknown".into(), |status| {
            format!("{}:{}", status.word(), status.text())
        })
    }
}
