//! Measures the segment store and prints the numbers beside their targets.
//!
//! `cargo run --release -p synlog-log --example store_bench [-- folder]`, or with
//! a folder and one of: one, many, open, lone, hundred, large (10M entries).
//!
//! Entries are of 322 bytes (200 of them payload); a run adds 64 for its
//! signature, so a lone one is 386 bytes. Ids are made before the clock starts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use synlog_log::disk::{Disk, DiskFile, RealDisk};
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};
use synlog_log::store::{Decoder, Options, OwnedRecord, Record, RunFacts, Store};

const ENTRY_BYTES: usize = 322;
const SIGNATURE_BYTES: usize = 64;
const PREFIX_BYTES: usize = 18;

/// A run is feed numbers 8 + 8, first seq in the signature's bytes, entries.
struct BenchDecoder;

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn key(author: u64, topic: u64) -> FeedKey {
    let name = |n: u64| *blake3::hash(&n.to_le_bytes()).as_bytes();
    FeedKey {
        author: DeviceId(name(author)),
        topic: TopicId(name(topic)),
    }
}

impl Decoder for BenchDecoder {
    fn run_facts(&self, record: &[u8]) -> Result<RunFacts, String> {
        let entries = record.get(SIGNATURE_BYTES..).ok_or("short")?;
        let backlink: [u8; 32] = record[24..56].try_into().unwrap();
        Ok(RunFacts {
            feed: key(number(record, 0), number(record, 8)),
            first_seq: number(record, 16),
            backlink: (backlink != [0; 32]).then_some(EntryId(backlink)),
            ids: entries
                .chunks(ENTRY_BYTES)
                .map(|entry| EntryId(*blake3::hash(entry).as_bytes()))
                .collect(),
            last_hlc: 1,
        })
    }

    fn record_id(&self, _kind: u8, record: &[u8]) -> Result<[u8; 32], String> {
        Ok(*blake3::hash(record).as_bytes())
    }
}

fn run(author: u64, topic: u64, seq: u64, backlink: EntryId, entries: u64) -> OwnedRecord {
    let mut bytes = Vec::with_capacity(SIGNATURE_BYTES + entries as usize * ENTRY_BYTES);
    for n in [author, topic, seq] {
        bytes.extend_from_slice(&n.to_le_bytes());
    }
    bytes.extend_from_slice(&backlink.0);
    bytes.resize(SIGNATURE_BYTES, 0);
    for n in 0..entries {
        let start = bytes.len();
        bytes.extend_from_slice(&author.to_le_bytes());
        bytes.extend_from_slice(&(seq + n).to_le_bytes());
        bytes.extend_from_slice(&[1, 2]);
        debug_assert_eq!(bytes.len() - start, PREFIX_BYTES);
        bytes.resize(start + ENTRY_BYTES, 0x5a);
    }
    let facts = BenchDecoder.run_facts(&bytes).unwrap();
    OwnedRecord::run(bytes, facts)
}

fn status_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ran = stat.split_whitespace().next().and_then(|n| n.parse().ok());
    Duration::from_nanos(ran.unwrap_or(0))
}

fn options() -> Options {
    Options::new([0x42; 16])
}

fn open(disk: &RealDisk) -> Store<RealDisk> {
    Store::open(disk.clone(), Arc::new(BenchDecoder), options())
        .unwrap()
        .0
}

/// Ingests `feeds` × `entries` in runs of `run_entries`; asks for each id first.
fn ingest(disk: &RealDisk, feeds: u64, entries: u64, run_entries: u64, runs_per_commit: usize) {
    let mut store = open(disk);
    let total = feeds * entries;
    let (mut done, mut busy, mut busy_cpu) = (0, Duration::ZERO, Duration::ZERO);
    let mut tenths = [Duration::ZERO; 10];
    let mut cpu_tenths = [Duration::ZERO; 10];
    let mut waiting: Vec<OwnedRecord> = Vec::new();
    let mut heads = vec![EntryId::ZERO; feeds as usize];
    let mut made = 0;
    for first in (0..entries).step_by(run_entries as usize) {
        for feed in 0..feeds {
            let count = run_entries.min(entries - first);
            let record = run(feed, feed % 100, first, heads[feed as usize], count);
            made += count;
            if entries > run_entries {
                heads[feed as usize] = *BenchDecoder
                    .run_facts(&record.bytes)
                    .unwrap()
                    .ids
                    .last()
                    .unwrap();
            }
            waiting.push(record);
            if waiting.len() < runs_per_commit && made < total {
                continue;
            }
            let records: Vec<Record<'_>> = waiting.iter().map(OwnedRecord::as_record).collect();
            let (started, started_cpu) = (Instant::now(), cpu());
            for record in &records {
                if let synlog_log::store::Facts::Run(facts) = record.facts {
                    assert!(facts.ids.iter().all(|id| !store.contains(id).unwrap()));
                }
            }
            store.commit(&records).unwrap();
            let took = started.elapsed();
            let took_cpu = cpu().saturating_sub(started_cpu);
            let tenth = (done * 10 / total) as usize;
            busy_cpu += took_cpu;
            busy += took;
            tenths[tenth] += took;
            cpu_tenths[tenth] += took_cpu;
            done = made;
            drop(records);
            waiting.clear();
        }
    }
    let rate = |count: u64, time: Duration| count as f64 / time.as_secs_f64();
    println!(
        "{feeds} feeds × {entries} in runs of {run_entries}: {:.0} entries/s wall (target 100000), {:.0} per CPU second",
        rate(total, busy),
        rate(total, busy_cpu)
    );
    println!(
        "  rate of the last tenth / first tenth: {:.2} wall, {:.2} CPU; / second tenth: {:.2}, {:.2} (target 0.8)",
        tenths[0].as_secs_f64() / tenths[9].as_secs_f64(),
        cpu_tenths[0].as_secs_f64() / cpu_tenths[9].as_secs_f64(),
        // The first tenth fits in one segment, and so never closes any.
        tenths[1].as_secs_f64() / tenths[9].as_secs_f64(),
        cpu_tenths[1].as_secs_f64() / cpu_tenths[9].as_secs_f64(),
    );
    println!("  peak RSS {} MB (target 200)", status_kb("VmHWM") / 1024);
    let started = Instant::now();
    store.close().unwrap();
    println!("  close {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
}

fn size(disk: &RealDisk, folder: &str) -> u64 {
    let names = disk.list(folder).unwrap();
    names
        .iter()
        .map(|n| disk.open(&format!("{folder}/{n}")).unwrap().size().unwrap())
        .sum()
}

fn reopened(disk: &RealDisk, entries: u64) {
    let started = Instant::now();
    let store = open(disk);
    println!(
        "  open after clean close {:.0} ms (target 200); RSS {} MB (target 150)",
        started.elapsed().as_secs_f64() * 1e3,
        status_kb("VmRSS") / 1024
    );
    let (segments, index) = (size(disk, "segments"), size(disk, "index"));
    println!(
        "  {:.1} B per entry in segments, {:.1} B in index (targets: 460 together, index 60)",
        segments as f64 / entries as f64,
        index as f64 / entries as f64
    );
    let started = Instant::now();
    let sum: usize = store.scan(0).map(|r| r.unwrap().bytes.len()).sum();
    println!(
        "  scan of all: {:.0} MB/s",
        sum as f64 / started.elapsed().as_secs_f64() / 1e6
    );
    let ids: Vec<EntryId> = (0..1000)
        .map(|n| {
            let position = n * (store.end() / 1000);
            let record = store.read(position).unwrap().unwrap();
            let facts = BenchDecoder.run_facts(&record.bytes).unwrap();
            facts.ids[record.index_in_run as usize]
        })
        .collect();
    let started = Instant::now();
    assert!(ids.iter().all(|id| store.contains(id).unwrap()));
    println!(
        "  look-up of a known id {:.1} µs",
        started.elapsed().as_secs_f64() * 1e3
    );
    let started = Instant::now();
    for n in 0..1000 {
        assert!(store.read(n * (store.end() / 1000)).unwrap().is_some());
    }
    println!(
        "  read of one position {:.1} µs",
        started.elapsed().as_secs_f64() * 1e3
    );
    let started = Instant::now();
    for feed in store.feeds().take(1000) {
        assert_eq!(store.at_seq(&feed.key, feed.height / 2).unwrap().len(), 1);
    }
    println!(
        "  look-up by sequence number {:.1} µs",
        started.elapsed().as_secs_f64() * 1e6 / store.feed_count().min(1000) as f64
    );
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Durable appends beside bare writes to a preallocated file, in turns.
fn durable(disk: &RealDisk, records_per_commit: u64, rounds: u64) {
    let mut store = open(disk);
    let bare = disk.create("bare").unwrap();
    bare.allocate(0, 32 << 20).unwrap();
    bare.sync_all().unwrap();
    let (mut bare_times, mut store_times) = (Vec::new(), Vec::new());
    let (mut offset, mut head) = (0, EntryId::ZERO);
    for round in 0..rounds {
        let mut records = Vec::new();
        for n in 0..records_per_commit {
            let record = run(7, 7, round * records_per_commit + n, head, 1);
            head = BenchDecoder.run_facts(&record.bytes).unwrap().ids[0];
            records.push(record);
        }
        let bytes: Vec<u8> = records.iter().flat_map(|r| r.bytes.clone()).collect();
        let records: Vec<Record<'_>> = records.iter().map(OwnedRecord::as_record).collect();
        let started = Instant::now();
        bare.write_at(offset, &bytes).unwrap();
        DiskFile::sync_data(&bare).unwrap();
        bare_times.push(started.elapsed());
        offset += bytes.len() as u64;
        let started = Instant::now();
        store.commit(&records).unwrap();
        store_times.push(started.elapsed());
    }
    let (bare, stored) = (median(bare_times), median(store_times));
    println!(
        "{records_per_commit} entries per sync: {stored:.0} µs, bare write and sync {bare:.0} µs: {:.2} (target 0.9); {:.0} entries/s",
        bare / stored,
        records_per_commit as f64 / stored * 1e6
    );
    if records_per_commit == 1 {
        store.close().unwrap();
        println!(
            "  lone runs: {:.1} B per entry in segments, {:.1} B in index",
            size(disk, "segments") as f64 / rounds as f64,
            size(disk, "index") as f64 / rounds as f64
        );
    }
    disk.remove("bare").unwrap();
}

/// Each measurement has the process for itself, so that peaks don't mix.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [folder, what] = &arguments[..] {
        let disk = RealDisk::new(folder).unwrap();
        match what.as_str() {
            "one" => ingest(&disk, 1, 1_000_000, 256, 4),
            "many" => ingest(&disk, 100_000, 10, 10, 100),
            "large" => ingest(&disk, 1, 10_000_000, 256, 4),
            "open" => reopened(&disk, 1_000_000),
            "lone" => durable(&disk, 1, 2_000),
            "hundred" => durable(&disk, 100, 300),
            other => panic!("unknown measurement {other}"),
        }
        return;
    }
    let folder = arguments
        .first()
        .map_or("target/store_bench", String::as_str);
    for (name, steps) in [
        ("one", &["one", "open"][..]),
        ("many", &["many", "open"]),
        ("lone", &["lone"]),
        ("hundred", &["hundred"]),
    ] {
        let folder = format!("{folder}/{name}");
        let _ = std::fs::remove_dir_all(&folder);
        for step in steps {
            let program = std::env::current_exe().unwrap();
            let status = std::process::Command::new(program)
                .args([&folder, *step])
                .status()
                .unwrap();
            assert!(status.success());
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
