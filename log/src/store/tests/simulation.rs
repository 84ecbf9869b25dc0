//! Random lives of a store on a disk that fails, against a model.
//!
//! `SYNLOG_SEEDS=n` runs so many seeds, `SYNLOG_SEED=x` that one with a trace,
//! both together so many from that one on.

use super::life::Life;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const DEFAULT_SEEDS: u64 = 2_500;
/// After so many failing seeds the rest would tell nothing new.
const MOST_FAILURES: usize = 8;

/// First seed, number of seeds, whether to trace.
fn seeds() -> (u64, u64, bool) {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    match (number("SYNLOG_SEED"), number("SYNLOG_SEEDS")) {
        (Some(seed), None) => (seed, 1, true),
        (first, count) => (first.unwrap_or(0), count.unwrap_or(DEFAULT_SEEDS), false),
    }
}

#[test]
fn random_lives_lose_nothing_silently() {
    let (first, count, trace) = seeds();
    let next = AtomicU64::new(first);
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().len() >= MOST_FAILURES {
                        break;
                    }
                    let lived = std::panic::catch_unwind(|| Life::new(seed, trace).live());
                    if lived.is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "run again with SYNLOG_SEED= one of {failed:?}"
    );
}
