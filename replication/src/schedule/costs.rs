//! What each peer may cost: connections, bytes, and of blobs work for nothing. Of entries
//! that needs no count: what a peer sends is counted by bytes, whatever comes of it; who
//! sends what was not asked for, or what is refused, breaks the protocol. Who asks for a
//! blob that no entry here names yet, or sends a wrong one, may be an honest node that is
//! ahead or has a bad disk, so that it is left only when it goes on.

use crate::peer::NodeId;
use crate::policy::Standing;
use crate::schedule::{Buckets, Rate};

/// What costs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// A connection that it opens.
    Connection,
    /// Bytes that it is sent.
    BytesServed,
    /// Bytes of messages that it sends.
    BytesTaken,
    /// Asking for blobs that are no topic's, pieces that nobody asked for or that are wrong.
    Waste,
}

/// What a peer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostLimits {
    /// Connections.
    pub connections: Rate,
    /// Bytes that it is sent.
    pub bytes_served: Rate,
    /// Bytes that it sends.
    pub bytes_taken: Rate,
    /// Work for nothing.
    pub waste: Rate,
}

const MIB: u64 = 1024 * 1024;

impl CostLimits {
    /// What those may cost who are known here: no bound on bytes that a home line could reach.
    pub const KNOWN: Self = Self {
        connections: Rate {
            burst: 60,
            per_minute: 30,
        },
        bytes_served: Rate {
            burst: 64 * 1024 * MIB,
            per_minute: 8 * 1024 * MIB,
        },
        bytes_taken: Rate {
            burst: 64 * 1024 * MIB,
            per_minute: 8 * 1024 * MIB,
        },
        waste: Rate {
            burst: 65_536,
            per_minute: 8_192,
        },
    };
    /// What strangers may cost: a public topic of some size at once, and then a trickle.
    pub const STRANGER: Self = Self {
        connections: Rate {
            burst: 10,
            per_minute: 4,
        },
        bytes_served: Rate {
            burst: 256 * MIB,
            per_minute: 16 * MIB,
        },
        bytes_taken: Rate {
            burst: 16 * MIB,
            per_minute: MIB,
        },
        waste: Rate {
            burst: 1_024,
            per_minute: 256,
        },
    };

    /// What those may cost who stand so.
    pub fn of(standing: Standing) -> Self {
        if standing >= Standing::Followed {
            Self::KNOWN
        } else {
            Self::STRANGER
        }
    }

    fn rate(&self, cost: Cost) -> Rate {
        match cost {
            Cost::Connection => self.connections,
            Cost::BytesServed => self.bytes_served,
            Cost::BytesTaken => self.bytes_taken,
            Cost::Waste => self.waste,
        }
    }
}

/// What peers have used up.
#[derive(Debug, Clone, Default)]
pub struct Costs {
    buckets: Buckets<(NodeId, Cost)>,
}

impl Costs {
    /// Takes so much from what a peer may cost; `false` where there is less.
    pub fn take(
        &mut self,
        node: NodeId,
        standing: Standing,
        cost: Cost,
        amount: u64,
        now_ms: u64,
    ) -> bool {
        let rate = CostLimits::of(standing).rate(cost);
        self.buckets.take((node, cost), rate, now_ms, amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_get_less_and_one_does_not_use_up_what_is_another_s() {
        let mut costs = Costs::default();
        let [one, other] = [1, 2].map(|it| NodeId([it; 32]));
        let mut connect = |node, standing| {
            let mut times = 0;
            while costs.take(node, standing, Cost::Connection, 1, 0) {
                times += 1;
            }
            times
        };
        assert_eq!(connect(one, Standing::Stranger), 10);
        assert_eq!(connect(other, Standing::Followed), 60);
    }
}
