//! What the engine asks of the node's store.

use synlog_log::ids::{BlobHash, DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::refusal::Refusal;

use crate::blobs::{BlobKey, Kept, Naming, Partial, Piece, Span};
use crate::peer::{NodeId, Peer};
use crate::row::{Advance, Row};

/// Names one history of a store. A wiped or restored store has another one, so a peer
/// that remembers a position in the old one starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub [u8; 16]);

/// What a peer may have of a topic. Asked before a byte of it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Nothing, not even that it is here.
    Nothing,
    /// Entries as they stand: ciphertext of a private topic, for keepers.
    Keeper,
    /// All of it, as a member.
    Member,
    /// All of it: the topic is public.
    Public,
}

impl Access {
    /// Whether entries may leave at all.
    pub fn may_fetch(self) -> bool {
        self != Self::Nothing
    }
}

/// What became of runs that were offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Feeds that went on, with the row as it is now.
    pub advanced: Vec<Row>,
    /// Entries that are new, in all.
    pub fresh_entries: u64,
    /// Entries that were known already: bytes that need not have been sent.
    pub known_entries: u64,
    /// Ancestors that are missing, and the topic they belong to: to be fetched by id.
    pub missing: Vec<(TopicId, EntryId)>,
    /// Runs that break a rule or whose signature is wrong: the sender's fault.
    pub refused: Vec<(FeedKey, Refusal)>,
    /// Entries that claim a time too far ahead and are kept for later.
    pub ahead: u64,
    /// Proofs of forks that came to light.
    pub forks: Vec<FeedKey>,
    /// Feeds of this very device of which others have more than this store: a restored backup.
    pub own_from_outside: u64,
}

/// A letter that waits to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its id.
    pub id: [u8; 32],
    /// The topic to which it invites.
    pub topic: TopicId,
    /// The letter.
    pub letter: Vec<u8>,
}

/// The store, as far as replication needs it. Everything it gives is what is durable.
pub trait Repo {
    /// A failure of disk or store.
    type Error: std::error::Error;

    /// Which history its positions belong to.
    fn epoch(&self) -> Epoch;

    /// Position behind the last arrival.
    fn end(&self) -> u64;

    /// This node's device.
    fn device(&self) -> DeviceId;

    /// The topics of which entries are here.
    fn topics(&self) -> Vec<TopicId>;

    /// The rows of a topic's feeds, ordered by author.
    fn rows(&self, topic: &TopicId) -> Result<Vec<Row>, Self::Error>;

    /// The row of one feed.
    fn row(&self, feed: &FeedKey) -> Result<Option<Row>, Self::Error>;

    /// Feeds that went on at or behind a position, in order of their last advance, each
    /// once, at most `limit`, with the position of that advance and the height that each
    /// had before `position`.
    fn advanced_since(
        &self,
        position: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Advance)>, Self::Error>;

    /// Position at which the entry with a seq of a feed arrived: what a session sends goes
    /// in the order of these.
    fn place(&self, feed: &FeedKey, seq: u64) -> Result<Option<u64>, Self::Error>;

    /// The entry at a seq of a feed, of a forked one only under the fork: two nodes find by
    /// it where their branches of a feed part.
    fn id_at(&self, feed: &FeedKey, seq: u64) -> Result<Option<EntryId>, Self::Error>;

    /// Runs of a feed from a seq on, in order, about `max_bytes` of them (at least one run
    /// where there is any), each with the arrival position of its first entry. The first
    /// begins exactly at `from`, each is signed. They are given as they were stored, not
    /// joined: a session merges the feeds it sends by arrival position, which is an order
    /// in which nothing waits for ancestors, and joins (`synlog_log::run::RunWriter`) only
    /// neighbours of one feed in that order; joining a feed by itself would let the runs of
    /// two feeds that cite each other in turn wait for each other for ever.
    fn runs(
        &self,
        feed: &FeedKey,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Self::Error>;

    /// The signed run that ends with or holds an entry, cut to end there where a
    /// signature allows it: for ancestors that a peer lacks. `None` where it isn't here.
    fn run_with(&self, topic: &TopicId, id: &EntryId) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Verifies, admits and stores runs of a peer. What waits for ancestors is kept by the
    /// repo, bounded for each `source`; what it lacks is in [`Taken::missing`].
    fn take_in(
        &mut self,
        source: NodeId,
        runs: Vec<Vec<u8>>,
        now_ms: u64,
    ) -> Result<Taken, Self::Error>;

    /// Entries that were here and are damaged: to be fetched again, by id.
    fn damaged(&self) -> Result<Vec<(TopicId, EntryId)>, Self::Error>;

    /// What a peer may have of a topic, as of now.
    fn access(&self, topic: &TopicId, peer: &Peer) -> Access;

    /// Whose device writes a feed, if entries of it are here.
    fn author(&self, feed: &FeedKey) -> Option<EntityId>;

    /// Whether a topic itself answers for an entity: a member by its policy, or anybody
    /// who may write in a private one.
    fn is_member(&self, topic: &TopicId, entity: &EntityId) -> bool;

    /// The portable proof that a feed is forked, if it is.
    fn fork_proof(&self, feed: &FeedKey) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Checks and keeps a proof of a fork. The row as it is then, if it was news.
    fn take_in_proof(&mut self, proof: &[u8]) -> Result<Option<Row>, Self::Error>;

    /// Statements of the identity logs that concern a topic (its writers and members),
    /// encoded, those of one entity in order.
    fn statements(&self, topic: &TopicId) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// Statements of the identity log of this node's own person, encoded, in order.
    fn own_statements(&self) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// A statement of somebody who called and shares nothing yet. Nothing of it may be
    /// stored before somebody here asks for it.
    fn meet(&mut self, statement: &[u8]) -> Result<(), Self::Error>;

    /// Checks and keeps a statement; whether it was news. What doesn't fit is refused
    /// silently, and so is what is too much of those who write nowhere here.
    fn take_in_statement(&mut self, statement: &[u8]) -> Result<bool, Self::Error>;

    /// Letters of first contact that wait to be handed to an entity.
    fn letters_to(&self, entity: &EntityId) -> Result<Vec<Post>, Self::Error>;

    /// Puts a letter that a peer wrote and handed over where it waits to be looked at.
    /// Gives who wrote it, if it was taken.
    fn take_in_letter(
        &mut self,
        peer: &Peer,
        letter: &[u8],
        now_ms: u64,
    ) -> Result<Option<EntityId>, Self::Error>;

    /// A receipt of this device for a feed's height, encoded, where it gives them
    /// (`spec/10-reducer.md` 10.8).
    fn receipt(
        &mut self,
        feed: &FeedKey,
        head: &EntryId,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Checks and keeps a receipt of somebody else.
    fn take_in_receipt(&mut self, receipt: &[u8]) -> Result<(), Self::Error>;

    /// How a topic stands to a blob. Without more, a store names and holds none.
    fn blob_naming(&self, key: &BlobKey) -> Result<Naming, Self::Error> {
        let _ = key;
        Ok(Naming::Unknown)
    }

    /// The size of a blob of which all is here, bytes.
    fn blob_size(&self, hash: &BlobHash) -> Result<Option<u64>, Self::Error> {
        let _ = hash;
        Ok(None)
    }

    /// What is here of a blob that is not whole.
    fn blob_partial(&self, hash: &BlobHash) -> Result<Option<Partial>, Self::Error> {
        let _ = hash;
        Ok(None)
    }

    /// The topics that name a blob.
    fn blob_topics(&self, hash: &BlobHash) -> Result<Vec<TopicId>, Self::Error> {
        let _ = hash;
        Ok(Vec::new())
    }

    /// Blobs of a topic that are here as a whole, with their sizes, at most `limit`.
    fn blobs_of(&self, topic: &TopicId, limit: usize) -> Result<Vec<(BlobHash, u64)>, Self::Error> {
        let _ = (topic, limit);
        Ok(Vec::new())
    }

    /// Whether there is room for a blob of some bytes, by the quotas of its topic and of
    /// all. What can be fetched again may be dropped for it.
    fn blob_room(&mut self, key: &BlobKey, size: u64) -> Result<bool, Self::Error> {
        let _ = (key, size);
        Ok(false)
    }

    /// A piece of a blob with its proof, checked on the way; `None` where it is not here or
    /// damaged, which is then taken care of.
    fn blob_piece(&mut self, hash: &BlobHash, span: Span) -> Result<Option<Vec<u8>>, Self::Error> {
        let _ = (hash, span);
        Ok(None)
    }

    /// Stores a piece that was checked. The blob belongs to the topic from then on.
    fn blob_take(&mut self, key: &BlobKey, piece: &Piece) -> Result<Kept, Self::Error> {
        let _ = (key, piece);
        Ok(Kept::NoRoom)
    }
}
