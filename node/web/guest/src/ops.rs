//! Requests and answers in bytes: the length of a JSON text as `u32` little-endian, the
//! text, then bytes that go with it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use synlog_log::bundle::{BundleWriter, RecordKind};
use synlog_log::ids::{DeviceId, FeedKey, TopicId, hex};
use synlog_log::sealed::opening::{header_of, opened};
use synlog_values::codes;
use synlog_values::manifest::manifest_json;
use synlog_values::secrets::Secrets;

use crate::guest::Guest;
use crate::identity::{Random, array};
use crate::intake::{Record, Took};
use crate::rules::Engine;
use crate::vectors;
use crate::writing::Asked;
use crate::wrong::Wrong;

/// Bytes of what is pushed at once.
const PUSH_MAX: usize = 512 * 1024;

/// A JSON text with bytes that go with it.
type Answer = Result<(Json, Vec<u8>), Wrong>;

fn usage<T>(text: &str) -> Result<T, Wrong> {
    Err(Wrong::Usage(text.to_owned()))
}

/// Puts a message together.
pub fn message(json: &Json, bytes: &[u8]) -> Vec<u8> {
    let text = json.to_string();
    // a JSON text of 4 GiB does not fit into a browser's module
    let mut out = (text.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(bytes);
    out
}

/// Takes a message apart.
pub fn parts(message: &[u8]) -> Option<(Json, &[u8])> {
    let (length, rest) = message.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, bytes) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(text).ok()?, bytes))
}

/// A request with its fields.
struct Request<'a> {
    json: &'a Json,
    bytes: &'a [u8],
}

impl<'a> Request<'a> {
    fn text(&self, key: &str) -> Result<&'a str, Wrong> {
        let text = self.json.get(key).and_then(Json::as_str);
        text.ok_or_else(|| Wrong::Usage(format!("{key} is missing")))
    }

    fn id<const N: usize>(&self, key: &str) -> Result<[u8; N], Wrong> {
        let id = self.json.get(key).and_then(array);
        id.ok_or_else(|| Wrong::Usage(format!("{key} is missing, or no {N} bytes in hex")))
    }

    fn topic(&self) -> Result<TopicId, Wrong> {
        self.id("topic").map(TopicId)
    }

    fn number(&self, key: &str) -> Result<u64, Wrong> {
        let number = self.json.get(key).and_then(Json::as_u64);
        number.ok_or_else(|| Wrong::Usage(format!("{key} is missing")))
    }

    fn random(&self) -> Result<Random, Wrong> {
        Ok(Random::new(&self.id("random")?))
    }

    fn asked(&self) -> Result<Asked<'a>, Wrong> {
        static NOTHING: Json = Json::Null;
        Ok(Asked {
            topic: self.topic()?,
            kind: self.text("kind")?,
            body: self.json.get("body").unwrap_or(&NOTHING),
            erasable: self.json.get("erasable").filter(|it| !it.is_null()),
            now_ms: self.number("now_ms")?,
        })
    }
}

impl Guest {
    /// Answers a request.
    pub fn handle(&mut self, engine: &mut dyn Engine, request: &[u8]) -> Vec<u8> {
        let answer = match parts(request) {
            Some((json, bytes)) => {
                let request = Request { json: &json, bytes };
                request
                    .text("op")
                    .and_then(|op| self.answer(engine, op, &request))
            }
            None => usage("the request does not decode"),
        };
        match answer {
            Ok((ok, bytes)) => message(&json!({ "ok": ok }), &bytes),
            Err(wrong) => message(
                &json!({ "error": {
                    "code": wrong.code(),
                    "rule": wrong.rule(),
                    "text": wrong.to_string(),
                } }),
                &[],
            ),
        }
    }

    fn answer(&mut self, engine: &mut dyn Engine, op: &str, request: &Request<'_>) -> Answer {
        let only = |json: Json| Ok((json, Vec::new()));
        match op {
            "pin" => {
                let major = u16::try_from(request.number("major")?);
                let major = major.or_else(|_| usage("major is too large"))?;
                self.pin(request.text("app")?, major, request.id("hash")?);
                only(Json::Null)
            }
            "make" => {
                let (name, mut random) = (request.text("name")?, request.random()?);
                let record = self.make_keys(name, &mut random, request.number("now_ms")?)?;
                let keys = self.keys()?.to_json();
                let record = record_json(&record);
                Ok((json!({ "keys": keys, "record": record.0 }), record.1))
            }
            "load_keys" => {
                self.load_keys(request.json.get("keys").unwrap_or(&Json::Null))?;
                only(Json::Null)
            }
            "load" => only(took_json(&self.load(request.bytes)?).0),
            "take" => Ok(took_json(&self.take(request.topic()?, request.bytes)?)),
            "me" => only(self.me()?),
            "words" => only(json!({ "words": self.keys()?.words() })),
            "is_root" => only(json!(self.keys()?.is_root(request.text("words")?))),
            "drop_root" => {
                self.drop_root()?;
                only(json!({ "keys": self.keys()?.to_json() }))
            }
            "session" => {
                let signature = self
                    .keys()?
                    .answer(&request.id("challenge")?, &request.id("node")?);
                let keys = self.keys()?;
                let statements: Vec<_> = keys.statements().cloned().collect();
                let bundle = self.entries.bundle(&[keys.profile], &statements)?;
                Ok((
                    json!({ "device": keys.device_id().to_string(), "signature": hex(&signature) }),
                    bundle,
                ))
            }
            "heights" => {
                let heights = self.entries.heights(&request.topic()?).into_iter();
                let heights = heights.map(
                    |(author, height)| json!({ "author": author.to_string(), "height": height }),
                );
                only(Json::Array(heights.collect()))
            }
            "unsent" => self.unsent(request),
            "lacking" => self.lacking(request),
            "reducer" => only(json!(hex(&self.reducer_of(&request.topic()?)?))),
            "manifest" => {
                let rules = self.rules(engine, &request.topic()?)?;
                only(manifest_json(&rules.manifest))
            }
            "rows" => only(self.rows_json(engine, &request.topic()?)?),
            "audit" => only(self.audit(engine, &request.topic()?, true)?),
            "history" => only(self.audit(engine, &request.topic()?, false)?),
            "try" => {
                let (asked, mut random) = (request.asked()?, request.random()?);
                only(self.try_out(engine, &asked, &mut random)?)
            }
            "write" => {
                let (asked, mut random) = (request.asked()?, request.random()?);
                let signed = self.write(engine, &asked, &mut random)?;
                let (record, bytes) = record_json(&signed.record);
                Ok((
                    json!({
                        "id": signed.id.to_string(),
                        "record": record,
                        "secrets": signed.secrets,
                    }),
                    bytes,
                ))
            }
            "kept" => {
                self.kept()?;
                only(Json::Null)
            }
            "dropped" => {
                self.dropped();
                only(Json::Null)
            }
            "secret" => only(self.code(request)?),
            "export" => {
                let topics: Vec<TopicId> = self.entries.topics().copied().collect();
                let statements: Vec<_> = self.keys()?.statements().cloned().collect();
                Ok((Json::Null, self.entries.bundle(&topics, &statements)?))
            }
            "hash" => only(json!(hex(blake3::hash(request.bytes).as_bytes()))),
            "bundle" => only_bytes(bundle_of(request)?),
            "forget" => {
                self.forget();
                only(Json::Null)
            }
            "vectors" => match vectors::check(request.text("file")?, request.bytes) {
                Some((cases, failed)) => only(json!({ "cases": cases, "failed": failed })),
                None => usage("these are no vectors that are known here"),
            },
            _ => usage("there is no such request"),
        }
    }

    fn me(&self) -> Result<Json, Wrong> {
        let keys = self.keys()?;
        let topics = self
            .entries
            .topics()
            .filter(|topic| **topic != keys.profile);
        Ok(json!({
            "entity": keys.entity().to_string(),
            "device": keys.device_id().to_string(),
            "profile": keys.profile.to_string(),
            "root": keys.holds_root(),
            "topics": topics.map(ToString::to_string).collect::<Vec<_>>(),
        }))
    }

    /// A bundle of own entries beyond the height to which a node has them.
    fn unsent(&self, request: &Request<'_>) -> Answer {
        let topic = request.topic()?;
        let feed = self.own_feed(&topic)?;
        let height = request.number("height")?;
        let own = self.entries.tip(&feed).map_or(0, |tip| tip.seq + 1);
        let statements: Vec<_> = self.keys()?.statements().cloned().collect();
        let beyond = self.entries.beyond(&feed, height, PUSH_MAX, &statements)?;
        let (bundle, more) = beyond.unwrap_or_default();
        let count = own.saturating_sub(height);
        Ok((
            json!({ "count": count, "height": own, "more": more }),
            bundle,
        ))
    }

    /// A bundle of all entries beyond the heights to which a node has a topic: one that was
    /// restored from a backup lacks what others wrote, too. `count`: all that it lacks.
    fn lacking(&self, request: &Request<'_>) -> Answer {
        let topic = request.topic()?;
        let theirs = request.json.get("heights").and_then(Json::as_array);
        let mut heights = BTreeMap::new();
        for of in theirs.into_iter().flatten() {
            let author = of.get("author").and_then(array).map(DeviceId);
            let height = of.get("height").and_then(Json::as_u64);
            match author.zip(height) {
                Some((author, height)) => heights.insert(author, height),
                None => return usage("heights wants authors with heights"),
            };
        }
        let beyond = |(author, height): &(DeviceId, u64)| {
            height.saturating_sub(heights.get(author).copied().unwrap_or(0))
        };
        let count: u64 = self.entries.heights(&topic).iter().map(beyond).sum();
        let statements: Vec<_> = self.keys()?.statements().cloned().collect();
        let found = self
            .entries
            .lacking(&topic, &heights, PUSH_MAX, &statements)?;
        let (bundle, more) = found.unwrap_or_default();
        Ok((json!({ "count": count, "more": more }), bundle))
    }

    /// The secret with a label that an own entry of a topic commits to, as a code.
    fn code(&self, request: &Request<'_>) -> Result<Json, Wrong> {
        let keys = self.keys()?;
        let topic = request.topic()?;
        let id = synlog_log::ids::EntryId(request.id("entry")?);
        let feed = FeedKey {
            author: keys.device_id(),
            topic,
        };
        let (order, label) = (self.order(&topic)?, request.text("label")?);
        let secrets = Secrets(&keys.app_secrets);
        let secret = self.entries.look(&id, |run, index| {
            let entry = run.entries.get(index).filter(|_| run.feed == feed)?;
            let inside = opened(order, &id, || header_of(run, entry), &entry.payload);
            let form = inside.as_ref().map_or(entry.payload, |it| it.form());
            secrets.committed(label, &topic, entry.seq, form.split().ok()?.body)
        });
        Ok(json!(codes::written(&secret.ok_or(Wrong::NoEntry)?)))
    }
}

fn only_bytes(bytes: Vec<u8>) -> Answer {
    Ok((Json::Null, bytes))
}

fn record_json(record: &Record) -> (Json, Vec<u8>) {
    let json = json!({
        "kind": record.kind.number(),
        "topic": record.feed.topic.to_string(),
        "author": record.feed.author.to_string(),
        "seq": record.seq,
        "hash": hex(blake3::hash(&record.bytes).as_bytes()),
        "bytes": record.bytes.len(),
    });
    (json, record.bytes.clone())
}

/// What was taken in; the records one after the other, for the browser to store.
fn took_json(took: &Took) -> (Json, Vec<u8>) {
    let (mut records, mut bytes) = (Vec::new(), Vec::new());
    for record in &took.fresh {
        let (json, of) = record_json(record);
        records.push(json);
        bytes.extend(of);
    }
    let json = json!({
        "entries": took.entries,
        "refused": took.refused,
        "waiting": took.waiting,
        "records": records,
    });
    (json, bytes)
}

/// Stored records, given as `records: [{kind, bytes}]` and their bytes one after the other,
/// as a bundle to be loaded.
fn bundle_of(request: &Request<'_>) -> Result<Vec<u8>, Wrong> {
    let wrong = || Wrong::Usage("the stored records do not add up".to_owned());
    let mut rest = request.bytes;
    let written = |_| wrong();
    let mut writer = BundleWriter::new(Vec::new()).map_err(written)?;
    let records = request.json.get("records").and_then(Json::as_array);
    for record in records.ok_or_else(wrong)? {
        let number = |key: &str| record.get(key).and_then(Json::as_u64);
        let kind = number("kind").and_then(|kind| u8::try_from(kind).ok());
        let kind = kind.and_then(RecordKind::from_number).ok_or_else(wrong)?;
        let length = number("bytes").and_then(|length| usize::try_from(length).ok());
        let split = length.and_then(|length| rest.split_at_checked(length));
        let (data, after) = split.ok_or_else(wrong)?;
        writer.record(kind, data).map_err(written)?;
        rest = after;
    }
    writer.finish().map_err(written)
}
