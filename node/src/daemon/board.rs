//! What a running node tells of itself to commands that ask.

use std::collections::BTreeMap;

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

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// By node.
    pub exchanges: BTreeMap<NodeId, Exchange>,
}
