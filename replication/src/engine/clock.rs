//! Whether this node's clock can be trusted: compared with those of its peers.

use std::collections::BTreeMap;

use synlog_log::limits::AHEAD_MAX_MS;

use crate::engine::Now;
use crate::peer::NodeId;

/// Peers whose clocks are remembered.
const PEERS_MAX: usize = 64;

/// Clocks of peers minus this node's, as they said when they came.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch {
    pinned: BTreeMap<NodeId, i64>,
    others: BTreeMap<NodeId, i64>,
    /// UTC minus monotonic time when it was last looked at.
    drift_ms: Option<i64>,
}

/// A change of the clock by less is drift, which the next meetings show.
const SET_MIN_MS: u64 = 1_000;

/// A node whose clock is too far off: others would put aside what it signs, and its feeds
/// could not be written again once the clock is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this node's clock is {offset_ms} ms off that of the nodes it trusts")]
pub struct ClockOff {
    /// The others' clock minus this node's.
    pub offset_ms: i64,
}

impl ClockWatch {
    /// A peer said its time.
    pub fn heard(&mut self, node: NodeId, is_trusted: bool, offset_ms: i64) {
        let (to, from) = if is_trusted {
            (&mut self.pinned, &mut self.others)
        } else {
            (&mut self.others, &mut self.pinned)
        };
        from.remove(&node);
        if to.len() < PEERS_MAX || to.contains_key(&node) {
            to.insert(node, offset_ms);
        }
    }

    /// Time went on. Where this node's clock was set, what was heard of others is as much
    /// more or less.
    pub fn passes(&mut self, now: Now) {
        let drift_ms = (now.utc_ms as i64).wrapping_sub(now.monotonic_ms as i64);
        let set_ms = drift_ms.saturating_sub(self.drift_ms.unwrap_or(drift_ms));
        self.drift_ms = Some(drift_ms);
        if set_ms.unsigned_abs() >= SET_MIN_MS {
            let heard = self.pinned.values_mut().chain(self.others.values_mut());
            heard.for_each(|offset| *offset = offset.saturating_sub(set_ms));
        }
    }

    /// The median of what trusted peers said, which half of them would have to lie about;
    /// nothing where none has.
    pub fn offset_ms(&self) -> Option<i64> {
        let mut offsets: Vec<i64> = self.pinned.values().copied().collect();
        offsets.sort_unstable();
        offsets.get(offsets.len().checked_sub(1)? / 2).copied()
    }

    /// The median of all, to be shown: strangers don't decide whether this node may sign.
    pub fn offset_of_all_ms(&self) -> Option<i64> {
        let all = self.pinned.values().chain(self.others.values());
        let mut offsets: Vec<i64> = all.copied().collect();
        offsets.sort_unstable();
        offsets.get(offsets.len().checked_sub(1)? / 2).copied()
    }

    /// Whether this node may sign entries, by what it knows.
    pub fn may_sign(&self) -> Result<(), ClockOff> {
        match self.offset_ms() {
            Some(offset_ms) if offset_ms.unsigned_abs() > AHEAD_MAX_MS => {
                Err(ClockOff { offset_ms })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEARS_10_MS: i64 = 10 * 365 * 86_400_000;

    #[test]
    fn the_median_of_the_trusted_decides() {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.may_sign(), Ok(()));
        for number in 0..40 {
            watch.heard(NodeId([number; 32]), false, YEARS_10_MS);
        }
        assert_eq!(watch.may_sign(), Ok(()));
        for (number, offset) in [(101, 30), (102, -50), (103, YEARS_10_MS)] {
            watch.heard(NodeId([number; 32]), true, offset);
        }
        assert_eq!((watch.offset_ms(), watch.may_sign()), (Some(30), Ok(())));
        for number in 101..104 {
            watch.heard(NodeId([number; 32]), true, -YEARS_10_MS);
        }
        let off = ClockOff {
            offset_ms: -YEARS_10_MS,
        };
        assert_eq!(watch.may_sign(), Err(off));
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_without_asking_anybody() {
        let mut watch = ClockWatch::default();
        let at = |monotonic_ms: u64, offset_ms: i64| Now {
            monotonic_ms,
            utc_ms: (1_700_000_000_000 + monotonic_ms).saturating_add_signed(offset_ms),
        };
        watch.passes(at(0, 0));
        watch.heard(NodeId([1; 32]), true, 40);
        watch.passes(at(60_000, YEARS_10_MS));
        let off = ClockOff {
            offset_ms: 40 - YEARS_10_MS,
        };
        assert_eq!(watch.may_sign(), Err(off));
        watch.passes(at(90_000, 20));
        assert_eq!(watch.offset_ms(), Some(20));
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let mut watch = ClockWatch::default();
        watch.heard(NodeId([1; 32]), true, i64::MIN);
        assert!(watch.may_sign().is_err());
        watch.heard(NodeId([1; 32]), true, i64::MAX);
        assert!(watch.may_sign().is_err());
    }
}
