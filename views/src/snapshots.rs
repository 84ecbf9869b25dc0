//! Earlier states of aggregates in causal topics, and the lists of their events.
//!
//! After `n` events the states after a multiple of 2^j events are kept for each j from
//! [`STEP_BITS`] on, the latest three of each. A late event at distance d from the end,
//! 2^j ≤ d < 2^(j+1), has one of them in the 2^j places below it, so at most 2d events
//! are folded again; below 2^[`STEP_BITS`], at most d + 2^[`STEP_BITS`].

use synlog_log::fold::STATE_MAX;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::wire::{Reader, Writer};

use crate::error::ViewsError;
use crate::routing::SORT_KEY_LEN;
use crate::store::keys;
use crate::store::record::{Aggregate, whole};
use crate::store::{Batch, Mark, Store};

/// Below 2^3 events folding again costs less than writing a state for each.
pub(crate) const STEP_BITS: u32 = 3;
/// States kept of each distance.
const KEPT: u64 = 3;
/// Events in one block of a list: appending one rewrites half a KiB.
const BLOCK: usize = 16;

/// After how many events states are kept when there are `count`; ascending.
pub(crate) fn kept(count: u64) -> Vec<u64> {
    let mut counts = Vec::new();
    for bits in STEP_BITS..64 {
        let step = 1u64 << bits;
        if step > count {
            break;
        }
        let last = count / step;
        counts.extend((0..KEPT.min(last)).map(|back| (last - back) * step));
    }
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// The latest kept state after at most so many events, of an aggregate that had `count`.
pub(crate) fn below(
    store: &Store,
    topic: &TopicId,
    key: &str,
    count: u64,
    at_most: u64,
) -> Result<Aggregate, ViewsError> {
    for kept in kept(count)
        .into_iter()
        .rev()
        .filter(|kept| *kept <= at_most)
    {
        if let Some((_, payload)) = store.get(&keys::snapshot(topic, key, kept))? {
            return Aggregate::decode(&payload);
        }
    }
    Ok(Aggregate::default())
}

/// Writes the states that are kept now and removes those that are not any more.
/// What stood after more than `valid` events is of another past.
pub(crate) fn write(
    store: &Store,
    batch: &mut Batch,
    (topic, key): (&TopicId, &str),
    (before, valid, now): (u64, u64, u64),
    captured: &[Aggregate],
) -> Result<(), ViewsError> {
    let keep = kept(now);
    for old in kept(before) {
        let again = captured.iter().any(|state| state.count == old);
        if (old > valid || keep.binary_search(&old).is_err()) && !again {
            let stored = keys::snapshot(topic, key, old);
            if let Some((mark, _)) = store.get(&stored)? {
                batch.remove(&stored, mark);
            }
        }
    }
    for state in captured {
        let stored = keys::snapshot(topic, key, state.count);
        let mark = store.get(&stored)?.map_or(Mark::NONE, |(mark, _)| mark);
        batch.put(&stored, &state.encode(), mark);
    }
    debug_assert!(
        captured
            .iter()
            .all(|it| it.state.as_ref().is_none_or(|it| it.len() <= STATE_MAX))
    );
    Ok(())
}

/// An event in the list of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Sorts like the order; ends with the entry's id.
    pub place: [u8; SORT_KEY_LEN],
    /// It touches other aggregates too.
    pub joint: bool,
    /// It changed nothing.
    pub rejected: bool,
}

impl Listed {
    /// The entry.
    pub(crate) fn id(&self) -> EntryId {
        id_of(&self.place)
    }
}

/// The entry at the end of a place.
pub(crate) fn id_of(place: &[u8; SORT_KEY_LEN]) -> EntryId {
    let mut id = [0; 32];
    id.copy_from_slice(&place[SORT_KEY_LEN - 32..]);
    EntryId(id)
}

/// The end of an aggregate's list, read block by block from behind as far as needed.
pub(crate) struct List {
    /// How many events stand before those in `tail`; a multiple of the block's length.
    pub before: u64,
    /// The events behind, in order.
    pub tail: Vec<Listed>,
    /// How many events it had when it was read.
    pub count: u64,
    marks: Vec<(u32, Mark)>,
}

impl List {
    /// A list of so many events, of which none is read.
    pub(crate) fn new(count: u64) -> Self {
        Self {
            before: count,
            tail: Vec::new(),
            count,
            marks: Vec::new(),
        }
    }

    /// Reads on until the event with this number is there.
    pub(crate) fn reach(
        &mut self,
        store: &Store,
        topic: &TopicId,
        key: &str,
        number: u64,
    ) -> Result<(), ViewsError> {
        while self.before > number
            || (self.before == self.count && !self.before.is_multiple_of(BLOCK as u64))
        {
            let block = (self.before - 1) / BLOCK as u64;
            let found = store.get(&keys::block(topic, key, block as u32))?;
            let (mark, payload) =
                found.ok_or_else(|| ViewsError::Damaged("a list lacks a block".into()))?;
            let listed = whole(&payload, |reader: &mut Reader<'_>| {
                let mut listed = Vec::new();
                for _ in 0..reader.length(BLOCK)? {
                    let place = reader.array()?;
                    let (joint, rejected) = (reader.option()?, reader.option()?);
                    listed.push(Listed {
                        place,
                        joint,
                        rejected,
                    });
                }
                Ok(listed)
            })?;
            if listed.len() as u64 + block * BLOCK as u64 != self.before {
                return Err(ViewsError::Damaged("a block of another length".into()));
            }
            self.before = block * BLOCK as u64;
            self.tail.splice(..0, listed);
            self.marks.push((block as u32, mark));
        }
        Ok(())
    }

    /// The number at which a place stands or would stand.
    pub(crate) fn find(
        &mut self,
        store: &Store,
        topic: &TopicId,
        key: &str,
        place: &[u8; SORT_KEY_LEN],
    ) -> Result<u64, ViewsError> {
        while self.before > 0 && self.tail.first().is_none_or(|first| first.place > *place) {
            self.reach(store, topic, key, self.before - 1)?;
        }
        let at = self.tail.partition_point(|listed| listed.place < *place);
        Ok(self.before + at as u64)
    }

    /// The events from a number on; those must have been reached.
    pub(crate) fn from(&self, number: u64) -> &[Listed] {
        &self.tail[(number - self.before) as usize..]
    }

    /// Writes what was reached.
    pub(crate) fn write(&self, batch: &mut Batch, topic: &TopicId, key: &str) {
        let mark = |number: u32| {
            let found = self.marks.iter().find(|(block, _)| *block == number);
            found.map_or(Mark::NONE, |(_, mark)| *mark)
        };
        let first = (self.before / BLOCK as u64) as u32;
        let mut next = first;
        for chunk in self.tail.chunks(BLOCK) {
            let mut payload = Vec::with_capacity(chunk.len() * (SORT_KEY_LEN + 2) + 1);
            payload.put_varint(chunk.len() as u64);
            for listed in chunk {
                payload.extend_from_slice(&listed.place);
                payload.push(u8::from(listed.joint));
                payload.push(u8::from(listed.rejected));
            }
            batch.put(&keys::block(topic, key, next), &payload, mark(next));
            next += 1;
        }
        for (block, mark) in self.marks.iter().filter(|(block, _)| *block >= next) {
            batch.remove(&keys::block(topic, key, *block), *mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_late_event_folds_at_most_twice_its_distance(count in 0u64..5_000, back in 0u64..5_000) {
            let back = back.min(count);
            let start = kept(count)
                .into_iter()
                .rfind(|kept| *kept <= count - back)
                .unwrap_or(0);
            prop_assert!(count - start <= (2 * back).max(back + (1 << STEP_BITS)));
        }

        #[test]
        fn what_is_kept_later_was_kept_before(count in 0u64..5_000, more in 0u64..600) {
            let before = kept(count);
            let later = kept(count + more);
            prop_assert!(later.iter().filter(|it| **it <= count).all(|it| before.contains(it)));
        }
    }
}
