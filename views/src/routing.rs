//! From events to the aggregates that they touch (`spec/10-reducer.md` 10.1, steps 1 to 3).

use synlog_log::cbor::Value;
use synlog_log::fold::{BAD_OUTPUT, Halt, KEY_MAX, KEYS_MAX, MISSING_REFERENCE, Manifest};
use synlog_log::fold::{Reducer, Routed, UNKNOWN_KIND};
use synlog_log::hash::Context;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::limits::{BODY_MAX, KIND_MAX};
use synlog_log::order::TopicOrder;
use synlog_log::refusal::Refusal;
use synlog_log::wire::Reader;

use crate::body;
use crate::error::SourceError;

/// Bytes of [`sort_key`].
pub(crate) const SORT_KEY_LEN: usize = 56;

/// The parts of an encoded event that folding looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventView<'a> {
    pub bytes: &'a [u8],
    pub id: EntryId,
    pub author: [u8; 32],
    pub seq: u64,
    pub hlc: u64,
    pub kind: &'a str,
    pub body: &'a [u8],
}

impl<'a> EventView<'a> {
    /// Looks at the event of an entry.
    pub(crate) fn of(bytes: &'a [u8], id: &EntryId) -> Result<Self, SourceError> {
        let view = Self::read(bytes)
            .map_err(|refusal| SourceError(format!("event {} is wrong: {refusal}", id.short())))?;
        if view.id != *id {
            return Err(SourceError(format!("another event than {}", id.short())));
        }
        Ok(view)
    }

    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let id = EntryId(reader.array()?);
        let author = reader.array()?;
        reader.take(32)?;
        let (seq, hlc) = (reader.varint()?, reader.varint()?);
        reader.byte()?;
        // roles have at most 32 bytes; none is looked at here
        reader.bytes(KIND_MAX)?;
        Ok(Self {
            bytes,
            id,
            author,
            seq,
            hlc,
            kind: reader.text(KIND_MAX)?,
            body: reader.bytes(BODY_MAX)?,
        })
    }

    /// What sorts like the order of entries: clock, tie, id.
    pub(crate) fn sort_key(&self, topic: &TopicId) -> [u8; SORT_KEY_LEN] {
        let mut key = [0; SORT_KEY_LEN];
        let tie = Context::Tie.hash_parts(&[&topic.0, &self.author, &self.seq.to_le_bytes()]);
        key[..8].copy_from_slice(&self.hlc.to_be_bytes());
        key[8..24].copy_from_slice(&tie[..16]);
        key[24..].copy_from_slice(&self.id.0);
        key
    }
}

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// It is the kernel's: no reducer gets it.
    Kernel,
    /// Rejected before any aggregate saw it.
    Rejected(String),
    /// The aggregates that it touches, sorted, each once.
    Keys(Vec<String>),
}

/// Whether a reference leads to an ancestor: the number of the event among those that are
/// routed, then what it names.
pub(crate) type IsAncestor<'a> = &'a dyn Fn(usize, &EntryId) -> bool;

/// Asks the order of a topic about the references of events.
pub(crate) fn ancestors(
    order: &TopicOrder,
    events: &[EventView<'_>],
) -> impl Fn(usize, &EntryId) -> bool {
    move |event, reference| order.is_ancestor(reference, &events[event].id)
}

/// Routes events.
pub(crate) fn route(
    topic: &TopicId,
    reducer: &mut dyn Reducer,
    events: &[EventView<'_>],
    is_ancestor: IsAncestor<'_>,
) -> Result<Vec<Route>, Halt> {
    let manifest = reducer.manifest();
    let mut routes: Vec<Option<Route>> = Vec::with_capacity(events.len());
    for (number, event) in events.iter().enumerate() {
        let is_ancestor = |reference: &EntryId| is_ancestor(number, reference);
        routes.push(host_says(manifest, event, &is_ancestor));
    }
    let asked: Vec<&[u8]> = events
        .iter()
        .zip(&routes)
        .filter(|(_, route)| route.is_none())
        .map(|(event, _)| event.bytes)
        .collect();
    let mut answers = match asked.is_empty() {
        true => Vec::new(),
        false => reducer.route(topic, &asked)?,
    }
    .into_iter();
    let fill = |route: Option<Route>| match route {
        Some(route) => Ok(route),
        None => answers
            .next()
            .map(checked)
            .ok_or_else(|| Halt::Host("too few routes".into())),
    };
    routes.into_iter().map(fill).collect()
}

fn host_says(
    manifest: &Manifest,
    event: &EventView<'_>,
    is_ancestor: &dyn Fn(&EntryId) -> bool,
) -> Option<Route> {
    if event.kind.starts_with("topic.") {
        return Some(Route::Kernel);
    }
    let Some(kind) = manifest.event(event.kind) else {
        return Some(Route::Rejected(UNKNOWN_KIND.to_owned()));
    };
    if kind.refs.is_empty() {
        return None;
    }
    if let [field] = &kind.refs[..]
        && let Some(found) = body::id_in(event.body, field)
    {
        let right = found.is_none_or(|id| is_ancestor(&EntryId(id)));
        return (!right).then(|| Route::Rejected(MISSING_REFERENCE.to_owned()));
    }
    let body = Value::decode(event.body).unwrap_or(Value::Null);
    let leads = |value: &Value| value.as_id().is_some_and(|id| is_ancestor(&EntryId(id)));
    let right = kind.refs.iter().all(|field| match body.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.iter().all(leads),
        Some(one) => leads(one),
    });
    (!right).then(|| Route::Rejected(MISSING_REFERENCE.to_owned()))
}

fn checked(routed: Routed) -> Route {
    match routed {
        Err(code) => Route::Rejected(code),
        Ok(mut keys) => {
            keys.sort();
            let fits = |key: &String| (1..=KEY_MAX).contains(&key.len());
            let once = keys.windows(2).all(|pair| pair[0] != pair[1]);
            if once && (1..=KEYS_MAX).contains(&keys.len()) && keys.iter().all(fits) {
                Route::Keys(keys)
            } else {
                Route::Rejected(BAD_OUTPUT.to_owned())
            }
        }
    }
}
