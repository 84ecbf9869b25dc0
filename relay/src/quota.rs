//! How much each address may ask for, as buckets that fill with time.

use core::net::IpAddr;
use std::collections::HashMap;
use std::hash::Hash;

/// Who asks: an IPv4 address, or the network of an IPv6 one (/64), which is what one
/// household or one rented machine gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller([u8; 8]);

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        let mut key = [0; 8];
        match address.to_canonical() {
            IpAddr::V4(address) => key[4..].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => key.copy_from_slice(&address.octets()[..8]),
        }
        Self(key)
    }
}

impl Caller {
    /// As bytes.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of what is left.
    left: u64,
    at_ms: u64,
}

/// Buckets of a bounded number of askers.
#[derive(Debug)]
pub struct Quota<K> {
    burst: u64,
    /// Thousandths that come back in a millisecond, times a thousand.
    per_ms: u64,
    askers_max: usize,
    buckets: HashMap<K, Bucket>,
}

impl<K: Hash + Eq + Copy> Quota<K> {
    /// `burst` at once, and from then on `count` in each `seconds`.
    pub fn new(burst: u32, count: u32, seconds: u32, askers_max: usize) -> Self {
        Self {
            burst: u64::from(burst) * 1_000_000,
            per_ms: u64::from(count) * 1_000 / u64::from(seconds.max(1)),
            askers_max,
            buckets: HashMap::new(),
        }
    }

    /// Whether one more is allowed now; counts it if so.
    pub fn takes(&mut self, asker: K, now_ms: u64) -> bool {
        if !self.buckets.contains_key(&asker) && self.buckets.len() >= self.askers_max {
            self.forget(now_ms);
            if self.buckets.len() >= self.askers_max {
                return false;
            }
        }
        let (burst, per_ms) = (self.burst, self.per_ms);
        let full = Bucket {
            left: burst,
            at_ms: now_ms,
        };
        let bucket = self.buckets.entry(asker).or_insert(full);
        let passed = now_ms.saturating_sub(bucket.at_ms);
        let back = passed.saturating_mul(per_ms);
        bucket.left = bucket.left.saturating_add(back).min(burst);
        bucket.at_ms = bucket.at_ms.max(now_ms);
        if bucket.left < 1_000_000 {
            return false;
        }
        bucket.left -= 1_000_000;
        true
    }

    /// Forgets whose bucket is full again: they are as if they had never been there.
    pub fn forget(&mut self, now_ms: u64) {
        let (burst, per_ms) = (self.burst, self.per_ms);
        self.buckets.retain(|_, bucket| {
            let passed = now_ms.saturating_sub(bucket.at_ms);
            bucket.left.saturating_add(passed.saturating_mul(per_ms)) < burst
        });
    }

    /// Of how many something is remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let mut quota = Quota::new(3, 2, 1, 10);
        let taken = |quota: &mut Quota<u8>, at| (0..10).filter(|_| quota.takes(1, at)).count();
        assert_eq!(taken(&mut quota, 0), 3);
        assert_eq!(taken(&mut quota, 499), 0);
        assert_eq!(taken(&mut quota, 500), 1);
        assert_eq!(taken(&mut quota, 1_500), 2);
        assert_eq!(taken(&mut quota, 60_000), 3);
        // a clock that goes back gives nothing
        assert_eq!(taken(&mut quota, 0), 0);
    }

    #[test]
    fn slow_ones_too() {
        let mut quota = Quota::new(1, 1, 20, 10);
        assert!(quota.takes(1, 0));
        assert!(!quota.takes(1, 19_999));
        assert!(quota.takes(1, 20_000));
    }

    #[test]
    fn a_flood_of_askers_takes_bounded_memory() {
        let mut quota = Quota::new(2, 1, 1, 100);
        let let_in = (0..10_000).filter(|asker| quota.takes(*asker, 0)).count();
        assert_eq!((let_in, quota.len()), (100, 100));
        // who was there before is still served, and later there is room again
        assert!(quota.takes(5, 0));
        assert!(quota.takes(20_000, 5_000));
        assert!(quota.len() < 100);
    }

    #[test]
    fn networks_are_one_caller() {
        let caller = |text: &str| Caller::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(caller("2001:db8::1"), caller("2001:db8::ffff:2"));
        assert_ne!(caller("2001:db8::1"), caller("2001:db8:0:1::1"));
        assert_eq!(caller("::ffff:10.0.0.1"), caller("10.0.0.1"));
        assert_ne!(caller("10.0.0.2"), caller("10.0.0.1"));
    }
}
