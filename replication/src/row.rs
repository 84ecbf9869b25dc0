//! One line of the frontier: how far a feed goes.

use synlog_log::ids::{EntryId, FeedKey};

/// How far a feed goes, said in a way that is the same on every node that holds the same
/// entries: of a forked feed only what lies under the fork counts, since which branch came
/// first differs from node to node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// The feed.
    pub feed: FeedKey,
    /// Seq behind its last entry; of a forked feed the seq of the fork.
    pub height: u64,
    /// The entry at `height - 1`; `None` where the height is 0.
    pub head: Option<EntryId>,
    /// Lowest seq at which two entries are known; then `height` ends there.
    pub forked_at: Option<u64>,
}

/// A feed that went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Advance {
    /// Its row now.
    pub row: Row,
    /// The height that it had before.
    pub from: u64,
}
