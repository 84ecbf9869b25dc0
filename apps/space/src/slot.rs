//! Aggregates `slot/<id>`: a slot of a resource that is kept for a booking, as a row of
//! its own. Whether it fits is decided in the resource.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::capability::at_ms;
use crate::code::UNKNOWN_TAKE;

/// Body of `slot.take`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SlotTake {
    /// The resource.
    pub resource: String,
    /// First instant, UTC ms.
    pub start: i64,
    /// Instant from when on it is over, UTC ms.
    pub end: i64,
    /// Seats.
    pub seats: i64,
    /// [`crate::take_commitment`] of the booking.
    pub c: Id,
    /// The entry of a slot of the same resource that is given up for this one: both or
    /// neither.
    #[serde(default)]
    pub replaces: Option<Id>,
}

/// Body of `slot.free`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SlotFree {
    /// The resource.
    pub resource: String,
    /// The entry that took.
    pub take: Id,
}

/// The state of the aggregate; it is gone when the slot was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Slug of the resource.
    pub resource: String,
    /// First instant, UTC ms.
    pub start: i64,
    /// Instant from when on it is over, UTC ms.
    pub end: i64,
    /// Seats.
    pub seats: i64,
    /// The commitment.
    pub c: Id,
    /// When it was taken, UTC ms by the writer's clock.
    pub at_ms: i64,
}

/// `slot.take`.
pub(crate) fn take(state: &mut Option<Slot>, event: &SlotTake, meta: &Meta<'_>) {
    *state = Some(Slot {
        resource: event.resource.clone(),
        start: event.start,
        end: event.end,
        seats: event.seats,
        c: event.c,
        at_ms: at_ms(meta),
    });
}

/// `slot.free`, or another slot that replaces this one.
pub(crate) fn free(state: &mut Option<Slot>, resource: &str) -> Result<(), Code> {
    match state {
        Some(slot) if slot.resource == resource => {
            *state = None;
            Ok(())
        }
        _ => Err(UNKNOWN_TAKE),
    }
}
