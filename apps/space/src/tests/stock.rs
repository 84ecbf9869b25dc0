//! Stock: what is counted, taken and given back.

use synlog_reducer::cbor::Value;

use super::catalog::{bread, code, created, free, stock, take};
use super::host::{Host, OWNER, entry, n, t, with};

/// What is left, and what is taken, as the row says.
fn counts(host: &Host) -> (Option<Value>, Option<Value>) {
    let row = host.table("items").remove(0);
    (row.get("stock").cloned(), row.get("taken").cloned())
}

#[test]
fn the_last_item_is_taken_once() {
    let mut host = created();
    let first = host.write(OWNER, "item.put", &bread()).unwrap();
    let taken = host.write(OWNER, "item.take", &take(first, 4)).unwrap();
    assert_eq!(
        code(host.write(OWNER, "item.take", &take(first, 2))),
        "stock_negative"
    );
    let last = host.write(OWNER, "item.take", &take(first, 1)).unwrap();
    assert_eq!(
        code(host.write(OWNER, "item.take", &take(first, 1))),
        "stock_negative"
    );
    assert_eq!(counts(&host), (Some(n(0)), Some(n(5))));
    assert_eq!(host.table("takes").len(), 2);
    for (take, quantity, expected) in [
        (last, 2, "over_free"),
        (last, 0, "bad_field"),
        (last, 1, "ok"),
        (last, 1, "unknown_take"),
        (taken, 3, "ok"),
        (taken, 2, "over_free"),
        (taken, 1, "ok"),
        (taken, 1, "unknown_take"),
        ([0; 32], 1, "unknown_take"),
    ] {
        assert_eq!(
            code(host.write(OWNER, "item.free", &free(take, quantity))),
            expected
        );
    }
    assert_eq!(counts(&host), (Some(n(5)), Some(n(0))));
    assert_eq!(host.table("takes").len(), 0);
}

#[test]
fn a_take_of_one_item_is_not_given_back_to_another() {
    let mut host = created();
    let bread_put = host.write(OWNER, "item.put", &bread()).unwrap();
    let cake = with(&bread(), &[("item", Some(t("cake")))]);
    let cake_put = host.write(OWNER, "item.put", &cake).unwrap();
    let cake_take = with(&take(cake_put, 2), &[("item", Some(t("cake")))]);
    host.write(OWNER, "item.take", &cake_take).unwrap();
    let taken = host.write(OWNER, "item.take", &take(bread_put, 2)).unwrap();
    let wrong = with(&free(taken, 1), &[("item", Some(t("cake")))]);
    assert_eq!(code(host.write(OWNER, "item.free", &wrong)), "unknown_take");
}

#[test]
fn what_is_there_counts_what_is_taken() {
    let mut host = created();
    let uncounted = with(&bread(), &[("stock", None)]);
    let first = host.write(OWNER, "item.put", &uncounted).unwrap();
    host.write(OWNER, "item.take", &take(first, 3)).unwrap();
    assert_eq!(counts(&host), (Some(Value::Null), Some(n(3))));
    assert_eq!(
        code(host.write(OWNER, "item.stock", &stock(2))),
        "stock_negative"
    );
    host.write(OWNER, "item.stock", &stock(5)).unwrap();
    assert_eq!(counts(&host), (Some(n(2)), Some(n(3))));
    assert_eq!(
        code(host.write(OWNER, "item.stock", &stock(-3))),
        "stock_negative"
    );
    assert_eq!(
        code(host.write(OWNER, "item.stock", &stock(i64::MAX))),
        "bad_field"
    );
    // Later puts don't count again.
    host.write(OWNER, "item.put", &bread()).unwrap();
    assert_eq!(counts(&host), (Some(n(2)), Some(n(3))));
    let negative = with(
        &bread(),
        &[("item", Some(t("cake"))), ("stock", Some(n(-1)))],
    );
    assert_eq!(
        code(host.write(OWNER, "item.put", &negative)),
        "stock_negative"
    );
}

#[test]
fn an_order_binds_the_revision_that_it_saw() {
    let mut host = created();
    let first = host.write(OWNER, "item.put", &bread()).unwrap();
    let second = host.write(OWNER, "item.put", &bread()).unwrap();
    assert_eq!(
        code(host.write(OWNER, "item.take", &take(first, 1))),
        "stale_revision"
    );
    assert_eq!(
        code(host.write(OWNER, "item.take", &take(entry(99), 1))),
        "stale_revision"
    );
    assert_eq!(code(host.write(OWNER, "item.take", &take(second, 1))), "ok");
    for _ in 0..40 {
        host.write(OWNER, "item.put", &bread()).unwrap();
    }
    assert_eq!(host.table("revisions").len(), crate::REVISIONS_MAX);
    assert_eq!(host.table("items")[0].get("revision_count"), Some(&n(42)));
}
