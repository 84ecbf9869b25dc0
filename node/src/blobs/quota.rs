//! How much of blobs may be here, and what goes first. Pure.

use std::collections::BTreeSet;

use synlog_log::ids::{BlobHash, TopicId};

/// Bytes of blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Quota {
    /// Of one topic.
    pub topic_bytes: u64,
    /// Of all.
    pub total_bytes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            // a shop's pictures many times over
            topic_bytes: 1024 * 1024 * 1024,
            // what even the disk of an old computer has to spare
            total_bytes: 8 * 1024 * 1024 * 1024,
        }
    }
}

/// A blob as the quotas see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Which.
    pub hash: BlobHash,
    /// Its bytes.
    pub size: u64,
    /// The topics that have it.
    pub topics: BTreeSet<TopicId>,
    /// Pinned, or named by an entry of one's own: it never goes.
    pub stays: bool,
    /// When it was last used, UTC milliseconds.
    pub used_ms: u64,
}

impl Stored {
    /// What goes first: what no topic has, then what was used longest ago.
    fn rank(&self) -> (bool, u64, BlobHash) {
        (!self.topics.is_empty(), self.used_ms, self.hash)
    }
}

impl Quota {
    /// What must go so that a further blob of a topic fits; `None` where it can't.
    pub fn make_room(
        &self,
        stored: &[Stored],
        topic: &TopicId,
        size: u64,
    ) -> Option<Vec<BlobHash>> {
        let mut going = Vec::new();
        let in_topic: Vec<&Stored> = stored
            .iter()
            .filter(|it| it.topics.contains(topic))
            .collect();
        free(&in_topic, size, self.topic_bytes, &mut going)?;
        let left = stored.iter().filter(|it| !going.contains(&it.hash));
        let left: Vec<&Stored> = left.collect();
        free(&left, size, self.total_bytes, &mut going)?;
        Some(going)
    }

    /// What garbage collection drops: what no topic has, and what is over the quotas.
    pub fn garbage(&self, stored: &[Stored]) -> Vec<BlobHash> {
        let of_nobody = |it: &&Stored| !it.stays && it.topics.is_empty();
        let mut going: Vec<BlobHash> = stored.iter().filter(of_nobody).map(|it| it.hash).collect();
        let topics: BTreeSet<TopicId> = stored.iter().flat_map(|it| it.topics.clone()).collect();
        for topic in topics {
            let left = stored
                .iter()
                .filter(|it| it.topics.contains(&topic) && !going.contains(&it.hash));
            let left: Vec<&Stored> = left.collect();
            drop_over(&left, self.topic_bytes, &mut going);
        }
        let left = stored.iter().filter(|it| !going.contains(&it.hash));
        let left: Vec<&Stored> = left.collect();
        drop_over(&left, self.total_bytes, &mut going);
        going
    }

    /// Whether a further blob of a topic fits without anything going.
    pub fn has_room(&self, stored: &[Stored], topic: &TopicId, size: u64) -> bool {
        self.make_room(stored, topic, size)
            .is_some_and(|going| going.is_empty())
    }
}

fn sum(stored: &[&Stored]) -> u64 {
    stored.iter().map(|it| it.size).fold(0, u64::saturating_add)
}

/// Drops, first what goes first, until `size` bytes more are within a limit.
fn free(stored: &[&Stored], size: u64, limit: u64, going: &mut Vec<BlobHash>) -> Option<()> {
    let mut used = sum(stored).saturating_add(size);
    let mut may_go: Vec<&&Stored> = stored.iter().filter(|it| !it.stays).collect();
    may_go.sort_by_key(|it| it.rank());
    let mut may_go = may_go.into_iter();
    while used > limit {
        let next = may_go.next()?;
        used -= next.size;
        going.push(next.hash);
    }
    Some(())
}

fn drop_over(stored: &[&Stored], limit: u64, going: &mut Vec<BlobHash>) {
    // where what stays is over the limit by itself, all else goes
    let before = going.len();
    if free(stored, 0, limit, going).is_none() {
        going.truncate(before);
        going.extend(stored.iter().filter(|it| !it.stays).map(|it| it.hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(number: u8, size: u64, topics: &[u8], stays: bool, used_ms: u64) -> Stored {
        Stored {
            hash: BlobHash([number; 32]),
            size,
            topics: topics.iter().map(|it| TopicId([*it; 32])).collect(),
            stays,
            used_ms,
        }
    }

    fn numbers(hashes: &[BlobHash]) -> Vec<u8> {
        hashes.iter().map(|hash| hash.0[0]).collect()
    }

    #[test]
    fn the_oldest_goes_and_what_is_one_s_own_stays() {
        let all = [
            stored(1, 40, &[1], true, 0),
            stored(2, 30, &[1], false, 20),
            stored(3, 30, &[1, 2], false, 10),
            stored(4, 30, &[2], false, 5),
            stored(5, 10, &[], false, 99),
        ];
        let quota = |topic_bytes, total_bytes| Quota {
            topic_bytes,
            total_bytes,
        };
        let topic = TopicId([1; 32]);
        // topic limit, total limit, bytes that come, what goes for them
        for (topic_bytes, total_bytes, size, going) in [
            (200, 200, 60, Some(vec![])),
            (110, 200, 10, Some(vec![])),
            (110, 200, 11, Some(vec![3])),
            (110, 200, 70, Some(vec![3, 2])),
            (110, 200, 71, None),
            (200, 150, 10, Some(vec![])),
            (200, 150, 20, Some(vec![5])),
            (200, 150, 30, Some(vec![5, 4])),
            (200, 150, 110, Some(vec![3, 5, 4, 2])),
            (200, 150, 111, None),
            (100, 140, 30, Some(vec![3])),
            (u64::MAX, u64::MAX, u64::MAX, None),
        ] {
            let quota = quota(topic_bytes, total_bytes);
            let room = quota.make_room(&all, &topic, size);
            let room = room.map(|hashes| numbers(&hashes));
            if size == u64::MAX {
                assert_eq!(room, Some(vec![]), "nothing overflows");
            } else {
                assert_eq!(room, going, "{topic_bytes} {total_bytes} {size}");
            }
            assert_eq!(quota.has_room(&all, &topic, size), room == Some(vec![]));
        }
        for (topic_bytes, total_bytes, going) in [
            (200, 200, vec![5]),
            (100, 200, vec![5]),
            (99, 200, vec![5, 3]),
            (200, 100, vec![5, 4]),
            (30, 200, vec![5, 2, 3]),
            (200, 39, vec![5, 2, 3, 4]),
        ] {
            let garbage = quota(topic_bytes, total_bytes).garbage(&all);
            assert_eq!(numbers(&garbage), going, "{topic_bytes} {total_bytes}");
        }
    }
}
