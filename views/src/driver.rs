//! Bringing the views of a topic up to date with its order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use synlog_log::fold::{Halt, Reducer};
use synlog_log::ids::{DeviceId, EntryId, TopicId};
use synlog_log::order::TopicOrder;

use crate::causal::CausalMemory;
use crate::error::ViewsError;
use crate::folding::Slots;
use crate::overlay::OverlayMemory;
use crate::source::EventSource;
use crate::store::keys::{self, Layer};
use crate::store::record::{Aggregate, ChangeRecord, TopicRecord};
use crate::store::{Batch, Mark, Opened, Options, Store, open};
use crate::work::{Flow, Work, commit, index_entries};

/// Version of the rules by which events become rows and digests (`spec/11-views.md`).
/// What an older one made is folded again.
pub const RULES_VERSION: u64 = 1;

/// How far an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Lines of the order that are folded.
    pub lines: u64,
    /// Of how many.
    pub of: u64,
    /// Events folded by this update.
    pub folded: u64,
}

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// Events folded that were not folded before.
    pub folded: u64,
    /// Events folded once more: tentative ones whose ground moved, or that stand behind a late one.
    pub refolded: u64,
    /// Rejections noted.
    pub rejected: u64,
    /// Aggregates named to watchers.
    pub changed: u64,
    /// All was thrown away first: the prefix was cut, or the reducer is another one.
    pub rebuilt: bool,
    /// The caller stopped it before its end.
    pub stopped: bool,
    /// The entry whose payload is not here, where the fold waits.
    pub waits_for: Option<EntryId>,
    /// Why the fold can't go on. What was folded before stays.
    pub halted: Option<Halt>,
}

/// What is known of a topic while the program runs.
pub(crate) struct TopicState {
    pub record: TopicRecord,
    pub mark: Mark,
    /// The legs of the order as of the last update; `None` after opening.
    pub legs: Option<Vec<(DeviceId, u64)>>,
    pub overlay: Option<OverlayMemory>,
    pub causal: Option<CausalMemory>,
    /// Keys that the host could not fold.
    pub halted: Vec<String>,
}

/// The views of a node.
pub struct Views {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) topics: BTreeMap<TopicId, TopicState>,
    directory: PathBuf,
}

/// Runs what touches the database: sled panics where it finds damage.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, ViewsError>) -> Result<T, ViewsError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(ViewsError::Damaged(text.unwrap_or("a panic").to_owned()))
    })
}

impl Views {
    /// Opens the views in a directory of their own, or begins them. What is damaged is
    /// thrown away: the log has all of it. Reads all that is stored once.
    ///
    /// # Errors
    /// Where the directory can't be used, or somebody else has it open.
    pub fn open(directory: &Path, options: Options) -> Result<(Self, Opened), ViewsError> {
        let mut opening = open(directory, &options)?;
        let topics = match guarded(|| topics(&opening.store)) {
            Ok(topics) => topics,
            Err(error) => {
                drop(opening);
                Self::discard(directory)?;
                opening = open(directory, &options)?;
                opening.opened = Opened::Rebuilt {
                    reason: error.to_string(),
                };
                BTreeMap::new()
            }
        };
        let views = Self {
            store: opening.store,
            options,
            topics,
            directory: directory.to_owned(),
        };
        Ok((views, opening.opened))
    }

    /// Throws away what is in a directory of views that nobody has open.
    ///
    /// # Errors
    /// Where files can't be removed.
    pub fn discard(directory: &Path) -> Result<(), ViewsError> {
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Throws everything away and begins anew. `epoch` are new random bytes.
    ///
    /// # Errors
    /// As [`Views::open`].
    pub fn reset(self, epoch: [u8; 16]) -> Result<Self, ViewsError> {
        let (directory, options) = (
            self.directory.clone(),
            Options {
                epoch,
                ..self.options
            },
        );
        drop((self.store, self.topics));
        Self::discard(&directory)?;
        Ok(Self::open(&directory, options)?.0)
    }

    /// Brings a topic up to date, as far as payloads are here and `progress` says `true`.
    /// A reducer that halts is told of in the result; what was committed before stays.
    ///
    /// # Errors
    /// Where the source or the database fails; then nothing of the last batch happened.
    pub fn update(
        &mut self,
        order: &TopicOrder,
        source: &mut dyn EventSource,
        reducer: &mut dyn Reducer,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Update, ViewsError> {
        guarded(|| self.run(order, source, reducer, progress))
    }

    fn run(
        &mut self,
        order: &TopicOrder,
        source: &mut dyn EventSource,
        reducer: &mut dyn Reducer,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Update, ViewsError> {
        let topic = order.topic();
        let fresh = TopicRecord::new(
            reducer.hash(),
            RULES_VERSION,
            order.is_causal(),
            reducer.manifest(),
        );
        let fits = |record: &TopicRecord| {
            let other = &fresh;
            !record.clearing
                && record.reducer == other.reducer
                && record.rules == other.rules
                && record.causal == other.causal
                && record.tables == other.tables
        };
        let mut rebuilt = false;
        if self
            .topics
            .get(&topic)
            .is_some_and(|state| !fits(&state.record))
        {
            self.clear(&topic)?;
            rebuilt = true;
        }
        for _ in 0..2 {
            let mut state = self.topics.remove(&topic).unwrap_or_else(|| TopicState {
                record: fresh.clone(),
                mark: Mark::NONE,
                legs: None,
                overlay: None,
                causal: None,
                halted: Vec::new(),
            });
            state.halted.clear();
            let mut work = Work {
                store: &mut self.store,
                options: &self.options,
                order,
                source,
                reducer,
                progress,
                topic,
                record: state.record.clone(),
                state: &mut state,
                update: Update::default(),
                slots: Slots::default(),
                batch: Batch::default(),
                changes: BTreeMap::new(),
                moved: HashSet::new(),
            };
            let done = work.all();
            let mut update = work.update;
            let known = state.mark != Mark::NONE;
            let halted = state.halted.clone();
            if done.is_err() {
                // what memory knows may be ahead of the store
                (state.legs, state.overlay, state.causal) = (None, None, None);
            }
            state.halted = halted;
            if known || matches!(done, Err(ViewsError::Halted(_))) {
                self.topics.insert(topic, state);
            }
            match done {
                Ok(Some(flow)) => {
                    update.rebuilt = rebuilt;
                    update.stopped = flow == Flow::Stopped;
                    return Ok(update);
                }
                Ok(None) => {
                    self.clear(&topic)?;
                    rebuilt = true;
                }
                Err(ViewsError::Halted(halt)) => {
                    return Ok(Update {
                        halted: Some(halt),
                        rebuilt,
                        ..Update::default()
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Err(ViewsError::Damaged(
            "a topic does not come to its own order".into(),
        ))
    }

    /// Removes all that is stored of a topic. Goes on where it was interrupted.
    pub(crate) fn clear(&mut self, topic: &TopicId) -> Result<(), ViewsError> {
        const KEYS_MAX: usize = 20_000;
        let Some(state) = self.topics.get_mut(topic) else {
            return Ok(());
        };
        let record_key = keys::topic(topic);
        if !state.record.clearing {
            state.record.clearing = true;
            let mut batch = Batch::default();
            batch.put(&record_key, &state.record.encode(), state.mark);
            let changes = ChangeRecord {
                topics: vec![*topic],
                aggregates: Vec::new(),
            };
            commit(&mut self.store, &self.options, batch, &changes)?;
        }
        let tables = state.record.tables.clone();
        // first the blocks: an index entry that is not there any more was in one
        self.store.forget_packed(topic)?;
        for prefix in keys::of_topic(topic) {
            let layer = match prefix[0] {
                b'A' => Some(Layer::Base),
                b'O' => Some(Layer::Overlay),
                _ => None,
            };
            loop {
                let mut batch = Batch::default();
                for item in self.store.scan(&prefix) {
                    let (key, (mark, payload)) = item?;
                    if let (Some(layer), Some(name)) = (layer, keys::aggregate_key(&key)) {
                        let aggregate = Aggregate::decode(&payload)?;
                        let rows = aggregate.showing.rows();
                        for entry in index_entries(&tables, (layer, topic, name), rows) {
                            if let Some((mark, _)) = self.store.get(&entry)? {
                                batch.remove(&entry, mark);
                            }
                        }
                    }
                    batch.remove(&key, mark);
                    if batch.keys > KEYS_MAX {
                        break;
                    }
                }
                if batch.keys == 0 {
                    break;
                }
                commit(
                    &mut self.store,
                    &self.options,
                    batch,
                    &ChangeRecord::default(),
                )?;
            }
        }
        let mut batch = Batch::default();
        if let Some((mark, _)) = self.store.get(&record_key)? {
            batch.remove(&record_key, mark);
        }
        commit(
            &mut self.store,
            &self.options,
            batch,
            &ChangeRecord::default(),
        )?;
        self.topics.remove(topic);
        Ok(())
    }

    /// Removes the views of a topic. Watchers are told that all of it changed.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn forget(&mut self, topic: &TopicId) -> Result<(), ViewsError> {
        guarded(|| self.clear(topic))
    }

    /// Hands what was written to the operating system, as before a copy of the directory.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn flush(&self) -> Result<(), ViewsError> {
        guarded(|| self.store.flush())
    }

    /// How much there is. Counts all keys, so it takes its time.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn stats(&self) -> Result<Stats, ViewsError> {
        let (bytes, keys) = guarded(|| self.store.size())?;
        let sum = |count: fn(&TopicRecord) -> u64| {
            self.topics.values().map(|state| count(&state.record)).sum()
        };
        Ok(Stats {
            topics: self.topics.len(),
            aggregates: sum(|record| record.aggregates),
            overlaid: sum(|record| record.overlaid),
            keys,
            bytes,
            version: self.store.position().version,
        })
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Topics.
    pub topics: usize,
    /// Aggregates of all topics.
    pub aggregates: u64,
    /// How many of them tentative events changed.
    pub overlaid: u64,
    /// Keys in the database.
    pub keys: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Number of the last commit.
    pub version: u64,
}

fn topics(store: &Store) -> Result<BTreeMap<TopicId, TopicState>, ViewsError> {
    let mut topics = BTreeMap::new();
    for item in store.scan(keys::TOPICS) {
        let (key, (mark, payload)) = item?;
        let id = key.get(1..).and_then(|id| id.try_into().ok());
        let id = id.ok_or_else(|| ViewsError::Damaged("the key of a topic".into()))?;
        let state = TopicState {
            record: TopicRecord::decode(&payload)?,
            mark,
            legs: None,
            overlay: None,
            causal: None,
            halted: Vec::new(),
        };
        topics.insert(TopicId(id), state);
    }
    Ok(topics)
}

impl Work<'_> {
    /// All of an update. `None`: what is folded is not the front of the order any more.
    fn all(&mut self) -> Result<Option<Flow>, ViewsError> {
        let before = self.record.clone();
        let flow = if self.record.causal {
            match self.causal()? {
                None => return Ok(None),
                Some(flow) => flow,
            }
        } else {
            if !self.prefix_holds() {
                return Ok(None);
            }
            let flow = self.sequenced()?;
            // while the prefix has a gap nothing can be folded on top of its end
            if flow == Flow::Done && self.record.lines as usize == self.order.prefix_len() {
                self.overlay()?;
            } else {
                // its ground moves without it
                self.state.overlay = None;
            }
            flow
        };
        self.write_base()?;
        if self.record.lines > 0 && (self.record.causal || flow == Flow::Done) {
            self.record.head = self.order.head();
        }
        if self.record != before || self.batch.keys > 0 || self.state.mark == Mark::NONE {
            self.commit()?;
        }
        self.state.legs = Some(self.order.legs());
        Ok(Some(flow))
    }
}

/// Positions of ids, to find what is new in a list.
pub(crate) fn positions<'a>(ids: impl Iterator<Item = &'a EntryId>) -> HashMap<EntryId, usize> {
    ids.enumerate().map(|(at, id)| (*id, at)).collect()
}
