//! Entries as they are shown: the stable JSON of `docs/TAIL.md`, and one line for people.

use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::order::{Status, Verdict};
use synlog_log::payload::Payload;

use crate::cli::screen::{Screen, Tone, plain};
use crate::entries::{Entry, Lock};
use crate::instant::{to_rfc3339, to_text};
use crate::json::to_json;

/// Letters of a body that one line shows.
const BODY_SHOWN: usize = 120;

/// What is in a payload.
pub(crate) struct Content {
    /// The kind, where the payload decodes.
    pub kind: Option<String>,
    /// The body.
    pub body: Option<Json>,
    /// What may be erased, unless it was or has expired.
    pub erasable: Option<Json>,
    /// When it may be dropped, UTC milliseconds.
    pub expires_ms: Option<u64>,
    /// Whether it was dropped, or is to be.
    pub erased: bool,
    /// Encoded proofs.
    pub evidence: Vec<Vec<u8>>,
    /// Of a sealed entry: whether it is open here.
    pub open: Option<bool>,
}

impl Content {
    /// Looks into the payload of an entry.
    pub(crate) fn of(entry: &Entry, now_ms: u64) -> Self {
        let form = entry.payload.form();
        // ciphertext tells nobody anything
        let closed = entry.lock == Lock::Closed;
        let split = form.split().ok().filter(|_| !closed);
        let event = split.as_ref().and_then(|payload| payload.check().ok());
        let part = split.as_ref().and_then(|payload| payload.erasable);
        let expired = part.is_some_and(|part| part.expires_ms > 0 && part.expires_ms <= now_ms);
        let erased = entry.erased || expired;
        let data = part.filter(|_| !erased);
        let data = data.and_then(|part| Value::decode_map(part.data).ok());
        let evidence = |payload: &Payload<'_>| {
            payload
                .evidence
                .iter()
                .map(|proof| proof.to_vec())
                .collect()
        };
        Self {
            kind: event.as_ref().map(|event| event.kind.to_owned()),
            body: event.as_ref().map(|event| to_json(&event.body)),
            erasable: data.as_ref().map(to_json),
            expires_ms: part.map(|part| part.expires_ms).filter(|ms| *ms > 0),
            erased,
            evidence: split.as_ref().map(evidence).unwrap_or_default(),
            open: match &entry.lock {
                Lock::None => None,
                Lock::Open(_) => Some(true),
                Lock::Closed => Some(false),
            },
        }
    }
}

/// An entry for programs.
pub(crate) fn entry_json(entry: &Entry, app: Option<&str>, content: &Content) -> Json {
    let header = &entry.header;
    let ms = header.hlc >> 16;
    json!({
        "cursor": entry.position + 1,
        "id": entry.id.to_string(),
        "topic": entry.topic.to_string(),
        "app": app,
        "author": header.author.to_string(),
        "device_name": entry.device_name,
        "entity": entry.entity.map(|entity| entity.to_string()),
        "seq": header.seq,
        "hlc": header.hlc,
        "time": to_rfc3339(ms),
        "kind": content.kind,
        "status": entry.status.map(Status::word),
        "verdict": entry.status.map(Status::text),
        "body": content.body,
        "erasable": content.erasable,
        "erased": content.erased,
        "deps": header.deps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "backlink": header.backlink.map(|id| id.to_string()),
        "sealed": content.open.map(|open| if open { "open" } else { "closed" }),
    })
}

/// The mark of a status, and its tone.
pub(super) fn mark(status: Option<Status>) -> (&'static str, Tone) {
    match status {
        Some(Status::Sequenced(_)) if status.is_some_and(Status::is_accepted) => ("●", Tone::Good),
        Some(Status::Tentative(_)) if status.is_some_and(Status::is_accepted) => ("○", Tone::Warn),
        Some(Status::Sequenced(Verdict::Sealed) | Status::Tentative(Verdict::Sealed)) => {
            ("?", Tone::Dim)
        }
        Some(Status::Sequenced(_) | Status::Tentative(_)) => ("✗", Tone::Bad),
        Some(Status::Void(_)) => ("–", Tone::Dim),
        Some(Status::Held(_)) => ("?", Tone::Warn),
        None => (" ", Tone::Dim),
    }
}

/// An entry for people, on one line.
pub(super) fn entry_line(
    entry: &Entry,
    topic_name: Option<&str>,
    content: &Content,
    screen: &Screen,
) -> String {
    let (mark, tone) = mark(entry.status);
    let device = plain(entry.device_name.as_deref().unwrap_or("?"));
    let entity = entry
        .entity
        .map_or_else(|| "?".to_owned(), |entity| entity.short());
    let who = format!("{device}@{}", &entity[..entity.len().min(6)]);
    let what = match (&content.kind, content.open) {
        (Some(kind), _) => kind,
        (None, Some(false)) => "🔒 sealed",
        (None, _) => "(not readable)",
    };
    let body = content.body.as_ref().map(brief).unwrap_or_default();
    let topic = topic_name
        .map(|name| format!("{} ", plain(name)))
        .unwrap_or_default();
    let mut line = format!(
        "{} {} {} {topic}{who} {} {}",
        screen.tone(tone, mark),
        screen.tone(Tone::Dim, to_text(entry.header.hlc >> 16)),
        entry.id.short(),
        screen.tone(Tone::Bold, what),
        shortened(&body),
    );
    if let Some(erasable) = &content.erasable {
        line.push_str(&format!(" +{}", shortened(&brief(erasable))));
    } else if content.erased {
        line.push_str(" +(erased)");
    }
    if let Some(status) = entry.status.filter(|status| !status.is_accepted()) {
        line.push_str(&format!(
            " {}",
            screen.tone(tone, format!("[{} {}]", status.word(), status.text()))
        ));
    }
    line
}

/// JSON on one line, byte strings as their first digits.
fn brief(json: &Json) -> String {
    match json {
        Json::Object(pairs) => match (pairs.len(), pairs.get("$hex").and_then(Json::as_str)) {
            (1, Some(digits)) if digits.len() > 12 => format!("<{}…>", &digits[..10]),
            (1, Some(digits)) => format!("<{digits}>"),
            _ => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| format!("{}:{}", plain(key), brief(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        },
        Json::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(brief).collect::<Vec<_>>().join(",")
            )
        }
        other => plain(&other.to_string()),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(BODY_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// JSON for people, over several lines.
pub(super) fn pretty(json: &Json) -> String {
    let text = serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string());
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}
