//! What people type for a field, as a value.

use serde_json::Value as Json;
use synlog_log::blob::BlobRef;
use synlog_log::cbor::Value;
use synlog_log::fold::FieldType;
use synlog_log::ids::{BlobHash, TopicId, unhex};

use crate::blobs::{BlobError, media_type_of};
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::instant::from_rfc3339;
use crate::json::from_json;
use crate::money::parse_money;
use crate::node::Node;

/// Files that arguments name.
pub(super) struct Files<'a> {
    /// Reads one that the caller has, or its standard input.
    pub read: &'a dyn Fn(&str) -> Result<Vec<u8>, Failure>,
    /// Whether what is read is stored as a blob.
    pub keeps: bool,
}

/// A blob: `@` and a file, which is added, the hash of one that is here, or JSON.
fn blob(
    node: &mut Node,
    topic: &TopicId,
    what: &str,
    text: &str,
    files: &Files<'_>,
) -> Result<Value, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        let bytes = (files.read)(path)?;
        let media_type = Some(media_type_of(&bytes).to_owned());
        if files.keeps {
            let added = node.add_blob(Some(topic), &bytes, media_type, now_ms())?;
            return Ok(added.reference.value());
        }
        let reference = BlobRef {
            hash: BlobHash(*blake3::hash(&bytes).as_bytes()),
            size: bytes.len() as u64,
            media_type,
            key: None,
        };
        return Ok(reference.value());
    }
    if let Ok(json) = serde_json::from_str::<Json>(text)
        && (json.is_object() || json.is_array())
    {
        return from_json(&json).map_err(|error| Failure::Usage(format!("{what}: {error}")));
    }
    let hash = node.find_blob(text)?;
    if let Some(reference) = node.references(&hash)?.into_iter().next() {
        return Ok(reference.value());
    }
    let size = node.blobs()?.files.whole().get(&hash).copied();
    let size = size.ok_or(BlobError::Missing(hash))?;
    let mut front = Vec::new();
    node.read_blob(&hash, 0..16, &mut |bytes| {
        front.extend_from_slice(bytes);
        Ok(())
    })?;
    let reference = BlobRef {
        hash,
        size,
        media_type: Some(media_type_of(&front).to_owned()),
        key: None,
    };
    Ok(reference.value())
}

/// The value of one argument. `what` names it in errors.
pub(super) fn read(
    node: &mut Node,
    topic: &TopicId,
    kind: FieldType,
    what: &str,
    text: &str,
    files: &Files<'_>,
) -> Result<Value, Failure> {
    let wrong = |need: &str| Failure::Usage(format!("{what}: {text:?} is not {need}"));
    Ok(match kind {
        FieldType::Text => Value::Text(text.to_owned()),
        FieldType::Int => Value::Int(text.parse().map_err(|_| wrong("a whole number"))?),
        FieldType::Bool => match text {
            "true" | "yes" => Value::Bool(true),
            "false" | "no" => Value::Bool(false),
            _ => return Err(wrong("true or false")),
        },
        FieldType::Bytes => Value::Bytes(unhex(text).ok_or_else(|| wrong("hexadecimal"))?),
        FieldType::Entry => Value::Bytes(node.find_entry(text)?.0.to_vec()),
        FieldType::Entity => Value::Bytes(node.find_entity(text)?.0.to_vec()),
        FieldType::Id => Value::Bytes(identifier(node, text)?),
        FieldType::Money => money(what, text)?,
        FieldType::Instant => instant(what, text)?,
        FieldType::Duration => {
            Value::Int(seconds(text).ok_or_else(|| wrong("a time, as in 90m, 2h or 3d"))?)
        }
        FieldType::Geo => geo(text).ok_or_else(|| wrong("a place, as in 60.1699,24.9384"))?,
        FieldType::Blob | FieldType::Blobs => blob(node, topic, what, text, files)?,
        FieldType::List | FieldType::Map => item(node, what, text)?,
    })
}

fn money(what: &str, text: &str) -> Result<Value, Failure> {
    let (currency, minor) =
        parse_money(text).map_err(|error| Failure::Usage(format!("{what}: {error}")))?;
    Ok(Value::map([
        ("currency", Value::Text(currency)),
        ("minor", Value::Int(minor)),
    ]))
}

fn instant(what: &str, text: &str) -> Result<Value, Failure> {
    let ms = from_rfc3339(text).and_then(|ms| i64::try_from(ms).ok());
    let ms = ms.ok_or_else(|| {
        let need = "an instant, as in 2027-01-31T12:00:00Z";
        Failure::Usage(format!("{what}: {text:?} is not {need}"))
    })?;
    Ok(Value::Int(ms))
}

/// A JSON value, or `key=value,key=value`.
fn item(node: &mut Node, what: &str, text: &str) -> Result<Value, Failure> {
    if let Ok(json) = serde_json::from_str::<Json>(text) {
        return from_json(&json).map_err(|error| Failure::Usage(format!("{what}: {error}")));
    }
    if !text.contains('=') {
        return Ok(match unhex(text).filter(|bytes| bytes.len() == 32) {
            Some(bytes) => Value::Bytes(bytes),
            None => Value::Text(text.to_owned()),
        });
    }
    let mut pairs = Vec::new();
    for part in text.split(',') {
        let (key, value) = part
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("{what}: {part:?} is not key=value")))?;
        pairs.push((key.trim().to_owned(), plain_value(node, key.trim(), value)?));
    }
    Ok(Value::map(pairs))
}

/// A value of which only the key tells what it is.
fn plain_value(node: &mut Node, key: &str, text: &str) -> Result<Value, Failure> {
    let words = [
        "item", "title", "name", "leg", "text", "note", "reason", "place",
    ];
    let instants = ["start", "end", "until", "from", "due", "valid_until"];
    Ok(match key {
        "space" => Value::Bytes(identifier(node, text)?),
        "take" | "revision_of" => Value::Bytes(node.find_entry(text)?.0.to_vec()),
        "amount" | "total" | "price" => money(key, text)?,
        _ if words.contains(&key) => Value::Text(text.to_owned()),
        _ if instants.contains(&key) && text.contains('-') => instant(key, text)?,
        _ => match (text, text.parse::<i64>()) {
            (_, Ok(number)) => Value::Int(number),
            ("true", _) => Value::Bool(true),
            ("false", _) => Value::Bool(false),
            _ => match unhex(text).filter(|bytes| bytes.len() == 32) {
                Some(bytes) => Value::Bytes(bytes),
                None => Value::Text(text.to_owned()),
            },
        },
    })
}

/// 32 bytes: as digits, as the name of a topic that is here, or as the front of an id.
fn identifier(node: &mut Node, text: &str) -> Result<Vec<u8>, Failure> {
    match unhex(text).filter(|bytes| bytes.len() == 32) {
        Some(bytes) => Ok(bytes),
        None => match node.find_topic(text) {
            Ok(topic) => Ok(topic.0.to_vec()),
            Err(_) => Ok(node.find_entry(text)?.0.to_vec()),
        },
    }
}

/// Seconds of `90`, `90s`, `15m`, `2h`, `3d`.
fn seconds(text: &str) -> Option<i64> {
    let (digits, unit) = match text.find(|letter: char| !letter.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

/// `lat,lon` in degrees as 1e-7 degrees.
fn geo(text: &str) -> Option<Value> {
    let (lat, lon) = text.split_once(',')?;
    let (lat, lon) = (degrees(lat.trim(), 90)?, degrees(lon.trim(), 180)?);
    Some(Value::map([
        ("lat", Value::Int(lat)),
        ("lon", Value::Int(lon)),
    ]))
}

fn degrees(text: &str, limit: i64) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all(whole) || !all(fraction) {
        return None;
    }
    let fraction = format!("{:0<7}", &fraction[..fraction.len().min(7)]);
    let whole = whole.parse::<i64>().ok()?.checked_mul(10_000_000)?;
    let value = whole.checked_add(fraction.parse::<i64>().ok()?)?;
    (value <= limit * 10_000_000).then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_and_times() {
        let place = geo("60.1699,-24.93845678").unwrap();
        assert_eq!(place.get("lat"), Some(&Value::Int(601_699_000)));
        assert_eq!(place.get("lon"), Some(&Value::Int(-249_384_567)));
        for bad in [
            "60",
            "91,0",
            "0,181",
            "1e3,2",
            ",",
            "1.-2,3",
            "é,1",
            "922337203685.9999999,0",
        ] {
            assert!(geo(bad).is_none(), "{bad}");
        }
        assert_eq!(seconds("90m"), Some(5_400));
        assert_eq!(seconds("45"), Some(45));
        for bad in ["", "m", "1w", "-1h", "99999999999999999999d"] {
            assert!(seconds(bad).is_none(), "{bad}");
        }
        assert!(unhex("é1").is_none() && unhex("0").is_none());
    }
}
