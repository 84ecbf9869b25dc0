//! Entries as events for a reducer (`spec/10-reducer.md` 10.3).

use crate::attestation::checked_facts;
use crate::fold::FoldEvent;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::run::{EntryView, PayloadForm, RunView};

/// What stands in a payload for a reducer: the fields, from inside where it is sealed
/// (`opened`), and the hash of the erasable part as it was signed.
pub fn fields<'a>(
    entry: &EntryView<'a>,
    opened: Option<&'a [u8]>,
) -> Option<(Payload<'a>, Option<[u8; 32]>)> {
    let payload = entry.payload.split().ok()?;
    let erasable_hash = match &entry.payload {
        PayloadForm::Whole(_) => payload.erasable.map(|part| part.hash()),
        PayloadForm::Erased { erasable_hash, .. } => Some(*erasable_hash),
    };
    let payload = match opened {
        Some(part) => Payload::split_erased(part).ok()?,
        None => payload,
    };
    Some((payload, erasable_hash))
}

/// The event of an entry; `None` where its payload does not decode, which order has
/// rejected already. `opened` is the part inside of a sealed payload.
pub fn event_of(
    run: &RunView<'_>,
    entry: &EntryView<'_>,
    opened: Option<&[u8]>,
    entity: EntityId,
    sequenced: bool,
    role: &str,
) -> Option<FoldEvent> {
    let (payload, erasable_hash) = fields(entry, opened)?;
    Some(FoldEvent {
        id: entry.id,
        author: run.feed.author,
        entity,
        seq: entry.seq,
        hlc: entry.hlc,
        sequenced,
        role: role.to_owned(),
        kind: payload.kind.to_owned(),
        body: payload.body.to_vec(),
        erasable_hash,
        facts: checked_facts(&payload).ok()?,
    })
}
