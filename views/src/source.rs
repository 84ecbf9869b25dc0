//! Where the events of entries come from.

use std::sync::Arc;

use synlog_log::ids::{EntryId, TopicId};

use crate::error::SourceError;

/// An entry whose event is to be folded, as it stands in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldLine {
    /// The entry.
    pub id: EntryId,
    /// Whether the sequencer has placed it. Always false in a causal topic.
    pub sequenced: bool,
    /// Role of its entity at its place.
    pub role: Arc<str>,
}

/// What gives out events: the store of the node.
pub trait EventSource {
    /// Appends to `out`, for each line in order, the encoded [`synlog_log::fold::FoldEvent`];
    /// or that its payload is not here: the fold waits there, it never differs.
    ///
    /// # Errors
    /// Where reading fails; nothing is folded then.
    fn load(
        &mut self,
        topic: &TopicId,
        lines: &[FoldLine],
        out: &mut Events,
    ) -> Result<(), SourceError>;
}

/// Encoded events, one behind the other: a rebuild loads millions.
#[derive(Debug, Default)]
pub struct Events {
    bytes: Vec<u8>,
    /// Where each one ends, and whether it is here.
    ends: Vec<(usize, bool)>,
}

impl Events {
    /// Appends an event that `write` writes.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push((self.bytes.len(), true));
    }

    /// Appends that an event is not here.
    pub fn push_missing(&mut self) {
        self.ends.push((self.bytes.len(), false));
    }

    /// How many there are, with those that are not here.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them; `None` where it is not here.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (end, is_here) = *self.ends.get(index)?;
        let before = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        is_here.then(|| &self.bytes[before..end])
    }

    /// The first that is not here.
    pub(crate) fn gap(&self) -> Option<usize> {
        self.ends.iter().position(|(_, is_here)| !is_here)
    }

    /// Those before the first that is not here.
    pub(crate) fn until_gap(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map_while(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_beside_gaps() {
        let mut events = Events::default();
        assert_eq!(events.gap(), None);
        events.push(|out| out.extend_from_slice(b"one"));
        events.push(|_| {});
        events.push_missing();
        events.push(|out| out.extend_from_slice(b"four"));
        let all: Vec<_> = (0..events.len()).map(|index| events.get(index)).collect();
        assert_eq!(all, [Some(&b"one"[..]), Some(b""), None, Some(b"four")]);
        assert_eq!(events.gap(), Some(2));
        assert_eq!(events.until_gap().count(), 2);
        assert_eq!(events.get(4), None);
    }
}
