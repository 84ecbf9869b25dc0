//! Verifying a bundle: offline, from its bytes alone (`spec/08-bundle.md` 8.1).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use crate::admission::{Admit, Ledger, Parked, Waiting, WaitingLimits};
use crate::bundle::signatures::authenticate;
use crate::bundle::{BundleError, BundleReader, RecordKind};
use crate::cbor::Value;
use crate::fork::ForkProof;
use crate::identity::{IdentityLog, SignedStatement};
use crate::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use crate::order::TopicOrder;
use crate::refusal::Refusal;
use crate::replica::Replica;
use crate::run::RunView;

/// Something that is wrong in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Byte offset of the record.
    pub offset: u64,
    /// The feed, where it is known.
    pub feed: Option<FeedKey>,
    /// The entry's number, where it is known.
    pub seq: Option<u64>,
    /// What is wrong.
    pub refusal: Refusal,
}

/// What a bundle proves of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedReport {
    /// The device that wrote it.
    pub device: DeviceId,
    /// Whose device it is.
    pub entity: EntityId,
    /// The device's name.
    pub name: String,
    /// The last seq up to which it is complete.
    pub up_to: u64,
    /// The entry there.
    pub head: EntryId,
    /// Where it is forked.
    pub forked_at: Option<u64>,
    /// How many payloads have lost their erasable part.
    pub erased: u64,
}

/// What a bundle proves of one topic.
pub struct TopicReport {
    /// The topic.
    pub topic: TopicId,
    /// Its order.
    pub order: TopicOrder,
    /// Its feeds, by device.
    pub feeds: Vec<FeedReport>,
}

/// What a bundle proves.
pub struct Report {
    /// Its topics, by id.
    pub topics: Vec<TopicReport>,
    /// What is wrong, by place.
    pub problems: Vec<Problem>,
    /// Entries that are proven.
    pub entries: usize,
    /// Runs in the file.
    pub runs: usize,
    /// Signatures over runs that were checked.
    pub signatures: usize,
    /// Fork proofs that are right.
    pub fork_proofs: Vec<(FeedKey, u64)>,
    /// Identity logs, by entity.
    pub identities: BTreeMap<EntityId, IdentityLog>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Verifies a bundle. An error only where it can't be read; what is wrong with
/// it is in the report.
pub fn verify(input: impl Read) -> Result<Report, BundleError> {
    let (records, frame_problem) = read_records(input)?;
    let mut verifier = Verifier {
        problems: frame_problem.into_iter().collect(),
        ..Verifier::default()
    };
    let of = |kind| {
        records
            .iter()
            .filter(move |(_, of, _)| *of == kind)
            .map(|(offset, _, data)| (*offset, &data[..]))
    };
    let mut decoded = Vec::new();
    for (offset, data) in of(RecordKind::Run) {
        match RunView::decode(data) {
            Ok(run) => decoded.push((offset, run)),
            Err(refusal) => verifier.problem(offset, refusal),
        }
    }
    let (offsets, mut runs): (Vec<u64>, Vec<RunView<'_>>) = decoded.into_iter().unzip();
    let authenticity = authenticate(&runs);
    for index in &authenticity.garbled {
        verifier.problem_at(
            offsets[*index],
            &runs[*index],
            runs[*index].entries.len() - 1,
            Refusal::BadSignature,
        );
    }
    for (index, run) in runs.iter_mut().enumerate() {
        let authentic = authenticity.authentic[index];
        if authentic < run.entries.len() && !authenticity.garbled.contains(&index) {
            verifier.problem_at(offsets[index], run, authentic, Refusal::BadSignature);
        }
        run.entries.truncate(authentic);
    }
    verifier.admit_all(&offsets, &runs);
    for (offset, data) in of(RecordKind::ForkProof) {
        verifier.take_fork_proof(offset, data);
    }
    verifier.take_statements(of(RecordKind::Statement).collect());
    for (offset, data) in of(RecordKind::Note) {
        if Value::decode_map(data).is_err() {
            verifier.problem(offset, Refusal::BadCbor);
        }
    }
    Ok(verifier.report(&runs, authenticity.checked))
}

type Records = Vec<(u64, RecordKind, Vec<u8>)>;

fn read_records(input: impl Read) -> Result<(Records, Option<Problem>), BundleError> {
    let frame = |error: BundleError| match error {
        BundleError::Frame { offset, .. } => Ok(Problem {
            offset,
            feed: None,
            seq: None,
            refusal: Refusal::BadBundle,
        }),
        error @ BundleError::Io(_) => Err(error),
    };
    let mut records = Vec::new();
    let mut reader = match BundleReader::new(input) {
        Ok(reader) => reader,
        Err(error) => return Ok((records, Some(frame(error)?))),
    };
    loop {
        match reader.next_record() {
            Ok(Some(record)) => records.push((record.offset, record.kind, record.data)),
            Ok(None) => return Ok((records, None)),
            Err(error) => return Ok((records, Some(frame(error)?))),
        }
    }
}

#[derive(Default)]
struct Verifier {
    replica: Replica,
    problems: Vec<Problem>,
    /// Entries that are refused, and those that build on them within their run.
    invalid: BTreeSet<EntryId>,
    fork_proofs: Vec<(FeedKey, u64)>,
    identities: BTreeMap<EntityId, IdentityLog>,
}

impl Verifier {
    fn problem(&mut self, offset: u64, refusal: Refusal) {
        self.problems.push(Problem {
            offset,
            feed: None,
            seq: None,
            refusal,
        });
    }

    fn problem_at(&mut self, offset: u64, run: &RunView<'_>, index: usize, refusal: Refusal) {
        let seq = run.entries.get(index).map(|entry| entry.seq);
        self.problems.push(Problem {
            offset,
            feed: Some(run.feed),
            seq,
            refusal,
        });
    }

    /// Admits the runs in whatever order their ancestors allow.
    fn admit_all(&mut self, offsets: &[u64], runs: &[RunView<'_>]) {
        let mut waiting = Waiting::new(WaitingLimits {
            entries: usize::MAX,
            bytes: usize::MAX,
        });
        let mut queue: Vec<usize> = (0..runs.len()).rev().collect();
        while let Some(index) = queue.pop() {
            if runs[index].entries.is_empty() {
                continue;
            }
            match self.offer(offsets[index], &runs[index]) {
                Ok(()) => {
                    for entry in &runs[index].entries {
                        queue.extend(
                            waiting
                                .arrived(&entry.id)
                                .into_iter()
                                .map(|(_, parked)| parked.item),
                        );
                    }
                }
                Err(missing) => waiting.park(
                    0,
                    Parked {
                        item: index,
                        entries: 0,
                        bytes: 0,
                    },
                    missing,
                ),
            }
        }
        let left: Vec<usize> = waiting
            .drain()
            .into_iter()
            .map(|(_, parked)| parked.item)
            .collect();
        self.admit_fronts(offsets, runs, left);
    }

    /// Offers a run; gives what it waits for.
    fn offer(&mut self, offset: u64, run: &RunView<'_>) -> Result<(), Vec<EntryId>> {
        match self.replica.offer(run) {
            Admit::Known | Admit::Fresh(_) | Admit::Ahead { .. } => Ok(()),
            Admit::Waits { missing } => Err(missing),
            Admit::Refused(refused) => {
                self.problem_at(offset, run, refused.index, refused.refusal);
                let rest = &run.entries[refused.index..];
                self.invalid.extend(rest.iter().map(|entry| entry.id));
                if rest.len() > 1 {
                    self.problem_at(offset, run, refused.index + 1, Refusal::InvalidAncestor);
                }
                if let Some(seq) = refused.fork {
                    self.replica.insert_fork(&run.feed, seq);
                }
                if refused.index > 0 {
                    let mut front = run.clone();
                    front.entries.truncate(refused.index);
                    return self.offer(offset, &front);
                }
                Ok(())
            }
        }
    }

    /// Runs that wait for good: what of them stands before the gap still counts.
    fn admit_fronts(&mut self, offsets: &[u64], runs: &[RunView<'_>], mut left: Vec<usize>) {
        loop {
            let before = self.replica.ledger.len();
            left.retain(|index| {
                let front = self.whole_front(&runs[*index]);
                if front > 0 {
                    let mut run = runs[*index].clone();
                    run.entries.truncate(front);
                    // nothing of the front is missing, so it can't wait
                    let _ = self.offer(offsets[*index], &run);
                }
                front < runs[*index].entries.len()
            });
            if self.replica.ledger.len() == before {
                break;
            }
        }
        for index in left {
            let (run, front) = (&runs[index], self.whole_front(&runs[index]));
            let Some(entry) = run.entries.get(front) else {
                continue;
            };
            let mut ancestors = entry.backlink.iter().copied().chain(entry.deps());
            let invalid = ancestors.any(|ancestor| self.invalid.contains(&ancestor));
            let refusal = if invalid {
                Refusal::InvalidAncestor
            } else {
                Refusal::MissingAncestor
            };
            if invalid {
                self.invalid
                    .extend(run.entries[front..].iter().map(|entry| entry.id));
            }
            self.problem_at(offsets[index], run, front, refusal);
        }
    }

    /// How many entries at the front of a run have all their ancestors.
    fn whole_front(&self, run: &RunView<'_>) -> usize {
        let held = |id: &EntryId| matches!(self.replica.ledger.facts(id), Ok(Some(_)));
        let begins = run.first().backlink.is_none_or(|backlink| held(&backlink));
        let whole = |index: &usize| {
            let entry = &run.entries[*index];
            entry
                .deps()
                .all(|dep| held(&dep) || run.entries[..*index].iter().any(|other| other.id == dep))
        };
        if begins {
            (0..run.entries.len()).take_while(whole).count()
        } else {
            0
        }
    }

    fn take_fork_proof(&mut self, offset: u64, data: &[u8]) {
        match ForkProof::decode(data).and_then(|proof| Ok((proof.verify()?, proof.seq))) {
            Ok((feed, seq)) => {
                self.replica.insert_fork(&feed, seq);
                self.fork_proofs.push((feed, seq));
            }
            Err(refusal) => self.problem(offset, refusal),
        }
    }

    fn take_statements(&mut self, records: Vec<(u64, &[u8])>) {
        let mut statements = Vec::new();
        for (offset, data) in records {
            match SignedStatement::decode(data) {
                Ok(signed) => statements.push((
                    signed.statement.entity,
                    signed.statement.number,
                    offset,
                    signed,
                )),
                Err(refusal) => self.problem(offset, refusal),
            }
        }
        statements.sort_by_key(|(entity, number, offset, _)| (*entity, *number, *offset));
        for (entity, _, offset, signed) in statements {
            let log = self
                .identities
                .entry(entity)
                .or_insert_with(|| IdentityLog::new(entity));
            if let Err(refusal) = log.add(signed) {
                self.problem(offset, refusal);
            }
        }
    }

    fn report(mut self, runs: &[RunView<'_>], signatures: usize) -> Report {
        let mut feeds: BTreeMap<FeedKey, FeedReport> = BTreeMap::new();
        // an entry may come twice, once whole and once erased; then it is whole
        let mut seen: HashMap<EntryId, bool> = HashMap::new();
        for entry in runs.iter().flat_map(|run| &run.entries) {
            if matches!(self.replica.ledger.facts(&entry.id), Ok(Some(_))) {
                let erased = entry.payload.is_erased();
                seen.entry(entry.id)
                    .and_modify(|known| *known &= erased)
                    .or_insert(erased);
            }
        }
        for run in runs {
            for entry in &run.entries {
                let Some(erased) = seen.remove(&entry.id) else {
                    continue;
                };
                let Some(order) = self.replica.orders.get(&run.feed.topic) else {
                    continue;
                };
                let Some(entity) = order.entity_of(&entry.id) else {
                    continue;
                };
                let feed = feeds.entry(run.feed).or_insert_with(|| FeedReport {
                    device: run.feed.author,
                    entity,
                    name: order.device_name(&entry.id).unwrap_or_default().to_owned(),
                    up_to: 0,
                    head: entry.id,
                    forked_at: order.forked_at(&run.feed.author),
                    erased: 0,
                });
                feed.erased += u64::from(erased);
                // of two branches, the head is that of the longer one, then the smaller id
                if (entry.seq, std::cmp::Reverse(entry.id))
                    > (feed.up_to, std::cmp::Reverse(feed.head))
                {
                    (feed.up_to, feed.head) = (entry.seq, entry.id);
                }
            }
        }
        let mut topics = Vec::new();
        for (topic, mut order) in self.replica.orders {
            order.settle();
            let feeds = feeds
                .iter()
                .filter(|(key, _)| key.topic == topic)
                .map(|(_, feed)| feed.clone())
                .collect();
            topics.push(TopicReport {
                topic,
                order,
                feeds,
            });
        }
        self.problems.sort();
        self.problems.dedup();
        Report {
            topics,
            problems: self.problems,
            entries: self.replica.ledger.len(),
            runs: runs.len(),
            signatures,
            fork_proofs: self.fork_proofs,
            identities: self.identities,
        }
    }
}
