//! Admits the entries of a bundle, whatever their order, and says of each that
//! does not get in why (`spec/04-validity.md`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::admission::{Admit, Ledger, Parked, Waiting, WaitingLimits};
use crate::bundle::Problem;
use crate::fork::ForkProof;
use crate::identity::SignedStatement;
use crate::ids::{EntityId, EntryId, FeedKey};
use crate::refusal::Refusal;
use crate::replica::Replica;
use crate::run::RunView;
use crate::sealed::Secrets;
use crate::skiplink;

/// A run, or one entry of it, with the byte offset of its record.
type Piece<'a> = (u64, RunView<'a>);

#[derive(Default)]
pub(super) struct Judge {
    pub(super) replica: Replica,
    pub(super) problems: Vec<Problem>,
    pub(super) fork_proofs: Vec<(FeedKey, u64)>,
    pub(super) identities: BTreeMap<EntityId, Vec<SignedStatement>>,
    /// Authentic entries that are refused.
    invalid: BTreeSet<EntryId>,
    /// The ids that authentic headers name for the seqs of a feed.
    commitments: HashMap<(FeedKey, u64), BTreeSet<EntryId>>,
}

impl Judge {
    /// One who may have keys of private topics.
    pub(super) fn with_secrets(secrets: Secrets) -> Self {
        Self {
            replica: Replica::with_secrets(secrets),
            ..Self::default()
        }
    }

    pub(super) fn problem(&mut self, offset: u64, refusal: Refusal) {
        self.problems.push(Problem {
            offset,
            feed: None,
            seq: None,
            refusal,
        });
    }

    pub(super) fn problem_at(
        &mut self,
        offset: u64,
        run: &RunView<'_>,
        index: usize,
        refusal: Refusal,
    ) {
        self.problems.push(Problem {
            offset,
            feed: Some(run.feed),
            seq: run.entries.get(index).map(|entry| entry.seq),
            refusal,
        });
    }

    pub(super) fn holds(&self, id: &EntryId) -> bool {
        matches!(self.replica.ledger.facts(id), Ok(Some(_)))
    }

    /// Admits authentic runs in whatever order their ancestors allow. Whole runs
    /// where all is well; entry by entry where something is missing or wrong.
    pub(super) fn admit(&mut self, runs: Vec<Piece<'_>>) {
        let limits = WaitingLimits {
            entries: usize::MAX,
            bytes: usize::MAX,
        };
        let mut waiting: Waiting<Piece<'_>> = Waiting::new(limits);
        let mut queue: Vec<Piece<'_>> = runs.into_iter().rev().collect();
        while let Some((offset, run)) = queue.pop() {
            let settled = match self.replica.offer(&run) {
                Admit::Known | Admit::Ahead { .. } => true,
                Admit::Fresh(fresh) => {
                    self.look_into(offset, &run, fresh.known);
                    true
                }
                Admit::Waits { missing } if run.entries.len() == 1 => {
                    let invalid = missing.iter().any(|id| self.invalid.contains(id));
                    if invalid {
                        self.refuse(offset, &run, Refusal::InvalidAncestor);
                    } else {
                        let parked = Parked {
                            item: (offset, run.clone()),
                            entries: 1,
                            bytes: 0,
                        };
                        waiting.park(0, parked, missing);
                    }
                    invalid
                }
                Admit::Refused(refused) if run.entries.len() == 1 => {
                    self.refuse(offset, &run, refused.refusal);
                    true
                }
                Admit::Waits { .. } | Admit::Refused(_) => {
                    let singles = (0..run.entries.len()).map(|index| (offset, single(&run, index)));
                    queue.extend(singles.rev());
                    false
                }
            };
            if settled {
                for entry in &run.entries {
                    let arrived = waiting.arrived(&entry.id).into_iter();
                    queue.extend(arrived.map(|(_, parked)| parked.item));
                }
            }
        }
        for (_, parked) in waiting.drain() {
            let (offset, run) = parked.item;
            self.problem_at(offset, &run, 0, Refusal::MissingAncestor);
        }
    }

    /// Notes what valid entries commit to, and what in their payloads does not check.
    fn look_into(&mut self, offset: u64, run: &RunView<'_>, known: usize) {
        for (index, entry) in run.entries.iter().enumerate().skip(known) {
            let at = self.commitments.entry((run.feed, entry.seq)).or_default();
            at.insert(entry.id);
            let order = self.replica.orders.get(&run.feed.topic);
            let refusal = order.and_then(|order| order.refusal_within(&entry.id));
            if let Some(refusal) = refusal {
                self.problem_at(offset, run, index, refusal);
            }
        }
    }

    /// An invalid entry is not held, but its header and links are still signed for.
    fn refuse(&mut self, offset: u64, run: &RunView<'_>, refusal: Refusal) {
        self.problem_at(offset, run, 0, refusal);
        let entry = run.first();
        self.invalid.insert(entry.id);
        let mut commit = |seq: u64, id: EntryId| {
            self.commitments
                .entry((run.feed, seq))
                .or_default()
                .insert(id);
        };
        commit(entry.seq, entry.id);
        if let Some(backlink) = entry.backlink {
            commit(entry.seq - 1, backlink);
        }
        if let (Some(target), Some(skiplink)) = (skiplink::target(entry.seq), entry.skiplink) {
            commit(target, skiplink);
        }
    }

    /// Two ids at one seq are a fork, whether the entries are valid or not.
    pub(super) fn find_forks(&mut self) {
        for ((feed, seq), ids) in &self.commitments {
            if ids.len() > 1 {
                self.replica.insert_fork(feed, *seq);
            }
        }
    }

    pub(super) fn take_fork_proof(&mut self, offset: u64, data: &[u8]) {
        match ForkProof::decode(data).and_then(|proof| Ok((proof.verify()?, proof.seq))) {
            Ok((feed, seq)) => {
                self.replica.insert_fork(&feed, seq);
                self.fork_proofs.push((feed, seq));
            }
            Err(refusal) => self.problem(offset, refusal),
        }
    }
}

/// One entry of a run as a run of its own.
fn single<'a>(run: &RunView<'a>, index: usize) -> RunView<'a> {
    let entry = run.entries[index].clone();
    RunView {
        genesis: run.genesis && entry.seq == 0,
        entries: vec![entry],
        signature: None,
        ..*run
    }
}
