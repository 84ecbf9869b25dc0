//! What happens to entries, top to bottom: decode → verify → admit → store → order.
//!
//! Entries of one's own ([`crate::writing`]) and those of others
//! ([`crate::carrying`]) go the same way.

use std::collections::HashSet;

use synlog_log::admission::{Admit, Ledger, MemoryLedger, Parked, fork_proof};
use synlog_log::bundle::RecordKind;
use synlog_log::decoded::DecodedRun;
use synlog_log::fork::ForkProof;
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};
use synlog_log::keys::Batch;
use synlog_log::limits::AHEAD_MAX_MS;
use synlog_log::replica::order_entry;
use synlog_log::run::{RunView, RunWriter, join};
use synlog_log::skiplink;
use synlog_log::store::{GuardReason, KIND_RUN, Record, RunFacts, StoreError};

use crate::failure::Failure;
use crate::intake::Intake;
use crate::ledger::{StoreLedger, read, remember_last};
use crate::node::Node;

/// A run on its way into the store.
pub(crate) struct Staged {
    pub(crate) bytes: Vec<u8>,
    pub(crate) facts: RunFacts,
}

impl Node {
    /// Takes in runs that come from outside: checks signatures together, then admits,
    /// stores and orders what is new. What waits for ancestors is kept for later calls.
    pub fn take_in(
        &mut self,
        runs: Vec<Vec<u8>>,
        now_ms: u64,
        intake: &mut Intake,
    ) -> Result<(), Failure> {
        self.take_in_from(FROM_FILES, runs, now_ms, intake)
    }

    /// The same for runs of one of several sources: how much may wait is bounded for each.
    pub(crate) fn take_in_from(
        &mut self,
        source: u64,
        runs: Vec<Vec<u8>>,
        now_ms: u64,
        intake: &mut Intake,
    ) -> Result<(), Failure> {
        let before = intake.not_taken();
        let authentic = self.verify(runs, intake);
        self.look_for_own(&authentic, intake)?;
        let admitted = self.admit_runs(source, authentic, now_ms, intake);
        let not_taken = intake.not_taken() - before;
        if not_taken > 0 {
            self.counted.refused += not_taken as u64;
            tracing::info!(runs = not_taken, "not taken");
        }
        if admitted.is_err() {
            // orders and tips in memory may know of entries that the disk does not have
            self.admission.forget();
            self.orders.clear();
            self.skims.clear();
            self.authors.borrow_mut().clear();
        }
        admitted
    }

    /// Verify: the runs that are authentic, each after those it vouches for.
    fn verify(&mut self, runs: Vec<Vec<u8>>, intake: &mut Intake) -> Vec<DecodedRun> {
        let mut batch = Batch::default();
        let mut signed = Vec::new();
        let mut unproven = Vec::new();
        for bytes in runs {
            let feed = RunView::feed_of(&bytes);
            let decoded = match DecodedRun::new(bytes) {
                Ok(decoded) => decoded,
                Err(refusal) => {
                    intake.broken.push((feed.unwrap_or(NOBODY), refusal));
                    continue;
                }
            };
            let Ok(run) = decoded.view() else {
                continue;
            };
            match &run.signature {
                Some(signature) => {
                    batch.push(&run.feed.author.0, &run.last().id.0, signature);
                    signed.push(decoded);
                }
                None => unproven.push((run.last().id, decoded.into_bytes())),
            }
        }
        let failures = batch.failures();
        let mut authentic = Vec::new();
        for (index, decoded) in signed.into_iter().enumerate() {
            if failures.binary_search(&index).is_err() {
                authentic.push(decoded);
            } else if let Ok(run) = decoded.view() {
                intake.garbled.push((run.feed, run.last().seq));
                let mut writer = RunWriter::like(&run);
                run.entries.iter().for_each(|entry| writer.push_view(entry));
                unproven.push((run.last().id, writer.finish(None)));
            }
        }
        for (last, bytes) in unproven {
            if self.unproven.len() >= UNPROVEN_MAX {
                self.unproven.clear();
            }
            self.unproven.insert(last, bytes);
        }
        if self.unproven.is_empty() {
            return authentic;
        }
        let authentic = authentic.into_iter();
        authentic.map(|run| self.with_vouched(run)).collect()
    }

    /// A run together with those before it that only its signature vouches for, as one
    /// run: they are admitted and stored together or not at all. Where they don't fit
    /// in one they are left out, and come again from somebody who has their signature.
    fn with_vouched(&mut self, mut whole: DecodedRun) -> DecodedRun {
        loop {
            let Ok(run) = whole.view() else {
                return whole;
            };
            let earlier = run
                .first()
                .backlink
                .and_then(|id| self.unproven.remove(&id));
            let joined = earlier.and_then(|earlier| join(&RunView::decode(&earlier).ok()?, &run));
            match joined.map(DecodedRun::new) {
                Some(Ok(longer)) => whole = longer,
                _ => return whole,
            }
        }
    }

    /// Entries of this device that others have and this store lacks: the store is older
    /// than what was handed out. The guard trips before anything else is done with them,
    /// and whatever becomes of them.
    fn look_for_own(&mut self, runs: &[DecodedRun], intake: &mut Intake) -> Result<(), Failure> {
        for decoded in runs {
            if !decoded.bytes().starts_with(&self.device().0) {
                continue;
            }
            let Ok(run) = decoded.view() else {
                continue;
            };
            for entry in &run.entries {
                if !self.store.contains(&entry.id)? {
                    intake.own_from_outside += 1;
                }
            }
        }
        if intake.own_from_outside > 0 && self.store.guard().is_none() {
            self.store.trip_guard(GuardReason::SeenOutside)?;
        }
        Ok(())
    }

    /// Admit, store, order.
    fn admit_runs(
        &mut self,
        source: u64,
        runs: Vec<DecodedRun>,
        now_ms: u64,
        intake: &mut Intake,
    ) -> Result<(), Failure> {
        let mut queue: Vec<DecodedRun> = runs.into_iter().rev().collect();
        queue.extend(released(self.waiting.due(now_ms)));
        let mut staged_ledger = MemoryLedger::default();
        let mut staged: Vec<Staged> = Vec::new();
        let mut forks: Vec<(Vec<u8>, u64)> = Vec::new();
        let mut parked: HashSet<EntryId> = HashSet::new();
        while let Some(decoded) = queue.pop() {
            let Ok(run) = decoded.view() else {
                continue;
            };
            let bytes = run.bytes;
            let entries = run.entries.len();
            let ledger = StoreLedger {
                store: &self.store,
                staged: &staged_ledger,
                remembered: &self.remembered,
            };
            let outcome = self.admission.admit(&run, &ledger, Some(now_ms))?;
            match outcome {
                Admit::Known => intake.known += entries as u64,
                Admit::Waits { missing } => {
                    let room = MISSING_MAX.saturating_sub(intake.missing.len());
                    let asked = missing.iter().take(room);
                    intake.missing.extend(asked.map(|id| (run.feed.topic, *id)));
                    parked.extend(run.entries.iter().map(|entry| entry.id));
                    self.waiting.park(
                        source,
                        Parked {
                            entries,
                            bytes: bytes.len(),
                            item: bytes.to_vec(),
                        },
                        missing,
                    );
                }
                Admit::Ahead { claimed_ms } => {
                    intake.ahead += entries as u64;
                    let until_ms = claimed_ms - AHEAD_MAX_MS;
                    self.waiting.quarantine(
                        source,
                        Parked {
                            entries,
                            bytes: bytes.len(),
                            item: bytes.to_vec(),
                        },
                        until_ms,
                    );
                }
                Admit::Refused(refused) => {
                    intake.refused.push((
                        run.feed,
                        run.entries[refused.index].seq,
                        refused.refusal,
                    ));
                    let seq = contradiction(&run, refused.index, &ledger)?;
                    if let Some(seq) = seq.into_iter().chain(refused.fork).min() {
                        forks.push((bytes.to_vec(), seq));
                    }
                }
                Admit::Fresh(fresh) => {
                    let new = &run.entries[fresh.known..];
                    intake.known += fresh.known as u64;
                    *intake.fresh.entry(run.feed).or_default() += new.len() as u64;
                    staged_ledger.add(&run);
                    for entry in new {
                        queue.extend(released(self.waiting.arrived(&entry.id)));
                    }
                    if let Some(seq) = fresh.fork {
                        forks.push((bytes.to_vec(), seq));
                    }
                    staged.push(self.stage(&run, fresh.known, &staged)?);
                }
            }
        }
        // what waits itself is here, and need not be asked for
        intake.missing.retain(|(_, id)| !parked.contains(id));
        self.store_staged(&staged)?;
        // nor what came after somebody had to wait for it
        for (topic, id) in std::mem::take(&mut intake.missing) {
            if !self.store.contains(&id)? {
                intake.missing.insert((topic, id));
            }
        }
        for (bytes, seq) in forks {
            self.note_fork(&bytes, seq, intake)?;
        }
        Ok(())
    }

    /// What is kept of an admitted run.
    fn stage(
        &mut self,
        run: &RunView<'_>,
        known: usize,
        staged: &[Staged],
    ) -> Result<Staged, Failure> {
        if known == 0 {
            // the ids are the same without what was erased
            let kept = self.order_if_needed(run, staged)?;
            return Ok(Staged {
                facts: run.facts(),
                bytes: kept.unwrap_or_else(|| run.bytes.to_vec()),
            });
        }
        let rest = run.without_known(known);
        let run = RunView::decode(&rest).map_err(Failure::refused("a run that was admitted"))?;
        let kept = self.order_if_needed(&run, staged)?;
        Ok(Staged {
            facts: run.facts(),
            bytes: kept.unwrap_or_else(|| rest.clone()),
        })
    }

    /// Store: durable when this returns.
    fn store_staged(&mut self, staged: &[Staged]) -> Result<(), Failure> {
        let records: Vec<Record<'_>> = staged
            .iter()
            .map(|run| Record::run(&run.bytes, &run.facts))
            .collect();
        if records.is_empty() {
            return Ok(());
        }
        self.store.commit(&records)?;
        // what comes next follows on their last entries, or cites them
        for run in staged {
            remember_last(&self.remembered, &run.facts);
        }
        Ok(())
    }

    /// Order: takes an admitted run into the order of its topic, if that is in use or
    /// decides what may be kept. Else the order is read when somebody asks for it, so
    /// that many topics can be taken in without all of them in memory.
    fn order_if_needed(
        &mut self,
        run: &RunView<'_>,
        staged: &[Staged],
    ) -> Result<Option<Vec<u8>>, Failure> {
        self.note_in_skim(run);
        self.counted.came(&run.feed.topic, run.entries.len());
        if !self.orders.contains_key(&run.feed.topic) {
            if !self.may_erase(run, staged)? {
                return Ok(None);
            }
            // the order is read from the store, where those on their way are not yet
            let before = staged.iter();
            for earlier in before.filter(|earlier| earlier.facts.feed.topic == run.feed.topic) {
                self.order_run(&earlier.bytes)?;
            }
        }
        self.order_view(run)
    }

    /// Order: takes an admitted run into the order of its topic. Gives the run
    /// without the erasable parts for which a tombstone counts, if there are any.
    pub(crate) fn order_run(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let run = RunView::decode(bytes).map_err(Failure::refused("a run that was admitted"))?;
        self.order_view(&run)
    }

    fn order_view(&mut self, run: &RunView<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let mut certified = self.certified_of(run);
        let Some(order) = self.order_for(run)? else {
            return Ok(None);
        };
        let mut entries = run.entries.iter();
        if !entries.all(|entry| {
            order
                .insert(order_entry(run, entry, certified.take()))
                .is_ok()
        }) {
            // an ancestor is damaged on this disk: the order is read again when it is needed
            self.orders.remove(&run.feed.topic);
            return Ok(None);
        }
        if order.tombstone_count() == 0 {
            return Ok(None);
        }
        order.settle();
        let erased: Vec<EntryId> = run
            .entries
            .iter()
            .map(|entry| entry.id)
            .filter(|id| order.is_erased(id))
            .collect();
        Ok((!erased.is_empty()).then(|| erase_in(run, &erased)))
    }

    /// Makes, stores and orders the proof that a feed forks.
    fn note_fork(&mut self, bytes: &[u8], seq: u64, intake: &mut Intake) -> Result<(), Failure> {
        let run = RunView::decode(bytes).map_err(Failure::refused("a forked run"))?;
        intake.forks.push((run.feed, seq));
        for position in self.store.at_seq(&run.feed, seq)? {
            let Some(record) = read(&self.store, position)? else {
                continue;
            };
            let Ok(other) = RunView::decode(&record.bytes) else {
                continue;
            };
            if let Some(proof) = fork_proof(&run, &other, seq) {
                self.take_in_fork_proof(&proof)?;
                break;
            }
        }
        if let Some(order) = self.orders.get_mut(&run.feed.topic) {
            order.insert_fork(run.feed.author, seq);
        }
        Ok(())
    }

    /// Takes in a fork proof that has been checked. Gives whether it was news.
    pub fn take_in_fork_proof(&mut self, proof: &ForkProof) -> Result<bool, Failure> {
        let feed = proof.verify().map_err(Failure::refused("a fork proof"))?;
        if feed.author == self.device() && self.store.guard().is_none() {
            // somebody holds entries of this device that it would not have signed
            self.store.trip_guard(GuardReason::SeenOutside)?;
        }
        if !proof.counts(&feed) {
            return Ok(false);
        }
        if self
            .forks
            .get(&feed)
            .is_some_and(|(known, _)| *known <= proof.seq)
        {
            return Ok(false);
        }
        let bytes = proof.encode();
        let record = Record::other(RecordKind::ForkProof.number(), &bytes, proof.id());
        self.store.commit(&[record])?;
        self.forks.insert(feed, (proof.seq, bytes));
        if let Some(order) = self.orders.get_mut(&feed.topic) {
            order.insert_fork(feed.author, proof.seq);
        }
        Ok(true)
    }

    /// Commits a run of this device: durable, marked as its own, ordered. In that order.
    pub(crate) fn publish(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let run = RunView::decode(bytes).map_err(Failure::refused("an own run"))?;
        let facts = run.facts();
        self.store.commit(&[Record::run(bytes, &facts)])?;
        self.store.mark_own(run.feed, run.last().seq)?;
        self.readers.remove(&run.feed.topic);
        self.note_in_skim(&run);
        self.counted.came(&run.feed.topic, run.entries.len());
        self.order_run(bytes)?;
        Ok(())
    }

    /// The device whose key this node holds.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.key.public())
    }
}

/// What waited and can be looked at again.
fn released(parked: Vec<(u64, Parked<Vec<u8>>)>) -> impl Iterator<Item = DecodedRun> {
    let runs = parked.into_iter();
    // it decoded when it was put aside
    runs.filter_map(|(_, parked)| DecodedRun::new(parked.item).ok())
}

/// Stands for the feed of what does not even name one.
const NOBODY: FeedKey = FeedKey {
    author: DeviceId::ZERO,
    topic: TopicId::ZERO,
};

/// Where runs come from that no peer sent.
const FROM_FILES: u64 = 0;

/// Missing ancestors that are named at once; when they are there, others may be.
const MISSING_MAX: usize = 1024;

/// Runs without a signature of their own that are kept until the one that vouches for
/// them comes, within one reading: a reader must not hold a stranger's file in memory.
const UNPROVEN_MAX: usize = 1024;

/// The lowest seq at which entries of a run from an index on, refused though they are,
/// commit their author to something else than what is held (`spec/04-validity.md` 4.1).
fn contradiction<L: Ledger<Error = StoreError>>(
    run: &RunView<'_>,
    from: usize,
    ledger: &L,
) -> Result<Option<u64>, StoreError> {
    let mut lowest: Option<u64> = None;
    for entry in &run.entries[from..] {
        let below = entry.seq.checked_sub(1).zip(entry.backlink);
        let skipped = skiplink::target(entry.seq).zip(entry.skiplink);
        let own = Some((entry.seq, entry.id));
        for (seq, id) in [own, below, skipped].into_iter().flatten() {
            let held = ledger.at_seq(&run.feed, seq)?;
            let differs = held.iter().any(|held| *held != id);
            let fixed = seq == 0 && held.iter().any(|held| held.0 == run.feed.topic.0);
            if differs && !fixed && lowest.is_none_or(|lowest| seq < lowest) {
                lowest = Some(seq);
            }
        }
    }
    Ok(lowest)
}

/// The run without the erasable parts of some entries.
pub(crate) fn erase_in(run: &RunView<'_>, erased: &[EntryId]) -> Vec<u8> {
    let mut writer = RunWriter::like(run);
    for entry in &run.entries {
        if erased.contains(&entry.id) {
            writer.push_erased(entry);
        } else {
            writer.push_view(entry);
        }
    }
    writer.finish(run.signature.as_ref())
}

/// Whether a record of the store is a run.
pub(crate) fn is_run(kind: u8) -> bool {
    kind == KIND_RUN
}
