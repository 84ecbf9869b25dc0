//! Entries as events for a reducer (`spec/10-reducer.md` 10.3), read from the store
//! or from the runs of a bundle.

use std::collections::{BTreeMap, HashMap};

use synlog_log::attestation::checked_facts;
use synlog_log::disk::RealDisk;
use synlog_log::fold::{event_of, fields};
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::order::TopicOrder;
use synlog_log::run::{EntryView, RunView};
use synlog_log::store::Store;
use synlog_log::wire::Writer;
use synlog_views::{EventSource, Events, FoldLine, SourceError};

use crate::ledger::read;
use crate::privacy::opening::opened_part;

/// Bytes of runs that are kept decoded: a rebuild goes through feeds side by side.
const KEPT_BYTES: usize = 96 * 1024 * 1024;

/// An event, encoded without what its place in the order decides.
struct Prepared {
    id: EntryId,
    /// As [`FoldEvent::encode`] gives it for an event with an empty role that is not sequenced.
    bytes: Vec<u8>,
    /// Where in it the flags stand; the role comes right after.
    flags_at: usize,
}

/// The bit of the flags that says that the sequencer has placed an event.
const SEQUENCED: u8 = 1;
/// The bit of the flags that says that there is an erasable part.
const ERASABLE: u8 = 2;

impl Prepared {
    /// The event of an entry, written without steps in between: a rebuild does it for each.
    fn of(
        run: &RunView<'_>,
        entry: &EntryView<'_>,
        opened: Option<&[u8]>,
        entity: EntityId,
    ) -> Option<Self> {
        let (payload, erasable_hash) = fields(entry, opened)?;
        let facts = checked_facts(&payload).ok()?;
        let mut bytes = Vec::with_capacity(160 + payload.body.len());
        bytes.extend_from_slice(&entry.id.0);
        bytes.extend_from_slice(&run.feed.author.0);
        bytes.extend_from_slice(&entity.0);
        bytes.put_varint(entry.seq);
        bytes.put_varint(entry.hlc);
        let flags_at = bytes.len();
        if !facts.is_empty() {
            let event = event_of(run, entry, opened, entity, false, "")?;
            return Some(Self {
                id: entry.id,
                bytes: event.encode(),
                flags_at,
            });
        }
        bytes.push(erasable_hash.map_or(0, |_| ERASABLE));
        bytes.put_bytes(&[]);
        bytes.put_bytes(payload.kind.as_bytes());
        bytes.put_bytes(payload.body);
        if let Some(hash) = &erasable_hash {
            bytes.extend_from_slice(hash);
        }
        bytes.put_varint(0);
        Some(Self {
            id: entry.id,
            bytes,
            flags_at,
        })
    }

    /// Writes the encoded event at its place.
    fn write_at(&self, line: &FoldLine, out: &mut Vec<u8>) {
        let (head, rest) = self.bytes.split_at(self.flags_at);
        let flags = rest[0] | if line.sequenced { SEQUENCED } else { 0 };
        out.extend_from_slice(head);
        out.push(flags);
        out.put_bytes(line.role.as_bytes());
        // an empty role takes one byte
        out.extend_from_slice(&rest[2..]);
    }
}

fn give(event: Option<&Prepared>, line: &FoldLine, out: &mut Events) {
    match event {
        Some(event) => out.push(|bytes| event.write_at(line, bytes)),
        None => out.push_missing(),
    }
}

/// Runs that were decoded for a fold, by the position of their first entry.
#[derive(Default)]
pub struct DecodedRuns {
    runs: BTreeMap<u64, Vec<Option<Prepared>>>,
    bytes: usize,
    /// What comes after the event that was asked for last: first position of its run,
    /// and index there. Mostly that is asked for next.
    next: (u64, usize),
}

/// Events of a topic from the store.
pub struct StoreSource<'a> {
    /// Where entries are.
    pub store: &'a Store<RealDisk>,
    /// Who their authors belong to.
    pub order: &'a TopicOrder,
    /// What was decoded before.
    pub decoded: &'a mut DecodedRuns,
}

impl StoreSource<'_> {
    fn find(&mut self, id: &EntryId) -> Result<Option<&Prepared>, SourceError> {
        let (run, index) = self.decoded.next;
        let is_next = self
            .decoded
            .runs
            .get(&run)
            .and_then(|events| events.get(index)?.as_ref())
            .is_some_and(|event| event.id == *id);
        if is_next {
            self.decoded.next.1 += 1;
            let events = self.decoded.runs.get(&run);
            return Ok(events.and_then(|events| events.get(index)?.as_ref()));
        }
        let wrong = |error: synlog_log::store::StoreError| SourceError(error.to_string());
        let Some(position) = self.store.locate(id).map_err(wrong)? else {
            return Ok(None);
        };
        let before = self.decoded.runs.range(..=position).next_back();
        let known = before
            .filter(|(first, events)| position - **first < events.len() as u64)
            .map(|(first, _)| *first);
        // a key that came later opens what was closed when its run was decoded
        let known = known.filter(|first| {
            let events = &self.decoded.runs[first];
            events[(position - first) as usize].is_some() || self.order.opened_with(id).is_none()
        });
        let first = match known {
            Some(first) => first,
            None => match self.decode(position).map_err(wrong)? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        let index = (position - first) as usize;
        self.decoded.next = (first, index + 1);
        let events = self.decoded.runs.get(&first);
        let event = events.and_then(|events| events.get(index)?.as_ref());
        Ok(event.filter(|event| event.id == *id))
    }

    fn decode(&mut self, position: u64) -> Result<Option<u64>, synlog_log::store::StoreError> {
        let Some(record) = read(self.store, position)? else {
            return Ok(None);
        };
        let Ok(run) = RunView::decode(&record.bytes) else {
            return Ok(None);
        };
        if self.decoded.bytes > KEPT_BYTES {
            self.decoded.runs.clear();
            self.decoded.bytes = 0;
        }
        self.decoded.bytes += record.bytes.len();
        let events = events_of(&run, self.order);
        self.decoded.runs.insert(record.first_position, events);
        Ok(Some(record.first_position))
    }
}

fn events_of(run: &RunView<'_>, order: &TopicOrder) -> Vec<Option<Prepared>> {
    // one branch has one certificate
    let entity = run
        .entries
        .first()
        .and_then(|first| order.entity_of(&first.id));
    let event = |entry: &EntryView<'_>| {
        if !order.is_sealed(&entry.id) {
            return Prepared::of(run, entry, None, entity?);
        }
        let part = opened_part(order, run, entry)?;
        Prepared::of(run, entry, Some(&part), entity?)
    };
    run.entries.iter().map(event).collect()
}

impl EventSource for StoreSource<'_> {
    fn load(
        &mut self,
        _topic: &TopicId,
        lines: &[FoldLine],
        out: &mut Events,
    ) -> Result<(), SourceError> {
        for line in lines {
            give(self.find(&line.id)?, line, out);
        }
        Ok(())
    }
}

/// Events of a topic that are all in memory, as those of a bundle.
#[derive(Default)]
pub struct MemorySource {
    events: HashMap<EntryId, Prepared>,
}

impl MemorySource {
    /// Adds the entries of a run that an order holds.
    pub fn add(&mut self, run: &RunView<'_>, order: &TopicOrder) {
        let events = events_of(run, order).into_iter().flatten();
        self.events.extend(events.map(|event| (event.id, event)));
    }
}

impl EventSource for MemorySource {
    fn load(
        &mut self,
        _topic: &TopicId,
        lines: &[FoldLine],
        out: &mut Events,
    ) -> Result<(), SourceError> {
        for line in lines {
            give(self.events.get(&line.id), line, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use synlog_log::cbor::Value;
    use synlog_log::scenario::{Person, World, genesis};
    use synlog_log::topic::Mode;

    #[test]
    fn prepared_events_are_as_encoded_ones() {
        let owner = Person::new(1, 1);
        let mut world = World::new(&owner, 0, &genesis(Mode::Ordered, &[]));
        let mut last = world.genesis();
        for seq in 1..200 {
            let body = Value::map([("n", Value::Int(seq)), ("note", Value::Text("x".into()))]);
            last = world.write(&owner, 0, Some(last), &[], "note.put", body);
        }
        let entity = owner.id();
        for written in &world.written {
            let run = RunView::decode(&written.run).unwrap();
            for entry in &run.entries {
                let prepared = Prepared::of(&run, entry, None, entity).unwrap();
                for (sequenced, role) in [(false, ""), (true, "member"), (false, "owner")] {
                    let line = FoldLine {
                        id: entry.id,
                        sequenced,
                        role: role.into(),
                    };
                    let mut bytes = Vec::new();
                    prepared.write_at(&line, &mut bytes);
                    let event = event_of(&run, entry, None, entity, sequenced, role).unwrap();
                    assert_eq!(bytes, event.encode());
                }
            }
        }
    }
}
