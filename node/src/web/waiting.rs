//! What waits for the owner's answer: orders and bookings whose next step is theirs, orders
//! that they may end since their client said nothing for the agreed time, or whose client says
//! to have paid, letters, and customers without an install who ask to be taken.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use synlog_web::backend::Rows;

use crate::clock::now_ms;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::node::Node;
use crate::web::{entries, hosted, rows};

/// Rows of one table and side that are looked at; the newest come first, and the oldest of
/// those that wait for their end.
const LOOKED_AT: usize = 200;

/// What waits, and when something more will without anybody's doing.
#[derive(Debug, Default)]
pub struct Waiting {
    /// What waits now.
    pub now: Vec<Json>,
    /// When the next order can be ended whose client says nothing: UTC ms.
    pub later_ms: Option<u64>,
}

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

/// From when on its provider may end an order, if its client says nothing: so long after the
/// last step of its work. `None` while some of that is open, or where nothing was agreed.
fn ends_ms(order: &Json, legs: &[Json], silence_s: Option<u64>) -> Option<u64> {
    let over = ["delivered", "completed", "accessed", "failed", "returned"];
    let is_over = |leg: &Json| leg["state"].as_str().is_some_and(|it| over.contains(&it));
    if order["next"] != "client" || !legs.iter().all(is_over) {
        return None;
    }
    // a step that is no delivery has no time in its row: nothing came after the last change
    let done = legs.iter().map(|leg| leg["done"].as_u64());
    let done = done.collect::<Option<Vec<u64>>>().unwrap_or_default();
    let last = done.into_iter().max().or(order["updated"].as_u64())?;
    last.checked_add(silence_s?.checked_mul(1_000)?)
}

/// The body of the entry that a field of another one names.
fn named(node: &mut Node, value: &Json) -> Result<Json, Failure> {
    let id = digits(value).or(value.as_str());
    match id.and_then(|id| id.parse().ok()) {
        Some(id) => Ok(entries::one(node, &id)?["body"].take()),
        None => Ok(Json::Null),
    }
}

/// The silence of the offer that was agreed to.
fn silence_s(node: &mut Node, order: &Json) -> Result<Option<u64>, Failure> {
    let agree = named(node, &order["agree"])?;
    let offer = named(node, &agree["quote"])?;
    Ok(offer["silence_s"].as_u64())
}

/// Orders that only lack their client's word, which may be done without by now.
fn silent(node: &mut Node, entity: &str, now_ms: u64, all: &mut Waiting) -> Result<(), Failure> {
    for state in ["confirmed", "in_progress"] {
        let question = Rows {
            app: "relation".to_owned(),
            view: "orders".to_owned(),
            index: Some("by_state".to_owned()),
            equal: vec![state.to_owned()],
            limit: LOOKED_AT,
            ..Rows::default()
        };
        let page = rows::query(node, &question)?;
        for row in page["rows"].as_array().into_iter().flatten() {
            let columns = &row["columns"];
            if digits(&columns["provider"]) != Some(entity) || columns["next"] != "client" {
                continue;
            }
            let question = Rows {
                topic: row["topic"].as_str().map(str::to_owned),
                view: "fulfilments".to_owned(),
                prefix: row["key"].as_str().unwrap_or_default().to_owned(),
                limit: LOOKED_AT,
                ..Rows::default()
            };
            let legs = rows::query(node, &question)?;
            let legs = legs["rows"].as_array().into_iter().flatten();
            let legs: Vec<Json> = legs.map(|leg| leg["columns"].clone()).collect();
            // one order of many must not hide the others
            let silence_s = silence_s(node, columns).unwrap_or_default();
            match ends_ms(columns, &legs, silence_s) {
                Some(at) if at <= now_ms => {
                    let mut one = told(node, "order", row);
                    one["silent"] = json!(true);
                    all.now.push(one);
                }
                Some(at) => all.later_ms = Some(all.later_ms.map_or(at, |other| other.min(at))),
                None => {}
            }
        }
    }
    Ok(())
}

/// Orders whose client says to have paid, which their provider has not said yet. The next
/// step of the order may be anybody's, or it has ended.
fn claimed(node: &mut Node, entity: &str, all: &mut Waiting) -> Result<(), Failure> {
    let question = Rows {
        app: "relation".to_owned(),
        view: "payments".to_owned(),
        index: Some("by_state".to_owned()),
        equal: vec!["claimed".to_owned()],
        limit: LOOKED_AT,
        ..Rows::default()
    };
    let page = rows::query(node, &question)?;
    let mut seen = BTreeSet::new();
    for leg in page["rows"].as_array().into_iter().flatten() {
        let (topic, key) = (&leg["topic"], &leg["key"]);
        if !seen.insert((topic.to_string(), key.to_string())) {
            continue;
        }
        let question = Rows {
            topic: topic.as_str().map(str::to_owned),
            view: "orders".to_owned(),
            prefix: key.as_str().unwrap_or_default().to_owned(),
            limit: 1,
            ..Rows::default()
        };
        let orders = rows::query(node, &question)?;
        let order = orders["rows"].as_array().and_then(|rows| rows.first());
        let is_ours = |row: &&Json| digits(&row["columns"]["provider"]) == Some(entity);
        let Some(row) = order.filter(is_ours) else {
            continue;
        };
        let is_it = |it: &Json| it["what"] == "order" && it["topic"] == *topic && it["key"] == *key;
        if !all.now.iter().any(is_it) {
            all.now.push(told(node, "order", row));
        }
        if let Some(one) = all.now.iter_mut().find(|it| is_it(it)) {
            one["claimed"] = json!(true);
        }
    }
    Ok(())
}

/// Orders and bookings that wait.
fn of_relations(node: &mut Node) -> Result<Waiting, Failure> {
    let entity = node.entity().to_string();
    let mut all = Waiting::default();
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
                all.now.push(told(node, what, row));
            }
        }
    }
    silent(node, &entity, now_ms(), &mut all)?;
    claimed(node, &entity, &mut all)?;
    Ok(all)
}

/// All that waits for an answer.
///
/// # Errors
/// What the node says.
pub fn all(service: &Service) -> Result<Waiting, Failure> {
    let mut node = service.desk.lend()?;
    let found = of_relations(&mut node);
    node.close()?;
    let mut waiting = found?;
    let words = ["inbox", "list"].map(str::to_owned);
    if let Ok(inbox) = hosted::one(service, &words) {
        let letters = inbox["letters"].as_array().into_iter().flatten();
        waiting.now.extend(letters.map(|letter| {
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
        waiting.now.push(json!({
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

    #[test]
    fn an_order_may_be_ended_after_the_silence() {
        let order = |next: &str| json!({ "next": next, "updated": 9_000 });
        let leg = |state: &str, done: Option<u64>| json!({ "state": state, "done": done });
        let delivered = [leg("delivered", Some(5_000)), leg("completed", Some(7_000))];
        assert_eq!(ends_ms(&order("client"), &delivered, Some(3)), Some(10_000));
        // nothing was agreed; somebody else is next; some of it is open
        assert_eq!(ends_ms(&order("client"), &delivered, None), None);
        assert_eq!(ends_ms(&order("provider"), &delivered, Some(3)), None);
        let open = [leg("delivered", Some(5_000)), leg("packed", None)];
        assert_eq!(ends_ms(&order("client"), &open, Some(3)), None);
        // what failed has no time of its own, and what has no parts neither
        let failed = [leg("delivered", Some(5_000)), leg("failed", None)];
        assert_eq!(ends_ms(&order("client"), &failed, Some(0)), Some(9_000));
        assert_eq!(ends_ms(&order("client"), &[], Some(1)), Some(10_000));
        assert_eq!(ends_ms(&order("client"), &[], Some(u64::MAX)), None);
    }
}
