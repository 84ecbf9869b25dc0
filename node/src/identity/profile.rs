//! Profiles: a public topic of each entity that says what it is called, which public
//! topics of it there are, and where its nodes are reached (`spec/14-profile.md`).
//!
//! Read natively, since what is announced is needed before any app runs.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use synlog_log::cbor::Value;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::topic::{Genesis, Mode, Visibility};

use crate::failure::Failure;
use crate::node::Node;
use crate::writing::Event;

/// The app of profile topics.
pub const APP: &str = "profile";
/// Bytes of a name.
pub const NAME_MAX: usize = 128;
/// Bytes of what somebody says of themselves.
pub const ABOUT_MAX: usize = 2000;
/// Topics that one profile announces; more are not taken.
pub const TOPICS_MAX: usize = 1000;
/// Nodes of one entity with an address.
pub const ADDRESSES_MAX: usize = 32;
/// Bytes of a relay's URL.
const RELAY_MAX: usize = 256;
/// Socket addresses of one node.
const SOCKETS_MAX: usize = 16;

/// A topic that is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its app.
    pub app: String,
    /// Its name for people.
    pub name: String,
}

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its relay, if any.
    pub relay: Option<String>,
    /// Until when that is said to hold, UTC ms.
    pub until_ms: u64,
    /// Its addresses, as long as they are not erased.
    pub sockets: Vec<SocketAddr>,
}

/// What a profile says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What the entity calls itself.
    pub name: String,
    /// What it says of itself.
    pub about: String,
    /// Its public topics.
    pub topics: BTreeMap<TopicId, Announced>,
    /// Its nodes, by node id.
    pub addresses: BTreeMap<[u8; 32], Address>,
}

fn text(body: &Value, key: &str, max: usize) -> Option<String> {
    let text = body.get(key)?.as_text()?;
    (text.len() <= max).then(|| text.to_owned())
}

impl Profile {
    /// Takes in an accepted event with its erasable part, where that is there. What does
    /// not fit changes nothing; gives whether it did.
    pub fn take(&mut self, kind: &str, body: &Value, erasable: Option<&Value>) -> bool {
        self.read(kind, body, erasable).is_some()
    }

    fn read(&mut self, kind: &str, body: &Value, erasable: Option<&Value>) -> Option<()> {
        match kind {
            "profile.set" => {
                let (name, about) = (
                    text(body, "name", NAME_MAX)?,
                    text(body, "about", ABOUT_MAX)?,
                );
                (self.name, self.about) = (name, about);
            }
            "profile.announce" => {
                let topic = TopicId(body.get("topic")?.as_id()?);
                let announced = Announced {
                    app: text(body, "app", NAME_MAX)?,
                    name: text(body, "name", NAME_MAX)?,
                };
                if self.topics.len() >= TOPICS_MAX && !self.topics.contains_key(&topic) {
                    return None;
                }
                self.topics.insert(topic, announced);
            }
            "profile.withdraw" => {
                self.topics.remove(&TopicId(body.get("topic")?.as_id()?))?;
            }
            "profile.address" => {
                let node = body.get("node")?.as_id()?;
                let relay = match body.get("relay")? {
                    Value::Null => None,
                    _ => Some(text(body, "relay", RELAY_MAX)?),
                };
                let until_ms = u64::try_from(body.get("until_ms")?.as_int()?).ok()?;
                let sockets = erasable.map(sockets_of).unwrap_or_default();
                let at = Address {
                    relay,
                    until_ms,
                    sockets,
                };
                self.addresses.insert(node, at);
                while self.addresses.len() > ADDRESSES_MAX {
                    let oldest = self.addresses.iter().min_by_key(|(_, at)| at.until_ms);
                    let oldest = oldest.map(|(node, _)| *node)?;
                    self.addresses.remove(&oldest);
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// The addresses in an erasable part; what is none is passed over.
fn sockets_of(erasable: &Value) -> Vec<SocketAddr> {
    let listed = erasable.get("sockets").and_then(Value::as_array);
    let listed = listed.unwrap_or_default().iter().take(SOCKETS_MAX);
    listed
        .filter_map(|socket| socket.as_text()?.parse().ok())
        .collect()
}

/// The event that sets name and text.
pub fn set(name: &str, about: &str) -> Event {
    let body = Value::map([
        ("name", Value::Text(name.to_owned())),
        ("about", Value::Text(about.to_owned())),
    ]);
    Event::new("profile.set", body)
}

/// The event that announces a topic.
pub fn announce(topic: &TopicId, announced: &Announced) -> Event {
    let body = Value::map([
        ("topic", Value::Bytes(topic.0.to_vec())),
        ("app", Value::Text(announced.app.clone())),
        ("name", Value::Text(announced.name.clone())),
    ]);
    Event::new("profile.announce", body)
}

/// The event that takes an announcement back.
pub fn withdraw(topic: &TopicId) -> Event {
    let body = Value::map([("topic", Value::Bytes(topic.0.to_vec()))]);
    Event::new("profile.withdraw", body)
}

/// The event that says where a node is reached. Its addresses may be dropped once it no
/// longer holds.
pub fn address(node: &[u8; 32], at: &Address) -> Event {
    let relay = at.relay.clone().map_or(Value::Null, Value::Text);
    let until_ms = i64::try_from(at.until_ms).unwrap_or(i64::MAX);
    let body = Value::map([
        ("node", Value::Bytes(node.to_vec())),
        ("relay", relay),
        ("until_ms", Value::Int(until_ms)),
    ]);
    let sockets = at.sockets.iter().take(SOCKETS_MAX);
    let sockets = sockets.map(|socket| Value::Text(socket.to_string()));
    let erasable = Value::map([("sockets", Value::Array(sockets.collect()))]);
    Event {
        erasable: (!at.sockets.is_empty()).then_some(erasable),
        expires_ms: at.until_ms,
        ..Event::new("profile.address", body)
    }
}

impl Node {
    /// The profile topic of an entity, if it is here. Where there are several the lowest
    /// id counts, so that all see the same.
    pub fn profile_topic(&mut self, entity: &EntityId) -> Result<Option<TopicId>, Failure> {
        for topic in self.store.topics() {
            if !self.is_profile(&topic) {
                continue;
            }
            let order = match self.order(&topic) {
                Ok(order) => order,
                Err(Failure::NoTopic(_)) => continue,
                Err(failure) => return Err(failure),
            };
            if order.entity_of(&EntryId(topic.0)) == Some(*entity) {
                return Ok(Some(topic));
            }
        }
        Ok(None)
    }

    /// Whether a topic is somebody's profile, by its genesis alone.
    pub fn is_profile(&self, topic: &TopicId) -> bool {
        self.genesis(topic)
            .is_some_and(|genesis| genesis.app == APP && genesis.visibility == Visibility::Public)
    }

    /// What an entity's profile says, if it is here.
    pub fn profile(&mut self, entity: &EntityId) -> Result<Option<(TopicId, Profile)>, Failure> {
        let Some(topic) = self.profile_topic(entity)? else {
            return Ok(None);
        };
        let mut profile = Profile::default();
        for entry in self.entries_in_order(&topic)? {
            let accepted = entry.status.is_some_and(|status| status.is_accepted());
            if accepted
                && entry.entity == Some(*entity)
                && let Ok(payload) = entry.payload.form().split()
                && let Ok(event) = payload.check()
            {
                let erasable = payload.erasable.filter(|_| !entry.erased);
                let erasable = erasable.and_then(|part| Value::decode_map(part.data).ok());
                profile.take(event.kind, &event.body, erasable.as_ref());
            }
        }
        Ok(Some((topic, profile)))
    }

    /// Writes an event into this entity's profile, which is begun where there is none.
    /// Gives the topic and the entry.
    pub fn write_profile(
        &mut self,
        event: &Event,
        now_ms: u64,
    ) -> Result<(TopicId, EntryId), Failure> {
        let entity = self.entity();
        let topic = match self.profile_topic(&entity)? {
            Some(topic) => topic,
            None => {
                let genesis = Genesis {
                    app: APP.to_owned(),
                    major: 1,
                    mode: Mode::Ordered,
                    visibility: Visibility::Public,
                    nonce: self.nonce()?,
                    name: Some(APP.to_owned()),
                    members: BTreeMap::new(),
                    open: None,
                    roles: BTreeMap::new(),
                };
                self.create_topic(&genesis, now_ms)?
            }
        };
        let payload = self.payload(event)?;
        let entry = self.append(&topic, &payload, now_ms, false)?;
        Ok((topic, entry))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn take(profile: &mut Profile, event: &Event) -> bool {
        profile.take(&event.kind, &event.body, event.erasable.as_ref())
    }

    #[test]
    fn the_last_word_counts() {
        let mut profile = Profile::default();
        assert!(take(&mut profile, &set("Ana", "plumber")));
        assert!(take(&mut profile, &set("Ana & Co", "plumbers")));
        let topic = TopicId([1; 32]);
        let space = Announced {
            app: "space".into(),
            name: "shop".into(),
        };
        assert!(take(&mut profile, &announce(&topic, &space)));
        assert_eq!(profile.topics[&topic], space);
        assert!(take(&mut profile, &withdraw(&topic)));
        assert!(!take(&mut profile, &withdraw(&topic)));
        assert!(profile.topics.is_empty());
        assert_eq!(profile.name, "Ana & Co");
        // what does not fit changes nothing
        let before = profile.clone();
        assert!(!take(&mut profile, &set(&"x".repeat(NAME_MAX + 1), "")));
        assert!(!take(
            &mut profile,
            &Event::new("profile.set", Value::map([("name", Value::Int(1))]))
        ));
        assert!(!take(
            &mut profile,
            &Event::new("profile.other", Value::Map(Vec::new()))
        ));
        assert_eq!(profile, before);
    }

    #[test]
    fn it_stays_small() {
        let mut profile = Profile::default();
        for number in 0..2 * TOPICS_MAX {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let named = Announced {
                app: "space".into(),
                name: String::new(),
            };
            take(&mut profile, &announce(&TopicId(id), &named));
            let at = Address {
                relay: None,
                until_ms: number as u64,
                sockets: Vec::new(),
            };
            assert!(take(&mut profile, &address(&id, &at)));
        }
        assert_eq!(
            (profile.topics.len(), profile.addresses.len()),
            (TOPICS_MAX, ADDRESSES_MAX)
        );
        // the newest addresses are those that stay
        let oldest = profile.addresses.values().map(|at| at.until_ms).min();
        assert_eq!(oldest, Some((2 * TOPICS_MAX - ADDRESSES_MAX) as u64));
    }

    proptest! {
        #[test]
        fn addresses_come_back(
            node: [u8; 32],
            relay in proptest::option::of("[a-z:/.]{0,60}"),
            until in 0u64..1 << 60,
            ports in proptest::collection::vec(any::<([u8; 4], u16)>(), 0..=SOCKETS_MAX),
        ) {
            let sockets = ports.into_iter().map(SocketAddr::from).collect();
            let mut at = Address { relay, until_ms: until, sockets };
            let mut profile = Profile::default();
            let event = address(&node, &at);
            prop_assert!(take(&mut profile, &event));
            prop_assert_eq!(&profile.addresses[&node], &at);
            // erased, it says nothing of where the node was
            prop_assert!(profile.take(&event.kind, &event.body, None));
            at.sockets.clear();
            prop_assert_eq!(&profile.addresses[&node], &at);
        }

        #[test]
        fn what_is_no_address_is_passed_over(texts in proptest::collection::vec("[0-9a-f.:\\[\\]]{0,30}", 0..40)) {
            let listed = texts.into_iter().map(Value::Text).chain([Value::Int(3)]);
            let erasable = Value::map([("sockets", Value::Array(listed.collect()))]);
            prop_assert!(sockets_of(&erasable).len() <= SOCKETS_MAX);
            prop_assert!(sockets_of(&Value::Int(1)).is_empty());
        }
    }
}
