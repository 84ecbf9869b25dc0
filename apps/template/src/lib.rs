//! The reducer of the app `{{name}}`: people add things to do, and say when they are done.

use serde::{Deserialize, Serialize};
use synlog_reducer::{
    App, Code, Columns, EventKind, Field, Id, Keys, Manifest, Meta, Rows, Table, Type, events,
    reducer,
};

/// Bytes of a title.
const TITLE_MAX: usize = 200;

/// Adds a thing. Its key is the id of this entry.
#[derive(Debug, Deserialize)]
pub struct Add {
    /// What it is.
    pub title: String,
}

/// Says that it is done.
#[derive(Debug, Deserialize)]
pub struct Done {
    /// The entry that added it.
    pub thing: Id,
}

events! {
    /// What happens to a thing.
    #[derive(Debug)]
    pub enum Event {
        "{{name}}.add" => Add(Add),
        "{{name}}.done" => Done(Done),
    }
}

/// A thing.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// Who added it.
    pub owner: Id,
    /// What it is.
    pub title: String,
    /// Who has done it.
    pub done_by: Option<Id>,
}

/// The app.
pub struct Reducer;

impl App for Reducer {
    type State = State;
    type Event = Event;

    const TABLES: &'static [&'static str] = &["things"];

    fn manifest() -> Manifest {
        Manifest::new("{{name}}", 1, "0.1.0")
            .title("Things to do")
            .ordered()
            .role("member", ["{{name}}.*"])
            .event(
                EventKind::new("{{name}}.add", "Add a thing")
                    .command("{{name}} add")
                    .field(Field::text("title").required().title("What it is")),
            )
            .event(
                EventKind::new("{{name}}.done", "Say that a thing is done")
                    .command("{{name}} done")
                    .refs(["thing"])
                    .field(Field::entry("thing").required().title("Which thing")),
            )
            .table(
                Table::new("things")
                    .title("Things to do")
                    .column("title", Type::Text)
                    .column("owner", Type::Entity)
                    .column("done_by", Type::Entity)
                    .index("by_owner", ["owner"]),
            )
    }

    fn keys(event: &Event, meta: &Meta<'_>) -> Result<Keys, Code> {
        Ok(Keys::one(match event {
            Event::Add(_) => Id(meta.id).hex(),
            Event::Done(done) => done.thing.hex(),
        }))
    }

    fn apply(
        state: &mut Option<State>,
        _key: &str,
        event: &Event,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        match (event, state) {
            (Event::Add(add), state @ None) => {
                if add.title.len() > TITLE_MAX {
                    return Err("too_long");
                }
                *state = Some(State {
                    owner: Id(meta.entity),
                    title: add.title.clone(),
                    done_by: None,
                });
                Ok(())
            }
            (Event::Add(_), Some(_)) => Err("exists"),
            (Event::Done(_), None) => Err("unknown_thing"),
            (Event::Done(_), Some(thing)) if thing.done_by.is_some() => Err("already_done"),
            (Event::Done(_), Some(thing)) => {
                thing.done_by = Some(Id(meta.entity));
                Ok(())
            }
        }
    }

    fn rows(_key: &str, thing: &State, rows: &mut Rows) {
        let columns = Columns::new()
            .text("title", &thing.title[..])
            .bytes("owner", thing.owner.0);
        let columns = match thing.done_by {
            Some(who) => columns.bytes("done_by", who.0),
            None => columns.null("done_by"),
        };
        rows.push("things", "", columns);
    }
}

reducer!(Reducer);

#[cfg(test)]
mod tests {
    use super::*;

    fn by(entity: u8) -> Meta<'static> {
        Meta {
            topic: [0; 32],
            id: [1; 32],
            author: [entity; 32],
            entity: [entity; 32],
            seq: 1,
            hlc: 1 << 16,
            sequenced: true,
            role: "member",
            erasable_hash: None,
            facts: &[],
        }
    }

    #[test]
    fn a_thing_is_done_once() {
        let mut state = None;
        let add = Event::Add(Add {
            title: "mend the fence".to_owned(),
        });
        assert_eq!(Reducer::apply(&mut state, "", &add, &by(1)), Ok(()));
        let done = Event::Done(Done { thing: Id([1; 32]) });
        assert_eq!(Reducer::apply(&mut state, "", &done, &by(2)), Ok(()));
        assert_eq!(
            Reducer::apply(&mut state, "", &done, &by(3)),
            Err("already_done")
        );
        assert_eq!(state.and_then(|thing| thing.done_by), Some(Id([2; 32])));
    }
}
