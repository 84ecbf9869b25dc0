//! Storing what others wrote: ready runs into the store with its index.

use std::sync::Arc;
use std::time::{Duration, Instant};

use synlog_log::disk::{Disk, DiskFile, RealDisk};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::run::RunView;
use synlog_log::scenario::Person;
use synlog_log::store::{Options, Record, RunFacts, Store};

use super::Stage;
use super::inputs::{Feed, people};
use super::meter::{cpu, peak_rss_mb};
use super::table::Row;
use crate::decoder::{EntryDecoder, facts_of};
use crate::failure::Failure;

/// Bytes of runs in one commit: as much as goes into one batch.
const COMMIT_BYTES: usize = 1_000_000;
/// By how much the file for bare writes is made longer at a time, as segments are.
const BARE_BYTES: u64 = 32 << 20;

/// Opens the store of the bench.
pub(super) fn open(disk: &RealDisk) -> Result<Store<RealDisk>, Failure> {
    let options = Options::new([7; 16]);
    let (store, _) = Store::open(disk.clone(), Arc::new(EntryDecoder), options)?;
    Ok(store)
}

/// A run with what the store must know of it.
pub(super) fn with_facts(bytes: Vec<u8>) -> Result<(Vec<u8>, RunFacts), Failure> {
    let facts = RunView::decode(&bytes).map(|run| facts_of(&run));
    Ok((
        bytes,
        facts.map_err(Failure::refused("a run of the bench"))?,
    ))
}

/// Stores runs, some in a commit.
pub(super) fn commit(store: &mut Store<RealDisk>, runs: Vec<Vec<u8>>) -> Result<(), Failure> {
    let mut runs = runs.into_iter().map(with_facts).peekable();
    while runs.peek().is_some() {
        let some: Vec<_> = runs.by_ref().take(64).collect::<Result<_, _>>()?;
        let records: Vec<Record<'_>> = some
            .iter()
            .map(|(bytes, facts)| Record::run(bytes, facts))
            .collect();
        store.commit(&records)?;
    }
    Ok(())
}

/// The bytes of some runs, one behind the other.
pub(super) fn joined(runs: &[(Vec<u8>, RunFacts)]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = runs.iter().map(|(bytes, _)| &bytes[..]).collect();
    pieces.concat()
}

/// A file that is written and synced without a store.
pub(super) struct Bare {
    file: <RealDisk as Disk>::File,
    at: u64,
    allocated: u64,
}

impl Bare {
    /// Creates it, with space reserved ahead.
    pub(super) fn create(disk: &RealDisk) -> Result<Self, Failure> {
        let mut bare = Self {
            file: disk.create("bare").map_err(Failure::file("bare"))?,
            at: 0,
            allocated: 0,
        };
        bare.reserve(1)?;
        Ok(bare)
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), Failure> {
        while self.at + bytes > self.allocated {
            let reserved = self.file.allocate(self.allocated, BARE_BYTES);
            let synced = reserved.and_then(|()| DiskFile::sync_all(&self.file));
            synced.map_err(Failure::file("bare"))?;
            self.allocated += BARE_BYTES;
        }
        Ok(())
    }

    /// Appends and syncs. Gives how long that took, without reserving space.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Duration, Failure> {
        self.reserve(bytes.len() as u64)?;
        let started = Instant::now();
        let written = DiskFile::write_at(&self.file, self.at, bytes);
        written
            .and_then(|()| DiskFile::sync_data(&self.file))
            .map_err(Failure::file("bare"))?;
        self.at += bytes.len() as u64;
        Ok(started.elapsed())
    }
}

/// What one commit took.
#[derive(Default, Clone, Copy)]
struct Commit {
    entries: u64,
    wall: Duration,
    cpu: Duration,
    /// The bare write and sync of the same bytes, right after.
    bare: Duration,
}

/// Entries per second of some commits, by one of their times.
fn rate(commits: &[Commit], time: impl Fn(&Commit) -> Duration) -> f64 {
    let entries: u64 = commits.iter().map(|commit| commit.entries).sum();
    let time: Duration = commits.iter().map(time).sum();
    entries as f64 / time.as_secs_f64()
}

/// A store that is being filled.
struct Ingest {
    store: Store<RealDisk>,
    bare: Bare,
    waiting: Vec<(Vec<u8>, RunFacts)>,
    waiting_bytes: usize,
    commits: Vec<Commit>,
}

impl Ingest {
    fn new(disk: &RealDisk, bare: &RealDisk) -> Result<Self, Failure> {
        Ok(Self {
            store: open(disk)?,
            bare: Bare::create(bare)?,
            waiting: Vec::new(),
            waiting_bytes: 0,
            commits: Vec::new(),
        })
    }

    fn add(&mut self, run: Vec<u8>) -> Result<(), Failure> {
        if self.waiting_bytes + run.len() > COMMIT_BYTES {
            self.commit()?;
        }
        self.waiting_bytes += run.len();
        self.waiting.push(with_facts(run)?);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let records: Vec<Record<'_>> = self
            .waiting
            .iter()
            .map(|(bytes, facts)| Record::run(bytes, facts))
            .collect();
        let lengths = self.waiting.iter().map(|(_, facts)| facts.ids.len() as u64);
        let mut commit = Commit {
            entries: lengths.sum(),
            ..Commit::default()
        };
        let (started, cpu_before) = (Instant::now(), cpu());
        self.store.commit(&records)?;
        commit.wall = started.elapsed();
        commit.cpu = cpu().saturating_sub(cpu_before);
        commit.bare = self.bare.append(&joined(&self.waiting))?;
        self.commits.push(commit);
        self.waiting.clear();
        self.waiting_bytes = 0;
        Ok(())
    }

    fn rows(mut self, what: &str) -> Result<Vec<Row>, Failure> {
        self.commit()?;
        let peak_mb = peak_rss_mb();
        self.store.close()?;
        let (all, tenth) = (&self.commits[..], self.commits.len().div_ceil(10));
        let (first, last) = (&all[..tenth], &all[all.len() - tenth..]);
        let (wall, bare) = (rate(all, |it| it.wall), rate(all, |it| it.bare));
        // a disk may slow down under a long write; what of that is the store's shows in the CPU
        let tenths = |what: &str, unit: &str, time: fn(&Commit) -> Duration| {
            let (first, last) = (rate(first, time), rate(last, time));
            Row::new(what, last, unit).beside("its first tenth", first, last / first)
        };
        Ok(vec![
            Row::new(format!("ingest, {what}"), wall, "entries per second")
                .at_least(100_000.0)
                .beside("bare write and sync", bare, wall / bare),
            Row::new(
                "  its CPU alone",
                rate(all, |it| it.cpu),
                "entries per CPU second",
            ),
            tenths("  its last tenth", "entries per second", |it| it.wall).ratio_at_least(0.8),
            tenths("  last tenth, CPU alone", "entries per CPU second", |it| {
                it.cpu
            }),
            tenths("  last tenth, bare", "entries per second", |it| it.bare),
            Row::new("  peak memory", peak_mb, "MB").at_most(200.0),
        ])
    }
}

/// One feed in runs of 256.
pub(super) fn one_feed(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let entries = stage.scaled(1_000_000);
    let mut ingest = Ingest::new(&stage.disk("one-feed")?, &stage.disk("bare-one-feed")?)?;
    let (mut feed, genesis) = Feed::founding(&people(1))?;
    ingest.add(genesis)?;
    for first in (1..entries).step_by(256) {
        ingest.add(feed.run(256.min(entries - first), &[])?)?;
    }
    ingest.rows(&format!("one feed of {entries} in runs of 256"))
}

/// Many feeds of few entries: people with one device each, in a thousand topics.
pub(super) fn many_feeds(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let feeds = stage.scaled(100_000) as u64;
    let mut ingest = Ingest::new(&stage.disk("many-feeds")?, &stage.disk("bare-many-feeds")?)?;
    let people: Vec<Person> = people(100);
    for number in 0..feeds {
        let person = &people[(number % 100) as usize];
        // the store doesn't ask what a topic is
        let topic = TopicId(*blake3::hash(&(number / 100).to_le_bytes()).as_bytes());
        let mut feed = Feed::new(person, topic, number);
        ingest.add(feed.run(10, &[(EntryId(topic.0), 0)])?)?;
    }
    ingest.rows(&format!("{feeds} feeds of 10 in runs of 10"))
}
