//! JSON-LD as far as shops write it: the objects of a file, their types, and
//! values by name. Numbers stay the text they were, so no amount of money goes
//! by way of floating point.

use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

/// Values of one file: each may take some hundred bytes once it is read.
pub const VALUES_MAX: usize = 1_000_000;
/// Longest number, bytes; longer ones are nobody's price.
const NUMBER_MAX: usize = 40;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum JsonLdError {
    /// It is not JSON, or nested too deeply.
    #[error("not JSON that can be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It has more values than are read at once.
    #[error("more than {VALUES_MAX} values: split the file")]
    TooMany,
    /// It holds neither an object nor an array of objects.
    #[error("there is no object in it: expected {{…}}, […], or {{\"@graph\": […]}}")]
    NoObject,
}

/// An object with its properties.
pub type Object = Map<String, Json>;

/// Reads a file: the objects in it, each with the path to it.
pub fn objects(bytes: &[u8]) -> Result<Vec<(String, Object)>, JsonLdError> {
    // tools write a byte order mark
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let _: IgnoredAny = serde_json::from_slice(bytes)?;
    let texts = numbers_as_text(bytes).ok_or(JsonLdError::TooMany)?;
    let (items, path) = match serde_json::from_slice(&texts)? {
        Json::Array(items) => (items, "$"),
        Json::Object(mut object) => match object.remove("@graph") {
            Some(Json::Array(items)) => (items, "$.@graph"),
            Some(one @ Json::Object(_)) => (vec![one], "$.@graph"),
            Some(_) => return Err(JsonLdError::NoObject),
            None => return Ok(vec![("$".to_owned(), object)]),
        },
        _ => return Err(JsonLdError::NoObject),
    };
    let mut objects = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        match item {
            // an array of documents, each with a graph of its own
            Json::Object(mut object) => match object.remove("@graph") {
                Some(Json::Array(inner)) => {
                    let inner = inner.into_iter().enumerate();
                    objects.extend(inner.filter_map(|(at, item)| match item {
                        Json::Object(object) => Some((format!("{path}.@graph[{at}]"), object)),
                        _ => None,
                    }));
                }
                _ => objects.push((path, object)),
            },
            _ => return Err(JsonLdError::NoObject),
        }
    }
    Ok(objects)
}

/// The same JSON with each number in quotes; `None` if there are too many values.
/// The text must be JSON.
fn numbers_as_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let (mut in_text, mut escaped, mut values) = (false, false, 0_usize);
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if in_text {
            in_text = escaped || *first != b'"';
            escaped = !escaped && *first == b'\\';
        } else if *first == b'-' || first.is_ascii_digit() {
            let is_part = |byte: &u8| {
                byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
            };
            let end = rest.iter().position(|byte| !is_part(byte));
            let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
            out.push(b'"');
            out.extend_from_slice(&number[..number.len().min(NUMBER_MAX)]);
            out.push(b'"');
            rest = after;
            continue;
        } else {
            in_text = *first == b'"';
            values += usize::from(matches!(first, b',' | b'[' | b'{'));
            if values > VALUES_MAX {
                return None;
            }
        }
        out.push(*first);
        rest = after;
    }
    Some(out)
}

/// The name of a type or term without its vocabulary's address.
pub fn term(text: &str) -> &str {
    let text = text.trim();
    let rest = text
        .strip_prefix("https://schema.org/")
        .or_else(|| text.strip_prefix("http://schema.org/"))
        .or_else(|| text.strip_prefix("schema:"));
    rest.unwrap_or(text).trim_matches('/')
}

/// The types of an object.
pub fn types(object: &Object) -> Vec<&str> {
    values(object.get("@type"))
        .filter_map(Json::as_str)
        .map(term)
        .collect()
}

/// A value as a list: nothing, one, or those of an array.
pub fn values(value: Option<&Json>) -> impl Iterator<Item = &Json> {
    match value {
        Some(Json::Array(items)) => &items[..],
        Some(Json::Null) | None => &[],
        Some(one) => std::slice::from_ref(one),
    }
    .iter()
}

/// The text of a value: itself, its `@value`, or the first of several.
pub fn text(value: Option<&Json>) -> Option<&str> {
    let found = values(value).find_map(|value| match value {
        Json::String(text) => Some(&text[..]),
        Json::Object(object) => object.get("@value").and_then(Json::as_str),
        _ => None,
    });
    found.map(str::trim).filter(|text| !text.is_empty())
}

/// The text of a property.
pub fn property<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    text(object.get(name))
}

/// The text of a value, or the `name` of the object that it is.
pub fn name_of(value: Option<&Json>) -> Option<&str> {
    text(value).or_else(|| values(value).find_map(|value| property(value.as_object()?, "name")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn files_of_all_shapes() {
        let paths = |text: &str| -> Vec<String> {
            objects(text.as_bytes())
                .unwrap()
                .into_iter()
                .map(|(path, _)| path)
                .collect()
        };
        assert_eq!(paths("\u{feff}{}"), ["$"]);
        assert_eq!(paths("[{},{}]"), ["$[0]", "$[1]"]);
        assert_eq!(paths(r#"{"@graph":[{}]}"#), ["$.@graph[0]"]);
        assert_eq!(paths(r#"{"@graph":{}}"#), ["$.@graph[0]"]);
        assert_eq!(
            paths(r#"[{"@graph":[{},1,{}]},{}]"#),
            ["$[0].@graph[0]", "$[0].@graph[2]", "$[1]"]
        );
        for wrong in [
            "",
            "1",
            "[1]",
            "{",
            "{\"a\":01}",
            "[{}] x",
            r#"{"@graph":1}"#,
        ] {
            assert!(objects(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(matches!(
            objects(deep.as_bytes()),
            Err(JsonLdError::Json(_))
        ));
        let many = format!("[{}{{}}]", "{},".repeat(VALUES_MAX));
        assert!(matches!(
            objects(many.as_bytes()),
            Err(JsonLdError::TooMany)
        ));
        assert!(objects(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn numbers_stay_text() {
        let text = r#"{"price":12.10,"n":[1,-2e5],"t":"a 5 \" 6 \\","x":true,"12":0.1}"#;
        let (_, object) = objects(text.as_bytes()).unwrap().remove(0);
        let want = json!({"price":"12.10","n":["1","-2e5"],"t":"a 5 \" 6 \\","x":true,"12":"0.1"});
        assert_eq!(Json::Object(object), want);
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            ".{0,12}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::vec((".{0,6}", inner), 0..6)
                    .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
            ]
        })
    }

    fn in_text(json: Json) -> Json {
        match json {
            Json::Number(number) => Json::String(number.to_string()),
            Json::Array(items) => items.into_iter().map(in_text).collect(),
            Json::Object(pairs) => pairs
                .into_iter()
                .map(|(key, value)| (key, in_text(value)))
                .collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn only_numbers_change(value in json()) {
            let texts = numbers_as_text(value.to_string().as_bytes()).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Json>(&texts).unwrap(), in_text(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "[\\[\\]{},:\"@a0-9.\\\\ -]{0,60}") {
            let _ = objects(&bytes);
            let _ = objects(text.as_bytes());
        }
    }
}
