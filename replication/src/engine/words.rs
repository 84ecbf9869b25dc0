//! What goes into the engine, and what comes out of it.

use synlog_log::ids::{BlobHash, EntityId, FeedKey, TopicId};

use crate::blobs::BlobKey;
use crate::peer::{LinkId, NodeId, Peer};

/// Time, as the shell reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds that only go forward.
    pub monotonic_ms: u64,
    /// UTC milliseconds, for clocks of entries.
    pub utc_ms: u64,
}

/// What happens to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A link came up.
    Connected {
        /// Its number.
        link: LinkId,
        /// Who is there.
        peer: Peer,
        /// Whether this node called.
        dialed: bool,
    },
    /// A whole message came in.
    Message {
        /// Over which link.
        link: LinkId,
        /// Its bytes, from outside: anything may be in them.
        bytes: Vec<u8>,
    },
    /// So many bytes of what was sent have left: more may be sent.
    Sent {
        /// Over which link.
        link: LinkId,
        /// How many.
        bytes: usize,
    },
    /// A link is gone.
    Closed {
        /// Which.
        link: LinkId,
    },
    /// A call came to nothing.
    DialFailed {
        /// Who could not be reached.
        node: NodeId,
    },
    /// Entries were stored here, by this node's own writing or from a file.
    Stored {
        /// The feeds that went on.
        feeds: Vec<FeedKey>,
    },
    /// What this node wants or allows has changed: interests, members, pins.
    PolicyChanged,
    /// A letter of first contact was written here.
    LetterWritten {
        /// To whom.
        to: EntityId,
    },
    /// A node was heard of: on the LAN, in a record, in a feed, by a ticket.
    Heard {
        /// Which.
        node: NodeId,
        /// How.
        source: Source,
    },
    /// A blob is wanted here, by a person or because an entry that came names it.
    BlobWanted {
        /// The topic that names it, and its hash.
        key: BlobKey,
        /// Its size, as far as an entry says it.
        size: Option<u64>,
    },
    /// It is not wanted any more.
    BlobUnwanted {
        /// Which.
        key: BlobKey,
    },
    /// A blob was stored by this node itself: those who wait for it are told.
    BlobHere {
        /// Which.
        hash: BlobHash,
    },
    /// Nothing but that time has passed.
    Tick,
}

/// How a node was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Somebody here typed or scanned it, or pinned it.
    Ticket,
    /// It is on the same network.
    Lan,
    /// The profile of somebody who is followed announces it: a topic.
    Profile(TopicId),
    /// It said so itself among those who follow a public topic.
    Swarm(TopicId),
    /// A record found by its key.
    Record,
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a message; the shell reports [`Input::Sent`] when it has left.
    Send {
        /// Over which link.
        link: LinkId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Close a link.
    Close {
        /// Which.
        link: LinkId,
        /// Why, for the other side and the log.
        why: &'static str,
    },
    /// Call a node.
    Dial {
        /// Which.
        node: NodeId,
    },
    /// Call [`Input::Tick`] no later than this.
    WakeAt {
        /// Monotonic milliseconds.
        monotonic_ms: u64,
    },
    /// Entries from a peer were stored: rows, watches and screens follow.
    Advanced {
        /// The topic.
        topic: TopicId,
    },
    /// All of a blob that was looked for is here.
    Blob {
        /// Which.
        key: BlobKey,
        /// Its size, bytes.
        size: u64,
    },
    /// A link and this node hold the same, in all that they share.
    Synced {
        /// The link.
        link: LinkId,
    },
    /// Something that a person should know.
    Notice(Notice),
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A feed is forked.
    Forked {
        /// The feed.
        feed: FeedKey,
        /// Where.
        seq: u64,
    },
    /// Others have entries of this device that are not here: a restored backup. The node
    /// must not sign with this key any more.
    OwnFromOutside {
        /// The feed.
        feed: FeedKey,
    },
    /// A peer broke the protocol and was left.
    Misbehaved {
        /// The node.
        node: NodeId,
        /// How.
        why: &'static str,
    },
    /// Somebody wrote a letter of first contact; it waits to be looked at.
    Letter {
        /// Who.
        from: EntityId,
    },
    /// This node's clock differs from a peer's by so much.
    ClockOffset {
        /// The node.
        node: NodeId,
        /// Its clock minus ours, milliseconds.
        offset_ms: i64,
    },
}
