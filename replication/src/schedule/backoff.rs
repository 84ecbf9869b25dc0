//! How long to leave a node alone after it failed.

/// Bounds of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first_ms: u64,
    /// The most.
    pub most_ms: u64,
}

impl Backoff {
    /// For nodes that this person pinned: they come back the moment they are there.
    pub const PINNED: Self = Self {
        first_ms: 1_000,
        most_ms: 60_000,
    };
    /// For others that could not be reached.
    pub const UNREACHED: Self = Self {
        first_ms: 2_000,
        most_ms: 15 * 60_000,
    };
    /// For those that broke the protocol: a bug may be fixed tomorrow, not in a minute.
    pub const MISBEHAVED: Self = Self {
        first_ms: 10 * 60_000,
        most_ms: 24 * 3_600_000,
    };

    /// Doubles with each failure up to the most; then between half and all of it by
    /// `random`, so that many who lost the same node don't all come at once.
    pub fn wait_ms(self, failures: u32, random: u64) -> u64 {
        let doublings = failures.saturating_sub(1).min(40);
        let wait = self
            .first_ms
            .saturating_mul(1 << doublings)
            .min(self.most_ms);
        wait / 2 + random % (wait / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_within_bounds_and_spreads() {
        for (failures, whole) in [
            (0, 2_000),
            (1, 2_000),
            (2, 4_000),
            (5, 32_000),
            (60, 900_000),
        ] {
            for random in [0, 1, 12_345, u64::MAX] {
                let wait = Backoff::UNREACHED.wait_ms(failures, random);
                assert!((whole / 2..=whole).contains(&wait), "{failures}: {wait}");
            }
        }
        let waits: std::collections::BTreeSet<u64> = (0..100)
            .map(|it| Backoff::PINNED.wait_ms(9, it * 7_919))
            .collect();
        assert!(waits.len() > 90);
    }
}
