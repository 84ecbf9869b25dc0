//! The reducer of the app `tally`: a group counts something together, such as hours
//! given to the village hall, kilos picked, or money promised. It is the example of
//! `docs/APPS.md`; `apps/tally-c` is the same reducer in C.

use serde::{Deserialize, Serialize};
use synlog_reducer::{
    App, Code, Columns, EventKind, Field, Id, Keys, Manifest, Meta, Rows, Table, Type, events,
    reducer,
};

/// Bytes of a title.
pub const TITLE_MAX: usize = 200;
/// Bytes of a unit.
pub const UNIT_MAX: usize = 20;
/// Bytes of a note.
pub const NOTE_MAX: usize = 280;
/// Entities that can add to one tally, so that its rows stay below the limit of an
/// aggregate (256).
pub const GIVERS_MAX: usize = 200;

/// Opens a tally. Its key is the id of this entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Open {
    /// What is counted.
    pub title: String,
    /// What one of it is: `h`, `kg`, `EUR`.
    pub unit: String,
    /// How many of it are wanted.
    pub goal: Option<i64>,
}

/// Adds to a tally.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Add {
    /// The entry that opened the tally.
    pub tally: Id,
    /// How many; below zero takes back.
    pub amount: i64,
    /// What for.
    pub note: Option<String>,
}

/// Closes a tally.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Close {
    /// The entry that opened the tally.
    pub tally: Id,
}

events! {
    /// What happens to a tally.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Event {
        "tally.open" => Open(Open),
        "tally.add" => Add(Add),
        "tally.close" => Close(Close),
    }
}

/// A tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Who opened it.
    pub owner: Id,
    /// What is counted.
    pub title: String,
    /// What one of it is.
    pub unit: String,
    /// How many are wanted.
    pub goal: Option<i64>,
    /// Whether nothing can be added any more.
    pub closed: bool,
    /// How many there are.
    pub sum: i64,
    /// How often something was added.
    pub count: u64,
    /// When something was added last: UTC ms, by the clock of who added it.
    pub last_ms: u64,
    /// What was said with it.
    pub last_note: String,
    /// Who added how much, in the order in which they came.
    pub givers: Vec<Giver>,
}

/// What one entity has added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Giver {
    /// The entity.
    pub entity: Id,
    /// How many.
    pub sum: i64,
}

/// The app.
#[derive(Debug, Clone, Copy)]
pub struct Tally;

impl App for Tally {
    type State = State;
    type Event = Event;

    const TABLES: &'static [&'static str] = &["tallies", "givers"];

    fn manifest() -> Manifest {
        Manifest::new("tally", 1, "1.0.0")
            .title("Count something together")
            .ordered()
            .role("member", ["tally.*"])
            .role("guest", ["tally.add"])
            .open("guest")
            .event(
                EventKind::new("tally.open", "Open a tally")
                    .command("tally open")
                    .field(Field::text("title").required().title("What is counted"))
                    .field(
                        Field::text("unit")
                            .required()
                            .title("What one of it is")
                            .make("default:\"piece\""),
                    )
                    .field(Field::int("goal").title("How many are wanted")),
            )
            .event(
                EventKind::new("tally.add", "Add to a tally")
                    .command("tally add")
                    .refs(["tally"])
                    .field(Field::entry("tally").required().title("Which tally"))
                    .field(
                        Field::int("amount")
                            .required()
                            .title("How many; below zero takes back"),
                    )
                    .field(Field::text("note").title("What for")),
            )
            .event(
                EventKind::new("tally.close", "Close a tally")
                    .command("tally close")
                    .refs(["tally"])
                    .field(Field::entry("tally").required().title("Which tally")),
            )
            .table(
                Table::new("tallies")
                    .title("Tallies")
                    .column("title", Type::Text)
                    .column("unit", Type::Text)
                    .column("sum", Type::Int)
                    .column("goal", Type::Int)
                    .column("count", Type::Int)
                    .column("closed", Type::Bool)
                    .column("owner", Type::Entity)
                    .column("last", Type::Instant)
                    .column("note", Type::Text)
                    .index("by_owner", ["owner", "last"]),
            )
            .table(
                Table::new("givers")
                    .title("Who added how much")
                    .column("entity", Type::Entity)
                    .column("sum", Type::Int)
                    .index("by_entity", ["entity"]),
            )
    }

    fn keys(event: &Event, meta: &Meta<'_>) -> Result<Keys, Code> {
        Ok(Keys::one(match event {
            Event::Open(_) => Id(meta.id).hex(),
            Event::Add(Add { tally, .. }) | Event::Close(Close { tally }) => tally.hex(),
        }))
    }

    fn apply(
        state: &mut Option<State>,
        _key: &str,
        event: &Event,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        match (event, state) {
            (Event::Open(open), state @ None) => {
                *state = Some(opened(open, meta)?);
                Ok(())
            }
            (Event::Open(_), Some(_)) => Err("exists"),
            (_, None) => Err("unknown_tally"),
            (Event::Add(add), Some(tally)) => tally.add(add, meta),
            (Event::Close(_), Some(tally)) if tally.owner.0 != meta.entity => Err("not_owner"),
            (Event::Close(_), Some(tally)) if tally.closed => Err("closed"),
            (Event::Close(_), Some(tally)) => {
                tally.closed = true;
                Ok(())
            }
        }
    }

    fn rows(_key: &str, tally: &State, rows: &mut Rows) {
        let columns = Columns::new()
            .text("title", &tally.title[..])
            .text("unit", &tally.unit[..])
            .int("sum", tally.sum)
            .int("count", tally.count as i64)
            .bool("closed", tally.closed)
            .bytes("owner", tally.owner.0)
            .int("last", tally.last_ms as i64)
            .text("note", &tally.last_note[..]);
        let columns = match tally.goal {
            Some(goal) => columns.int("goal", goal),
            None => columns.null("goal"),
        };
        rows.push("tallies", "", columns);
        for giver in &tally.givers {
            let columns = Columns::new()
                .bytes("entity", giver.entity.0)
                .int("sum", giver.sum);
            rows.push("givers", giver.entity.hex(), columns);
        }
    }
}

fn opened(open: &Open, meta: &Meta<'_>) -> Result<State, Code> {
    if open.title.len() > TITLE_MAX || open.unit.len() > UNIT_MAX {
        return Err("too_long");
    }
    Ok(State {
        owner: Id(meta.entity),
        title: open.title.clone(),
        unit: open.unit.clone(),
        goal: open.goal,
        closed: false,
        sum: 0,
        count: 0,
        last_ms: meta.at_ms(),
        last_note: String::new(),
        givers: Vec::new(),
    })
}

impl State {
    // what is changed before an error doesn't stay
    fn add(&mut self, add: &Add, meta: &Meta<'_>) -> Result<(), Code> {
        if self.closed {
            return Err("closed");
        }
        let note = add.note.as_deref().unwrap_or_default();
        if note.len() > NOTE_MAX {
            return Err("too_long");
        }
        self.giver(Id(meta.entity))?.add(add.amount)?;
        self.sum = self.sum.checked_add(add.amount).ok_or("overflow")?;
        self.count += 1;
        self.last_ms = meta.at_ms();
        self.last_note = note.to_owned();
        Ok(())
    }

    fn giver(&mut self, entity: Id) -> Result<&mut Giver, Code> {
        let known = self.givers.iter().position(|giver| giver.entity == entity);
        let index = match known {
            Some(index) => index,
            None if self.givers.len() == GIVERS_MAX => return Err("too_many"),
            None => {
                self.givers.push(Giver { entity, sum: 0 });
                self.givers.len() - 1
            }
        };
        Ok(&mut self.givers[index])
    }
}

impl Giver {
    fn add(&mut self, amount: i64) -> Result<(), Code> {
        self.sum = self.sum.checked_add(amount).ok_or("overflow")?;
        Ok(())
    }
}

reducer!(Tally);
