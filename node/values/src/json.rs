//! JSON as people write it, CBOR as it is signed (`spec/01-encoding.md` 1.3).
//! A byte string is written `{"$hex": "…"}`; floats have no place in an event.

use serde_json::{Map, Number, Value as Json};
use synlog_log::cbor::Value;
use synlog_log::ids::{hex, unhex};
use synlog_log::limits::CBOR_DEPTH_MAX;

/// What in a JSON value can't be an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {what}")]
pub struct JsonError {
    /// Where, as in `$.price.minor`.
    pub path: String,
    /// What is wrong there.
    pub what: &'static str,
}

/// The key that marks a byte string.
const HEX_KEY: &str = "$hex";

/// A CBOR value as JSON.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::Number(Number::from(*value)),
        Value::Bytes(bytes) => Json::Object(Map::from_iter([(
            HEX_KEY.to_owned(),
            Json::String(hex(bytes)),
        )])),
        Value::Text(text) => Json::String(text.clone()),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(pairs) => Json::Object(
            pairs
                .iter()
                .map(|(key, value)| (key.clone(), to_json(value)))
                .collect(),
        ),
    }
}

/// A JSON value as CBOR.
pub fn from_json(json: &Json) -> Result<Value, JsonError> {
    convert(json, &mut String::from("$"), 1)
}

fn convert(json: &Json, path: &mut String, level: usize) -> Result<Value, JsonError> {
    let wrong = |path: &str, what| {
        Err(JsonError {
            path: path.to_owned(),
            what,
        })
    };
    if level > CBOR_DEPTH_MAX {
        return wrong(path, "nested too deeply (at most 16 levels)");
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None if number.is_u64() => {
                return wrong(path, "the number does not fit in 64 bits with a sign");
            }
            None => {
                return wrong(
                    path,
                    "numbers are whole: write money in minor units, degrees in 1e-7",
                );
            }
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                values.push(within(path, &format!("[{index}]"), |path| {
                    convert(item, path, level + 1)
                })?);
            }
            Value::Array(values)
        }
        Json::Object(pairs) => {
            if let (1, Some(text)) = (pairs.len(), pairs.get(HEX_KEY)) {
                return match text.as_str().and_then(unhex) {
                    Some(bytes) => Ok(Value::Bytes(bytes)),
                    None => wrong(path, "$hex needs an even number of hexadecimal digits"),
                };
            }
            let mut values = Vec::with_capacity(pairs.len());
            for (key, item) in pairs {
                let value = within(path, &format!(".{key}"), |path| {
                    convert(item, path, level + 1)
                })?;
                values.push((key.clone(), value));
            }
            Value::map(values)
        }
    })
}

/// Goes one step down and comes back, so that one buffer serves all paths.
fn within<T>(path: &mut String, step: &str, run: impl FnOnce(&mut String) -> T) -> T {
    let len = path.len();
    path.push_str(step);
    let result = run(path);
    path.truncate(len);
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back() {
        let json = json!({"a": [1, -2, null, true], "b": {"$hex": "00ff"}, "text": "é"});
        assert_eq!(to_json(&from_json(&json).unwrap()), json);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = from_json(&json!({"price": {"minor": 1.5}})).unwrap_err();
        assert_eq!(error.path, "$.price.minor");
        let error = from_json(&json!({"n": [u64::MAX]})).unwrap_err();
        assert_eq!(error.path, "$.n[0]");
        assert!(from_json(&json!({"$hex": "0"})).is_err());
    }
}
