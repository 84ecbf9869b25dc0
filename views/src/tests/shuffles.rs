//! Any order of arrival, any batch size: one digest, the same rows and rejections.

use synlog_log::scenario::Node;
use synlog_log::topic::Mode;

use super::world::{Fixture, Lcg, Source, node, options, random_world, whole};
use crate::{Opened, Views};

fn check(mode: Mode, count: usize, orders: u64, seed: u64) {
    let world = random_world(mode, count, seed);
    let mut fresh = Fixture::new(Source::of(&world), 1_000);
    let mut all = node(&world);
    let update = fresh.update(all.order());
    assert!(update.folded > 0 && update.refolded == 0);
    let expected = fresh.whole(&world.topic);
    assert!(mode == Mode::Causal || expected.0.name.lines > 10, "{seed}");
    assert!(!expected.1.is_empty() && !expected.2.is_empty());
    for order in 0..orders {
        let mut random = Lcg(seed * 1_000 + order);
        let mut indexes: Vec<usize> = (0..world.written.len()).collect();
        if order % 4 == 0 {
            random.shuffle(&mut indexes);
        } else {
            let reach = 2 + random.below(count / 4);
            indexes.sort_by_cached_key(|index| index + random.below(reach));
        }
        let chunk = [1, 7, 1_000][order as usize % 3];
        let mut fixture = Fixture::new(Source::of(&world), chunk);
        let mut node = Node::new();
        let every = 1 + count / (1 + random.below(12));
        for (number, index) in indexes.into_iter().enumerate() {
            node.receive_verified(&world.written[index].run);
            if number % every == 0 && !node.replica.orders.is_empty() {
                node.order().settle();
                fixture.update(node.order());
            }
        }
        node.order().settle();
        fixture.update(node.order());
        assert_eq!(
            fixture.whole(&world.topic),
            expected,
            "{mode:?} {seed} {order}"
        );
        let again = fixture.update(node.order());
        assert_eq!((again.folded, again.refolded), (0, 0), "nothing to do");
    }
}

#[test]
fn orders_of_arrival_in_ordered_topics() {
    check(Mode::Ordered, 400, 136, 1);
    for seed in 10..18 {
        check(Mode::Ordered, 120, 8, seed);
    }
}

#[test]
fn orders_of_arrival_in_causal_topics() {
    check(Mode::Causal, 400, 136, 2);
    for seed in 20..28 {
        check(Mode::Causal, 120, 8, seed);
    }
}

#[test]
fn after_opening_again_the_fold_goes_on() {
    for (mode, seed) in [(Mode::Ordered, 3), (Mode::Causal, 4), (Mode::Ordered, 5)] {
        let world = random_world(mode, 300, seed);
        let directory = tempfile::tempdir().unwrap();
        let (mut source, mut shop) = (Source::of(&world), super::reducer::Shop::new());
        let mut node = Node::new();
        let mut random = Lcg(seed);
        let mut indexes: Vec<usize> = (0..world.written.len()).collect();
        indexes.sort_by_cached_key(|index| index + random.below(20));
        let mut rebuilt = 0;
        for part in indexes.chunks(60) {
            part.iter()
                .for_each(|index| node.receive_verified(&world.written[*index].run));
            node.order().settle();
            let (mut views, _) = Views::open(directory.path(), options(50)).unwrap();
            let update = views.update(node.order(), &mut source, &mut shop, &mut |_| true);
            rebuilt += usize::from(update.unwrap().rebuilt);
        }
        let (views, opened) = Views::open(directory.path(), options(50)).unwrap();
        assert_eq!(opened, Opened::Whole);
        let mut fresh = Fixture::new(source, 1_000);
        fresh.update(node.order());
        assert_eq!(whole(&views, &world.topic), fresh.whole(&world.topic));
        assert!(mode == Mode::Causal || rebuilt == 0, "{seed}: {rebuilt}");
    }
}

#[test]
fn another_reducer_folds_anew_and_stopping_keeps_what_is_done() {
    let world = random_world(Mode::Ordered, 200, 6);
    let mut all = node(&world);
    let mut fixture = Fixture::new(Source::of(&world), 2);
    let mut calls = 0;
    let Fixture {
        views,
        source,
        shop,
        ..
    } = &mut fixture;
    while views
        .update(all.order(), source, shop, &mut |_| false)
        .unwrap()
        .stopped
    {
        calls += 1;
    }
    assert!(calls > 3);
    let first = fixture.whole(&world.topic);
    fixture.shop.hash = [8; 32];
    let update = fixture.update(all.order());
    assert!(update.rebuilt && update.folded > 0);
    let second = fixture.whole(&world.topic);
    assert_eq!(
        (first.0.sequenced, &first.1),
        (second.0.sequenced, &second.1)
    );
    fixture.views.forget(&world.topic).unwrap();
    assert!(fixture.views.digest(&world.topic).is_err());
    // meta, the list of changes, and nothing else
    let left = fixture.views.stats().unwrap();
    assert_eq!(left.keys as u64, left.version);
}
