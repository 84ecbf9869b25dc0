//! A small host: routes an event, folds it into all of its aggregates or into none.

use std::collections::BTreeMap;

use synlog_log::fold::{FoldEvent, KEYS_MAX, ROWS_BYTES_MAX, ROWS_MAX, STATE_MAX};
use synlog_log::ids::{DeviceId, EntityId, EntryId};
use synlog_log::wire::{Reader, Writer};
use synlog_reducer::cbor::Value;
use synlog_reducer::{fold, project, route};

use crate::{Event, SpaceApp, State};

const TOPIC: [u8; 32] = [9; 32];
/// 2026-06-01 00:00 UTC, a Monday.
pub(super) const NOW: i64 = 1_780_272_000_000;
pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// Who writes: role and entity.
pub(super) type Who = (&'static str, u8);
pub(super) const OWNER: Who = ("owner", 1);
pub(super) const MANAGER: Who = ("manager", 2);
pub(super) const VISITOR: Who = ("visitor", 3);

/// A row: its table, what tells it apart, its columns.
pub(super) type Row = (usize, String, Value);

#[derive(Default)]
pub(super) struct Host {
    /// The states as they are stored.
    pub(super) states: BTreeMap<String, Vec<u8>>,
    written: u64,
}

/// The id of the n-th entry that was written, counted from 1.
pub(super) fn entry(number: u64) -> [u8; 32] {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

pub(super) fn entity(number: u8) -> [u8; 32] {
    [number; 32]
}

fn encoded(kind: &str, body: &[u8], who: Who, at_ms: i64, number: u64) -> Vec<u8> {
    FoldEvent {
        id: EntryId(entry(number)),
        author: DeviceId([who.1 + 100; 32]),
        entity: EntityId(entity(who.1)),
        seq: number,
        hlc: (at_ms as u64) << 16,
        sequenced: true,
        role: who.0.to_owned(),
        kind: kind.to_owned(),
        body: body.to_vec(),
        erasable_hash: None,
        facts: vec![],
    }
    .encode()
}

impl Host {
    /// Writes an event at an instant: the id of its entry, or the code of its rejection.
    pub(super) fn at(
        &mut self,
        at_ms: i64,
        who: Who,
        kind: &str,
        body: &Value,
    ) -> Result<[u8; 32], String> {
        self.raw(at_ms, who, kind, &body.encode())
    }

    /// The same at [`NOW`].
    pub(super) fn write(&mut self, who: Who, kind: &str, body: &Value) -> Result<[u8; 32], String> {
        self.at(NOW, who, kind, body)
    }

    /// The same with a body of any bytes.
    pub(super) fn raw(
        &mut self,
        at_ms: i64,
        who: Who,
        kind: &str,
        body: &[u8],
    ) -> Result<[u8; 32], String> {
        self.written += 1;
        let event = encoded(kind, body, who, at_ms, self.written);
        let mut after = Vec::new();
        for key in keys(&event)? {
            let (state, rejection) = folded(&key, self.states.get(&key), &event);
            if let Some(code) = rejection {
                assert_eq!(
                    state.as_ref(),
                    self.states.get(&key),
                    "{code} changed {key}"
                );
                return Err(code);
            }
            assert!(state.as_ref().is_none_or(|state| state.len() <= STATE_MAX));
            after.push((key, state));
        }
        for (key, state) in after {
            match state {
                Some(state) => self.states.insert(key, state),
                None => self.states.remove(&key),
            };
        }
        Ok(entry(self.written))
    }

    /// An aggregate.
    pub(super) fn state(&self, key: &str) -> Option<State> {
        postcard::from_bytes(self.states.get(key)?).ok()
    }

    /// All rows; each aggregate's are within the limits.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut all = Vec::new();
        for (key, state) in &self.states {
            let mut input = TOPIC.to_vec();
            input.put_bytes(key.as_bytes());
            input.put_bytes(state);
            let output = project::<SpaceApp>(&input).unwrap();
            assert!(output.len() <= ROWS_BYTES_MAX);
            let mut reader = Reader::new(&output);
            for _ in 0..reader.length(ROWS_MAX).unwrap() {
                let table = reader.varint().unwrap() as usize;
                let sub = reader.text(128).unwrap().to_owned();
                let columns = reader.bytes(16_384).unwrap();
                all.push((table, sub, Value::decode(columns).unwrap()));
            }
        }
        all
    }

    /// The rows of a table.
    pub(super) fn table(&self, name: &str) -> Vec<Value> {
        let index = crate::manifest::TABLES
            .iter()
            .position(|table| *table == name);
        let rows = self.rows().into_iter();
        rows.filter(|(table, _, _)| Some(*table) == index)
            .map(|(_, _, columns)| columns)
            .collect()
    }
}

/// The keys in the order in which a host asks them.
fn keys(event: &[u8]) -> Result<Vec<String>, String> {
    let mut input = TOPIC.to_vec();
    input.put_bytes(event);
    let output = route::<SpaceApp>(&input).unwrap();
    let mut reader = Reader::new(&output);
    if reader.byte().unwrap() == 1 {
        return Err(reader.text(32).unwrap().to_owned());
    }
    let count = reader.length(KEYS_MAX).unwrap();
    let mut keys: Vec<String> = (0..count)
        .map(|_| reader.text(128).unwrap().to_owned())
        .collect();
    keys.sort();
    assert!(!keys.is_empty());
    Ok(keys)
}

fn folded(key: &str, state: Option<&Vec<u8>>, event: &[u8]) -> (Option<Vec<u8>>, Option<String>) {
    let mut input = TOPIC.to_vec();
    input.put_bytes(key.as_bytes());
    match state {
        None => input.push(0),
        Some(state) => {
            input.push(1);
            input.put_bytes(state);
        }
    }
    input.put_varint(1);
    input.put_bytes(event);
    let output = fold::<SpaceApp>(&input).unwrap();
    let mut reader = Reader::new(&output);
    let state = match reader.byte().unwrap() {
        0 => None,
        _ => Some(reader.bytes(STATE_MAX).unwrap().to_vec()),
    };
    let rejected = reader.length(1).unwrap() == 1;
    let code = rejected.then(|| {
        assert_eq!(reader.varint().unwrap(), 0);
        reader.text(32).unwrap().to_owned()
    });
    (state, code)
}

/// A map, as bodies are.
pub(super) fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::map(pairs)
}

pub(super) fn t(text: &str) -> Value {
    Value::from(text)
}

pub(super) fn n(number: i64) -> Value {
    Value::Int(number)
}

pub(super) fn b(bytes: [u8; 32]) -> Value {
    Value::Bytes(bytes.to_vec())
}

/// A map with other values under some of its keys; `None` takes a key out.
pub(super) fn with(body: &Value, changes: &[(&str, Option<Value>)]) -> Value {
    let Value::Map(mut pairs) = body.clone() else {
        return body.clone();
    };
    for (key, value) in changes {
        pairs.retain(|(name, _)| name != key);
        pairs.extend(value.clone().map(|value| ((*key).to_owned(), value)));
    }
    Value::map(pairs)
}

/// Every kind is declared once, in the events and in the manifest alike.
#[test]
fn the_manifest_is_read_by_a_host() {
    let encoded = synlog_reducer::describe::<SpaceApp>();
    let manifest = synlog_log::fold::Manifest::decode(&encoded).unwrap();
    let kinds: Vec<&str> = manifest
        .events
        .iter()
        .map(|event| &event.kind[..])
        .collect();
    assert_eq!(kinds, <Event as synlog_reducer::Event>::KINDS);
    let tables: Vec<&str> = manifest
        .tables
        .iter()
        .map(|table| &table.name[..])
        .collect();
    assert_eq!(tables, crate::manifest::TABLES);
    assert_eq!(manifest.roles["visitor"], [""; 0]);
    assert_eq!(manifest.open.as_deref(), Some("visitor"));
    for event in &manifest.events {
        let name = event
            .command
            .as_deref()
            .map(|command| command.replace(' ', "."));
        assert_eq!(
            name.map(|name| name.replace('-', "_")).as_ref(),
            Some(&event.kind)
        );
        assert!(event.fields.iter().all(|field| !field.title.is_empty()));
    }
}
