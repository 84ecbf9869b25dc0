//! From arguments to an event: what was typed, what is made, and the evidence that
//! goes with it (`spec/10-reducer.md` 10.7).

use clap::ArgMatches;
use clap::parser::ValueSource;
use synlog_log::attestation::{Attestation, Claims};
use synlog_log::cbor::Value;
use synlog_log::fold::{EventKind, Field, FieldType};
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::payload::Payload;

use crate::cli::daily::values::Files;
use crate::cli::daily::{shape, values};
use crate::cli::input;
use crate::clock::now_ms;
use crate::entropy::random;
use crate::failure::Failure;
use crate::instant::month_of;
use crate::json::from_json;
use crate::node::Node;
use crate::paths;
use crate::secrets::{commit, take_commitment};
use crate::writing::Event;
use crate::zones;

/// An event that is ready to be written.
pub(crate) struct Filled {
    /// The event.
    pub event: Event,
    /// What its writer must know and nobody else, in words.
    pub secrets: Vec<String>,
}

pub(super) struct Filling<'a> {
    pub(super) node: &'a mut Node,
    pub(super) topic: TopicId,
    pub(super) kind: &'a EventKind,
    pub(super) body: Value,
    pub(super) erasable: Value,
    pub(super) secrets: Vec<String>,
    /// What a take is for.
    pub(super) taken_for: Option<EntryId>,
    /// Whether somebody typed it: fields are flags then.
    pub(super) typed: bool,
}

/// Fills an event from arguments.
pub(super) fn fill(
    node: &mut Node,
    topic: &TopicId,
    kind: &EventKind,
    matches: &ArgMatches,
    files: &Files<'_>,
) -> Result<Filled, Failure> {
    let empty = || Value::Map(Vec::new());
    let taken_for = match shape::commits(kind)
        .then(|| matches.get_one::<String>("for"))
        .flatten()
    {
        Some(front) => Some(node.find_entry(front)?),
        None => None,
    };
    let body = match matches.get_one::<String>("body") {
        Some(text) => input::object("body", text.as_bytes())?,
        None => empty(),
    };
    let mut filling = Filling {
        node,
        topic: *topic,
        kind,
        body,
        erasable: empty(),
        secrets: Vec::new(),
        taken_for,
        typed: true,
    };
    filling.take_arguments(matches, files)?;
    filling.finish(matches.get_many::<String>("prove").into_iter().flatten())
}

impl Filling<'_> {
    /// What is made, looked up and proven; then the event.
    pub(super) fn finish<'a>(
        mut self,
        prove: impl Iterator<Item = &'a String>,
    ) -> Result<Filled, Failure> {
        self.complete_items()?;
        self.make_fields()?;
        self.check_required()?;
        let mut evidence = self.evidence()?;
        for front in prove {
            let id = self.node.find_entry(front)?;
            evidence.push(self.proof(&id)?);
        }
        let erasable = match &self.erasable {
            Value::Map(pairs) if pairs.is_empty() => None,
            data => Some(data.clone()),
        };
        Ok(Filled {
            event: Event {
                kind: self.kind.kind.clone(),
                body: self.body,
                evidence,
                erasable,
                expires_ms: 0,
            },
            secrets: self.secrets,
        })
    }

    fn take_arguments(&mut self, matches: &ArgMatches, files: &Files<'_>) -> Result<(), Failure> {
        for (field, erasable) in self.fields() {
            let id = shape::id(&field, erasable);
            if field.name.contains("[]")
                || matches.value_source(&id) != Some(ValueSource::CommandLine)
            {
                continue;
            }
            let texts: Vec<String> = matches
                .get_many::<String>(&id)
                .into_iter()
                .flatten()
                .cloned()
                .collect();
            let what = format!("--{}", shape::flag(&field));
            let mut read = Vec::new();
            for text in &texts {
                read.push(values::read(
                    self.node,
                    &self.topic,
                    field.kind,
                    &what,
                    text,
                    files,
                )?);
            }
            let value = match (field.kind, read.len()) {
                // one JSON array is the list itself
                (FieldType::List | FieldType::Blobs, 1) if matches!(read[0], Value::Array(_)) => {
                    read.swap_remove(0)
                }
                (FieldType::List | FieldType::Blobs, _) => Value::Array(read),
                _ => match read.pop() {
                    Some(value) => value,
                    None => continue,
                },
            };
            let part = if erasable {
                &mut self.erasable
            } else {
                &mut self.body
            };
            paths::put(part, &field.name, value);
        }
        Ok(())
    }

    pub(super) fn fields(&self) -> Vec<(Field, bool)> {
        let body = self.kind.fields.iter().map(|field| (field.clone(), false));
        let erasable = self.kind.erasable.iter().map(|field| (field.clone(), true));
        body.chain(erasable).collect()
    }

    /// A map that names an item of a space gets the revision and title that the space
    /// shows here, where it has none.
    fn complete_items(&mut self) -> Result<(), Failure> {
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
                let row = match self.node.row_of(&space, "items", &format!("item/{slug}")) {
                    Err(Failure::NoTopic(_) | Failure::NoReducer(_)) if !lacking[0] => continue,
                    row => row?,
                };
                let Some(row) = row else {
                    return Err(Failure::BadName(format!(
                        "the space {} has no item {slug:?} here",
                        space.short()
                    )));
                };
                for key in ["revision", "title"] {
                    if item.get(key).is_none()
                        && let Some(value) = row.columns.get(key)
                    {
                        paths::put(item, key, value.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn make_fields(&mut self) -> Result<(), Failure> {
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

    fn make_in_list(&mut self, list: &str, key: &str, make: &str) -> Result<(), Failure> {
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

    fn make(&mut self, make: &str) -> Result<Option<Value>, Failure> {
        let bytes = |bytes: &[u8]| Some(Value::Bytes(bytes.to_vec()));
        Ok(match make.split_once(':').unwrap_or((make, "")) {
            ("random16", _) => bytes(&random::<16>()?),
            ("random32", _) => bytes(&random::<32>()?),
            ("now", _) => i64::try_from(now_ms()).ok().map(Value::Int),
            ("default", json) => {
                let json = serde_json::from_str(json).ok();
                json.and_then(|json| from_json(&json).ok())
            }
            ("secret", label) => {
                let tip = self.node.own_tip(&self.topic)?;
                let seq = tip.map_or(0, |tip| tip.seq + 1);
                let secret = self.node.entry_secret(label, &self.topic, seq)?;
                self.secrets.push(format!(
                    "the {label} code, to be shown only at the {label}: {}",
                    hex(&secret)
                ));
                bytes(&commit(label, &secret))
            }
            ("row", place) => self.row_value(place)?,
            ("offsets", field) => {
                let zone = self.body.get(field).and_then(Value::as_text);
                zone.map(|zone| zones::offsets(zone, now_ms()))
                    .transpose()?
            }
            ("reveal", _) => match self.first_entry() {
                Some(order) => bytes(&self.node.take_secret(&self.topic, &order)?),
                None => None,
            },
            ("commit", _) => match self.taken_for {
                Some(order) => bytes(&self.commitment(&order)?),
                None => None,
            },
            ("holder", _) => match self.body.get("tag").and_then(Value::as_bytes) {
                Some(tag) => bytes(&self.node.holder(&self.topic, tag)?),
                None => None,
            },
            _ => None,
        })
    }

    /// The value of a column of a row: `TABLE:KEY:COLUMN`, where `{name}` in the key
    /// stands for a field of the body.
    fn row_value(&mut self, place: &str) -> Result<Option<Value>, Failure> {
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
        let row = self.node.row_of(&self.topic, table, &wanted)?;
        let value = row.and_then(|row| row.columns.get(column).cloned());
        Ok(value.filter(|value| *value != Value::Null))
    }

    /// The commitment of a take for an order or booking of a relation that is here.
    fn commitment(&mut self, order: &EntryId) -> Result<[u8; 32], Failure> {
        let relation = self.node.entry(order)?.topic;
        let r = self.node.take_secret(&relation, order)?;
        Ok(take_commitment(&r, &relation, order))
    }

    /// The order or booking that the event is about.
    fn first_entry(&self) -> Option<EntryId> {
        let field = self.kind.fields.first()?;
        paths::get(&self.body, &field.name)?.as_id().map(EntryId)
    }

    fn check_required(&self) -> Result<(), Failure> {
        for field in self.kind.fields.iter().filter(|field| field.required) {
            if !field.name.contains("[]") && paths::get(&self.body, &field.name).is_none() {
                let name = match self.typed {
                    true => format!("--{}", shape::flag(field)),
                    false => field.name.clone(),
                };
                return Err(Failure::Usage(format!(
                    "{name} is missing: {}",
                    field.title
                )));
            }
        }
        Ok(())
    }

    fn evidence(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut evidence = Vec::new();
        for hint in self.kind.evidence.clone() {
            let (what, path) = hint.split_once(':').unwrap_or((&hint, ""));
            for value in paths::all(&self.body, path) {
                let Some(id) = value.as_id().map(EntryId) else {
                    continue;
                };
                match what {
                    "proof" => evidence.push(self.proof(&id)?),
                    "grant" => evidence.extend(self.grant(&id)?),
                    "receipt" => evidence.extend(self.receipt(&id)?),
                    _ => {}
                }
            }
        }
        Ok(evidence)
    }

    /// A proof without the erasable part: that is nobody else's business.
    fn proof(&mut self, id: &EntryId) -> Result<Vec<u8>, Failure> {
        Ok(self.node.prove(id)?.without_erasable().encode())
    }

    fn grant(&mut self, agree: &EntryId) -> Result<Option<Vec<u8>>, Failure> {
        let entry = self.node.entry(agree)?;
        let form = entry.payload.form();
        let body = form
            .split()
            .and_then(|payload: Payload<'_>| payload.check().map(|event| event.body));
        let body = body.map_err(Failure::refused("the agreement"))?;
        let holder = body.get("holder").and_then(Value::as_id);
        let tag = body.get("tag").and_then(Value::as_bytes);
        let tag = tag.and_then(|tag| <[u8; 16]>::try_from(tag).ok());
        let (Some(holder), Some(tag)) = (holder, tag) else {
            return Ok(None);
        };
        let claims = Claims::Grant {
            subject: self.node.entity(),
            holder,
            tag,
            month: month_of(now_ms()),
        };
        self.node.attest(claims).map(Some)
    }

    fn receipt(&mut self, id: &EntryId) -> Result<Option<Vec<u8>>, Failure> {
        let entry = self.node.entry(id)?;
        let (topic, author, seq) = (entry.topic, entry.header.author, entry.header.seq);
        let receipts = self.node.receipts_for(&topic, &author, seq)?;
        let bytes = receipts.into_iter().next().map(|receipt| receipt.bytes);
        match bytes {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Failure::NoEffect(format!(
                "nobody has confirmed yet that {} was delivered",
                id.short()
            ))),
        }
    }
}

/// What an attestation looks like as evidence.
impl Node {
    fn attest(&self, claims: Claims) -> Result<Vec<u8>, Failure> {
        let certificate = self.certificate().map(|certificate| certificate.encode());
        let certificate = certificate
            .ok_or_else(|| Failure::System("this device has no certificate in its store".into()))?;
        Ok(Attestation::sign(&self.key, &certificate, claims).encode())
    }
}
