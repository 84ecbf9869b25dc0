//! Filters over the ids of closed segments: most unknown ids end here, without
//! reading the disk, at a cost that hardly grows with the log.
//!
//! Each segment has a bloom filter of the same length. In memory the filters of
//! 64 segments lie across: one word per bit of the filter, one bit of the word
//! per segment. Seven words, combined, tell which of the 64 may hold an id.

/// Words looked at per id. At 16 bits an id about 1 in 1,400 segments is asked in vain.
const PROBES: usize = 7;
/// Segments whose filters share words.
const LANES: usize = 64;
/// The options count filter bits per entry of this length in bytes.
const TYPICAL_ENTRY_BYTES: u64 = 320;

/// Bytes of the filter of a segment; at least one word.
pub(crate) fn filter_bytes(segment_bytes: u32, bits_per_id: u32) -> usize {
    let bits = u64::from(segment_bytes) * u64::from(bits_per_id) / TYPICAL_ENTRY_BYTES;
    (bits as usize / 8).next_multiple_of(8).max(8)
}

/// The bits of an id, in a filter of so many bits.
fn probes(id: &[u8; 32], bits: usize) -> [usize; PROBES] {
    // Ids are hashes: their bytes are as good as any hash of them.
    std::array::from_fn(|n| {
        let at = 2 + 4 * n;
        let word = u32::from_le_bytes([id[at], id[at + 1], id[at + 2], id[at + 3]]);
        ((u64::from(word) * bits as u64) >> 32) as usize
    })
}

/// Enters an id into the filter of one segment.
pub(crate) fn insert(filter: &mut [u8], id: &[u8; 32]) {
    if filter.is_empty() {
        return;
    }
    for bit in probes(id, filter.len() * 8) {
        filter[bit / 8] |= 1 << (bit % 8);
    }
}

/// The filters of all closed segments, in order.
#[derive(Debug)]
pub(crate) struct Filters {
    filter_bytes: usize,
    segments: usize,
    groups: Vec<Vec<u64>>,
}

impl Filters {
    pub(crate) fn new(filter_bytes: usize) -> Self {
        Self {
            filter_bytes,
            segments: 0,
            groups: Vec::new(),
        }
    }

    /// Adds the filter of the next segment. One of another length lets all pass.
    pub(crate) fn push(&mut self, filter: &[u8]) {
        let lane = self.segments % LANES;
        if lane == 0 {
            self.groups.push(vec![0; self.filter_bytes * 8]);
        }
        self.segments += 1;
        let Some(group) = self.groups.last_mut() else {
            return;
        };
        if filter.len() != self.filter_bytes {
            group.iter_mut().for_each(|word| *word |= 1 << lane);
            return;
        }
        for (byte, words) in filter.iter().zip(group.chunks_exact_mut(8)) {
            for (bit, word) in words.iter_mut().enumerate() {
                *word |= u64::from(byte >> bit & 1) << lane;
            }
        }
    }

    /// Segments that may hold an id, ascending.
    pub(crate) fn candidates(&self, id: &[u8; 32]) -> impl Iterator<Item = usize> {
        let rows = probes(id, self.filter_bytes * 8);
        self.groups.iter().enumerate().flat_map(move |(n, group)| {
            let mut lanes = rows.iter().fold(u64::MAX, |all, row| all & group[*row]);
            std::iter::from_fn(move || {
                let lane = lanes.trailing_zeros() as usize;
                lanes &= lanes.wrapping_sub(1);
                (lane < LANES).then_some(n * LANES + lane)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> [u8; 32] {
        *blake3::hash(&n.to_le_bytes()).as_bytes()
    }

    #[test]
    fn the_segment_of_an_id_is_a_candidate_and_few_others_are() {
        let bytes = filter_bytes(32 << 10, 16);
        let mut filters = Filters::new(bytes);
        for segment in 0..150 {
            let mut filter = vec![0; bytes];
            (0..100).for_each(|n| insert(&mut filter, &id(segment * 100 + n)));
            filters.push(&filter);
        }
        let mut others = 0;
        for n in 0..15_000 {
            let found: Vec<usize> = filters.candidates(&id(n)).collect();
            assert!(found.contains(&(n as usize / 100)) && found.is_sorted());
            others += found.len() - 1;
        }
        assert!(others < 15_000, "{others} wrong of 2,235,000");
        assert!(filters.candidates(&id(99_999)).count() < 20);
    }

    #[test]
    fn a_filter_of_another_length_lets_all_pass() {
        let mut filters = Filters::new(64);
        filters.push(&[0; 64]);
        filters.push(&[0; 8]);
        assert_eq!(filters.candidates(&id(1)).collect::<Vec<_>>(), [1]);
    }
}
