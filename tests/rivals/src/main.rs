//! Durable appends of ready-signed entries: synlog's store beside embedded
//! stores and logs. What is compared and why it is fair stands in `README.md`.
//!
//! `cargo run --release -- [--quick] [DIR]`

mod contestants;
mod entries;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use contestants::{Bare, Contestant, Fjall, OkayWal, Redb, Synlog};
use entries::Writer;
use rustix::time::{ClockId, clock_gettime};

/// What can go wrong is different for each of them.
type Fallible<T> = Result<T, Box<dyn Error>>;

/// Entries in a commit, and commits.
const CASES: [(usize, usize); 2] = [(100, 400), (1, 2_000)];

fn main() -> Fallible<()> {
    let mut quick = false;
    let mut dir = PathBuf::from(format!("rivals-{}", std::process::id()));
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => quick = true,
            other => dir = other.into(),
        }
    }
    for (together, rounds) in CASES {
        let rounds = if quick { rounds / 10 } else { rounds };
        let within = dir.join(format!("{together}"));
        std::fs::create_dir_all(&within)?;
        let result = compare(&within, together, rounds);
        std::fs::remove_dir_all(&within)?;
        result?;
    }
    std::fs::remove_dir(&dir)?;
    Ok(())
}

fn contestants(dir: &Path) -> Fallible<Vec<Box<dyn Contestant>>> {
    Ok(vec![
        Box::new(Synlog::open(&dir.join("synlog"))?),
        Box::new(Fjall::open(&dir.join("fjall-data"), false)?),
        Box::new(Fjall::open(&dir.join("fjall-all"), true)?),
        Box::new(Redb::open(&dir.join("redb"))?),
        Box::new(OkayWal::open(&dir.join("okaywal"))?),
        Box::new(Bare::open(&dir.join("bare"), false)?),
        Box::new(Bare::open(&dir.join("bare-zeroed"), true)?),
    ])
}

/// All in turns: each round the same entries to each of them, in an order of its
/// own, so that nobody always comes after the same one.
fn compare(dir: &Path, together: usize, rounds: usize) -> Fallible<()> {
    let mut contestants = contestants(dir)?;
    let count = contestants.len();
    let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(rounds); count];
    let mut cpu_times = times.clone();
    let mut writer = Writer::new();
    let mut order: Vec<usize> = (0..count).collect();
    for _ in 0..rounds {
        let entries = writer.entries(together)?;
        for last in (1..count).rev() {
            order.swap(last, usize::from(writer.next_byte()) % (last + 1));
        }
        for index in &order {
            let (started, cpu_before) = (Instant::now(), cpu_us());
            contestants[*index].append(&entries)?;
            times[*index].push(started.elapsed().as_secs_f64() * 1e6);
            cpu_times[*index].push(cpu_us() - cpu_before);
        }
    }
    println!("{together} entries per commit, {rounds} commits, medians:\n");
    println!(
        "| | µs per commit | of synlog's | fastest tenth, µs | CPU µs per commit | entries/s |"
    );
    println!("|---|---|---|---|---|---|");
    let mut best_rival = f64::INFINITY;
    for ((contestant, theirs), cpu) in contestants.iter().zip(&times).zip(&cpu_times) {
        let time = quantile(theirs.clone(), 0.5);
        let ratios = theirs
            .iter()
            .zip(&times[0])
            .map(|(theirs, ours)| theirs / ours);
        let ratio = quantile(ratios.collect(), 0.5);
        if contestant.is_rival() {
            best_rival = best_rival.min(ratio);
        }
        println!(
            "| {} | {time:.0} | {ratio:.2} | {:.0} | {:.0} | {:.0} |",
            contestant.name(),
            quantile(theirs.clone(), 0.1),
            quantile(cpu.clone(), 0.5),
            together as f64 / time * 1e6
        );
    }
    let verdict = if best_rival >= 1.0 { "met" } else { "not met" };
    println!(
        "\nThe fastest rival takes {best_rival:.2} of synlog's time (target ≥ 1): {verdict}\n"
    );
    Ok(())
}

/// CPU time of all threads, in microseconds: some work in the background.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// The value below which so much of all lies.
fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * part) as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
