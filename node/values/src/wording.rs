//! Values in words.

use synlog_log::cbor::Value;
use synlog_log::fold::{EventKind, Fact, Field, FieldType, Table};
use synlog_log::ids::{EntityId, EntryId, hex};

use crate::instant::to_text;
use crate::money::money_text;

/// Letters of one value that are shown.
const SHOWN: usize = 600;

/// The fields of an event with their values, in the order of the manifest; what the
/// manifest does not know stands behind.
pub fn fields(kind: Option<&EventKind>, body: &Value) -> Vec<(String, String)> {
    let known: &[Field] = kind.map_or(&[], |kind| &kind.fields);
    let Value::Map(pairs) = body else {
        return Vec::new();
    };
    let place = |key: &str| {
        let top = |field: &Field| field.name.split(['.', '[']).next() == Some(key);
        known.iter().position(top).unwrap_or(known.len())
    };
    let mut pairs: Vec<&(String, Value)> = pairs.iter().collect();
    pairs.sort_by_key(|(key, _)| place(key));
    let say = |(key, value): &&(String, Value)| {
        let field = known.iter().find(|field| field.name == *key);
        let label = label(field, key);
        (label, words(field.map(|field| field.kind), value))
    };
    pairs.iter().map(say).collect()
}

fn label(field: Option<&Field>, key: &str) -> String {
    match field.map(|field| &field.title[..]) {
        // a title that is a sentence explains more than a label should
        Some(title) if !title.is_empty() && title.len() <= 40 => title.to_owned(),
        _ => key.replace('_', " "),
    }
}

/// The columns of a row, in the order of its table.
pub fn columns(table: Option<&Table>, columns: &Value) -> Vec<(String, String)> {
    let Value::Map(pairs) = columns else {
        return Vec::new();
    };
    let known = table.map_or(&[][..], |table| &table.columns);
    let place = |key: &str| known.iter().position(|column| column.name == key);
    let mut pairs: Vec<&(String, Value)> = pairs.iter().collect();
    pairs.sort_by_key(|(key, _)| place(key).unwrap_or(known.len()));
    let filled = pairs.iter().filter(|(_, value)| *value != Value::Null);
    let currency = columns.get("currency").and_then(Value::as_text);
    let say = |(key, value): &&(String, Value)| {
        let column = known.iter().find(|column| column.name == *key);
        let words = match (column.map(|column| column.kind), value, currency) {
            (Some(FieldType::Money), Value::Int(minor), Some(currency)) => {
                money_text(*minor, currency)
            }
            (kind, value, _) => words(kind, value),
        };
        (key.replace('_', " "), words)
    };
    filled.map(say).collect()
}

/// One value in words.
pub fn words(kind: Option<FieldType>, value: &Value) -> String {
    let text = match (kind, value) {
        (Some(FieldType::Instant), Value::Int(ms)) => instant(*ms),
        (Some(FieldType::Duration), Value::Int(seconds)) => duration(*seconds),
        (_, Value::Null) => "–".to_owned(),
        (_, Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Text(text)) => text.clone(),
        (_, Value::Bytes(bytes)) => short(bytes),
        (_, Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| words(None, item)).collect();
            items.join("; ")
        }
        (_, Value::Map(pairs)) => map(pairs, value),
    };
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn map(pairs: &[(String, Value)], value: &Value) -> String {
    let currency = value.get("currency").and_then(Value::as_text);
    let minor = value.get("minor").and_then(Value::as_int);
    if let (2, Some(currency), Some(minor)) = (pairs.len(), currency, minor) {
        return money_text(minor, currency);
    }
    let lat = value.get("lat").and_then(Value::as_int);
    let lon = value.get("lon").and_then(Value::as_int);
    if let (2, Some(lat), Some(lon)) = (pairs.len(), lat, lon) {
        return format!("{}, {}", degrees(lat), degrees(lon));
    }
    let say = |(key, value): &(String, Value)| {
        let instants = ["start", "end", "until", "due", "valid_until"];
        let kind = instants.contains(&&key[..]).then_some(FieldType::Instant);
        format!("{} {}", key.replace('_', " "), words(kind, value))
    };
    let parts: Vec<String> = pairs.iter().map(say).collect();
    parts.join(", ")
}

fn instant(ms: i64) -> String {
    match u64::try_from(ms) {
        Ok(ms) => to_text(ms).replace('T', " ").replace('Z', " UTC"),
        Err(_) => format!("{ms} ms"),
    }
}

fn duration(seconds: i64) -> String {
    match seconds {
        s if s != 0 && s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s != 0 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s != 0 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

fn degrees(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let value = value.unsigned_abs();
    format!("{sign}{}.{:07}", value / 10_000_000, value % 10_000_000)
}

fn short(bytes: &[u8]) -> String {
    let digits = hex(bytes);
    match digits.len() {
        0..=20 => digits,
        _ => format!("{}…", &digits[..10]),
    }
}

/// What a piece of evidence proves.
pub fn evidence(fact: &Fact) -> String {
    let id = |id: &EntryId| id.short();
    let of = |entity: &EntityId| entity.short();
    match fact {
        Fact::Entry {
            id: entry,
            topic,
            entity,
            kind,
            ..
        } => format!(
            "{} signed {} {} in the topic {}",
            of(entity),
            if kind.is_empty() { "an entry" } else { kind },
            id(entry),
            topic.short()
        ),
        Fact::Grant { subject, tag, .. } => format!(
            "{} grants the right to a review, number {}",
            of(subject),
            short(tag)
        ),
        Fact::Receipt {
            entity,
            entry,
            at_ms,
            height,
            ..
        } => format!(
            "{} was given {} by {} (its clock), when it had written {height} entries here",
            of(entity),
            id(entry),
            to_text(*at_ms)
        ),
    }
}

/// Codes of the kernel and the host in words; an app's own speak for themselves.
pub fn code(code: &str) -> String {
    let words = match code {
        "not_member" => "its writer was no member",
        "not_permitted" => "its writer's role may not write this",
        "not_sequencer" => "only the sequencer may write this",
        "revoked" => "the device had been revoked",
        "stale_certificate" => "its certificate was made by a key that had been replaced",
        "bad_payload" => "its payload does not decode",
        "bad_evidence" => "evidence that it carries does not check",
        "bad_event" => "its content does not fit its kind",
        "unknown_kind" => "the app has no such kind",
        "missing_reference" => "it names an entry that its writer had not seen",
        "trapped" => "the rules stopped at it",
        "over_budget" => "it takes more work than an event may",
        "state_full" => "there is no more room",
        "bad_output" => "the rules gave an answer that is none",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}

/// What the kernel's own events do.
pub fn kernel_title(kind: &str) -> &'static str {
    match kind {
        "topic.genesis" => "The topic begins",
        "topic.ack" => "The sequencer places what it has received",
        "topic.member" => "Somebody becomes a member",
        "topic.remove" => "Somebody is removed",
        "topic.role" => "What a role may write",
        "topic.handover" => "The sequencer hands over",
        "topic.takeover" => "A lost sequencer is taken over",
        "topic.identity" => "A statement of an entity's root",
        "topic.reducer" => "The rules that apply from here on for all of the topic",
        "topic.tombstone" => "What can be erased of an entry is to be erased",
        "topic.key" => "A key epoch for members",
        "topic.setup" => "What the topic is for",
        "topic.keeper" => "Who keeps the topic for its members",
        "topic.access" => "Who may fetch, told to keepers",
        "topic.sealed" => "Sealed: not readable here",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_words() {
        let money = Value::map([
            ("currency", Value::Text("EUR".into())),
            ("minor", Value::Int(-1_205)),
        ]);
        assert_eq!(words(None, &money), "-12.05 EUR");
        let place = Value::map([("lat", Value::Int(601_699_000)), ("lon", Value::Int(-5))]);
        assert_eq!(words(None, &place), "60.1699000, -0.0000005");
        assert_eq!(words(Some(FieldType::Duration), &Value::Int(7_200)), "2 h");
        assert_eq!(
            words(Some(FieldType::Instant), &Value::Int(0)),
            "1970-01-01 00:00:00 UTC"
        );
        assert_eq!(words(None, &Value::Bytes(vec![0xab; 32])), "ababababab…");
    }
}
