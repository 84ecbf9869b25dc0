//! A blocked bloom filter over the ids of a segment: most misses end here,
//! without reading the disk.

/// One block is a cache line.
pub(crate) const BLOCK_BYTES: usize = 64;
/// Bits set per id; with 10 to 16 bits an id, more set bits gain nothing.
const PROBES: usize = 6;

/// The filter. Without blocks it lets everything pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter(Vec<u8>);

impl Filter {
    /// A filter with room for `ids` ids at so many bits each; 0 bits = no filter.
    pub(crate) fn new(ids: usize, bits_per_id: u32) -> Self {
        let blocks = (ids * bits_per_id as usize).div_ceil(BLOCK_BYTES * 8);
        Self(vec![0; blocks * BLOCK_BYTES])
    }

    /// Takes bytes as they were written; the length must be whole blocks.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn blocks(&self) -> usize {
        self.0.len() / BLOCK_BYTES
    }

    fn probes(&self, id: &[u8; 32]) -> (usize, [u16; PROBES]) {
        let mut eight = [0; 8];
        eight.copy_from_slice(&id[8..16]);
        let wide = u128::from(u64::from_le_bytes(eight)) * self.blocks() as u128;
        let block = (wide >> 64) as usize * BLOCK_BYTES;
        let bits = std::array::from_fn(|n| {
            u16::from_le_bytes([id[16 + 2 * n], id[17 + 2 * n]]) % (BLOCK_BYTES as u16 * 8)
        });
        (block, bits)
    }

    pub(crate) fn insert(&mut self, id: &[u8; 32]) {
        if self.0.is_empty() {
            return;
        }
        let (block, bits) = self.probes(id);
        for bit in bits {
            self.0[block + usize::from(bit / 8)] |= 1 << (bit % 8);
        }
    }

    /// False only where the id was never inserted.
    pub(crate) fn may_hold(&self, id: &[u8; 32]) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let (block, bits) = self.probes(id);
        bits.iter()
            .all(|bit| self.0[block + usize::from(bit / 8)] & (1 << (bit % 8)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_passes_and_little_else() {
        let id = |n: u32| *blake3::hash(&n.to_le_bytes()).as_bytes();
        let mut filter = Filter::new(10_000, 12);
        (0..10_000).for_each(|n| filter.insert(&id(n)));
        assert!((0..10_000).all(|n| filter.may_hold(&id(n))));
        let wrong = (10_000..110_000)
            .filter(|n| filter.may_hold(&id(*n)))
            .count();
        assert!(wrong < 1_500, "{wrong} of 100,000 pass wrongly");
        assert!(Filter::new(10, 0).may_hold(&id(1)));
    }
}
