//! The entity's devices: making a node, and a new device key when the old one
//! must not sign any more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::identity::{Action, IdentityLog, SignedStatement, Statement};
use synlog_log::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::keys::SecretKey;
use synlog_log::order::ChainState;
use synlog_log::run::RunView;
use synlog_log::topic::Mode;

use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
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
    /// Where the old key file was put.
    pub kept: PathBuf,
    /// Topics that the new device sequences now, with the last seq of the old one that counts.
    pub taken_over: Vec<(TopicId, u64)>,
    /// Topics in which the old device was revoked.
    pub revoked_in: Vec<TopicId>,
}

impl Node {
    /// Makes a data directory: root key, device key, and the first statement.
    pub fn init(home: Home, device_name: &str, now_ms: u64) -> Result<Self, Failure> {
        if home.exists() {
            return Err(Failure::HomeExists(home.path().to_path_buf()));
        }
        home.create()?;
        let root_path = home.root_key_path();
        // an interrupted init may have left a root key: it is as good as a new one
        let root = if root_path.exists() {
            home.read_key(root_path)?
        } else {
            fresh_key()?
        };
        if !home.root_key_path().exists() {
            home.write_key(&home.root_key_path(), &root)?;
        }
        let device = fresh_key()?;
        let mut node = Self::open_with(home.clone(), device.clone())?;
        node.entity = EntityId(root.public());
        node.state(certify(&node.entity, &device, device_name), now_ms)?;
        node.ensure_encryption_key(now_ms)?;
        // the device key comes last: a directory with one is whole
        home.write_key(&home.device_key_path(), &device)?;
        Ok(node)
    }

    /// Replaces the device key: certifies a new device, takes over the topics that the
    /// old one sequenced, revokes the old one wherever it wrote, and lifts the guard.
    pub fn renew_device(&mut self, name: &str, now_ms: u64) -> Result<Renewed, Failure> {
        let root = self.home.root_key()?;
        let expected = self.identities.get(&self.entity).map(IdentityLog::root);
        if expected.is_some_and(|expected| expected != root.public()) {
            return Err(Failure::System(
                "the root key file is not this entity's current root key".into(),
            ));
        }
        let old = self.device();
        let fresh = fresh_key()?;
        let new = DeviceId(fresh.public());
        self.state(certify(&self.entity, &fresh, name), now_ms)?;
        self.state(Action::Revoke { device: old }, now_ms)?;
        let kept = self.home.replace_device_key(&fresh)?;
        self.key = fresh;
        self.store.clear_guard(new)?;
        let (mut taken_over, mut revoked_in) = (Vec::new(), Vec::new());
        // with those of renewals that were interrupted
        let retired = self.retired_devices();
        for topic in self.store.topics() {
            let state = match self.order(&topic) {
                Ok(order) => order.state(),
                Err(Failure::NoTopic(_)) => continue,
                Err(failure) => return Err(failure),
            };
            let (ChainState::Open { sequencer } | ChainState::Forked { sequencer, .. }) = state;
            if retired.contains_key(&sequencer)
                && let Some(last_seq) = self.take_over(&topic, &sequencer, &new, now_ms)?
            {
                taken_over.push((topic, last_seq));
            }
            for (device, revoke) in &retired {
                let author = *device;
                let wrote = self.store.feed(&FeedKey { author, topic }).is_some();
                let known = self.order(&topic)?.policy();
                if !wrote || known.revoked.contains(&(self.entity, author)) {
                    continue;
                }
                let body = self.statement_body(revoke);
                let payload = self.payload(&Event::new("topic.identity", body))?;
                self.append(&topic, &payload, now_ms, true)?;
                if author == old {
                    revoked_in.push(topic);
                }
            }
        }
        Ok(Renewed {
            old,
            new,
            kept,
            taken_over,
            revoked_in,
        })
    }

    /// Devices of this entity that are revoked, each with the statement that says so.
    fn retired_devices(&self) -> BTreeMap<DeviceId, SignedStatement> {
        let log = self.identities.get(&self.entity);
        let statements = log.into_iter().flat_map(IdentityLog::statements);
        let revoked = statements.filter_map(|signed| match &signed.statement.action {
            Action::Revoke { device } => Some((*device, signed.clone())),
            _ => None,
        });
        revoked.collect()
    }

    /// Takes a topic over from a device of the same entity, from its last entry that is here.
    fn take_over(
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

fn fresh_key() -> Result<SecretKey, Failure> {
    Ok(SecretKey::from_seed(random()?))
}

fn certify(entity: &EntityId, device: &SecretKey, name: &str) -> Action {
    Action::Certify {
        device: DeviceId(device.public()),
        acceptance: Statement::acceptance(entity, device),
        name: name.to_owned(),
    }
}
