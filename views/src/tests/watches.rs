//! Watches: with random commits and random reconnects nothing is missed or told twice.

use std::collections::BTreeMap;

use synlog_log::scenario::Node;
use synlog_log::topic::Mode;

use super::world::{Fixture, Lcg, Source, options, query, random_world};
use crate::{Changes, Cursor, Filter, RowView, Views, WatchFilter};

type Known = BTreeMap<(String, String), RowView>;

fn filter(table: Option<&str>, prefix: &str) -> WatchFilter {
    WatchFilter {
        app: "test".into(),
        major: 1,
        table: table.map(str::to_owned),
        topic: None,
        prefix: prefix.into(),
    }
}

fn all(views: &Views, prefix: &str) -> Known {
    let query = crate::Query {
        limit: 1_000,
        ..query("items", Filter::Prefix(prefix.into()))
    };
    let rows = views.query(&query).unwrap().rows.into_iter();
    rows.map(|row| ((row.key.clone(), row.sub.clone()), row))
        .collect()
}

#[test]
fn nothing_is_missed_or_told_twice() {
    for (mode, seed) in [(Mode::Ordered, 1), (Mode::Causal, 2), (Mode::Ordered, 3)] {
        let world = random_world(mode, 250, seed);
        let mut random = Lcg(seed + 99);
        let mut fixture = Fixture::new(Source::of(&world), 40);
        let mut node = Node::new();
        let mut watchers: Vec<(Option<Vec<u8>>, Known, &str)> = vec![
            (None, Known::new(), ""),
            (None, Known::new(), "n"),
            (None, Known::new(), "n3"),
        ];
        let mut told = 0;
        for written in &world.written {
            node.receive_verified(&written.run);
            if random.below(3) > 0 {
                continue;
            }
            node.order().settle();
            fixture.update(node.order());
            if random.below(25) == 0 {
                // the node goes down and comes back
                let Fixture {
                    views, directory, ..
                } = fixture;
                drop(views);
                let (views, _) = Views::open(&directory.path().join("v"), options(40)).unwrap();
                let (shop, source) = (super::reducer::Shop::new(), Source::of(&world));
                fixture = Fixture {
                    views,
                    shop,
                    source,
                    directory,
                };
            }
            for (cursor, known, prefix) in &mut watchers {
                while random.below(3) > 0 {
                    let before = cursor
                        .as_deref()
                        .map(|bytes| Cursor::decode(bytes).unwrap());
                    let filter = filter(Some("items"), prefix);
                    match fixture
                        .views
                        .watch(before.as_ref(), &filter, 1 + random.below(4))
                        .unwrap()
                    {
                        Changes::Reset(next) => {
                            *known = all(&fixture.views, prefix);
                            *cursor = Some(next.encode());
                        }
                        Changes::Since(changes, next) => {
                            for change in &changes {
                                known.retain(|(key, _), _| *key != change.key);
                                for row in &change.rows {
                                    known.insert((row.key.clone(), row.sub.clone()), row.clone());
                                }
                            }
                            told += changes.len();
                            *cursor = Some(next.encode());
                            if next == fixture.views.cursor() {
                                assert_eq!(*known, all(&fixture.views, prefix));
                                let again = fixture.views.watch(Some(&next), &filter, 9).unwrap();
                                assert_eq!(again, Changes::Since(Vec::new(), next));
                            }
                        }
                    }
                }
            }
        }
        assert!(told > 20, "{told}");
    }
}

#[test]
fn cursors_of_another_past_are_reset() {
    let world = random_world(Mode::Ordered, 60, 4);
    let mut all = super::world::node(&world);
    let mut fixture = Fixture::new(Source::of(&world), 5);
    let begun = fixture.views.cursor();
    fixture.update(all.order());
    let now = fixture.views.cursor();
    let everything = filter(None, "");
    let watch = |views: &Views, cursor: &Cursor| {
        matches!(
            views.watch(Some(cursor), &everything, 100).unwrap(),
            Changes::Reset(_)
        )
    };
    assert!(!watch(&fixture.views, &begun) && !watch(&fixture.views, &now));
    for at in 0..now.encode().len() {
        let mut bytes = now.encode();
        bytes[at] ^= 1;
        if let Some(other) = Cursor::decode(&bytes) {
            assert!(watch(&fixture.views, &other), "byte {at}");
        }
    }
    // thrown away and rebuilt: another epoch
    let views = fixture.views.reset([2; 16]).unwrap();
    fixture.views = views;
    fixture.update(all.order());
    assert!(watch(&fixture.views, &now) && watch(&fixture.views, &begun));
    // all of a topic changed
    let now = fixture.views.cursor();
    fixture.shop.hash = [9; 32];
    fixture.update(all.order());
    assert!(watch(&fixture.views, &now));
}
