//! Queries against a naive model.

use proptest::prelude::*;
use synlog_log::cbor::Value;
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

use super::world::{Fixture, Source, query};
use crate::store::keys;
use crate::{Filter, PageToken, Query, RowView, Shown};

/// Two topics in one store, with sequenced and tentative events over few keys.
fn fixture(writes: &[(u8, u8, bool)]) -> Fixture {
    let mut fixture = Fixture::new(Source::default(), 1_000);
    for number in 0..2u8 {
        let (owner, client) = (Person::new(1 + number, 1), Person::new(50 + number, 1));
        let mut world = World::new(&owner, 0, &genesis(Mode::Ordered, &[(&client, "m")]));
        let (mut last, mut clients) = (world.genesis(), None);
        for (key, n, sequenced) in writes.iter().skip(usize::from(number)) {
            let key = Value::Text(
                ["a", "ab", "abc", "b", "b\0", "b\0c", "ü"][usize::from(*key) % 7].into(),
            );
            let kind = if n % 3 == 0 {
                "stock.take"
            } else {
                "stock.add"
            };
            let body = Value::map([("key", key), ("n", Value::Int(i64::from(*n) % 5))]);
            if *sequenced {
                last = world.write(&owner, 0, Some(last), &[], kind, body);
            } else {
                clients = Some(world.write(&client, 0, clients, &[], kind, body));
            }
        }
        let mut node = Node::new();
        for written in &world.written {
            node.receive_verified(&written.run);
            fixture.source.add(&written.run);
        }
        node.order().settle();
        fixture.update(node.order());
    }
    fixture
}

/// All pages of a query.
fn all(fixture: &Fixture, query: &Query) -> Vec<RowView> {
    let mut query = query.clone();
    let mut rows = Vec::new();
    loop {
        let page = fixture.views.query(&query).unwrap();
        assert!(page.rows.len() <= query.limit);
        rows.extend(page.rows);
        match page.next {
            Some(token) => query.after = Some(token),
            None => return rows,
        }
    }
}

fn number(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    keys::put_value(&mut out, &Value::Int(value));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn pages_are_those_of_a_naive_model(
        writes in proptest::collection::vec((0u8..7, 0u8..20, any::<bool>()), 4..40),
        limit in 1usize..6,
        layer in prop_oneof![Just(Shown::All), Just(Shown::Sequenced)],
        as_of_ms in proptest::option::of(0u64..1_000),
        prefix in prop_oneof![Just(""), Just("a"), Just("ab"), Just("b"), Just("b\0"), Just("ü"), Just("x")],
        from in proptest::option::of(-5i64..9),
        to in proptest::option::of(-5i64..9),
        tag in 0i64..4,
        descending: bool,
    ) {
        let fixture = fixture(&writes);
        let with = |filter| Query { layer, limit, as_of_ms, ..query("items", filter) };
        let everything = Query { layer, limit: 1_000, ..query("items", Filter::Prefix(String::new())) };
        let mut rows = fixture.views.query(&everything).unwrap().rows;
        let int = |row: &RowView, name: &str| row.columns.get(name).unwrap().as_int().unwrap();
        rows.retain(|row| as_of_ms.is_none_or(|as_of| int(row, "until") > as_of as i64));

        let mut expected: Vec<RowView> = rows.iter().filter(|row| row.key.starts_with(prefix)).cloned().collect();
        expected.sort_by(|a, b| (a.topic, a.key.as_bytes()).cmp(&(b.topic, b.key.as_bytes())));
        prop_assert_eq!(&all(&fixture, &with(Filter::Prefix(prefix.into()))), &expected);
        expected.retain(|row| row.key == prefix);
        prop_assert_eq!(&all(&fixture, &with(Filter::Key(prefix.into()))), &expected);

        let place = |row: &RowView| (row.topic, row.key.len(), row.key.clone());
        let ordered = |mut rows: Vec<RowView>, key: &dyn Fn(&RowView) -> Vec<u8>| {
            rows.sort_by_key(|row| (key(row), place(row)));
            if descending { rows.reverse(); }
            rows
        };
        let index = |name: &str, equal| Filter::Index {
            name: name.into(),
            equal,
            from: from.map(Value::Int),
            to: to.map(Value::Int),
            descending,
        };
        let in_range = |left: i64| from.is_none_or(|from| left >= from) && to.is_none_or(|to| left < to);
        let by_left = rows.iter().filter(|row| in_range(int(row, "left"))).cloned().collect();
        let by_left = ordered(by_left, &|row| [number(int(row, "left")), number(int(row, "sum"))].concat());
        prop_assert_eq!(all(&fixture, &with(index("by_left", Vec::new()))), by_left);

        let has = |row: &RowView| row.columns.get("tags").unwrap().as_array().unwrap().contains(&Value::Int(tag));
        let by_tag = rows.iter().filter(|row| has(row) && in_range(int(row, "left"))).cloned().collect();
        let by_tag = ordered(by_tag, &|row| number(int(row, "left")));
        prop_assert_eq!(all(&fixture, &with(index("by_tag", vec![Value::Int(tag)]))), by_tag);
    }
}

#[test]
fn wrong_queries_are_told_and_never_panic() {
    let fixture = fixture(&[(0, 1, true), (1, 2, false), (2, 4, true)]);
    let wrong = |query: Query| fixture.views.query(&query).unwrap_err().to_string();
    assert!(wrong(query("nothing", Filter::Prefix(String::new()))).contains("no table"));
    let index = |equal| Filter::Index {
        name: "by_left".into(),
        equal,
        from: None,
        to: None,
        descending: false,
    };
    assert!(wrong(query("items", index(vec![Value::Null; 3]))).contains("no index"));
    for length in 0..70 {
        for filter in [Filter::Prefix(String::new()), index(Vec::new())] {
            let mut query = query("items", filter);
            query.after = Some(PageToken(vec![200; length]));
            let _ = fixture.views.query(&query);
        }
    }
    let nobody = Query {
        app: "other".into(),
        ..query("items", index(Vec::new()))
    };
    assert!(fixture.views.query(&nobody).unwrap().rows.is_empty());
}
