//! Durable appends of entries that are ready and signed, beside bare writes.

use std::time::{Duration, Instant};

use synlog_log::store::{Record, RunFacts};

use super::Stage;
use super::ingest::{Bare, joined, open, with_facts};
use super::inputs::{Feed, people};
use super::meter::median;
use super::opening::size_rows;
use super::table::Row;
use crate::failure::Failure;

/// Each entry is a run of its own, as when it is written on its own.
fn entries(feed: &mut Feed, count: usize) -> Result<Vec<(Vec<u8>, RunFacts)>, Failure> {
    (0..count).map(|_| with_facts(feed.run(1, &[])?)).collect()
}

struct Appends {
    /// Median microseconds of a commit and of a bare write and sync.
    store: f64,
    bare: f64,
    /// Median of their ratios, round by round.
    ratio: f64,
    sizes: [Row; 2],
}

fn measure(stage: &Stage, together: usize, rounds: usize) -> Result<Appends, Failure> {
    let name = format!("append-{together}");
    let disk = stage.disk(&name)?;
    let mut store = open(&disk)?;
    let mut bare = Bare::create(&stage.disk(&format!("bare-{name}"))?)?;
    let (mut feed, genesis) = Feed::founding(&people(1))?;
    let (genesis, facts) = with_facts(genesis)?;
    store.commit(&[Record::run(&genesis, &facts)])?;
    let (mut store_us, mut bare_us, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let runs = entries(&mut feed, together)?;
        let bytes = joined(&runs);
        let records: Vec<Record<'_>> = runs
            .iter()
            .map(|(bytes, facts)| Record::run(bytes, facts))
            .collect();
        let mut commit = || -> Result<Duration, Failure> {
            let started = Instant::now();
            store.commit(&records)?;
            Ok(started.elapsed())
        };
        // whoever comes second might find the disk busy with the first
        let (ours, theirs) = if round % 2 == 0 {
            let ours = commit()?;
            (ours, bare.append(&bytes)?)
        } else {
            let theirs = bare.append(&bytes)?;
            (commit()?, theirs)
        };
        let (ours, theirs) = (ours.as_secs_f64() * 1e6, theirs.as_secs_f64() * 1e6);
        store_us.push(ours);
        bare_us.push(theirs);
        ratios.push(theirs / ours);
    }
    store.close()?;
    Ok(Appends {
        store: median(store_us),
        bare: median(bare_us),
        ratio: median(ratios),
        sizes: size_rows(&disk, (rounds * together) as u64, "lone entries")?,
    })
}

/// One entry a sync.
pub(super) fn one(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let appends = measure(stage, 1, stage.scaled(4_000))?;
    let [segments, all] = appends.sizes;
    Ok(vec![
        Row::new("durable append of one entry", appends.store, "µs")
            .beside("bare write and sync", appends.bare, appends.ratio)
            .ratio_at_least(0.9),
        segments,
        all,
    ])
}

/// A hundred entries a sync.
pub(super) fn hundred(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let appends = measure(stage, 100, stage.scaled(400))?;
    let rate = 100.0 / appends.store * 1e6;
    let bare = 100.0 / appends.bare * 1e6;
    Ok(vec![
        Row::new(
            "durable append, 100 entries a sync",
            rate,
            "entries per second",
        )
        .beside("bare write and sync", bare, appends.ratio),
    ])
}
