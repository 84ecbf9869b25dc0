//! What a sequencer sees to in a private topic: the first epoch, a new one when somebody
//! has left, keys for who comes, and the list by which keepers know who may fetch.

use std::collections::BTreeSet;

use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::order::ChainState;
use synlog_log::payload::PayloadBuilder;
use synlog_log::sealed::access::AccessList;
use synlog_log::sealed::{Wrap, epoch_key_hash, seal_previous, wraps_for};
use synlog_log::topic::{GENESIS_KIND, Genesis, SETUP_KIND};

use crate::entropy::random;
use crate::failure::Failure;
use crate::node::Node;
use crate::privacy::sealing::{Sealing, add_sealed};
use crate::writing::Event;

/// An entity, its encryption key, and the random seed of what is sealed to it.
type Recipient = (EntityId, [u8; 32], [u8; 32]);

/// Wraps that one event has room for beside its other fields.
const WRAPS_AT_ONCE: usize = 72;

/// An epoch's key on its way to members.
struct NewEpoch {
    number: i64,
    key: [u8; 32],
    previous: Option<[u8; 32]>,
}

impl Node {
    /// Begins a private topic: its genesis, the first epoch with a key for each member, and
    /// sealed, what it is.
    pub(crate) fn create_private_topic(
        &mut self,
        genesis: &Genesis,
        now_ms: u64,
    ) -> Result<TopicId, Failure> {
        self.ensure_encryption_key(now_ms)?;
        let mut members: BTreeSet<EntityId> = genesis.members.keys().copied().collect();
        members.insert(self.entity());
        // who can't be told the key is told before anything is signed
        for member in &members {
            self.get_to_know(member)?;
        }
        let certificate = self.own_certificate()?;
        let mut draft = Draft::first(&self.key, TopicId::ZERO, certificate);
        let payload = PayloadBuilder::new(GENESIS_KIND, genesis.body()).encode();
        let payload = payload.map_err(Failure::refused("the genesis"))?;
        let topic = TopicId(draft.add(now_ms, &[], &payload)?.0);
        let epoch = NewEpoch {
            number: 1,
            key: random()?,
            previous: None,
        };
        for body in self.key_events(&topic, &epoch, &members)? {
            draft.add(now_ms, &[], &self.payload(&Event::new("topic.key", body))?)?;
        }
        let setup = Event::new(SETUP_KIND, genesis.setup().body());
        let sealing = Sealing {
            epoch: epoch.number,
            key: epoch.key,
        };
        add_sealed(&mut draft, now_ms, &[], &self.payload(&setup)?, sealing)??;
        if let Some((run, _)) = draft.sign() {
            self.publish(&run)?;
        }
        Ok(topic)
    }

    /// What has to be written to a private topic before anything else, where this device
    /// sequences it: a new epoch after somebody has left, and the keepers' list.
    pub(crate) fn see_to_epochs(&mut self, topic: &TopicId, now_ms: u64) -> Result<(), Failure> {
        if !self.sequences_private(topic)? {
            return Ok(());
        }
        let policy = self.order(topic)?.policy();
        if policy.rekey_due {
            let latest = policy.epoch();
            let members = policy.members.keys().copied().collect();
            let epoch = NewEpoch {
                number: latest + 1,
                key: random()?,
                previous: self.order(topic)?.epoch_key(latest),
            };
            for body in self.key_events(topic, &epoch, &members)? {
                self.append_clear(topic, "topic.key", body, now_ms)?;
            }
        }
        if policy.access_due && (policy.access.is_some() || !policy.keepers.is_empty()) {
            self.tell_keepers(topic, now_ms)?;
        }
        Ok(())
    }

    fn sequences_private(&mut self, topic: &TopicId) -> Result<bool, Failure> {
        let device = self.device();
        let order = self.order(topic)?;
        let sequences =
            matches!(order.state(), ChainState::Open { sequencer } if sequencer == device);
        Ok(order.is_private() && order.locked().is_none() && sequences)
    }

    /// Wraps the key of the latest epoch for an entity that became a member. Through it all
    /// earlier ones open too.
    pub fn hand_key_to(
        &mut self,
        topic: &TopicId,
        entity: &EntityId,
        now_ms: u64,
    ) -> Result<(), Failure> {
        let order = self.order(topic)?;
        let number = order.policy().epoch();
        let missing = Failure::EpochMissing {
            topic: *topic,
            epoch: number,
        };
        let key = order.epoch_key(number).ok_or(missing)?;
        let epoch = NewEpoch {
            number,
            key,
            previous: None,
        };
        for body in self.key_events(topic, &epoch, &BTreeSet::from([*entity]))? {
            self.append_clear(topic, "topic.key", body, now_ms)?;
        }
        Ok(())
    }

    fn tell_keepers(&mut self, topic: &TopicId, now_ms: u64) -> Result<EntryId, Failure> {
        let list = AccessList::of(&self.order(topic)?.policy());
        let keepers = self.recipients(&list.keepers)?;
        let sealed = list.seal(topic, &random()?, &random()?, &keepers);
        let body = sealed.map_err(Failure::refused("the access list"))?.body();
        self.append_clear(topic, "topic.access", body, now_ms)
    }

    fn recipients(&self, entities: &BTreeSet<EntityId>) -> Result<Vec<Recipient>, Failure> {
        let recipient = |entity: &EntityId| {
            let public = self.encryption_key_of(entity)?;
            Ok((*entity, public, random()?))
        };
        entities.iter().map(recipient).collect()
    }

    /// Bodies of the events that bring the key of an epoch to some members.
    fn key_events(
        &self,
        topic: &TopicId,
        epoch: &NewEpoch,
        members: &BTreeSet<EntityId>,
    ) -> Result<Vec<Value>, Failure> {
        let refused = || Failure::refused("the epoch key");
        let recipients = self.recipients(members)?;
        let wraps = wraps_for(topic, epoch.number, &epoch.key, &recipients).map_err(refused())?;
        let previous = epoch
            .previous
            .map(|previous| seal_previous(topic, epoch.number, &epoch.key, &previous))
            .transpose()
            .map_err(refused())?;
        let body = |wraps: &[Wrap]| {
            let mut pairs = vec![
                ("epoch", Value::Int(epoch.number)),
                (
                    "key_hash",
                    Value::Bytes(epoch_key_hash(&epoch.key).to_vec()),
                ),
                (
                    "wraps",
                    Value::Array(wraps.iter().map(Wrap::value).collect()),
                ),
            ];
            if let Some(previous) = &previous {
                pairs.push(("previous", Value::Bytes(previous.clone())));
            }
            Value::map(pairs)
        };
        Ok(wraps.chunks(WRAPS_AT_ONCE).map(body).collect())
    }

    fn append_clear(
        &mut self,
        topic: &TopicId,
        kind: &str,
        body: Value,
        now_ms: u64,
    ) -> Result<EntryId, Failure> {
        let payload = self.payload(&Event::new(kind, body))?;
        Failure::of_verdict(self.preview(topic, &payload)?)?;
        self.sign_one(topic, &payload, now_ms)
    }
}
