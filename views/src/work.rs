//! One update of a topic at work: what is folded gathers in memory and goes to the store
//! in one batch.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use synlog_log::cbor::Value;
use synlog_log::fold::{BAD_OUTPUT, Halt, KEY_MAX, ROWS_BYTES_MAX, ROWS_MAX, Reducer};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::TopicOrder;

use crate::body;
use crate::driver::{Progress, TopicState, Update};
use crate::error::{SourceError, ViewsError};
use crate::folding::{Slot, Slots};
use crate::source::{EventSource, Events, FoldLine};
use crate::store::keys::{self, Layer};
use crate::store::record::{Aggregate, ChangeRecord, Rejection, Showing, StoredRow, TableInfo};
use crate::store::record::{TopicRecord, columns};
use crate::store::{Batch, Mark, Options, Store};

/// Aggregates whose rows are asked for in one call.
const PROJECT_MAX: usize = 1_024;
/// Aggregates that one commit names to watchers. Beyond, it says that the topic changed.
pub(crate) const CHANGES_MAX: usize = 4_096;

/// Whether an update goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// All that could be folded is.
    Done,
    /// The caller stopped it; what was folded is kept.
    Stopped,
}

/// An update of one topic.
pub(crate) struct Work<'a> {
    pub store: &'a mut Store,
    pub options: &'a Options,
    pub order: &'a TopicOrder,
    pub source: &'a mut dyn EventSource,
    pub reducer: &'a mut dyn Reducer,
    pub progress: &'a mut dyn FnMut(&Progress) -> bool,
    pub state: &'a mut TopicState,
    pub topic: TopicId,
    /// The record as it will be after the next commit.
    pub record: TopicRecord,
    pub update: Update,
    /// Aggregates of the base layer.
    pub slots: Slots,
    pub batch: Batch,
    /// Keys that the batch changes, with the tables they had or have rows in.
    pub changes: BTreeMap<String, u64>,
    /// Keys whose sequenced state was touched since the overlay was last made.
    pub moved: HashSet<String>,
}

impl Work<'_> {
    /// The events of some lines.
    pub(crate) fn load(&mut self, lines: &[FoldLine]) -> Result<Events, ViewsError> {
        let mut out = Events::default();
        if !lines.is_empty() {
            self.source.load(&self.topic, lines, &mut out)?;
        }
        if out.len() != lines.len() {
            return Err(SourceError("another number of events than asked for".into()).into());
        }
        Ok(out)
    }

    /// An aggregate's slot in the base layer.
    pub(crate) fn base_slot(&mut self, key: &str) -> Result<usize, ViewsError> {
        if let Some(slot) = self.slots.find(key) {
            return Ok(slot);
        }
        let (now, stored, mark) = self.stored(Layer::Base, key)?;
        Ok(self.slots.add(key, now, stored, mark))
    }

    /// An aggregate as it is stored: to go on from, and without its state to compare with.
    pub(crate) fn stored(
        &self,
        layer: Layer,
        key: &str,
    ) -> Result<(Aggregate, Option<Aggregate>, Mark), ViewsError> {
        let found = self.store.get(&keys::aggregate(layer, &self.topic, key))?;
        let Some((mark, bytes)) = found else {
            return Ok((Aggregate::default(), None, Mark::NONE));
        };
        let mut stored = Aggregate::decode(&bytes)?;
        let state = stored.state.take();
        let showing = stored.showing.clone();
        let now = Aggregate {
            state,
            showing,
            ..stored
        };
        Ok((now, Some(stored), mark))
    }

    /// The sequenced state of an aggregate, with what this update did to it.
    pub(crate) fn base(&self, key: &str) -> Result<Aggregate, ViewsError> {
        match self.slots.get(key) {
            Some(slot) => Ok(slot.now.clone()),
            None => Ok(self.stored(Layer::Base, key)?.0),
        }
    }

    /// Whether so much has gathered that it should be committed.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.bytes + self.batch.bytes > self.options.commit_bytes
    }

    /// Tells the caller how far it is. `false`: stop.
    pub(crate) fn report(&mut self, of: usize) -> bool {
        (self.progress)(&Progress {
            lines: self.record.lines,
            of: of as u64,
            folded: self.update.folded,
        })
    }

    /// Notes a rejection in the sequence.
    pub(crate) fn reject(&mut self, layer: Layer, place: &[u8], old: Mark, rejection: &Rejection) {
        let key = keys::rejection(layer, &self.topic, place);
        self.batch.put(&key, &rejection.encode(), old);
        self.update.rejected += 1;
    }

    /// Puts all that was folded in the base layer into the batch.
    pub(crate) fn write_base(&mut self) -> Result<(), ViewsError> {
        let mut slots = std::mem::take(&mut self.slots);
        let keep = self.state.overlay.is_some();
        let mut touched: Vec<&mut Slot> = slots.list.iter_mut().filter(|it| it.touched).collect();
        let room = self.options.written_max;
        project(&self.topic, self.reducer, &mut touched, room)?;
        for slot in touched {
            if keep {
                self.moved.insert(slot.key.clone());
            }
            let changed = slot.changed();
            let old = slot.stored.take();
            let (mark, now) = (slot.mark, &mut slot.now);
            if now.count > 0 {
                self.record.aggregates += u64::from(old.is_none());
                self.write(Layer::Base, &slot.key, (old.as_ref(), mark), now, changed);
            } else if let Some(old) = old {
                self.record.aggregates -= 1;
                self.erase(Layer::Base, &slot.key, &old.showing, mark);
            }
        }
        Ok(())
    }

    /// Puts an aggregate into the batch, with its index entries and for watchers.
    pub(crate) fn write(
        &mut self,
        layer: Layer,
        key: &str,
        (old, mark): (Option<&Aggregate>, Mark),
        now: &mut Aggregate,
        changed: bool,
    ) {
        let none = Showing::default();
        let before = old.map_or(&none, |old| &old.showing);
        if changed {
            now.version = self.store.next_version();
            self.note(key, before.tables() | now.showing.tables());
            self.update_indexes(layer, key, before, &now.showing);
        }
        let stored = keys::aggregate(layer, &self.topic, key);
        self.batch.put(&stored, &now.encode(), mark);
    }

    /// Removes an aggregate.
    pub(crate) fn erase(&mut self, layer: Layer, key: &str, old: &Showing, mark: Mark) {
        self.note(key, old.tables());
        self.update_indexes(layer, key, old, &Showing::default());
        let stored = keys::aggregate(layer, &self.topic, key);
        self.batch.remove(&stored, mark);
    }

    /// Notes for watchers that an aggregate changed.
    pub(crate) fn note(&mut self, key: &str, tables: u64) {
        match self.changes.get_mut(key) {
            Some(mask) => *mask |= tables,
            None => {
                self.changes.insert(key.to_owned(), tables);
            }
        }
    }

    /// Brings index entries from what was shown to what is shown.
    fn update_indexes(&mut self, layer: Layer, key: &str, old: &Showing, new: &Showing) {
        index_changes(
            &mut self.batch,
            &self.record.tables,
            (layer, &self.topic, key),
            old.rows(),
            new.rows(),
        );
    }

    /// Commits the batch with the topic's record.
    pub(crate) fn commit(&mut self) -> Result<(), ViewsError> {
        let mut changes = ChangeRecord::default();
        let gathered = std::mem::take(&mut self.changes);
        if gathered.len() > CHANGES_MAX {
            changes.topics.push(self.topic);
        } else {
            let named = gathered.into_iter();
            changes.aggregates = named.map(|(key, mask)| (self.topic, key, mask)).collect();
        }
        self.update.changed += changes.aggregates.len() as u64;
        let mut batch = std::mem::take(&mut self.batch);
        self.store.has_room(batch.bytes, self.options.written_max)?;
        let key = keys::topic(&self.topic);
        if batch.keys > self.options.pack_values && self.state.mark == Mark::NONE {
            // While it is marked so, what a crash leaves of it is removed on the next update.
            let marked = TopicRecord {
                clearing: true,
                ..self.record.clone()
            };
            let mut mark = Batch::default();
            mark.put(&key, &marked.encode(), self.state.mark);
            self.store.write_in_parts(mark)?;
            self.store.pack(&self.topic, std::mem::take(&mut batch))?;
            self.state.mark = self.mark_of(&key)?;
        }
        let payload = self.record.encode();
        batch.put(&key, &payload, self.state.mark);
        commit(self.store, self.options, batch, &changes)?;
        self.state.mark = self.store.get(&key)?.map_or(Mark::NONE, |(mark, _)| mark);
        self.state.record = self.record.clone();
        Ok(())
    }
}

impl Work<'_> {
    fn mark_of(&self, key: &[u8]) -> Result<Mark, ViewsError> {
        let found = self.store.get(key)?;
        Ok(found.map_or(Mark::NONE, |(mark, _)| mark))
    }
}

/// Commits a batch with what it says to watchers; drops what is too old for them.
pub(crate) fn commit(
    store: &mut Store,
    options: &Options,
    mut batch: Batch,
    changes: &ChangeRecord,
) -> Result<(), ViewsError> {
    let version = store.next_version();
    let mut payload = changes.encode();
    let tag = store.next_tag(&payload);
    payload.splice(..0, tag);
    batch.put(&keys::change(version), &payload, Mark::NONE);
    if let Some(old) = version.checked_sub(options.changes_kept.max(1)) {
        let key = keys::change(old);
        if let Some((mark, _)) = store.get(&key)? {
            batch.remove(&key, mark);
        }
    }
    store.commit(batch, tag)
}

/// Asks the reducer for the rows of aggregates whose state changed. Fails where they
/// take more than `room` bytes.
pub(crate) fn project(
    topic: &TopicId,
    reducer: &mut dyn Reducer,
    slots: &mut [&mut Slot],
    room: u64,
) -> Result<(), ViewsError> {
    let mut bytes = 0;
    let mut changed: Vec<&mut &mut Slot> = slots.iter_mut().filter(|slot| slot.changed()).collect();
    let tables = reducer.manifest().tables.len();
    for chunk in changed.chunks_mut(PROJECT_MAX) {
        let inputs: Vec<(&str, &[u8])> = chunk
            .iter()
            .filter_map(|slot| Some((&slot.key[..], slot.now.state.as_deref()?)))
            .collect();
        let mut results = match inputs.is_empty() {
            true => Vec::new(),
            false => reducer.project(topic, &inputs)?,
        }
        .into_iter();
        for slot in chunk.iter_mut() {
            slot.now.showing = match &slot.now.state {
                None => Showing::default(),
                Some(_) => match results.next() {
                    None => return Err(Halt::Host("too few results of a projection".into()).into()),
                    Some(Err(code)) => Showing::Code(code),
                    Some(Ok(rows)) => shown(rows, tables),
                },
            };
            let rows = slot.now.showing.rows().iter();
            bytes += rows.map(|row| row.columns.len() as u64).sum::<u64>();
            if bytes > room {
                return Err(ViewsError::OverBudget(room));
            }
        }
    }
    Ok(())
}

fn shown(rows: Vec<synlog_log::fold::Row>, tables: usize) -> Showing {
    let mut stored: Vec<StoredRow> = rows
        .into_iter()
        .map(|row| StoredRow {
            table: row.table,
            sub: row.sub,
            columns: row.columns.encode(),
        })
        .collect();
    stored.sort_by(|a, b| (a.table, &a.sub).cmp(&(b.table, &b.sub)));
    let twice = |pair: &[StoredRow]| (pair[0].table, &pair[0].sub) == (pair[1].table, &pair[1].sub);
    let bytes: usize = stored.iter().map(|row| row.columns.len()).sum();
    let wrong = stored.len() > ROWS_MAX
        || bytes > ROWS_BYTES_MAX
        || stored.windows(2).any(twice)
        || stored
            .iter()
            .any(|row| row.table >= tables || row.sub.len() > KEY_MAX);
    match wrong {
        true => Showing::Code(BAD_OUTPUT.to_owned()),
        false => Showing::Rows(stored),
    }
}

/// Index entries of an aggregate: those that go and those that come.
fn index_changes(
    batch: &mut Batch,
    tables: &[TableInfo],
    place: (Layer, &TopicId, &str),
    old: &[StoredRow],
    new: &[StoredRow],
) {
    let same = |row: &StoredRow, others: &[StoredRow]| others.iter().any(|other| other == row);
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for row in old.iter().filter(|row| !same(row, new)) {
        entries(tables, place, row, &mut gone);
    }
    for row in new.iter().filter(|row| !same(row, old)) {
        entries(tables, place, row, &mut come);
    }
    for entry in gone.iter().filter(|entry| !come.contains(entry)) {
        batch.remove_known(&entry.0, &entry.1);
    }
    for entry in come.iter().filter(|entry| !gone.contains(entry)) {
        batch.put(&entry.0, &entry.1, Mark::NONE);
    }
}

/// Keys of the index entries of an aggregate's rows, each once.
pub(crate) fn index_entries(
    tables: &[TableInfo],
    place: (Layer, &TopicId, &str),
    rows: &[StoredRow],
) -> BTreeSet<Vec<u8>> {
    let mut found = Vec::new();
    for row in rows {
        entries(tables, place, row, &mut found);
    }
    found.into_iter().map(|(key, _)| key).collect()
}

/// The index entries of a row: key, and where in the key the columns end.
fn entries(
    tables: &[TableInfo],
    (layer, topic, key): (Layer, &TopicId, &str),
    row: &StoredRow,
    out: &mut Vec<(Vec<u8>, [u8; 4])>,
) {
    let Some(table) = tables.get(row.table).filter(|it| !it.indexes.is_empty()) else {
        return;
    };
    for index in &table.indexes {
        let values: Vec<Value> = index.columns.iter().map(|it| column(row, it)).collect();
        for place in keys::places_of(values.iter()) {
            let mut entry = keys::index(&index.space);
            entry.extend_from_slice(&place);
            let end = (entry.len() as u32).to_le_bytes();
            entry.extend_from_slice(&topic.0);
            keys::put_key(&mut entry, key);
            entry.extend_from_slice(row.sub.as_bytes());
            entry.push(layer as u8);
            out.push((entry, end));
        }
    }
}

/// The value of a column of a row, null where it has none. Other columns aren't decoded.
fn column(row: &StoredRow, name: &str) -> Value {
    let value = match body::item_in(&row.columns, name) {
        Some(item) => item.and_then(|item| Value::decode(item).ok()),
        None => columns(row).ok().and_then(|all| all.get(name).cloned()),
    };
    value.unwrap_or(Value::Null)
}

/// The hash over folded lines, with one more.
pub(crate) fn next_line(hash: &[u8; 32], id: &EntryId, role: &str) -> [u8; 32] {
    crate::hashing::Purpose::Lines.hash(&[hash, &id.0, role.as_bytes()])
}

/// An accepted line and the role of its entity.
pub(crate) type WithRole = (EntryId, Arc<str>);

/// The hash over such lines, from the first on.
pub(crate) fn hash_lines(lines: &[WithRole]) -> [u8; 32] {
    let next = |hash, (id, role): &WithRole| next_line(&hash, id, role);
    lines.iter().fold([0; 32], next)
}
