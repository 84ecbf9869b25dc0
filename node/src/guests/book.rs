//! What the owner wants of the guests' door, and which relations were founded through it:
//! one file, `guests.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synlog_log::ids::{EntityId, TopicId, hex, unhex};
use synlog_replication::peer::NodeId;

use crate::failure::Failure;
use crate::home::Home;

/// Version of the file.
const VERSION: u32 = 1;

/// Whether relations are founded with whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accepts {
    /// At once.
    #[default]
    Open,
    /// When the owner has agreed.
    Ask,
    /// With nobody new.
    No,
}

impl Accepts {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ask => "ask",
            Self::No => "no",
        }
    }
}

/// How many relations are founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wishes of one address in an hour: a family's phones behind one address.
    pub hour: usize,
    /// Relations in a day: a busy shop's new customers. Each takes some 10 KiB of disk.
    pub day: usize,
    /// Relations in all: what the memory of a small machine holds in use.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hour: 20,
            day: 200,
            total: 10_000,
        }
    }
}

/// A gateway that may bring guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its endpoint, which proves who brings a connection.
    pub endpoint: NodeId,
    /// Its domain, with a port where it has one.
    pub domain: String,
    /// Whether its guests speak TLS with it.
    pub tls: bool,
    /// Its relay.
    pub relay: Option<String>,
    /// Where it was asked.
    pub url: Option<String>,
}

/// What the owner wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; nowhere where nothing is said.
    pub address: Option<String>,
    /// The port of the last time.
    pub port: Option<u16>,
    /// Whether relations are founded.
    pub accepts: Accepts,
    /// Spaces that are offered; all public ones of the owner where nothing is said.
    pub offer: Option<BTreeSet<TopicId>>,
    /// Names of the server beside its addresses.
    pub names: Vec<String>,
    /// Gateways.
    pub gateways: Vec<Gateway>,
    /// How many relations are founded.
    pub limits: Limits,
}

/// A relation with a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its topic; nothing while it is being founded.
    pub topic: Option<TopicId>,
    /// Its name.
    pub name: String,
    /// Since when, UTC ms.
    pub since_ms: u64,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// What the owner wants.
    pub settings: Settings,
    /// Relations, by the guest's entity.
    pub relations: BTreeMap<EntityId, Relation>,
    /// Entities that are shut out.
    pub blocked: BTreeSet<EntityId>,
}

#[derive(Serialize, Deserialize)]
struct WrittenGateway {
    endpoint: String,
    domain: String,
    tls: bool,
    relay: Option<String>,
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenRelation {
    entity: String,
    topic: Option<String>,
    name: String,
    since_ms: u64,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    address: Option<String>,
    port: Option<u16>,
    accepts: Accepts,
    offer: Option<Vec<String>>,
    names: Vec<String>,
    gateways: Vec<WrittenGateway>,
    limits: Limits,
    blocked: Vec<String>,
    relations: Vec<WrittenRelation>,
}

impl Book {
    /// As a file.
    pub fn encode(&self) -> String {
        let settings = &self.settings;
        let gateways = settings.gateways.iter().map(|gateway| WrittenGateway {
            endpoint: hex(&gateway.endpoint.0),
            domain: gateway.domain.clone(),
            tls: gateway.tls,
            relay: gateway.relay.clone(),
            url: gateway.url.clone(),
        });
        let relations = self.relations.iter().map(|(entity, it)| WrittenRelation {
            entity: entity.to_string(),
            topic: it.topic.map(|topic| topic.to_string()),
            name: it.name.clone(),
            since_ms: it.since_ms,
        });
        let offer = settings.offer.as_ref();
        let written = Written {
            version: VERSION,
            address: settings.address.clone(),
            port: settings.port,
            accepts: settings.accepts,
            offer: offer.map(|offer| offer.iter().map(ToString::to_string).collect()),
            names: settings.names.clone(),
            gateways: gateways.collect(),
            limits: settings.limits,
            blocked: self.blocked.iter().map(ToString::to_string).collect(),
            relations: relations.collect(),
        };
        // strings and numbers always are JSON
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }

    /// Reads a file; `None` where it is none of this version.
    pub fn decode(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        if written.version != VERSION {
            return None;
        }
        let gateway = |it: WrittenGateway| {
            Some(Gateway {
                endpoint: NodeId(unhex(&it.endpoint)?.try_into().ok()?),
                domain: it.domain,
                tls: it.tls,
                relay: it.relay,
                url: it.url,
            })
        };
        let relation = |it: WrittenRelation| {
            let topic = it.topic.map(|topic| topic.parse().ok());
            let relation = Relation {
                topic: match topic {
                    Some(topic) => Some(topic?),
                    None => None,
                },
                name: it.name,
                since_ms: it.since_ms,
            };
            Some((it.entity.parse().ok()?, relation))
        };
        let offer = written.offer.map(|offer| {
            let topics = offer.iter().map(|topic| topic.parse().ok());
            topics.collect::<Option<BTreeSet<TopicId>>>()
        });
        let blocked = written.blocked.iter().map(|entity| entity.parse().ok());
        Some(Self {
            settings: Settings {
                address: written.address,
                port: written.port,
                accepts: written.accepts,
                offer: match offer {
                    Some(offer) => Some(offer?),
                    None => None,
                },
                names: written.names,
                gateways: written
                    .gateways
                    .into_iter()
                    .map(gateway)
                    .collect::<Option<_>>()?,
                limits: written.limits,
            },
            relations: written
                .relations
                .into_iter()
                .map(relation)
                .collect::<Option<_>>()?,
            blocked: blocked.collect::<Option<_>>()?,
        })
    }

    /// Whose relation a topic is.
    pub fn guest_of(&self, topic: &TopicId) -> Option<&EntityId> {
        let mut relations = self.relations.iter();
        let found = relations.find(|(_, relation)| relation.topic == Some(*topic));
        found.map(|(entity, _)| entity)
    }
}

/// Where the file is.
pub fn path(home: &Home) -> PathBuf {
    home.path().join("guests.json")
}

/// Reads the file; where there is none, nothing was wanted yet.
pub fn load(home: &Home) -> Result<Book, Failure> {
    let path = path(home);
    let Some(text) = home.read_secret(&path)? else {
        return Ok(Book::default());
    };
    Book::decode(&text).ok_or_else(|| {
        Failure::System(format!(
            "{} is damaged, or of a newer synlog: remove it, and say again what you want with `synlog up --guests`; relations are found again",
            path.display()
        ))
    })
}

/// Writes the file, durably and in one step.
pub fn save(home: &Home, book: &Book) -> Result<(), Failure> {
    home.write_secret(&path(home), book.encode().as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn book(ids: &[[u8; 32]], names: Vec<String>, port: Option<u16>) -> Book {
        let relation = |(at, id): (usize, &[u8; 32])| {
            let relation = Relation {
                topic: (at % 3 > 0).then_some(TopicId(*id)),
                name: format!("guest-{at}"),
                since_ms: at as u64,
            };
            (EntityId(*id), relation)
        };
        Book {
            settings: Settings {
                address: names.first().cloned(),
                port,
                accepts: Accepts::Ask,
                offer: (ids.len() > 1).then(|| ids.iter().map(|id| TopicId(*id)).collect()),
                gateways: names
                    .iter()
                    .zip(ids)
                    .map(|(name, id)| Gateway {
                        endpoint: NodeId(*id),
                        domain: name.clone(),
                        tls: id[0] > 9,
                        relay: Some(name.clone()),
                        url: None,
                    })
                    .collect(),
                names,
                limits: Limits {
                    hour: 1,
                    day: 2,
                    total: 3,
                },
            },
            relations: ids.iter().enumerate().map(relation).collect(),
            blocked: ids.iter().map(|id| EntityId(*id)).collect(),
        }
    }

    proptest! {
        #[test]
        fn books_come_back(
            ids in proptest::collection::vec(any::<[u8; 32]>(), 0..5),
            names in proptest::collection::vec(".{0,20}", 0..4),
            port in proptest::option::of(any::<u16>()),
        ) {
            let book = book(&ids, names, port);
            prop_assert_eq!(Book::decode(&book.encode()), Some(book));
        }

        #[test]
        fn whatever_is_in_the_file(text in "\\PC{0,200}") {
            let _ = Book::decode(&text);
        }
    }

    #[test]
    fn another_version_is_none() {
        let text = Book::default().encode();
        assert_eq!(Book::decode(&text), Some(Book::default()));
        assert_eq!(
            Book::decode(&text.replace("\"version\": 1", "\"version\": 2")),
            None
        );
    }
}
