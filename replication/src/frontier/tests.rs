#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use proptest::prelude::*;
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};

use super::*;

fn row(topic: u8, author: u64, height: u64) -> Row {
    let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    Row {
        feed: FeedKey {
            author: DeviceId(hash(&author.to_le_bytes())),
            topic: TopicId(hash(&[topic])),
        },
        height,
        head: (height > 0).then(|| EntryId(hash(&(author << 32 | height).to_le_bytes()))),
        forked_at: height.is_multiple_of(7).then_some(height),
    }
}

/// The hash of a set of rows, straight from the words that define it.
fn plain(rows: &[Row]) -> Digest {
    let key = |row: &Row| [row.feed.topic.0, row.feed.author.0].concat();
    match rows {
        [] => [0; 32],
        [row] => row_digest(row),
        _ => {
            let differs = |bit: &usize| {
                let first = trie::bit_of(&key(&rows[0]), *bit);
                rows.iter()
                    .any(|row| trie::bit_of(&key(row), *bit) != first)
            };
            let bit = (0..512).find(differs).unwrap();
            let side = |side| {
                let of_side = rows
                    .iter()
                    .filter(|row| trie::bit_of(&key(row), bit) == side);
                plain(&of_side.copied().collect::<Vec<_>>())
            };
            join(&side(0), &side(1))
        }
    }
}

fn frontier_of(rows: &[Row]) -> Frontier {
    let mut frontier = Frontier::new();
    rows.iter().for_each(|row| frontier.put(row));
    frontier
}

proptest! {
    #[test]
    fn the_hash_is_that_of_the_set(
        puts in proptest::collection::vec((0u8..6, 0u64..40, 0u64..5), 0..120),
        shared in proptest::collection::btree_set(0u8..6, 0..6),
        asked in 0usize..512,
    ) {
        let mut frontier = Frontier::new();
        let topic = |number: &u8| row(*number, 0, 0).feed.topic;
        let mut scope = Scope::of(shared.iter().map(topic));
        let mut rows = BTreeMap::new();
        for (number, (of, author, height)) in puts.iter().enumerate() {
            let row = row(*of, *author, *height);
            rows.insert(row.feed, row);
            frontier.put(&row);
            // looked at in between, as sessions do
            if number % 13 == 0 {
                scope.view(&mut frontier).digest();
            }
        }
        let ours = rows.values().filter(|row| scope.contains(&row.feed.topic));
        let of_scope: Vec<Row> = ours.copied().collect();
        let view = scope.view(&mut frontier);
        prop_assert_eq!(view.digest(), plain(&of_scope));
        prop_assert_eq!(view.count(), of_scope.len());
        // under a prefix of a row that is there
        if let Some(some) = of_scope.get(asked % of_scope.len().max(1)) {
            let mut key = [0; 64];
            key[..32].copy_from_slice(&some.feed.topic.0);
            key[32..].copy_from_slice(&some.feed.author.0);
            let prefix = Prefix::of(&key, asked);
            let inside = |row: &&Row| prefix.holds(&Prefix::of_feed(&row.feed));
            let under: Vec<Row> = of_scope.iter().filter(inside).copied().collect();
            let part = view.under(&prefix).unwrap();
            prop_assert_eq!(part.digest(), plain(&under));
            prop_assert_eq!(part.count(), under.len());
            prop_assert_eq!(part.to_vec().len(), under.len());
        }
        // loaded at once: the same
        let mut loaded = Frontier::new();
        for number in 0..6 {
            let of_topic = rows.values().filter(|row| row.feed.topic == topic(&number));
            loaded.load(topic(&number), of_topic.copied().collect());
        }
        let mut scope = Scope::of(shared.iter().map(topic));
        prop_assert_eq!(scope.view(&mut loaded).digest(), plain(&of_scope));
    }

    #[test]
    fn tails_of_prefixes_come_back(
        key in proptest::collection::vec(any::<u8>(), 64),
        from in 0usize..512,
        more in 0usize..512,
    ) {
        let key: [u8; 64] = key.try_into().unwrap();
        let to = (from + more).min(512);
        let (short, long) = (Prefix::of(&key, from), Prefix::of(&key, to));
        prop_assert!(short.holds(&long));
        prop_assert_eq!(short.with_tail(&long.tail(from), to - from), Some(long));
    }
}

#[test]
fn a_prefix_under_which_nothing_is() {
    let mut frontier = frontier_of(&[row(1, 1, 1), row(1, 2, 1)]);
    let mut scope = Scope::of([row(1, 0, 0).feed.topic, row(2, 0, 0).feed.topic]);
    let mut key = [0xff; 64];
    let far = Prefix::of(&key, 40);
    assert!(scope.view(&mut frontier).under(&far).is_none());
    key[..32].copy_from_slice(&row(1, 0, 0).feed.topic.0);
    let near = Prefix::of(&key, 400);
    assert!(scope.view(&mut frontier).under(&near).is_none());
    // a topic that is here and not shared is not seen
    let mut other = Scope::of([row(2, 0, 0).feed.topic]);
    let hidden = Prefix::of(&key, 256);
    assert!(other.view(&mut frontier).under(&hidden).is_none());
    assert_eq!(Scope::default().view(&mut frontier).digest(), [0; 32]);
}

#[test]
fn a_topic_that_is_forgotten_is_empty() {
    let mut frontier = frontier_of(&[row(1, 1, 1), row(2, 2, 1)]);
    let mut scope = Scope::of([row(1, 0, 0).feed.topic, row(2, 0, 0).feed.topic]);
    scope.view(&mut frontier).digest();
    frontier.remove(&row(1, 0, 0).feed.topic);
    assert_eq!(scope.view(&mut frontier).digest(), plain(&[row(2, 2, 1)]));
    frontier.put(&row(1, 3, 1));
    let mut both = [row(1, 3, 1), row(2, 2, 1)];
    both.sort_by_key(|row| row.feed.topic);
    assert_eq!(scope.view(&mut frontier).digest(), plain(&both));
}

#[test]
fn a_row_of_a_million_takes_some_hundred_bytes() {
    // held at a tenth: each row costs the same
    let rows: Vec<Row> = (0..100_000).map(|author| row(1, author, 1)).collect();
    let topic = rows[0].feed.topic;
    let mut frontier = Frontier::new();
    frontier.load(topic, rows);
    frontier.digest(&topic);
    let each = frontier.memory() as f64 / 1e5;
    assert!(each <= 140.0, "{each} bytes for each row");
}
