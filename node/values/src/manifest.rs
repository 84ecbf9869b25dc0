//! Manifests as JSON: what a page needs to make forms and lists.

use serde_json::{Value as Json, json};
use synlog_log::fold::{EventKind, Field, Manifest};
use synlog_log::topic::Mode;

/// A manifest as JSON.
pub fn manifest_json(manifest: &Manifest) -> Json {
    json!({
        "app": manifest.app,
        "major": manifest.major,
        "version": manifest.version,
        "title": manifest.title,
        "mode": match manifest.mode { Mode::Ordered => "ordered", Mode::Causal => "causal" },
        "roles": manifest.roles,
        "open": manifest.open,
        "events": manifest.events.iter().map(event_json).collect::<Vec<_>>(),
        "tables": manifest.tables.iter().map(|table| json!({
            "name": table.name,
            "title": table.title,
            "columns": table.columns.iter().map(|column| json!({
                "name": column.name, "type": column.kind.text(),
            })).collect::<Vec<_>>(),
            "indexes": table.indexes.iter().map(|index| json!({
                "name": index.name, "columns": index.columns,
            })).collect::<Vec<_>>(),
            "until": table.until,
        })).collect::<Vec<_>>(),
    })
}

fn event_json(event: &EventKind) -> Json {
    let fields = |fields: &[Field]| fields.iter().map(field_json).collect::<Vec<_>>();
    json!({
        "kind": event.kind,
        "title": event.title,
        "command": event.command,
        "refs": event.refs,
        "fields": fields(&event.fields),
        "erasable": fields(&event.erasable),
        "evidence": event.evidence,
    })
}

fn field_json(field: &Field) -> Json {
    json!({
        "name": field.name,
        "type": field.kind.text(),
        "required": field.required,
        "title": field.title,
        "made": field.make.is_some(),
    })
}
