//! A store in memory that does what a node's store does: admission, ledger and order of
//! `synlog_log`, what waits, forks, statements, receipts, access.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use synlog_log::admission::{Ledger, Parked, Waiting, WaitingLimits};
use synlog_log::fork::ForkProof;
use synlog_log::identity::SignedStatement;
use synlog_log::ids::{EntityId, EntryId, FeedKey, TopicId};
use synlog_log::limits::AHEAD_MAX_MS;
use synlog_log::replica::Replica;
use synlog_log::run::RunView;
use synlog_log::sealed::inbox::{Inbox, InboxLimits};

use super::cast::Device;
use super::disk::{Record, RecordDisk};
use super::gathering::Received;
use super::lies::Lies;
use crate::peer::NodeId;
use crate::repo::{Post, Taken};
use crate::row::Row;

/// Who may have a private topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// Who may read it.
    pub members: BTreeSet<EntityId>,
    /// Who may keep its ciphertext.
    pub keepers: BTreeSet<EntityId>,
}

/// What is known of a feed.
#[derive(Debug, Clone, Default)]
pub(super) struct Feed {
    /// Seq behind the highest entry of any branch.
    pub height: u64,
    /// Where it is forked, with the proof.
    pub fork: Option<(u64, Vec<u8>)>,
    /// Position of its last advance.
    pub position: u64,
}

/// The store of a simulated node.
pub struct MemoryRepo {
    pub(super) device: Device,
    pub(super) disk: RecordDisk,
    pub(super) replica: Replica,
    /// Where each entry's run stands on the disk.
    pub(super) records: HashMap<EntryId, usize>,
    pub(super) feeds: BTreeMap<FeedKey, Feed>,
    pub(super) topics: BTreeMap<TopicId, BTreeSet<FeedKey>>,
    pub(super) advanced: BTreeMap<u64, FeedKey>,
    /// Arrival position of each record that is a run.
    pub(super) positions: HashMap<usize, u64>,
    pub(super) end: u64,
    pub(super) waiting: Waiting<Vec<u8>>,
    pub(super) sources: BTreeMap<NodeId, u64>,
    pub(super) statements: BTreeMap<EntityId, Vec<Vec<u8>>>,
    pub(super) receipts: BTreeSet<Vec<u8>>,
    /// Letters that wait to be handed over, and those that came.
    pub(super) letters: Vec<(EntityId, Post)>,
    pub(super) inbox: Inbox,
    /// Who may have the private topics that this node knows of.
    pub audiences: BTreeMap<TopicId, Audience>,
    /// Entries that the disk has lost to damage.
    pub damaged: BTreeSet<(TopicId, EntryId)>,
    /// A copy of this device's feeds was seen that this store lacks: it signs no more.
    pub own_seen_outside: bool,
    /// What it took in from others since it was opened.
    pub received: Received,
    /// What it lies about.
    pub lies: Option<Lies>,
    /// The latest time that an entry here claims.
    latest_ms: u64,
}

impl MemoryRepo {
    /// Opens a disk: all that is derived is made from its records.
    pub fn open(disk: RecordDisk, device: Device, limits: WaitingLimits) -> Self {
        Self::open_at(disk, device, limits, u64::MAX)
    }

    /// As [`MemoryRepo::open`], but what claims to be later than a time is put aside.
    pub fn open_at(disk: RecordDisk, device: Device, limits: WaitingLimits, now_ms: u64) -> Self {
        let mut repo = Self {
            inbox: Inbox::new(device.entity, InboxLimits::default()),
            device,
            disk: RecordDisk {
                epoch: disk.epoch,
                records: Vec::with_capacity(disk.records.len()),
                blobs: disk.blobs,
            },
            replica: Replica::default(),
            records: HashMap::new(),
            feeds: BTreeMap::new(),
            topics: BTreeMap::new(),
            advanced: BTreeMap::new(),
            positions: HashMap::new(),
            end: 0,
            waiting: Waiting::new(limits),
            sources: BTreeMap::new(),
            statements: BTreeMap::new(),
            receipts: BTreeSet::new(),
            letters: Vec::new(),
            audiences: BTreeMap::new(),
            damaged: BTreeSet::new(),
            own_seen_outside: false,
            latest_ms: 0,
            received: Received::default(),
            lies: None,
        };
        for record in disk.records {
            match record {
                Record::Run(bytes) => {
                    let mut taken = Taken::default();
                    repo.admit(vec![(0, bytes)], now_ms, &mut taken);
                }
                Record::Proof(bytes) => {
                    let proof = ForkProof::decode(&bytes);
                    if let Ok(proof) = proof
                        && let Some(feed) = proof.sides[0].path.first().map(|it| it.feed())
                    {
                        repo.keep_proof(feed, proof.seq, bytes);
                    }
                }
                Record::Statement(bytes) => {
                    repo.keep_statement(bytes);
                }
                Record::Receipt(bytes) => {
                    repo.keep_receipt(bytes);
                }
            }
        }
        repo.settle();
        repo
    }

    /// What is on the disk.
    pub fn disk(&self) -> &RecordDisk {
        &self.disk
    }

    /// The disk, when the node goes down.
    pub fn into_disk(self) -> RecordDisk {
        self.disk
    }

    /// Whether anything here claims to be too far ahead of a time.
    pub fn is_ahead_of(&self, now_ms: u64) -> bool {
        self.latest_ms > now_ms.saturating_add(AHEAD_MAX_MS)
    }

    /// Whether entries of a topic are here.
    pub fn has_topic(&self, topic: &TopicId) -> bool {
        self.replica.orders.contains_key(topic)
    }

    /// The topics of which entries are here.
    pub fn topic_ids(&self) -> Vec<TopicId> {
        self.topics.keys().copied().collect()
    }

    /// The rows of a topic, ordered by author.
    pub fn rows_of(&self, topic: &TopicId) -> Vec<Row> {
        let feeds = self.topics.get(topic).into_iter().flatten();
        feeds.filter_map(|feed| self.row_of(feed)).collect()
    }

    /// The device that it belongs to.
    pub fn owner(&self) -> &Device {
        &self.device
    }

    /// How many runs wait, and how many bytes they take, for one source.
    pub fn waiting_of(&self, source: &NodeId) -> (usize, usize) {
        let bytes = self
            .sources
            .get(source)
            .map(|it| self.waiting.bytes_of(*it));
        (self.waiting.len(), bytes.unwrap_or(0))
    }

    /// What waits here and what for, to be read by people; it waits no more.
    pub fn what_waits(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for (source, parked) in self.waiting.drain() {
            let Ok(run) = RunView::decode(&parked.item) else {
                continue;
            };
            let (first, last) = (run.first(), run.last());
            let deps = run
                .entries
                .iter()
                .flat_map(|it| it.deps().collect::<Vec<_>>());
            let lacks = deps
                .chain(first.backlink)
                .filter(|it| !self.records.contains_key(it));
            let lacks: BTreeSet<String> = lacks.map(|it| it.short()).collect();
            lines.push(format!(
                "keeps, of source {source}, {}/{} {}..={} of {} ({}..{}) for {lacks:?}",
                run.feed.topic.short(),
                run.feed.author.short(),
                first.seq,
                last.seq,
                last.hlc >> 16,
                first.id.short(),
                last.id.short(),
            ));
        }
        lines
    }

    /// Whether all of a row is here; of a forked feed what lies above the fork is not asked for.
    pub fn holds(&self, row: &Row) -> bool {
        let forked_at = self.row_of(&row.feed).and_then(|it| it.forked_at);
        let height = forked_at.map_or(row.height, |seq| row.height.min(seq));
        let head = row.head.filter(|_| height == row.height);
        (0..height).all(|seq| self.entry_at(&row.feed, seq).is_some())
            && head.is_none_or(|head| self.records.contains_key(&head))
    }

    /// How many entries are on the disk, and how many of them differ.
    pub fn stored_entries(&self) -> (usize, usize) {
        let stored = self.disk.records.iter().map(|record| match record {
            Record::Run(bytes) => RunView::decode(bytes).map_or(0, |run| run.entries.len()),
            _ => 0,
        });
        (stored.sum(), self.records.len())
    }

    /// The row of a feed, if anything is known of it.
    pub fn row_of(&self, key: &FeedKey) -> Option<Row> {
        let feed = self.feeds.get(key)?;
        let forked_at = feed.fork.as_ref().map(|(seq, _)| *seq);
        let height = forked_at.map_or(feed.height, |seq| seq.min(feed.height));
        Some(Row {
            feed: *key,
            height,
            head: height
                .checked_sub(1)
                .and_then(|seq| self.entry_at(key, seq)),
            forked_at,
        })
    }

    /// The entry at a seq; of a forked feed, above the fork, the one that came first.
    pub(super) fn entry_at(&self, feed: &FeedKey, seq: u64) -> Option<EntryId> {
        let Ok(ids) = self.replica.ledger.at_seq(feed, seq);
        ids.first().copied()
    }

    /// Arrival position of an entry.
    pub(super) fn place_of(&self, id: &EntryId) -> Option<u64> {
        let (at, bytes) = self.run_of(id)?;
        let run = RunView::decode(bytes).ok()?;
        let within = run.entries.iter().position(|entry| entry.id == *id)?;
        Some(self.positions.get(&at)? + within as u64)
    }

    /// How far a feed went before a position: entries of a branch arrive in order.
    pub(super) fn height_before(&self, feed: &FeedKey, position: u64) -> u64 {
        let (mut low, mut high) = (0, self.feeds.get(feed).map_or(0, |it| it.height));
        while low < high {
            let middle = (low + high) / 2;
            let place = self
                .entry_at(feed, middle)
                .and_then(|id| self.place_of(&id));
            if place.is_some_and(|place| place < position) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whose device writes a feed.
    pub(super) fn entity_of(&self, feed: &FeedKey) -> Option<EntityId> {
        let first = self.entry_at(feed, 0)?;
        let order = self.replica.orders.get(&feed.topic)?;
        order.entity_of(&first)
    }

    /// The stored run that holds an entry.
    pub(super) fn run_of(&self, id: &EntryId) -> Option<(usize, &[u8])> {
        let at = *self.records.get(id)?;
        match &self.disk.records[at] {
            Record::Run(bytes) => Some((at, bytes)),
            _ => None,
        }
    }

    /// Notes that a feed went on, by so many arrivals.
    pub(super) fn advance(&mut self, key: &FeedKey, arrivals: u64) {
        let feed = self.feeds.entry(*key).or_default();
        if self.advanced.get(&feed.position) == Some(key) {
            self.advanced.remove(&feed.position);
        }
        feed.position = self.end;
        self.advanced.insert(self.end, *key);
        self.end += arrivals;
        self.topics.entry(key.topic).or_default().insert(*key);
    }

    /// Keeps a proof that has been checked; whether it was news.
    pub(super) fn keep_proof(&mut self, key: FeedKey, seq: u64, bytes: Vec<u8>) -> bool {
        let feed = self.feeds.entry(key).or_default();
        if feed.fork.as_ref().is_some_and(|(known, _)| *known <= seq) {
            return false;
        }
        feed.fork = Some((seq, bytes.clone()));
        self.disk.records.push(Record::Proof(bytes));
        self.advance(&key, 1);
        self.replica.insert_fork(&key, seq);
        true
    }

    /// Keeps a statement that follows on those that are here; whether it was news. In
    /// these worlds nobody rotates a root.
    pub(super) fn keep_statement(&mut self, bytes: Vec<u8>) -> bool {
        let Ok(signed) = SignedStatement::decode(&bytes) else {
            return false;
        };
        let statement = &signed.statement;
        let log = self.statements.get(&statement.entity);
        let count = log.map_or(0, Vec::len);
        let last = log.and_then(|log| log.last());
        let last = last.and_then(|last| SignedStatement::decode(last).ok());
        let follows = statement.number == count as u64
            && statement.prev == last.map(|last| last.statement.hash());
        let root = statement.entity.0;
        if !follows || !remembered(&bytes, || signed.verify(&root).is_ok()) {
            return false;
        }
        let log = self.statements.entry(statement.entity).or_default();
        log.push(bytes.clone());
        self.disk.records.push(Record::Statement(bytes));
        true
    }

    /// Keeps a receipt; whether it was news.
    pub(super) fn keep_receipt(&mut self, bytes: Vec<u8>) -> bool {
        let news = self.receipts.insert(bytes.clone());
        if news {
            self.disk.records.push(Record::Receipt(bytes));
        }
        news
    }

    /// Puts a run aside until its ancestors come.
    pub(super) fn park(&mut self, source: u64, run: &RunView<'_>, until: Until) {
        let parked = Parked {
            item: run.bytes.to_vec(),
            entries: run.entries.len(),
            bytes: run.bytes.len(),
        };
        match until {
            Until::Ancestors(missing) => self.waiting.park(source, parked, missing),
            Until::Clock(until_ms) => self.waiting.quarantine(source, parked, until_ms),
        }
    }

    /// The number under which a source's runs wait.
    pub(super) fn source_number(&mut self, source: NodeId) -> u64 {
        let next = self.sources.len() as u64 + 1;
        *self.sources.entry(source).or_insert(next)
    }

    /// Keeps a run that was admitted, from its first new entry on.
    pub(super) fn keep_run(&mut self, bytes: Vec<u8>) {
        let Ok(run) = RunView::decode(&bytes) else {
            return;
        };
        let at = self.disk.records.len();
        let (feed, arrivals) = (run.feed, run.entries.len() as u64);
        for entry in &run.entries {
            self.records.insert(entry.id, at);
        }
        self.note_names(&run);
        let height = run.last().seq + 1;
        self.latest_ms = self.latest_ms.max(run.last().hlc >> 16);
        self.positions.insert(at, self.end);
        self.disk.records.push(Record::Run(bytes));
        self.advance(&feed, arrivals);
        if let Some(known) = self.feeds.get_mut(&feed) {
            known.height = known.height.max(height);
        }
    }
}

/// What a run that is put aside waits for.
pub(super) enum Until {
    /// Entries that it builds on.
    Ancestors(Vec<EntryId>),
    /// The clock.
    Clock(u64),
}

/// Whether a run's signature is right.
pub(super) fn is_authentic(run: &RunView<'_>) -> bool {
    remembered(run.bytes, || run.verify().is_ok())
}

/// Whether some bytes are right by their signatures. The same bytes come to each node of a
/// world, so what was found is remembered.
pub(super) fn remembered(bytes: &[u8], check: impl FnOnce() -> bool) -> bool {
    const REMEMBERED_MAX: usize = 1 << 15;
    thread_local! {
        static FOUND: RefCell<HashMap<[u8; 32], bool>> = RefCell::new(HashMap::new());
    }
    let name = *blake3::hash(bytes).as_bytes();
    FOUND.with_borrow_mut(|found| {
        if found.len() > REMEMBERED_MAX {
            found.clear();
        }
        *found.entry(name).or_insert_with(check)
    })
}
