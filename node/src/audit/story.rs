//! Telling the story of a topic from its runs, its order and what the fold made of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use synlog_log::attestation::checked_facts;
use synlog_log::cbor::Value;
use synlog_log::fold::Manifest;
use synlog_log::ids::{DeviceId, EntityId, EntryId};
use synlog_log::order::{ChainState, Status, TopicOrder, Verdict};
use synlog_log::run::RunView;
use synlog_views::{Rejection, RowView};

use crate::audit::model::{Audit, Completeness, Event, Outcome, Party, ReducerUsed, ShownRow};
use crate::audit::wording;
use crate::json::to_json;
use crate::privacy::opened;
use crate::privacy::opening::header_of;
use crate::receipts::Receipt;

/// What an audit is made of.
pub struct Material<'a> {
    /// The order of the topic, up to date.
    pub order: &'a TopicOrder,
    /// Its runs.
    pub runs: &'a [Vec<u8>],
    /// The manifest of its app, where its reducer is here.
    pub manifest: Option<&'a Manifest>,
    /// The reducer that folded it.
    pub reducer: Option<ReducerUsed>,
    /// What that rejected, and whether it is tentative.
    pub rejections: &'a [(Rejection, bool)],
    /// The rows that it shows now.
    pub rows: &'a [RowView],
    /// Roots of the rows: sequenced, tentative.
    pub roots: Option<([u8; 32], [u8; 32])>,
    /// Receipts of the topic.
    pub receipts: Vec<Receipt>,
    /// Why there are no rows, or not all of them.
    pub problem: Option<String>,
    /// Whether what can be erased is told.
    pub erasable: bool,
}

/// Tells the story.
pub fn tell(material: Material<'_>) -> Audit {
    let Material {
        order,
        manifest,
        rows,
        ..
    } = material;
    let genesis = order.genesis();
    let app = genesis.map_or((String::new(), 0), |genesis| {
        (genesis.app.clone(), genesis.major)
    });
    let mut contents = HashMap::new();
    let mut feeds: BTreeMap<DeviceId, Completeness> = BTreeMap::new();
    for bytes in material.runs {
        let Ok(run) = RunView::decode(bytes) else {
            continue;
        };
        for entry in &run.entries {
            let Some(entity) = order.entity_of(&entry.id) else {
                continue;
            };
            let feed = feeds.entry(run.feed.author).or_insert(Completeness {
                device: run.feed.author,
                entity,
                up_to: entry.seq,
                head: entry.id,
                forked_at: order.forked_at(&run.feed.author),
            });
            if entry.seq >= feed.up_to {
                (feed.up_to, feed.head) = (entry.seq, entry.id);
            }
            contents.entry(entry.id).or_insert_with(|| {
                let mut event = content(&run, entry, entity, order, manifest);
                if !material.erasable {
                    event.hidden = event.erasable.take().is_some();
                }
                event
            });
        }
    }
    let receipts = of_parties(order, material.receipts);
    let rejected: HashMap<EntryId, &Rejection> = material
        .rejections
        .iter()
        .map(|(rejection, _)| (rejection.event, rejection))
        .collect();
    let mut events = Vec::new();
    for (index, line) in order.lines().enumerate() {
        let Some(mut event) = contents.remove(&line.id) else {
            continue;
        };
        event.number = index + 1;
        event.role = order.role(&line.id).unwrap_or_default().to_string();
        event.device_name = order.device_name(&line.id).unwrap_or_default().to_owned();
        event.outcome = outcome(line.status, rejected.get(&line.id).copied());
        event.delivered = delivered(order, &receipts, &event);
        events.push(event);
    }
    Audit {
        topic: order.topic(),
        name: genesis
            .and_then(|genesis| genesis.name.clone())
            .unwrap_or_else(|| order.topic().short()),
        app_title: manifest.map_or_else(String::new, |manifest| manifest.title.clone()),
        app,
        state: state(order),
        parties: parties(order, &events),
        reducer: material.reducer,
        problem: material.problem.or_else(|| closed(order)),
        order_digest: order.digest(),
        roots: material.roots,
        rows: rows.iter().map(|row| shown(row, manifest)).collect(),
        events,
        receipts,
        feeds: feeds.into_values().collect(),
    }
}

fn content(
    run: &RunView<'_>,
    entry: &synlog_log::run::EntryView<'_>,
    entity: EntityId,
    order: &TopicOrder,
    manifest: Option<&Manifest>,
) -> Event {
    let erased = order.is_erased(&entry.id);
    let inside = opened(order, &entry.id, || header_of(run, entry), &entry.payload);
    let form = inside
        .as_ref()
        .map_or(entry.payload, |inside| inside.form());
    let payload = form.split().ok();
    let decoded = payload.as_ref().and_then(|payload| payload.check().ok());
    let kind = decoded
        .as_ref()
        .map_or_else(String::new, |event| event.kind.to_owned());
    let known = manifest.and_then(|manifest| manifest.event(&kind));
    let body = decoded
        .as_ref()
        .map_or(Value::Null, |event| event.body.clone());
    let erased = erased || form.is_erased();
    let erasable = payload.as_ref().and_then(|payload| payload.erasable);
    let erasable = erasable.filter(|_| !erased);
    let erasable = erasable.and_then(|part| Value::decode_map(part.data).ok());
    let facts = payload
        .as_ref()
        .and_then(|payload| checked_facts(payload).ok())
        .unwrap_or_default();
    let title = match known {
        Some(known) => known.title.clone(),
        None => wording::kernel_title(&kind).to_owned(),
    };
    Event {
        number: 0,
        id: entry.id,
        device: run.feed.author,
        device_name: String::new(),
        entity,
        role: String::new(),
        seq: entry.seq,
        at_ms: entry.hlc >> 16,
        says: wording::fields(known, &body),
        title,
        body: to_json(&body),
        erasable: erasable.as_ref().map(to_json),
        erased,
        hidden: false,
        evidence: facts.iter().map(wording::evidence).collect(),
        outcome: Outcome::Missing,
        delivered: Vec::new(),
        kind,
    }
}

/// Where reading a private topic stops, in words.
fn closed(order: &TopicOrder) -> Option<String> {
    let locked = order.locked()?;
    Some(format!(
        "reading stops at {}, which is sealed with the key of epoch {}; that key is not here",
        locked.entry.short(),
        locked.epoch
    ))
}

fn outcome(status: Status, rejection: Option<&Rejection>) -> Outcome {
    match (status, rejection) {
        (Status::Void(reason), _) => Outcome::Void {
            reason: reason.text(),
        },
        (Status::Held(reason), _) => Outcome::Held {
            reason: reason.text(),
        },
        (Status::Sequenced(Verdict::Rejected(code)), _) => Outcome::Rejected {
            tentative: false,
            code: code.text().to_owned(),
            met: None,
        },
        (Status::Tentative(Verdict::Rejected(code)), _) => Outcome::Rejected {
            tentative: true,
            code: code.text().to_owned(),
            met: None,
        },
        (Status::Sequenced(Verdict::Sealed) | Status::Tentative(Verdict::Sealed), _) => {
            Outcome::Held { reason: "sealed" }
        }
        (status, Some(rejection)) => Outcome::Rejected {
            tentative: matches!(status, Status::Tentative(_)),
            code: rejection.code.clone(),
            met: rejection.met,
        },
        (status, None) => Outcome::Counts {
            tentative: matches!(status, Status::Tentative(_)),
        },
    }
}

/// Receipts of members and of those who wrote in the topic; anybody can sign others.
fn of_parties(order: &TopicOrder, receipts: Vec<Receipt>) -> Vec<Receipt> {
    let mut parties: BTreeSet<EntityId> = order.policy().members.into_keys().collect();
    parties.extend(order.lines().filter_map(|line| order.entity_of(&line.id)));
    let mut kept = receipts;
    kept.retain(|receipt| parties.contains(&receipt.entity));
    kept
}

/// Who of the parties confirmed an entry: by a receipt for it, or for one behind it in
/// the same branch of its feed.
fn delivered(order: &TopicOrder, receipts: &[Receipt], event: &Event) -> Vec<(EntityId, u64)> {
    let mut first: BTreeMap<EntityId, u64> = BTreeMap::new();
    let covers = |receipt: &&Receipt| {
        receipt.author == event.device
            && receipt.entity != event.entity
            && (receipt.entry == event.id || order.is_ancestor(&event.id, &receipt.entry))
            && order.status(&receipt.entry).is_some()
    };
    for receipt in receipts.iter().filter(covers) {
        let at = first.entry(receipt.entity).or_insert(receipt.at_ms);
        *at = receipt.at_ms.min(*at);
    }
    first.into_iter().collect()
}

fn state(order: &TopicOrder) -> String {
    match order.state() {
        ChainState::Open { sequencer } => format!("open, sequenced by the device {sequencer}"),
        ChainState::Forked { sequencer, seq } => format!(
            "FORKED: the sequencing device {sequencer} signed two stories from its entry {seq} on; what it decided from there counts for nobody"
        ),
    }
}

fn parties(order: &TopicOrder, events: &[Event]) -> Vec<Party> {
    let policy = order.policy();
    let mut parties: Vec<Party> = Vec::new();
    for event in events {
        let known = parties
            .iter()
            .position(|party| party.entity == event.entity);
        let at = known.unwrap_or_else(|| {
            parties.push(Party {
                entity: event.entity,
                role: policy.role(&event.entity).unwrap_or("none").to_owned(),
                devices: Vec::new(),
            });
            parties.len() - 1
        });
        let devices = &mut parties[at].devices;
        if !devices.iter().any(|(device, _)| *device == event.device) {
            devices.push((event.device, event.device_name.clone()));
        }
    }
    for (entity, role) in &policy.members {
        if !parties.iter().any(|party| party.entity == *entity) {
            parties.push(Party {
                entity: *entity,
                role: role.clone(),
                devices: Vec::new(),
            });
        }
    }
    parties
}

fn shown(row: &RowView, manifest: Option<&Manifest>) -> ShownRow {
    let table = manifest.and_then(|manifest| manifest.table(&row.table));
    let table = table.map(|(_, table)| table);
    ShownRow {
        table: row.table.clone(),
        table_title: table.map_or_else(|| row.table.clone(), |table| table.title.clone()),
        key: if row.sub.is_empty() {
            row.key.clone()
        } else {
            format!("{} {}", row.key, row.sub)
        },
        says: wording::columns(table, &row.columns),
        columns: to_json(&row.columns),
        tentative: row.tentative,
    }
}
