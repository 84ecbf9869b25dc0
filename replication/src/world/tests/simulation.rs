//! Random stories, each from a seed.
//!
//! `SYNLOG_SEEDS=n` lives so many, `SYNLOG_SEED=x` that one with all that happens told,
//! both together so many from that one on. `SYNLOG_TWICE=1` lives each twice and
//! compares the traces.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::world::Story;

const DEFAULT_SEEDS: u64 = 40;
/// After so many failing seeds the rest would tell nothing new.
const MOST_FAILURES: usize = 8;

/// First seed, number of seeds, whether to tell.
fn seeds() -> (u64, u64, bool) {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    match (number("SYNLOG_SEED"), number("SYNLOG_SEEDS")) {
        (Some(seed), None) => (seed, 1, true),
        (first, count) => (first.unwrap_or(0), count.unwrap_or(DEFAULT_SEEDS), false),
    }
}

fn live(seed: u64, tells: bool) -> Result<[u8; 32], String> {
    let mut story = Story::new(seed);
    story.world.tells = tells;
    story.live()
}

#[test]
fn random_stories_end_in_agreement() {
    let (first, count, tells) = seeds();
    let twice = std::env::var("SYNLOG_TWICE").is_ok();
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().len() >= MOST_FAILURES {
                        break;
                    }
                    let lived = std::panic::catch_unwind(|| {
                        let trace = live(seed, tells)?;
                        if twice && live(seed, false)? != trace {
                            return Err("another run went another way".to_owned());
                        }
                        Ok(())
                    });
                    let lived = lived.unwrap_or_else(|_| Err("panic".to_owned()));
                    if let Err(why) = lived {
                        failed.lock().unwrap().push((seed, why));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    for (seed, why) in &failed {
        println!("SYNLOG_SEED={seed}: {why}");
    }
    assert!(failed.is_empty(), "{} stories ended badly", failed.len());
}
