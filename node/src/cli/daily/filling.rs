//! From arguments to an event: what was typed is read, the rest is filled in as
//! `synlog_values::filling` says, with what this node knows.

use clap::ArgMatches;
use clap::parser::ValueSource;
use synlog_log::attestation::{Attestation, Claims};
use synlog_log::cbor::Value;
use synlog_log::fold::{EventKind, FieldType};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::payload::Payload;
use synlog_values::filling::{self, Filling, Maker};
use synlog_values::{paths, typed};

use crate::cli::daily::shape;
use crate::cli::daily::values::{self, Files};
use crate::cli::input;
use crate::clock::now_ms;
use crate::entropy::random;
use crate::failure::Failure;
use crate::instant::month_of;
use crate::node::Node;
use crate::secrets::take_commitment;
use crate::writing::Event;
use crate::zones;

/// An event that is ready to be written.
pub(crate) struct Filled {
    /// The event.
    pub event: Event,
    /// What its writer must know and nobody else, in words.
    pub secrets: Vec<String>,
}

impl Filled {
    /// What was filled, as an event of a kind.
    pub(super) fn of(kind: &EventKind, filled: filling::Filled) -> Self {
        Self {
            event: Event {
                kind: kind.kind.clone(),
                body: filled.body,
                evidence: filled.evidence,
                erasable: filled.erasable,
                expires_ms: 0,
            },
            secrets: filled.secrets,
        }
    }
}

/// What this node knows, has and can make.
pub(super) struct NodeMaker<'a> {
    pub(super) node: &'a mut Node,
    pub(super) topic: TopicId,
    pub(super) files: &'a Files<'a>,
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
        maker: NodeMaker {
            node,
            topic: *topic,
            files,
        },
        kind,
        body,
        erasable: empty(),
        secrets: Vec::new(),
        taken_for,
        named: |field| format!("--{}", shape::flag(field)),
    };
    take_arguments(&mut filling, matches)?;
    let prove = matches.get_many::<String>("prove").into_iter().flatten();
    let prove = entries(filling.maker.node, prove)?;
    Ok(Filled::of(kind, filling.finish(&prove)?))
}

/// Entries that are named by the fronts of their ids.
pub(super) fn entries<'a>(
    node: &mut Node,
    fronts: impl Iterator<Item = &'a String>,
) -> Result<Vec<EntryId>, Failure> {
    fronts.map(|front| node.find_entry(front)).collect()
}

fn take_arguments(
    filling: &mut Filling<'_, NodeMaker<'_>>,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    for (field, erasable) in filling.fields() {
        let id = shape::id(&field, erasable);
        if field.name.contains("[]") || matches.value_source(&id) != Some(ValueSource::CommandLine)
        {
            continue;
        }
        let texts = matches.get_many::<String>(&id).into_iter().flatten();
        let what = format!("--{}", shape::flag(&field));
        let mut read = Vec::new();
        for text in texts {
            read.push(typed::read(&mut filling.maker, field.kind, &what, text)?);
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
        let part = match erasable {
            true => &mut filling.erasable,
            false => &mut filling.body,
        };
        paths::put(part, &field.name, value);
    }
    Ok(())
}

impl Maker for NodeMaker<'_> {
    type Error = Failure;

    fn usage(text: String) -> Failure {
        Failure::Usage(text)
    }

    fn entry(&mut self, text: &str) -> Result<[u8; 32], Failure> {
        Ok(self.node.find_entry(text)?.0)
    }

    fn entity(&mut self, text: &str) -> Result<[u8; 32], Failure> {
        Ok(self.node.find_entity(text)?.0)
    }

    /// The name of a topic that is here, or the front of an id.
    fn identifier(&mut self, text: &str) -> Result<[u8; 32], Failure> {
        match self.node.find_topic(text) {
            Ok(topic) => Ok(topic.0),
            Err(_) => Ok(self.node.find_entry(text)?.0),
        }
    }

    fn blob(&mut self, what: &str, text: &str) -> Result<Value, Failure> {
        values::blob(self.node, &self.topic, what, text, self.files)
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Failure> {
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(&random::<32>()?[..chunk.len()]);
        }
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn row(&mut self, table: &str, key: &str) -> Result<Option<Value>, Failure> {
        let row = self.node.row_of(&self.topic, table, key)?;
        Ok(row.map(|row| row.columns))
    }

    fn item(
        &mut self,
        space: &TopicId,
        slug: &str,
        needed: bool,
    ) -> Result<Option<Value>, Failure> {
        let row = match self.node.row_of(space, "items", &format!("item/{slug}")) {
            Err(Failure::NoTopic(_) | Failure::NoReducer(_)) if !needed => return Ok(None),
            row => row?,
        };
        let row = row.ok_or_else(|| {
            Failure::BadName(format!(
                "the space {} has no item {slug:?} here",
                space.short()
            ))
        })?;
        Ok(Some(row.columns))
    }

    fn secret(&mut self, label: &str) -> Result<[u8; 32], Failure> {
        let tip = self.node.own_tip(&self.topic)?;
        let seq = tip.map_or(0, |tip| tip.seq + 1);
        self.node.entry_secret(label, &self.topic, seq)
    }

    fn reveal(&mut self, order: &EntryId) -> Result<[u8; 32], Failure> {
        self.node.take_secret(&self.topic, order)
    }

    fn commitment(&mut self, order: &EntryId) -> Result<[u8; 32], Failure> {
        let relation = self.node.entry(order)?.topic;
        let r = self.node.take_secret(&relation, order)?;
        Ok(take_commitment(&r, &relation, order))
    }

    fn holder(&mut self, tag: &[u8]) -> Result<[u8; 32], Failure> {
        self.node.holder(&self.topic, tag)
    }

    fn offsets(&mut self, zone: &str) -> Result<Value, Failure> {
        zones::offsets(zone, now_ms())
    }

    /// The erasable part is nobody else's business.
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
