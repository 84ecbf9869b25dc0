//! An audit for programs.

use serde_json::{Value as Json, json};
use synlog_log::ids::hex;

use crate::audit::model::{Audit, Event, Outcome};
use crate::instant::to_rfc3339;

/// An audit for programs. The keys are stable.
pub fn to_json(audit: &Audit) -> Json {
    json!({
        "topic": audit.topic.to_string(),
        "name": audit.name,
        "app": audit.app.0,
        "major": audit.app.1,
        "state": audit.state,
        "reducer": audit.reducer.as_ref().map(|used| json!({
            "hash": hex(&used.hash),
            "version": used.version,
            "named_by_topic": used.pinned_by_topic,
        })),
        "problem": audit.problem,
        "order_digest": hex(&audit.order_digest),
        "rows_digest": audit.roots.map(|(sequenced, tentative)| json!({
            "sequenced": hex(&sequenced),
            "tentative": hex(&tentative),
        })),
        "parties": audit.parties.iter().map(|party| json!({
            "entity": party.entity.to_string(),
            "role": party.role,
            "devices": party.devices.iter().map(|(device, name)| json!({
                "device": device.to_string(),
                "name": name,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rows": audit.rows.iter().map(|row| json!({
            "table": row.table,
            "key": row.key,
            "columns": row.columns,
            "tentative": row.tentative,
        })).collect::<Vec<_>>(),
        "events": audit.events.iter().map(event).collect::<Vec<_>>(),
        "receipts": audit.receipts.iter().map(|receipt| json!({
            "by": receipt.device.to_string(),
            "author": receipt.author.to_string(),
            "seq": receipt.seq,
            "entry": receipt.entry.to_string(),
            "height": receipt.height,
            "time": to_rfc3339(receipt.at_ms),
        })).collect::<Vec<_>>(),
        "feeds": audit.feeds.iter().map(|feed| json!({
            "device": feed.device.to_string(),
            "entity": feed.entity.to_string(),
            "complete_up_to": feed.up_to,
            "head": feed.head.to_string(),
            "forked_at": feed.forked_at,
        })).collect::<Vec<_>>(),
    })
}

fn event(event: &Event) -> Json {
    let (outcome, code, met, tentative) = match &event.outcome {
        Outcome::Counts { tentative } => ("accepted", None, None, *tentative),
        Outcome::Rejected {
            tentative,
            code,
            met,
        } => ("rejected", Some(code.as_str()), *met, *tentative),
        Outcome::Void { reason } => ("void", Some(*reason), None, false),
        Outcome::Held { reason } => ("held", Some(*reason), None, true),
        Outcome::Missing => ("missing", None, None, true),
    };
    json!({
        "number": event.number,
        "id": event.id.to_string(),
        "device": event.device.to_string(),
        "device_name": event.device_name,
        "entity": event.entity.to_string(),
        "role": event.role,
        "seq": event.seq,
        "time": to_rfc3339(event.at_ms),
        "kind": event.kind,
        "title": event.title,
        "body": event.body,
        "erasable": event.erasable,
        "erased": event.erased,
        "evidence": event.evidence,
        "outcome": outcome,
        "code": code,
        "met": met.map(|met| met.to_string()),
        "tentative": tentative,
        "hidden": event.hidden,
        "delivered": event.delivered.iter().map(|(entity, at_ms)| json!({
            "to": entity.to_string(),
            "time": to_rfc3339(*at_ms),
        })).collect::<Vec<_>>(),
    })
}
