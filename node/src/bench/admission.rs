//! Decode, verify, admit: without an index, beside the bare hashes and signatures.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use synlog_log::admission::{Admission, Admit, Facts, Ledger};
use synlog_log::ids::{EntryId, FeedKey};
use synlog_log::keys::Batch;
use synlog_log::run::RunView;

use super::Stage;
use super::floor::Floor;
use super::inputs::{Feed, people};
use super::meter::{cpu_of, median};
use super::table::Row;
use crate::failure::Failure;

/// Feeds that are written in turns.
const FEEDS: u8 = 8;
/// Entries whose signatures are checked together: some 4 MiB, as one exchange brings.
const TOGETHER: usize = 16_384;
const ROUNDS: usize = 9;

/// Holds the head of each feed and nothing else, so that what is measured is
/// not the speed of a hash map with all entries in it.
#[derive(Default)]
struct Heads {
    heads: HashMap<FeedKey, (EntryId, Facts)>,
    genesis: Option<(EntryId, Facts)>,
}

impl Heads {
    fn add(&mut self, run: &RunView<'_>) {
        let entry = run.last();
        let facts = Facts {
            feed: run.feed,
            seq: entry.seq,
            hlc: entry.hlc,
            backlink: entry.backlink,
        };
        if run.genesis && entry.seq == 0 {
            self.genesis = Some((entry.id, facts));
        }
        self.heads.insert(run.feed, (entry.id, facts));
    }
}

impl Ledger for Heads {
    type Error = Infallible;

    fn facts(&self, id: &EntryId) -> Result<Option<Facts>, Infallible> {
        let mut held = self.heads.values().chain(&self.genesis);
        Ok(held.find(|(held, _)| held == id).map(|(_, facts)| *facts))
    }

    fn at_seq(&self, feed: &FeedKey, seq: u64) -> Result<Vec<EntryId>, Infallible> {
        let head = self.heads.get(feed).filter(|(_, facts)| facts.seq == seq);
        Ok(head.map(|(id, _)| *id).into_iter().collect())
    }
}

/// Takes in runs whose signatures are checked together.
fn take_in(admission: &mut Admission, ledger: &mut Heads, runs: &[Vec<u8>]) -> Result<(), Failure> {
    let mut batch = Batch::default();
    let mut views = Vec::with_capacity(runs.len());
    for bytes in runs {
        let run = RunView::decode(bytes).map_err(Failure::refused("a run of the bench"))?;
        if let Some(signature) = &run.signature {
            batch.push(&run.feed.author.0, &run.last().id.0, signature);
        }
        views.push(run);
    }
    if !batch.failures().is_empty() {
        return Err(Failure::System("a signature of the bench is wrong".into()));
    }
    for run in &views {
        let Ok(outcome) = admission.admit(run, ledger, None);
        if !matches!(outcome, Admit::Fresh(_)) {
            return Err(Failure::System(format!("a run of the bench: {outcome:?}")));
        }
        ledger.add(run);
    }
    Ok(())
}

/// Pieces of [`TOGETHER`] entries, after one that begins all feeds.
fn pieces(run_entries: usize, entries: usize) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let people = people(FEEDS);
    let (founding, genesis) = Feed::founding(&people)?;
    let root: Vec<(EntryId, u64)> = founding.head().into_iter().collect();
    let (topic, mut feeds, mut first) = (founding.topic(), vec![founding], vec![genesis]);
    for (number, person) in people.iter().enumerate().skip(1) {
        let mut feed = Feed::new(person, topic, number as u64);
        first.push(feed.run(1, &root)?);
        feeds.push(feed);
    }
    let mut pieces = vec![first];
    for _ in 0..entries / TOGETHER {
        let runs = (0..TOGETHER / run_entries)
            .map(|number| feeds[number % usize::from(FEEDS)].run(run_entries, &[]));
        pieces.push(runs.collect::<Result<_, _>>()?);
    }
    Ok(pieces)
}

fn measure(run_entries: usize, entries: usize) -> Result<(f64, f64, f64), Failure> {
    let pieces = pieces(run_entries, entries)?;
    let floors = pieces.iter().map(|runs| {
        let mut floor = Floor::default();
        runs.iter().try_for_each(|run| floor.add(run))?;
        Ok(floor)
    });
    let floors: Vec<Floor> = floors.collect::<Result<_, Failure>>()?;
    let entries = (pieces.len() - 1) * TOGETHER;
    let (mut rates, mut bare_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut admission, mut ledger) = (Admission::default(), Heads::default());
        // keys and certificates are looked at once for each feed, however long it is
        take_in(&mut admission, &mut ledger, &pieces[0])?;
        let (mut ours, mut bare) = (Duration::ZERO, Duration::ZERO);
        for (runs, floor) in pieces.iter().zip(&floors).skip(1) {
            let (time, taken) = cpu_of(|| take_in(&mut admission, &mut ledger, runs));
            taken?;
            ours += time;
            bare += cpu_of(|| black_box(floor.work())).0;
        }
        rates.push(entries as f64 / ours.as_secs_f64());
        bare_rates.push(entries as f64 / bare.as_secs_f64());
        ratios.push(bare.as_secs_f64() / ours.as_secs_f64());
    }
    Ok((median(rates), median(bare_rates), median(ratios)))
}

/// Runs of 1, 16 and 256.
pub(super) fn run(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (run_entries, least) in [(1, None), (16, Some(300_000.0)), (256, Some(700_000.0))] {
        let full = if run_entries == 1 { 2 } else { 16 };
        let entries = if stage.quick {
            TOGETHER
        } else {
            full * TOGETHER
        };
        let (rate, bare, ratio) = measure(run_entries, entries)?;
        let what = format!("verify and admit, runs of {run_entries}");
        let row = Row::new(what, rate, "entries per CPU second").beside(
            "bare hashes and signatures",
            bare,
            ratio,
        );
        rows.push(match least {
            Some(least) => row.ratio_at_least(0.65).at_least(least),
            None => row,
        });
    }
    Ok(rows)
}
