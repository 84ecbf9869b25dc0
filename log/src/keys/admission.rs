//! Which public keys count at all (`spec/02-identity.md` 2.1).
//!
//! ZIP-215 verification is lenient about points so that single and batched
//! checks agree; the strictness that applications need is in the key instead:
//! canonical, of prime order. It is asked once for each key.

use std::collections::HashSet;

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::IsIdentity;

use crate::refusal::Refusal;

/// Keys kept as admitted before the memory of them is started anew: 32 MB at most.
const REMEMBERED_MAX: usize = 1 << 20;

/// Refuses a key that is not the canonical encoding of a point of prime order.
pub fn admit(key: &[u8; 32]) -> Result<(), Refusal> {
    let point = CompressedEdwardsY(*key)
        .decompress()
        .ok_or(Refusal::BadKey)?;
    // decompression takes y modulo p and a sign for x = 0; only the canonical form comes back equal
    let canonical = point.compress().to_bytes() == *key;
    if canonical && !point.is_identity() && point.is_torsion_free() {
        Ok(())
    } else {
        Err(Refusal::BadKey)
    }
}

/// Remembers which keys were admitted, since the check costs as much as a signature.
#[derive(Debug, Default)]
pub struct AdmittedKeys {
    known: HashSet<[u8; 32]>,
}

impl AdmittedKeys {
    /// As [`admit`], at no cost the second time.
    pub fn admit(&mut self, key: &[u8; 32]) -> Result<(), Refusal> {
        if self.known.contains(key) {
            return Ok(());
        }
        admit(key)?;
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
        }
        self.known.insert(*key);
        Ok(())
    }
}
