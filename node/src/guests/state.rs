//! What a running node knows of its guests: the book, and those who asked for a relation.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value as Json;
use synlog_log::ids::{EntityId, TopicId};
use synlog_web::guests::backend::Heights;

use crate::failure::Failure;
use crate::guests::book::{self, Book};
use crate::guests::catalog::Catalog;
use crate::guests::spaces::Space;
use crate::home::Home;

/// Those who may wait for the owner's answer at once.
const ASKED_MAX: usize = 256;
/// Those whom the owner declined that are remembered until the node ends.
const DECLINED_MAX: usize = 4_096;

/// Catalogs that are kept in order, each of another space.
const CATALOGS_MAX: usize = 16;

/// Somebody who asked for a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it calls itself.
    pub name: Option<String>,
    /// The space from which it comes.
    pub space: TopicId,
    /// Since when, UTC ms.
    pub since_ms: u64,
    /// What it says of itself.
    pub profile: Arc<[u8]>,
}

#[derive(Default)]
struct State {
    book: Book,
    asked: BTreeMap<EntityId, Asked>,
    declined: BTreeSet<EntityId>,
    /// Topics in which relations that the book does not have were looked for.
    looked: BTreeSet<TopicId>,
    spaces: Option<(usize, Vec<Space>)>,
    here: Option<(u64, Json)>,
    /// Of each space the one that was made last; those that were asked for last are behind.
    catalogs: VecDeque<Arc<Catalog>>,
}

/// What a running node knows of its guests.
pub struct Guests {
    home: Home,
    state: Mutex<State>,
    /// Held by who changes the book, until it is written down.
    writing: Mutex<()>,
    address: OnceLock<SocketAddr>,
}

impl Guests {
    /// With what the owner said so far.
    pub fn open(home: &Home) -> Result<Self, Failure> {
        let state = State {
            book: book::load(home)?,
            ..State::default()
        };
        Ok(Self {
            home: home.clone(),
            state: Mutex::new(state),
            writing: Mutex::default(),
            address: OnceLock::new(),
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where the server listens, once it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    /// The server listens here.
    pub fn listens(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// Something of the book.
    pub fn read<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        self.with(|state| read(&state.book))
    }

    /// Changes the book and writes it down; what can't be written is not changed. Others read
    /// the one before meanwhile: each request does, and none of them waits for the disk.
    pub fn change(&self, change: impl FnOnce(&mut Book)) -> Result<(), Failure> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read(Book::clone);
        let mut book = before.clone();
        change(&mut book);
        if book == before {
            return Ok(());
        }
        book::save(&self.home, &book)?;
        self.with(|state| {
            state.book = book;
            state.spaces = None;
            state.here = None;
        });
        Ok(())
    }

    /// Those who wait for an answer.
    pub fn asked(&self) -> BTreeMap<EntityId, Asked> {
        self.with(|state| state.asked.clone())
    }

    /// Whether the owner declined an entity in this run.
    pub(super) fn is_declined(&self, entity: &EntityId) -> bool {
        self.with(|state| state.declined.contains(entity))
    }

    /// Notes that somebody asked; `false` where too many wait.
    pub(super) fn ask(&self, entity: EntityId, asked: Asked) -> bool {
        self.with(|state| {
            let room = state.asked.len() < ASKED_MAX || state.asked.contains_key(&entity);
            if room {
                state.asked.entry(entity).or_insert(asked);
            }
            room
        })
    }

    /// Takes somebody off the list of those who wait.
    pub fn take_asked(&self, entity: &EntityId) -> Option<Asked> {
        self.with(|state| state.asked.remove(entity))
    }

    /// Declines somebody; `false` where nobody of the name waits.
    pub fn decline(&self, entity: &EntityId) -> bool {
        self.with(|state| {
            let waited = state.asked.remove(entity).is_some();
            if waited && state.declined.len() < DECLINED_MAX {
                state.declined.insert(*entity);
            }
            waited
        })
    }

    /// Those of some topics in which nobody has looked for relations yet; from now on
    /// somebody has.
    pub(super) fn not_looked_at(&self, topics: Vec<TopicId>) -> Vec<TopicId> {
        self.with(|state| {
            let fresh = topics
                .into_iter()
                .filter(|topic| !state.looked.contains(topic));
            let fresh: Vec<TopicId> = fresh.collect();
            state.looked.extend(&fresh);
            fresh
        })
    }

    /// The spaces that are offered, if they were looked up since a topic came.
    pub(super) fn spaces(&self, topics: usize) -> Option<Vec<Space>> {
        self.with(|state| {
            let known = state.spaces.as_ref().filter(|(of, _)| *of == topics);
            known.map(|(_, spaces)| spaces.clone())
        })
    }

    /// The catalog of a space, if it is that of the space as it is now.
    pub(super) fn catalog(&self, of: &(TopicId, Heights)) -> Option<Arc<Catalog>> {
        self.with(|state| {
            let at = state.catalogs.iter().position(|known| known.of == *of)?;
            let known = state.catalogs.remove(at)?;
            state.catalogs.push_back(Arc::clone(&known));
            Some(known)
        })
    }

    /// Remembers a catalog in place of the one before of the same space. Where there are too
    /// many, that which nobody asked for the longest goes.
    pub(super) fn remember_catalog(&self, catalog: &Arc<Catalog>) {
        self.with(|state| {
            state.catalogs.retain(|known| known.of.0 != catalog.of.0);
            if state.catalogs.len() >= CATALOGS_MAX {
                state.catalogs.pop_front();
            }
            state.catalogs.push_back(Arc::clone(catalog));
        });
    }

    /// Remembers the spaces that are offered.
    pub(super) fn remember_spaces(&self, topics: usize, spaces: Vec<Space>) {
        self.with(|state| state.spaces = Some((topics, spaces)));
    }

    /// What was last told of this node, if that is not long ago.
    pub(super) fn told(&self, after_ms: u64) -> Option<Json> {
        self.with(|state| {
            let told = state.here.as_ref().filter(|(at, _)| *at >= after_ms);
            told.map(|(_, json)| json.clone())
        })
    }

    /// Remembers what is told of this node.
    pub(super) fn remember_told(&self, now_ms: u64, json: Json) {
        self.with(|state| state.here = Some((now_ms, json)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn nobody_waits_for_the_book_to_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let guests = Guests::open(&Home::at(dir.path())).unwrap();
        let hour = |book: &Book| book.settings.limits.hour;
        let before = guests.read(hour);
        let (done, read) = channel();
        std::thread::scope(|scope| {
            let changed = guests.change(|book| {
                book.settings.limits.hour = before + 1;
                scope.spawn(|| done.send(guests.read(hour)));
                assert_eq!(read.recv_timeout(Duration::from_secs(60)), Ok(before));
            });
            changed.unwrap();
        });
        assert_eq!(guests.read(hour), before + 1);
        let again = Guests::open(&Home::at(dir.path())).unwrap();
        assert_eq!(again.read(hour), before + 1);
    }
}
