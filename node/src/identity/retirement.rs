//! Devices that sign no more: revoked in all topics of their entity, and their topics
//! taken over. Everything here can be interrupted and asked for again: what is done is
//! seen in the topics themselves.

use synlog_log::cbor::Value;
use synlog_log::identity::{Action, IdentityLog, SignedStatement};
use synlog_log::ids::{DeviceId, FeedKey, TopicId};
use synlog_log::order::ChainState;
use synlog_log::payload::payload_hash;

use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::writing::Event;

/// Told how many topics are done, and of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What becomes of a revoked device's feeds in causal topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feeds {
    /// Nothing that is not known here counts: somebody else may have the key.
    Cut,
    /// What it wrote counts, also what comes to light later.
    Keep,
}

/// A topic that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// Which one.
    pub topic: TopicId,
    /// The device that sequenced it.
    pub device: DeviceId,
    /// The last of its entries that counts.
    pub last_seq: u64,
}

/// A topic in which a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Which one.
    pub topic: TopicId,
    /// The device that it is about, if any.
    pub device: Option<DeviceId>,
    /// The device whose feed decides there.
    pub sequencer: DeviceId,
}

/// What was told to which topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Topics taken over.
    pub taken_over: Vec<TakenOver>,
    /// Where a statement was written and acts already.
    pub told: Vec<Carried>,
    /// Where it was written and acts once the sequencer places it.
    pub waiting: Vec<Carried>,
    /// Where it acted before.
    pub before: u64,
    /// Topics that a retired device sequences still.
    pub sequenced: Vec<(TopicId, DeviceId)>,
    /// Where it could not be written, and why.
    pub refused: Vec<(TopicId, String)>,
}

impl Node {
    /// Revokes a device of this entity, and says so in all topics of the entity.
    pub fn revoke_device(
        &mut self,
        device: &DeviceId,
        now_ms: u64,
        progress: Progress<'_>,
    ) -> Result<Told, Failure> {
        let revocation = self.retire(device, now_ms)?;
        // what is sealed from here on opens to no key that it has
        self.renew_encryption_key(now_ms)?;
        self.settle_topics(&[], &[revocation], Feeds::Cut, now_ms, progress)
    }

    /// The same for a device that is lost: this device takes over what it sequenced.
    pub fn lose_device(
        &mut self,
        device: &DeviceId,
        now_ms: u64,
        progress: Progress<'_>,
    ) -> Result<Told, Failure> {
        let revocation = self.retire(device, now_ms)?;
        self.renew_encryption_key(now_ms)?;
        let statements = [revocation];
        self.settle_topics(&statements, &statements, Feeds::Cut, now_ms, progress)
    }

    /// The one device of this entity that has a name, or whose id begins with some digits.
    pub fn find_own_device(&self, name: &str) -> Result<DeviceId, Failure> {
        let mut own = self.other_devices();
        let log = self.identities.get(&self.entity);
        for device in self.retired_devices().iter().filter_map(of) {
            let certificate = log.and_then(|log| log.certificate(&device));
            if let Some(Action::Certify { name, .. }) =
                certificate.map(|certificate| certificate.certify.statement.action)
            {
                own.push((device, name));
            }
        }
        own.push((self.device(), String::new()));
        let front = name.to_lowercase();
        let fits = |device: &DeviceId, called: &str| {
            called == name || (!front.is_empty() && device.to_string().starts_with(&front))
        };
        own.retain(|(device, called)| fits(device, called));
        match &own[..] {
            [(device, _)] => Ok(*device),
            [] => Err(Failure::BadName(format!(
                "no device of yours is called {name:?} or begins with it"
            ))),
            several => {
                let ids: Vec<String> = several.iter().map(|(id, _)| id.to_string()).collect();
                Err(Failure::BadName(format!(
                    "several fit {name:?}: {}",
                    ids.join(", ")
                )))
            }
        }
    }

    fn retire(&mut self, device: &DeviceId, now_ms: u64) -> Result<SignedStatement, Failure> {
        if *device == self.device() {
            return Err(Failure::NoEffect(
                "this is the device that would have to say so: run `synlog device renew` here, or revoke it from another device".into(),
            ));
        }
        let log = self.identities.get(&self.entity);
        if log.is_none_or(|log| log.certificate(device).is_none()) {
            return Err(Failure::NoDevice(*device));
        }
        self.check_guard()?;
        self.revocation(device, now_ms)
    }

    /// The statement that revokes a device; it is made where there is none.
    pub(crate) fn revocation(
        &mut self,
        device: &DeviceId,
        now_ms: u64,
    ) -> Result<SignedStatement, Failure> {
        let known = self.retired_devices();
        let known = known.into_iter().find(|signed| of(signed) == Some(*device));
        match known {
            Some(known) => Ok(known),
            None => self.state(Action::Revoke { device: *device }, now_ms),
        }
    }

    /// The statements that revoke devices of this entity.
    pub(crate) fn retired_devices(&self) -> Vec<SignedStatement> {
        let log = self.identities.get(&self.entity);
        let statements = log.into_iter().flat_map(IdentityLog::statements);
        statements
            .filter(|signed| of(signed).is_some())
            .cloned()
            .collect()
    }

    /// Carries statements into all topics of this entity, and takes over the topics that
    /// a device in `lost` sequences. What is done already is not done again.
    pub(crate) fn settle_topics(
        &mut self,
        lost: &[SignedStatement],
        statements: &[SignedStatement],
        feeds: Feeds,
        now_ms: u64,
        progress: Progress<'_>,
    ) -> Result<Told, Failure> {
        let mut told = Told::default();
        let topics = self.store.topics();
        for (done, topic) in topics.iter().enumerate() {
            progress(done as u64, topics.len() as u64);
            match self.settle_topic(topic, (lost, statements), feeds, now_ms, &mut told) {
                Ok(()) | Err(Failure::NoTopic(_)) => {}
                Err(failure) if failure.exit() == Exit::Refused => {
                    told.refused.push((*topic, failure.to_string()));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(told)
    }

    fn settle_topic(
        &mut self,
        topic: &TopicId,
        (lost, statements): (&[SignedStatement], &[SignedStatement]),
        feeds: Feeds,
        now_ms: u64,
        told: &mut Told,
    ) -> Result<(), Failure> {
        if !self.has_part(topic)? {
            return Ok(());
        }
        let this = self.device();
        let sequencer = self.sequencer(topic)?;
        if lost.iter().any(|signed| of(signed) == Some(sequencer)) {
            match self.take_over(topic, &sequencer, &this, now_ms)? {
                Some(last_seq) => told.taken_over.push(TakenOver {
                    topic: *topic,
                    device: sequencer,
                    last_seq,
                }),
                None => told.sequenced.push((*topic, sequencer)),
            }
        } else if statements
            .iter()
            .any(|signed| of(signed) == Some(sequencer))
        {
            told.sequenced.push((*topic, sequencer));
        }
        for signed in statements {
            if self.acts(topic, signed)? {
                told.before += 1;
                continue;
            }
            let mut body = self.statement_body(signed);
            if let Some(device) = of(signed)
                && feeds == Feeds::Cut
                && self.order(topic)?.is_causal()
            {
                body = with_cut(body, self.cut(topic, &device));
            }
            let payload = self.payload(&Event::new("topic.identity", body))?;
            let written = self.own_payloads(topic)?;
            if !written.contains_key(&payload_hash(&payload)) {
                self.append(topic, &payload, now_ms, true)?;
            }
            let carried = Carried {
                topic: *topic,
                device: of(signed),
                sequencer: self.sequencer(topic)?,
            };
            if self.acts(topic, signed)? {
                told.told.push(carried);
            } else {
                told.waiting.push(carried);
            }
        }
        Ok(())
    }

    /// Whether this entity has a say in a topic: it is a member, or wrote there.
    fn has_part(&mut self, topic: &TopicId) -> Result<bool, Failure> {
        let entity = self.entity;
        let order = self.order(topic)?;
        if order.policy().members.contains_key(&entity) {
            return Ok(true);
        }
        let open = order.policy().role(&entity).is_some();
        let log = self.identities.get(&entity);
        let own = |device: &DeviceId| log.is_some_and(|log| log.certificate(device).is_some());
        let mut feeds = self.store.feeds_of(topic).into_iter();
        Ok(open && feeds.any(|feed| own(&feed.key.author)))
    }

    /// Whether a statement acts in a topic.
    fn acts(&mut self, topic: &TopicId, signed: &SignedStatement) -> Result<bool, Failure> {
        match of(signed) {
            Some(device) => {
                let entity = self.entity;
                let policy = self.order(topic)?.policy();
                Ok(policy.revoked.contains(&(entity, device)))
            }
            None => self.knows_rotation(topic, &signed.statement.hash()),
        }
    }

    fn sequencer(&mut self, topic: &TopicId) -> Result<DeviceId, Failure> {
        let (ChainState::Open { sequencer } | ChainState::Forked { sequencer, .. }) =
            self.order(topic)?.state();
        Ok(sequencer)
    }

    /// Where a device's feed in a topic ends, as far as it is here: what comes later from
    /// a thief counts for nobody.
    fn cut(&self, topic: &TopicId, device: &DeviceId) -> Value {
        let feed = self.store.feed(&FeedKey {
            author: *device,
            topic: *topic,
        });
        let (last_seq, head) = match &feed {
            Some(feed) => (
                i64::try_from(feed.height).unwrap_or(i64::MAX) - 1,
                Value::Bytes(feed.head.0.to_vec()),
            ),
            None => (-1, Value::Null),
        };
        Value::map([
            ("device", Value::Bytes(device.0.to_vec())),
            ("last_seq", Value::Int(last_seq)),
            ("head", head),
        ])
    }
}

/// The device that a statement revokes.
fn of(signed: &SignedStatement) -> Option<DeviceId> {
    match &signed.statement.action {
        Action::Revoke { device } => Some(*device),
        _ => None,
    }
}

fn with_cut(body: Value, cut: Value) -> Value {
    let Value::Map(mut pairs) = body else {
        return body;
    };
    pairs.push(("cuts".to_owned(), Value::Array(vec![cut])));
    Value::map(pairs)
}
