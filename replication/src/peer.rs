//! Peers, as the engine knows them.

use synlog_log::ids::{DeviceId, EntityId, hex};

/// Transport key of a node: who is at the other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 32]);

impl std::fmt::Debug for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeId({})", hex(&self.0[..5]))
    }
}

/// A connection of this process, numbered by the shell. A node that comes back has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// What a peer proved when the connection began: a device whose signature is bound to
/// this very connection, and the entity that certifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proven {
    /// The device.
    pub device: DeviceId,
    /// Its entity.
    pub entity: EntityId,
}

/// The other end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The node.
    pub node: NodeId,
    /// Whose node it is; `None` for a stranger, who may have public topics at most.
    pub proven: Option<Proven>,
}
