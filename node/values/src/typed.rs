//! What people type for a field, as a value.

use serde_json::Value as Json;
use synlog_log::cbor::Value;
use synlog_log::fold::FieldType;
use synlog_log::ids::unhex;

use crate::codes;
use crate::filling::Maker;
use crate::instant::from_rfc3339;
use crate::json::from_json;
use crate::money::parse_money;

/// The value of one field. `what` names it in errors.
pub fn read<M: Maker>(
    maker: &mut M,
    kind: FieldType,
    what: &str,
    text: &str,
) -> Result<Value, M::Error> {
    let wrong = |need: &str| M::usage(format!("{what}: {text:?} is not {need}"));
    Ok(match kind {
        FieldType::Text => Value::Text(text.to_owned()),
        FieldType::Int => Value::Int(text.parse().map_err(|_| wrong("a whole number"))?),
        FieldType::Bool => match text {
            "true" | "yes" => Value::Bool(true),
            "false" | "no" => Value::Bool(false),
            _ => return Err(wrong("true or false")),
        },
        FieldType::Bytes => Value::Bytes(unhex(text).ok_or_else(|| wrong("hexadecimal"))?),
        FieldType::Entry => Value::Bytes(maker.entry(text)?.to_vec()),
        FieldType::Entity => Value::Bytes(maker.entity(text)?.to_vec()),
        FieldType::Id => Value::Bytes(identifier(maker, text)?),
        FieldType::Money => money::<M>(what, text)?,
        FieldType::Instant => instant::<M>(what, text)?,
        FieldType::Duration => {
            Value::Int(seconds(text).ok_or_else(|| wrong("a time, as in 90m, 2h or 3d"))?)
        }
        FieldType::Geo => geo(text).ok_or_else(|| wrong("a place, as in 60.1699,24.9384"))?,
        FieldType::Blob | FieldType::Blobs => maker.blob(what, text)?,
        FieldType::List | FieldType::Map => item(maker, what, text)?,
    })
}

fn money<M: Maker>(what: &str, text: &str) -> Result<Value, M::Error> {
    let (currency, minor) =
        parse_money(text).map_err(|error| M::usage(format!("{what}: {error}")))?;
    Ok(Value::map([
        ("currency", Value::Text(currency)),
        ("minor", Value::Int(minor)),
    ]))
}

fn instant<M: Maker>(what: &str, text: &str) -> Result<Value, M::Error> {
    let ms = from_rfc3339(text).and_then(|ms| i64::try_from(ms).ok());
    let ms = ms.ok_or_else(|| {
        let need = "an instant, as in 2027-01-31T12:00:00Z";
        M::usage(format!("{what}: {text:?} is not {need}"))
    })?;
    Ok(Value::Int(ms))
}

/// A JSON value, or `key=value,key=value`.
fn item<M: Maker>(maker: &mut M, what: &str, text: &str) -> Result<Value, M::Error> {
    if let Ok(json) = serde_json::from_str::<Json>(text) {
        return from_json(&json).map_err(|error| M::usage(format!("{what}: {error}")));
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
            .ok_or_else(|| M::usage(format!("{what}: {part:?} is not key=value")))?;
        pairs.push((
            key.trim().to_owned(),
            plain_value(maker, key.trim(), value)?,
        ));
    }
    Ok(Value::map(pairs))
}

/// A value of which only the key tells what it is.
fn plain_value<M: Maker>(maker: &mut M, key: &str, text: &str) -> Result<Value, M::Error> {
    let words = [
        "item", "title", "name", "leg", "text", "note", "reason", "place",
    ];
    let instants = ["start", "end", "until", "from", "due", "valid_until"];
    Ok(match key {
        "space" => Value::Bytes(identifier(maker, text)?),
        "take" | "revision_of" => Value::Bytes(maker.entry(text)?.to_vec()),
        "amount" | "total" | "price" => money::<M>(key, text)?,
        _ if words.contains(&key) => Value::Text(text.to_owned()),
        _ if instants.contains(&key) && text.contains('-') => instant::<M>(key, text)?,
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

/// 32 bytes: as digits, as a code, or as whoever fills the event knows them.
fn identifier<M: Maker>(maker: &mut M, text: &str) -> Result<Vec<u8>, M::Error> {
    let read = |text| codes::read(text).map(|bytes| bytes.to_vec());
    // sixteen symbols without a gap may be the front of an id or a name that somebody gave
    let is_plain = text.len() < 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match read(text) {
        Some(bytes) if !is_plain => Ok(bytes),
        code => match (maker.identifier(text), code) {
            (Ok(known), _) => Ok(known.to_vec()),
            (Err(_), Some(bytes)) => Ok(bytes),
            (Err(error), None) => Err(error),
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
