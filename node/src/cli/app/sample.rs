//! Sample events of a project: how they are written, and how they are folded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use synlog_log::cbor::Value;
use synlog_log::fold::{FoldEvent, FoldInput, Halt, Projected, Reducer, UNKNOWN_KIND};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex};
use synlog_log::payload::kind_is_right;

use crate::failure::Failure;
use crate::instant::from_rfc3339;
use crate::json::from_json;

/// The topic that sample events stand in.
const TOPIC: TopicId = TopicId([7; 32]);
/// The first event is at 2027-01-01T00:00:00Z, each of the others a second later.
const BEGIN_MS: u64 = 1_798_761_600_000;

/// The id that a word stands for.
fn named(context: &str, word: &str) -> [u8; 32] {
    blake3::derive_key(context, word.as_bytes())
}

fn entry_id(word: &str) -> [u8; 32] {
    named("synlog v1 sample entry", word)
}

fn entity_id(word: &str) -> [u8; 32] {
    named("synlog v1 sample entity", word)
}

fn device_id(word: &str) -> [u8; 32] {
    named("synlog v1 sample device", word)
}

/// Puts ids in the place of `{"$entry": …}` and `{"$entity": …}`.
fn resolve(json: &mut Json, labels: &BTreeSet<String>) -> Result<(), String> {
    let id = match json.as_object() {
        Some(pairs) if pairs.len() == 1 => match pairs.iter().next() {
            Some((key, Json::String(word))) if key == "$entry" => {
                if !labels.contains(word) {
                    return Err(format!("no line before it has the label {word}"));
                }
                Some(entry_id(word))
            }
            Some((key, Json::String(word))) if key == "$entity" => Some(entity_id(word)),
            _ => None,
        },
        _ => None,
    };
    if let Some(id) = id {
        *json = serde_json::json!({ "$hex": hex(&id) });
        return Ok(());
    }
    match json {
        Json::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, labels)),
        Json::Object(pairs) => pairs
            .values_mut()
            .try_for_each(|item| resolve(item, labels)),
        _ => Ok(()),
    }
}

fn text<'a>(line: &'a Json, key: &str) -> Result<Option<&'a str>, String> {
    match line.get(key) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(Some)
            .ok_or(format!("{key} must be text")),
    }
}

/// One line: who, in which role, what.
fn event(number: usize, text_of: &str, labels: &mut BTreeSet<String>) -> Result<FoldEvent, String> {
    let mut line: Json = serde_json::from_str(text_of).map_err(|error| error.to_string())?;
    let mut body = line
        .get_mut("body")
        .map(Json::take)
        .unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    resolve(&mut body, labels)?;
    let body = match from_json(&body) {
        Ok(map @ Value::Map(_)) => map.encode(),
        Ok(_) => return Err("body must be an object".into()),
        Err(error) => return Err(error.to_string()),
    };
    let label = match text(&line, "label")? {
        Some(label) => label.to_owned(),
        None => format!("line {number}"),
    };
    if !labels.insert(label.clone()) {
        return Err(format!("the label {label} is used twice"));
    }
    let by = text(&line, "by")?.unwrap_or("anna");
    let kind = text(&line, "kind")?.ok_or("kind is missing")?;
    if !kind_is_right(kind) {
        return Err(format!(
            "{kind} is no kind: two or more names joined by dots"
        ));
    }
    let at_ms = match text(&line, "at")? {
        Some(at) => from_rfc3339(at).ok_or(format!("{at} is no instant"))?,
        None => BEGIN_MS + number as u64 * 1_000,
    };
    let erasable = line
        .get("erasable")
        .map(|_| named("synlog v1 sample part", &label));
    Ok(FoldEvent {
        id: EntryId(entry_id(&label)),
        author: DeviceId(device_id(by)),
        entity: EntityId(entity_id(by)),
        seq: number as u64,
        hlc: at_ms << 16,
        sequenced: line
            .get("sequenced")
            .is_none_or(|word| word != &Json::Bool(false)),
        role: text(&line, "role")?.unwrap_or("member").to_owned(),
        kind: kind.to_owned(),
        body,
        erasable_hash: erasable,
        facts: Vec::new(),
    })
}

/// The events of a file of lines; empty lines are passed over.
pub(super) fn read(file: &str, lines: &str) -> Result<Vec<FoldEvent>, Failure> {
    let mut labels = BTreeSet::new();
    let numbered = (1..).zip(lines.lines());
    numbered
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            event(number, line, &mut labels)
                .map_err(|what| Failure::Usage(format!("{file} line {number}: {what}")))
        })
        .collect()
}

/// An aggregate after all events.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Aggregate {
    /// Its state, as the reducer wrote it.
    pub(super) state: Option<Vec<u8>>,
    /// What it shows.
    pub(super) rows: Option<Projected>,
}

/// All that can be seen of a history.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Outcome {
    /// Each aggregate under its key.
    pub(super) aggregates: BTreeMap<String, Aggregate>,
    /// Events that were rejected: index and code.
    pub(super) rejections: BTreeMap<usize, String>,
}

/// Folds events in batches of so many.
pub(super) fn fold(
    reducer: &mut dyn Reducer,
    events: &[FoldEvent],
    batch: usize,
) -> Result<Outcome, Halt> {
    let encoded: Vec<Vec<u8>> = events.iter().map(FoldEvent::encode).collect();
    let kinds: Vec<String> = reducer
        .manifest()
        .events
        .iter()
        .map(|event| event.kind.clone())
        .collect();
    let mut outcome = Outcome::default();
    for first in (0..events.len()).step_by(batch.max(1)) {
        let end = events.len().min(first.saturating_add(batch.max(1)));
        let mut routes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut known = Vec::new();
        for (index, event) in events.iter().enumerate().take(end).skip(first) {
            if kinds.contains(&event.kind) {
                known.push(index);
            } else {
                outcome.rejections.insert(index, UNKNOWN_KIND.to_owned());
            }
        }
        let inputs: Vec<&[u8]> = known.iter().map(|index| &encoded[*index][..]).collect();
        for (index, routed) in known.iter().zip(reducer.route(&TOPIC, &inputs)?) {
            match routed {
                Ok(keys) => drop(routes.insert(*index, keys)),
                Err(code) => drop(outcome.rejections.insert(*index, code)),
            }
        }
        fold_batch(reducer, &encoded, routes, &mut outcome)?;
    }
    let states: Vec<(&str, &[u8])> = outcome
        .aggregates
        .iter()
        .filter_map(|(key, aggregate)| Some((&key[..], aggregate.state.as_deref()?)))
        .collect();
    let rows = reducer.project(&TOPIC, &states)?;
    let keys: Vec<String> = states.iter().map(|(key, _)| (*key).to_owned()).collect();
    for (key, rows) in keys.into_iter().zip(rows) {
        outcome.aggregates.entry(key).or_default().rows = Some(rows);
    }
    Ok(outcome)
}

/// Folds one batch. An event with several keys applies to all or to none: the first one
/// that some key rejects is taken out of all of them, until there is none.
fn fold_batch(
    reducer: &mut dyn Reducer,
    encoded: &[Vec<u8>],
    mut routes: BTreeMap<usize, Vec<String>>,
    outcome: &mut Outcome,
) -> Result<(), Halt> {
    loop {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, keys) in &routes {
            keys.iter()
                .for_each(|key| groups.entry(key).or_default().push(*index));
        }
        let inputs: Vec<FoldInput<'_>> = groups
            .iter()
            .map(|(key, indices)| FoldInput {
                key,
                state: outcome
                    .aggregates
                    .get(*key)
                    .and_then(|known| known.state.as_deref()),
                events: indices.iter().map(|index| &encoded[*index][..]).collect(),
            })
            .collect();
        let folded = reducer.fold(&TOPIC, &inputs)?;
        drop(inputs);
        // the code of the first key counts
        let mut rejected: BTreeMap<usize, String> = BTreeMap::new();
        for (indices, folded) in groups.values().zip(&folded) {
            for (at, code) in &folded.rejections {
                rejected.entry(indices[*at]).or_insert_with(|| code.clone());
            }
        }
        let shared = rejected
            .keys()
            .find(|index| routes[*index].len() > 1)
            .copied();
        if let Some(index) = shared {
            // what stands before it is certain; what comes after may change
            outcome.rejections.extend(rejected.remove_entry(&index));
            routes.remove(&index);
            continue;
        }
        for (key, folded) in groups.iter().zip(folded) {
            outcome
                .aggregates
                .entry((*key.0).to_owned())
                .or_default()
                .state = folded.state;
        }
        outcome.rejections.append(&mut rejected);
        return Ok(());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_become_events() {
        let lines = concat!(
            r#"{"label":"a","by":"ben","kind":"x.add","body":{"n":1}}"#,
            "\n\n",
            r#"{"kind":"x.done","body":{"what":[{"$entry":"a"},{"$entity":"ben"}]},"at":"2027-01-31T12:00:00Z"}"#,
        );
        let events = read("sample", lines).unwrap();
        assert_eq!(events.len(), 2);
        let body = Value::decode_map(&events[1].body).unwrap();
        let what = body.get("what").unwrap().as_array().unwrap();
        assert_eq!(what[0].as_id(), Some(events[0].id.0));
        assert_eq!(what[1].as_id(), Some(events[0].entity.0));
        assert_eq!(events[1].hlc >> 16, 1_801_396_800_000);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            ("x", "line 1"),
            (r#"{"body":{}}"#, "kind is missing"),
            (r#"{"kind":"x","body":{}}"#, "no kind"),
            (r#"{"kind":"x.y","body":[]}"#, "object"),
            (r#"{"kind":"x.y","body":{"a":1.5}}"#, "whole"),
            (r#"{"kind":"x.y","body":{"a":{"$entry":"b"}}}"#, "label b"),
            (r#"{"kind":"x.y","by":7}"#, "by must be text"),
        ];
        for (line, what) in table {
            let failure = read("sample", line).unwrap_err().to_string();
            assert!(failure.contains(what), "{line}: {failure}");
        }
    }
}
