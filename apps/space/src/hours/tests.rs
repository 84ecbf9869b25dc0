//! Hours on ordinary days, across midnight and on the days when the clock changes.

use super::*;
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;
/// 2026-03-29 01:00 UTC: Helsinki goes from UTC+2 to UTC+3; at 03:00 it is 04:00.
const SPRING: i64 = 1_774_746_000_000;
/// 2026-10-25 01:00 UTC: Helsinki goes back to UTC+2; at 04:00 it is 03:00.
const AUTUMN: i64 = 1_792_890_000_000;

fn helsinki() -> Vec<Offset> {
    vec![
        (1_767_225_600_000, 7_200),
        (SPRING, 10_800),
        (AUTUMN, 7_200),
    ]
}

fn rule(days: &[u8], from_h: i64, to_h: i64) -> Rule {
    Rule {
        days: days.to_vec(),
        from_s: from_h * 3_600,
        to_s: to_h * 3_600,
        since: None,
        until: None,
    }
}

fn hours(rules: &[Rule]) -> Hours {
    Hours {
        rules: rules.to_vec(),
        except: vec![],
    }
}

const EVERY_DAY: [u8; 7] = [0, 1, 2, 3, 4, 5, 6];

#[test]
fn offices_open_at_nine_on_the_wall_all_year() {
    let office = hours(&[rule(&EVERY_DAY, 9, 17)]);
    // Hours from the change of the clock: (start, end) is right or not.
    for (name, change, start, end, right) in [
        ("spring, the day before 9-17", SPRING, -18, -10, true),
        ("spring, the day before 8-9", SPRING, -19, -18, false),
        // 2026-03-29 09:00 at UTC+3 is 06:00 UTC, five hours after the change.
        ("spring, the day itself 9-17", SPRING, 5, 13, true),
        ("spring, the day itself 8-9", SPRING, 4, 5, false),
        ("spring, the day itself 16-18", SPRING, 12, 14, false),
        // 2026-10-24 09:00 at UTC+3 is 06:00 UTC.
        ("autumn, the day before 9-17", AUTUMN, -19, -11, true),
        ("autumn, the day before 17-18", AUTUMN, -11, -10, false),
        // 2026-10-25 09:00 at UTC+2 is 07:00 UTC.
        ("autumn, the day itself 9-17", AUTUMN, 6, 14, true),
        ("autumn, the day itself 8-9", AUTUMN, 5, 6, false),
    ] {
        let covered = office.cover(
            &helsinki(),
            change + start * HOUR_MS,
            change + end * HOUR_MS,
        );
        assert_eq!(covered.is_ok(), right, "{name}");
    }
}

#[test]
fn bars_are_open_across_midnight_and_the_change() {
    // Saturday 22:00 to Sunday 04:00.
    let bar = hours(&[rule(&[5], 22, 4)]);
    let counted_on = hours(&[rule(&[5], 22, 28)]);
    for (name, change, start, end, right) in [
        // Spring: 22:00 is 20:00 UTC, five hours before; the clock shows 04:00 at the change.
        ("spring, whole night", SPRING, -5, 0, true),
        ("spring, an hour more", SPRING, -5, 1, false),
        ("spring, across midnight", SPRING, -4, -2, true),
        ("spring, before it opens", SPRING, -6, -5, false),
        // Autumn: 22:00 is 19:00 UTC, six hours before. The hour from 3 to 4 is there twice.
        ("autumn, whole night", AUTUMN, -6, 1, true),
        ("autumn, second time 3 to 4", AUTUMN, 0, 1, true),
        ("autumn, 4 to 5", AUTUMN, 1, 2, false),
        (
            "a week before the change",
            AUTUMN - 7 * 24 * HOUR_MS,
            -6,
            0,
            true,
        ),
        (
            "a week before, 4 to 5",
            AUTUMN - 7 * 24 * HOUR_MS,
            0,
            1,
            false,
        ),
        ("the night before", AUTUMN, -30, -24, false),
    ] {
        for hours in [&bar, &counted_on] {
            let covered = hours.cover(
                &helsinki(),
                change + start * HOUR_MS,
                change + end * HOUR_MS,
            );
            assert_eq!(covered.is_ok(), right, "{name}");
        }
    }
}

#[test]
fn an_hour_that_is_skipped_is_nowhere() {
    // Open from 3 to 4 only: on the day of the change in spring there is no such hour.
    let odd = hours(&[rule(&[6], 3, 4)]);
    for minute in -120..180 {
        let at = SPRING + minute * 60_000;
        assert!(odd.cover(&helsinki(), at, at + 60_000).is_err(), "{minute}");
    }
    // In autumn it is there twice, in one piece.
    assert!(
        odd.cover(&helsinki(), AUTUMN - HOUR_MS, AUTUMN + HOUR_MS)
            .is_ok()
    );
}

#[test]
fn days_run_on_into_each_other() {
    // 2026-06-01 was a Monday; 21:00 UTC the day before is midnight.
    let monday = 1_780_272_000_000 - 3 * HOUR_MS;
    let open = hours(&[rule(&[0], 0, 0), rule(&[1], 0, 12), rule(&[1], 12, 24)]);
    for (start, end, right) in [
        (0, 48, true),
        (0, 24, true),
        (-1, 1, false),
        (47, 49, false),
        (30, 40, true),
    ] {
        let covered = open.cover(
            &helsinki(),
            monday + start * HOUR_MS,
            monday + end * HOUR_MS,
        );
        assert_eq!(covered.is_ok(), right, "{start} to {end}");
    }
}

#[test]
fn seasons_exceptions_and_unknown_offsets() {
    let monday = 1_780_272_000_000 - 3 * HOUR_MS;
    let day = 20_605; // 2026-06-01
    let season = |since, until| Rule {
        since,
        until,
        ..rule(&[0], 22, 2)
    };
    for (since, until, right) in [
        (None, None, true),
        (Some(day), Some(day), true),
        (Some(day + 1), None, false),
        (None, Some(day - 1), false),
    ] {
        // 23:00 to 01:00: the day on which it begins counts.
        let covered = hours(&[season(since, until)]).cover(
            &helsinki(),
            monday + 23 * HOUR_MS,
            monday + 25 * HOUR_MS,
        );
        assert_eq!(covered.is_ok(), right, "{since:?} {until:?}");
    }
    let mut open = hours(&[rule(&EVERY_DAY, 0, 0)]);
    let hour = |start: i64| {
        let start = monday + start * HOUR_MS;
        (start, start + HOUR_MS)
    };
    open.except.push(Except {
        start: hour(5).0,
        end: hour(5).1,
    });
    for (at, right) in [(4, true), (5, false), (6, true)] {
        let (start, end) = hour(at);
        assert_eq!(open.cover(&helsinki(), start, end).is_ok(), right, "{at}");
    }
    assert!(open.cover(&helsinki(), hour(4).0, hour(6).1).is_err());
    // Before the first offset nobody knows what the clock showed.
    assert!(
        open.cover(&helsinki(), 1_767_225_599_000, 1_767_229_200_000)
            .is_err()
    );
    assert!(open.cover(&[], hour(1).0, hour(1).1).is_err());
    assert!(hours(&[]).cover(&helsinki(), hour(1).0, hour(1).1).is_err());
}

#[test]
fn wrong_rules_are_refused() {
    for (rule, right) in [
        (rule(&[0], 9, 17), true),
        (rule(&[0], 22, 46), true),
        (rule(&[0], 22, 47), false),
        (rule(&[7], 9, 17), false),
        (rule(&[], 9, 17), false),
        (rule(&[0; 8], 9, 17), false),
        (rule(&[0], -1, 17), false),
        (rule(&[0], 24, 25), false),
        (rule(&[0], 0, 24), true),
        (rule(&[0], 0, 25), false),
        (rule(&[0], 9, -1), false),
    ] {
        assert_eq!(
            hours(std::slice::from_ref(&rule)).check().is_ok(),
            right,
            "{rule:?}"
        );
    }
    for (offsets, right) in [
        (helsinki(), true),
        (vec![], false),
        (vec![(0, 64_801)], false),
        (vec![(5, 0), (5, 1)], false),
        (vec![(5, 0), (4, 1)], false),
        (vec![(-1, 0)], false),
        ((0..65).map(|at| (at, 0)).collect(), false),
    ] {
        assert_eq!(check_offsets(&offsets).is_ok(), right, "{offsets:?}");
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let days = proptest::collection::vec(0u8..7, 1..4);
    let season = proptest::option::of(20_510i64..20_545);
    (days, 0i64..48, 0i64..96, season.clone(), season).prop_map(|(days, from, to, since, until)| {
        Rule {
            days,
            from_s: from * 1_800,
            to_s: to * 1_800,
            since,
            until,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// By brute force: every minute of a slot is looked at by itself.
    #[test]
    fn covered_is_every_minute_covered(
        rules in proptest::collection::vec(any_rule(), 1..5),
        start in -3_000i64..3_000,
        length in 1i64..1_500,
        autumn in any::<bool>(),
    ) {
        let hours = hours(&rules);
        prop_assume!(hours.check().is_ok());
        let change = if autumn { AUTUMN } else { SPRING };
        let offset_s = |at_ms: i64| if (SPRING..AUTUMN).contains(&at_ms) { 10_800 } else { 7_200 };
        let minute_open = |at_ms: i64| {
            let local_s = at_ms / 1_000 + offset_s(at_ms);
            rules.iter().any(|rule| {
                (-1..=0).any(|back| {
                    let day = local_s.div_euclid(DAY_S) + back;
                    let into_s = local_s - day * DAY_S;
                    rule.begins_on(day)
                        && rule.from_s <= into_s
                        && into_s < rule.from_s + rule.length_s()
                })
            })
        };
        let start_ms = change + start * 60_000;
        let expected = (0..length).all(|minute| minute_open(start_ms + minute * 60_000));
        let covered = hours.cover(&helsinki(), start_ms, start_ms + length * 60_000);
        prop_assert_eq!(covered.is_ok(), expected);
    }
}
