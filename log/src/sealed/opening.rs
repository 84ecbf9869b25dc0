//! Sealed payloads as their readers see them.

use crate::header::Header;
use crate::ids::EntryId;
use crate::order::TopicOrder;
use crate::owned::OwnedPayload;
use crate::run::{EntryView, PayloadForm, RunView};
use crate::sealed::SealedEntry;
use crate::wire::Writer;

/// The header of an entry of a run.
pub fn header_of(run: &RunView<'_>, entry: &EntryView<'_>) -> Header {
    run.header((entry.seq - run.first().seq) as usize)
}

/// Kind, body and evidence of a sealed entry that is open here.
pub fn opened_part(
    order: &TopicOrder,
    run: &RunView<'_>,
    entry: &EntryView<'_>,
) -> Option<Vec<u8>> {
    let key = order.opened_with(&entry.id)?;
    let payload = entry.payload.split().ok()?;
    SealedEntry::of(&header_of(run, entry), &payload)?.open(&key)
}

/// The payload inside of a sealed one that is open here, in the form of an unsealed one.
/// Erasable data that doesn't open looks as if it had been dropped.
pub fn opened(
    order: &TopicOrder,
    id: &EntryId,
    header: impl FnOnce() -> Header,
    form: &PayloadForm<'_>,
) -> Option<OwnedPayload> {
    let key = order.opened_with(id)?;
    let payload = form.split().ok()?;
    let sealed = SealedEntry::of(&header(), &payload)?;
    let part = sealed.open(&key)?;
    let (erasable_hash, len) = match (form, &payload.erasable) {
        (PayloadForm::Whole(_), None) => {
            let mut bytes = part;
            bytes.push(0);
            return Some(OwnedPayload::Whole(bytes));
        }
        (PayloadForm::Whole(outer), Some(erasable)) => {
            if let Some(data) = sealed.open_erasable(&key, erasable.data) {
                let mut bytes = part;
                bytes.push(1);
                bytes.extend_from_slice(&erasable.salt);
                bytes.put_varint(erasable.expires_ms);
                bytes.put_bytes(&data.encode());
                return Some(OwnedPayload::Whole(bytes));
            }
            (erasable.hash(), outer.len() as u32)
        }
        (
            PayloadForm::Erased {
                len, erasable_hash, ..
            },
            _,
        ) => (*erasable_hash, *len),
    };
    Some(OwnedPayload::Erased {
        part,
        erasable_hash,
        len,
    })
}
