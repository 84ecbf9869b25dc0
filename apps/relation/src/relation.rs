//! The relation of the pair itself, and what they say to each other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::order::commercial::bodies;
use crate::party::{EXPIRED, Feeds, Party, actor, at_ms, possible, short, short_if, slug, sound};

/// The relation is closed: nothing new can be ordered or booked.
pub const CLOSED: Code = "closed";

/// Messages that are kept; older ones are in the log.
pub const MESSAGES_MAX: usize = 50;
/// Bytes of a message.
pub const TEXT_MAX: usize = 2_000;

/// How far a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum State {
    /// Nobody has opened it. Orders are possible.
    #[default]
    New,
    /// One side has offered it.
    Opened,
    /// The other has accepted.
    Accepted,
    /// One side has closed it.
    Closed,
}

impl State {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Opened => "opened",
            Self::Accepted => "accepted",
            Self::Closed => "closed",
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The entry.
    pub id: Id,
    /// Who wrote it.
    pub entity: Id,
    /// When: UTC ms by the writer's clock.
    pub at_ms: i64,
    /// The text, unless it is in the erasable part.
    pub text: Option<String>,
    /// The order that it is about.
    pub order: Option<Id>,
    /// The booking that it is about.
    pub booking: Option<Id>,
}

/// The state of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Relation {
    /// How far it is.
    pub state: State,
    /// Who opened it.
    pub opened_by: Option<Id>,
    /// What it is: `patient`, `maintenance`, …
    pub kind: Option<String>,
    /// Until when it is: UTC ms.
    pub until: Option<i64>,
    /// The last messages.
    pub messages: VecDeque<Message>,
    /// How many there were.
    pub count: u64,
    /// When it changed last: UTC ms by the writer's clock.
    pub updated_ms: i64,
    /// How far each feed was applied.
    pub feeds: Feeds,
}

bodies! {
    /// Body of `relation.open`.
    Open {
        /// What it is.
        kind: Option<String>,
        /// Until when: UTC ms.
        until: Option<i64>,
    }
    /// Body of `relation.accept` and `relation.close`.
    Nothing {
        /// Why.
        reason: Option<String>,
    }
    /// Body of `message.post`.
    Post {
        /// The text; none where it is in the erasable part.
        text: Option<String>,
        /// The order that it is about.
        order: Option<Id>,
        /// The booking that it is about.
        booking: Option<Id>,
    }
}

impl Relation {
    fn admit(&mut self, meta: &Meta<'_>) -> Result<Party, Code> {
        self.feeds.note(meta)?;
        self.updated_ms = at_ms(meta);
        Party::of(meta)
    }

    fn pair(&mut self, meta: &Meta<'_>) -> Result<(), Code> {
        let party = self.admit(meta)?;
        actor(matches!(party, Party::Provider | Party::Client))
    }

    /// Whether something can be ordered or booked. Errors: `closed`, `expired`.
    pub fn takes_requests(&self, meta: &Meta<'_>) -> Result<(), Code> {
        if self.state == State::Closed {
            return Err(CLOSED);
        }
        match self.until {
            Some(until) if at_ms(meta) > until => Err(EXPIRED),
            _ => Ok(()),
        }
    }

    /// `relation.open`, also again after it was closed. Errors: `bad_transition`,
    /// `wrong_actor`, `bad_value`.
    pub fn open(&mut self, event: &Open, meta: &Meta<'_>) -> Result<(), Code> {
        self.pair(meta)?;
        possible(matches!(self.state, State::New | State::Closed))?;
        event.kind.as_deref().map_or(Ok(()), slug)?;
        sound(event.until.is_none_or(|until| until > at_ms(meta)))?;
        self.state = State::Opened;
        self.opened_by = Some(Id(meta.entity));
        self.kind.clone_from(&event.kind);
        self.until = event.until;
        Ok(())
    }

    /// `relation.accept` by the other side. Errors: `expired`, `bad_transition`,
    /// `wrong_actor`.
    pub fn accept(&mut self, meta: &Meta<'_>) -> Result<(), Code> {
        self.pair(meta)?;
        possible(self.state == State::Opened)?;
        actor(self.opened_by != Some(Id(meta.entity)))?;
        self.takes_requests(meta)?;
        self.state = State::Accepted;
        Ok(())
    }

    /// `relation.close`. Errors: `bad_transition`, `wrong_actor`, `too_long`.
    pub fn close(&mut self, event: &Nothing, meta: &Meta<'_>) -> Result<(), Code> {
        self.pair(meta)?;
        possible(matches!(self.state, State::Opened | State::Accepted))?;
        short_if(event.reason.as_deref(), crate::party::NOTE_MAX)?;
        self.state = State::Closed;
        Ok(())
    }

    /// `message.post`, of any member, also when closed. Errors: `too_long`, `bad_value` (no
    /// text at all), `wrong_actor`.
    pub fn post(&mut self, event: &Post, meta: &Meta<'_>) -> Result<(), Code> {
        self.admit(meta)?;
        match &event.text {
            Some(text) => short(text, TEXT_MAX)?,
            None => sound(meta.erasable_hash.is_some())?,
        }
        if self.messages.len() == MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(Message {
            id: Id(meta.id),
            entity: Id(meta.entity),
            at_ms: at_ms(meta),
            text: event.text.clone(),
            order: event.order,
            booking: event.booking,
        });
        self.count += 1;
        Ok(())
    }
}
