//! What a session is given, and what it says.

use synlog_log::ids::{EntityId, FeedKey, TopicId};

use crate::blobs::{BlobKey, BlobWord};
use crate::engine::{Notice, Now};
use crate::frontier::Frontier;
use crate::peer::{LinkId, Peer};
use crate::repo::Repo;
use crate::row::Advance;

/// What this node shares with a peer, beside what [`Repo::access`] allows.
pub trait Terms {
    /// Whether a topic that is here is shared with the peer.
    fn shares(&self, peer: &Peer, topic: &TopicId) -> bool;

    /// Topics that are not here and wanted from the peer, such as one it is invited to.
    fn wanted(&self, peer: &Peer) -> Vec<TopicId>;

    /// Whether entries of a feed are taken from the peer.
    fn takes(&self, peer: &Peer, arrival: &Arrival) -> bool;
}

/// Entries of a feed that a peer brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The feed.
    pub feed: FeedKey,
    /// Whose device writes it, as far as that is known or claimed.
    pub author: Option<EntityId>,
    /// Whether the topic itself answers for the author.
    pub is_member: bool,
    /// Whether it is the peer's own, brought by a member, or the beginning of the topic.
    pub is_vouched: bool,
    /// Whether entries of the feed are here already.
    pub is_known: bool,
}

/// All that a session may look at while it handles something.
pub struct Context<'a, R: Repo> {
    /// The store.
    pub repo: &'a mut R,
    /// Rows of all feeds; the session keeps it up with what it stores.
    pub frontier: &'a mut Frontier,
    /// Who gets what.
    pub terms: &'a dyn Terms,
    /// The time.
    pub now: Now,
}

/// What a session says to its engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Send this message to the peer.
    Send(Vec<u8>),
    /// These were stored: other sessions are to be told.
    Stored(Vec<Advance>),
    /// Statements of these topics were news: other sessions are to be told.
    Statements(Vec<TopicId>),
    /// The peer had what was pushed of this feed: it is only to be told from now on.
    Pruned(FeedKey),
    /// The peer lacked what was only announced of this feed: it is pushed from now on.
    Grafted(FeedKey),
    /// The peer says something of a blob of a topic that both share.
    Blob {
        /// Which.
        key: BlobKey,
        /// What.
        word: BlobWord,
    },
    /// Both sides hold the same in all that they share.
    Synced,
    /// Something that a person should know.
    Notice(Notice),
}

/// How a session tells its peer of what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Not at all: it came from this peer.
    Known,
    /// By sending the entries.
    Push,
    /// By naming the heads; the peer asks for what it lacks.
    Announce,
}

/// How a peer broke the protocol. The link is closed and the peer left for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Breach {
    /// A message that does not decode.
    #[error("a message does not decode")]
    Malformed,
    /// A message that has no place here: an answer to nothing, a second greeting.
    #[error("a message out of turn")]
    OutOfTurn,
    /// Another version of the protocol.
    #[error("another version of the protocol")]
    Version,
    /// A run that no honest node could have stored.
    #[error("a run that breaks the rules")]
    RefusedRun,
    /// Comparing without end and without anything coming of it.
    #[error("comparing without end")]
    Endless,
    /// More was sent than this node said it would take.
    #[error("more than the window allows")]
    Flood,
    /// It asks and does not read the answers.
    #[error("answers are not read")]
    NotReading,
}

impl Breach {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OutOfTurn => "out_of_turn",
            Self::Version => "version",
            Self::RefusedRun => "refused_run",
            Self::Endless => "endless",
            Self::Flood => "flood",
            Self::NotReading => "not_reading",
        }
    }
}

/// Why a session can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Fault<E> {
    /// The peer's doing.
    #[error(transparent)]
    Breach(#[from] Breach),
    /// The store's.
    #[error("the store failed")]
    Repo(#[source] E),
}

/// How far a session is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries that the peer lacks and that are yet to be sent.
    pub to_send_entries: u64,
    /// Entries that the peer says it is yet to send.
    pub to_receive_entries: u64,
    /// Topics that both sides share.
    pub topics: usize,
    /// Bytes that wait here for the peer to read them. Bounded: a peer that asks for more
    /// than it reads is left.
    pub held_bytes: usize,
    /// Whether both sides held the same when they last compared, nothing came since, and
    /// the peer has said of all topics whether it shares them.
    pub synced: bool,
    /// Whether the peer owes an answer.
    pub waiting: bool,
}

/// What a session begins with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its link.
    pub link: LinkId,
    /// Who is at the other end.
    pub peer: Peer,
    /// Whether this node called.
    pub dialed: bool,
    /// Fresh random bytes.
    pub random: [u8; 32],
    /// What is remembered of the peer.
    pub memory: Option<super::PeerMemory>,
    /// Bounds.
    pub limits: super::Limits,
}
