//! What of this node everybody may see: spaces that are offered, their rows and pictures.

use std::ops::Range;

use serde_json::{Value as Json, json};
use synlog_log::ids::{BlobHash, EntityId, EntryId, TopicId, hex};
use synlog_log::run::RunView;
use synlog_values::manifest::manifest_json;
use synlog_web::Problem;
use synlog_web::backend::{BlobInfo, Rows};
use synlog_web::blobs::shown_as;

use crate::apps;
use crate::failure::Failure;
use crate::guests::state::Guests;
use crate::ledger::read;
use crate::node::Node;
use crate::web::{problems, rows};

/// The app of spaces.
const SPACE: &str = "space";
/// How long what is told of this node stays as it is.
const TOLD_MS: u64 = 2_000;
/// Bytes by which a picture is known.
const FRONT: u64 = 16;

/// A space that guests may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) topic: TopicId,
    pub(super) name: String,
    pub(super) app: String,
}

impl Node {
    /// Whose topic it is: the entity of the device that began it.
    fn founder(&mut self, topic: &TopicId) -> Result<Option<EntityId>, Failure> {
        let Some(position) = self.store.locate(&EntryId(topic.0))? else {
            return Ok(None);
        };
        let Some(record) = read(&self.store, position)? else {
            return Ok(None);
        };
        let feed = RunView::feed_of(&record.bytes);
        let feed = feed.map_err(Failure::refused("a stored run"))?;
        self.author_of(&feed)
    }

    /// The public spaces of this entity, by id.
    pub(crate) fn own_spaces(&mut self) -> Result<Vec<(TopicId, String)>, Failure> {
        let mut spaces = Vec::new();
        for topic in self.store.topics() {
            let genesis = self.genesis(&topic);
            let Some(genesis) = genesis.filter(|it| !it.is_private() && it.app == SPACE) else {
                continue;
            };
            if self.founder(&topic)? == Some(self.entity()) {
                spaces.push((topic, genesis.name.unwrap_or_default()));
            }
        }
        Ok(spaces)
    }
}

/// The spaces that are offered.
pub(super) fn offered(node: &mut Node, guests: &Guests) -> Result<Vec<Space>, Failure> {
    let topics = node.store.topics().len();
    if let Some(known) = guests.spaces(topics) {
        return Ok(known);
    }
    let chosen = guests.read(|book| book.settings.offer.clone());
    let mut spaces = node.own_spaces()?;
    spaces.retain(|(topic, _)| chosen.as_ref().is_none_or(|chosen| chosen.contains(topic)));
    let spaces: Vec<Space> = spaces
        .into_iter()
        .map(|(topic, name)| Space {
            topic,
            name,
            app: SPACE.to_owned(),
        })
        .collect();
    guests.remember_spaces(topics, spaces.clone());
    Ok(spaces)
}

/// There is no such thing, for a guest: whether there is one for others is not told.
pub(super) fn nothing() -> Problem {
    Problem::new(404, "not_here", "there is no such thing here")
}

/// A failure, as guests are told: what went wrong on this machine is its owner's business.
pub(super) fn problem(failure: &Failure) -> Problem {
    let problem = problems::problem(failure);
    match problem.status {
        500.. | 409 => Problem::new(503, "unavailable", "that can't be done here just now")
            .hint("try again later"),
        _ => problem,
    }
}

/// The whole id of an offered space.
pub(super) fn space(node: &mut Node, guests: &Guests, id: &str) -> Result<TopicId, Problem> {
    let topic: TopicId = id.parse().map_err(|_| nothing())?;
    let offered = offered(node, guests).map_err(|failure| problem(&failure))?;
    let known = offered.iter().any(|space| space.topic == topic);
    known.then_some(topic).ok_or_else(nothing)
}

/// What is told to everybody.
pub(super) fn here(
    node: &mut Node,
    guests: &Guests,
    id: &[u8; 32],
    now_ms: u64,
) -> Result<Json, Failure> {
    let mut told = match guests.told(now_ms.saturating_sub(TOLD_MS)) {
        Some(told) => told,
        None => {
            let entity = node.entity();
            let name = node.profile(&entity)?.map(|(_, profile)| profile.name);
            let spaces = offered(node, guests)?;
            let spaces = spaces.iter().map(|space| {
                json!({ "topic": space.topic.to_string(), "name": space.name, "app": space.app })
            });
            let told = json!({
                "entity": entity.to_string(),
                "name": name.filter(|name| !name.is_empty()),
                "node": hex(id),
                "device": node.device().to_string(),
                "time_ms": now_ms,
                "accepts": guests.read(|book| book.settings.accepts.word()),
                "spaces": spaces.collect::<Vec<_>>(),
                "relation": { "app": "relation", "major": 1 },
            });
            guests.remember_told(now_ms, told.clone());
            told
        }
    };
    told["time_ms"] = json!(now_ms);
    Ok(told)
}

/// Rows of an offered space.
pub(super) fn query(node: &mut Node, guests: &Guests, rows: &Rows) -> Result<Json, Problem> {
    let id = rows.topic.as_deref().unwrap_or_default();
    let topic = space(node, guests, id)?;
    let rows = Rows {
        topic: Some(topic.to_string()),
        ..rows.clone()
    };
    rows::query(node, &rows).map_err(|failure| problem(&failure))
}

/// What the app of an offered space says of itself.
pub(super) fn manifest(node: &mut Node, guests: &Guests, id: &str) -> Result<Json, Problem> {
    let topic = space(node, guests, id)?;
    let manifest = node.manifest(&topic).map_err(|failure| problem(&failure))?;
    manifest.as_deref().map(manifest_json).ok_or_else(nothing)
}

/// The blob of a picture that somebody who may write there names in an offered space.
fn picture(node: &mut Node, guests: &Guests, id: &str) -> Result<BlobHash, Problem> {
    let hash: BlobHash = id.parse().map_err(|_| nothing())?;
    let mut find = || -> Result<bool, Failure> {
        node.look_for_blobs()?;
        let names = node.blobs()?.table.names_of(&hash);
        let names: Vec<_> = names.map(|(topic, name)| (*topic, name.clone())).collect();
        let offered = offered(node, guests)?;
        for (topic, name) in names {
            let media_type = name.media_type.unwrap_or_default();
            let is_offered = offered.iter().any(|space| space.topic == topic);
            if !is_offered || !media_type.starts_with("image/") {
                continue;
            }
            let order = node.order(&topic)?;
            let accepted = order.status(&name.entry).is_some_and(|it| it.is_accepted());
            if accepted && order.policy().members.contains_key(&name.author) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match find() {
        Ok(true) => Ok(hash),
        Ok(false) => Err(nothing()),
        Err(failure) => Err(problem(&failure)),
    }
}

fn stored(node: &mut Node, hash: &BlobHash, range: Range<u64>) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut put = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    // as they are stored: what is sealed in a private topic never opens here
    let read = node.read_blob(hash, range, &mut put);
    read.map_err(|failure| problem(&failure))?;
    Ok(bytes)
}

/// What is known of a picture.
pub(super) fn image(node: &mut Node, guests: &Guests, id: &str) -> Result<BlobInfo, Problem> {
    let hash = picture(node, guests, id)?;
    let size = |node: &mut Node| Ok(node.blobs()?.files.whole().get(&hash).copied());
    let size = size(node).map_err(|failure: Failure| problem(&failure))?;
    let size = size.ok_or_else(nothing)?;
    let front = stored(node, &hash, 0..FRONT)?;
    shown_as(&front).ok_or_else(nothing)?;
    Ok(BlobInfo {
        size,
        front,
        hash: hash.to_string(),
    })
}

/// Some bytes of a picture whose [`image`] was told.
pub(super) fn image_bytes(
    node: &mut Node,
    id: &str,
    range: Range<u64>,
) -> Result<Vec<u8>, Problem> {
    let hash = id.parse().map_err(|_| nothing())?;
    stored(node, &hash, range)
}

/// The module of a reducer: of those that come with synlog, and of offered spaces.
pub(super) fn module(node: &mut Node, guests: &Guests, id: &str) -> Result<Vec<u8>, Problem> {
    let mut all = apps::pinned().iter();
    if let Some(app) = all.find(|app| hex(&app.hash).eq_ignore_ascii_case(id)) {
        return Ok(app.pinned.wasm.to_vec());
    }
    let mut find = || -> Result<Option<Vec<u8>>, Failure> {
        for space in offered(node, guests)? {
            let chosen = node.chosen_reducer(&space.topic)?;
            let fits = chosen.filter(|chosen| hex(&chosen.hash).eq_ignore_ascii_case(id));
            if let Some(chosen) = fits {
                return node.home.module(&chosen.hash).map(Some);
            }
        }
        Ok(None)
    };
    let found = find().map_err(|failure| problem(&failure))?;
    found.ok_or_else(nothing)
}
