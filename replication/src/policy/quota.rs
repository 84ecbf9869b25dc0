//! How much of others' entries is stored: for each feed, and for each who introduces feeds.

use synlog_log::ids::{EntityId, FeedKey};

use crate::peer::NodeId;
use crate::schedule::{Buckets, Rate};

/// Who answers for what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Charge {
    /// Somebody who is followed and introduced the author.
    Introducer(EntityId),
    /// The peer that brought it.
    Peer(NodeId),
}

/// How much is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLimits {
    /// New feeds that one may bring in.
    pub feeds: Rate,
    /// Entries of one feed whose author nobody here follows.
    pub feed_entries: Rate,
}

impl Default for QuotaLimits {
    fn default() -> Self {
        Self {
            // a community of some size joins at once; a flood does not
            feeds: Rate {
                burst: 1_024,
                per_minute: 8,
            },
            // a busy person's year at once, a busy day each hour
            feed_entries: Rate {
                burst: 65_536,
                per_minute: 60,
            },
        }
    }
}

/// What has been used up.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    limits: QuotaLimits,
    introducers: Buckets<Charge>,
    feeds: Buckets<FeedKey>,
}

impl Quotas {
    /// Nothing is used up yet.
    pub fn new(limits: QuotaLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Whether one may bring in another feed.
    pub fn has_room_for_feed(&self, charge: &Charge, now_ms: u64) -> bool {
        self.introducers.has_some(charge, self.limits.feeds, now_ms)
    }

    /// Whether a feed may go on.
    pub fn has_room_in_feed(&self, feed: &FeedKey, now_ms: u64) -> bool {
        self.feeds.has_some(feed, self.limits.feed_entries, now_ms)
    }

    /// Notes that one brought in a new feed.
    pub fn count_feed(&mut self, charge: Charge, now_ms: u64) {
        self.introducers
            .charge(charge, self.limits.feeds, now_ms, 1);
    }

    /// Notes that a feed went on.
    pub fn count_entries(&mut self, feed: FeedKey, now_ms: u64, entries: u64) {
        let rate = self.limits.feed_entries;
        self.feeds.charge(feed, rate, now_ms, entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_brings_many_is_stopped_and_others_are_not() {
        let mut quotas = Quotas::new(QuotaLimits::default());
        let [one, other] = [1, 2].map(|it| Charge::Peer(NodeId([it; 32])));
        let mut taken = 0;
        while quotas.has_room_for_feed(&one, 0) {
            quotas.count_feed(one, 0);
            taken += 1;
        }
        assert_eq!(taken, 1_024);
        assert!(quotas.has_room_for_feed(&other, 0));
        assert!(quotas.has_room_for_feed(&one, 60_000));
    }
}
