//! What a question may ask for that was asked in the name of a user interface. The broker in
//! the page asks for nothing else; this holds it to that.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Package;
use super::manifest::Manifest;
use crate::backend::Ask;
use crate::blobs::shown_as;
use crate::problem::Problem;
use crate::server::Shared;
use crate::stream::blocking;

/// The header by which a request says for which user interface it is.
pub(crate) const HEADER: &str = "synlog-ui";

fn refused(what: &str) -> Problem {
    Problem::new(
        403,
        "not_allowed",
        format!("the app's page may not ask for {what}"),
    )
    .hint("its ui.json names the tables that it reads and the kinds of events that it writes")
}

/// Of what no user interface may ask.
pub(crate) fn beyond() -> Problem {
    refused("this")
}

/// Whether a user interface may ask this. Gives the topic whose app must be its own, if the
/// question names one.
///
/// # Errors
/// `not_allowed` for everything that its manifest does not name.
fn check<'a>(ui: &Manifest, ask: &'a Ask) -> Result<Option<&'a str>, Problem> {
    let has = |names: &[String], name: &str| names.iter().any(|known| known == name);
    match ask {
        Ask::Rows(rows) if !has(&ui.reads, &rows.view) => Err(refused("this table")),
        Ask::Rows(rows) => match &rows.topic {
            Some(topic) => Ok(Some(topic)),
            None if rows.app == ui.app => Ok(None),
            None => Err(refused("another app")),
        },
        Ask::Manifest(topic) => Ok(Some(topic)),
        // by its kind alone: the words of a command might name another one
        Ask::Event(event) if !has(&ui.writes, &event.command) => Err(refused("this kind of event")),
        Ask::Event(event)
            if event.force || !event.prove.is_empty() || event.taken_for.is_some() =>
        {
            Err(refused("an event with force or evidence"))
        }
        Ask::Event(event) => Ok(Some(&event.topic)),
        _ => Err(beyond()),
    }
}

/// Whether a topic is of the app of a user interface.
///
/// # Errors
/// `not_allowed` where it is of another one.
fn check_topic(ui: &Manifest, of: Option<&(String, u16)>) -> Result<(), Problem> {
    match of {
        Some((app, major)) if *app == ui.app && *major == ui.major => Ok(()),
        _ => Err(refused("this topic")),
    }
}

/// Whether all that may be erased later is what the app says of the kind. The rules never see
/// that part: what else stood there would be signed without anybody having looked at it.
///
/// # Errors
/// `not_allowed` for the first field that the app does not name.
fn check_erasable(app: &Json, kind: &str, part: &Json) -> Result<(), Problem> {
    let events = app["events"].as_array().into_iter().flatten();
    let event = events.into_iter().find(|event| event["kind"] == kind);
    let fields = event.and_then(|event| event["erasable"].as_array());
    let fields = fields.map_or(&[][..], Vec::as_slice);
    match strange(fields, "", part) {
        None => Ok(()),
        Some(path) => Err(refused(&format!("the erasable field {path:?} of {kind}"))),
    }
}

/// Types of fields that have something inside.
const WITH_INSIDE: [&str; 6] = ["list", "map", "money", "geo", "blob", "blobs"];

/// The first value below a path that no field has a place for.
fn strange(fields: &[Json], path: &str, value: &Json) -> Option<String> {
    let named = fields.iter().find(|field| field["name"] == path);
    let has_inside = named.is_some_and(|it| WITH_INSIDE.iter().any(|of| it["type"] == *of));
    let items = format!("{path}[]");
    match value {
        Json::Object(inner) if leads_on(fields, path) => {
            let front = match path {
                "" => String::new(),
                path => format!("{path}."),
            };
            let mut inner = inner.iter();
            inner.find_map(|(name, value)| {
                let path = format!("{front}{name}");
                // a name that only looks like the way to a field
                match name.contains(['.', '[']) {
                    true => Some(path),
                    false => strange(fields, &path, value),
                }
            })
        }
        Json::Array(inner) if leads_on(fields, &items) => {
            let mut inner = inner.iter();
            inner.find_map(|item| strange(fields, &items, item))
        }
        // bytes are written so
        Json::Object(inner) if named.is_some() && is_hex(inner) => None,
        Json::Object(_) | Json::Array(_) => (!has_inside).then(|| path.to_owned()),
        _ => named.is_none().then(|| path.to_owned()),
    }
}

fn is_hex(inner: &Map<String, Json>) -> bool {
    inner.len() == 1 && inner.get("$hex").is_some_and(Json::is_string)
}

/// Whether a field is further down a path.
fn leads_on(fields: &[Json], path: &str) -> bool {
    let below = |name: &str| {
        let rest = name.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    let mut names = fields.iter().filter_map(|field| field["name"].as_str());
    path.is_empty() || names.any(below)
}

/// Holds a question to what the user interface may ask, in whose name it is.
pub(crate) async fn hold(shared: &Shared, ui: &Package, ask: &Ask) -> Result<(), Problem> {
    let Some(topic) = check(&ui.manifest, ask)? else {
        return Ok(());
    };
    let (backend, topic) = (Arc::clone(&shared.backend), topic.to_owned());
    let named = topic.clone();
    let of = blocking(move || backend.topic_app(&named)).await?;
    check_topic(&ui.manifest, of.as_ref())?;
    let Ask::Event(event) = ask else {
        return Ok(());
    };
    match &event.erasable {
        None => Ok(()),
        Some(part) => {
            let backend = Arc::clone(&shared.backend);
            let app = blocking(move || backend.answer(&Ask::Manifest(topic))).await?;
            check_erasable(&app, &event.command, part)
        }
    }
}

/// Holds a question for a file to what user interfaces may see: pictures that a topic of the
/// app names.
pub(crate) async fn hold_blob(shared: &Shared, ui: &Package, hash: &str) -> Result<(), Problem> {
    let (backend, hash) = (Arc::clone(&shared.backend), hash.to_owned());
    let (front, apps) = blocking(move || {
        let known = backend.blob(&hash)?;
        Ok((known.front, backend.blob_apps(&known.hash)?))
    })
    .await?;
    let mut apps = apps.iter();
    let is_named = apps.any(|of| check_topic(&ui.manifest, Some(of)).is_ok());
    match is_named && shown_as(&front).is_some() {
        true => Ok(()),
        false => Err(beyond()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::backend::{NewEvent, Rows};

    #[test]
    fn what_is_not_named_is_refused() {
        let json = br#"{"format":1,"app":"tally","major":1,"title":{"en":"T"},"reads":["tallies"],"writes":["tally.add"]}"#;
        let ui = Manifest::read(json).unwrap();
        let rows = |topic: Option<&str>, app: &str, view: &str| {
            Ask::Rows(Rows {
                topic: topic.map(str::to_owned),
                app: app.to_owned(),
                view: view.to_owned(),
                ..Rows::default()
            })
        };
        let event = |command: &str| NewEvent {
            topic: "a".to_owned(),
            command: command.to_owned(),
            ..NewEvent::default()
        };
        let forced = NewEvent {
            force: true,
            ..event("tally.add")
        };
        let proving = NewEvent {
            prove: vec!["e".to_owned()],
            ..event("tally.add")
        };
        let taking = NewEvent {
            taken_for: Some("o".to_owned()),
            ..event("tally.add")
        };
        let table: &[(Ask, Option<Option<&str>>)] = &[
            (rows(Some("a"), "", "tallies"), Some(Some("a"))),
            (rows(None, "tally", "tallies"), Some(None)),
            (rows(None, "relation", "tallies"), None),
            (rows(Some("a"), "", "givers"), None),
            (rows(Some("a"), "", ""), None),
            (Ask::Manifest("a".to_owned()), Some(Some("a"))),
            (Ask::Event(event("tally.add")), Some(Some("a"))),
            (Ask::Event(event("tally add")), None),
            (Ask::Event(event("tally.close")), None),
            (Ask::Event(forced), None),
            (Ask::Event(proving), None),
            (Ask::Event(taking), None),
            (Ask::Whoami, None),
            (Ask::Topics, None),
            (Ask::Words(None), None),
            (Ask::Entry("a".to_owned()), None),
        ];
        for (ask, allowed) in table {
            let told = check(&ui, ask);
            match allowed {
                Some(topic) => assert_eq!(told.unwrap(), *topic, "{ask:?}"),
                None => assert_eq!(told.unwrap_err().code, "not_allowed", "{ask:?}"),
            }
        }
        let of = |app: &str, major| Some((app.to_owned(), major));
        assert!(check_topic(&ui, of("tally", 1).as_ref()).is_ok());
        for other in [of("tally", 2), of("relation", 1), None] {
            assert!(check_topic(&ui, other.as_ref()).is_err());
        }
    }
}
