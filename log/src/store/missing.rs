//! Positions whose records are damaged or lost.
//!
//! ```text
//! index/missing   magic "SYNLOGMS" 8 │ version 4 │ store uuid 16 │ ranges 4
//!                 each: first 8, end 8 │ CRC32C of all before 4
//! ```
//!
//! What the segments themselves show is found again without this file; it also
//! keeps what a read or a scrub found in segments that are not read at opening.

use super::format::{FORMAT_VERSION, u32_at, u64_at};

pub(crate) const MISSING_NAME: &str = "missing";
const MAGIC: &[u8; 8] = b"SYNLOGMS";
const HEADER_BYTES: usize = 32;

/// A range of positions that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRange {
    /// First position.
    pub first: u64,
    /// Position behind the last.
    pub end: u64,
    /// Positions of which the id is still known.
    pub ids: Vec<(u64, [u8; 32])>,
    /// Every one of them is stored again elsewhere.
    pub healed: bool,
}

/// Ranges of positions, sorted, merged where they touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Quarantine {
    ranges: Vec<(u64, u64)>,
    pub(crate) unsaved: bool,
}

impl Quarantine {
    pub(crate) fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The range that holds a position.
    pub(crate) fn range_of(&self, position: u64) -> Option<(u64, u64)> {
        let after = self.ranges.partition_point(|r| r.0 <= position);
        let range = *self.ranges.get(after.checked_sub(1)?)?;
        (position < range.1).then_some(range)
    }

    pub(crate) fn insert(&mut self, first: u64, end: u64) {
        if first >= end || self.range_of(first).is_some_and(|r| r.1 >= end) {
            return;
        }
        let from = self.ranges.partition_point(|r| r.1 < first);
        let to = self.ranges.partition_point(|r| r.0 <= end);
        let (mut low, mut high) = (first, end);
        for range in &self.ranges[from..to] {
            low = low.min(range.0);
            high = high.max(range.1);
        }
        self.ranges.splice(from..to, [(low, high)]);
        self.unsaved = true;
    }

    /// A checksum of the ranges.
    pub(crate) fn crc(&self) -> u32 {
        self.ranges.iter().fold(0, |crc, (first, end)| {
            let crc = crc32c::crc32c_append(crc, &first.to_le_bytes());
            crc32c::crc32c_append(crc, &end.to_le_bytes())
        })
    }

    pub(crate) fn encode(&self, uuid: &[u8; 16]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(uuid);
        out.extend_from_slice(&(self.ranges.len() as u32).to_le_bytes());
        for (first, end) in &self.ranges {
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], uuid: &[u8; 16]) -> Option<Self> {
        let body = bytes.len().checked_sub(4)?;
        if body < HEADER_BYTES
            || crc32c::crc32c(&bytes[..body]) != u32_at(bytes, body)
            || &bytes[..8] != MAGIC
            || u32_at(bytes, 8) != FORMAT_VERSION
            || &bytes[12..28] != uuid
            || body != HEADER_BYTES + 16 * u32_at(bytes, 28) as usize
        {
            return None;
        }
        let mut quarantine = Self::default();
        for range in bytes[HEADER_BYTES..body].chunks_exact(16) {
            quarantine.insert(u64_at(range, 0), u64_at(range, 8));
        }
        quarantine.unsaved = false;
        Some(quarantine)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_set_of_positions(ranges in proptest::collection::vec((0u64..60, 0u64..10), 0..12)) {
            let mut quarantine = Quarantine::default();
            let mut set = std::collections::BTreeSet::new();
            for (first, length) in ranges {
                quarantine.insert(first, first + length);
                set.extend(first..first + length);
            }
            for position in 0..80 {
                prop_assert_eq!(quarantine.range_of(position).is_some(), set.contains(&position));
            }
            for pair in quarantine.ranges().windows(2) {
                prop_assert!(pair[0].1 < pair[1].0);
            }
            let read = Quarantine::decode(&quarantine.encode(&[1; 16]), &[1; 16]).unwrap();
            prop_assert_eq!(read.ranges(), quarantine.ranges());
        }
    }
}
