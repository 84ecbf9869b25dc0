//! What comes in: bundles are verified, admitted and put in order; what is not right is
//! left out. What is in memory is what the browser has stored, or is about to store.

use std::collections::{BTreeMap, HashMap};

use synlog_log::admission::{Admit, Ledger, Tip};
use synlog_log::bundle::signatures::authenticate;
use synlog_log::bundle::{BundleReader, BundleWriter, RecordKind};
use synlog_log::fork::ForkProof;
use synlog_log::identity::SignedStatement;
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};
use synlog_log::order::TopicOrder;
use synlog_log::replica::Replica;
use synlog_log::run::{RunView, RunWriter};
use synlog_log::sealed::Secrets;

use crate::wrong::Wrong;

/// Runs of a bundle that is pushed: a node takes 1,024 records at once, statements included.
const RUNS_MAX: usize = 900;

/// Something to be stored: a run, or a proof that a feed is forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// The feed.
    pub feed: FeedKey,
    /// The number of its first entry, or where the feed is forked.
    pub seq: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What became of a bundle.
#[derive(Debug, Default)]
pub struct Took {
    /// What is new, to be stored.
    pub fresh: Vec<Record>,
    /// Entries that are new.
    pub entries: usize,
    /// Codes of what was refused.
    pub refused: Vec<&'static str>,
    /// Runs whose ancestors are not here.
    pub waiting: usize,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy)]
struct Place {
    topic: TopicId,
    run: usize,
    index: usize,
}

/// The entries that are here.
#[derive(Default)]
pub struct Entries {
    replica: Replica,
    runs: BTreeMap<TopicId, Vec<Vec<u8>>>,
    proofs: Vec<Record>,
    places: HashMap<EntryId, Place>,
    heads: BTreeMap<FeedKey, (u64, EntryId)>,
    forked: BTreeMap<FeedKey, u64>,
}

impl Entries {
    /// None yet, of a reader with these secrets.
    pub fn new(secrets: Secrets) -> Self {
        Self {
            replica: Replica::with_secrets(secrets),
            ..Self::default()
        }
    }

    /// Takes in a bundle. With `only`, what is of another topic is refused.
    pub fn take_bundle(&mut self, bytes: &[u8], only: Option<TopicId>) -> Result<Took, Wrong> {
        let damaged = |_| Wrong::Refused {
            what: "the bundle",
            code: "bad_bundle",
        };
        let mut reader = BundleReader::new(bytes).map_err(damaged)?;
        let (mut runs, mut proofs) = (Vec::new(), Vec::new());
        while let Some(record) = reader.next_record().map_err(damaged)? {
            match record.kind {
                RecordKind::Run => runs.push(record.data),
                RecordKind::ForkProof => proofs.push(record.data),
                // nobody's statements are needed here but our own, and those are here
                _ => {}
            }
        }
        let mut took = self.take_runs(&runs, only);
        for proof in proofs {
            self.take_proof(&proof, only, &mut took);
        }
        self.settle();
        Ok(took)
    }

    /// Takes in runs, in whatever order they come.
    pub fn take_runs(&mut self, runs: &[Vec<u8>], only: Option<TopicId>) -> Took {
        let mut took = Took::default();
        let mut views = Vec::new();
        for bytes in runs {
            match RunView::decode(bytes) {
                Ok(run) if only.is_some_and(|topic| topic != run.feed.topic) => {
                    took.refused.push("other_topic");
                }
                Ok(run) => views.push(run),
                Err(refusal) => took.refused.push(refusal.code()),
            }
        }
        let authenticity = authenticate(&views);
        let garbled = authenticity.garbled.values();
        took.refused.extend(garbled.map(|refusal| refusal.code()));
        let mut left = Vec::new();
        for (index, mut run) in views.into_iter().enumerate() {
            let authentic = authenticity.authentic[index];
            if authentic < run.entries.len() && !authenticity.garbled.contains_key(&index) {
                took.refused.push("bad_signature");
            }
            run.entries.truncate(authentic);
            if authentic > 0 {
                left.push(run);
            }
        }
        // one may build on another that comes after it
        loop {
            let before = left.len();
            let mut waiting = Vec::new();
            for run in left {
                if !self.offer(&run, &mut took) {
                    waiting.push(run);
                }
            }
            left = waiting;
            if left.len() == before || left.is_empty() {
                break;
            }
        }
        took.waiting = left.len();
        self.settle();
        took
    }

    /// `false`: its ancestors are not here.
    fn offer(&mut self, run: &RunView<'_>, took: &mut Took) -> bool {
        let fork = match self.replica.offer(run) {
            Admit::Known => return true,
            Admit::Waits { .. } => return false,
            // who has no clock is told of none
            Admit::Ahead { .. } => {
                took.refused.push("ahead_of_clock");
                return true;
            }
            Admit::Refused(refused) => {
                took.refused.push(refused.refusal.code());
                if let Some(seq) = refused.fork {
                    self.replica.insert_fork(&run.feed, seq);
                }
                refused.fork
            }
            Admit::Fresh(fresh) => {
                took.entries += run.entries.len() - fresh.known;
                took.fresh.push(self.keep(run));
                fresh.fork
            }
        };
        if let Some(seq) = fork {
            let at = self.forked.entry(run.feed).or_insert(seq);
            *at = seq.min(*at);
        }
        true
    }

    fn keep(&mut self, run: &RunView<'_>) -> Record {
        // what was cut off has no signature any more; it came without one of its own
        let whole =
            RunView::decode(run.bytes).is_ok_and(|all| all.entries.len() == run.entries.len());
        let bytes = match whole {
            true => run.bytes.to_vec(),
            false => {
                let mut writer = RunWriter::like(run);
                run.entries.iter().for_each(|entry| writer.push_view(entry));
                writer.finish(None)
            }
        };
        let runs = self.runs.entry(run.feed.topic).or_default();
        for (index, entry) in run.entries.iter().enumerate() {
            self.places.entry(entry.id).or_insert(Place {
                topic: run.feed.topic,
                run: runs.len(),
                index,
            });
        }
        runs.push(bytes.clone());
        let last = run.last();
        let head = self.heads.entry(run.feed).or_insert((last.seq, last.id));
        if last.seq > head.0 {
            *head = (last.seq, last.id);
        }
        Record {
            kind: RecordKind::Run,
            feed: run.feed,
            seq: run.first().seq,
            bytes,
        }
    }

    fn take_proof(&mut self, bytes: &[u8], only: Option<TopicId>, took: &mut Took) {
        let verified = ForkProof::decode(bytes).and_then(|proof| {
            let feed = proof.verify()?;
            Ok((proof.counts(&feed), proof.seq, feed))
        });
        match verified {
            Ok((_, _, feed)) if only.is_some_and(|topic| topic != feed.topic) => {
                took.refused.push("other_topic");
            }
            Ok((true, seq, feed)) => {
                if self.forked.get(&feed).is_some_and(|known| *known <= seq) {
                    return;
                }
                self.replica.insert_fork(&feed, seq);
                self.forked.insert(feed, seq);
                let record = Record {
                    kind: RecordKind::ForkProof,
                    feed,
                    seq,
                    bytes: bytes.to_vec(),
                };
                self.proofs.push(record.clone());
                took.fresh.push(record);
            }
            Ok((false, ..)) => {}
            Err(refusal) => took.refused.push(refusal.code()),
        }
    }

    fn settle(&mut self) {
        self.replica.orders.values_mut().for_each(|order| {
            order.settle();
        });
    }

    /// The order of a topic.
    pub fn order(&self, topic: &TopicId) -> Option<&TopicOrder> {
        self.replica.orders.get(topic)
    }

    /// The topics that are here.
    pub fn topics(&self) -> impl Iterator<Item = &TopicId> {
        self.runs.keys()
    }

    /// The runs of a topic, in order of arrival.
    pub fn runs(&self, topic: &TopicId) -> &[Vec<u8>] {
        self.runs.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Looks at an entry in its run.
    pub fn look<T>(
        &self,
        id: &EntryId,
        see: impl FnOnce(&RunView<'_>, usize) -> Option<T>,
    ) -> Option<T> {
        let place = self.places.get(id)?;
        let bytes = self.runs.get(&place.topic)?.get(place.run)?;
        let run = RunView::decode(bytes).ok()?;
        see(&run, place.index)
    }

    /// How far each feed of a topic is here.
    pub fn heights(&self, topic: &TopicId) -> Vec<(DeviceId, u64)> {
        let feeds = self.heads.iter().filter(|(feed, _)| feed.topic == *topic);
        feeds
            .map(|(feed, (seq, _))| (feed.author, seq + 1))
            .collect()
    }

    /// The tip of a feed.
    pub fn tip(&self, feed: &FeedKey) -> Option<Tip> {
        let (_, head) = self.heads.get(feed)?;
        let Ok(tip) = Tip::load(&self.replica.ledger, head);
        tip
    }

    /// Where a feed is forked, if it is.
    pub fn forked_at(&self, feed: &FeedKey) -> Option<u64> {
        self.forked.get(feed).copied()
    }

    /// The clock of an entry.
    pub fn hlc(&self, id: &EntryId) -> Option<u64> {
        let Ok(facts) = self.replica.ledger.facts(id);
        facts.map(|facts| facts.hlc)
    }

    /// A bundle of the runs of a feed from a height on, up to about so many bytes; the
    /// flag: more is left. `None`: nothing is beyond it.
    pub fn beyond(
        &self,
        feed: &FeedKey,
        height: u64,
        max_bytes: usize,
        statements: &[SignedStatement],
    ) -> Result<Option<(Vec<u8>, bool)>, Wrong> {
        let is_beyond = |run: &RunView<'_>| run.feed == *feed && run.last().seq >= height;
        self.chosen(&feed.topic, max_bytes, statements, is_beyond)
    }

    /// The same of all feeds of a topic, from the heights to which somebody has them.
    /// What builds on another comes after it, in this bundle or a later one.
    pub fn lacking(
        &self,
        topic: &TopicId,
        heights: &BTreeMap<DeviceId, u64>,
        max_bytes: usize,
        statements: &[SignedStatement],
    ) -> Result<Option<(Vec<u8>, bool)>, Wrong> {
        let is_beyond = |run: &RunView<'_>| {
            run.last().seq >= heights.get(&run.feed.author).copied().unwrap_or(0)
        };
        self.chosen(topic, max_bytes, statements, is_beyond)
    }

    /// Runs of a topic in order of arrival, so that none stands before what it builds on.
    fn chosen(
        &self,
        topic: &TopicId,
        max_bytes: usize,
        statements: &[SignedStatement],
        is_chosen: impl Fn(&RunView<'_>) -> bool,
    ) -> Result<Option<(Vec<u8>, bool)>, Wrong> {
        let mut chosen: Vec<&Vec<u8>> = Vec::new();
        let (mut bytes, mut more) = (0, false);
        for run_bytes in self.runs(topic) {
            if !RunView::decode(run_bytes).is_ok_and(|run| is_chosen(&run)) {
                continue;
            }
            let full = bytes + run_bytes.len() > max_bytes || chosen.len() >= RUNS_MAX;
            if !chosen.is_empty() && full {
                more = true;
                break;
            }
            bytes += run_bytes.len();
            chosen.push(run_bytes);
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        let bundle = write(chosen.into_iter(), &[], statements)?;
        Ok(Some((bundle, more)))
    }

    /// A bundle of some topics: runs and fork proofs, and statements.
    pub fn bundle(
        &self,
        topics: &[TopicId],
        statements: &[SignedStatement],
    ) -> Result<Vec<u8>, Wrong> {
        let runs = topics.iter().flat_map(|topic| self.runs(topic));
        let proofs = self.proofs.iter();
        let proofs: Vec<&Record> = proofs
            .filter(|proof| topics.contains(&proof.feed.topic))
            .collect();
        write(runs, &proofs, statements)
    }
}

fn write<'a>(
    runs: impl Iterator<Item = &'a Vec<u8>>,
    proofs: &[&Record],
    statements: &[SignedStatement],
) -> Result<Vec<u8>, Wrong> {
    let all = || {
        let mut writer = BundleWriter::new(Vec::new())?;
        for run in runs {
            writer.record(RecordKind::Run, run)?;
        }
        for proof in proofs {
            writer.record(RecordKind::ForkProof, &proof.bytes)?;
        }
        for signed in statements {
            writer.record(RecordKind::Statement, &signed.encode())?;
        }
        writer.finish()
    };
    all().map_err(|_| Wrong::Refused {
        what: "the bundle",
        code: "bad_bundle",
    })
}
