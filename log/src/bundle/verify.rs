//! Verifying a bundle: offline, from its bytes alone (`spec/08-bundle.md` 8.1).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use crate::attestation::check_receipt;
use crate::bundle::judge::Judge;
use crate::bundle::signatures::authenticate;
use crate::bundle::statements::take_statements;
use crate::bundle::{BundleError, BundleReader, RecordKind};
use crate::cbor::Value;
use crate::fold::Fact;
use crate::identity::SignedStatement;
use crate::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use crate::order::TopicOrder;
use crate::refusal::Refusal;
use crate::run::RunView;
use crate::sealed::Secrets;

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
    /// Identity statements that are right, by entity and number.
    pub identities: BTreeMap<EntityId, Vec<SignedStatement>>,
    /// Receipts that are right.
    pub receipts: Vec<Fact>,
    /// The file's notes. Nobody signed them.
    pub notes: Vec<Value>,
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
    verify_with(input, Secrets::default())
}

/// As [`verify`], by a reader who may have keys of private topics.
pub fn verify_with(input: impl Read, secrets: Secrets) -> Result<Report, BundleError> {
    let (records, frame_problem) = read_records(input)?;
    let mut judge = Judge::with_secrets(secrets);
    judge.problems.extend(frame_problem);
    let of = |kind| {
        let of_kind = records.iter().filter(move |(_, of, _)| *of == kind);
        of_kind.map(|(offset, _, data)| (*offset, &data[..]))
    };
    let mut decoded = Vec::new();
    for (offset, data) in of(RecordKind::Run) {
        match RunView::decode(data) {
            Ok(run) => decoded.push((offset, run)),
            Err(refusal) => judge.problem(offset, refusal),
        }
    }
    let (offsets, mut runs): (Vec<u64>, Vec<RunView<'_>>) = decoded.into_iter().unzip();
    let authenticity = authenticate(&runs);
    for (index, refusal) in &authenticity.garbled {
        let last = runs[*index].entries.len() - 1;
        judge.problem_at(offsets[*index], &runs[*index], last, *refusal);
    }
    let mut whole = Vec::new();
    for (index, run) in runs.iter_mut().enumerate() {
        let authentic = authenticity.authentic[index];
        let garbled = authenticity.garbled.contains_key(&index);
        if authentic < run.entries.len() && !garbled {
            judge.problem_at(offsets[index], run, authentic, Refusal::BadSignature);
        }
        run.entries.truncate(authentic);
        if authentic > 0 {
            whole.push((offsets[index], run.clone()));
        }
    }
    judge.admit(whole);
    judge.find_forks();
    for (offset, data) in of(RecordKind::ForkProof) {
        judge.take_fork_proof(offset, data);
    }
    let statements = of(RecordKind::Statement).collect();
    judge.identities = take_statements(statements, &mut judge.problems);
    let (mut notes, mut receipts) = (Vec::new(), Vec::new());
    for (offset, data) in of(RecordKind::Note) {
        match Value::decode_map(data) {
            Ok(note) => notes.push(note),
            Err(_) => judge.problem(offset, Refusal::BadCbor),
        }
    }
    for (offset, data) in of(RecordKind::Receipt) {
        match check_receipt(data) {
            Ok(fact) => receipts.push(fact),
            Err(refusal) => judge.problem(offset, refusal),
        }
    }
    let report = report(judge, &runs, authenticity.checked);
    Ok(Report {
        receipts,
        notes,
        ..report
    })
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

fn report(mut judge: Judge, runs: &[RunView<'_>], signatures: usize) -> Report {
    let mut feeds: BTreeMap<FeedKey, FeedReport> = BTreeMap::new();
    // an entry may come twice, once whole and once erased; then it is whole
    let mut seen: HashMap<EntryId, bool> = HashMap::new();
    for entry in runs.iter().flat_map(|run| &run.entries) {
        if judge.holds(&entry.id) {
            let erased = entry.payload.is_erased();
            let known = seen.entry(entry.id);
            known.and_modify(|known| *known &= erased).or_insert(erased);
        }
    }
    for run in runs {
        for entry in &run.entries {
            let Some(erased) = seen.remove(&entry.id) else {
                continue;
            };
            let Some(order) = judge.replica.orders.get(&run.feed.topic) else {
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
            let height = (entry.seq, Reverse(entry.id));
            if height > (feed.up_to, Reverse(feed.head)) {
                (feed.up_to, feed.head) = (entry.seq, entry.id);
            }
        }
    }
    let mut topics = Vec::new();
    for (topic, mut order) in judge.replica.orders {
        order.settle();
        let of_topic = feeds.iter().filter(|(key, _)| key.topic == topic);
        let feeds = of_topic.map(|(_, feed)| feed.clone()).collect();
        topics.push(TopicReport {
            topic,
            order,
            feeds,
        });
    }
    // one for each record and code, naming the lowest seq
    judge
        .problems
        .sort_by_key(|problem| (problem.offset, problem.refusal, problem.seq));
    judge
        .problems
        .dedup_by_key(|problem| (problem.offset, problem.refusal));
    judge.problems.sort();
    Report {
        topics,
        problems: judge.problems,
        entries: judge.replica.ledger.len(),
        runs: runs.len(),
        signatures,
        fork_proofs: judge.fork_proofs,
        identities: judge.identities,
        receipts: Vec::new(),
        notes: Vec::new(),
    }
}
