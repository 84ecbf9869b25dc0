//! Taking runs in: verify, look for own, admit, store, order, note forks.

use std::collections::BTreeSet;

use synlog_log::admission::{Admit, Ledger, fork_proof};
use synlog_log::fork::ForkProof;
use synlog_log::ids::{DeviceId, EntryId, FeedKey, TopicId};
use synlog_log::limits::AHEAD_MAX_MS;
use synlog_log::refusal::Refusal;
use synlog_log::run::RunView;

use super::memory::{MemoryRepo, Until, is_authentic};
use crate::peer::NodeId;
use crate::repo::Taken;

/// The feed of bytes that don't even name one.
const NO_FEED: FeedKey = FeedKey {
    author: DeviceId::ZERO,
    topic: TopicId::ZERO,
};

impl MemoryRepo {
    /// Takes in runs of a source. All that became of them is in the outcome.
    pub(super) fn take(&mut self, source: NodeId, runs: Vec<Vec<u8>>, now_ms: u64) -> Taken {
        let mut taken = Taken::default();
        let number = self.source_number(source);
        let mut authentic = Vec::new();
        for bytes in runs {
            match RunView::decode(&bytes) {
                Err(refusal) => taken.refused.push((NO_FEED, refusal)),
                Ok(run) if is_authentic(&run) => {
                    self.look_for_own(&run, &mut taken);
                    authentic.push((number, bytes));
                }
                Ok(run) => taken.refused.push((run.feed, Refusal::BadSignature)),
            }
        }
        let before = self.end;
        let offered: usize = authentic.iter().map(|(_, run)| run.len()).sum();
        let due = self.waiting.due(now_ms);
        let due = due
            .into_iter()
            .map(|(source, parked)| (source, parked.item));
        authentic.extend(due);
        self.admit(authentic, now_ms, &mut taken);
        self.settle();
        self.received.fresh += taken.fresh_entries;
        self.received.known += taken.known_entries;
        if taken.fresh_entries > 0 {
            self.received.fresh_bytes += offered as u64;
        }
        let advanced: BTreeSet<FeedKey> =
            self.advanced.range(before..).map(|(_, it)| *it).collect();
        taken.advanced = advanced.iter().filter_map(|it| self.row_of(it)).collect();
        taken
    }

    /// Entries of this device that others have and this store lacks.
    fn look_for_own(&mut self, run: &RunView<'_>, taken: &mut Taken) {
        if run.feed.author == self.device.id {
            let lacked = |id: &EntryId| !self.records.contains_key(id);
            let lacked = run.entries.iter().filter(|entry| lacked(&entry.id)).count();
            taken.own_from_outside += lacked as u64;
            self.own_seen_outside |= lacked > 0;
        }
    }

    /// Admits authentic runs and whatever waited for them.
    pub(super) fn admit(&mut self, runs: Vec<(u64, Vec<u8>)>, now_ms: u64, taken: &mut Taken) {
        let mut missing: BTreeSet<(TopicId, EntryId)> = BTreeSet::new();
        let mut parked: BTreeSet<EntryId> = BTreeSet::new();
        let mut queue: Vec<(u64, Vec<u8>)> = runs.into_iter().rev().collect();
        while let Some((source, bytes)) = queue.pop() {
            let Ok(run) = RunView::decode(&bytes) else {
                continue;
            };
            let entries = run.entries.len() as u64;
            let claimed_ms = run.last().hlc >> 16;
            let known = run
                .entries
                .iter()
                .all(|it| self.records.contains_key(&it.id));
            if !known && claimed_ms > now_ms.saturating_add(AHEAD_MAX_MS) {
                taken.ahead += entries;
                self.park(source, &run, Until::Clock(claimed_ms - AHEAD_MAX_MS));
                continue;
            }
            match self.replica.offer(&run) {
                Admit::Known => taken.known_entries += entries,
                Admit::Ahead { .. } => {}
                Admit::Waits { missing: lacks } => {
                    let topic = run.feed.topic;
                    missing.extend(lacks.iter().map(|id| (topic, *id)));
                    parked.extend(run.entries.iter().map(|entry| entry.id));
                    self.park(source, &run, Until::Ancestors(lacks));
                }
                Admit::Refused(refused) => {
                    taken.refused.push((run.feed, refused.refusal));
                    if let Some(seq) = refused.fork {
                        self.note_fork(&run, seq, taken);
                    }
                }
                Admit::Fresh(fresh) => {
                    taken.known_entries += fresh.known as u64;
                    taken.fresh_entries += entries - fresh.known as u64;
                    self.keep_run(run.without_known(fresh.known));
                    for entry in &run.entries[fresh.known..] {
                        self.damaged.remove(&(run.feed.topic, entry.id));
                        let freed = self.waiting.arrived(&entry.id);
                        queue.extend(freed.into_iter().map(|(source, it)| (source, it.item)));
                    }
                    if let Some(seq) = fresh.fork {
                        self.note_fork(&run, seq, taken);
                    }
                }
            }
        }
        let wanted = missing
            .into_iter()
            .filter(|(_, id)| !self.records.contains_key(id) && !parked.contains(id));
        taken.missing.extend(wanted);
    }

    /// Who is a member of what follows from all that is here.
    pub(super) fn settle(&mut self) {
        for order in self.replica.orders.values_mut() {
            order.settle();
        }
    }

    /// Makes and keeps the proof that a feed forks at a seq.
    fn note_fork(&mut self, run: &RunView<'_>, seq: u64, taken: &mut Taken) {
        let Ok(rivals) = self.replica.ledger.at_seq(&run.feed, seq);
        let proofs = rivals.iter().filter_map(|rival| {
            let (_, bytes) = self.run_of(rival)?;
            let other = RunView::decode(bytes).ok()?;
            fork_proof(run, &other, seq)
        });
        let proof: Option<ForkProof> = proofs.into_iter().find(|proof| proof.counts(&run.feed));
        if let Some(proof) = proof
            && self.keep_proof(run.feed, seq, proof.encode())
        {
            taken.forks.push(run.feed);
        }
    }
}
