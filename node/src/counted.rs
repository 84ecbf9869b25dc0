//! What an open node counts as it happens, for those who watch over it.

use std::collections::HashMap;

use synlog_log::ids::TopicId;

/// Counts since the node was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    /// Entries by topic of which the rows don't know yet: nobody asked since.
    unfolded: HashMap<TopicId, u64>,
    unfolded_entries: u64,
    /// Runs from others that were not taken.
    pub(crate) refused: u64,
}

impl Counted {
    /// Entries of a topic are stored.
    pub(crate) fn came(&mut self, topic: &TopicId, entries: usize) {
        let entries = entries as u64;
        *self.unfolded.entry(*topic).or_default() += entries;
        self.unfolded_entries += entries;
    }

    /// The rows of a topic are up to date.
    pub(crate) fn folded(&mut self, topic: &TopicId) {
        let entries = self.unfolded.remove(topic).unwrap_or_default();
        self.unfolded_entries -= entries;
    }

    /// Entries of which rows don't know yet.
    pub(crate) fn unfolded(&self) -> u64 {
        self.unfolded_entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_folded_counts_no_more() {
        let [a, b] = [1, 2].map(|byte| TopicId([byte; 32]));
        let mut counted = Counted::default();
        counted.came(&a, 3);
        counted.came(&b, 4);
        counted.came(&a, 1);
        assert_eq!(counted.unfolded(), 8);
        counted.folded(&a);
        counted.folded(&a);
        assert_eq!(counted.unfolded(), 4);
        counted.came(&a, 1);
        assert_eq!(counted.unfolded(), 5);
    }
}
