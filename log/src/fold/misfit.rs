//! Where the body of an event is not what its app's manifest says, so that whoever wrote
//! it learns the field and not only a code. A reducer decides by itself; this is for people.

use crate::blob::BlobRef;
use crate::cbor::Value;
use crate::fold::{EventKind, FieldType};

/// A field that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Its key; dots go into maps.
    pub field: String,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It must be there and isn't.
    Missing,
    /// It holds something else than this.
    Not(FieldType),
    /// The kind has no such field.
    Unknown,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let field = &self.field;
        match self.wrong {
            Wrong::Missing => write!(out, "{field} is missing"),
            Wrong::Not(kind) => write!(out, "{field} is not {}", in_words(kind)),
            Wrong::Unknown => write!(out, "{field} is no field of it"),
        }
    }
}

fn in_words(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "a text",
        FieldType::Int => "a whole number",
        FieldType::Bool => "true or false",
        FieldType::Bytes => "bytes, written as {\"$hex\": \"…\"}",
        FieldType::Entry | FieldType::Entity | FieldType::Id => {
            "an id of 32 bytes, written as {\"$hex\": \"…\"}"
        }
        FieldType::Money => "money, written as {\"currency\": \"EUR\", \"minor\": 1250}",
        FieldType::Instant => "an instant in UTC milliseconds",
        FieldType::Duration => "a whole number of seconds",
        FieldType::Geo => "a place, written as {\"lat\": 601699000, \"lon\": 249384000}",
        FieldType::Blob => "a blob, written as {\"blob\": {\"$hex\": \"…\"}, \"size\": 5000}",
        FieldType::Blobs => "a list of blobs",
        FieldType::List => "a list",
        FieldType::Map => "a map",
    }
}

fn is_a(kind: FieldType, value: &Value) -> bool {
    let has_int = |key| matches!(value.get(key), Some(Value::Int(_)));
    match kind {
        FieldType::Text => matches!(value, Value::Text(_)),
        FieldType::Int | FieldType::Instant | FieldType::Duration => {
            matches!(value, Value::Int(_))
        }
        FieldType::Bool => matches!(value, Value::Bool(_)),
        FieldType::Bytes => matches!(value, Value::Bytes(_)),
        FieldType::Entry | FieldType::Entity | FieldType::Id => value.as_id().is_some(),
        FieldType::Money => {
            matches!(value.get("currency"), Some(Value::Text(_))) && has_int("minor")
        }
        FieldType::Geo => has_int("lat") && has_int("lon"),
        FieldType::Blob => BlobRef::of(value).is_some(),
        FieldType::Blobs => {
            let items = value.as_array();
            items.is_some_and(|items| items.iter().all(|item| BlobRef::of(item).is_some()))
        }
        FieldType::List => matches!(value, Value::Array(_)),
        FieldType::Map => matches!(value, Value::Map(_)),
    }
}

/// What a path of keys with dots between leads to.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

impl EventKind {
    /// The fields of a body that are not as the manifest says, those of the manifest first.
    pub fn misfits(&self, body: &Value) -> Vec<Misfit> {
        let mut found = Vec::new();
        for field in &self.fields {
            let wrong = match at(body, &field.name) {
                None | Some(Value::Null) => field.required.then_some(Wrong::Missing),
                Some(value) => (!is_a(field.kind, value)).then_some(Wrong::Not(field.kind)),
            };
            let field = field.name.clone();
            found.extend(wrong.map(|wrong| Misfit { field, wrong }));
        }
        if let Value::Map(pairs) = body {
            let known = |key: &str| {
                let mut names = self.fields.iter().map(|field| &field.name);
                names.any(|name| name.split('.').next() == Some(key))
            };
            let unknown = pairs.iter().filter(|(key, _)| !known(key));
            found.extend(unknown.map(|(key, _)| Misfit {
                field: key.clone(),
                wrong: Wrong::Unknown,
            }));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::Field;

    fn kind() -> EventKind {
        let field = |name: &str, kind, required| Field {
            name: name.to_owned(),
            kind,
            required,
            title: String::new(),
            make: None,
        };
        EventKind {
            fields: vec![
                field("order", FieldType::Entry, true),
                field("total", FieldType::Money, true),
                field("place.at", FieldType::Geo, false),
                field("note", FieldType::Text, false),
            ],
            ..EventKind::plain("order.quote".into())
        }
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        let text = |text: &str| Value::Text(text.to_owned());
        let money = Value::map([("currency", text("EUR")), ("minor", Value::Int(5))]);
        let right = Value::map([
            ("order", Value::Bytes(vec![1; 32])),
            ("total", money.clone()),
        ]);
        assert_eq!(kind().misfits(&right), []);
        let place = Value::map([("at", text("here"))]);
        let wrong = Value::map([
            ("order", Value::Bytes(vec![1; 31])),
            ("note", Value::Null),
            ("place", place),
            ("totl", money),
        ]);
        let told: Vec<String> = kind()
            .misfits(&wrong)
            .iter()
            .map(Misfit::to_string)
            .collect();
        assert_eq!(told.len(), 4);
        assert!(told[0].starts_with("order is not an id"), "{told:?}");
        assert_eq!(told[1], "total is missing");
        assert!(told[2].starts_with("place.at is not a place"), "{told:?}");
        assert_eq!(told[3], "totl is no field of it");
        assert_eq!(kind().misfits(&Value::Int(1)).len(), 2);
    }
}
