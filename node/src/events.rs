//! Entries as events for a reducer (`spec/10-reducer.md` 10.3), read from the store
//! or from the runs of a bundle.

use std::collections::{BTreeMap, HashMap};

use synlog_log::attestation::checked_facts;
use synlog_log::disk::RealDisk;
use synlog_log::fold::FoldEvent;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::order::TopicOrder;
use synlog_log::run::{EntryView, PayloadForm, RunView};
use synlog_log::store::Store;
use synlog_views::{EventSource, FoldLine, SourceError};

use crate::ledger::read;

/// The event of an entry; `None` where its payload does not decode, which order has
/// rejected already.
pub fn event_of(
    run: &RunView<'_>,
    entry: &EntryView<'_>,
    entity: EntityId,
    sequenced: bool,
    role: &str,
) -> Option<FoldEvent> {
    let payload = entry.payload.split().ok()?;
    let erasable_hash = match &entry.payload {
        PayloadForm::Whole(_) => payload.erasable.map(|part| part.hash()),
        PayloadForm::Erased { erasable_hash, .. } => Some(*erasable_hash),
    };
    Some(FoldEvent {
        id: entry.id,
        author: run.feed.author,
        entity,
        seq: entry.seq,
        hlc: entry.hlc,
        sequenced,
        role: role.to_owned(),
        kind: payload.kind.to_owned(),
        body: payload.body.to_vec(),
        erasable_hash,
        facts: checked_facts(&payload).ok()?,
    })
}

/// Bytes of runs that are kept decoded: a rebuild goes through feeds side by side.
const KEPT_BYTES: usize = 96 * 1024 * 1024;

/// Runs that were decoded for a fold, by the position of their first entry.
#[derive(Default)]
pub struct DecodedRuns {
    runs: BTreeMap<u64, Vec<Option<FoldEvent>>>,
    bytes: usize,
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
    fn find(&mut self, id: &EntryId) -> Result<Option<&mut FoldEvent>, SourceError> {
        let wrong = |error: synlog_log::store::StoreError| SourceError(error.to_string());
        let Some(position) = self.store.locate(id).map_err(wrong)? else {
            return Ok(None);
        };
        let before = self.decoded.runs.range(..=position).next_back();
        let known = before
            .filter(|(first, events)| position - **first < events.len() as u64)
            .map(|(first, _)| *first);
        let first = match known {
            Some(first) => first,
            None => match self.decode(position).map_err(wrong)? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        let events = self.decoded.runs.get_mut(&first);
        let event = events.and_then(|events| events.get_mut((position - first) as usize));
        Ok(event
            .and_then(Option::as_mut)
            .filter(|event| event.id == *id))
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

fn events_of(run: &RunView<'_>, order: &TopicOrder) -> Vec<Option<FoldEvent>> {
    // one branch has one certificate
    let entity = run
        .entries
        .first()
        .and_then(|first| order.entity_of(&first.id));
    let event = |entry| event_of(run, entry, entity?, false, "");
    run.entries.iter().map(event).collect()
}

impl EventSource for StoreSource<'_> {
    fn load(
        &mut self,
        _topic: &TopicId,
        lines: &[FoldLine],
        out: &mut Vec<Option<Vec<u8>>>,
    ) -> Result<(), SourceError> {
        for line in lines {
            out.push(self.find(&line.id)?.map(|event| encoded(event, line)));
        }
        Ok(())
    }
}

/// Events of a topic that are all in memory, as those of a bundle.
#[derive(Default)]
pub struct MemorySource {
    events: HashMap<EntryId, FoldEvent>,
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
        out: &mut Vec<Option<Vec<u8>>>,
    ) -> Result<(), SourceError> {
        for line in lines {
            let event = self.events.get_mut(&line.id);
            out.push(event.map(|event| encoded(event, line)));
        }
        Ok(())
    }
}

fn encoded(event: &mut FoldEvent, line: &FoldLine) -> Vec<u8> {
    event.sequenced = line.sequenced;
    event.role.clear();
    event.role.push_str(&line.role);
    event.encode()
}
