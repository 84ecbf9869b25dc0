//! From JSON that a program gives to an event.

use serde_json::Value as Json;
use synlog_log::cbor::Value;
use synlog_log::fold::{EventKind, Field, FieldType};
use synlog_log::ids::TopicId;

use crate::cli::daily::filling::{Filled, Filling};
use crate::cli::daily::values::{self, Files};
use crate::failure::Failure;
use crate::json::from_json;
use crate::node::Node;
use crate::paths;

/// What a program gives for an event.
pub(crate) struct Given<'a> {
    /// Its fields, a JSON object.
    pub body: &'a Json,
    /// What may be erased later.
    pub erasable: Option<&'a Json>,
    /// The order or booking for which something is taken.
    pub taken_for: Option<&'a str>,
    /// Entries of which proofs go along.
    pub prove: &'a [String],
}

/// Fills an event from JSON. Where a field is no text and a text is given, it is read as
/// the command line reads it; files are not.
pub(crate) fn fill_json(
    node: &mut Node,
    topic: &TopicId,
    kind: &EventKind,
    given: &Given<'_>,
) -> Result<Filled, Failure> {
    let whole = |what: &str, json: &Json| {
        let value = from_json(json)
            .ok()
            .filter(|value| matches!(value, Value::Map(_)));
        let why = || match from_json(json) {
            Err(error) => Failure::Usage(format!("{what}: {error}")),
            Ok(_) => Failure::Usage(format!("{what} is not an object")),
        };
        value.ok_or_else(why)
    };
    let taken_for = given.taken_for.map(|front| node.find_entry(front));
    let (body, erasable) = (whole("body", given.body)?, given.erasable);
    let erasable = erasable.map(|part| whole("erasable", part)).transpose()?;
    let mut filling = Filling {
        taken_for: taken_for.transpose()?,
        node,
        topic: *topic,
        kind,
        body,
        erasable: erasable.unwrap_or(Value::Map(Vec::new())),
        secrets: Vec::new(),
        typed: false,
    };
    filling.read_texts()?;
    filling.finish(given.prove.iter())
}

impl Filling<'_> {
    /// Reads texts that stand for something else.
    fn read_texts(&mut self) -> Result<(), Failure> {
        for (field, erasable) in self.fields() {
            let part = if erasable { &self.erasable } else { &self.body };
            let mut part = part.clone();
            if let Some((list, key)) = field.name.split_once("[].") {
                let Some(Value::Array(mut items)) = paths::get(&part, list).cloned() else {
                    continue;
                };
                for item in &mut items {
                    self.read_text(item, key, &field)?;
                }
                paths::put(&mut part, list, Value::Array(items));
            } else {
                self.read_text(&mut part, &field.name, &field)?;
            }
            match erasable {
                true => self.erasable = part,
                false => self.body = part,
            }
        }
        Ok(())
    }

    fn read_text(&mut self, part: &mut Value, path: &str, field: &Field) -> Result<(), Failure> {
        let refused = |_: &str| {
            let text = "files are not read here: store them as blobs, and give their hashes";
            Err(Failure::Usage(text.to_owned()))
        };
        let files = Files {
            read: &refused,
            keeps: false,
        };
        let mut read = |text: &str| {
            values::read(
                self.node,
                &self.topic,
                field.kind,
                &field.name,
                text,
                &files,
            )
        };
        let value = match (paths::get(part, path), field.kind) {
            (Some(Value::Text(_)), FieldType::Text) => None,
            (Some(Value::Text(text)), FieldType::List) => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                let mut items = lines.map(read).collect::<Result<Vec<_>, _>>()?;
                // one JSON array is the list itself
                match items.first() {
                    Some(Value::Array(_)) if items.len() == 1 => items.pop(),
                    _ => Some(Value::Array(items)),
                }
            }
            (Some(Value::Text(text)), _) => Some(read(text)?),
            (Some(Value::Array(items)), FieldType::Blobs) => {
                let items = items.iter().map(|item| match item {
                    Value::Text(text) => read(text),
                    other => Ok(other.clone()),
                });
                Some(Value::Array(items.collect::<Result<_, _>>()?))
            }
            _ => None,
        };
        if let Some(value) = value {
            paths::put(part, path, value);
        }
        Ok(())
    }
}
