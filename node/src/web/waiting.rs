//! What waits for the owner's answer: orders and bookings whose next step is theirs, letters,
//! and customers without an install who ask to be taken.

use serde_json::{Value as Json, json};
use synlog_web::backend::Rows;

use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::node::Node;
use crate::web::{hosted, rows};

/// Rows of one table and side that are looked at; the newest come first.
const LOOKED_AT: usize = 200;

/// Hexadecimal digits of bytes in a row.
fn digits(value: &Json) -> Option<&str> {
    value.get("$hex").and_then(Json::as_str)
}

/// Whether the next step of a row is that of an entity. Where nobody has answered yet the
/// provider is whoever of the two is not the client.
fn is_for(columns: &Json, entity: &str) -> bool {
    let client = digits(&columns["client"]);
    match columns["next"].as_str() {
        Some("client") => client == Some(entity),
        Some("provider") => {
            client != Some(entity)
                && digits(&columns["provider"]).is_none_or(|provider| provider == entity)
        }
        _ => false,
    }
}

fn told(node: &mut Node, what: &str, row: &Json) -> Json {
    let columns = &row["columns"];
    let name = row["topic"]
        .as_str()
        .and_then(|topic| node.find_topic(topic).ok())
        .and_then(|topic| node.order(&topic).ok())
        .and_then(|order| order.genesis().map(|genesis| genesis.name.clone()));
    json!({
        "what": what,
        "topic": row["topic"],
        "name": name,
        "key": row["key"],
        "id": digits(&columns[what]),
        "state": columns["state"],
        "updated_ms": columns["updated"],
    })
}

/// Orders and bookings that wait.
fn of_relations(node: &mut Node) -> Result<Vec<Json>, Failure> {
    let entity = node.entity().to_string();
    let mut waiting = Vec::new();
    for (what, view) in [("order", "orders"), ("booking", "bookings")] {
        for next in ["provider", "client"] {
            let page = rows::query(
                node,
                &Rows {
                    app: "relation".to_owned(),
                    view: view.to_owned(),
                    index: Some("by_next".to_owned()),
                    equal: vec![next.to_owned()],
                    descending: true,
                    limit: LOOKED_AT,
                    ..Rows::default()
                },
            )?;
            let found = page["rows"].as_array().into_iter().flatten();
            for row in found.filter(|row| is_for(&row["columns"], &entity)) {
                waiting.push(told(node, what, row));
            }
        }
    }
    Ok(waiting)
}

/// All that waits for an answer.
///
/// # Errors
/// What the node says.
pub fn all(service: &Service) -> Result<Vec<Json>, Failure> {
    let mut node = service.desk.lend()?;
    let found = of_relations(&mut node);
    node.close()?;
    let mut waiting = found?;
    let words = ["inbox", "list"].map(str::to_owned);
    if let Ok(inbox) = hosted::one(service, &words) {
        let letters = inbox["letters"].as_array().into_iter().flatten();
        waiting.extend(letters.map(|letter| {
            json!({
                "what": "letter",
                "topic": letter["topic"],
                "name": letter["from"],
                "key": letter["letter"],
                "id": letter["letter"],
                "state": null,
                "updated_ms": null,
            })
        }));
    }
    for (entity, asked) in service.guests.asked() {
        waiting.push(json!({
            "what": "guest",
            "topic": asked.space.to_string(),
            "name": asked.name,
            "key": entity.to_string(),
            "id": entity.to_string(),
            "state": null,
            "updated_ms": asked.since_ms,
        }));
    }
    Ok(waiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_is_somebodys() {
        let row = |next: &str, client: &str, provider: Option<&str>| {
            let hex = |digits: &str| json!({ "$hex": digits });
            json!({ "next": next, "client": hex(client), "provider": provider.map(hex) })
        };
        assert!(is_for(&row("provider", "c", Some("p")), "p"));
        assert!(is_for(&row("provider", "c", None), "p"));
        assert!(!is_for(&row("provider", "c", None), "c"));
        assert!(!is_for(&row("provider", "c", Some("q")), "p"));
        assert!(is_for(&row("client", "c", Some("p")), "c"));
        assert!(!is_for(&row("client", "c", Some("p")), "p"));
        assert!(!is_for(&json!({}), "p"));
    }
}
