//! What a topic begins with is packed or not: nobody can tell.

use synlog_log::scenario::Node;
use synlog_log::topic::Mode;

use super::reducer::Shop;
use super::world::{Source, node, options, random_world, whole};
use crate::store::keys::{self, Layer};
use crate::store::record::TopicRecord;
use crate::store::{Batch, Mark, open};
use crate::{Opened, Options, Views, ViewsError};

fn with(pack_values: usize) -> Options {
    Options {
        pack_values,
        ..options(40)
    }
}

#[test]
fn packed_or_not_all_is_the_same_at_each_step() {
    for (mode, seed) in [
        (Mode::Ordered, 3),
        (Mode::Ordered, 4),
        (Mode::Causal, 5),
        (Mode::Causal, 6),
    ] {
        let world = random_world(mode, 240, seed);
        let place = tempfile::tempdir().unwrap();
        let paths = ["packed", "lone"].map(|name| place.path().join(name));
        let mut source = Source::of(&world);
        let mut shop = Shop::new();
        let mut part = Node::new();
        for (step, some) in world.written.chunks(30).enumerate() {
            some.iter().for_each(|written| {
                part.receive_verified(&written.run);
            });
            part.order().settle();
            let both = [0, 1].map(|number| {
                let options = with([1, usize::MAX][number]);
                let (mut views, opened) = Views::open(&paths[number], options).unwrap();
                let fresh = step == 0;
                assert_eq!(opened == Opened::Empty, fresh);
                assert!(fresh || opened == Opened::Whole, "{opened:?}");
                views
                    .update(part.order(), &mut source, &mut shop, &mut |_| true)
                    .unwrap();
                if step == 5 {
                    // removed and made again
                    views.forget(&world.topic).unwrap();
                    views
                        .update(part.order(), &mut source, &mut shop, &mut |_| true)
                        .unwrap();
                }
                whole(&views, &world.topic)
            });
            assert_eq!(both[0], both[1], "step {step} of {mode:?} {seed}");
        }
    }
}

#[test]
fn what_a_crash_left_of_packing_is_made_again() {
    let world = random_world(Mode::Ordered, 200, 8);
    let mut all = node(&world);
    let place = tempfile::tempdir().unwrap();
    let (whole_path, torn_path) = (place.path().join("whole"), place.path().join("torn"));
    let mut source = Source::of(&world);
    let mut shop = Shop::new();
    let (mut views, _) = Views::open(&whole_path, with(1)).unwrap();
    views
        .update(all.order(), &mut source, &mut shop, &mut |_| true)
        .unwrap();
    let expected = whole(&views, &world.topic);
    let record = views.topics[&world.topic].record.clone();
    let torn = TopicRecord {
        clearing: true,
        ..record
    };
    {
        let mut store = open(&torn_path, &with(1)).unwrap().store;
        let mut mark = Batch::default();
        mark.put(&keys::topic(&world.topic), &torn.encode(), Mark::NONE);
        store.write_in_parts(mark).unwrap();
        let mut values = Batch::default();
        let front = keys::aggregate(Layer::Base, &world.topic, "");
        for item in views.store.scan(&front).take(5) {
            let (key, (_, payload)) = item.unwrap();
            values.put(&key, &payload, Mark::NONE);
        }
        assert_eq!(values.keys, 5);
        store.pack(&world.topic, values).unwrap();
    }
    let (mut views, opened) = Views::open(&torn_path, with(1)).unwrap();
    assert_eq!(opened, Opened::Whole);
    let update = views
        .update(all.order(), &mut source, &mut shop, &mut |_| true)
        .unwrap();
    assert!(update.rebuilt);
    assert_eq!(whole(&views, &world.topic), expected);
    drop(views);
    let (views, opened) = Views::open(&torn_path, with(1)).unwrap();
    assert_eq!(opened, Opened::Whole);
    assert_eq!(whole(&views, &world.topic), expected);
}

#[test]
fn rows_beyond_what_is_allowed_are_an_error() {
    let world = random_world(Mode::Ordered, 200, 9);
    let mut all = node(&world);
    let mut source = Source::of(&world);
    for (written_max, fits) in [(500, false), (6_000, false), (10 << 20, true)] {
        let place = tempfile::tempdir().unwrap();
        let options = Options {
            written_max,
            ..with(1)
        };
        let (mut views, _) = Views::open(&place.path().join("v"), options).unwrap();
        let done = views.update(all.order(), &mut source, &mut Shop::new(), &mut |_| true);
        match done {
            Ok(_) => assert!(fits, "{written_max}"),
            Err(ViewsError::OverBudget(max)) => assert!(!fits && max == written_max),
            Err(other) => panic!("{other}"),
        }
    }
}
