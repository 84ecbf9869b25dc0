//! Watches: what changed since a cursor, so that nothing is missed or told twice.

use std::collections::BTreeMap;

use synlog_log::ids::TopicId;
use synlog_log::wire::{Reader, Writer};

use crate::driver::{Views, guarded};
use crate::error::ViewsError;
use crate::query::{RowView, Shown, view};
use crate::store::Position;
use crate::store::keys;
use crate::store::record::ChangeRecord;

/// Up to where a watcher has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    position: Position,
}

impl Cursor {
    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.position.epoch.to_vec();
        out.extend_from_slice(&self.position.tag);
        out.put_varint(self.position.version);
        out
    }

    /// Reads the encoding; `None` where it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let position = Position {
            epoch: reader.array().ok()?,
            tag: reader.array().ok()?,
            version: reader.varint().ok()?,
        };
        reader.end().ok()?;
        Some(Self { position })
    }
}

/// What a watcher wants to know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchFilter {
    /// The app.
    pub app: String,
    /// Its major version.
    pub major: u16,
    /// Only of this table.
    pub table: Option<String>,
    /// Only of this topic.
    pub topic: Option<TopicId>,
    /// Only aggregates whose key begins so.
    pub prefix: String,
}

/// An aggregate that changed, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRows {
    /// Its topic.
    pub topic: TopicId,
    /// Its key.
    pub key: String,
    /// All its rows that the watcher wants; none: they are gone.
    pub rows: Vec<RowView>,
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// What it knows is not the past of what is here. It has to query everything, and
    /// to go on from the cursor.
    Reset(Cursor),
    /// What changed, each aggregate once, as it is now.
    Since(Vec<ChangedRows>, Cursor),
}

impl Views {
    /// The cursor of now.
    pub fn cursor(&self) -> Cursor {
        let position = self.store.position();
        Cursor { position }
    }

    /// What changed since a cursor; without one `Reset`. Takes in whole commits until
    /// `limit` aggregates are gathered, and goes on from there the next time. An
    /// aggregate that changed several times is told once, as it is now.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn watch(
        &self,
        cursor: Option<&Cursor>,
        filter: &WatchFilter,
        limit: usize,
    ) -> Result<Changes, ViewsError> {
        guarded(|| {
            let now = self.cursor();
            let Some(since) = cursor.map(|cursor| cursor.position) else {
                return Ok(Changes::Reset(now));
            };
            if !self.is_past(&since)? {
                return Ok(Changes::Reset(now));
            }
            let mut at = since;
            let mut gathered: BTreeMap<(TopicId, String), ()> = BTreeMap::new();
            while at.version < now.position.version && gathered.len() < limit.max(1) {
                let found = self.store.get(&keys::change(at.version + 1))?;
                let Some((_, payload)) = found else {
                    return Ok(Changes::Reset(now));
                };
                let (tag, record) = ChangeRecord::decode(&payload)?;
                if record
                    .topics
                    .iter()
                    .any(|topic| self.concerns(filter, topic))
                {
                    return Ok(Changes::Reset(now));
                }
                for (topic, key, tables) in record.aggregates {
                    if key.starts_with(&filter.prefix) && self.wants(filter, &topic, tables) {
                        gathered.insert((topic, key), ());
                    }
                }
                at.version += 1;
                at.tag = tag;
            }
            let rows = gathered
                .into_keys()
                .map(|(topic, key)| self.changed_rows(filter, topic, key))
                .collect::<Result<_, _>>()?;
            Ok(Changes::Since(rows, Cursor { position: at }))
        })
    }

    /// Whether a position is one that this store has been at.
    fn is_past(&self, position: &Position) -> Result<bool, ViewsError> {
        let now = self.store.position();
        if position.epoch != now.epoch || position.version > now.version {
            return Ok(false);
        }
        if position.version == now.version {
            return Ok(position.tag == now.tag);
        }
        match self.store.get(&keys::change(position.version))? {
            Some((_, payload)) => Ok(ChangeRecord::decode(&payload)?.0 == position.tag),
            // the first commit begins the store and changes nothing
            None => Ok(position.version == 1 && position.tag == [0; 8]),
        }
    }

    /// Whether all of a topic concerns a watcher. One that is gone may have.
    fn concerns(&self, filter: &WatchFilter, topic: &TopicId) -> bool {
        filter.topic.is_none_or(|wanted| wanted == *topic)
            && self.topics.get(topic).is_none_or(|state| {
                state.record.app == filter.app && state.record.major == filter.major
            })
    }

    fn wants(&self, filter: &WatchFilter, topic: &TopicId, tables: u64) -> bool {
        let Some(state) = self.topics.get(topic) else {
            return false;
        };
        let record = &state.record;
        filter.topic.is_none_or(|wanted| wanted == *topic)
            && (&record.app, record.major) == (&filter.app, filter.major)
            && match &filter.table {
                None => tables != 0,
                Some(name) => record
                    .table(name)
                    .is_some_and(|(number, _)| tables >> number & 1 == 1),
            }
    }

    fn changed_rows(
        &self,
        filter: &WatchFilter,
        topic: TopicId,
        key: String,
    ) -> Result<ChangedRows, ViewsError> {
        let mut rows = Vec::new();
        let shown = self.shown(&topic, &key, Shown::All)?;
        if let (Some((aggregate, tentative)), Some(state)) = (shown, self.topics.get(&topic)) {
            for row in aggregate.showing.rows() {
                let table = state.record.tables.get(row.table);
                let wanted = |table: &str| filter.table.as_ref().is_none_or(|it| it == table);
                if let Some(table) = table.filter(|table| wanted(&table.name)) {
                    rows.push(view(&topic, &key, &aggregate, tentative, row, table)?);
                }
            }
        }
        Ok(ChangedRows { topic, key, rows })
    }
}
