//! A small host: bytes in and out through the calls of the interface, an event into all of
//! its aggregates or into none. What is rejected must leave every state as it was.

use std::collections::BTreeMap;

use synlog_log::fold::{
    Fact, FoldEvent, KEYS_MAX, ROWS_BYTES_MAX, ROWS_MAX, STATE_MAX, code_is_right,
};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId};
use synlog_log::wire::{Reader, Writer};
use synlog_reducer::cbor::Value;
use synlog_reducer::{App, Id, fold, project, route};

use crate::booking::Booking;
use crate::order::Order;
use crate::relation::Relation;
use crate::{RelationApp, State};

pub(super) const TOPIC: [u8; 32] = [9; 32];
pub(super) const SPACE: [u8; 32] = [8; 32];
/// Where the clock of a world begins: UTC ms.
pub(super) const NOW: i64 = 1_000_000;

/// Who writes, with which device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) role: &'static str,
    pub(super) entity: u8,
    pub(super) device: u8,
}

const fn who(role: &'static str, entity: u8, device: u8) -> Who {
    Who {
        role,
        entity,
        device,
    }
}

pub(super) const OWNER: Who = who("owner", 1, 101);
/// Another device of the provider.
pub(super) const PHONE: Who = who("owner", 1, 111);
pub(super) const CLIENT: Who = who("client", 2, 102);
/// Another device of the client.
pub(super) const TABLET: Who = who("client", 2, 112);
pub(super) const ARBITER: Who = who("arbiter", 3, 103);
pub(super) const DELIVERER: Who = who("deliverer", 4, 104);
pub(super) const STRANGER: Who = who("visitor", 5, 105);
pub(super) const OTHER_OWNER: Who = who("owner", 6, 106);
pub(super) const OTHER_CLIENT: Who = who("client", 7, 107);
pub(super) const OTHER_ARBITER: Who = who("arbiter", 8, 108);

/// What became of an event.
#[derive(Debug, Clone)]
pub(super) struct Written {
    event: Vec<u8>,
    keys: Vec<String>,
    /// The aggregate that rejected it.
    rejected_by: Option<String>,
}

impl Written {
    pub(super) fn accepted(&self) -> bool {
        self.rejected_by.is_none()
    }
}

/// A topic.
pub(super) struct World {
    /// The states as they are stored.
    pub(super) states: BTreeMap<String, Vec<u8>>,
    /// The clock of whoever writes next: UTC ms.
    pub(super) at_ms: i64,
    /// Evidence of the next event.
    pub(super) facts: Vec<Fact>,
    /// Whether the next event has an erasable part.
    pub(super) erasable: bool,
    /// All that was written.
    pub(super) log: Vec<Written>,
    heights: BTreeMap<u8, u64>,
    last: BTreeMap<String, Id>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            states: BTreeMap::new(),
            at_ms: NOW,
            facts: Vec::new(),
            erasable: false,
            log: Vec::new(),
            heights: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }
}

/// A row: its table, what tells it apart, its columns.
pub(super) type Row = (String, String, Value);

/// The id of the n-th entry.
pub(super) fn entry(number: usize) -> Id {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Id(id)
}

/// An entry that nobody wrote.
pub(super) const NOWHERE: Id = Id([0xaa; 32]);

impl World {
    /// Writes an event: the id of its entry, or the code of its rejection.
    pub(super) fn write(&mut self, who: Who, kind: &str, body: &Value) -> Result<Id, String> {
        self.raw(who, kind, &body.encode())
    }

    /// The same with a body of any bytes.
    pub(super) fn raw(&mut self, who: Who, kind: &str, body: &[u8]) -> Result<Id, String> {
        self.at_ms += 1;
        let id = entry(self.log.len());
        let seq = self.heights.entry(who.device).or_default();
        let event = FoldEvent {
            id: EntryId(id.0),
            author: DeviceId([who.device; 32]),
            entity: EntityId([who.entity; 32]),
            seq: *seq,
            hlc: (self.at_ms as u64) << 16,
            sequenced: true,
            role: who.role.to_owned(),
            kind: kind.to_owned(),
            body: body.to_vec(),
            erasable_hash: std::mem::take(&mut self.erasable).then_some([1; 32]),
            facts: std::mem::take(&mut self.facts),
        };
        *seq += 1;
        self.place(event.encode())?;
        self.last.insert(kind.to_owned(), id);
        Ok(id)
    }

    /// Places an event again that was written before.
    pub(super) fn again(&mut self, index: usize) -> Result<(), String> {
        self.place(self.log[index].event.clone())
    }

    fn place(&mut self, event: Vec<u8>) -> Result<(), String> {
        let result = self.apply(&event);
        let (keys, rejected_by) = match &result {
            Ok(keys) => (keys.clone(), None),
            // an empty key: no aggregate was asked
            Err((keys, key, _)) => (keys.clone(), Some(key.clone())),
        };
        self.log.push(Written {
            event,
            keys,
            rejected_by,
        });
        result.map(|_| ()).map_err(|(_, _, code)| code)
    }

    /// The keys, or with them the key that rejects the event and the code.
    #[allow(clippy::type_complexity, reason = "used in one place")]
    fn apply(&mut self, event: &[u8]) -> Result<Vec<String>, (Vec<String>, String, String)> {
        let keys = keys(event).map_err(|code| (Vec::new(), String::new(), code))?;
        let mut after = Vec::new();
        for key in &keys {
            let before = self.states.get(key);
            let (state, codes) = folded(key, before, &[event]);
            if let Some((_, code)) = codes.into_iter().next() {
                assert!(code_is_right(&code));
                assert_eq!(state.as_ref(), before, "{code} changed {key}");
                return Err((keys.clone(), key.clone(), code));
            }
            assert!(state.as_ref().is_none_or(|state| state.len() <= STATE_MAX));
            after.extend(state.map(|state| (key.clone(), state)));
        }
        self.states.extend(after);
        Ok(keys)
    }

    /// Folds all that was written again, in batches of `size` for each aggregate, and
    /// compares.
    pub(super) fn check_batches(&self, size: usize) {
        let mut keys: Vec<&String> = self.log.iter().flat_map(|one| &one.keys).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let met = |one: &&Written| {
                let other = one.rejected_by.as_ref().is_some_and(|by| by != key);
                one.keys.contains(key) && !other
            };
            let all: Vec<&Written> = self.log.iter().filter(met).collect();
            let mut state = None;
            for batch in all.chunks(size) {
                let events: Vec<&[u8]> = batch.iter().map(|one| &one.event[..]).collect();
                let (after, codes) = folded(key, state.as_ref(), &events);
                let rejected: Vec<usize> = codes.into_iter().map(|(index, _)| index).collect();
                let singly = batch.iter().enumerate();
                let singly = singly.filter(|(_, one)| one.rejected_by.is_some());
                let singly: Vec<usize> = singly.map(|(index, _)| index).collect();
                assert_eq!(rejected, singly, "{key}");
                state = after;
            }
            assert_eq!(state.as_ref(), self.states.get(key), "{key}");
        }
    }

    /// How many entries a device has written: what a receipt by it says.
    pub(super) fn height(&self, who: Who) -> u64 {
        self.heights.get(&who.device).copied().unwrap_or(0)
    }

    /// The last entry of a kind that was accepted.
    pub(super) fn last(&self, kind: &str) -> Id {
        self.last.get(kind).copied().unwrap_or(NOWHERE)
    }

    fn state(&self, key: &str) -> Option<State> {
        postcard::from_bytes(self.states.get(key)?).ok()
    }

    /// An order.
    pub(super) fn order_at(&self, id: Id) -> Option<Order> {
        match self.state(&format!("order/{}", id.hex())) {
            Some(State::Order(order)) => Some(*order),
            _ => None,
        }
    }

    /// The last order.
    pub(super) fn order(&self) -> Order {
        let order = self.order_at(self.last("order.request"));
        order.expect("an order")
    }

    /// A booking.
    pub(super) fn booking_at(&self, id: Id) -> Option<Booking> {
        match self.state(&format!("booking/{}", id.hex())) {
            Some(State::Booking(booking)) => Some(*booking),
            _ => None,
        }
    }

    /// The relation.
    pub(super) fn relation(&self) -> Relation {
        match self.state(crate::RELATION_KEY) {
            Some(State::Relation(relation)) => relation,
            _ => Relation::default(),
        }
    }

    /// All rows; each aggregate's are within the limits.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut all = Vec::new();
        for (key, state) in &self.states {
            all.extend(rows(key, state));
        }
        all
    }

    /// A column of the first row of a table.
    pub(super) fn column(&self, table: &str, column: &str) -> Value {
        let rows = self.rows();
        let row = rows.iter().find(|(name, _, _)| name == table);
        let (_, _, columns) = row.expect("a row");
        columns.get(column).expect("a column").clone()
    }

    /// Evidence: a proof of an entry that `who` signed.
    pub(super) fn prove(&mut self, who: Who, topic: [u8; 32], id: Id, kind: &str, body: &Value) {
        self.facts.push(Fact::Entry {
            id: EntryId(id.0),
            topic: TopicId(topic),
            device: DeviceId([who.device; 32]),
            entity: EntityId([who.entity; 32]),
            seq: self.height(who),
            hlc: (self.at_ms as u64) << 16,
            kind: kind.to_owned(),
            body: body.encode(),
        });
    }

    /// Evidence: a proof of an event that was written, as it was.
    pub(super) fn prove_written(&mut self, id: Id) {
        let event = self.written(id);
        self.facts.push(Fact::Entry {
            id: event.id,
            topic: TopicId(TOPIC),
            device: event.author,
            entity: event.entity,
            seq: event.seq,
            hlc: event.hlc,
            kind: event.kind,
            body: event.body,
        });
    }

    /// Evidence: a receipt of an event that was written, by a device that had written
    /// `height` entries.
    pub(super) fn receive(&mut self, who: Who, id: Id, height: u64, at_ms: i64) {
        let event = self.written(id);
        self.facts.push(Fact::Receipt {
            topic: TopicId(TOPIC),
            device: DeviceId([who.device; 32]),
            entity: EntityId([who.entity; 32]),
            entry: event.id,
            author: event.author,
            seq: event.seq,
            height,
            at_ms: at_ms as u64,
        });
    }

    /// Evidence: the right to review `subject`.
    pub(super) fn grant(&mut self, subject: Who, holder: Id, tag: [u8; 16]) {
        self.facts.push(Fact::Grant {
            subject: EntityId([subject.entity; 32]),
            device: DeviceId([subject.device; 32]),
            holder: holder.0,
            tag,
            month: 24_310,
        });
    }

    fn written(&self, id: Id) -> FoldEvent {
        let events = self.log.iter().map(|one| FoldEvent::decode(&one.event));
        let mut events = events.filter_map(Result::ok);
        let found = events.find(|event| event.id.0 == id.0);
        found.expect("an entry")
    }
}

/// The keys in the order in which a host asks them.
fn keys(event: &[u8]) -> Result<Vec<String>, String> {
    let mut input = TOPIC.to_vec();
    input.put_bytes(event);
    let output = route::<RelationApp>(&input).expect("a host's event");
    let mut reader = Reader::new(&output);
    if reader.byte().unwrap() == 1 {
        let code = reader.text(32).unwrap().to_owned();
        assert!(code_is_right(&code));
        return Err(code);
    }
    let count = reader.length(KEYS_MAX).unwrap();
    let mut keys: Vec<String> = (0..count)
        .map(|_| reader.text(128).unwrap().to_owned())
        .collect();
    keys.sort();
    assert!(!keys.is_empty());
    Ok(keys)
}

#[allow(clippy::type_complexity, reason = "used in this file")]
fn folded(
    key: &str,
    state: Option<&Vec<u8>>,
    events: &[&[u8]],
) -> (Option<Vec<u8>>, Vec<(usize, String)>) {
    let mut input = TOPIC.to_vec();
    input.put_bytes(key.as_bytes());
    match state {
        None => input.push(0),
        Some(state) => {
            input.push(1);
            input.put_bytes(state);
        }
    }
    input.put_varint(events.len() as u64);
    events.iter().for_each(|event| input.put_bytes(event));
    let output = fold::<RelationApp>(&input).expect("a host's input");
    let mut reader = Reader::new(&output);
    let state = match reader.byte().unwrap() {
        0 => None,
        _ => Some(reader.bytes(STATE_MAX).unwrap().to_vec()),
    };
    let count = reader.length(events.len()).unwrap();
    let codes = (0..count).map(|_| {
        let index = reader.varint().unwrap() as usize;
        (index, reader.text(32).unwrap().to_owned())
    });
    (state, codes.collect())
}

/// The rows of an aggregate.
pub(super) fn rows(key: &str, state: &[u8]) -> Vec<Row> {
    let mut input = TOPIC.to_vec();
    input.put_bytes(key.as_bytes());
    input.put_bytes(state);
    let output = project::<RelationApp>(&input).expect("a host's input");
    assert!(output.len() <= ROWS_BYTES_MAX);
    let mut reader = Reader::new(&output);
    let count = reader.length(ROWS_MAX).unwrap();
    let rows = (0..count).map(|_| {
        let table = reader.varint().unwrap() as usize;
        let sub = reader.text(128).unwrap().to_owned();
        let columns = reader.bytes(16_384).unwrap();
        let columns = Value::decode(columns).unwrap();
        (RelationApp::TABLES[table].to_owned(), sub, columns)
    });
    rows.collect()
}
