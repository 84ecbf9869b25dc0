//! Who is sent new entries at once and who is only told of them: for each feed a tree
//! grows out of what arrives first (epidemic broadcast trees).

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::FeedKey;

use crate::peer::LinkId;

/// Feeds of which it is remembered who needs only be told: of others all are sent.
const FEEDS_MAX: usize = 4_096;

/// For each feed the links over which its entries came in twice.
///
/// A tree for each feed, not for each topic: a tree that many write into has paths twice
/// as long as it is deep; one that grows from one writer has the shortest there are.
#[derive(Debug, Clone, Default)]
pub struct Trees {
    lazy: BTreeMap<FeedKey, BTreeSet<LinkId>>,
    /// Feeds in the order in which they were last used, for forgetting.
    used: BTreeMap<u64, FeedKey>,
    last_use: BTreeMap<FeedKey, u64>,
    next_use: u64,
}

impl Trees {
    /// Whether entries of a feed are sent over a link at once.
    pub fn is_eager(&self, feed: &FeedKey, link: LinkId) -> bool {
        let lazy = self.lazy.get(feed);
        lazy.is_none_or(|links| !links.contains(&link))
    }

    /// The peer had an entry of the feed already: from now on it is only told.
    pub fn prune(&mut self, feed: FeedKey, link: LinkId) {
        self.lazy.entry(feed).or_default().insert(link);
        if let Some(before) = self.last_use.insert(feed, self.next_use) {
            self.used.remove(&before);
        }
        self.used.insert(self.next_use, feed);
        self.next_use += 1;
        if self.lazy.len() > FEEDS_MAX
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.lazy.remove(&oldest);
            self.last_use.remove(&oldest);
        }
    }

    /// The peer was told of an entry and had to ask for it: from now on it is sent.
    pub fn graft(&mut self, feed: &FeedKey, link: LinkId) {
        if let Some(links) = self.lazy.get_mut(feed) {
            links.remove(&link);
            if links.is_empty() {
                self.forget(feed);
            }
        }
    }

    /// A link is gone.
    pub fn closed(&mut self, link: LinkId) {
        for links in self.lazy.values_mut() {
            links.remove(&link);
        }
        let empty = self.lazy.iter().filter(|(_, links)| links.is_empty());
        let empty: Vec<FeedKey> = empty.map(|(feed, _)| *feed).collect();
        empty.iter().for_each(|feed| self.forget(feed));
    }

    fn forget(&mut self, feed: &FeedKey) {
        self.lazy.remove(feed);
        if let Some(used) = self.last_use.remove(feed) {
            self.used.remove(&used);
        }
    }

    /// Feeds that it remembers anything of.
    pub fn len(&self) -> usize {
        self.lazy.len()
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.lazy.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synlog_log::ids::{DeviceId, TopicId};

    fn feed(number: u32) -> FeedKey {
        let mut author = [0; 32];
        author[..4].copy_from_slice(&number.to_be_bytes());
        FeedKey {
            author: DeviceId(author),
            topic: TopicId([1; 32]),
        }
    }

    #[test]
    fn what_is_pruned_is_told_until_it_is_grafted() {
        let mut trees = Trees::default();
        trees.prune(feed(1), LinkId(1));
        assert!(!trees.is_eager(&feed(1), LinkId(1)));
        assert!(trees.is_eager(&feed(1), LinkId(2)));
        assert!(trees.is_eager(&feed(2), LinkId(1)));
        trees.graft(&feed(1), LinkId(1));
        assert!(trees.is_eager(&feed(1), LinkId(1)));
        trees.prune(feed(1), LinkId(1));
        trees.closed(LinkId(1));
        assert!(trees.is_empty() && trees.used.is_empty() && trees.last_use.is_empty());
    }

    #[test]
    fn the_feeds_that_were_pruned_longest_ago_are_forgotten() {
        let mut trees = Trees::default();
        for number in 0..10_000 {
            trees.prune(feed(number), LinkId(1));
            trees.prune(feed(0), LinkId(1));
        }
        assert_eq!((trees.len(), trees.used.len()), (FEEDS_MAX, FEEDS_MAX));
        assert!(!trees.is_eager(&feed(0), LinkId(1)));
        assert!(trees.is_eager(&feed(1), LinkId(1)));
    }
}
