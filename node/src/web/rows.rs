//! Rows over HTTP: queries and changes.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use synlog_log::cbor::Value;
use synlog_log::fold::{FieldType, Manifest, Table};
use synlog_log::ids::{TopicId, hex, unhex};
use synlog_log::topic::Genesis;
use synlog_views::{Changes, Cursor, Filter, PageToken, Query, Shown, WatchFilter};
use synlog_web::backend::{Changed, Rows};

use crate::apps;
use crate::cli::rows::row_json;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::guests::search;
use crate::json::from_json;
use crate::node::Node;

/// App and major version of a topic whose rows are up to date.
fn brought_up(node: &mut Node, topic: &TopicId) -> Result<(String, u16), Failure> {
    let genesis = node.order(topic)?.genesis();
    let app = genesis.map(|genesis| (genesis.app.clone(), genesis.major));
    let app = app.ok_or(Failure::NoTopic(*topic))?;
    match node.fold(topic, &mut |_| true)? {
        Some(_) => Ok(app),
        None => Err(Failure::Usage(
            "the topic has no reducer: none is named by it, and none comes with synlog for its app"
                .to_owned(),
        )),
    }
}

/// What rows are asked of, up to date: one topic, or all of an app.
struct Scope {
    app: String,
    major: u16,
    topic: Option<TopicId>,
    manifest: Option<Arc<Manifest>>,
}

fn scope(node: &mut Node, rows: &Rows) -> Result<Scope, Failure> {
    if let Some(name) = &rows.topic {
        let topic = node.find_topic(name)?;
        let (app, major) = brought_up(node, &topic)?;
        return Ok(Scope {
            app,
            major,
            topic: Some(topic),
            manifest: node.manifest(&topic)?,
        });
    }
    let known = apps::pinned()
        .iter()
        .find(|app| app.manifest.app == rows.app);
    let manifest = known
        .map(|app| Arc::clone(&app.manifest))
        .ok_or_else(|| Failure::Findings(format!("no app {:?} comes with synlog", rows.app)))?;
    for topic in node.store.topics() {
        let genesis = node.opened_genesis(&topic)?;
        let of_app = |it: &Genesis| it.app == manifest.app && it.major == manifest.major;
        if !genesis.as_ref().is_some_and(of_app) {
            continue;
        }
        match brought_up(node, &topic) {
            // one topic of many must not hide the others
            Err(
                Failure::NoReducer(_)
                | Failure::BadReducer { .. }
                | Failure::Halted(_)
                | Failure::Usage(_),
            ) => {}
            brought => drop(brought?),
        }
    }
    Ok(Scope {
        app: manifest.app.clone(),
        major: manifest.major,
        topic: None,
        manifest: Some(manifest),
    })
}

/// Answers a question for rows, also for those in which some words stand.
pub(crate) fn asked(node: &mut Node, rows: &Rows) -> Result<Json, Failure> {
    match &rows.words {
        None => query(node, rows),
        Some(words) => {
            let words = search::words_of(words).map_err(Failure::Usage)?;
            search::through(rows, &words, |page| query(node, page))
        }
    }
}

/// Answers a question for rows.
pub(crate) fn query(node: &mut Node, rows: &Rows) -> Result<Json, Failure> {
    let Scope {
        app,
        major,
        topic,
        manifest,
    } = scope(node, rows)?;
    let filter = match (&rows.key, &rows.index) {
        (Some(key), _) => Filter::Key(key.clone()),
        (None, Some(index)) => {
            let table = manifest.as_ref().and_then(|it| it.table(&rows.view));
            by_index(index, rows, table.map(|(_, table)| table))?
        }
        (None, None) => Filter::Prefix(rows.prefix.clone()),
    };
    let after = rows.after.as_deref().map(|token| {
        let bytes = unhex(token).map(PageToken);
        bytes.ok_or_else(|| Failure::Usage("after wants what `next` said".to_owned()))
    });
    let page = node.rows(&Query {
        app,
        major,
        table: rows.view.clone(),
        topic,
        filter,
        layer: match rows.sequenced {
            true => Shown::Sequenced,
            false => Shown::All,
        },
        as_of_ms: Some(rows.as_of_ms.unwrap_or_else(now_ms)).filter(|_| rows.key.is_none()),
        limit: rows.limit,
        after: after.transpose()?,
    })?;
    if page.rows.is_empty()
        && let Some(key) = &rows.key
    {
        return Err(Failure::Findings(format!(
            "no row in {} has the key {key:?}",
            rows.view
        )));
    }
    Ok(json!({
        "rows": page.rows.iter().map(row_json).collect::<Vec<_>>(),
        "next": page.next.map(|PageToken(token)| hex(&token)),
    }))
}

fn by_index(name: &str, rows: &Rows, table: Option<&Table>) -> Result<Filter, Failure> {
    let index = table.and_then(|table| table.indexes.iter().find(|index| index.name == name));
    let kind = |at: usize| {
        let column = index?.columns.get(at)?;
        let columns = &table?.columns;
        columns
            .iter()
            .find(|it| it.name == *column)
            .map(|it| it.kind)
    };
    let equal = rows.equal.iter().enumerate();
    let equal: Vec<Value> = equal
        .map(|(at, text)| value(text, kind(at)))
        .collect::<Result<_, _>>()?;
    let next = kind(equal.len());
    let bound = |text: &Option<String>| text.as_deref().map(|text| value(text, next)).transpose();
    Ok(Filter::Index {
        name: name.to_owned(),
        from: bound(&rows.from)?,
        to: bound(&rows.to)?,
        equal,
        descending: rows.descending,
    })
}

/// A value of a query: of a column of ids its digits, of one of texts itself, else JSON,
/// or text.
fn value(text: &str, kind: Option<FieldType>) -> Result<Value, Failure> {
    match kind {
        Some(FieldType::Text) => return Ok(Value::Text(text.to_owned())),
        Some(FieldType::Entry | FieldType::Entity | FieldType::Id | FieldType::Bytes) => {
            if let Some(bytes) = unhex(text) {
                return Ok(Value::Bytes(bytes));
            }
        }
        _ => {}
    }
    match serde_json::from_str::<Json>(text) {
        Ok(json) => from_json(&json).map_err(|error| Failure::Usage(error.to_string())),
        Err(_) => Ok(Value::Text(text.to_owned())),
    }
}

/// What changed in a topic's rows since a cursor.
pub(super) fn changes(
    node: &mut Node,
    topic: &TopicId,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Changed, Failure> {
    let (app, major) = match brought_up(node, topic) {
        Ok(app) => app,
        // entries come all the same
        Err(
            Failure::Usage(_)
            | Failure::NoReducer(_)
            | Failure::BadReducer { .. }
            | Failure::Halted(_),
        ) => return Ok(Changed::None),
        Err(failure) => return Err(failure),
    };
    let filter = WatchFilter {
        app,
        major,
        table: None,
        topic: Some(*topic),
        prefix: String::new(),
    };
    // what can't be read is nobody's past
    let cursor = cursor
        .and_then(unhex)
        .and_then(|bytes| Cursor::decode(&bytes));
    Ok(match node.changes(cursor.as_ref(), &filter, limit)? {
        Changes::Reset(now) => Changed::Reset(hex(&now.encode())),
        Changes::Since(changed, now) => {
            let told = changed.iter().map(|change| {
                json!({
                    "topic": change.topic.to_string(),
                    "key": change.key,
                    "rows": change.rows.iter().map(row_json).collect::<Vec<_>>(),
                })
            });
            let told: Vec<Json> = told.collect();
            Changed::Since {
                more: told.len() >= limit,
                changes: (!told.is_empty()).then(|| Arc::from(Json::Array(told).to_string())),
                cursor: hex(&now.encode()),
            }
        }
    })
}
