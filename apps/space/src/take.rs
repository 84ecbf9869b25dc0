//! Aggregates `take/<id>`: a quantity of an item that is kept for an order.
//!
//! Each is an aggregate of its own, named by the entry that took it, so that an item
//! can be sold any number of times without its state growing.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::capability::at_ms;
use crate::code::{OVER_FREE, UNKNOWN_TAKE};
use crate::field::require;

/// Body of `item.take`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ItemTake {
    /// The item.
    pub item: String,
    /// The entry of the item's revision that the order is about.
    pub revision: Id,
    /// How many.
    pub quantity: i64,
    /// [`crate::take_commitment`] of the order.
    pub c: Id,
}

/// Body of `item.free`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ItemFree {
    /// The item.
    pub item: String,
    /// The entry that took.
    pub take: Id,
    /// How many are given back: all that the take still holds, or a part.
    pub quantity: i64,
}

/// The state of the aggregate; it is gone when all was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Slug of the item.
    pub item: String,
    /// The revision that was taken.
    pub revision: Id,
    /// How many it still holds.
    pub quantity: i64,
    /// The commitment.
    pub c: Id,
    /// When it was taken, UTC ms by the writer's clock.
    pub at_ms: i64,
}

/// `item.take`.
pub(crate) fn take(state: &mut Option<Take>, event: &ItemTake, meta: &Meta<'_>) {
    *state = Some(Take {
        item: event.item.clone(),
        revision: event.revision,
        quantity: event.quantity,
        c: event.c,
        at_ms: at_ms(meta),
    });
}

/// `item.free`.
pub(crate) fn free(state: &mut Option<Take>, event: &ItemFree) -> Result<(), Code> {
    let take = state.as_mut().ok_or(UNKNOWN_TAKE)?;
    if take.item != event.item {
        return Err(UNKNOWN_TAKE);
    }
    require(event.quantity >= 1)?;
    if event.quantity > take.quantity {
        return Err(OVER_FREE);
    }
    take.quantity -= event.quantity;
    if take.quantity == 0 {
        *state = None;
    }
    Ok(())
}
