//! What comes late, and what is folded from a bundle.

use synlog_log::bundle::{BundleWriter, RecordKind, verify};
use synlog_log::fold::Reducer;
use synlog_log::run::RunView;
use synlog_log::scenario::START_MS;
use synlog_log::topic::Mode;

use super::Stage;
use super::meter::process_cpu_of;
use super::table::Row;
use super::tallies::{Topic, add, reducer, update, views};
use crate::audit::{Material, tell, to_text};
use crate::events::MemorySource;
use crate::failure::Failure;
use crate::replay::all_rows;

const EVENTS: usize = 100_000;
/// Events of a group of the stream behind them.
const GROUP: usize = 100;
const GROUPS: usize = 50;

fn put(source: &mut MemorySource, topic: &Topic, runs: &[Vec<u8>]) -> Result<(), Failure> {
    for run in runs {
        let run = RunView::decode(run).map_err(Failure::refused("a run of the bench"))?;
        source.add(&run, &topic.order);
    }
    Ok(())
}

/// Late entries at several distances from the end of one aggregate, and one before a
/// sequenced prefix.
pub(super) fn run(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let events = stage.scaled(EVENTS);
    let mut rows = Vec::new();
    let mut reducer = reducer()?;
    for mode in [Mode::Causal, Mode::Ordered] {
        let (mut topic, first) = Topic::new(mode)?;
        let root = topic.feed.head();
        let mut source = MemorySource::default();
        put(&mut source, &topic, &[first])?;
        let runs = topic.open(1)?;
        put(&mut source, &topic, &runs)?;
        let tally = topic.feed.head();
        let cited: Vec<_> = root.into_iter().chain(tally).collect();
        // a millisecond for each thousand, so that late entries find their place among them
        let mut written = 0;
        while written < events {
            let count = 256.min(events - written);
            let payloads: Result<Vec<_>, _> = (0..count)
                .map(|n| add(&topic.tallies[0], written + n))
                .collect();
            let at_ms = START_MS + 10 + written as u64;
            let (run, _) = topic.feed.write(at_ms, &[], &payloads?)?;
            topic.take(&run, 0)?;
            put(&mut source, &topic, &[run])?;
            written += count;
        }
        topic.order.settle();
        let mut views = views(stage, "late-views")?;
        update(&mut views, &topic, &mut source, &mut reducer)?;
        let mut late = topic.second();
        let (mut most, mut cpu_ms) = (0.0f64, 0.0);
        for (turn, distance) in [events / 2, events / 10, events / 100, 300]
            .into_iter()
            .enumerate()
        {
            // runs of the first feed have one time each
            let at_ms = START_MS + 10 + ((events - distance) / 256 * 256) as u64 - 1;
            let payload = add(&topic.tallies[0], distance)?;
            let cited: &[_] = if turn == 0 { &cited } else { &[] };
            let (run, _) = late.write(at_ms, cited, &[payload])?;
            topic.take(&run, 1)?;
            put(&mut source, &topic, &[run])?;
            if mode == Mode::Ordered {
                // the sequencer places it
                let head: Vec<_> = late.head().into_iter().collect();
                let next = add(&topic.tallies[0], turn)?;
                let (run, _) = topic.feed.write(START_MS + 1_000_000, &head, &[next])?;
                topic.take(&run, 0)?;
                put(&mut source, &topic, &[run])?;
            }
            topic.order.settle();
            let (cpu, done) =
                process_cpu_of(|| update(&mut views, &topic, &mut source, &mut reducer));
            let behind = (events - (events - distance) / 256 * 256) as f64;
            most = most.max(done?.refolded as f64 / behind);
            cpu_ms += cpu.as_secs_f64() * 1e3;
        }
        rows.push(match mode {
            Mode::Causal => Row::new(
                format!("late in a causal aggregate of {events}: folded again"),
                most,
                "of its distance",
            )
            .at_most(2.0),
            Mode::Ordered => Row::new(
                "late in a sequenced prefix: folded again",
                most,
                "of its distance",
            )
            .at_most(0.0),
        });
        rows.push(Row::new("  four such entries", cpu_ms, "CPU ms"));
        let mut spent = 0.0;
        for _ in 0..GROUPS {
            let payloads: Result<Vec<_>, _> =
                (0..GROUP).map(|n| add(&topic.tallies[0], n)).collect();
            let (run, _) = topic.feed.write(START_MS + 1_000_000, &[], &payloads?)?;
            topic.take(&run, 0)?;
            put(&mut source, &topic, &[run])?;
            let (cpu, done) = process_cpu_of(|| {
                topic.order.settle();
                update(&mut views, &topic, &mut source, &mut reducer)
            });
            done?;
            spent += cpu.as_secs_f64();
        }
        rows.push(Row::new(
            format!("  then a stream in groups of {GROUP}"),
            (GROUPS * GROUP) as f64 / spent,
            "events per CPU second",
        ));
    }
    Ok(rows)
}

/// All that an audit does with a bundle: verify, order, fold, tell.
pub(super) fn replay(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let events = stage.scaled(EVENTS);
    let (mut topic, first) = Topic::new(Mode::Ordered)?;
    let mut runs = vec![first];
    runs.extend(topic.open(events / 10)?);
    runs.extend(topic.add(events - events / 10 - 1)?);
    let unwritable = |source| Failure::Bundle {
        path: "in memory".into(),
        source,
    };
    let mut writer = BundleWriter::new(Vec::new()).map_err(unwritable)?;
    for run in &runs {
        writer.record(RecordKind::Run, run).map_err(unwritable)?;
    }
    let bytes = writer.finish().map_err(unwritable)?;
    let mut views = views(stage, "replay-views")?;
    let (cpu, done) = process_cpu_of(|| {
        let report = verify(&bytes[..]).map_err(unwritable)?;
        if !report.is_ok() || report.entries != events {
            return Err(Failure::System("the bench's bundle does not verify".into()));
        }
        let (mut order, _) = Topic::new(Mode::Ordered)?;
        for run in &runs[1..] {
            order.take(run, 0)?;
        }
        order.order.settle();
        let mut source = MemorySource::default();
        put(&mut source, &order, &runs)?;
        let mut reducer = reducer()?;
        update(&mut views, &order, &mut source, &mut reducer)?;
        let rows = all_rows(&views, &order.id(), reducer.manifest())?;
        let audit = tell(Material {
            order: &order.order,
            runs: &runs,
            manifest: Some(reducer.manifest()),
            reducer: None,
            rejections: &[],
            rows: &rows,
            roots: None,
            receipts: Vec::new(),
            problem: None,
            erasable: false,
        });
        Ok(to_text(&audit).lines().count())
    });
    let lines = done?;
    if lines < events {
        return Err(Failure::System(format!(
            "the audit of {events} events has {lines} lines"
        )));
    }
    let most = if stage.quick { 0.5 } else { 5.0 };
    Ok(vec![
        Row::new(
            format!("verify, fold and audit a bundle of {events}"),
            cpu.as_secs_f64(),
            "CPU seconds",
        )
        .at_most(most),
    ])
}
