//! What evidence must show: stock and slots that were taken, the right to review,
//! receipts. The node has checked the signatures; what they say is judged here.

use serde::Deserialize;
use synlog_reducer::{Code, Fact, Hash16, Id, Meta, hash};

/// No fitting entry proves that the stock or the slot was taken.
pub const NO_TAKE: Code = "no_take";
/// No fitting grant of the right to review.
pub const NO_GRANT: Code = "no_grant";
/// No fitting receipt.
pub const NO_RECEIPT: Code = "no_receipt";

/// Context of [`commitment`].
pub const TAKE_CONTEXT: &str = "synlog v1 commitment of a take";
/// Context of [`handover_hash`].
pub const HANDOVER_CONTEXT: &str = "synlog v1 handover";

/// What an entry in the public space says instead of for whom something was taken: `r`
/// opens it to those who know the relation (`topic`) and the order or booking (`about`).
pub fn commitment(r: &Id, topic: &[u8; 32], about: &Id) -> Id {
    Id(hash(Some(TAKE_CONTEXT), &[&r.0, topic, &about.0]))
}

/// What a client commits to when ordering; it gives the preimage at the door.
pub fn handover_hash(preimage: &Id) -> Id {
    Id(hash(Some(HANDOVER_CONTEXT), &[&preimage.0]))
}

/// Body of `item.take` in a space.
#[derive(Debug, Deserialize)]
struct ItemTake {
    item: String,
    revision: Id,
    quantity: i64,
    c: Id,
}

/// Body of `slot.take` in a space.
#[derive(Debug, Deserialize)]
struct SlotTake {
    resource: String,
    start: i64,
    end: i64,
    seats: i64,
    c: Id,
}

/// Stock that must have been taken.
#[derive(Debug)]
pub(crate) struct Stock<'a> {
    pub(crate) space: &'a Id,
    pub(crate) item: &'a str,
    pub(crate) revision: &'a Id,
    pub(crate) quantity: i64,
}

/// A slot that must have been taken.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    pub(crate) space: &'a Id,
    pub(crate) resource: &'a str,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) seats: i64,
}

/// The fact among the evidence that is the entry `id`, of this kind and topic, signed by
/// a device of the entity that wrote the event.
fn own_entry<'a>(meta: &Meta<'a>, id: &Id, kind: &str, topic: &Id) -> Option<&'a Fact> {
    meta.facts.iter().find(|fact| match fact {
        Fact::Entry {
            id: found,
            topic: place,
            entity,
            kind: what,
            ..
        } => *found == id.0 && *place == topic.0 && *entity == meta.entity && what == kind,
        _ => false,
    })
}

/// The evidence has the entry `take`, which takes this stock for `order`. Error: `no_take`.
pub(crate) fn stock_taken(
    meta: &Meta<'_>,
    take: &Id,
    r: &Id,
    order: &Id,
    stock: &Stock<'_>,
) -> Result<(), Code> {
    let body: ItemTake = own_entry(meta, take, "item.take", stock.space)
        .and_then(Fact::entry_body)
        .ok_or(NO_TAKE)?;
    let fits = body.item == stock.item
        && body.revision == *stock.revision
        && body.quantity >= stock.quantity
        && body.c == commitment(r, &meta.topic, order);
    if fits { Ok(()) } else { Err(NO_TAKE) }
}

/// The evidence has the entry `take`, which takes this slot for `booking`. Error: `no_take`.
pub(crate) fn slot_taken(
    meta: &Meta<'_>,
    take: &Id,
    r: &Id,
    booking: &Id,
    slot: &Slot<'_>,
) -> Result<(), Code> {
    let body: SlotTake = own_entry(meta, take, "slot.take", slot.space)
        .and_then(Fact::entry_body)
        .ok_or(NO_TAKE)?;
    let fits = body.resource == slot.resource
        && body.start == slot.start
        && body.end == slot.end
        && body.seats >= slot.seats
        && body.c == commitment(r, &meta.topic, booking);
    if fits { Ok(()) } else { Err(NO_TAKE) }
}

/// The evidence grants this holder the right to review whoever wrote the event. Error:
/// `no_grant`.
pub(crate) fn review_granted(meta: &Meta<'_>, holder: &Id, tag: &Hash16) -> Result<(), Code> {
    let granted = meta.facts.iter().any(|fact| match fact {
        Fact::Grant {
            subject,
            holder: bound,
            tag: once,
            ..
        } => *subject == meta.entity && *bound == holder.0 && *once == tag.0,
        _ => false,
    });
    if granted { Ok(()) } else { Err(NO_GRANT) }
}

/// A device of the provider, and how far it was when it was given the client's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The device that confirms.
    pub device: Id,
    /// Its entries in the topic at that time.
    pub height: u64,
    /// UTC ms by its clock.
    pub at_ms: i64,
}

impl Receipt {
    /// Whether what a device wrote came after this receipt: by its number where it is the
    /// same device, else by its clock.
    pub fn precedes(&self, device: &Id, seq: u64, at_ms: i64) -> bool {
        if self.device == *device {
            seq >= self.height
        } else {
            at_ms > self.at_ms
        }
    }
}

/// The receipts among the evidence, each by a device of `provider` that was given the entry
/// `cancel` (number `seq` of the feed of `author`), or a later one of that feed, which is
/// never without those before it. Error: `no_receipt` where there is none.
pub(crate) fn receipts(
    meta: &Meta<'_>,
    provider: &Id,
    cancel: &Id,
    author: &Id,
    cancel_seq: u64,
) -> Result<Vec<Receipt>, Code> {
    let found = meta.facts.iter().filter_map(|fact| match fact {
        Fact::Receipt {
            topic,
            device,
            entity,
            entry,
            author: feed,
            seq,
            height,
            at_ms,
        } if *topic == meta.topic
            && *entity == provider.0
            && *feed == author.0
            && (*seq > cancel_seq || (*seq == cancel_seq && *entry == cancel.0)) =>
        {
            Some(Receipt {
                device: Id(*device),
                height: *height,
                at_ms: i64::try_from(*at_ms).unwrap_or(i64::MAX),
            })
        }
        _ => None,
    });
    let found: Vec<Receipt> = found.collect();
    if found.is_empty() {
        return Err(NO_RECEIPT);
    }
    Ok(found)
}

/// The fact among the evidence that is the entry `cancel`, an `order.cancel` of this topic
/// by the entity that wrote the event.
pub(crate) fn own_cancel<'a>(meta: &Meta<'a>, cancel: &Id) -> Option<&'a Fact> {
    own_entry(meta, cancel, "order.cancel", &Id(meta.topic))
}
