//! Whether this machine's clock can be trusted, by what pinned peers say.
//!
//! Entries carry the time at which they were signed, and others put aside what lies more
//! than two minutes ahead of them. A node whose clock is that far off would write a feed
//! that nobody takes, so it does not sign; a few peers that lie can't stop it: the
//! median counts.

use std::collections::BTreeMap;

use synlog_log::ids::DeviceId;
use synlog_log::limits::AHEAD_MAX_MS;

/// How long a sample counts: clocks that are set right show within this time.
pub const SAMPLE_LIFE_MS: u64 = 60 * 60 * 1000;
/// With fewer peers than this nothing is concluded: one pinned peer may be the one
/// whose clock is wrong.
pub const PEERS_MIN: usize = 2;
/// Peers that are remembered; more change no median that matters.
const PEERS_MAX: usize = 256;

/// What one peer's clock was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    /// Its time minus ours, in milliseconds.
    offset_ms: i64,
    /// When that was, by the clock that only goes forward.
    at_ms: u64,
}

/// The latest sample of each pinned peer.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch {
    samples: BTreeMap<DeviceId, Sample>,
}

impl ClockWatch {
    /// Takes in that a pinned peer's clock was `offset_ms` ahead of ours (negative:
    /// behind) at a time of a clock that never jumps.
    pub fn note(&mut self, peer: DeviceId, offset_ms: i64, at_ms: u64) {
        if self.samples.len() >= PEERS_MAX && !self.samples.contains_key(&peer) {
            let oldest = self.samples.iter().min_by_key(|(_, sample)| sample.at_ms);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.samples.remove(&oldest);
            }
        }
        self.samples.insert(peer, Sample { offset_ms, at_ms });
    }

    /// Forgets a peer that is pinned no more.
    pub fn forget(&mut self, peer: &DeviceId) {
        self.samples.remove(peer);
    }

    /// How far ahead of ours the clocks of the peers are, by their median (the lower of two
    /// in the middle); `None` while too few were heard lately.
    pub fn offset_ms(&self, at_ms: u64) -> Option<i64> {
        let fresh = self
            .samples
            .values()
            .filter(|sample| at_ms.saturating_sub(sample.at_ms) <= SAMPLE_LIFE_MS);
        let mut offsets: Vec<i64> = fresh.map(|sample| sample.offset_ms).collect();
        if offsets.len() < PEERS_MIN {
            return None;
        }
        offsets.sort_unstable();
        Some(offsets[(offsets.len() - 1) / 2])
    }

    /// How far off our clock is, where that is too far to sign.
    pub fn too_far_ms(&self, at_ms: u64) -> Option<i64> {
        let limit = i64::try_from(AHEAD_MAX_MS).unwrap_or(i64::MAX);
        self.offset_ms(at_ms)
            .filter(|offset| offset.unsigned_abs() > limit.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn peer(number: u8) -> DeviceId {
        DeviceId([number; 32])
    }

    const YEARS_10_MS: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

    fn watch(offsets: &[i64]) -> ClockWatch {
        let mut watch = ClockWatch::default();
        for (number, offset) in offsets.iter().enumerate() {
            watch.note(peer(number as u8), *offset, 1000);
        }
        watch
    }

    #[test]
    fn the_median_of_pinned_peers_decides() {
        assert_eq!(watch(&[]).too_far_ms(1000), None);
        assert_eq!(watch(&[YEARS_10_MS]).too_far_ms(1000), None);
        for years in [YEARS_10_MS, -YEARS_10_MS] {
            assert_eq!(watch(&[years, years]).too_far_ms(1000), Some(years));
            // one liar, or one whose clock is wrong, among three
            assert_eq!(watch(&[10, years, -20]).too_far_ms(1000), None);
        }
        assert_eq!(watch(&[120_000; 3]).too_far_ms(1000), None);
        assert_eq!(watch(&[120_001; 3]).too_far_ms(1000), Some(120_001));
        assert_eq!(watch(&[-120_001; 3]).too_far_ms(1000), Some(-120_001));
        assert_eq!(watch(&[i64::MIN; 3]).too_far_ms(1000), Some(i64::MIN));
    }

    #[test]
    fn old_samples_stop_nobody() {
        let mut off = watch(&[YEARS_10_MS; 3]);
        assert!(off.too_far_ms(1000 + SAMPLE_LIFE_MS).is_some());
        assert_eq!(off.too_far_ms(1001 + SAMPLE_LIFE_MS), None);
        off.note(peer(0), 0, 5000);
        off.note(peer(1), 5, 5000);
        assert_eq!(off.too_far_ms(5000), None);
        off.note(peer(1), YEARS_10_MS, 5000);
        assert_eq!(off.too_far_ms(5000), Some(YEARS_10_MS));
        // of two the one nearer to ours counts
        off.forget(&peer(1));
        assert_eq!(off.too_far_ms(5000), None);
    }

    #[test]
    fn many_peers_take_bounded_memory() {
        let mut watch = ClockWatch::default();
        for number in 0..10_000u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_le_bytes());
            watch.note(DeviceId(id), 0, u64::from(number));
        }
        assert_eq!(watch.samples.len(), PEERS_MAX);
    }

    proptest! {
        #[test]
        fn a_minority_moves_nothing(
            honest in proptest::collection::vec(-60_000i64..60_000, 3..20),
            liars in proptest::collection::vec(any::<i64>(), 0..20),
        ) {
            let liars = &liars[..liars.len().min((honest.len() - 1) / 2)];
            let all = [&honest[..], liars].concat();
            prop_assert_eq!(watch(&all).too_far_ms(1000), None);
        }
    }
}
