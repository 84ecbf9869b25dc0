//! What the store in memory answers the engine.

use std::convert::Infallible;

use synlog_log::attestation::{Attestation, Claims};
use synlog_log::fork::ForkProof;
use synlog_log::ids::{BlobHash, DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::order::TopicOrder;
use synlog_log::run::RunView;
use synlog_log::sealed::inbox::Delivery;
use synlog_log::topic::Visibility;

use super::blobs::Answer;
use super::disk::Record;
use super::memory::{MemoryRepo, remembered};
use crate::blobs::{BlobKey, Kept, Naming, Partial, Piece, Span};
use crate::peer::{NodeId, Peer};
use crate::repo::{Access, Epoch, Post, Repo, Taken};
use crate::row::{Advance, Row};

/// Receipts of others that are kept.
const RECEIPTS_MAX: usize = 4096;

impl Repo for MemoryRepo {
    type Error = Infallible;

    fn epoch(&self) -> Epoch {
        self.disk.epoch
    }

    fn end(&self) -> u64 {
        self.end
    }

    fn device(&self) -> DeviceId {
        self.device.id
    }

    fn topics(&self) -> Vec<TopicId> {
        self.topics.keys().copied().collect()
    }

    fn rows(&self, topic: &TopicId) -> Result<Vec<Row>, Infallible> {
        let rows = self.rows_of(topic);
        Ok(rows.into_iter().map(|row| self.lie_about(row)).collect())
    }

    fn row(&self, feed: &FeedKey) -> Result<Option<Row>, Infallible> {
        Ok(self.row_of(feed).map(|row| self.lie_about(row)))
    }

    fn advanced_since(
        &self,
        position: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Advance)>, Infallible> {
        let feeds = self.advanced.range(position..).take(limit);
        let advance = |(at, feed): (&u64, &FeedKey)| {
            let row = self.row_of(feed)?;
            let from = self.height_before(feed, position).min(row.height);
            Some((*at, Advance { row, from }))
        };
        Ok(feeds.filter_map(advance).collect())
    }

    fn place(&self, feed: &FeedKey, seq: u64) -> Result<Option<u64>, Infallible> {
        Ok(self.entry_at(feed, seq).and_then(|id| self.place_of(&id)))
    }

    fn id_at(&self, feed: &FeedKey, seq: u64) -> Result<Option<EntryId>, Infallible> {
        let fork = self.feeds.get(feed).and_then(|it| it.fork.as_ref());
        let under = fork.is_none_or(|(forked_at, _)| seq < *forked_at);
        Ok(self.entry_at(feed, seq).filter(|_| under))
    }

    fn runs(
        &self,
        feed: &FeedKey,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Infallible> {
        let mut runs = Vec::new();
        if self.lies_in("withholds", feed, |lies| lies.withholds) {
            return Ok(runs);
        }
        let height = self.row_of(feed).map_or(0, |row| row.height);
        let (mut seq, mut bytes) = (from, 0);
        while seq < height && (bytes < max_bytes || runs.is_empty()) {
            let stored = self.entry_at(feed, seq).and_then(|id| self.run_of(&id));
            let Some((at, stored)) = stored else {
                break;
            };
            let Ok(run) = RunView::decode(stored) else {
                break;
            };
            let skipped = seq - run.first().seq;
            let position = self.positions.get(&at).copied().unwrap_or(0) + skipped;
            let mut piece = run.without_known(skipped as usize);
            if self.lies_in("spoils", feed, |lies| lies.spoils) {
                // in what is signed, or in the signature itself
                let at = [piece.len() / 2, piece.len() - 20][usize::from(seq % 2 == 0)];
                piece[at] ^= 1;
            }
            bytes += piece.len();
            runs.push((position, piece));
            seq = run.last().seq + 1;
        }
        Ok(runs)
    }

    fn run_with(&self, topic: &TopicId, id: &EntryId) -> Result<Option<Vec<u8>>, Infallible> {
        let stored = self.run_of(id).map(|(_, bytes)| bytes);
        let here =
            stored.filter(|bytes| RunView::decode(bytes).is_ok_and(|run| run.feed.topic == *topic));
        Ok(here.map(<[u8]>::to_vec))
    }

    fn take_in(
        &mut self,
        source: NodeId,
        runs: Vec<Vec<u8>>,
        now_ms: u64,
    ) -> Result<Taken, Infallible> {
        Ok(self.take(source, runs, now_ms))
    }

    fn damaged(&self) -> Result<Vec<(TopicId, EntryId)>, Infallible> {
        Ok(self.damaged.iter().copied().collect())
    }

    fn access(&self, topic: &TopicId, peer: &Peer) -> Access {
        let entity = peer.proven.map(|proven| proven.entity);
        if let Some(audience) = self.audiences.get(topic) {
            return match entity {
                Some(entity) if audience.members.contains(&entity) => Access::Member,
                Some(entity) if audience.keepers.contains(&entity) => Access::Keeper,
                _ => Access::Nothing,
            };
        }
        let genesis = self.replica.orders.get(topic).and_then(TopicOrder::genesis);
        match genesis.map(|genesis| genesis.visibility) {
            // of a topic that is not here nothing can leave
            None | Some(Visibility::Public) => Access::Public,
            Some(Visibility::Private) => Access::Nothing,
        }
    }

    fn author(&self, feed: &FeedKey) -> Option<EntityId> {
        self.entity_of(feed)
    }

    fn is_member(&self, topic: &TopicId, entity: &EntityId) -> bool {
        if let Some(audience) = self.audiences.get(topic) {
            return audience.members.contains(entity);
        }
        let order = self.replica.orders.get(topic);
        order.is_some_and(|order| order.policy().members.contains_key(entity))
    }

    fn fork_proof(&self, feed: &FeedKey) -> Result<Option<Vec<u8>>, Infallible> {
        let feed = self.feeds.get(feed);
        let proof = feed.and_then(|feed| feed.fork.as_ref());
        Ok(proof.map(|(_, proof)| proof.clone()))
    }

    fn take_in_proof(&mut self, bytes: &[u8]) -> Result<Option<Row>, Infallible> {
        let Ok(proof) = ForkProof::decode(bytes) else {
            return Ok(None);
        };
        let Ok(feed) = proof.verify() else {
            return Ok(None);
        };
        // of a topic that isn't here nothing is kept
        if !proof.counts(&feed) || !self.topics.contains_key(&feed.topic) {
            return Ok(None);
        }
        self.own_seen_outside |= feed.author == self.device.id;
        let news = self.keep_proof(feed, proof.seq, bytes.to_vec());
        Ok(news.then(|| self.row_of(&feed)).flatten())
    }

    fn statements(&self, topic: &TopicId) -> Result<Vec<Vec<u8>>, Infallible> {
        let order = self.replica.orders.get(topic);
        let members = order
            .map(|order| order.policy().members)
            .unwrap_or_default();
        let logs = members.keys().filter_map(|it| self.statements.get(it));
        Ok(logs.flatten().cloned().collect())
    }

    fn own_statements(&self) -> Result<Vec<Vec<u8>>, Infallible> {
        let own = self.statements.get(&self.device.entity);
        Ok(own.cloned().unwrap_or_default())
    }

    fn meet(&mut self, _: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }

    fn take_in_statement(&mut self, statement: &[u8]) -> Result<bool, Infallible> {
        Ok(self.keep_statement(statement.to_vec()))
    }

    fn letters_to(&self, entity: &EntityId) -> Result<Vec<Post>, Infallible> {
        let theirs = self.letters.iter().filter(|(to, _)| to == entity);
        Ok(theirs.map(|(_, post)| post.clone()).collect())
    }

    fn take_in_letter(
        &mut self,
        peer: &Peer,
        letter: &[u8],
        now_ms: u64,
    ) -> Result<Option<EntityId>, Infallible> {
        let Some(by) = peer.proven.map(|proven| proven.entity) else {
            return Ok(None);
        };
        let delivery = self.inbox.deliver(letter, (by, peer.node.0), now_ms);
        Ok((delivery == Delivery::Taken).then_some(by))
    }

    fn receipt(
        &mut self,
        feed: &FeedKey,
        head: &EntryId,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, Infallible> {
        // given to the parties of private topics alone
        let at = self.records.get(head);
        let Some(at) = at.filter(|_| self.audiences.contains_key(&feed.topic)) else {
            return Ok(None);
        };
        let Record::Run(bytes) = &self.disk.records[*at] else {
            return Ok(None);
        };
        let Ok(run) = RunView::decode(bytes) else {
            return Ok(None);
        };
        let seq = run.entries.iter().find(|entry| entry.id == *head);
        let own = FeedKey {
            author: self.device.id,
            topic: feed.topic,
        };
        let claims = Claims::Receipt {
            topic: feed.topic,
            author: feed.author,
            seq: seq.map_or(0, |entry| entry.seq),
            entry: *head,
            height: self.feeds.get(&own).map_or(0, |feed| feed.height),
            at_ms: now_ms,
        };
        let receipt = Attestation::sign(&self.device.key, &self.device.certificate, claims);
        Ok(Some(receipt.encode()))
    }

    fn take_in_receipt(&mut self, receipt: &[u8]) -> Result<(), Infallible> {
        let right = remembered(receipt, || {
            Attestation::decode(receipt)
                .and_then(|it| it.verify())
                .is_ok()
        });
        if right && self.receipts.len() < RECEIPTS_MAX {
            self.keep_receipt(receipt.to_vec());
        }
        Ok(())
    }

    fn blob_naming(&self, key: &BlobKey) -> Answer<Naming> {
        Ok(self.naming_of(key))
    }

    fn blob_size(&self, hash: &BlobHash) -> Answer<Option<u64>> {
        Ok(self.size_of(hash))
    }

    fn blob_partial(&self, hash: &BlobHash) -> Answer<Option<Partial>> {
        Ok(self.part_of(hash))
    }

    fn blob_topics(&self, hash: &BlobHash) -> Answer<Vec<TopicId>> {
        Ok(self.topics_of(hash))
    }

    fn blobs_of(&self, topic: &TopicId, limit: usize) -> Answer<Vec<(BlobHash, u64)>> {
        let mut held = self.held_of(topic);
        held.truncate(limit);
        Ok(held)
    }

    fn blob_room(&mut self, key: &BlobKey, size: u64) -> Answer<bool> {
        Ok(self.room_for(key, size))
    }

    fn blob_piece(&mut self, hash: &BlobHash, span: Span) -> Answer<Option<Vec<u8>>> {
        Ok(self.piece_of(hash, span))
    }

    fn blob_take(&mut self, key: &BlobKey, piece: &Piece) -> Answer<Kept> {
        Ok(self.keep_piece(key, piece))
    }
}
