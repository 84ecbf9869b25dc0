//! Finding what two nodes lack of each other's feeds: synlog's sessions beside the
//! `negentropy` crate and beside the full vector, in bytes and round trips. What is
//! compared and why it is fair stands in `README.md`.
//!
//! `cargo run --release --bin comparisons`

use std::collections::BTreeSet;
use std::error::Error;

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use synlog_replication::frontier::row_digest;
use synlog_replication::row::Row;
use synlog_replication::world::pair::Pair;
use synlog_replication::world::sheet::Sheet;

/// Feeds that change on each side.
const CHANGED: u64 = 50;
/// Bytes by which the full vector names a feed and a head, and about those of a height.
const VECTOR_ROW_BYTES: usize = 8 + 2 + 8;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Bytes and round trips.
struct Cost {
    bytes: u64,
    trips: f64,
}

fn storage(rows: &[Row]) -> Fallible<NegentropyStorageVector> {
    let mut storage = NegentropyStorageVector::with_capacity(rows.len());
    for row in rows {
        storage.insert(0, Id::from_byte_array(row_digest(row)))?;
    }
    storage.seal()?;
    Ok(storage)
}

/// Until the caller knows which rows differ. What each row is about, and the entries, would
/// come on top.
fn negentropy(sides: [&[Row]; 2]) -> Fallible<Cost> {
    let mut caller = Negentropy::owned(storage(sides[0])?, 0)?;
    let mut called = Negentropy::owned(storage(sides[1])?, 0)?;
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut message = caller.initiate()?;
    let (mut bytes, mut flights) = (0, 0);
    loop {
        bytes += message.len() as u64;
        let answer = called.reconcile(&message)?;
        bytes += answer.len() as u64;
        flights += 2;
        match caller.reconcile_with_ids(&answer, &mut have, &mut need)? {
            Some(next) => message = next,
            None => break,
        }
    }
    let ours: BTreeSet<_> = sides[0].iter().collect();
    let theirs: BTreeSet<_> = sides[1].iter().collect();
    let right = have.len() == ours.difference(&theirs).count()
        && need.len() == theirs.difference(&ours).count();
    if !right {
        return Err("negentropy found other differences than there are".into());
    }
    Ok(Cost {
        bytes,
        trips: f64::from(flights) / 2.0,
    })
}

fn compare(feeds: u64, topics: u64) -> Fallible<()> {
    let mut pair: Pair<Sheet> = Pair::alike(feeds, topics);
    pair.change(feeds, topics, CHANGED);
    let rows = [0, 1].map(|side| pair.sides[side].rows());
    let theirs = negentropy([&rows[0], &rows[1]])?;
    let vector = rows.iter().map(|rows| rows.len() * VECTOR_ROW_BYTES);
    let vector = Cost {
        bytes: vector.sum::<usize>() as u64,
        trips: 0.5,
    };
    let failed = |_| "the sessions broke off";
    pair.connect().map_err(failed)?;
    let same = pair.settle(1_000).map_err(failed)?;
    let same = same.filter(|_| pair.is_synced()).ok_or("not the same")?;
    let ours = Cost {
        bytes: pair.overhead_bytes() - pair.matching_bytes(),
        // greeting, naming topics and the answer aside
        trips: f64::from(same - 3) / 2.0,
    };
    println!("{feeds} feeds in {topics} topics, {CHANGED} changed on each side:\n");
    println!("| | bytes beside entries | of synlog's | round trips | what they end with |");
    println!("|---|---|---|---|---|");
    for (name, cost, end) in [
        ("synlog", &ours, "both hold all entries and have said so"),
        ("negentropy", &theirs, "the caller knows which rows differ"),
        ("full vector", &vector, "both know which rows differ"),
    ] {
        let ratio = cost.bytes as f64 / ours.bytes as f64;
        println!(
            "| {name} | {} | {ratio:.2} | {} | {end} |",
            cost.bytes, cost.trips
        );
    }
    println!();
    Ok(())
}

fn main() -> Fallible<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    compare(10_000, 1)?;
    compare(10_000, 5_000)?;
    if !quick {
        compare(1_000_000, 1_000)?;
    }
    Ok(())
}
