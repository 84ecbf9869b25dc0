//! Token buckets: so much at once, so much over time.

use std::collections::BTreeMap;

/// How a bucket fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What it holds when it is full.
    pub burst: u64,
    /// What comes in each minute.
    pub per_minute: u64,
}

/// One bucket. It begins full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// What is in it, in sixty-thousandths, so that a slow one fills evenly too.
    level: u128,
    at_ms: u64,
}

/// Parts of a token: milliseconds of a minute.
const PARTS: u128 = 60_000;

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now_ms: u64) -> Self {
        Self {
            level: u128::from(rate.burst) * PARTS,
            at_ms: now_ms,
        }
    }

    fn fill(&mut self, rate: Rate, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        let came = u128::from(passed_ms) * u128::from(rate.per_minute);
        self.level = self
            .level
            .saturating_add(came)
            .min(u128::from(rate.burst) * PARTS);
    }

    /// Takes so much; `false`, and nothing is taken, where there is less.
    pub fn take(&mut self, rate: Rate, now_ms: u64, amount: u64) -> bool {
        self.fill(rate, now_ms);
        let amount = u128::from(amount) * PARTS;
        let enough = self.level >= amount;
        if enough {
            self.level -= amount;
        }
        enough
    }

    /// Takes what happened already, down to nothing.
    pub fn charge(&mut self, rate: Rate, now_ms: u64, amount: u64) {
        self.fill(rate, now_ms);
        self.level = self.level.saturating_sub(u128::from(amount) * PARTS);
    }

    /// Whether there is anything in it.
    pub fn has_some(&mut self, rate: Rate, now_ms: u64) -> bool {
        self.fill(rate, now_ms);
        self.level >= PARTS
    }

    /// Whether it is full: then forgetting it changes nothing.
    pub fn is_full(&mut self, rate: Rate, now_ms: u64) -> bool {
        self.fill(rate, now_ms);
        self.level >= u128::from(rate.burst) * PARTS
    }
}

/// Buckets by name, as many as are worth remembering: a full one is the same as none.
#[derive(Debug, Clone)]
pub struct Buckets<K> {
    by_key: BTreeMap<K, (Rate, Bucket)>,
}

/// Buckets that are remembered.
const REMEMBERED_MAX: usize = 4_096;

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            by_key: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Copy> Buckets<K> {
    /// Whether there is anything in a bucket.
    pub fn has_some(&self, key: &K, rate: Rate, now_ms: u64) -> bool {
        let bucket = self.by_key.get(key);
        bucket.is_none_or(|(_, bucket)| bucket.clone().has_some(rate, now_ms))
    }

    /// Takes so much from a bucket; `false`, and nothing is taken, where there is less.
    pub fn take(&mut self, key: K, rate: Rate, now_ms: u64, amount: u64) -> bool {
        self.with(key, rate, now_ms, |bucket| {
            bucket.take(rate, now_ms, amount)
        })
    }

    /// Takes what happened already, down to nothing.
    pub fn charge(&mut self, key: K, rate: Rate, now_ms: u64, amount: u64) {
        self.with(key, rate, now_ms, |bucket| {
            bucket.charge(rate, now_ms, amount)
        });
    }

    fn with<T>(&mut self, key: K, rate: Rate, now_ms: u64, act: impl Fn(&mut Bucket) -> T) -> T {
        let fresh = || (rate, Bucket::full(rate, now_ms));
        let (of, bucket) = self.by_key.entry(key).or_insert_with(fresh);
        *of = rate;
        let acted = act(bucket);
        if self.by_key.len() > REMEMBERED_MAX {
            self.forget(now_ms);
        }
        acted
    }

    /// Forgets full ones; under attack, where all are new names, the quarter that has
    /// used the least part of what it may.
    fn forget(&mut self, now_ms: u64) {
        self.by_key
            .retain(|_, (rate, bucket)| !bucket.is_full(*rate, now_ms));
        if self.by_key.len() <= REMEMBERED_MAX {
            return;
        }
        let part = |(rate, bucket): &(Rate, Bucket)| {
            bucket.level / (u128::from(rate.burst) * PARTS / 1_000 + 1)
        };
        let mut fullest: Vec<(u128, K)> = self
            .by_key
            .iter()
            .map(|(key, it)| (part(it), *key))
            .collect();
        fullest.sort_unstable_by(|a, b| b.cmp(a));
        for (_, key) in fullest.iter().take(REMEMBERED_MAX / 4) {
            self.by_key.remove(key);
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 10,
        per_minute: 6,
    };

    #[test]
    fn gives_the_burst_and_then_the_rate() {
        let mut bucket = Bucket::full(RATE, 0);
        assert!(bucket.take(RATE, 0, 10));
        assert!(!bucket.take(RATE, 0, 1));
        assert!(!bucket.take(RATE, 9_999, 1));
        assert!(bucket.take(RATE, 10_000, 1));
        assert!(!bucket.is_full(RATE, 100_000));
        assert!(bucket.is_full(RATE, 1_000_000));
        assert!(!bucket.take(RATE, 1_000_000, 11));
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_gives_nothing() {
        let mut bucket = Bucket::full(RATE, 50_000);
        bucket.charge(RATE, 50_000, 99);
        assert!(!bucket.has_some(RATE, 0));
        assert!(!bucket.has_some(RATE, 59_999));
        assert!(bucket.has_some(RATE, 60_000));
    }

    #[test]
    fn many_names_take_bounded_memory_and_who_used_most_is_not_forgotten() {
        let mut buckets = Buckets::default();
        buckets.charge(5_000_000u64, RATE, 0, 10);
        for key in 0..20_000 {
            buckets.charge(key, RATE, 0, 1 + key % 8);
        }
        assert!(buckets.len() <= REMEMBERED_MAX);
        assert!(!buckets.has_some(&5_000_000, RATE, 0));
    }

    #[test]
    fn the_largest_numbers_don_t_overflow() {
        let rate = Rate {
            burst: u64::MAX,
            per_minute: u64::MAX,
        };
        let mut bucket = Bucket::full(rate, 0);
        assert!(bucket.take(rate, u64::MAX, u64::MAX));
        bucket.charge(rate, u64::MAX, u64::MAX);
        assert!(!bucket.has_some(rate, u64::MAX));
    }
}
