//! What a question may ask for that was asked in the name of a user interface. The broker in
//! the page asks for nothing else; this holds it to that.

use super::manifest::Manifest;
use crate::backend::Ask;
use crate::problem::Problem;

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
pub(crate) fn check<'a>(ui: &Manifest, ask: &'a Ask) -> Result<Option<&'a str>, Problem> {
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
pub(crate) fn check_topic(ui: &Manifest, of: Option<&(String, u16)>) -> Result<(), Problem> {
    match of {
        Some((app, major)) if *app == ui.app && *major == ui.major => Ok(()),
        _ => Err(refused("this topic")),
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
