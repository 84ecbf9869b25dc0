//! Bundles: topics written to a file, and read from one into the store.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use synlog_log::bundle::{BundleError, BundleReader, BundleWriter, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::fork::ForkProof;
use synlog_log::identity::SignedStatement;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::run::{RunView, join};

use crate::failure::Failure;
use crate::intake::Intake;
use crate::node::Node;
use crate::pipeline::erase_in;
use crate::replay::note_of;

/// Runs that are verified and stored together: bounds memory, and one commit each.
const READ_BYTES: usize = 16 * 1024 * 1024;

/// Modules of one file that are offered for installing; a topic names one.
const REDUCERS_MAX: usize = 16;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Topics.
    pub topics: u64,
    /// Entries.
    pub entries: u64,
    /// Runs, each with one signature.
    pub runs: u64,
    /// Fork proofs.
    pub fork_proofs: u64,
    /// Identity statements.
    pub statements: u64,
    /// Receipts.
    pub receipts: u64,
    /// Modules of reducers.
    pub reducers: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// What became of the runs.
    pub intake: Intake,
    /// Fork proofs that were news.
    pub fork_proofs: u64,
    /// Identity statements that were news.
    pub statements: u64,
    /// Receipts by others that were news.
    pub receipts: u64,
    /// Receipts that this device signed for what came.
    pub receipts_issued: u64,
    /// Modules of reducers in the file that are not here, by hash. They don't run unless
    /// somebody here installs them.
    pub reducers: BTreeMap<[u8; 32], Vec<u8>>,
    /// Records that do not decode or check, by byte offset.
    pub bad_records: Vec<(u64, Refusal)>,
    /// Runs that wait for ancestors which are not in the file.
    pub waiting: u64,
    /// Topics that got something new.
    pub topics: BTreeSet<TopicId>,
}

fn bundle(path: &Path) -> impl Fn(BundleError) -> Failure + '_ {
    |source| Failure::Bundle {
        path: path.to_path_buf(),
        source,
    }
}

impl Node {
    /// Writes topics to a file, replacing it only when all is written.
    pub fn write_bundle(&mut self, topics: &[TopicId], path: &Path) -> Result<Written, Failure> {
        let part = path.with_extension("synlog.part");
        let written = self.write_part(topics, path, &part);
        if written.is_err() {
            // what is left of it is of no use to anybody
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    fn write_part(
        &mut self,
        topics: &[TopicId],
        path: &Path,
        part: &Path,
    ) -> Result<Written, Failure> {
        let file = File::create(part).map_err(Failure::file(part))?;
        let mut writer = BundleWriter::new(BufWriter::new(file)).map_err(bundle(path))?;
        let mut written = Written::default();
        let (modules, views) = self.reducers_and_rows(topics)?;
        let note = Value::map([
            ("views", Value::Array(views)),
            (
                "about",
                Value::Text("synlog bundle: verify with `synlog verify FILE`".into()),
            ),
            (
                "topics",
                Value::Array(
                    topics
                        .iter()
                        .map(|topic| Value::Bytes(topic.0.to_vec()))
                        .collect(),
                ),
            ),
        ]);
        writer
            .record(RecordKind::Note, &note.encode())
            .map_err(bundle(path))?;
        for module in &modules {
            written.reducers += 1;
            writer
                .record(RecordKind::Reducer, module)
                .map_err(bundle(path))?;
        }
        // with them others can seal things to this entity
        let mut entities = BTreeSet::from([self.entity()]);
        for topic in topics {
            let erased = self.order(topic)?.erased();
            for run in self.joined_runs(topic, &erased)? {
                let view = RunView::decode(&run).map_err(Failure::refused("a stored run"))?;
                written.runs += 1;
                written.entries += view.entries.len() as u64;
                entities.extend(self.certified_of(&view).map(|certified| certified.entity));
                writer.record(RecordKind::Run, &run).map_err(bundle(path))?;
            }
            for (feed, (_, proof)) in &self.forks {
                if feed.topic == *topic {
                    written.fork_proofs += 1;
                    writer
                        .record(RecordKind::ForkProof, proof)
                        .map_err(bundle(path))?;
                }
            }
            for receipt in self.receipts(topic) {
                written.receipts += 1;
                writer
                    .record(RecordKind::Receipt, &receipt.bytes)
                    .map_err(bundle(path))?;
            }
            written.topics += 1;
        }
        written.statements = self
            .write_statements(&mut writer, &entities)
            .map_err(bundle(path))?;
        let output = writer.finish().map_err(bundle(path))?;
        let file = output
            .into_inner()
            .map_err(|error| Failure::file(path)(error.into_error()))?;
        file.sync_all().map_err(Failure::file(part))?;
        written.bytes = file.metadata().map_err(Failure::file(part))?.len();
        std::fs::rename(part, path).map_err(Failure::file(path))?;
        Ok(written)
    }

    /// The modules that topics name, each once, and what their rows come to here.
    fn reducers_and_rows(
        &mut self,
        topics: &[TopicId],
    ) -> Result<(Vec<Vec<u8>>, Vec<Value>), Failure> {
        let (mut modules, mut views) = (BTreeMap::new(), Vec::new());
        for topic in topics {
            if self.order(topic)?.is_private() {
                // which rules apply, and what the rows come to, is the members' business
                continue;
            }
            let chosen = self.chosen_reducer(topic)?.filter(|chosen| chosen.by_topic);
            let Some(chosen) = chosen else {
                continue;
            };
            match self.home.module(&chosen.hash) {
                Ok(module) => modules.insert(chosen.hash, module),
                // whoever reads the bundle has to have it
                Err(Failure::NoReducer(_)) => continue,
                Err(failure) => return Err(failure),
            };
            match self.rows_digest(topic) {
                Ok(digest) => views.extend(digest.map(|digest| note_of(&digest))),
                // entries are carried whatever their reducer does
                Err(Failure::Halted(_) | Failure::BadReducer { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok((modules.into_values().collect(), views))
    }

    fn write_statements<W: std::io::Write>(
        &self,
        writer: &mut BundleWriter<W>,
        entities: &BTreeSet<EntityId>,
    ) -> Result<u64, BundleError> {
        let mut count = 0;
        for log in entities
            .iter()
            .filter_map(|entity| self.identities.get(entity))
        {
            let others = log.conflicts().iter().map(|conflict| &conflict.other);
            for signed in log.statements().chain(others) {
                writer.record(RecordKind::Statement, &signed.encode())?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// The runs of a topic in order of arrival, those that follow on one another
    /// joined under the last one's signature, without what was erased.
    fn joined_runs(&self, topic: &TopicId, erased: &[EntryId]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut joined: Vec<Vec<u8>> = Vec::new();
        let mut before: HashSet<EntryId> = HashSet::new();
        for (_, bytes) in self.runs_of_topic(topic)? {
            let run = RunView::decode(&bytes).map_err(Failure::refused("a stored run"))?;
            let bytes = erase_in(&run, erased);
            let run = RunView::decode(&bytes).map_err(Failure::refused("a stored run"))?;
            // after damage entries may stand behind what builds on them; joining must not
            // make two runs wait for each other
            let cited = run.entries.iter().flat_map(|entry| entry.deps());
            let in_order = cited.into_iter().all(|dep| before.contains(&dep));
            before.extend(run.entries.iter().map(|entry| entry.id));
            let last = joined.last().filter(|_| in_order);
            match last.and_then(|last| join(&RunView::decode(last).ok()?, &run)) {
                Some(longer) => *joined.last_mut().unwrap_or(&mut Vec::new()) = longer,
                None => joined.push(bytes),
            }
        }
        Ok(joined)
    }

    /// Reads a bundle into the store: what is authentic and valid is kept, the rest
    /// is told. A file whose frame is damaged is refused whole.
    pub fn read_bundle(
        &mut self,
        path: &Path,
        now_ms: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Received, Failure> {
        let open = || -> Result<BundleReader<BufReader<File>>, Failure> {
            let file = File::open(path).map_err(Failure::file(path))?;
            BundleReader::new(BufReader::new(file)).map_err(bundle(path))
        };
        // first the frame to its end, so that a damaged file changes nothing
        let mut reader = open()?;
        while reader.next_record().map_err(bundle(path))?.is_some() {}
        let mut reader = open()?;
        let mut received = Received::default();
        let (mut runs, mut pending_bytes) = (Vec::new(), 0);
        let (mut proofs, mut statements, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(record) = reader.next_record().map_err(bundle(path))? {
            progress(record.offset);
            match record.kind {
                RecordKind::Run => match RunView::decode(&record.data).map(drop) {
                    Ok(()) => {
                        pending_bytes += record.data.len();
                        runs.push(record.data);
                    }
                    Err(refusal) => received.bad_records.push((record.offset, refusal)),
                },
                RecordKind::ForkProof => proofs.push((record.offset, record.data)),
                RecordKind::Statement => statements.push((record.offset, record.data)),
                RecordKind::Receipt => receipts.push((record.offset, record.data)),
                RecordKind::Reducer => {
                    let hash = *blake3::hash(&record.data).as_bytes();
                    let here = self.home.module(&hash).is_ok();
                    if !here && received.reducers.len() < REDUCERS_MAX {
                        received.reducers.insert(hash, record.data);
                    }
                }
                RecordKind::Note => {}
            }
            if pending_bytes >= READ_BYTES {
                self.take_in(std::mem::take(&mut runs), now_ms, &mut received.intake)?;
                pending_bytes = 0;
            }
        }
        self.take_in(runs, now_ms, &mut received.intake)?;
        self.unproven.clear();
        self.read_statements(statements, &mut received)?;
        for (offset, data) in proofs {
            match ForkProof::decode(&data).and_then(|proof| proof.verify().map(|_| proof)) {
                Ok(proof) => received.fork_proofs += u64::from(self.take_in_fork_proof(&proof)?),
                Err(refusal) => received.bad_records.push((offset, refusal)),
            }
        }
        for (offset, data) in receipts {
            match self.take_in_receipt(&data) {
                Ok(news) => received.receipts += u64::from(news),
                Err(Failure::Refused { refusal, .. }) => {
                    received.bad_records.push((offset, refusal));
                }
                Err(failure) => return Err(failure),
            }
        }
        received.receipts_issued = self.issue_receipts(&received.intake.fresh, now_ms)? as u64;
        received.waiting = self.waiting.len() as u64;
        received.topics = received
            .intake
            .fresh
            .keys()
            .map(|feed| feed.topic)
            .collect();
        Ok(received)
    }

    fn read_statements(
        &mut self,
        records: Vec<(u64, Vec<u8>)>,
        received: &mut Received,
    ) -> Result<(), Failure> {
        let mut statements = Vec::new();
        for (offset, data) in records {
            match SignedStatement::decode(&data) {
                Ok(signed) => statements.push((
                    signed.statement.entity,
                    signed.statement.number,
                    offset,
                    signed,
                )),
                Err(refusal) => received.bad_records.push((offset, refusal)),
            }
        }
        statements.sort_by_key(|(entity, number, offset, _)| (*entity, *number, *offset));
        for (_, _, offset, signed) in statements {
            match self.take_in_statement(&signed) {
                Ok(news) => received.statements += u64::from(news),
                Err(Failure::Refused { refusal, .. }) => {
                    received.bad_records.push((offset, refusal))
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}
