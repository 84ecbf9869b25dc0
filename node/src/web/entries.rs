//! Entries over HTTP, as `synlog tail --json` tells them.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use synlog_log::ids::{EntryId, TopicId};
use synlog_web::backend::{Arrived, Entries};

use crate::cli::view::{Content, entry_json};
use crate::clock::now_ms;
use crate::entries::Entry;
use crate::failure::Failure;
use crate::node::Node;

/// An entry as JSON.
fn told(node: &mut Node, entry: &Entry) -> Result<Json, Failure> {
    let app = match node.order(&entry.topic) {
        Ok(order) => order.genesis().map(|genesis| genesis.app.clone()),
        Err(Failure::NoTopic(_)) => None,
        Err(failure) => return Err(failure),
    };
    let content = Content::of(entry, now_ms());
    Ok(entry_json(entry, app.as_deref(), &content))
}

/// One entry as JSON, by its id.
pub(super) fn one(node: &mut Node, id: &EntryId) -> Result<Json, Failure> {
    let entry = node.entry(id)?;
    told(node, &entry)
}

/// Entries behind a cursor, and where to go on.
fn behind(
    node: &mut Node,
    after: u64,
    topic: Option<&TopicId>,
    limit: usize,
) -> Result<(Vec<Entry>, u64), Failure> {
    let mut found = Vec::new();
    let end = node.arrivals(after, &mut |_, _| {}, &mut |entry| {
        if topic.is_none_or(|topic| entry.topic == *topic) {
            found.push(entry);
        }
        Ok(found.len() < limit)
    })?;
    Ok((found, end.max(after)))
}

/// The last entries behind a cursor, no more than that held, and where to go on.
fn tail(
    node: &mut Node,
    after: u64,
    topic: Option<&TopicId>,
    limit: usize,
) -> Result<(VecDeque<Entry>, u64), Failure> {
    let mut found = VecDeque::new();
    let end = node.arrivals(after, &mut |_, _| {}, &mut |entry| {
        if topic.is_none_or(|topic| entry.topic == *topic) {
            if found.len() >= limit {
                found.pop_front();
            }
            found.push_back(entry);
        }
        Ok(true)
    })?;
    Ok((found, end.max(after)))
}

/// Entries ready to be sent to many, and where to go on.
pub(super) fn arrivals(
    node: &mut Node,
    after: u64,
    topic: Option<&str>,
    limit: usize,
) -> Result<(Vec<Arrived>, u64), Failure> {
    let topic = topic.map(|name| node.find_topic(name)).transpose()?;
    let (found, upto) = behind(node, after, topic.as_ref(), limit)?;
    let mut arrived = Vec::with_capacity(found.len());
    for entry in &found {
        arrived.push(Arrived {
            cursor: entry.position + 1,
            topic: entry.topic.to_string(),
            json: Arc::from(told(node, entry)?.to_string()),
        });
    }
    Ok((arrived, upto))
}

/// The last entries behind a cursor: looks back further and further.
fn last(
    node: &mut Node,
    asked: &Entries,
    topic: Option<&TopicId>,
) -> Result<(Vec<Entry>, u64), Failure> {
    let end = node.store.end();
    let mut window = asked.limit as u64 * 2;
    loop {
        let from = end.saturating_sub(window).max(asked.after);
        let (found, upto) = tail(node, from, topic, asked.limit)?;
        if found.len() >= asked.limit || from <= asked.after {
            return Ok((found.into(), upto));
        }
        window = window.saturating_mul(8);
    }
}

/// Entries that are read with one question for those of a kind.
const READ_MAX: usize = 2_000;

/// The first or last entries of a topic in its order; damaged ones are left out, and only the
/// ids of the others are looked at. Also the entry where the next page goes on, behind it or
/// before it: of a kind there may be fewer than are asked for, and more there.
fn in_order(
    node: &mut Node,
    topic: &TopicId,
    asked: &Entries,
    kinds_max: usize,
) -> Result<(Vec<Entry>, Option<EntryId>), Failure> {
    let mut ids: Vec<EntryId> = node.order(topic)?.lines().map(|line| line.id).collect();
    let mut place = |ids: &[EntryId], of: &str| {
        let of = node.find_entry(of)?;
        let at = ids.iter().position(|id| *id == of);
        at.ok_or(Failure::NoEntry(of))
    };
    if let Some(before) = &asked.before {
        ids.truncate(place(&ids, before)?);
    }
    if let Some(behind) = &asked.behind {
        ids.drain(..=place(&ids, behind)?);
    }
    let read_max = match asked.kind {
        Some(_) => kinds_max,
        None => asked.limit,
    };
    if asked.last {
        ids.reverse();
    }
    let (mut found, mut read) = (Vec::new(), 0_usize);
    for id in ids.iter().take(read_max) {
        if found.len() >= asked.limit {
            break;
        }
        read += 1;
        let entry = match node.entry(id) {
            Ok(entry) => entry,
            Err(Failure::NoEntry(_)) => continue,
            Err(failure) => return Err(failure),
        };
        let is_wanted = |kind: &String| Content::of(&entry, now_ms()).kind.as_ref() == Some(kind);
        if asked.kind.as_ref().is_none_or(is_wanted) {
            found.push(entry);
        }
    }
    let next = ids.get(read.saturating_sub(1)).copied();
    let next = next.filter(|_| read < ids.len());
    if asked.last {
        found.reverse();
    }
    Ok((found, next))
}

/// Answers a question for entries.
pub(super) fn list(node: &mut Node, asked: &Entries) -> Result<Json, Failure> {
    let topic = asked.topic.as_deref().map(|name| node.find_topic(name));
    let topic = topic.transpose()?;
    if let Some(topic) = topic.filter(|_| asked.ordered) {
        let (found, next) = in_order(node, &topic, asked, READ_MAX)?;
        let codes = node.rejected(&topic)?;
        let mut entries = Vec::with_capacity(found.len());
        for entry in &found {
            let mut json = told(node, entry)?;
            json["rejected"] = json!(codes.get(&entry.id));
            entries.push(json);
        }
        let next = next.map(|id| id.to_string());
        return Ok(json!({ "entries": entries, "cursor": null, "next": next }));
    }
    let (found, cursor) = match topic {
        topic if asked.last => {
            let (found, cursor) = last(node, asked, topic.as_ref())?;
            (found, Some(cursor))
        }
        topic => {
            let (found, cursor) = behind(node, asked.after, topic.as_ref(), asked.limit)?;
            (found, Some(cursor))
        }
    };
    let mut entries = Vec::with_capacity(found.len());
    for entry in &found {
        entries.push(told(node, entry)?);
    }
    Ok(json!({ "entries": entries, "cursor": cursor }))
}
