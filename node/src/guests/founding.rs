//! Relations with guests: one of each entity, founded when it asks or when the owner agrees.

use std::collections::BTreeMap;
use std::sync::Arc;

use synlog_log::ids::{EntityId, FeedKey, TopicId};
use synlog_log::order::ChainState;
use synlog_web::Problem;
use synlog_web::guests::Founded;

use crate::failure::Failure;
use crate::founding::Plan;
use crate::guests::book::{Accepts, Relation};
use crate::guests::identity::{self, Said, name_of};
use crate::guests::spaces::{nothing, problem};
use crate::guests::state::{Asked, Guests};
use crate::intake::Intake;
use crate::node::Node;

/// The app of relations, and the role of a guest in one.
pub(super) const RELATION: &str = "relation";
const CLIENT: &str = "client";
/// A day.
const DAY_MS: u64 = 24 * 3_600_000;
/// Digits of an entity in the name of a relation; more where that is taken.
const DIGITS: usize = 6;

/// The relation of an entity that a device of this owner sequences, in topics that nobody
/// looked at yet: one that was begun by hand, or before the book was lost. Another device:
/// the one that wrote the backup from which this node came.
///
/// # Errors
/// Where the store can't be read or the book not be written.
pub(super) fn look(
    node: &mut Node,
    guests: &Guests,
    entity: &EntityId,
) -> Result<Option<TopicId>, Failure> {
    let (device, owner) = (node.device(), node.entity());
    let mut found: BTreeMap<EntityId, (TopicId, String)> = BTreeMap::new();
    for topic in guests.not_looked_at(node.store.topics()) {
        if node
            .genesis(&topic)
            .is_none_or(|genesis| !genesis.is_private())
        {
            continue;
        }
        let ChainState::Open { sequencer } = node.order(&topic)?.state() else {
            continue;
        };
        let author = FeedKey {
            author: sequencer,
            topic,
        };
        let own = sequencer == device || node.author_of(&author)? == Some(owner);
        let order = node.order(&topic)?;
        let Some(genesis) = order.genesis().filter(|it| own && it.app == RELATION) else {
            continue;
        };
        let name = genesis.name.clone().unwrap_or_default();
        let members = order.policy().members;
        let clients = members.iter().filter(|(_, role)| *role == CLIENT);
        for (client, _) in clients {
            found.entry(*client).or_insert((topic, name.clone()));
        }
    }
    let known = |book: &crate::guests::book::Book| book.relations.get(entity)?.topic;
    guests.change(|book| {
        for (client, (topic, name)) in found {
            let relation = book.relations.entry(client).or_insert(Relation {
                topic: None,
                name,
                since_ms: 0,
            });
            relation.topic.get_or_insert(topic);
        }
    })?;
    Ok(guests.read(known))
}

/// Takes what a guest says of itself into the store.
fn take_in(node: &mut Node, said: &Said, now_ms: u64) -> Result<(), Failure> {
    for signed in said.log.statements() {
        if node.has_room_for(&said.entity) {
            node.take_in_statement(signed)?;
        }
    }
    let mut intake = Intake::default();
    node.take_in_from(
        source_of(&said.entity),
        said.runs.clone(),
        now_ms,
        &mut intake,
    )
}

/// By what a guest is known to what waits; only bounds depend on it.
pub(super) fn source_of(entity: &EntityId) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&entity.0[..8]);
    // 0 are files
    u64::from_le_bytes(bytes).max(1)
}

/// Founds the relation with an entity, or gives the one that there is.
fn found(
    node: &mut Node,
    guests: &Guests,
    entity: &EntityId,
    profile: &[u8],
    now_ms: u64,
) -> Result<TopicId, Problem> {
    let told = |failure: Failure| problem(&failure);
    if let Some(topic) = look(node, guests, entity).map_err(told)? {
        return Ok(topic);
    }
    let (limits, total, today) = guests.read(|book| {
        let since_ms = now_ms.saturating_sub(DAY_MS);
        let all = book.relations.values();
        let today = all.filter(|it| it.since_ms > since_ms).count();
        (book.settings.limits, book.relations.len(), today)
    });
    if total >= limits.total || today >= limits.day {
        let text = "no more relations are founded here for now";
        return Err(Problem::new(429, "too_many_relations", text)
            .hint("try again tomorrow, or ask the shop")
            .with("retry_after", 3_600));
    }
    let said = match profile {
        [] => None,
        bytes => Some(identity::read(bytes)?).filter(|said| said.entity == *entity),
    };
    let no_key = || {
        let text = "the guest's statements name no encryption key";
        Problem::new(422, "no_encryption_key", text)
    };
    let names_key = |said: &Said| said.log.encryption_key().is_some();
    // before anything is stored: who gets no relation costs no room
    if node.encryption_key_of(entity).is_err() && !said.as_ref().is_some_and(names_key) {
        return Err(no_key());
    }
    if let Some(said) = &said {
        take_in(node, said, now_ms).map_err(told)?;
    }
    if node.encryption_key_of(entity).is_err() {
        return Err(no_key());
    }
    let called = said.and_then(|said| said.name);
    let taken = |name: &str| guests.read(|book| book.relations.values().any(|it| it.name == name));
    let short = name_of(entity, called.as_deref(), DIGITS);
    let name = match taken(&short) {
        true => name_of(entity, called.as_deref(), 64),
        false => short,
    };
    // a topic that was begun before a power cut is found by the book's open line
    let relation = Relation {
        topic: None,
        name: name.clone(),
        since_ms: now_ms,
    };
    let noted = guests.change(|book| drop(book.relations.insert(*entity, relation)));
    noted.map_err(told)?;
    let plan = Plan {
        name,
        app: RELATION.to_owned(),
        major: 1,
        causal: false,
        private: true,
        members: [(*entity, CLIENT.to_owned())].into(),
        open: None,
        roles: BTreeMap::new(),
    };
    let founded = node.found(&plan, now_ms);
    let topic = match &founded {
        Ok(topic) => Some(*topic),
        Err(_) => None,
    };
    let noted = guests.change(|book| match topic {
        Some(topic) => {
            if let Some(relation) = book.relations.get_mut(entity) {
                relation.topic = Some(topic);
            }
        }
        None => drop(book.relations.remove(entity)),
    });
    let topic = founded.map_err(told)?;
    noted.map_err(told)?;
    guests.take_asked(entity);
    Ok(topic)
}

/// Founds the relation with somebody who asked for it, as the owner wants.
///
/// # Errors
/// Where nobody of the name asks, or it can't be founded.
pub fn accept(
    node: &mut Node,
    guests: &Guests,
    entity: &EntityId,
    now_ms: u64,
) -> Result<TopicId, Failure> {
    let nobody = || Failure::Findings(format!("{} did not ask", entity.short()));
    let asked = guests.asked().remove(entity).ok_or_else(nobody)?;
    let founded = found(node, guests, entity, &asked.profile, now_ms);
    founded.map_err(|problem| match problem.status {
        429 => Failure::NoEffect(problem.message),
        _ => Failure::System(problem.message),
    })
}

/// What becomes of a guest's wish for a relation.
pub(super) fn wish(
    node: &mut Node,
    guests: &Guests,
    entity: &EntityId,
    profile: Option<Arc<[u8]>>,
    space: TopicId,
    now_ms: u64,
) -> Result<Founded, Problem> {
    let known = guests.read(|book| book.relations.get(entity)?.topic);
    if let Some(topic) = known {
        return Ok(Founded::Topic(topic.to_string()));
    }
    let told = |failure: Failure| problem(&failure);
    let profile = profile.unwrap_or_else(|| Arc::from(&[][..]));
    match guests.read(|book| book.settings.accepts) {
        Accepts::Open => {
            let topic = found(node, guests, entity, &profile, now_ms)?;
            Ok(Founded::Topic(topic.to_string()))
        }
        accepts => {
            if let Some(topic) = look(node, guests, entity).map_err(told)? {
                return Ok(Founded::Topic(topic.to_string()));
            }
            if accepts == Accepts::No {
                let text = "no new customers are accepted here";
                return Err(Problem::new(403, "not_open", text).hint("ask the shop"));
            }
            if guests.is_declined(entity) {
                let text = "the shop declined";
                return Err(Problem::new(403, "declined", text));
            }
            let name = match &profile[..] {
                [] => None,
                bytes => identity::read(bytes)?.name,
            };
            let asked = Asked {
                name,
                space,
                since_ms: now_ms,
                profile,
            };
            match guests.ask(*entity, asked) {
                true => Ok(Founded::Asked),
                false => Err(Problem::new(429, "too_many_ask", "too many ask just now")
                    .hint("try again later")
                    .with("retry_after", 3_600)),
            }
        }
    }
}

/// The relation of a guest.
///
/// # Errors
/// Where a topic is none of its own.
pub(super) fn own(guests: &Guests, entity: &EntityId, id: &str) -> Result<TopicId, Problem> {
    let topic: TopicId = id.parse().map_err(|_| nothing())?;
    let own = guests.read(|book| book.relations.get(entity)?.topic);
    (own == Some(topic)).then_some(topic).ok_or_else(nothing)
}
