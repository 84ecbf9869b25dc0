//! Opening a store that was closed, and what it takes on the disk.

use std::time::Instant;

use synlog_log::disk::{Disk, DiskFile, RealDisk};

use super::Stage;
use super::ingest::open;
use super::meter::{cpu_of, median, rss_mb};
use super::table::Row;
use crate::failure::Failure;

const ROUNDS: usize = 5;

/// Bytes of the files in a folder of a store.
pub(super) fn folder_bytes(disk: &RealDisk, folder: &str) -> Result<u64, Failure> {
    let size = |name: &String| disk.open(&format!("{folder}/{name}"))?.size();
    let names = disk.list(folder).map_err(Failure::file(folder))?;
    let sizes = names.iter().map(size).sum::<std::io::Result<u64>>();
    sizes.map_err(Failure::file(folder))
}

/// What a closed store of so many entries takes on the disk.
pub(super) fn size_rows(disk: &RealDisk, entries: u64, what: &str) -> Result<[Row; 2], Failure> {
    let each = |bytes: u64| bytes as f64 / entries as f64;
    let segments = each(folder_bytes(disk, "segments")?);
    let index = each(folder_bytes(disk, "index")?);
    Ok([
        Row::new(format!("disk, {what}: segments"), segments, "B per entry"),
        Row::new(
            format!("disk, {what}: with index"),
            segments + index,
            "B per entry",
        ),
    ])
}

fn measure(stage: &Stage, name: &str, what: &str) -> Result<Vec<Row>, Failure> {
    let disk = stage.disk(name)?;
    let (mut times, mut cpu_times) = (Vec::new(), Vec::new());
    let mut timed = || {
        let started = Instant::now();
        let (cpu, store) = cpu_of(|| open(&disk));
        times.push(started.elapsed().as_secs_f64() * 1e3);
        cpu_times.push(cpu.as_secs_f64() * 1e3);
        store
    };
    let mut store = timed()?;
    let (rss, entries) = (rss_mb(), store.end());
    if entries == 0 {
        return Err(Failure::Usage(
            "nothing was ingested to be opened: measure that first".into(),
        ));
    }
    for _ in 1..ROUNDS {
        store.close()?;
        store = timed()?;
    }
    store.close()?;
    let [segments, all] = size_rows(&disk, entries, what)?;
    Ok(vec![
        Row::new(
            format!("open {entries} entries, {what}"),
            median(times),
            "ms",
        )
        .at_most(200.0),
        // the rest of the time it waits for syncs
        Row::new("  its CPU alone", median(cpu_times), "CPU ms"),
        Row::new("  memory when idle", rss, "MB").at_most(150.0),
        segments.at_most(400.0),
        all.at_most(460.0),
    ])
}

/// The store with one feed.
pub(super) fn one_feed(stage: &Stage) -> Result<Vec<Row>, Failure> {
    measure(stage, "one-feed", "one feed")
}

/// The store with many feeds.
pub(super) fn many_feeds(stage: &Stage) -> Result<Vec<Row>, Failure> {
    measure(stage, "many-feeds", "many feeds")
}
