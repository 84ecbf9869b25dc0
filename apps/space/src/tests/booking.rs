//! Resources and slots.

use synlog_reducer::cbor::Value;

use super::host::{DAY, HOUR, Host, MANAGER, NOW, OWNER, b, entry, map, n, t, with};
use crate::State;

/// Midnight of Monday 2026-06-01 in Helsinki.
const MONDAY: i64 = NOW - 3 * HOUR;

pub(super) fn resource(capacity: i64, buffer_s: i64, notice_s: i64) -> Value {
    let offset = |from: i64, s: i64| Value::Array(vec![n(from), n(s)]);
    map([
        ("resource", t("chair")),
        ("title", t("Tuoli")),
        ("zone", t("Europe/Helsinki")),
        ("capacity", n(capacity)),
        ("buffer_s", n(buffer_s)),
        ("notice_s", n(notice_s)),
        (
            "offsets",
            Value::Array(vec![
                offset(1_767_225_600_000, 7_200),
                offset(1_774_746_000_000, 10_800),
                offset(1_792_890_000_000, 7_200),
            ]),
        ),
    ])
}

pub(super) fn availability(from_h: i64, to_h: i64) -> Value {
    let rule = map([
        ("days", Value::Array((0..7).map(n).collect())),
        ("from_s", n(from_h * 3_600)),
        ("to_s", n(to_h * 3_600)),
    ]);
    map([
        ("resource", t("chair")),
        ("rules", Value::Array(vec![rule])),
    ])
}

pub(super) fn slot(start: i64, end: i64, seats: i64) -> Value {
    map([
        ("resource", t("chair")),
        ("start", n(start)),
        ("end", n(end)),
        ("seats", n(seats)),
        ("c", b([7; 32])),
    ])
}

pub(super) fn free(take: [u8; 32]) -> Value {
    map([("resource", t("chair")), ("take", b(take))])
}

fn open(capacity: i64, buffer_s: i64, notice_s: i64) -> Host {
    let mut host = Host::default();
    host.write(
        OWNER,
        "resource.put",
        &resource(capacity, buffer_s, notice_s),
    )
    .unwrap();
    host.write(OWNER, "availability.put", &availability(9, 17))
        .unwrap();
    host
}

fn code(outcome: Result<[u8; 32], String>) -> String {
    outcome.err().unwrap_or_else(|| "ok".to_owned())
}

#[test]
fn seats_and_buffers_never_exceed_the_capacity() {
    let at = |hour: i64, minute: i64| MONDAY + DAY + hour * HOUR + minute * 60_000;
    // (capacity, buffer in minutes, slots in their order, the last one's outcome)
    for (name, capacity, buffer, slots, expected) in [
        (
            "one slot, two takes",
            1,
            0,
            vec![(9, 0, 10, 0, 1), (9, 0, 10, 0, 1)],
            "slot_taken",
        ),
        (
            "one after the other",
            1,
            0,
            vec![(9, 0, 10, 0, 1), (10, 0, 11, 0, 1)],
            "ok",
        ),
        (
            "one before the other",
            1,
            0,
            vec![(10, 0, 11, 0, 1), (9, 0, 10, 0, 1)],
            "ok",
        ),
        (
            "a minute too early",
            1,
            0,
            vec![(9, 0, 10, 0, 1), (9, 59, 11, 0, 1)],
            "slot_taken",
        ),
        (
            "within",
            1,
            0,
            vec![(9, 0, 12, 0, 1), (10, 0, 11, 0, 1)],
            "slot_taken",
        ),
        (
            "around",
            1,
            0,
            vec![(10, 0, 11, 0, 1), (9, 0, 12, 0, 1)],
            "slot_taken",
        ),
        (
            "rest kept",
            1,
            15,
            vec![(9, 0, 10, 0, 1), (10, 15, 11, 0, 1)],
            "ok",
        ),
        (
            "rest of the one before",
            1,
            15,
            vec![(9, 0, 10, 0, 1), (10, 14, 11, 0, 1)],
            "slot_taken",
        ),
        (
            "rest before the one after",
            1,
            15,
            vec![(10, 0, 11, 0, 1), (9, 0, 9, 46, 1)],
            "slot_taken",
        ),
        (
            "rest before the one after, kept",
            1,
            15,
            vec![(10, 0, 11, 0, 1), (9, 0, 9, 45, 1)],
            "ok",
        ),
        (
            "two seats",
            2,
            0,
            vec![(9, 0, 10, 0, 1), (9, 0, 10, 0, 1)],
            "ok",
        ),
        (
            "two seats, the third",
            2,
            0,
            vec![(9, 0, 10, 0, 1), (9, 0, 10, 0, 1), (9, 30, 9, 40, 1)],
            "slot_taken",
        ),
        (
            "too many at once",
            2,
            0,
            vec![(9, 0, 10, 0, 3)],
            "slot_taken",
        ),
        (
            "others don't meet",
            2,
            0,
            vec![(9, 0, 10, 0, 1), (10, 0, 11, 0, 1), (9, 0, 11, 0, 1)],
            "ok",
        ),
        (
            "others meet",
            2,
            0,
            vec![(9, 0, 10, 1, 1), (10, 0, 11, 0, 1), (9, 0, 11, 0, 1)],
            "slot_taken",
        ),
    ] {
        let mut host = open(capacity, buffer * 60, 0);
        let mut last = String::new();
        for (from_h, from_m, to_h, to_m, seats) in slots {
            let body = slot(at(from_h, from_m), at(to_h, to_m), seats);
            last = code(host.write(OWNER, "slot.take", &body));
        }
        assert_eq!(last, expected, "{name}");
    }
}

#[test]
fn slots_lie_within_hours_and_notice() {
    let nine = MONDAY + DAY + 9 * HOUR;
    for (name, at, start, end, expected) in [
        ("all right", NOW, nine, nine + HOUR, "ok"),
        (
            "before it opens",
            NOW,
            nine - 1,
            nine + HOUR,
            "outside_hours",
        ),
        (
            "after it closes",
            NOW,
            nine + 7 * HOUR,
            nine + 8 * HOUR + 1,
            "outside_hours",
        ),
        ("to the end", NOW, nine + 7 * HOUR, nine + 8 * HOUR, "ok"),
        ("over night", NOW, nine, nine + DAY, "outside_hours"),
        ("just in time", nine - 2 * HOUR, nine, nine + HOUR, "ok"),
        (
            "too late",
            nine - 2 * HOUR + 1,
            nine,
            nine + HOUR,
            "short_notice",
        ),
        (
            "in the past",
            nine + HOUR,
            nine,
            nine + HOUR,
            "short_notice",
        ),
        ("no time", NOW, nine, nine, "bad_field"),
        ("backwards", NOW, nine, nine - 1, "bad_field"),
        ("before 1970", NOW, -2, -1, "bad_field"),
        ("very late", NOW, i64::MAX - 1, i64::MAX, "bad_field"),
        (
            "in three years",
            NOW,
            nine + 1_100 * DAY,
            nine + 1_100 * DAY + HOUR,
            "outside_hours",
        ),
        ("a year and a day", NOW, nine, nine + 367 * DAY, "bad_field"),
        // 2026-10-25, UTC+2 from 01:00 UTC on: 9:00 is 07:00 UTC.
        (
            "winter",
            NOW,
            1_792_890_000_000 + 6 * HOUR,
            1_792_890_000_000 + 7 * HOUR,
            "ok",
        ),
        (
            "winter, by the summer's clock",
            NOW,
            1_792_890_000_000 + 5 * HOUR,
            1_792_890_000_000 + 6 * HOUR,
            "outside_hours",
        ),
    ] {
        let mut host = open(1, 0, 2 * 3_600);
        assert_eq!(
            code(host.at(at, OWNER, "slot.take", &slot(start, end, 1))),
            expected,
            "{name}"
        );
    }
    let mut host = open(1, 0, 0);
    for seats in [0, -1, i64::MIN, i64::MAX] {
        let body = slot(nine, nine + HOUR, seats);
        assert_eq!(code(host.write(OWNER, "slot.take", &body)), "bad_field");
    }
}

#[test]
fn a_slot_is_given_up_once() {
    let nine = MONDAY + DAY + 9 * HOUR;
    let mut host = open(1, 0, 0);
    let first = host
        .write(OWNER, "slot.take", &slot(nine, nine + HOUR, 1))
        .unwrap();
    assert_eq!(host.table("slots").len(), 1);
    let elsewhere = with(&free(first), &[("resource", Some(t("table")))]);
    assert_eq!(
        code(host.write(OWNER, "slot.free", &elsewhere)),
        "unknown_resource"
    );
    assert_eq!(
        code(host.write(OWNER, "slot.free", &free(entry(77)))),
        "unknown_take"
    );
    assert_eq!(code(host.write(OWNER, "slot.free", &free(first))), "ok");
    assert_eq!(
        code(host.write(OWNER, "slot.free", &free(first))),
        "unknown_take"
    );
    assert_eq!(host.table("slots").len(), 0);
    assert_eq!(
        code(host.write(OWNER, "slot.take", &slot(nine, nine + HOUR, 1))),
        "ok"
    );
}

#[test]
fn a_slot_is_moved_as_a_whole_or_not_at_all() {
    let nine = MONDAY + DAY + 9 * HOUR;
    let mut host = open(1, 0, 0);
    let first = host
        .write(OWNER, "slot.take", &slot(nine, nine + HOUR, 1))
        .unwrap();
    host.write(
        OWNER,
        "slot.take",
        &slot(nine + 2 * HOUR, nine + 3 * HOUR, 1),
    )
    .unwrap();
    let before = host.states.clone();
    let moved = |start: i64| {
        with(
            &slot(start, start + HOUR, 1),
            &[("replaces", Some(b(first)))],
        )
    };
    let refused = code(host.write(OWNER, "slot.take", &moved(nine + 2 * HOUR)));
    assert_eq!((&refused[..], &host.states), ("slot_taken", &before));
    // It may overlap itself.
    assert_eq!(
        code(host.write(OWNER, "slot.take", &moved(nine + HOUR / 2))),
        "ok"
    );
    assert_eq!(host.table("slots").len(), 2);
    assert_eq!(
        code(host.write(OWNER, "slot.take", &moved(nine + HOUR / 2))),
        "unknown_take"
    );
}

#[test]
fn what_is_booked_must_fit_a_changed_resource() {
    let nine = MONDAY + DAY + 9 * HOUR;
    let mut host = open(3, 0, 0);
    for start in [nine, nine + HOUR] {
        host.write(OWNER, "slot.take", &slot(start, start + HOUR, 2))
            .unwrap();
    }
    for (at, capacity, buffer_s, expected) in [
        (NOW, 1, 0, "slot_taken"),
        (NOW, 2, 1, "slot_taken"),
        (NOW, 4, 1, "ok"),
        (NOW, 2, 0, "ok"),
        (nine + 3 * HOUR, 1, 0, "ok"),
    ] {
        let body = resource(capacity, buffer_s, 0);
        assert_eq!(code(host.at(at, OWNER, "resource.put", &body)), expected);
    }
    for (field, value) in [
        ("capacity", n(0)),
        ("capacity", n(10_001)),
        ("buffer_s", n(-1)),
        ("notice_s", n(-1)),
        ("notice_s", n(i64::MAX)),
        ("offsets", Value::Array(vec![])),
        ("zone", t("")),
    ] {
        let body = with(&resource(2, 0, 0), &[(field, Some(value))]);
        assert_eq!(
            code(host.write(OWNER, "resource.put", &body)),
            "bad_field",
            "{field}"
        );
    }
}

#[test]
fn the_past_is_forgotten() {
    let mut host = open(1, 0, 0);
    let nine = |day: i64| MONDAY + day * DAY + 9 * HOUR;
    let first = host
        .write(OWNER, "slot.take", &slot(nine(1), nine(1) + HOUR, 1))
        .unwrap();
    for day in 2..100 {
        let body = slot(nine(day), nine(day) + HOUR, 1);
        host.at(nine(day) - HOUR, OWNER, "slot.take", &body)
            .unwrap();
    }
    let Some(State::Resource(resource)) = host.state("resource/chair") else {
        panic!("no resource")
    };
    assert_eq!(resource.booked.len(), 31);
    // The rows stay, the slots can't be given up any more.
    assert_eq!(host.table("slots").len(), 99);
    assert_eq!(
        code(host.at(nine(100), OWNER, "slot.free", &free(first))),
        "unknown_take"
    );
    // Nor taken again by a clock that is behind.
    let again = slot(nine(1) + HOUR, nine(1) + 2 * HOUR, 1);
    assert_eq!(code(host.write(OWNER, "slot.take", &again)), "short_notice");
}

#[test]
fn resources_have_their_own_capability() {
    let mut host = open(1, 0, 0);
    let nine = MONDAY + DAY + 9 * HOUR;
    let create = map([("name", t("Parturi")), ("zone", t("Europe/Helsinki"))]);
    host.write(OWNER, "space.create", &create).unwrap();
    let take = slot(nine, nine + HOUR, 1);
    for (capability, expected) in [("catalog", "no_capability"), ("booking", "ok")] {
        let grant = super::catalog::grant(capability, None);
        host.write(OWNER, "space.grant", &grant).unwrap();
        assert_eq!(code(host.write(MANAGER, "slot.take", &take)), expected);
    }
    let body = with(&availability(9, 17), &[("resource", Some(t("table")))]);
    assert_eq!(
        code(host.write(OWNER, "availability.put", &body)),
        "unknown_resource"
    );
}

#[test]
fn a_resource_holds_so_many_slots_and_no_more() {
    let mut host = open(10_000, 0, 0);
    let nine = MONDAY + DAY + 9 * HOUR;
    let one = slot(nine, nine + HOUR, 1);
    let last = (0..=crate::BOOKED_MAX).map(|_| code(host.write(OWNER, "slot.take", &one)));
    assert_eq!(last.last().as_deref(), Some("full"));
    assert!(host.states["resource/chair"].len() < 128 * 1_024);
}
