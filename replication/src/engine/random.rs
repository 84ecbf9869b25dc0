//! Randomness from a seed that the shell drew.

/// A stream of random bytes that nobody can guess who doesn't have the seed.
#[derive(Clone)]
pub struct RandomStream {
    seed: [u8; 32],
    next: u64,
}

impl RandomStream {
    /// The stream of a seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, next: 0 }
    }

    /// The next 32 bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let hash = blake3::keyed_hash(&self.seed, &self.next.to_le_bytes());
        self.next += 1;
        *hash.as_bytes()
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        let bytes = self.bytes();
        u64::from_le_bytes([
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
        ])
    }
}
