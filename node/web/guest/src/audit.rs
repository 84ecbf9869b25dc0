//! The history of a topic, each signature of it checked here and now.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use synlog_log::attestation::checked_facts;
use synlog_log::bundle::signatures::authenticate;
use synlog_log::cbor::Value;
use synlog_log::fold::Manifest;
use synlog_log::ids::{EntityId, EntryId, TopicId, hex};
use synlog_log::order::{ChainState, TopicOrder};
use synlog_log::run::RunView;
use synlog_log::sealed::opening::{header_of, opened};
use synlog_values::instant::to_rfc3339;
use synlog_values::json::to_json;
use synlog_values::wording;

use crate::guest::Guest;
use crate::rules::Engine;
use crate::wrong::Wrong;

impl Guest {
    /// The history of a topic as JSON, with the keys of `synlog audit --json` and, where the
    /// signatures are to be checked once more (they were when it came in), what they say.
    pub fn audit(
        &mut self,
        engine: &mut dyn Engine,
        topic: &TopicId,
        again: bool,
    ) -> Result<Json, Wrong> {
        let digest = match self.fold(engine, topic) {
            Ok((rows, _, _)) => Some(rows.roots()),
            // a history without rows is still a history
            Err(Wrong::NoRules | Wrong::Halted(_)) => None,
            Err(wrong) => return Err(wrong),
        };
        let manifest = match digest {
            Some(_) => Some(self.rules(engine, topic)?.manifest.clone()),
            None => None,
        };
        let order = self.order(topic)?;
        let me = self.keys.as_ref().map(|keys| keys.entity());
        let runs = self.entries.runs(topic).iter();
        let views: Vec<RunView<'_>> = runs.filter_map(|run| RunView::decode(run).ok()).collect();
        let checked = match again {
            true => Some(authenticate(&views)),
            false => None,
        };
        let mut told = BTreeMap::new();
        let mut signatures = 0;
        for (index, run) in views.iter().enumerate() {
            let good = checked.as_ref().map_or(0, |it| it.authentic[index]);
            signatures += usize::from(run.signature.is_some() && good == run.entries.len());
            for (at, entry) in run.entries.iter().enumerate() {
                let signed = at < good;
                let by = run.signature.map(|_| run.last().id);
                told.entry(entry.id)
                    .or_insert_with(|| self.event(order, manifest.as_ref(), (run, at), signed, by));
            }
        }
        let mut events = Vec::new();
        for (index, line) in order.lines().enumerate() {
            let Some(mut event) = told.remove(&line.id) else {
                continue;
            };
            let (mark, code) = self.mark(topic, &line.id);
            let entity = order.entity_of(&line.id);
            event["number"] = json!(index + 1);
            event["mark"] = json!(mark);
            event["code"] = json!(code);
            event["by"] = json!(who(me, order, entity));
            if !again {
                event["verified"] = Json::Null;
            }
            events.push(event);
        }
        let verified = events
            .iter()
            .filter(|event| event["verified"] == Json::Bool(true));
        let (verified, entries) = (verified.count(), events.len());
        Ok(json!({
            "topic": topic.to_string(),
            "name": order.genesis().and_then(|genesis| genesis.name.clone()),
            "state": match order.state() {
                ChainState::Open { .. } => "open",
                ChainState::Forked { .. } => "forked",
            },
            "entries": entries,
            "verified": again.then_some(verified),
            "signatures": again.then_some(signatures),
            "order_digest": hex(&order.digest()),
            "rows_digest": digest.map(|(sequenced, tentative)| json!({
                "sequenced": hex(&sequenced), "tentative": hex(&tentative),
            })),
            "locked": order.locked().map(|locked| locked.entry.to_string()),
            "events": events,
        }))
    }

    fn event(
        &self,
        order: &TopicOrder,
        manifest: Option<&Manifest>,
        (run, at): (&RunView<'_>, usize),
        verified: bool,
        signed_with: Option<EntryId>,
    ) -> Json {
        let entry = &run.entries[at];
        let inside = opened(order, &entry.id, || header_of(run, entry), &entry.payload);
        let form = inside
            .as_ref()
            .map_or(entry.payload, |inside| inside.form());
        let payload = form.split().ok();
        let decoded = payload.as_ref().and_then(|payload| payload.check().ok());
        let kind = decoded.as_ref().map_or("", |event| event.kind);
        let known = manifest.and_then(|manifest| manifest.event(kind));
        let body = decoded
            .as_ref()
            .map_or(Value::Null, |event| event.body.clone());
        let erased = order.is_erased(&entry.id) || form.is_erased();
        let erasable = payload.as_ref().and_then(|payload| payload.erasable);
        let erasable = erasable.filter(|_| !erased);
        let erasable = erasable.and_then(|part| Value::decode_map(part.data).ok());
        let facts = payload
            .as_ref()
            .and_then(|payload| checked_facts(payload).ok());
        let facts = facts.unwrap_or_default();
        let title = match known {
            Some(known) => known.title.clone(),
            None => wording::kernel_title(kind).to_owned(),
        };
        let says = wording::fields(known, &body);
        json!({
            "id": entry.id.to_string(),
            "device": run.feed.author.to_string(),
            "device_name": order.device_name(&entry.id),
            "entity": order.entity_of(&entry.id).map(|entity| entity.to_string()),
            "role": order.role(&entry.id).unwrap_or_default().to_string(),
            "seq": entry.seq,
            "time": to_rfc3339(entry.hlc >> 16),
            "kind": kind,
            "title": title,
            "says": says,
            "body": to_json(&body),
            "erasable": erasable.as_ref().map(to_json),
            "erased": erased,
            "sealed": order.is_sealed(&entry.id),
            "evidence": facts.iter().map(wording::evidence).collect::<Vec<_>>(),
            "links": entry.backlink.iter().copied().chain(entry.deps())
                .map(|id| id.to_string()).collect::<Vec<_>>(),
            "verified": verified,
            "signed_with": signed_with.map(|id| id.to_string()),
        })
    }
}

/// Who wrote: this customer, the provider, or somebody else.
fn who(me: Option<EntityId>, order: &TopicOrder, entity: Option<EntityId>) -> &'static str {
    let owner = order.entity_of(&EntryId(order.topic().0));
    match entity {
        Some(entity) if Some(entity) == me => "you",
        Some(entity) if Some(entity) == owner => "provider",
        _ => "other",
    }
}
