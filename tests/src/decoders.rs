//! Every decoder takes any bytes: no panic, no allocation beyond a multiple of
//! its input. Bytes by chance rarely get past the first field, so good inputs
//! (the vectors) are also cut, changed and spliced.

use std::sync::atomic::{AtomicUsize, Ordering};

use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use serde_json::Value as Json;
use synlog_log::ids::unhex;

use crate::targets::Decoder;
use crate::{net_targets, targets};

/// All decoders.
fn decoders() -> impl Iterator<Item = &'static Decoder> {
    targets::DECODERS.iter().chain(net_targets::DECODERS)
}

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// All `bytes` of the vectors: good inputs and known bad ones, none longer than 64 KiB.
fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors");
    let mut corpus = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for case in json["cases"].as_array().unwrap() {
            let bytes = case["bytes"].as_str().or(case["payload"].as_str());
            let bytes = bytes.or(case["proof"].as_str());
            corpus.extend(bytes.and_then(unhex).filter(|bytes| bytes.len() <= 65_536));
        }
    }
    assert!(corpus.len() > 100);
    corpus
}

/// A change to some bytes.
#[derive(Debug, Clone)]
enum Change {
    Cut(prop::sample::Index),
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Splice(
        prop::sample::Index,
        prop::sample::Index,
        prop::sample::Index,
    ),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    let change = prop_oneof![
        1 => index().prop_map(Change::Cut),
        6 => (index(), prop_oneof![any::<u8>(), Just(0x80), Just(0xff), Just(0)]).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (index(), proptest::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (index(), 1usize..40).prop_map(|(at, len)| Change::Remove(at, len)),
        1 => (index(), index(), index()).prop_map(|(other, from, at)| Change::Splice(other, from, at)),
    ];
    proptest::collection::vec(change, 1..6)
}

fn apply(corpus: &[Vec<u8>], mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let len = bytes.len();
        match change {
            Change::Cut(at) => bytes.truncate(at.index(len + 1)),
            Change::Set(at, byte) if len > 0 => bytes[at.index(len)] = *byte,
            Change::Insert(at, more) => {
                let at = at.index(len + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Remove(at, count) if len > 0 => {
                let at = at.index(len);
                bytes.drain(at..len.min(at + count));
            }
            Change::Splice(other, from, at) => {
                let other = other.get(corpus);
                let from = from.index(other.len() + 1);
                bytes.truncate(at.index(len + 1));
                bytes.extend_from_slice(&other[from..]);
            }
            Change::Set(..) | Change::Remove(..) => {}
        }
    }
    bytes
}

#[test]
fn any_bytes_are_taken() {
    proptest!(ProptestConfig::with_cases(2_000), |(bytes in proptest::collection::vec(any::<u8>(), 0..600))| {
        decoders().for_each(|(_, decode)| decode(&bytes));
    });
}

#[test]
fn changed_good_bytes_are_taken() {
    let corpus = corpus();
    let which = any::<prop::sample::Index>();
    proptest!(ProptestConfig::with_cases(3_000), |(which in which, changes in changes())| {
        let bytes = apply(&corpus, which.get(&corpus).clone(), &changes);
        decoders().for_each(|(_, decode)| decode(&bytes));
    });
}

/// What a decoder may allocate beside a multiple of its input: tables of fixed
/// size (a run of 256 entries, curve points, an empty order).
const FIXED_BYTES: usize = 256 * 1024;

/// Runs in a process of its own, where nobody else allocates.
#[test]
fn allocation_child() {
    if std::env::var_os("SYNLOG_ALLOCATION_CHILD").is_none() {
        return;
    }
    // lazy tables are made before anything is measured
    let corpus = corpus();
    corpus
        .iter()
        .take(40)
        .for_each(|bytes| decoders().for_each(|(_, decode)| decode(bytes)));
    static LARGEST: AtomicUsize = AtomicUsize::new(0);
    let claims: [&[u8]; 4] = [
        &[0xff; 40],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x9b; 9],
        &[0xbb, 0xff, 0xff, 0xff, 0xff],
    ];
    let mut inputs: Vec<Vec<u8>> = claims.iter().map(|claim| claim.to_vec()).collect();
    inputs.extend(corpus.iter().cloned());
    for bytes in &corpus {
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 12) {
            let mut changed = bytes[..at].to_vec();
            changed.extend_from_slice(&[0xff, 0xff, 0x7f]);
            inputs.push(changed);
        }
    }
    for bytes in &inputs {
        for (name, decode) in decoders() {
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            decode(bytes);
            let peak = ALLOCATOR.peak_usage().saturating_sub(before);
            // a bundle is verified whole: its records, entries and orders are all held at once
            let factor = if *name == "bundle" { 40 } else { 4 };
            let limit = factor * bytes.len() + FIXED_BYTES;
            assert!(
                peak <= limit,
                "{name}: {peak} bytes allocated for {} of input",
                bytes.len()
            );
            LARGEST.fetch_max(peak, Ordering::Relaxed);
        }
    }
    println!(
        "largest allocation: {} bytes",
        LARGEST.load(Ordering::Relaxed)
    );
}

#[test]
fn allocations_are_bounded_by_the_input() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "decoders::allocation_child",
            "--test-threads=1",
            "--nocapture",
        ])
        .env("SYNLOG_ALLOCATION_CHILD", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && text.contains("largest allocation"),
        "{text}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}
