//! Bookings: pending → held → confirmed → attended or no-show; exits declined, cancelled.
//! The slot itself is taken in the space; the confirm proves it.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::evidence::{Slot, slot_taken};
use crate::order::commercial::{TOO_EARLY, bodies};
use crate::order::returns::OUT_OF_WINDOW;
use crate::party::{
    DUPLICATE, EXPIRED, Feeds, NOTE_MAX, Party, actor, at_ms, possible, short_if, slug, sound,
};

/// How far a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of the states say it")]
pub enum State {
    Pending,
    Held,
    Confirmed,
    Attended,
    NoShow,
    Declined,
    Cancelled,
}

impl State {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Attended => "attended",
            Self::NoShow => "no_show",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it may still take place.
    pub fn live(self) -> bool {
        matches!(self, Self::Pending | Self::Held | Self::Confirmed)
    }
}

/// The state of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// The entry that requested it.
    pub id: Id,
    /// Who books.
    pub client: Id,
    /// Who answered first.
    pub provider: Option<Id>,
    /// How far it is.
    pub state: State,
    /// Topic of the space.
    pub space: Id,
    /// What is booked there.
    pub resource: String,
    /// UTC ms.
    pub start: i64,
    /// UTC ms.
    pub end: i64,
    /// Seats.
    pub seats: i64,
    /// For people.
    pub note: Option<String>,
    /// While held: until when, UTC ms.
    pub until: Option<i64>,
    /// The entry that took the slot.
    pub take: Option<Id>,
    /// Why it was declined or cancelled, or what the client contests.
    pub reason: Option<String>,
    /// Whether the client contests what is said of its coming.
    pub contested: bool,
    /// When it changed last: UTC ms by the writer's clock.
    pub updated_ms: i64,
    /// How far each feed was applied.
    pub feeds: Feeds,
}

bodies! {
    /// Body of `booking.request`.
    Request {
        /// Topic of the space.
        space: Id,
        /// What to book there.
        resource: String,
        /// UTC ms.
        start: i64,
        /// UTC ms.
        end: i64,
        /// Seats, above zero.
        seats: i64,
        /// For people.
        note: Option<String>,
    }
    /// Body of `booking.hold`.
    Hold {
        /// The booking.
        booking: Id,
        /// UTC ms.
        until: i64,
    }
    /// Body of `booking.confirm`.
    Confirm {
        /// The booking.
        booking: Id,
        /// The entry `slot.take`, carried as evidence.
        take: Id,
        /// Opens its commitment.
        r: Id,
    }
    /// Body of `booking.reschedule`.
    Reschedule {
        /// The booking.
        booking: Id,
        /// UTC ms.
        start: i64,
        /// UTC ms.
        end: i64,
        /// The entry `slot.take`, carried as evidence.
        take: Id,
        /// Opens its commitment.
        r: Id,
    }
    /// Body of the other events of a booking.
    Reason {
        /// The booking.
        booking: Id,
        /// Why.
        reason: Option<String>,
    }
}

/// `booking.request`. Errors: `duplicate`, `wrong_actor`, `bad_value`, `too_long`.
pub fn request(state: &Option<Booking>, event: &Request, meta: &Meta<'_>) -> Result<Booking, Code> {
    if state.is_some() {
        return Err(DUPLICATE);
    }
    actor(Party::of(meta)? == Party::Client)?;
    slug(&event.resource)?;
    short_if(event.note.as_deref(), NOTE_MAX)?;
    sound(event.start < event.end && event.seats > 0)?;
    let mut feeds = Feeds::default();
    feeds.note(meta)?;
    Ok(Booking {
        id: Id(meta.id),
        client: Id(meta.entity),
        provider: None,
        state: State::Pending,
        space: event.space,
        resource: event.resource.clone(),
        start: event.start,
        end: event.end,
        seats: event.seats,
        note: event.note.clone(),
        until: None,
        take: None,
        reason: None,
        contested: false,
        updated_ms: at_ms(meta),
        feeds,
    })
}

impl Booking {
    /// What every later event must be. Errors: `duplicate`, `wrong_actor`.
    pub fn admit(&mut self, meta: &Meta<'_>) -> Result<Party, Code> {
        self.feeds.note(meta)?;
        let party = Party::of(meta)?;
        match party {
            Party::Client => actor(self.client.0 == meta.entity)?,
            Party::Provider => {
                actor(self.client.0 != meta.entity)?;
                actor(self.provider.is_none_or(|known| known.0 == meta.entity))?;
                self.provider = Some(Id(meta.entity));
            }
            _ => actor(false)?,
        }
        self.updated_ms = at_ms(meta);
        Ok(party)
    }

    /// `booking.hold`, also to prolong. Errors: `bad_transition`, `bad_value`, `wrong_actor`.
    pub fn hold(&mut self, event: &Hold, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(matches!(self.state, State::Pending | State::Held))?;
        sound(event.until > at_ms(meta))?;
        self.until = Some(event.until);
        self.state = State::Held;
        Ok(())
    }

    /// `booking.confirm`. Errors: `no_take`, `expired` (the hold was over), `bad_transition`,
    /// `wrong_actor`.
    pub fn confirm(&mut self, event: &Confirm, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(matches!(self.state, State::Pending | State::Held))?;
        if self.until.is_some_and(|until| at_ms(meta) > until) {
            return Err(EXPIRED);
        }
        self.taken(self.start, self.end, &event.take, &event.r, meta)?;
        self.until = None;
        self.state = State::Confirmed;
        Ok(())
    }

    fn taken(
        &mut self,
        start: i64,
        end: i64,
        take: &Id,
        r: &Id,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        let slot = Slot {
            space: &self.space,
            resource: &self.resource,
            start,
            end,
            seats: self.seats,
        };
        slot_taken(meta, take, r, &self.id, &slot)?;
        self.take = Some(*take);
        Ok(())
    }

    /// `booking.reschedule`. Errors: `no_take`, `bad_transition`, `bad_value`, `wrong_actor`.
    pub fn reschedule(
        &mut self,
        event: &Reschedule,
        party: Party,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(self.state == State::Confirmed)?;
        sound(event.start < event.end)?;
        self.taken(event.start, event.end, &event.take, &event.r, meta)?;
        (self.start, self.end) = (event.start, event.end);
        Ok(())
    }

    /// The events that only move it on. Errors: `bad_transition`, `wrong_actor`,
    /// `too_early` (attendance before the start), `out_of_window` (cancelled after it).
    pub fn step(
        &mut self,
        to: State,
        event: &Reason,
        party: Party,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        let begun = at_ms(meta) >= self.start;
        short_if(event.reason.as_deref(), NOTE_MAX)?;
        match to {
            State::Cancelled => {
                possible(self.state.live())?;
                if begun && party == Party::Client {
                    return Err(OUT_OF_WINDOW);
                }
            }
            _ => actor(party == Party::Provider)?,
        }
        possible(match to {
            State::Declined => matches!(self.state, State::Pending | State::Held),
            State::Pending => self.state == State::Held,
            State::Attended | State::NoShow => self.state == State::Confirmed,
            _ => true,
        })?;
        if matches!(to, State::Attended | State::NoShow) && !begun {
            return Err(TOO_EARLY);
        }
        self.until = None;
        self.reason.clone_from(&event.reason);
        self.state = to;
        Ok(())
    }

    /// `booking.contest`. Errors: `bad_transition`, `wrong_actor`, `too_long`.
    pub fn contest(&mut self, event: &Reason, party: Party) -> Result<(), Code> {
        actor(party == Party::Client)?;
        possible(matches!(self.state, State::NoShow | State::Attended) && !self.contested)?;
        short_if(event.reason.as_deref(), NOTE_MAX)?;
        self.reason.clone_from(&event.reason);
        self.contested = true;
        Ok(())
    }
}
