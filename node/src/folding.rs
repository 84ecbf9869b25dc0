//! Fold → rows on this node: which reducer a topic has, views kept up to date, and the
//! rehearsal of an event before it is signed.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use synlog_log::attestation::checked_facts;
use synlog_log::cbor::Value;
use synlog_log::fold::{FoldEvent, Halt, Manifest, Reducer};
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::order::{ChainState, Status, TopicOrder, Verdict};
use synlog_log::payload::Payload;
use synlog_runtime::{CacheDirectory, Checks, Engine, Settings, WasmReducer};
use synlog_views::{
    Changes, Cursor, Digest, Explained, Filter, Options, Preview, Progress, Query, RowView, Shown,
    Update, Views, ViewsError, WatchFilter,
};

use crate::apps;
use crate::audit::{Audit, Material, ReducerUsed, tell};
use crate::clock::now_ms;
use crate::entropy::random;
use crate::events::{DecodedRuns, StoreSource};
use crate::failure::Failure;
use crate::node::Node;
use crate::replay;
use crate::writing::Event;

/// What folding needs; made when it is first asked for.
pub struct Folding {
    /// The rows.
    pub views: Views,
    reducers: Reducers,
    decoded: DecodedRuns,
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

/// An event that was written.
pub struct WrittenEvent {
    /// The topic.
    pub topic: TopicId,
    /// Its entry.
    pub id: EntryId,
    /// Where it stands.
    pub status: Option<Status>,
    /// The code by which the app's rules reject it, which `force` allowed.
    pub rejected: Option<String>,
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
            hash: app.pinned.hash(),
            by_topic: false,
        }))
    }

    /// Lets a topic name the reducer of an app, and keeps the module for when synlog
    /// brings another one.
    pub fn activate(&mut self, topic: &TopicId, app: &apps::App) -> Result<EntryId, Failure> {
        let hash = self.home.install_module(app.pinned.wasm)?;
        let body = Value::map([
            ("hash", Value::Bytes(hash.to_vec())),
            ("version", Value::Text(app.manifest.version.clone())),
        ]);
        let payload = self.payload(&Event::new("topic.reducer", body))?;
        self.append(topic, &payload, now_ms(), false)
    }

    /// The manifest of the app of a topic, where its reducer is here.
    pub fn manifest(&mut self, topic: &TopicId) -> Result<Option<Manifest>, Failure> {
        let Some(chosen) = self.chosen_reducer(topic)? else {
            return Ok(None);
        };
        let known = apps::pinned()
            .iter()
            .find(|app| app.pinned.hash() == chosen.hash);
        if let Some(app) = known {
            return Ok(Some(app.manifest.clone()));
        }
        let mut folding = self.take_folding()?;
        let manifest = self
            .reducer(&mut folding, &chosen)
            .map(|reducer| Some(reducer.manifest().clone()));
        self.folding = Some(folding);
        match manifest {
            Err(Failure::NoReducer(_)) => Ok(None),
            other => other,
        }
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
            Ok(update) => Ok(Some(update)),
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

    /// Rows up to date, for whoever only reads: what can't be folded stays as it was.
    pub fn rows(&mut self, query: &Query) -> Result<synlog_views::Page, Failure> {
        let folding = self.take_folding()?;
        let page = folding.views.query(query).map_err(views_failure);
        self.folding = Some(folding);
        page
    }

    /// The first row of an aggregate in a table of a topic, up to date.
    pub fn row_of(
        &mut self,
        topic: &TopicId,
        table: &str,
        key: &str,
    ) -> Result<Option<RowView>, Failure> {
        let Some((app, major)) = self
            .order(topic)?
            .genesis()
            .map(|genesis| (genesis.app.clone(), genesis.major))
        else {
            return Ok(None);
        };
        self.fold(topic, &mut |_| true)?;
        let page = self.rows(&Query {
            app,
            major,
            table: table.to_owned(),
            topic: Some(*topic),
            filter: Filter::Key(key.to_owned()),
            layer: Shown::All,
            as_of_ms: None,
            limit: 1,
            after: None,
        })?;
        Ok(page.rows.into_iter().next())
    }

    /// What changed in rows since a cursor.
    pub fn changes(
        &mut self,
        cursor: Option<&Cursor>,
        filter: &WatchFilter,
        limit: usize,
    ) -> Result<Changes, Failure> {
        let folding = self.take_folding()?;
        let changes = folding.views.watch(cursor, filter, limit);
        self.folding = Some(folding);
        changes.map_err(views_failure)
    }

    /// The one key of a topic's aggregates that is this, or begins with it.
    pub fn find_key(&mut self, topic: &TopicId, front: &str) -> Result<String, Failure> {
        let manifest = self.manifest(topic)?;
        let manifest = manifest
            .ok_or_else(|| Failure::Usage("the topic has no reducer that is here".to_owned()))?;
        let mut keys = BTreeSet::new();
        for table in &manifest.tables {
            let page = self.rows(&Query {
                app: manifest.app.clone(),
                major: manifest.major,
                table: table.name.clone(),
                topic: Some(*topic),
                filter: Filter::Prefix(front.to_owned()),
                layer: Shown::All,
                as_of_ms: None,
                limit: 8,
                after: None,
            })?;
            keys.extend(page.rows.into_iter().map(|row| row.key));
        }
        if keys.contains(front) || keys.is_empty() {
            return Ok(front.to_owned());
        }
        match keys.len() {
            1 => Ok(keys.pop_first().unwrap_or_default()),
            _ => {
                let shown: Vec<String> = keys.into_iter().take(8).collect();
                Err(Failure::BadName(format!(
                    "several keys begin with {front:?}: {}",
                    shown.join(", ")
                )))
            }
        }
    }

    /// The entries that made an aggregate, and those that were rejected beside.
    pub fn explain(&mut self, topic: &TopicId, key: &str) -> Result<Vec<Explained>, Failure> {
        self.with_reducer(topic, |views, order, source, reducer| {
            views.explain(order, source, reducer, key)
        })
    }

    /// Runs something that needs views, order, events and reducer of a topic.
    fn with_reducer<T>(
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

    /// The digest of a topic's rows, up to date; `None` where there is no reducer here.
    pub fn rows_digest(&mut self, topic: &TopicId) -> Result<Option<Digest>, Failure> {
        match self.fold(topic, &mut |_| true) {
            Ok(Some(_)) => {}
            Ok(None) | Err(Failure::NoReducer(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        }
        self.with_reducer(topic, |views, _, _, _| views.digest(topic))
            .map(Some)
    }

    /// The audit of a topic.
    pub fn audit(&mut self, topic: &TopicId) -> Result<Audit, Failure> {
        let runs: Vec<Vec<u8>> = self
            .runs_of_topic(topic)?
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect();
        let digest = self.rows_digest(topic)?;
        let chosen = self.chosen_reducer(topic)?;
        let manifest = self.manifest(topic)?;
        let (mut rows, mut rejections) = (Vec::new(), Vec::new());
        if let (Some(_), Some(manifest)) = (&digest, &manifest) {
            let folding = self.take_folding()?;
            let read = replay::all_rows(&folding.views, topic, manifest)
                .and_then(|rows| Ok((rows, replay::all_rejections(&folding.views, topic)?)));
            self.folding = Some(folding);
            (rows, rejections) = read?;
        }
        let receipts = self.receipts(topic).to_vec();
        let order = self.order(topic)?;
        let version = manifest.as_ref().map(|manifest| manifest.version.clone());
        Ok(tell(Material {
            order,
            runs: &runs,
            reducer: chosen.zip(version).map(|(chosen, version)| ReducerUsed {
                hash: chosen.hash,
                version,
                pinned_by_topic: chosen.by_topic,
            }),
            manifest: manifest.as_ref(),
            rejections: &rejections,
            rows: &rows,
            roots: digest.map(|digest| (digest.sequenced, digest.tentative)),
            receipts,
        }))
    }

    /// What the app's rules would say of an event of this device, placed next.
    pub fn rehearse(&mut self, topic: &TopicId, event: &Event) -> Result<Preview, Failure> {
        if event.kind.starts_with("topic.") {
            return Ok(Preview::Accepted);
        }
        match self.fold(topic, &mut |_| true) {
            Ok(Some(_)) => {}
            // without the reducer only the kernel's rules can be asked
            Ok(None) | Err(Failure::NoReducer(_)) => return Ok(Preview::Accepted),
            Err(failure) => return Err(failure),
        }
        let Some(chosen) = self.chosen_reducer(topic)? else {
            return Ok(Preview::Accepted);
        };
        let event = self.as_it_would_be(topic, event)?;
        let mut folding = self.take_folding()?;
        let find = || self.home.module(&chosen.hash);
        let preview = match folding.reducers.get(&chosen.hash, find) {
            Ok(reducer) => match self.orders.get(topic) {
                Some(order) => folding
                    .views
                    .preview(order, reducer, &event)
                    .map_err(views_failure),
                None => Err(Failure::NoTopic(*topic)),
            },
            Err(failure) => Err(failure),
        };
        self.folding = Some(folding);
        preview
    }

    /// An event as the reducer would be given it.
    fn as_it_would_be(&mut self, topic: &TopicId, event: &Event) -> Result<FoldEvent, Failure> {
        let bytes = self.payload(event)?;
        let payload = Payload::split(&bytes).map_err(Failure::refused("the event"))?;
        let (author, entity) = (self.device(), self.entity());
        let seq = self.own_tip(topic)?.map_or(0, |tip| tip.seq + 1);
        let order = self.order(topic)?;
        let sequences =
            matches!(order.state(), ChainState::Open { sequencer } if sequencer == author);
        let policy = order.policy();
        let role = policy
            .role(&entity)
            .unwrap_or(if sequences { "owner" } else { "" });
        Ok(FoldEvent {
            // it has no id before it is signed; any that nothing else has will do
            id: EntryId(*blake3::hash(&bytes).as_bytes()),
            author,
            entity,
            seq,
            hlc: now_ms() << 16,
            sequenced: sequences && !order.is_causal(),
            role: role.to_owned(),
            kind: payload.kind.to_owned(),
            body: payload.body.to_vec(),
            erasable_hash: payload.erasable.map(|part| part.hash()),
            facts: checked_facts(&payload).map_err(Failure::refused("the evidence"))?,
        })
    }

    /// Writes an event, unless the kernel or the app's rules would reject it and
    /// `force` does not say to write it all the same.
    pub fn write_checked(
        &mut self,
        topic: &TopicId,
        event: &Event,
        force: bool,
    ) -> Result<WrittenEvent, Failure> {
        let payload = self.payload(event)?;
        let mut rejected = None;
        if self.preview(topic, &payload)? == Verdict::Accepted {
            match self.rehearse(topic, event) {
                Ok(Preview::Accepted) => {}
                Ok(Preview::Rejected { code, met, .. }) if !force => {
                    return Err(Failure::AgainstRules { code, met });
                }
                Ok(Preview::Rejected { code, .. }) => rejected = Some(code),
                Err(failure @ (Failure::Halted(_) | Failure::BadReducer { .. })) if !force => {
                    return Err(failure);
                }
                Err(Failure::Halted(_) | Failure::BadReducer { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        let id = self.append(topic, &payload, now_ms(), force)?;
        let status = self.order(topic)?.status(&id);
        Ok(WrittenEvent {
            topic: *topic,
            id,
            status,
            rejected,
        })
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
