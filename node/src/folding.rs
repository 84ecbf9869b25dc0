//! Fold → rows on this node: which reducer a topic has, and views kept up to date.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use synlog_log::cbor::Value;
use synlog_log::fold::{Halt, Manifest, Reducer};
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::order::TopicOrder;
use synlog_runtime::{CacheDirectory, Checks, Engine, Settings, WasmReducer};
use synlog_views::{Options, Progress, Update, Views, ViewsError};

use crate::apps;
use crate::clock::now_ms;
use crate::entropy::random;
use crate::events::{DecodedRuns, StoreSource};
use crate::failure::Failure;
use crate::node::Node;
use crate::writing::Event;

/// What folding needs; made when it is first asked for.
pub struct Folding {
    /// The rows.
    pub views: Views,
    reducers: Reducers,
    decoded: DecodedRuns,
}

impl Folding {
    /// The reducers.
    pub(crate) fn reducers(&mut self) -> &mut Reducers {
        &mut self.reducers
    }
}

/// Reducers that are ready to run, by the hash of their modules.
pub struct Reducers {
    engine: Engine,
    ready: HashMap<[u8; 32], WasmReducer>,
}

/// The reducer that a topic is folded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Hash of the module.
    pub hash: [u8; 32],
    /// Whether the topic's policy names it; else it is the one that comes with synlog for
    /// the topic's app.
    pub by_topic: bool,
}

impl Reducers {
    /// An engine that keeps compiled modules in a directory, if one is given.
    pub fn new(cache: Option<PathBuf>) -> Result<Self, Failure> {
        // without the cache everything works, only later
        let cache = cache.and_then(|path| CacheDirectory::open(&path).ok());
        let settings = Settings {
            cache,
            ..Settings::default()
        };
        let engine = Engine::new(settings).map_err(|error| Failure::System(error.to_string()))?;
        Ok(Self {
            engine,
            ready: HashMap::new(),
        })
    }

    /// The reducer whose module has a hash; `find` gives the bytes.
    pub fn get(
        &mut self,
        hash: &[u8; 32],
        find: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<&mut WasmReducer, Failure> {
        if !self.ready.contains_key(hash) {
            let module = self.engine.load(&find()?);
            let module = module.map_err(|error| Failure::BadReducer {
                hash: *hash,
                code: error.code(),
                reason: error.to_string(),
            })?;
            self.ready.insert(*hash, module.reducer(Checks::default()));
        }
        self.ready.get_mut(hash).ok_or(Failure::NoReducer(*hash))
    }
}

/// What a halted reducer means for whoever asked.
pub(crate) fn halted(halt: &Halt) -> Failure {
    Failure::Halted(halt.to_string())
}

pub(crate) fn views_failure(error: ViewsError) -> Failure {
    match error {
        ViewsError::Query(what) => Failure::Usage(what),
        ViewsError::Halted(halt) => halted(&halt),
        ViewsError::OverBudget(bytes) => Failure::RowsTooLarge(bytes),
        other => Failure::System(other.to_string()),
    }
}

impl Node {
    /// The reducer of a topic; `None` where neither its policy names one nor synlog
    /// brings one for its app.
    pub fn chosen_reducer(&mut self, topic: &TopicId) -> Result<Option<Chosen>, Failure> {
        let order = self.order(topic)?;
        if let Some((hash, _)) = order.policy().reducer {
            return Ok(Some(Chosen {
                hash,
                by_topic: true,
            }));
        }
        let app = order
            .genesis()
            .and_then(|genesis| apps::find(&genesis.app, genesis.major));
        Ok(app.map(|app| Chosen {
            hash: app.hash,
            by_topic: false,
        }))
    }

    /// Lets a topic name a reducer, and keeps the module, also for when synlog brings
    /// another one.
    pub fn activate(
        &mut self,
        topic: &TopicId,
        wasm: &[u8],
        manifest: &Manifest,
    ) -> Result<EntryId, Failure> {
        let hash = self.home.install_module(wasm)?;
        let body = Value::map([
            ("hash", Value::Bytes(hash.to_vec())),
            ("version", Value::Text(manifest.version.clone())),
        ]);
        let payload = self.payload(&Event::new("topic.reducer", body))?;
        self.append(topic, &payload, now_ms(), false)
    }

    /// The manifest of the app of a topic; `None` where it has no reducer.
    pub fn manifest(&mut self, topic: &TopicId) -> Result<Option<Arc<Manifest>>, Failure> {
        let Some(chosen) = self.chosen_reducer(topic)? else {
            return Ok(None);
        };
        if let Some(app) = apps::named(&chosen.hash) {
            return Ok(Some(Arc::clone(&app.manifest)));
        }
        let mut folding = self.take_folding()?;
        let manifest = self
            .reducer(&mut folding, &chosen)
            .map(|reducer| Some(Arc::new(reducer.manifest().clone())));
        self.folding = Some(folding);
        manifest
    }

    pub(crate) fn take_folding(&mut self) -> Result<Folding, Failure> {
        if let Some(folding) = self.folding.take() {
            return Ok(folding);
        }
        let options = Options::new(random()?);
        let (views, _) = Views::open(&self.home.views_path(), options).map_err(views_failure)?;
        Ok(Folding {
            views,
            reducers: Reducers::new(Some(self.home.modules_path()))?,
            decoded: DecodedRuns::default(),
        })
    }

    fn reducer<'a>(
        &self,
        folding: &'a mut Folding,
        chosen: &Chosen,
    ) -> Result<&'a mut WasmReducer, Failure> {
        let find = || self.home.module(&chosen.hash);
        folding.reducers.get(&chosen.hash, find)
    }

    /// Brings the rows of a topic up to date. `None`: there is no reducer for it here.
    pub fn fold(
        &mut self,
        topic: &TopicId,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Option<Update>, Failure> {
        let Some(chosen) = self.chosen_reducer(topic)? else {
            return Ok(None);
        };
        let mut folding = self.take_folding()?;
        let mut result = self.fold_with(&mut folding, topic, &chosen, progress);
        if matches!(result, Err(FoldError::Damaged)) {
            // nothing is in the views that the log does not have
            drop(folding);
            Views::discard(&self.home.views_path()).map_err(views_failure)?;
            folding = self.take_folding()?;
            result = self.fold_with(&mut folding, topic, &chosen, progress);
        }
        self.folding = Some(folding);
        match result {
            Ok(update) => {
                self.counted.folded(topic);
                Ok(Some(update))
            }
            Err(FoldError::Damaged) => Err(Failure::System(
                "the rows can't be kept: what is written to the disk comes back damaged".into(),
            )),
            Err(FoldError::Other(failure)) => Err(failure),
        }
    }

    fn fold_with(
        &mut self,
        folding: &mut Folding,
        topic: &TopicId,
        chosen: &Chosen,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Update, FoldError> {
        let find = || self.home.module(&chosen.hash);
        let Folding {
            views,
            reducers,
            decoded,
        } = folding;
        let reducer = reducers.get(&chosen.hash, find)?;
        let order = self.orders.get(topic).ok_or(Failure::NoTopic(*topic))?;
        let mut source = StoreSource {
            store: &self.store,
            order,
            decoded,
        };
        let update = views.update(order, &mut source, reducer, progress);
        let update = update.map_err(|error| match error {
            ViewsError::Damaged(_) | ViewsError::Database(_) => FoldError::Damaged,
            other => FoldError::Other(views_failure(other)),
        })?;
        match &update.halted {
            Some(halt) => Err(FoldError::Other(halted(halt))),
            None => Ok(update),
        }
    }

    /// Runs something that needs views, order, events and reducer of a topic.
    pub(crate) fn with_reducer<T>(
        &mut self,
        topic: &TopicId,
        run: impl FnOnce(
            &mut Views,
            &TopicOrder,
            &mut StoreSource<'_>,
            &mut WasmReducer,
        ) -> Result<T, ViewsError>,
    ) -> Result<T, Failure> {
        let chosen = self.chosen_reducer(topic)?;
        let chosen = chosen
            .ok_or_else(|| Failure::Usage("the topic has no reducer that is here".to_owned()))?;
        let mut folding = self.take_folding()?;
        let find = || self.home.module(&chosen.hash);
        let result = match folding.reducers.get(&chosen.hash, find) {
            Err(failure) => Err(failure),
            Ok(reducer) => match self.orders.get(topic) {
                None => Err(Failure::NoTopic(*topic)),
                Some(order) => {
                    let mut source = StoreSource {
                        store: &self.store,
                        order,
                        decoded: &mut folding.decoded,
                    };
                    run(&mut folding.views, order, &mut source, reducer).map_err(views_failure)
                }
            },
        };
        self.folding = Some(folding);
        result
    }
}

enum FoldError {
    Damaged,
    Other(Failure),
}

impl From<Failure> for FoldError {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

/// A hash as people see it.
pub fn short_hash(hash: &[u8; 32]) -> String {
    hex(&hash[..5])
}
