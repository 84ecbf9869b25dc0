//! What is given for an event, completed: texts are read, fields that nobody gave are
//! made, and evidence is gathered (`spec/10-reducer.md` 10.7).

use serde_json::Value as Json;
use synlog_log::cbor::Value;
use synlog_log::fold::{EventKind, Field, FieldType};
use synlog_log::ids::{EntryId, TopicId, hex};

use crate::json::from_json;
use crate::secrets::commit;
use crate::{codes, paths, typed};

/// Whoever fills an event: what it knows, has and can make.
pub trait Maker {
    /// What goes wrong with it.
    type Error;

    /// What somebody gave is wrong.
    fn usage(text: String) -> Self::Error;
    /// An entry by its id, or as else it is named here.
    fn entry(&mut self, text: &str) -> Result<[u8; 32], Self::Error>;
    /// An entity by its id, or as else it is named here.
    fn entity(&mut self, text: &str) -> Result<[u8; 32], Self::Error>;
    /// 32 bytes that have another name here.
    fn identifier(&mut self, text: &str) -> Result<[u8; 32], Self::Error>;
    /// A blob, as events name it.
    fn blob(&mut self, what: &str, text: &str) -> Result<Value, Self::Error>;
    /// Fills bytes with randomness.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error>;
    /// The clock, UTC ms.
    fn now_ms(&self) -> u64;
    /// The columns of a row of the topic.
    fn row(&mut self, table: &str, key: &str) -> Result<Option<Value>, Self::Error>;
    /// The columns of an item of a space; `None` where the space is not known here and
    /// its revision is not `needed`.
    fn item(
        &mut self,
        space: &TopicId,
        slug: &str,
        needed: bool,
    ) -> Result<Option<Value>, Self::Error>;
    /// The secret with a label that the next own entry of the topic commits to.
    fn secret(&mut self, label: &str) -> Result<[u8; 32], Self::Error>;
    /// The `r` of a take for an order or booking of the topic.
    fn reveal(&mut self, order: &EntryId) -> Result<[u8; 32], Self::Error>;
    /// The commitment of a take for an order or booking of a relation that is here.
    fn commitment(&mut self, order: &EntryId) -> Result<[u8; 32], Self::Error>;
    /// Who may review, for a tag.
    fn holder(&mut self, tag: &[u8]) -> Result<[u8; 32], Self::Error>;
    /// The offsets of a time zone for the years to come.
    fn offsets(&mut self, zone: &str) -> Result<Value, Self::Error>;
    /// A proof of an entry, without its erasable part.
    fn proof(&mut self, id: &EntryId) -> Result<Vec<u8>, Self::Error>;
    /// A grant for an agreement.
    fn grant(&mut self, agree: &EntryId) -> Result<Option<Vec<u8>>, Self::Error>;
    /// A receipt that covers an entry.
    fn receipt(&mut self, id: &EntryId) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// An event that is ready to be written.
#[derive(Debug, Clone)]
pub struct Filled {
    /// Its body.
    pub body: Value,
    /// What may be erased later.
    pub erasable: Option<Value>,
    /// Encoded evidence.
    pub evidence: Vec<Vec<u8>>,
    /// What its writer must know and nobody else, in words.
    pub secrets: Vec<String>,
}

/// An event that is being filled.
pub struct Filling<'a, M> {
    /// Who fills it.
    pub maker: M,
    /// Its kind.
    pub kind: &'a EventKind,
    /// What is known of its body.
    pub body: Value,
    /// What is known of its erasable part.
    pub erasable: Value,
    /// What its writer must know, so far.
    pub secrets: Vec<String>,
    /// What a take is for.
    pub taken_for: Option<EntryId>,
    /// How a field is called in errors.
    pub named: fn(&Field) -> String,
}

/// A JSON object that a program gave.
pub fn object<M: Maker>(what: &str, json: &Json) -> Result<Value, M::Error> {
    match from_json(json) {
        Ok(value @ Value::Map(_)) => Ok(value),
        Ok(_) => Err(M::usage(format!("{what} is not an object"))),
        Err(error) => Err(M::usage(format!("{what}: {error}"))),
    }
}

impl<'a, M: Maker> Filling<'a, M> {
    /// Begins with what a program gives as JSON. Where a field is no text and a text is
    /// given, it is read as the command line reads it.
    pub fn of_json(
        maker: M,
        kind: &'a EventKind,
        body: &Json,
        erasable: Option<&Json>,
    ) -> Result<Self, M::Error> {
        let part = erasable.map(|part| object::<M>("erasable", part));
        let mut filling = Self {
            maker,
            kind,
            body: object::<M>("body", body)?,
            erasable: part.transpose()?.unwrap_or(Value::Map(Vec::new())),
            secrets: Vec::new(),
            taken_for: None,
            named: |field| field.name.clone(),
        };
        filling.read_texts()?;
        Ok(filling)
    }

    /// What is made, looked up and proven; then the event. `prove` are entries of which
    /// proofs go along.
    pub fn finish(mut self, prove: &[EntryId]) -> Result<Filled, M::Error> {
        self.complete_items()?;
        self.make_fields()?;
        self.check_required()?;
        let mut evidence = self.evidence()?;
        for id in prove {
            evidence.push(self.maker.proof(id)?);
        }
        let erasable = match self.erasable {
            Value::Map(pairs) if pairs.is_empty() => None,
            data => Some(data),
        };
        Ok(Filled {
            body: self.body,
            erasable,
            evidence,
            secrets: self.secrets,
        })
    }

    /// The fields of the body, then those of the erasable part (`true`).
    pub fn fields(&self) -> Vec<(Field, bool)> {
        let body = self.kind.fields.iter().map(|field| (field.clone(), false));
        let erasable = self.kind.erasable.iter().map(|field| (field.clone(), true));
        body.chain(erasable).collect()
    }

    /// Reads texts that stand for something else.
    fn read_texts(&mut self) -> Result<(), M::Error> {
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

    fn read_text(&mut self, part: &mut Value, path: &str, field: &Field) -> Result<(), M::Error> {
        let mut read = |text: &str| typed::read(&mut self.maker, field.kind, &field.name, text);
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

    /// A map that names an item of a space gets the revision and title that the space
    /// shows here, where it has none.
    fn complete_items(&mut self) -> Result<(), M::Error> {
        let Value::Map(pairs) = &mut self.body else {
            return Ok(());
        };
        for (_, value) in pairs {
            let Value::Array(items) = value else {
                continue;
            };
            for item in items {
                let space = item.get("space").and_then(Value::as_id).map(TopicId);
                let slug = item.get("item").and_then(Value::as_text).map(str::to_owned);
                let (Some(space), Some(slug)) = (space, slug) else {
                    continue;
                };
                let lacking = ["revision", "title"].map(|key| item.get(key).is_none());
                if lacking == [false, false] {
                    continue;
                }
                let Some(columns) = self.maker.item(&space, &slug, lacking[0])? else {
                    continue;
                };
                for key in ["revision", "title"] {
                    if item.get(key).is_none()
                        && let Some(value) = columns.get(key)
                    {
                        paths::put(item, key, value.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn make_fields(&mut self) -> Result<(), M::Error> {
        let fields = self.fields();
        // a holder is made of the tag, so it comes last
        let (last, first): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .partition(|(field, _)| field.make.as_deref() == Some("holder"));
        for (field, erasable) in first.into_iter().chain(last) {
            let Some(make) = field.make.clone() else {
                continue;
            };
            if let Some((list, key)) = field.name.split_once("[].") {
                self.make_in_list(list, key, &make)?;
                continue;
            }
            let part = if erasable { &self.erasable } else { &self.body };
            if paths::get(part, &field.name).is_some() {
                continue;
            }
            if let Some(value) = self.make(&make)? {
                let part = if erasable {
                    &mut self.erasable
                } else {
                    &mut self.body
                };
                paths::put(part, &field.name, value);
            }
        }
        Ok(())
    }

    fn make_in_list(&mut self, list: &str, key: &str, make: &str) -> Result<(), M::Error> {
        let Some(Value::Array(items)) = paths::get(&self.body, list).cloned() else {
            return Ok(());
        };
        let mut made = Vec::new();
        for mut item in items {
            if item.get(key).is_none()
                && let Some(value) = self.make(make)?
            {
                paths::put(&mut item, key, value);
            }
            made.push(item);
        }
        paths::put(&mut self.body, list, Value::Array(made));
        Ok(())
    }

    fn random<const N: usize>(&mut self) -> Result<Option<Value>, M::Error> {
        let mut bytes = [0; N];
        self.maker.random(&mut bytes)?;
        Ok(Some(Value::Bytes(bytes.to_vec())))
    }

    fn make(&mut self, make: &str) -> Result<Option<Value>, M::Error> {
        let bytes = |bytes: &[u8]| Some(Value::Bytes(bytes.to_vec()));
        Ok(match make.split_once(':').unwrap_or((make, "")) {
            ("random16", _) => self.random::<16>()?,
            ("random32", _) => self.random::<32>()?,
            ("now", _) => i64::try_from(self.maker.now_ms()).ok().map(Value::Int),
            ("default", json) => {
                let json = serde_json::from_str(json).ok();
                json.and_then(|json| from_json(&json).ok())
            }
            ("secret", label) => {
                let secret = self.maker.secret(label)?;
                self.secrets.push(format!(
                    "the {label} code, to be shown only at the {label}: {}",
                    codes::written(&secret)
                ));
                bytes(&commit(label, &secret))
            }
            ("row", place) => self.row_value(place)?,
            ("offsets", field) => {
                let zone = self.body.get(field).and_then(Value::as_text);
                let zone = zone.map(str::to_owned);
                zone.map(|zone| self.maker.offsets(&zone)).transpose()?
            }
            ("reveal", _) => match self.first_entry() {
                Some(order) => bytes(&self.maker.reveal(&order)?),
                None => None,
            },
            ("commit", _) => match self.taken_for {
                Some(order) => bytes(&self.maker.commitment(&order)?),
                None => None,
            },
            ("holder", _) => match self.body.get("tag").and_then(Value::as_bytes) {
                Some(tag) => {
                    let tag = tag.to_vec();
                    bytes(&self.maker.holder(&tag)?)
                }
                None => None,
            },
            _ => None,
        })
    }

    /// The value of a column of a row: `TABLE:KEY:COLUMN`, where `{name}` in the key
    /// stands for a field of the body.
    fn row_value(&mut self, place: &str) -> Result<Option<Value>, M::Error> {
        let mut parts = place.splitn(3, ':');
        let (Some(table), Some(key), Some(column)) = (parts.next(), parts.next(), parts.next())
        else {
            return Ok(None);
        };
        let mut wanted = key.to_owned();
        if let Some((front, rest)) = key.split_once('{')
            && let Some((name, back)) = rest.split_once('}')
        {
            let value = match self.body.get(name) {
                Some(Value::Text(text)) => text.clone(),
                Some(Value::Bytes(bytes)) => hex(bytes),
                _ => return Ok(None),
            };
            wanted = format!("{front}{value}{back}");
        }
        let columns = self.maker.row(table, &wanted)?;
        let value = columns.and_then(|columns| columns.get(column).cloned());
        Ok(value.filter(|value| *value != Value::Null))
    }

    /// The order or booking that the event is about.
    fn first_entry(&self) -> Option<EntryId> {
        let field = self.kind.fields.first()?;
        paths::get(&self.body, &field.name)?.as_id().map(EntryId)
    }

    fn check_required(&self) -> Result<(), M::Error> {
        for field in self.kind.fields.iter().filter(|field| field.required) {
            if !field.name.contains("[]") && paths::get(&self.body, &field.name).is_none() {
                let name = (self.named)(field);
                return Err(M::usage(format!("{name} is missing: {}", field.title)));
            }
        }
        Ok(())
    }

    fn evidence(&mut self) -> Result<Vec<Vec<u8>>, M::Error> {
        let mut evidence = Vec::new();
        for hint in &self.kind.evidence {
            let (what, path) = hint.split_once(':').unwrap_or((hint, ""));
            for value in paths::all(&self.body, path) {
                let Some(id) = value.as_id().map(EntryId) else {
                    continue;
                };
                match what {
                    "proof" => evidence.push(self.maker.proof(&id)?),
                    "grant" => evidence.extend(self.maker.grant(&id)?),
                    "receipt" => evidence.extend(self.maker.receipt(&id)?),
                    _ => {}
                }
            }
        }
        Ok(evidence)
    }
}
