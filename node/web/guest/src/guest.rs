//! The state of a customer: keys, entries, and rows of the topics that are here.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use synlog_log::fold::{FoldEvent, event_of};
use synlog_log::ids::{EntryId, FeedKey, TopicId, hex};
use synlog_log::order::{Status, TopicOrder};
use synlog_log::run::RunView;
use synlog_log::sealed::Secrets;
use synlog_log::sealed::opening::opened_part;
use synlog_values::json::to_json;

use crate::fold::{Rows, Shown};
use crate::identity::{Keys, Made, Random};
use crate::intake::{Entries, Record, Took};
use crate::rules::{Engine, Rules};
use crate::wrong::Wrong;

/// A customer in a browser.
#[derive(Default)]
pub struct Guest {
    pub(crate) keys: Option<Keys>,
    pub(crate) entries: Entries,
    rows: BTreeMap<TopicId, Rows>,
    rules: BTreeMap<[u8; 32], Rules>,
    /// Reducers of apps whose topics name none: app, major version, hash.
    pinned: Vec<(String, u16, [u8; 32])>,
    /// The run that was signed and not kept yet.
    pub(crate) staged: Option<Vec<u8>>,
}

impl Guest {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the reducer of an app, for topics that name none.
    pub fn pin(&mut self, app: &str, major: u16, hash: [u8; 32]) {
        self.pinned
            .retain(|(name, of, _)| (&name[..], *of) != (app, major));
        self.pinned.push((app.to_owned(), major, hash));
    }

    /// Makes keys. What is given out is to be stored before anything else is done.
    pub fn make_keys(
        &mut self,
        name: &str,
        random: &mut Random,
        now_ms: u64,
    ) -> Result<Record, Wrong> {
        if self.keys.is_some() {
            return Err(Wrong::Usage("there are keys here already".to_owned()));
        }
        let Made { keys, run } = Keys::make(name, random, now_ms)?;
        self.entries = Entries::new(keys.secrets());
        let took = self.entries.take_runs(&[run], None);
        self.keys = Some(keys);
        took.fresh.into_iter().next().ok_or(Wrong::Unkept)
    }

    /// Takes up stored keys.
    pub fn load_keys(&mut self, stored: &Json) -> Result<(), Wrong> {
        let keys = Keys::of_json(stored)?;
        self.entries = Entries::new(keys.secrets());
        self.rows.clear();
        self.staged = None;
        self.keys = Some(keys);
        Ok(())
    }

    /// The keys.
    pub fn keys(&self) -> Result<&Keys, Wrong> {
        self.keys.as_ref().ok_or(Wrong::NoKeys)
    }

    /// Takes the root key off this browser.
    pub fn drop_root(&mut self) -> Result<(), Wrong> {
        self.keys.as_mut().ok_or(Wrong::NoKeys)?.drop_root();
        Ok(())
    }

    /// Takes in what was stored. It is checked as if it came from outside.
    pub fn load(&mut self, bundle: &[u8]) -> Result<Took, Wrong> {
        self.entries.take_bundle(bundle, None)
    }

    /// Takes in what a node gave out for a topic.
    pub fn take(&mut self, topic: TopicId, bundle: &[u8]) -> Result<Took, Wrong> {
        self.entries.take_bundle(bundle, Some(topic))
    }

    /// The order of a topic.
    pub fn order(&self, topic: &TopicId) -> Result<&TopicOrder, Wrong> {
        self.entries.order(topic).ok_or(Wrong::NoTopic)
    }

    /// This device's feed in a topic.
    pub fn own_feed(&self, topic: &TopicId) -> Result<FeedKey, Wrong> {
        Ok(FeedKey {
            author: self.keys()?.device_id(),
            topic: *topic,
        })
    }

    /// The reducer of a topic: the one that it names, else the one that is pinned.
    pub fn reducer_of(&self, topic: &TopicId) -> Result<[u8; 32], Wrong> {
        let order = self.order(topic)?;
        if let Some((hash, _)) = order.policy().reducer {
            return Ok(hash);
        }
        let genesis = order.genesis().ok_or(Wrong::NoRules)?;
        let found = self
            .pinned
            .iter()
            .find(|(app, major, _)| *app == genesis.app && *major == genesis.major);
        found.map(|(_, _, hash)| *hash).ok_or(Wrong::NoRules)
    }

    /// The rules of a topic.
    pub fn rules(&mut self, engine: &mut dyn Engine, topic: &TopicId) -> Result<&Rules, Wrong> {
        let hash = self.reducer_of(topic)?;
        if !self.rules.contains_key(&hash) {
            self.rules.insert(hash, Rules::load(engine, hash)?);
        }
        self.rules.get(&hash).ok_or(Wrong::NoRules)
    }

    /// The rows of a topic, up to date.
    pub fn fold(
        &mut self,
        engine: &mut dyn Engine,
        topic: &TopicId,
    ) -> Result<(&Rows, &Rules, &TopicOrder), Wrong> {
        let hash = self.rules(engine, topic)?.hash;
        let rules = self.rules.get(&hash).ok_or(Wrong::NoRules)?;
        let order = self.entries.order(topic).ok_or(Wrong::NoTopic)?;
        let rows = self.rows.entry(*topic).or_default();
        let entries = &self.entries;
        let event =
            |id: &EntryId, sequenced: bool, role: &str| event(entries, order, id, sequenced, role);
        if let Err(wrong) = rows.update(engine, rules, order, &event) {
            // what is half folded is thrown away
            self.rows.remove(topic);
            return Err(wrong);
        }
        let rows = self.rows.get(topic).ok_or(Wrong::NoTopic)?;
        Ok((rows, rules, order))
    }

    /// The rows of a topic as they were last folded.
    pub(crate) fn folded(&self, topic: &TopicId) -> Result<&Rows, Wrong> {
        self.rows.get(topic).ok_or(Wrong::NoTopic)
    }

    /// The rows of a topic as JSON, by table.
    pub fn rows_json(&mut self, engine: &mut dyn Engine, topic: &TopicId) -> Result<Json, Wrong> {
        let (rows, rules, order) = self.fold(engine, topic)?;
        let tables = &rules.manifest.tables;
        let mut listed: Vec<Vec<Json>> = tables.iter().map(|_| Vec::new()).collect();
        for (key, aggregate, tentative) in rows.shown() {
            let Shown::Rows(shown) = &aggregate.rows else {
                continue;
            };
            for row in shown {
                if let Some(list) = listed.get_mut(row.table) {
                    list.push(json!({
                        "key": key,
                        "sub": row.sub,
                        "columns": to_json(&row.columns),
                        "tentative": tentative,
                        "last": aggregate.last.map(|id| id.to_string()),
                    }));
                }
            }
        }
        let names = tables.iter().map(|table| table.name.clone());
        let tables: serde_json::Map<String, Json> =
            names.zip(listed.into_iter().map(Json::Array)).collect();
        let (sequenced, tentative) = rows.roots();
        let genesis = order.genesis();
        Ok(json!({
            "topic": topic.to_string(),
            "app": genesis.map(|genesis| genesis.app.clone()),
            "name": genesis.and_then(|genesis| genesis.name.clone()),
            "tables": tables,
            "waits_for": rows.waits_for.map(|id| id.to_string()),
            "digest": { "sequenced": hex(&sequenced), "tentative": hex(&tentative) },
            "order_digest": hex(&order.digest()),
        }))
    }

    /// A status for people and programs: `sequenced`, `tentative`, `rejected`, `void` or `held`.
    pub fn mark(&self, topic: &TopicId, id: &EntryId) -> (&'static str, Option<String>) {
        let status = self.entries.order(topic).and_then(|order| order.status(id));
        let Some(status) = status else {
            return ("held", None);
        };
        let rows = self.rows.get(topic);
        if let Some((rejection, _)) = rows.and_then(|rows| rows.rejection(id))
            && status.is_accepted()
        {
            return ("rejected", Some(rejection.code.clone()));
        }
        match status {
            _ if status.is_accepted() => (status.word(), None),
            Status::Void(reason) => ("void", Some(reason.text().to_owned())),
            Status::Held(reason) => ("held", Some(reason.text().to_owned())),
            _ if status.text() == "sealed" => ("held", Some("sealed".to_owned())),
            _ => ("rejected", Some(status.text().to_owned())),
        }
    }

    /// Forgets everything: keys, entries, rows.
    pub fn forget(&mut self) {
        let pinned = std::mem::take(&mut self.pinned);
        *self = Self {
            pinned,
            entries: Entries::new(Secrets::default()),
            ..Self::default()
        };
    }
}

/// An entry as its reducer gets it.
pub(crate) fn event(
    entries: &Entries,
    order: &TopicOrder,
    id: &EntryId,
    sequenced: bool,
    role: &str,
) -> Option<FoldEvent> {
    let entity = order.entity_of(id)?;
    entries.look(id, |run: &RunView<'_>, index| {
        let entry = &run.entries[index];
        if !order.is_sealed(id) {
            return event_of(run, entry, None, entity, sequenced, role);
        }
        let part = opened_part(order, run, entry)?;
        event_of(run, entry, Some(&part), entity, sequenced, role)
    })
}
