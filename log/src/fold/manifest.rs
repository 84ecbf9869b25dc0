//! What a reducer says of itself (`spec/10-reducer.md` 10.6).

use std::collections::BTreeMap;

use crate::cbor::Value;
use crate::fold::{ABI_VERSION, MANIFEST_MAX};
use crate::payload::{kind_is_right, name_is_right};
use crate::topic::Mode;

/// What a reducer says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The app, as in a genesis.
    pub app: String,
    /// Its major version, as in a genesis.
    pub major: u16,
    /// Its whole version.
    pub version: String,
    /// A line for people.
    pub title: String,
    /// How its topics are ordered.
    pub mode: Mode,
    /// Roles that a new topic is given, and what they may write.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Role of whoever is not a member, in a new topic.
    pub open: Option<String>,
    /// Kinds of events.
    pub events: Vec<EventKind>,
    /// Tables of rows.
    pub tables: Vec<Table>,
}

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKind {
    /// The kind.
    pub kind: String,
    /// What it does, for people.
    pub title: String,
    /// The command that writes it, as in `order request`; `None`: only `append` does.
    pub command: Option<String>,
    /// Fields of the body that name entries of the topic, which must be ancestors.
    pub refs: Vec<String>,
    /// Fields of the body.
    pub fields: Vec<Field>,
    /// Fields of the erasable part.
    pub erasable: Vec<Field>,
    /// What evidence goes with it: `spec/10-reducer.md` 10.7.
    pub evidence: Vec<String>,
}

/// A field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its key in the body; dots go into maps.
    pub name: String,
    /// What it holds.
    pub kind: FieldType,
    /// Whether it must be there.
    pub required: bool,
    /// What it is, for people.
    pub title: String,
    /// How a command fills it in where nobody says: `spec/10-reducer.md` 10.7.
    pub make: Option<String>,
}

/// What a field or column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// Bytes.
    Bytes,
    /// Id of an entry of this topic.
    Entry,
    /// Id of an entity.
    Entity,
    /// 32 bytes that name something else.
    Id,
    /// `{currency, minor}`.
    Money,
    /// UTC milliseconds.
    Instant,
    /// Seconds.
    Duration,
    /// `{lat, lon}` in 1e-7 degrees.
    Geo,
    /// `{blob, size, type?, key?}`: a blob of the topic (`spec/15-blobs.md`).
    Blob,
    /// An array of blobs.
    Blobs,
    /// An array.
    List,
    /// A map.
    Map,
}

impl FieldType {
    const ALL: [(&'static str, Self); 15] = [
        ("text", Self::Text),
        ("int", Self::Int),
        ("bool", Self::Bool),
        ("bytes", Self::Bytes),
        ("entry", Self::Entry),
        ("entity", Self::Entity),
        ("id", Self::Id),
        ("money", Self::Money),
        ("instant", Self::Instant),
        ("duration", Self::Duration),
        ("geo", Self::Geo),
        ("blob", Self::Blob),
        ("blobs", Self::Blobs),
        ("list", Self::List),
        ("map", Self::Map),
    ];

    /// Its name in a manifest.
    pub fn text(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("text", |(text, _)| text)
    }

    fn read(value: &Value) -> Option<Self> {
        let text = value.as_text()?;
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind)
    }
}

/// A table of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What its rows are, for people.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its secondary indexes.
    pub indexes: Vec<Index>,
    /// The column with the instant from when on a row is not shown any more.
    pub until: Option<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its key in the row.
    pub name: String,
    /// What it holds.
    pub kind: FieldType,
}

/// An index: rows by the values of columns, in that order. An array has one place for
/// each of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Columns.
    pub columns: Vec<String>,
}

/// A manifest that breaks its rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest is wrong at {place}")]
pub struct ManifestError {
    /// Where.
    pub place: String,
}

/// Kinds, tables, columns, fields, indexes: each list is at most so long.
const LIST_MAX: usize = 64;
/// Bytes of a text for people.
const TITLE_MAX: usize = 400;
/// Columns of one index.
const INDEX_COLUMNS_MAX: usize = 4;

type Read<T> = Result<T, ManifestError>;

fn wrong<T>(place: impl Into<String>) -> Read<T> {
    Err(ManifestError {
        place: place.into(),
    })
}

fn need<T>(found: Option<T>, place: &str) -> Read<T> {
    found.map_or_else(|| wrong(place), Ok)
}

fn text(value: &Value, key: &str, max: usize) -> Option<String> {
    let text = value.get(key)?.as_text()?;
    (text.len() <= max).then(|| text.to_owned())
}

fn name(value: &Value, key: &str) -> Option<String> {
    text(value, key, 64).filter(|text| name_is_right(text))
}

fn list<T>(value: &Value, key: &str, read: impl Fn(&Value) -> Read<T>) -> Read<Vec<T>> {
    let Some(items) = value.get(key) else {
        return Ok(Vec::new());
    };
    let items = need(
        items.as_array().filter(|items| items.len() <= LIST_MAX),
        key,
    )?;
    let mut read_items = Vec::new();
    for (index, item) in items.iter().enumerate() {
        read_items.push(read(item).map_err(|error| ManifestError {
            place: format!("{key}[{index}].{}", error.place),
        })?);
    }
    Ok(read_items)
}

fn texts(value: &Value, key: &str, max: usize) -> Read<Vec<String>> {
    list(value, key, |item| {
        need(
            item.as_text()
                .filter(|text| (1..=max).contains(&text.len()))
                .map(str::to_owned),
            "text",
        )
    })
}

impl Manifest {
    /// Reads the CBOR of a manifest.
    pub fn decode(bytes: &[u8]) -> Read<Self> {
        if bytes.len() > MANIFEST_MAX {
            return wrong("its length");
        }
        let value = need(Value::decode_map(bytes).ok(), "its encoding")?;
        if value.get("abi") != Some(&Value::Int(ABI_VERSION)) {
            return wrong("abi");
        }
        let major = value.get("major").and_then(Value::as_int);
        let manifest = Self {
            app: need(name(&value, "app"), "app")?,
            major: need(major.and_then(|major| u16::try_from(major).ok()), "major")?,
            version: need(text(&value, "version", 32), "version")?,
            title: need(text(&value, "title", TITLE_MAX), "title")?,
            mode: match value.get("mode").and_then(Value::as_text) {
                Some("ordered") => Mode::Ordered,
                Some("causal") => Mode::Causal,
                _ => return wrong("mode"),
            },
            roles: roles(&value)?,
            open: match value.get("open") {
                None => None,
                Some(_) => Some(need(name(&value, "open"), "open")?),
            },
            events: list(&value, "events", EventKind::read)?,
            tables: list(&value, "tables", Table::read)?,
        };
        let mut kinds: Vec<&str> = manifest
            .events
            .iter()
            .map(|event| &event.kind[..])
            .collect();
        kinds.sort_unstable();
        let mut tables: Vec<&str> = manifest
            .tables
            .iter()
            .map(|table| &table.name[..])
            .collect();
        tables.sort_unstable();
        if kinds.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("events: a kind twice");
        }
        if tables.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("tables: a name twice");
        }
        Ok(manifest)
    }

    /// The kind of an event, if the app has it.
    pub fn event(&self, kind: &str) -> Option<&EventKind> {
        self.events.iter().find(|event| event.kind == kind)
    }

    /// A table by its name, with its index.
    pub fn table(&self, name: &str) -> Option<(usize, &Table)> {
        let mut tables = self.tables.iter().enumerate();
        tables.find(|(_, table)| table.name == name)
    }
}

fn roles(value: &Value) -> Read<BTreeMap<String, Vec<String>>> {
    match value.get("roles") {
        None => Ok(BTreeMap::new()),
        Some(map @ Value::Map(pairs)) if pairs.len() <= LIST_MAX => pairs
            .iter()
            .map(|(role, _)| {
                let right = name_is_right(role) && role.len() <= 32;
                need(right.then_some(()), "roles")?;
                Ok((role.clone(), texts(map, role, 64)?))
            })
            .collect(),
        Some(_) => wrong("roles"),
    }
}

impl EventKind {
    /// A kind of which nothing is known but its name.
    pub fn plain(kind: String) -> Self {
        Self {
            kind,
            title: String::new(),
            command: None,
            refs: Vec::new(),
            fields: Vec::new(),
            erasable: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn read(value: &Value) -> Read<Self> {
        let kind = text(value, "kind", 64)
            .filter(|kind| kind_is_right(kind) && !kind.starts_with("topic."));
        Ok(Self {
            kind: need(kind, "kind")?,
            title: need(text(value, "title", TITLE_MAX), "title")?,
            command: text(value, "command", 64),
            refs: texts(value, "refs", 64)?,
            fields: list(value, "fields", Field::read)?,
            erasable: list(value, "erasable", Field::read)?,
            evidence: texts(value, "evidence", 64)?,
        })
    }
}

impl Field {
    fn read(value: &Value) -> Read<Self> {
        Ok(Self {
            name: need(text(value, "name", 64), "name")?,
            kind: need(value.get("type").and_then(FieldType::read), "type")?,
            required: value.get("required") == Some(&Value::Bool(true)),
            title: text(value, "title", TITLE_MAX).unwrap_or_default(),
            make: text(value, "make", 64),
        })
    }
}

impl Table {
    fn read(value: &Value) -> Read<Self> {
        let column = |value: &Value| {
            Ok(Column {
                name: need(name(value, "name"), "name")?,
                kind: need(value.get("type").and_then(FieldType::read), "type")?,
            })
        };
        let columns: Vec<Column> = list(value, "columns", column)?;
        let known = |name: &String| columns.iter().any(|column| column.name == *name);
        let index = |value: &Value| {
            let columns = texts(value, "columns", 64)?;
            if columns.is_empty() || columns.len() > INDEX_COLUMNS_MAX || !columns.iter().all(known)
            {
                return wrong("columns");
            }
            Ok(Index {
                name: need(name(value, "name"), "name")?,
                columns,
            })
        };
        let until = text(value, "until", 64);
        if !until.iter().all(known) {
            return wrong("until");
        }
        Ok(Self {
            name: need(name(value, "name"), "name")?,
            title: text(value, "title", TITLE_MAX).unwrap_or_default(),
            indexes: list(value, "indexes", index)?,
            until,
            columns,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn pairs<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        Value::map(pairs)
    }

    fn t(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn sample() -> Value {
        pairs([
            ("abi", Value::Int(1)),
            ("app", t("counter")),
            ("major", Value::Int(1)),
            ("version", t("1.0.0")),
            ("title", t("Counts")),
            ("mode", t("ordered")),
            (
                "roles",
                pairs([("client", Value::Array(vec![t("count.*")]))]),
            ),
            (
                "events",
                Value::Array(vec![pairs([
                    ("kind", t("count.add")),
                    ("title", t("Add")),
                    ("refs", Value::Array(vec![t("after")])),
                    (
                        "fields",
                        Value::Array(vec![pairs([
                            ("name", t("by")),
                            ("type", t("int")),
                            ("required", Value::Bool(true)),
                        ])]),
                    ),
                ])]),
            ),
            (
                "tables",
                Value::Array(vec![pairs([
                    ("name", t("counts")),
                    (
                        "columns",
                        Value::Array(vec![pairs([("name", t("sum")), ("type", t("int"))])]),
                    ),
                    (
                        "indexes",
                        Value::Array(vec![pairs([
                            ("name", t("by_sum")),
                            ("columns", Value::Array(vec![t("sum")])),
                        ])]),
                    ),
                ])]),
            ),
        ])
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::decode(&sample().encode()).unwrap();
        assert_eq!(manifest.event("count.add").unwrap().refs, ["after"]);
        assert_eq!(
            manifest.table("counts").unwrap().1.indexes[0].columns,
            ["sum"]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let Value::Map(mut whole) = sample() else {
            panic!()
        };
        whole.retain(|(key, _)| key != "mode");
        let error = Manifest::decode(&Value::map(whole).encode()).unwrap_err();
        assert_eq!(error.place, "mode");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(at in 0usize..400, byte in any::<u8>()) {
            let mut bytes = sample().encode();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Manifest::decode(&bytes);
        }
    }
}
