//! Verifying a bundle: every hash, every signature, every link, and the order.

use std::hint::black_box;

use synlog_log::bundle::{BundleWriter, RecordKind, verify};

use super::Stage;
use super::floor::Floor;
use super::inputs::{Feed, people};
use super::meter::{cpu_of, median};
use super::table::Row;
use crate::failure::Failure;

/// Devices that write in turns, the first of which sequences.
const FEEDS: u8 = 8;
const ENTRIES: usize = 100_000;
const ROUNDS: usize = 5;

/// An ordered topic: each device writes a run in turn, and the sequencer's cite
/// what the others wrote since.
fn bundle(run_entries: usize, entries: usize) -> Result<(Vec<u8>, Floor), Failure> {
    let people = people(FEEDS);
    let (mut sequencer, genesis) = Feed::founding(&people)?;
    let root = sequencer.head();
    let mut others: Vec<Feed> = people
        .iter()
        .enumerate()
        .skip(1)
        .map(|(number, person)| Feed::new(person, sequencer.topic(), number as u64))
        .collect();
    let (mut runs, mut written) = (vec![genesis], 1);
    let next = |written: &mut usize| {
        let count = run_entries.min(entries - *written);
        *written += count;
        count
    };
    while written < entries {
        for feed in &mut others {
            let count = next(&mut written);
            if count > 0 {
                let first = feed.head().is_none();
                let cited: Vec<_> = root.into_iter().filter(|_| first).collect();
                runs.push(feed.run(count, &cited)?);
            }
        }
        let count = next(&mut written);
        if count > 0 {
            let cited: Vec<_> = others.iter().filter_map(Feed::head).collect();
            runs.push(sequencer.run(count, &cited)?);
        }
    }
    let mut floor = Floor::default();
    let unwritable = |source| Failure::Bundle {
        path: "in memory".into(),
        source,
    };
    let mut writer = BundleWriter::new(Vec::new()).map_err(unwritable)?;
    for run in &runs {
        floor.add(run)?;
        writer.record(RecordKind::Run, run).map_err(unwritable)?;
    }
    Ok((writer.finish().map_err(unwritable)?, floor))
}

/// A hundred thousand entries in runs of 1, 16 and 256.
pub(super) fn run(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let entries = stage.scaled(ENTRIES);
    let mut rows = Vec::new();
    for run_entries in [1, 16, 256] {
        let (bytes, floor) = bundle(run_entries, entries)?;
        let (mut times, mut bare_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (ours, report) = cpu_of(|| verify(&bytes[..]));
            let report = report.map_err(|source| Failure::Bundle {
                path: "in memory".into(),
                source,
            })?;
            if !report.is_ok() || report.entries != entries {
                let what = format!(
                    "the bench's bundle: {} entries, {:?}",
                    report.entries,
                    report.problems.first()
                );
                return Err(Failure::System(what));
            }
            let (bare, _) = cpu_of(|| black_box(floor.work()));
            times.push(ours.as_secs_f64());
            bare_times.push(bare.as_secs_f64());
            ratios.push(bare.as_secs_f64() / ours.as_secs_f64());
        }
        let most = if stage.quick { 0.3 } else { 3.0 };
        let what = format!("verify a bundle of {entries}, runs of {run_entries}");
        rows.push(
            Row::new(what, median(times), "CPU seconds")
                .at_most(most)
                .beside(
                    "bare hashes and signatures",
                    median(bare_times),
                    median(ratios),
                ),
        );
    }
    Ok(rows)
}
