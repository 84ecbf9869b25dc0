//! From stored runs to rows: a rebuild, a stream, and one event at a time.

use std::time::Instant;

use synlog_log::topic::Mode;

use super::Stage;
use super::ingest::{commit, open};
use super::meter::{median, process_cpu_of, quantile};
use super::table::Row;
use super::tallies::{Topic, reducer, rows_of, update, views};
use crate::events::{DecodedRuns, StoreSource};
use crate::failure::Failure;

const TALLIES: usize = 100_000;
const EVENTS: usize = 1_000_000;
/// Events of a group: those of 5 ms, at the rate that is aimed at.
const GROUP: usize = 100;
const GROUPS: usize = 400;
/// Events that come alone.
const ALONE: usize = 2_000;

/// A rebuild of a million events, then groups, then events one by one.
pub(super) fn run(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let (tallies, events) = (stage.scaled(TALLIES), stage.scaled(EVENTS));
    let disk = stage.disk("fold-log")?;
    let mut store = open(&disk)?;
    let (mut topic, first) = Topic::new(Mode::Ordered)?;
    commit(&mut store, vec![first])?;
    let opened = topic.open(tallies)?;
    commit(&mut store, opened)?;
    let added = topic.add(events - tallies)?;
    commit(&mut store, added)?;
    topic.order.settle();
    let mut views = views(stage, "fold-views")?;
    let mut reducer = reducer()?;
    let mut decoded = DecodedRuns::default();
    let mut rows = Vec::new();

    let started = Instant::now();
    let (cpu, done) = process_cpu_of(|| {
        let mut source = StoreSource {
            store: &store,
            order: &topic.order,
            decoded: &mut decoded,
        };
        update(&mut views, &topic, &mut source, &mut reducer)
    });
    let (wall, folded) = (started.elapsed(), done?.folded as f64);
    rows.push(
        Row::new(
            format!("rows of {events} stored events, two indexes"),
            folded / cpu.as_secs_f64(),
            "events per CPU second",
        )
        .at_least(150_000.0),
    );
    rows.push(Row::new(
        "  on the clock",
        folded / wall.as_secs_f64(),
        "events per second",
    ));

    let groups = stage.scaled(GROUPS);
    let (mut spent, mut times) = (Vec::new(), Vec::new());
    for _ in 0..groups {
        let runs = topic.add(GROUP)?;
        commit(&mut store, runs)?;
        let started = Instant::now();
        let (cpu, done) = process_cpu_of(|| {
            topic.order.settle();
            let mut source = StoreSource {
                store: &store,
                order: &topic.order,
                decoded: &mut decoded,
            };
            update(&mut views, &topic, &mut source, &mut reducer)
        });
        done?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        spent.push(cpu.as_secs_f64());
    }
    let all: f64 = spent.iter().sum();
    times.sort_by(f64::total_cmp);
    rows.push(
        Row::new(
            format!("a stream in groups of {GROUP}"),
            (groups * GROUP) as f64 / all,
            "events per CPU second",
        )
        .at_least(20_000.0),
    );
    rows.push(Row::new("  one group, median", median(times.clone()), "ms").at_most(5.0));
    rows.push(Row::new("  one group, p99", quantile(&times, 0.99), "ms"));

    let mut times = Vec::new();
    for n in 0..stage.scaled(ALONE) {
        let tally = topic.tallies[topic.added * 7_919 % topic.tallies.len()];
        let runs = topic.add(1)?;
        commit(&mut store, runs)?;
        let started = Instant::now();
        topic.order.settle();
        let mut source = StoreSource {
            store: &store,
            order: &topic.order,
            decoded: &mut decoded,
        };
        update(&mut views, &topic, &mut source, &mut reducer)?;
        if rows_of(&views, &topic, &tally)? != 1 {
            return Err(Failure::System(format!("event {n} has no row")));
        }
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    rows.push(Row::new("a new event to its row, p99", quantile(&times, 0.99), "ms").at_most(2.0));
    rows.push(Row::new("  median", median(times), "ms"));
    store.close()?;
    Ok(rows)
}
