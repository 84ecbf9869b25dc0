//! The node's store as replication sees it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use synlog_log::identity::SignedStatement;
use synlog_log::ids::{BlobHash, DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::run::RunView;
use synlog_log::sealed::access::Access as Fetch;
use synlog_log::topic::{Genesis, Visibility};
use synlog_replication::blobs::{BlobKey, Kept, Naming, Partial, Piece, Span};
use synlog_replication::peer::{NodeId, Peer, Proven};
use synlog_replication::repo::{Access, Epoch, Post, Repo, Taken};
use synlog_replication::row::{Advance, Row};

use crate::failure::Failure;
use crate::intake::Intake;
use crate::ledger::read;
use crate::node::Node;
use crate::pipeline::{erase_in, is_run};

/// Who may have a topic, as far as somebody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Everybody.
    All,
    /// Members and keepers; the answers that were given.
    Some(BTreeMap<Proven, Access>),
    /// Nobody: its genesis is not here.
    Nobody,
}

/// Statements of one entity that are taken from other nodes: a business that renews a
/// device each week gets there in ten years.
const STATEMENTS_MAX: usize = 1_024;
/// Entities that write nowhere here of whom statements are kept: those who called, to be
/// invited perhaps. Minting entities costs nothing.
const MET_MAX: usize = 1_024;

/// Topics whose readers are remembered before the memory of them is started anew.
const READERS_MAX: usize = 1 << 16;

/// A node, borrowed for replication.
pub struct Peering<'a> {
    node: RefCell<&'a mut Node>,
}

impl<'a> Peering<'a> {
    /// Borrows a node.
    pub fn new(node: &'a mut Node) -> Self {
        Self {
            node: RefCell::new(node),
        }
    }
}

/// By what a node is known to what waits; only bounds depend on it.
fn source_of(node: &NodeId) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&node.0[..8]);
    // 0 are files
    u64::from_le_bytes(bytes).max(1)
}

impl Node {
    /// A stored run without what was erased, as far as its order is in use: what is on
    /// the disk may still have it until it is pruned.
    fn run_to_send(&self, run: &RunView<'_>, from: u64) -> Vec<u8> {
        let skip = usize::try_from(from.saturating_sub(run.first().seq)).unwrap_or(usize::MAX);
        let erased: Vec<EntryId> = match self.orders.get(&run.feed.topic) {
            Some(order) if order.tombstone_count() > 0 => {
                let ids = run.entries.iter().map(|entry| entry.id);
                ids.filter(|id| order.is_erased(id)).collect()
            }
            _ => Vec::new(),
        };
        let bytes = run.without_known(skip.min(run.entries.len() - 1));
        if erased.is_empty() {
            return bytes;
        }
        RunView::decode(&bytes).map_or(bytes.clone(), |run| erase_in(&run, &erased))
    }

    pub(crate) fn runs_to_send(
        &self,
        feed: &FeedKey,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
        let mut runs = Vec::new();
        let Some(state) = self.store.feed(feed) else {
            return Ok(runs);
        };
        let height = self.frontier_row(&state)?.height;
        let (mut seq, mut bytes) = (from, 0);
        while seq < height && (bytes < max_bytes || runs.is_empty()) {
            let mut next = None;
            for position in self.store.at_seq(feed, seq)? {
                let Some(record) = read(&self.store, position)? else {
                    continue;
                };
                let run =
                    RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
                let whole = self.run_to_send(&run, seq);
                bytes += whole.len();
                next = Some(run.last().seq + 1);
                runs.push((position, whole));
                break;
            }
            match next {
                Some(next) => seq = next,
                None => break,
            }
        }
        Ok(runs)
    }

    /// What a peer may have of a topic, looked up once until the topic goes on.
    pub(crate) fn access_of(&mut self, topic: &TopicId, peer: &Peer) -> Access {
        if !self.readers.contains_key(topic) {
            let readers = match self.genesis(topic) {
                Some(genesis) if genesis.visibility == Visibility::Public => Readers::All,
                Some(_) => Readers::Some(BTreeMap::new()),
                None => Readers::Nobody,
            };
            if self.readers.len() >= READERS_MAX {
                self.readers.clear();
            }
            self.readers.insert(*topic, readers);
        }
        let known = match (self.readers.get(topic), &peer.proven) {
            (Some(Readers::All), _) => return Access::Public,
            (Some(Readers::Some(known)), Some(proven)) => known.get(proven).copied(),
            _ => return Access::Nothing,
        };
        let Some(proven) = peer.proven else {
            return Access::Nothing;
        };
        // statements come beside the topics that they concern
        if self.is_revoked(&proven.entity, &proven.device) {
            return Access::Nothing;
        }
        if let Some(access) = known {
            return access;
        }
        let Ok(order) = self.order(topic) else {
            return Access::Nothing;
        };
        let access = match order.access(&proven.entity, &proven.device) {
            Fetch::Nothing => Access::Nothing,
            Fetch::Ciphertext => Access::Keeper,
            Fetch::Member => Access::Member,
            Fetch::Public => Access::Public,
        };
        if let Some(Readers::Some(known)) = self.readers.get_mut(topic)
            && known.len() < READERS_MAX
        {
            known.insert(proven, access);
        }
        access
    }

    /// Whether a device was revoked by its entity, as far as is known here: its
    /// certificate still checks, and says nothing of that.
    fn is_revoked(&self, entity: &EntityId, device: &DeviceId) -> bool {
        let log = self.identities.get(entity);
        log.is_some_and(|log| log.is_revoked(device))
    }

    /// What the genesis of a topic says, if it is here.
    pub fn genesis(&self, topic: &TopicId) -> Option<Genesis> {
        if let Some(order) = self.orders.get(topic) {
            return order.genesis().cloned();
        }
        let position = self.store.locate(&EntryId(topic.0)).ok()??;
        let record = read(&self.store, position).ok()??;
        let run = RunView::decode(&record.bytes).ok()?;
        synlog_log::replica::genesis_of(&run)
    }

    /// Statements of those who write in a topic.
    pub(crate) fn statements_for(&self, topic: &TopicId) -> Result<Vec<Vec<u8>>, Failure> {
        // and one's own: who would invite this entity needs its key
        let mut entities = BTreeSet::from([self.entity]);
        for state in self.store.feeds_of(topic) {
            entities.extend(self.author_of(&state.key)?);
        }
        if let Some(order) = self.orders.get(topic) {
            entities.extend(order.policy().members.keys());
        }
        let logs = entities
            .iter()
            .filter_map(|entity| self.identities.get(entity));
        Ok(logs
            .flat_map(|log| {
                let others = log.conflicts().iter().map(|conflict| &conflict.other);
                log.statements().chain(others).map(SignedStatement::encode)
            })
            .collect())
    }

    /// Whether one more statement of an entity may be kept that came from another node.
    pub(crate) fn has_room_for(&self, entity: &EntityId) -> bool {
        match self.identities.get(entity) {
            Some(log) => log.statements().count() < STATEMENTS_MAX,
            None => self.identities.len() < self.store.feed_count() + MET_MAX,
        }
    }

    /// Rows as they are now, of the feeds that an intake brought on.
    fn taken(&self, intake: Intake) -> Result<Taken, Failure> {
        let mut taken = Taken {
            fresh_entries: intake.fresh_entries(),
            known_entries: intake.known,
            missing: intake.missing.into_iter().collect(),
            ahead: intake.ahead,
            own_from_outside: intake.own_from_outside,
            ..Taken::default()
        };
        let changed: BTreeSet<FeedKey> = intake
            .fresh
            .into_keys()
            .chain(intake.forks.iter().map(|(feed, _)| *feed))
            .collect();
        for feed in changed {
            if let Some(state) = self.store.feed(&feed) {
                taken.advanced.push(self.frontier_row(&state)?);
            }
        }
        let refused = intake.refused.into_iter();
        taken.refused = refused.map(|(feed, _, refusal)| (feed, refusal)).collect();
        taken.refused.extend(intake.broken);
        let garbled = intake.garbled.into_iter();
        taken
            .refused
            .extend(garbled.map(|(feed, _)| (feed, Refusal::BadSignature)));
        taken.forks = intake.forks.into_iter().map(|(feed, _)| feed).collect();
        Ok(taken)
    }
}

impl Repo for Peering<'_> {
    type Error = Failure;

    fn epoch(&self) -> Epoch {
        let node = self.node.borrow();
        // a store that was restored has a new device key, and from then on another history
        let mut hasher = blake3::Hasher::new_derive_key("synlog v1 store epoch");
        hasher.update(&node.store.uuid()).update(&node.device().0);
        let mut epoch = [0; 16];
        epoch.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Epoch(epoch)
    }

    fn end(&self) -> u64 {
        self.node.borrow().store.end()
    }

    fn device(&self) -> DeviceId {
        self.node.borrow().device()
    }

    fn topics(&self) -> Vec<TopicId> {
        self.node.borrow().store.topics()
    }

    fn rows(&self, topic: &TopicId) -> Result<Vec<Row>, Failure> {
        let node = self.node.borrow();
        let mut rows = Vec::new();
        for state in node.store.feeds_of(topic) {
            rows.push(node.frontier_row(&state)?);
        }
        rows.sort_unstable_by_key(|row| row.feed);
        Ok(rows)
    }

    fn row(&self, feed: &FeedKey) -> Result<Option<Row>, Failure> {
        let node = self.node.borrow();
        let state = node.store.feed(feed);
        state.map(|state| node.frontier_row(&state)).transpose()
    }

    fn advanced_since(&self, position: u64, limit: usize) -> Result<Vec<(u64, Advance)>, Failure> {
        let mut node = self.node.borrow_mut();
        let node: &mut Node = &mut node;
        node.arrivals.catch_up(&node.store)?;
        let mut advances = Vec::new();
        for (last, feed) in node.arrivals.since(position).take(limit) {
            if let Some(state) = node.store.feed(&feed) {
                let row = node.frontier_row(&state)?;
                let from = node.height_before(&feed, row.height, position)?;
                advances.push((last, Advance { row, from }));
            }
        }
        Ok(advances)
    }

    fn place(&self, feed: &FeedKey, seq: u64) -> Result<Option<u64>, Failure> {
        Ok(self.node.borrow().store.at_seq(feed, seq)?.first().copied())
    }

    fn id_at(&self, feed: &FeedKey, seq: u64) -> Result<Option<EntryId>, Failure> {
        let node = self.node.borrow();
        let Some(state) = node.store.feed(feed) else {
            return Ok(None);
        };
        if seq >= node.frontier_row(&state)?.height {
            return Ok(None);
        }
        node.entry_at(feed, seq)
    }

    fn runs(
        &self,
        feed: &FeedKey,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
        self.node.borrow().runs_to_send(feed, from, max_bytes)
    }

    fn run_with(&self, topic: &TopicId, id: &EntryId) -> Result<Option<Vec<u8>>, Failure> {
        let node = self.node.borrow();
        let Some(position) = node.store.locate(id)? else {
            return Ok(None);
        };
        let Some(record) = read(&node.store, position)?.filter(|record| is_run(record.kind)) else {
            return Ok(None);
        };
        let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
        if run.feed.topic != *topic {
            return Ok(None);
        }
        Ok(Some(node.run_to_send(&run, run.first().seq)))
    }

    fn take_in(
        &mut self,
        source: NodeId,
        runs: Vec<Vec<u8>>,
        now_ms: u64,
    ) -> Result<Taken, Failure> {
        let node = self.node.get_mut();
        let mut intake = Intake::default();
        node.take_in_from(source_of(&source), runs, now_ms, &mut intake)?;
        node.unproven.clear();
        for feed in intake.fresh.keys() {
            node.readers.remove(&feed.topic);
        }
        node.taken(intake)
    }

    fn damaged(&self) -> Result<Vec<(TopicId, EntryId)>, Failure> {
        // rows end under what is damaged, so that it is fetched like anything that lacks
        Ok(Vec::new())
    }

    fn access(&self, topic: &TopicId, peer: &Peer) -> Access {
        self.node.borrow_mut().access_of(topic, peer)
    }

    fn author(&self, feed: &FeedKey) -> Option<EntityId> {
        // a feed that can't be read is one of which nothing is here
        self.node.borrow().author_of(feed).ok().flatten()
    }

    fn is_member(&self, topic: &TopicId, entity: &EntityId) -> bool {
        self.node.borrow_mut().is_member(topic, entity)
    }

    fn fork_proof(&self, feed: &FeedKey) -> Result<Option<Vec<u8>>, Failure> {
        let node = self.node.borrow();
        Ok(node.forks.get(feed).map(|(_, proof)| proof.clone()))
    }

    fn take_in_proof(&mut self, proof: &[u8]) -> Result<Option<Row>, Failure> {
        let node = self.node.get_mut();
        let proof = synlog_log::fork::ForkProof::decode(proof);
        let proof = proof.map_err(Failure::refused("a fork proof"))?;
        let feed = proof.verify().map_err(Failure::refused("a fork proof"))?;
        if !node.take_in_fork_proof(&proof)? {
            return Ok(None);
        }
        self.row(&feed)
    }

    fn statements(&self, topic: &TopicId) -> Result<Vec<Vec<u8>>, Failure> {
        self.node.borrow().statements_for(topic)
    }

    fn own_statements(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let node = self.node.borrow();
        let own = node.identities.get(&node.entity);
        Ok(own.map_or_else(Vec::new, |log| {
            log.statements().map(SignedStatement::encode).collect()
        }))
    }

    fn meet(&mut self, statement: &[u8]) -> Result<(), Failure> {
        if let Ok(signed) = SignedStatement::decode(statement) {
            self.node.get_mut().met.add(signed);
        }
        Ok(())
    }

    fn take_in_statement(&mut self, statement: &[u8]) -> Result<bool, Failure> {
        let Ok(signed) = SignedStatement::decode(statement) else {
            return Ok(false);
        };
        if !self.node.get_mut().has_room_for(&signed.statement.entity) {
            return Ok(false);
        }
        match self.node.get_mut().take_in_statement(&signed) {
            Err(Failure::Refused { .. }) => Ok(false),
            taken => taken,
        }
    }

    fn letters_to(&self, entity: &EntityId) -> Result<Vec<Post>, Failure> {
        match self.node.borrow().letters_to(entity) {
            // a damaged file is told by the commands that read it; links go on
            Err(Failure::Letters { .. }) => Ok(Vec::new()),
            posts => posts,
        }
    }

    fn take_in_letter(
        &mut self,
        peer: &Peer,
        letter: &[u8],
        now_ms: u64,
    ) -> Result<Option<EntityId>, Failure> {
        match self.node.get_mut().take_in_letter(peer, letter, now_ms) {
            Err(Failure::Letters { .. }) => Ok(None),
            taken => taken,
        }
    }

    fn receipt(
        &mut self,
        feed: &FeedKey,
        head: &EntryId,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let node = self.node.get_mut();
        let grown = [(*feed, 1)].into_iter().collect();
        node.issue_receipts(&grown, now_ms)?;
        let device = node.device();
        let of_head = node.receipts(&feed.topic).iter().rev().find(|receipt| {
            receipt.device == device && receipt.author == feed.author && receipt.entry == *head
        });
        Ok(of_head.map(|receipt| receipt.bytes.clone()))
    }

    fn take_in_receipt(&mut self, receipt: &[u8]) -> Result<(), Failure> {
        match self.node.get_mut().take_in_receipt(receipt) {
            Ok(_) | Err(Failure::Refused { .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    fn blob_naming(&self, key: &BlobKey) -> Result<Naming, Failure> {
        self.node.borrow_mut().naming_of(key)
    }

    fn blob_size(&self, hash: &BlobHash) -> Result<Option<u64>, Failure> {
        let mut node = self.node.borrow_mut();
        Ok(node.blobs()?.files.whole().get(hash).copied())
    }

    fn blob_partial(&self, hash: &BlobHash) -> Result<Option<Partial>, Failure> {
        self.node.borrow_mut().blobs()?.files.partial(hash)
    }

    fn blob_topics(&self, hash: &BlobHash) -> Result<Vec<TopicId>, Failure> {
        let mut node = self.node.borrow_mut();
        node.look_for_blobs()?;
        let topics = node.blobs()?.table.topics_of(hash);
        Ok(topics.into_iter().collect())
    }

    fn blobs_of(&self, topic: &TopicId, limit: usize) -> Result<Vec<(BlobHash, u64)>, Failure> {
        self.node.borrow_mut().blobs_to_offer(topic, limit)
    }

    fn blob_room(&mut self, key: &BlobKey, size: u64) -> Result<bool, Failure> {
        self.node.get_mut().room_for_blob(key, size)
    }

    fn blob_piece(&mut self, hash: &BlobHash, span: Span) -> Result<Option<Vec<u8>>, Failure> {
        self.node.get_mut().piece_to_send(hash, span)
    }

    fn blob_take(&mut self, key: &BlobKey, piece: &Piece) -> Result<Kept, Failure> {
        self.node.get_mut().take_piece(key, piece)
    }
}
