//! Random events by random writers, some of them hostile. After each of them the rules
//! that no event may break are checked against a plain model of what was accepted.

use std::collections::BTreeMap;

use proptest::prelude::*;
use synlog_reducer::cbor::Value;

use super::booking::{availability, resource, slot};
use super::catalog::{bread, grant};
use super::host::{DAY, HOUR, Host, MANAGER, NOW, OWNER, VISITOR, Who, b, entry, map, n, t, with};
use crate::{Event, Item, REVISIONS_MAX, Stage, State};

/// What somebody tries to do; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Try {
    Put {
        max: i64,
        stock: Option<i64>,
    },
    Count(i64),
    Become(usize),
    Take {
        revision: usize,
        quantity: i64,
    },
    Free {
        take: usize,
        quantity: i64,
    },
    Resource {
        capacity: i64,
        buffer_s: i64,
    },
    Book {
        hour: i64,
        minutes: i64,
        seats: i64,
        replaces: Option<usize>,
    },
    Leave(usize),
    Grant(usize),
    Revoke(usize),
}

fn any_try() -> impl Strategy<Value = Try> {
    let quantity = || prop_oneof![8 => 1i64..4, 1 => -1i64..1, 1 => any::<i64>()];
    prop_oneof![
        2 => (-2i64..30, proptest::option::of(-1i64..6)).prop_map(|(max, stock)| Try::Put { max, stock }),
        3 => prop_oneof![4 => -4i64..5, 1 => any::<i64>()].prop_map(Try::Count),
        1 => (0usize..4).prop_map(Try::Become),
        6 => (0usize..2, quantity()).prop_map(|(revision, quantity)| Try::Take { revision, quantity }),
        4 => (0usize..6, quantity()).prop_map(|(take, quantity)| Try::Free { take, quantity }),
        1 => (0i64..4, prop_oneof![Just(0), Just(1_800)])
            .prop_map(|(capacity, buffer_s)| Try::Resource { capacity, buffer_s }),
        8 => (0i64..40, prop_oneof![Just(30), Just(60), Just(90), Just(0)], quantity(), proptest::option::of(0usize..6))
            .prop_map(|(hour, minutes, seats, replaces)| Try::Book { hour, minutes, seats, replaces }),
        3 => (0usize..6).prop_map(Try::Leave),
        1 => (0usize..4).prop_map(Try::Grant),
        1 => (0usize..4).prop_map(Try::Revoke),
    ]
}

const CAPABILITIES: [&str; 4] = ["catalog", "stock", "booking", "all"];
const STAGES: [&str; 4] = ["draft", "active", "paused", "retired"];

/// What was accepted, told plainly.
#[derive(Default)]
struct Model {
    revisions: Vec<[u8; 32]>,
    counted: Option<i64>,
    takes: Vec<([u8; 32], i64)>,
    capacity: i64,
    buffer_ms: i64,
    slots: BTreeMap<[u8; 32], (i64, i64, i64)>,
    granted: [bool; 4],
    retired: bool,
}

fn pick<T: Copy>(items: &[T], from_end: usize) -> Option<T> {
    items.iter().rev().nth(from_end).copied()
}

impl Model {
    fn event(&self, attempt: &Try) -> (&'static str, Value) {
        let item = ("item", t("bread"));
        let open: Vec<[u8; 32]> = self.slots.keys().copied().collect();
        let slot_id = |from_end: usize| pick(&open, from_end).unwrap_or(entry(9_999));
        match attempt {
            Try::Put { max, stock } => {
                let price = map([
                    ("kind", t("range")),
                    ("currency", t("EUR")),
                    ("min", n(10)),
                    ("max", n(*max)),
                ]);
                let body = with(&bread(), &[("price", Some(price)), ("stock", stock.map(n))]);
                ("item.put", body)
            }
            Try::Count(delta) => ("item.stock", map([item, ("delta", n(*delta))])),
            Try::Become(stage) => ("item.state", map([item, ("state", t(STAGES[*stage]))])),
            Try::Take { revision, quantity } => {
                let revision = pick(&self.revisions, *revision).unwrap_or(entry(9_999));
                let pairs = [
                    item,
                    ("revision", b(revision)),
                    ("quantity", n(*quantity)),
                    ("c", b([1; 32])),
                ];
                ("item.take", map(pairs))
            }
            Try::Free { take, quantity } => {
                let take = pick(&self.takes, *take).map_or(entry(9_999), |(id, _)| id);
                (
                    "item.free",
                    map([item, ("take", b(take)), ("quantity", n(*quantity))]),
                )
            }
            Try::Resource { capacity, buffer_s } => {
                ("resource.put", resource(*capacity, *buffer_s, 0))
            }
            Try::Book {
                hour,
                minutes,
                seats,
                replaces,
            } => {
                let start = NOW + DAY + hour * HOUR / 2;
                let body = slot(start, start + minutes * 60_000, *seats);
                let replaced = replaces.map(|from_end| b(slot_id(from_end)));
                ("slot.take", with(&body, &[("replaces", replaced)]))
            }
            Try::Leave(from_end) => {
                let body = map([("resource", t("chair")), ("take", b(slot_id(*from_end)))]);
                ("slot.free", body)
            }
            Try::Grant(which) => ("space.grant", grant(CAPABILITIES[*which], None)),
            Try::Revoke(which) => (
                "space.revoke",
                with(&grant(CAPABILITIES[*which], None), &[("until", None)]),
            ),
        }
    }

    fn accept(&mut self, attempt: &Try, id: [u8; 32], body: &Value) {
        let named = |field: &str| match body.get(field) {
            Some(Value::Bytes(bytes)) => bytes[..].try_into().ok(),
            _ => None,
        };
        match attempt {
            Try::Put { stock, .. } => {
                self.revisions.push(id);
                self.counted = self.counted.or(*stock);
            }
            Try::Count(delta) => self.counted = Some(self.counted.unwrap_or(0) + delta),
            Try::Become(stage) => self.retired |= STAGES[*stage] == "retired",
            Try::Take { quantity, .. } => self.takes.push((id, *quantity)),
            Try::Free { quantity, .. } => {
                let take: [u8; 32] = named("take").unwrap();
                let found = self.takes.iter_mut().find(|(id, _)| *id == take);
                found.expect("only what was taken is given back").1 -= quantity;
                assert!(self.takes.iter().all(|(_, rest)| *rest >= 0));
                self.takes.retain(|(_, rest)| *rest > 0);
            }
            Try::Resource { capacity, buffer_s } => {
                (self.capacity, self.buffer_ms) = (*capacity, buffer_s * 1_000);
            }
            Try::Book {
                hour,
                minutes,
                seats,
                ..
            } => {
                if let Some(replaced) = named("replaces") {
                    assert!(self.slots.remove(&replaced).is_some());
                }
                let start = NOW + DAY + hour * HOUR / 2;
                self.slots
                    .insert(id, (start, start + minutes * 60_000, *seats));
            }
            Try::Leave(_) => {
                let take: [u8; 32] = named("take").unwrap();
                assert!(self.slots.remove(&take).is_some());
            }
            Try::Grant(which) => self.granted[*which] = true,
            Try::Revoke(which) => self.granted[*which] = false,
        }
    }

    fn may(&self, who: Who, attempt: &Try) -> bool {
        let needed = match attempt {
            Try::Put { .. } | Try::Become(_) => 0,
            Try::Count(_) | Try::Take { .. } | Try::Free { .. } => 1,
            Try::Resource { .. } | Try::Book { .. } | Try::Leave(_) => 2,
            Try::Grant(_) | Try::Revoke(_) => return who == OWNER,
        };
        who == OWNER || who == MANAGER && (self.granted[needed] || self.granted[3])
    }

    /// Every half hour by itself: all that begins, ends and rests does so on one.
    fn seats_fit(&self) -> bool {
        (0..200)
            .map(|half| NOW + DAY + half * HOUR / 2)
            .all(|instant| {
                let taken: i64 = self
                    .slots
                    .values()
                    .filter(|(start, end, _)| *start <= instant && instant < end + self.buffer_ms)
                    .map(|(_, _, seats)| seats)
                    .sum();
                taken <= self.capacity
            })
    }

    fn agrees(&self, item: &Item) {
        let taken: i64 = self.takes.iter().map(|(_, rest)| rest).sum();
        assert_eq!(item.taken, taken);
        assert_eq!(item.stock(), self.counted.map(|counted| counted - taken));
        assert!(item.stock().is_none_or(|stock| stock >= 0));
        assert!(item.revisions.len() <= REVISIONS_MAX);
        assert_eq!(
            item.revision().map(|id| id.0),
            self.revisions.last().copied()
        );
        assert_eq!(item.stage == Stage::Retired, self.retired);
        let price = &item.offer.price;
        assert!(price.min <= price.max);
    }
}

fn any_who() -> impl Strategy<Value = Who> {
    prop_oneof![4 => Just(OWNER), 2 => Just(MANAGER), 1 => Just(VISITOR)]
}

/// CBOR of any shape, not too deep.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-2i64..100).prop_map(Value::Int),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        any::<[u8; 32]>().prop_map(b),
        "[ -~]{0,12}".prop_map(Value::from),
        Just(t("chair")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::vec(("[a-z_]{1,8}", inner), 0..5).prop_map(Value::map),
        ]
    })
}

/// Bodies that are right, one for each kind that has many fields.
fn right_bodies() -> Vec<(&'static str, Value)> {
    vec![
        ("item.put", bread()),
        ("item.stock", map([("item", t("bread")), ("delta", n(1))])),
        ("resource.put", resource(2, 60, 60)),
        ("availability.put", availability(0, 24)),
        ("slot.take", slot(NOW + DAY, NOW + DAY + HOUR, 1)),
        ("space.grant", grant("stock", Some(NOW))),
        ("space.create", map([("name", t("A")), ("zone", t("UTC"))])),
    ]
}

/// A space with an item and a resource.
fn furnished() -> Host {
    let mut host = Host::default();
    for (kind, body) in right_bodies().into_iter().rev() {
        let _ = host.write(OWNER, kind, &body);
    }
    host.write(OWNER, "availability.put", &availability(0, 24))
        .unwrap();
    host.write(OWNER, "item.put", &bread()).unwrap();
    host
}

/// Rows have the columns that the manifest names, each once.
fn check_rows(host: &Host) {
    let manifest = synlog_reducer::describe::<crate::SpaceApp>();
    let manifest = synlog_log::fold::Manifest::decode(&manifest).unwrap();
    let mut seen = Vec::new();
    for (table, sub, columns) in host.rows() {
        let Value::Map(pairs) = &columns else {
            panic!("a row is a map")
        };
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| &name[..]).collect();
        let table = &manifest.tables[table];
        let mut declared: Vec<&str> = table
            .columns
            .iter()
            .map(|column| &column.name[..])
            .collect();
        names.sort_unstable();
        declared.sort_unstable();
        assert_eq!(names, declared, "{}", table.name);
        seen.push((table.name.clone(), sub));
    }
    assert!(!seen.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_event_breaks_the_rules(attempts in proptest::collection::vec((any_who(), any_try()), 1..60)) {
        let mut host = Host::default();
        let mut model = Model { capacity: 2, ..Model::default() };
        host.write(OWNER, "space.create", &map([("name", t("A")), ("zone", t("UTC"))])).unwrap();
        host.write(OWNER, "resource.put", &resource(2, 0, 0)).unwrap();
        host.write(OWNER, "availability.put", &availability(0, 24)).unwrap();
        for (who, attempt) in attempts {
            let (kind, body) = model.event(&attempt);
            let before = host.states.clone();
            match host.write(who, kind, &body) {
                Ok(id) => {
                    prop_assert!(model.may(who, &attempt), "{:?} {:?}", who, attempt);
                    prop_assert!(!model.retired || !kind.starts_with("item."));
                    model.accept(&attempt, id, &body);
                }
                Err(code) => {
                    prop_assert_eq!(&host.states, &before, "{} changed a state", code);
                    prop_assert!(code != "no_capability" || !model.may(who, &attempt));
                }
            }
            if let Some(State::Item(item)) = host.state("item/bread") {
                model.agrees(&item);
            }
            prop_assert!(model.seats_fit());
            let kept = |prefix: &str| host.states.keys().filter(|key| key.starts_with(prefix)).count();
            prop_assert_eq!(kept("take/"), model.takes.len());
            prop_assert_eq!(kept("slot/"), model.slots.len());
        }
        check_rows(&host);
    }

    #[test]
    fn no_body_of_any_shape_panics(
        kind in 0usize..19,
        who in any_who(),
        fields in proptest::collection::vec(("[a-z_]{1,8}", any_value()), 0..6),
    ) {
        let mut host = furnished();
        let kind = <Event as synlog_reducer::Event>::KINDS[kind];
        let _ = host.write(who, kind, &Value::map(fields));
        check_rows(&host);
    }

    #[test]
    fn no_right_body_with_a_wrong_field_panics(
        kind in 0usize..7,
        field in any::<prop::sample::Index>(),
        value in any_value(),
        at_ms in prop_oneof![Just(0i64), Just(NOW), 0i64..1 << 47],
    ) {
        let mut host = furnished();
        let (kind, body) = right_bodies().swap_remove(kind);
        let Value::Map(pairs) = &body else { return Ok(()) };
        let name = pairs[field.index(pairs.len())].0.clone();
        let _ = host.at(at_ms, OWNER, kind, &with(&body, &[(&name, Some(value))]));
        check_rows(&host);
    }

    #[test]
    fn no_bytes_panic(kind in 0usize..19, body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut host = furnished();
        let kind = <Event as synlog_reducer::Event>::KINDS[kind];
        let before = host.states.clone();
        if host.raw(NOW, OWNER, kind, &body).is_err() {
            prop_assert_eq!(host.states, before);
        }
    }
}

/// The largest bodies that can be written leave a state far below its limit.
#[test]
fn states_are_bounded() {
    let mut host = furnished();
    let attributes = (0..7).map(|at| (format!("a{at}"), t(&"x".repeat(900))));
    let changes = [
        ("attributes", Some(Value::map(attributes))),
        ("title", Some(t(&"y".repeat(200)))),
    ];
    let body = with(&bread(), &changes);
    assert!(body.encode().len() < 8_192);
    for _ in 0..100 {
        host.write(OWNER, "item.put", &body).unwrap();
    }
    assert!(host.states["item/bread"].len() < 32 * 1_024);
    check_rows(&host);
}
