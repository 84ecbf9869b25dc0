//! What a running node tells of itself to commands that ask.

use std::collections::BTreeMap;

use synlog_log::ids::BlobHash;
use synlog_replication::peer::NodeId;

/// How far a node and this one are with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// When both last held the same of all that they share, UTC milliseconds.
    pub synced_ms: Option<u64>,
    /// Whether that is so now.
    pub is_synced: bool,
    /// Entries that are known to be there and not here.
    pub missing_here: u64,
    /// Entries that are here and not there.
    pub missing_there: u64,
    /// The other clock minus ours, milliseconds.
    pub clock_offset_ms: Option<i64>,
}

/// How far the search for a blob is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobProgress {
    /// Groups that are here, and all; both 0 where nobody has it yet.
    pub groups: (u32, u32),
    /// Peers that have it.
    pub sources: usize,
    /// Whether the quotas leave no room for it.
    pub no_room: bool,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// By node.
    pub exchanges: BTreeMap<NodeId, Exchange>,
    /// Times that this node and another came to hold the same.
    pub sync_rounds: u64,
    /// Times that the node looked for what commands changed.
    pub looks: u64,
    /// Blobs that are looked for here.
    pub blobs: BTreeMap<BlobHash, BlobProgress>,
}
