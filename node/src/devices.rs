//! The entity's devices: making a node, and a new device key when the old one
//! must not sign any more.

use std::path::PathBuf;

use age::secrecy::SecretString;
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::identity::{Action, Statement};
use synlog_log::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::keys::SecretKey;
use synlog_log::run::RunView;
use synlog_log::topic::Mode;

use crate::entropy::random;
use crate::failure::Failure;
use crate::home::{Home, RootSlot};
use crate::identity::retirement::{Feeds, Progress};
use crate::ledger::read;
use crate::node::Node;
use crate::writing::Event;

/// What renewing the device key did.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The device that signs no more.
    pub old: DeviceId,
    /// The new one.
    pub new: DeviceId,
    /// Where the old key file was put; `None` where it was lost.
    pub kept: Option<PathBuf>,
    /// Topics that the new device sequences now, with the last seq of the old one that counts.
    pub taken_over: Vec<(TopicId, u64)>,
    /// Topics in which the old device was revoked.
    pub revoked_in: Vec<TopicId>,
}

impl Node {
    /// Makes a data directory: root key, device key, and the first statement.
    pub fn init(home: Home, device_name: &str, now_ms: u64) -> Result<Self, Failure> {
        Self::init_locked(home, device_name, None, now_ms)
    }

    /// The same, with the root key under a passphrase where one is given.
    pub fn init_locked(
        home: Home,
        device_name: &str,
        passphrase: Option<&SecretString>,
        now_ms: u64,
    ) -> Result<Self, Failure> {
        if home.exists() || home.restored()?.is_some() {
            return Err(Failure::HomeExists(home.path().to_path_buf()));
        }
        home.create()?;
        // an interrupted init may have left a root key: it is as good as a new one
        let root = match home.root_key() {
            Err(Failure::NoRootKey(_)) => fresh_key()?,
            root => root?,
        };
        home.write_root(RootSlot::Current, &root, passphrase)?;
        let device = fresh_key()?;
        let mut node = Self::open_with(home.clone(), device.clone())?;
        node.entity = EntityId(root.public());
        let action = certify(&node.entity, &device, device_name);
        node.state_with(&root, action, now_ms)?;
        node.hold_root(root);
        node.ensure_encryption_key(now_ms)?;
        // the device key comes last: a directory with one is whole
        home.write_key(&home.device_key_path(), &device)?;
        Ok(node)
    }

    /// Replaces the device key: certifies a new device, takes over the topics that the
    /// old one sequenced, revokes the old one in all topics of the entity, and lifts the
    /// guard.
    pub fn renew_device(
        &mut self,
        name: &str,
        now_ms: u64,
        progress: Progress<'_>,
    ) -> Result<Renewed, Failure> {
        self.root()?;
        let old = self.device();
        let fresh = fresh_key()?;
        let new = DeviceId(fresh.public());
        self.state(certify(&self.entity, &fresh, name), now_ms)?;
        self.revocation(&old, now_ms)?;
        let kept = self.home.replace_device_key(&fresh)?;
        self.key = fresh;
        self.store.clear_guard(new)?;
        // with those of renewals that were interrupted
        let retired = self.retired_devices();
        let told = self.settle_topics(&retired, &retired, Feeds::Keep, now_ms, progress)?;
        let taken_over = told.taken_over.iter();
        let revoked = told.told.iter().chain(&told.waiting);
        Ok(Renewed {
            old,
            new,
            kept: Some(kept),
            taken_over: taken_over
                .map(|taken| (taken.topic, taken.last_seq))
                .collect(),
            revoked_in: revoked
                .filter(|told| told.device == Some(old))
                .map(|told| told.topic)
                .collect(),
        })
    }

    /// Takes a topic over from a device of the same entity, from its last entry that is here.
    pub(crate) fn take_over(
        &mut self,
        topic: &TopicId,
        old: &DeviceId,
        new: &DeviceId,
        now_ms: u64,
    ) -> Result<Option<u64>, Failure> {
        let Some(state) = self.store.feed(&FeedKey {
            author: *old,
            topic: *topic,
        }) else {
            return Ok(None);
        };
        let (mut last_seq, mut head, mut hlc) = (state.height - 1, state.head, state.last_hlc);
        let order = self.order(topic)?;
        let causal = order
            .genesis()
            .is_some_and(|genesis| genesis.mode == Mode::Causal);
        // in a causal topic a fork voids the feed from there on, so the head must lie below it
        if let Some(fork) = order
            .forked_at(old)
            .filter(|fork| causal && *fork <= last_seq)
        {
            let Some((below, id, below_hlc)) = self.entry_below(&state.key, fork)? else {
                return Ok(None);
            };
            (last_seq, head, hlc) = (below, id, below_hlc);
        }
        let action = Action::Takeover {
            topic: *topic,
            old: *old,
            last_seq,
            head,
            next: *new,
        };
        let statement = self.state(action, now_ms)?;
        let payload = self.payload(&Event::new(
            "topic.takeover",
            self.statement_body(&statement),
        ))?;
        let mut deps = self.next_deps(topic)?;
        if !deps.iter().any(|(id, _)| *id == head) {
            deps.truncate(synlog_log::limits::DEPS_MAX - 1);
            deps.push((head, hlc));
        }
        let mut draft: Draft = self.draft(topic)?;
        draft.add(now_ms, &deps, &payload)?;
        if let Some((run, _)) = draft.sign() {
            self.publish(&run)?;
        }
        Ok(Some(last_seq))
    }

    /// The entry of a feed just below a seq: its seq, id and clock.
    fn entry_below(
        &self,
        feed: &FeedKey,
        seq: u64,
    ) -> Result<Option<(u64, EntryId, u64)>, Failure> {
        let Some(below) = seq.checked_sub(1) else {
            return Ok(None);
        };
        for position in self.store.at_seq(feed, below)? {
            let Some(record) = read(&self.store, position)? else {
                continue;
            };
            let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
            if let Some(entry) = run.entries.get(record.index_in_run as usize) {
                return Ok(Some((below, entry.id, entry.hlc)));
            }
        }
        Ok(None)
    }

    /// Hands the sequencing of a topic to another device.
    pub fn hand_over(
        &mut self,
        topic: &TopicId,
        next: &DeviceId,
        now_ms: u64,
    ) -> Result<EntryId, Failure> {
        let head = self
            .store
            .feed(&FeedKey {
                author: *next,
                topic: *topic,
            })
            .map(|state| state.head);
        let head = head.map_or(Value::Null, |head| Value::Bytes(head.0.to_vec()));
        let body = Value::map([("next", Value::Bytes(next.0.to_vec())), ("head", head)]);
        let payload = self.payload(&Event::new("topic.handover", body))?;
        self.append(topic, &payload, now_ms, false)
    }
}

/// A key that nobody else has.
pub(crate) fn fresh_key() -> Result<SecretKey, Failure> {
    Ok(SecretKey::from_seed(random()?))
}

/// The statement that a device whose key is at hand belongs to an entity.
pub(crate) fn certify(entity: &EntityId, device: &SecretKey, name: &str) -> Action {
    Action::Certify {
        device: DeviceId(device.public()),
        acceptance: Statement::acceptance(entity, device),
        name: name.to_owned(),
    }
}
