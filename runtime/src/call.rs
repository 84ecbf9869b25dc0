//! What goes into a call and what comes out of it, in bytes (`spec/10-reducer.md` 10.3).

use std::ops::Range;

use synlog_log::fold::FoldInput;
use synlog_log::ids::TopicId;
use synlog_log::wire::{Reader, VARINT_MAX, Writer};

pub(crate) use synlog_log::fold::calls::{
    FoldOutput, Wrong, put_fold_head, put_project, read_fold, read_project, read_route,
};

/// Aggregates and events of one call of the host, copied so that they can go to
/// another thread. Reused from call to call.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) topic: [u8; 32],
    bytes: Vec<u8>,
    items: Vec<Item>,
    events: Vec<Range<usize>>,
}

struct Item {
    key: Range<usize>,
    state: Option<Range<usize>>,
    events: Range<usize>,
}

/// An aggregate of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Aggregate<'a> {
    batch: &'a Batch,
    item: &'a Item,
}

impl Batch {
    /// Takes everything out.
    pub(crate) fn clear(&mut self, topic: &TopicId) {
        self.topic = topic.0;
        self.bytes.clear();
        self.items.clear();
        self.events.clear();
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Adds an aggregate without events.
    pub(crate) fn add_aggregate(&mut self, key: &str, state: Option<&[u8]>) {
        let key = self.put(key.as_bytes());
        let state = state.map(|state| self.put(state));
        let events = self.events.len()..self.events.len();
        self.items.push(Item { key, state, events });
    }

    /// Adds an event to the last aggregate.
    pub(crate) fn add_event(&mut self, event: &[u8]) {
        self.bytes.put_varint(event.len() as u64);
        let range = self.put(event);
        self.events.push(range);
        if let Some(item) = self.items.last_mut() {
            item.events.end = self.events.len();
        }
    }

    /// Adds an aggregate with its events.
    pub(crate) fn add(&mut self, input: &FoldInput<'_>) {
        self.add_aggregate(input.key, input.state);
        input.events.iter().for_each(|event| self.add_event(event));
    }

    /// The aggregates, in the order in which they were added.
    pub(crate) fn aggregates(&self) -> impl ExactSizeIterator<Item = Aggregate<'_>> {
        self.items
            .iter()
            .map(|item| Aggregate { batch: self, item })
    }
}

impl<'a> Aggregate<'a> {
    pub(crate) fn key(&self) -> &'a [u8] {
        &self.batch.bytes[self.item.key.clone()]
    }

    pub(crate) fn state(&self) -> Option<&'a [u8]> {
        self.item
            .state
            .clone()
            .map(|range| &self.batch.bytes[range])
    }

    pub(crate) fn len(&self) -> usize {
        self.item.events.len()
    }

    pub(crate) fn event(&self, index: usize) -> &'a [u8] {
        &self.batch.bytes[self.batch.events[self.item.events.start + index].clone()]
    }

    /// Several events one after the other, each with its length before it.
    pub(crate) fn listed(&self, range: Range<usize>) -> &'a [u8] {
        let events = &self.batch.events[self.item.events.start..self.item.events.end];
        let events = &events[range];
        match (events.first(), events.last()) {
            (Some(first), Some(last)) => {
                let start = first.start - varint_len(first.len());
                &self.batch.bytes[start..last.end]
            }
            _ => &[],
        }
    }

    /// Where the longest run of events from `start` on ends that keeps to the bounds of
    /// a call; at least one event.
    pub(crate) fn run_end(&self, start: usize, events_max: usize, bytes_max: usize) -> usize {
        let (mut end, mut bytes) = (start, 0);
        while end < self.len() && end - start < events_max {
            bytes += self.event(end).len();
            if bytes > bytes_max && end > start {
                break;
            }
            end += 1;
        }
        end
    }
}

fn varint_len(value: usize) -> usize {
    let bits = usize::BITS - value.leading_zeros();
    (bits.div_ceil(7) as usize).clamp(1, VARINT_MAX)
}

/// The kind of an encoded event.
pub(crate) fn kind_of(event: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(event);
    reader.take(96).ok()?;
    reader.varint().ok()?;
    reader.varint().ok()?;
    reader.byte().ok()?;
    reader.bytes(event.len()).ok()?;
    reader.bytes(event.len()).ok()
}

/// The id of an encoded event, as far as it is there.
pub(crate) fn id_of(event: &[u8]) -> &[u8] {
    event.get(..32).unwrap_or(event)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_outputs_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_fold(&bytes, 3);
            let _ = read_route(&bytes);
            let _ = read_project(&bytes, 2);
            let _ = kind_of(&bytes);
        }

        #[test]
        fn runs_of_events_are_as_encoded(sizes in proptest::collection::vec(0usize..300, 1..20), at: u8) {
            let mut batch = Batch::default();
            batch.clear(&TopicId([0; 32]));
            batch.add_aggregate("k", None);
            for size in &sizes {
                batch.add_event(&vec![7; *size]);
            }
            let aggregate = batch.aggregates().next().unwrap();
            let start = usize::from(at) % sizes.len();
            let mut wanted = Vec::new();
            for size in &sizes[start..] {
                wanted.put_bytes(&vec![7; *size]);
            }
            prop_assert_eq!(aggregate.listed(start..sizes.len()), &wanted[..]);
            let end = aggregate.run_end(start, 4, 500);
            prop_assert!(end > start && end - start <= 4);
        }
    }
}
