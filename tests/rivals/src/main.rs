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

/// All in turns: each round the same entries to each of them, beginning with another one.
fn compare(dir: &Path, together: usize, rounds: usize) -> Fallible<()> {
    let mut contestants = contestants(dir)?;
    let count = contestants.len();
    let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(rounds); count];
    let mut writer = Writer::new();
    for round in 0..rounds {
        let entries = writer.entries(together)?;
        for turn in 0..count {
            let index = (round + turn) % count;
            let started = Instant::now();
            contestants[index].append(&entries)?;
            times[index].push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    let ours = times[0].clone();
    println!("{together} entries per commit, {rounds} commits, medians:\n");
    println!("| | µs per commit | entries/s | synlog is so many times as fast |");
    println!("|---|---|---|---|");
    let mut best_rival = f64::INFINITY;
    for (contestant, times) in contestants.iter().zip(&times) {
        let time = median(times.clone());
        let ratios = times.iter().zip(&ours).map(|(theirs, ours)| theirs / ours);
        let ratio = median(ratios.collect());
        if contestant.is_rival() {
            best_rival = best_rival.min(ratio);
        }
        println!(
            "| {} | {time:.0} | {:.0} | {ratio:.2} |",
            contestant.name(),
            together as f64 / time * 1e6
        );
    }
    let verdict = if best_rival >= 1.0 { "met" } else { "not met" };
    println!("\nAt least as fast as the best rival: {best_rival:.2}, {verdict}\n");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
