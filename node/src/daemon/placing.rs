//! A running node places what came in the topics that its device sequences: without being
//! told, but not for each entry by itself.

use std::collections::BTreeMap;

use synlog_log::ids::{FeedKey, TopicId};
use synlog_replication::engine::Now;

use crate::daemon::board::Board;
use crate::daemon::driver::Driver;
use crate::failure::Failure;
use crate::node::Node;

/// So long more may come that one acknowledgement places too; whoever waits for it should
/// not notice.
const PATIENCE_MS: u64 = 1_000;
/// So long it is not tried again where this device may not sign.
const LATER_MS: u64 = 30_000;

/// Topics in which something came that may be to be placed here.
#[derive(Debug, Default)]
pub(super) struct Placing {
    /// When each is looked at, monotonic milliseconds.
    due: BTreeMap<TopicId, u64>,
}

impl Placing {
    /// Something came in a topic. What comes before it is looked at is placed along.
    pub(super) fn came(&mut self, topic: TopicId, now_ms: u64) {
        let at = now_ms.saturating_add(PATIENCE_MS);
        self.due.entry(topic).or_insert(at);
    }

    /// Nothing can be placed just now.
    fn later(&mut self, topic: TopicId, now_ms: u64) {
        self.due.insert(topic, now_ms.saturating_add(LATER_MS));
    }

    /// When the next one is to be looked at.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.due.values().min().copied()
    }

    /// A topic that is to be looked at now.
    fn take_due(&mut self, now_ms: u64) -> Option<TopicId> {
        let due = self.due.iter().find(|(_, at)| **at <= now_ms);
        let topic = due.map(|(topic, _)| *topic)?;
        self.due.remove(&topic);
        Some(topic)
    }
}

impl Driver {
    /// Notes that something came in a topic in which this device writes.
    pub(super) fn note_arrival(&mut self, topic: TopicId, now: Now, node: &Node) {
        let feed = FeedKey {
            author: node.device(),
            topic,
        };
        if node.store.feed(&feed).is_some() {
            self.placing.came(topic, now.monotonic_ms);
        }
    }

    /// Whether something is to be placed now.
    pub fn places(&self, now: Now) -> bool {
        let next_ms = self.placing.next_ms();
        next_ms.is_some_and(|at| at <= now.monotonic_ms)
    }

    /// Places what came in one topic, where this device sequences it.
    pub fn place(&mut self, now: Now, node: &mut Node, board: &mut Board) -> Result<(), Failure> {
        let Some(topic) = self.placing.take_due(now.monotonic_ms) else {
            return Ok(());
        };
        if node.check_guard().is_err() {
            self.placing.later(topic, now.monotonic_ms);
            return Ok(());
        }
        let device = node.device();
        let waits = match node.order(&topic) {
            Ok(order) => order.awaits_sequencer(&device),
            Err(Failure::NoTopic(_)) => false,
            Err(failure) => return Err(failure),
        };
        if !waits {
            return Ok(());
        }
        match node.acknowledge(&topic, now.utc_ms) {
            Ok(_) => self.tell_stored(now, node, board),
            // what hinders a signature passes, or is told by the command that meets it
            Err(Failure::Draft(_) | Failure::Rejected(_) | Failure::Guarded(_)) => {
                self.placing.later(topic, now.monotonic_ms);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_a_row_is_placed_at_once() {
        let [one, other] = [1, 2].map(|id| TopicId([id; 32]));
        let mut placing = Placing::default();
        assert_eq!(placing.next_ms(), None);
        placing.came(one, 5);
        placing.came(one, 500);
        placing.came(other, 700);
        assert_eq!(placing.next_ms(), Some(1_005));
        assert_eq!(placing.take_due(1_004), None);
        assert_eq!(placing.take_due(1_005), Some(one));
        assert_eq!(placing.take_due(1_005), None);
        placing.came(one, 2_000);
        assert_eq!(placing.take_due(1_700), Some(other));
        placing.later(other, 1_700);
        assert_eq!(placing.next_ms(), Some(3_000));
        assert_eq!(placing.take_due(3_000), Some(one));
        assert_eq!(placing.take_due(31_699), None);
        assert_eq!(placing.take_due(31_700), Some(other));
    }
}
