//! Writing: an event is filled in by its app's manifest, tried out by the app's rules,
//! sealed and signed. It counts once the browser says that it is stored.

use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::fold::{EventKind, FoldEvent};
use synlog_log::ids::{EntryId, TopicId, unhex};
use synlog_log::limits::DEPS_MAX;
use synlog_log::order::{ChainState, Content, Verdict};
use synlog_log::payload::{Payload, PayloadBuilder};
use synlog_log::run::PayloadForm;
use synlog_log::sealed::opening::{header_of, opened};
use synlog_log::sealed::{Nonces, seal_front};
use synlog_log::topic::TOMBSTONE_KIND;
use synlog_values::filling::{Filled, Filling, Maker};
use synlog_values::json::to_json;
use synlog_values::secrets::Secrets;

use crate::fold::{Preview, Rows, Shown};
use crate::guest::Guest;
use crate::identity::Random;
use crate::intake::Record;
use crate::rules::Engine;
use crate::wrong::Wrong;

/// What somebody wants to write.
pub struct Asked<'a> {
    /// Where.
    pub topic: TopicId,
    /// The kind.
    pub kind: &'a str,
    /// Its fields, a JSON object.
    pub body: &'a Json,
    /// What may be erased later.
    pub erasable: Option<&'a Json>,
    /// UTC milliseconds by this browser's clock.
    pub now_ms: u64,
}

/// What was signed, to be stored.
pub struct Signed {
    /// The entry.
    pub id: EntryId,
    /// The run that holds it.
    pub record: Record,
    /// What only its writer knows, in words.
    pub secrets: Vec<String>,
}

/// What this browser knows and can make.
struct Own<'a> {
    guest: &'a Guest,
    rows: &'a Rows,
    tables: Vec<String>,
    topic: TopicId,
    now_ms: u64,
    random: &'a mut Random,
}

fn elsewhere<T>(what: &str) -> Result<T, Wrong> {
    Err(Wrong::Usage(format!("{what}: only a node can do this")))
}

fn id(text: &str) -> Result<[u8; 32], Wrong> {
    let bytes = unhex(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        Wrong::Usage(format!("{text:?} is no id: it has 64 hexadecimal digits"))
    })
}

impl Own<'_> {
    fn secrets(&self) -> Result<Secrets<'_>, Wrong> {
        Ok(Secrets(&self.guest.keys()?.app_secrets))
    }
}

impl Maker for Own<'_> {
    type Error = Wrong;

    fn usage(text: String) -> Wrong {
        Wrong::Usage(text)
    }

    fn entry(&mut self, text: &str) -> Result<[u8; 32], Wrong> {
        id(text)
    }

    fn entity(&mut self, text: &str) -> Result<[u8; 32], Wrong> {
        id(text)
    }

    fn identifier(&mut self, text: &str) -> Result<[u8; 32], Wrong> {
        id(text)
    }

    fn blob(&mut self, _: &str, _: &str) -> Result<Value, Wrong> {
        elsewhere("files")
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Wrong> {
        self.random.fill(bytes);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn row(&mut self, table: &str, key: &str) -> Result<Option<Value>, Wrong> {
        let table = self.tables.iter().position(|name| name == table);
        let shown = self
            .rows
            .aggregate(key)
            .map(|(aggregate, _)| &aggregate.rows);
        Ok(match shown {
            Some(Shown::Rows(rows)) => {
                let row = rows.iter().find(|row| Some(row.table) == table);
                row.map(|row| row.columns.clone())
            }
            _ => None,
        })
    }

    fn item(&mut self, _: &TopicId, slug: &str, needed: bool) -> Result<Option<Value>, Wrong> {
        match needed {
            false => Ok(None),
            true => Err(Wrong::Usage(format!("{slug}: its revision is missing"))),
        }
    }

    fn secret(&mut self, label: &str) -> Result<[u8; 32], Wrong> {
        let feed = self.guest.own_feed(&self.topic)?;
        let seq = self.guest.entries.tip(&feed).map_or(0, |tip| tip.seq + 1);
        Ok(self.secrets()?.entry(label, &self.topic, seq))
    }

    fn reveal(&mut self, order: &EntryId) -> Result<[u8; 32], Wrong> {
        Ok(self.secrets()?.take(&self.topic, order))
    }

    fn commitment(&mut self, _: &EntryId) -> Result<[u8; 32], Wrong> {
        elsewhere("taking stock")
    }

    fn holder(&mut self, tag: &[u8]) -> Result<[u8; 32], Wrong> {
        let entity = self.guest.keys()?.entity();
        Ok(self.secrets()?.holder(&self.topic, tag, &entity))
    }

    fn offsets(&mut self, _: &str) -> Result<Value, Wrong> {
        elsewhere("time zones")
    }

    fn proof(&mut self, _: &EntryId) -> Result<Vec<u8>, Wrong> {
        elsewhere("proofs")
    }

    fn grant(&mut self, _: &EntryId) -> Result<Option<Vec<u8>>, Wrong> {
        elsewhere("grants")
    }

    fn receipt(&mut self, _: &EntryId) -> Result<Option<Vec<u8>>, Wrong> {
        elsewhere("receipts")
    }
}

impl Guest {
    fn filled(
        &mut self,
        engine: &mut dyn Engine,
        asked: &Asked<'_>,
        random: &mut Random,
    ) -> Result<(EventKind, Filled), Wrong> {
        if asked.kind == TOMBSTONE_KIND {
            return self.tombstone(asked);
        }
        let (_, rules, _) = self.fold(engine, &asked.topic)?;
        let kind = rules.manifest.event(asked.kind);
        let kind = kind.cloned().ok_or_else(|| {
            let kind: String = asked.kind.chars().take(80).collect();
            Wrong::Usage(format!("the app has no {kind:?}"))
        })?;
        let tables = rules.manifest.tables.iter();
        let tables = tables.map(|table| table.name.clone()).collect();
        let this = &*self;
        let own = Own {
            guest: this,
            rows: this.folded(&asked.topic)?,
            tables,
            topic: asked.topic,
            now_ms: asked.now_ms,
            random,
        };
        let filling = Filling::of_json(own, &kind, asked.body, asked.erasable)?;
        let filled = filling.finish(&[])?;
        Ok((kind, filled))
    }

    /// A tombstone: what can be erased of an own entry is shown no more.
    fn tombstone(&self, asked: &Asked<'_>) -> Result<(EventKind, Filled), Wrong> {
        let target = asked.body.get("target").and_then(Json::as_str);
        let target = EntryId(id(target.unwrap_or_default())?);
        let (order, own) = (self.order(&asked.topic)?, self.keys()?.entity());
        if order.entity_of(&target) != Some(own) {
            let text = "only what you wrote yourself can be erased here";
            return Err(Wrong::Usage(text.to_owned()));
        }
        let erasable = self.entries.look(&target, |run, index| {
            let entry = run.entries.get(index)?;
            let inside = opened(order, &target, || header_of(run, entry), &entry.payload);
            let form = inside.as_ref().map_or(entry.payload, |it| it.form());
            Some(form.split().ok()?.erasable.is_some())
        });
        if order.is_erased(&target) || !erasable.ok_or(Wrong::NoEntry)? {
            let text = "there is nothing in it that could be erased";
            return Err(Wrong::Usage(text.to_owned()));
        }
        let filled = Filled {
            body: Value::map([("target", Value::Bytes(target.0.to_vec()))]),
            erasable: None,
            evidence: Vec::new(),
            secrets: Vec::new(),
        };
        Ok((EventKind::plain(TOMBSTONE_KIND.to_owned()), filled))
    }

    /// What the kernel and the rules would say of an event, placed now.
    fn judge(
        &mut self,
        engine: &mut dyn Engine,
        topic: &TopicId,
        payload: &[u8],
        now_ms: u64,
    ) -> Result<Option<String>, Wrong> {
        let feed = self.own_feed(topic)?;
        let entity = self.keys()?.entity();
        let content = Content::of(&PayloadForm::Whole(payload), &feed.author, false);
        let order = self.order(topic)?;
        match order.preview(&feed.author, &entity, &content) {
            Verdict::Accepted => {}
            Verdict::Rejected(code) => return Ok(Some(code.text().to_owned())),
            Verdict::Sealed => return Err(Wrong::Locked),
        }
        let split = Payload::split(payload).map_err(Wrong::refused("the event"))?;
        if split.kind == TOMBSTONE_KIND {
            // the app has no say in it
            return Ok(None);
        }
        let sequences =
            matches!(order.state(), ChainState::Open { sequencer } if sequencer == feed.author);
        let policy = order.policy();
        let event = FoldEvent {
            // it has no id before it is signed; any that nothing else has will do
            id: EntryId(*blake3::hash(payload).as_bytes()),
            author: feed.author,
            entity,
            seq: self.entries.tip(&feed).map_or(0, |tip| tip.seq + 1),
            hlc: now_ms << 16,
            sequenced: sequences && !order.is_causal(),
            role: policy.role(&entity).unwrap_or_default().to_owned(),
            kind: split.kind.to_owned(),
            body: split.body.to_vec(),
            erasable_hash: split.erasable.map(|part| part.hash()),
            facts: Vec::new(),
        };
        let (rows, rules, order) = self.fold(engine, topic)?;
        Ok(match rows.preview(engine, rules, order, &event)? {
            Preview::Accepted => None,
            Preview::Rejected(code) => Some(code),
        })
    }

    /// What would become of an event: `accepted`, the code of who rejects it, or
    /// `incomplete` with what is lacking. Nothing is written.
    pub fn try_out(
        &mut self,
        engine: &mut dyn Engine,
        asked: &Asked<'_>,
        random: &mut Random,
    ) -> Result<Json, Wrong> {
        let (kind, filled) = match self.filled(engine, asked, random) {
            Err(Wrong::Usage(why)) => {
                return Ok(json!({
                    "kind": asked.kind, "verdict": "incomplete", "why": why, "body": null,
                }));
            }
            filled => filled?,
        };
        let payload = payload(&kind, &filled, random)?;
        let verdict = self.judge(engine, &asked.topic, &payload, asked.now_ms)?;
        Ok(json!({
            "kind": asked.kind,
            "verdict": verdict.as_deref().unwrap_or("accepted"),
            "body": to_json(&filled.body),
        }))
    }

    /// Signs an event, unless the kernel or the app's rules would reject it. It counts
    /// after [`Guest::kept`]; until then nothing else is signed.
    pub fn write(
        &mut self,
        engine: &mut dyn Engine,
        asked: &Asked<'_>,
        random: &mut Random,
    ) -> Result<Signed, Wrong> {
        if self.staged.is_some() {
            return Err(Wrong::Unkept);
        }
        let feed = self.own_feed(&asked.topic)?;
        if self.entries.forked_at(&feed).is_some() {
            return Err(Wrong::Unsigned(
                "this browser's key signed two stories here, so it signs no more".to_owned(),
            ));
        }
        let (kind, filled) = self.filled(engine, asked, random)?;
        let payload = payload(&kind, &filled, random)?;
        if let Some(code) = self.judge(engine, &asked.topic, &payload, asked.now_ms)? {
            return Err(Wrong::Rejected(code));
        }
        let (id, run) = self.sign(&asked.topic, &payload, asked.now_ms, random)?;
        let record = Record {
            kind: synlog_log::bundle::RecordKind::Run,
            feed,
            seq: self.entries.tip(&feed).map_or(0, |tip| tip.seq + 1),
            bytes: run.clone(),
        };
        self.staged = Some(run);
        Ok(Signed {
            id,
            record,
            secrets: filled.secrets,
        })
    }

    fn sign(
        &self,
        topic: &TopicId,
        payload: &[u8],
        now_ms: u64,
        random: &mut Random,
    ) -> Result<(EntryId, Vec<u8>), Wrong> {
        let keys = self.keys()?;
        let feed = self.own_feed(topic)?;
        let tip = self.entries.tip(&feed);
        let deps = self.next_deps(topic, tip.as_ref().map(|tip| tip.id))?;
        let mut draft = match tip {
            Some(tip) => Draft::after(&keys.device, *topic, tip),
            None => Draft::first(&keys.device, *topic, keys.certificate()?),
        };
        let order = self.order(topic)?;
        let content = Content::of(&PayloadForm::Whole(payload), &feed.author, false);
        let is_clear = matches!(&content, Content::Policy(event) if event.is_clear());
        let id = if order.is_private() && !is_clear {
            if order.locked().is_some() {
                return Err(Wrong::Locked);
            }
            let epoch = order.policy().epoch();
            let key = order.epoch_key(epoch).ok_or(Wrong::Locked)?;
            let nonces = Nonces {
                body: random.draw(),
                erasable: random.draw(),
                salt: random.draw(),
            };
            let plain = Payload::split(payload).map_err(Wrong::refused("the event"))?;
            draft.add_sealed(now_ms, &deps, |front, author, seq| {
                seal_front(front, (author, seq), &plain, (epoch, &key), &nonces)
            })
        } else {
            draft.add(now_ms, &deps, payload)
        };
        let id = id.map_err(|error| Wrong::Unsigned(error.to_string()))?;
        let signed = draft.sign().map(|(run, _)| (id, run));
        signed.ok_or_else(|| Wrong::Unsigned("nothing was written".to_owned()))
    }

    /// All that nobody has cited yet, the latest first, as far as an entry has room.
    fn next_deps(
        &self,
        topic: &TopicId,
        own_head: Option<EntryId>,
    ) -> Result<Vec<(EntryId, u64)>, Wrong> {
        let mut tips = self.order(topic)?.tips();
        tips.retain(|tip| Some(*tip) != own_head);
        let genesis = EntryId(topic.0);
        if own_head.is_none() && !tips.contains(&genesis) {
            // the first entry of a feed cites the genesis, whoever else did
            tips.insert(0, genesis);
        }
        tips.truncate(DEPS_MAX);
        let with_clock = |tip: EntryId| Some((tip, self.entries.hlc(&tip)?));
        Ok(tips.into_iter().filter_map(with_clock).collect())
    }

    /// What was signed is stored: it counts from now on.
    pub fn kept(&mut self) -> Result<(), Wrong> {
        let run = self.staged.take().ok_or(Wrong::Unkept)?;
        let took = self.entries.take_runs(&[run], None);
        match took.refused.first() {
            None => Ok(()),
            Some(code) => Err(Wrong::Refused {
                what: "the own entry",
                code,
            }),
        }
    }

    /// What was signed could not be stored, and nobody will ever see it.
    pub fn dropped(&mut self) {
        self.staged = None;
    }
}

fn payload(kind: &EventKind, filled: &Filled, random: &mut Random) -> Result<Vec<u8>, Wrong> {
    let mut builder = PayloadBuilder::new(&kind.kind, filled.body.clone());
    builder.evidence.clone_from(&filled.evidence);
    if let Some(data) = &filled.erasable {
        builder.erasable = Some((random.draw(), 0, data.clone()));
    }
    builder.encode().map_err(Wrong::refused("the event"))
}
