//! What each peer may cost: calls, bytes, and work that came to nothing.

use crate::peer::NodeId;
use crate::policy::Standing;
use crate::schedule::{Buckets, Rate};

/// What costs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// A connection that it opens.
    Connection,
    /// A call of a procedure.
    Call,
    /// Bytes that it is sent.
    BytesServed,
    /// Bytes of messages that it sends.
    BytesTaken,
    /// Work for nothing: runs that are refused, entries that were known, asking for what
    /// is not here.
    Waste,
}

/// What a peer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostLimits {
    /// Connections.
    pub connections: Rate,
    /// Calls.
    pub calls: Rate,
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
        calls: Rate {
            burst: 10_000,
            per_minute: 60_000,
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
        calls: Rate {
            burst: 100,
            per_minute: 60,
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
            Cost::Call => self.calls,
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
