//! Ed25519 signatures over 32-byte hashes, checked by ZIP-215.

use std::convert::Infallible;

use ed25519_zebra::batch::{Item, Verifier};
use ed25519_zebra::{Signature as ZebraSignature, VerificationKey, VerificationKeyBytes};
use rand_core::{TryCryptoRng, TryRng};

use crate::refusal::Refusal;

/// The 64 bytes of a signature.
pub type Signature = [u8; 64];

/// Signatures for one multiplication: beyond this the gain of larger batches is small.
const BATCH_MAX: usize = 4096;

/// Checks one signature by ZIP-215. Key admission is asked apart.
pub fn verify(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), Refusal> {
    let key = VerificationKey::try_from(*key).map_err(|_| Refusal::BadSignature)?;
    key.verify(&ZebraSignature::from_bytes(signature), message)
        .map_err(|_| Refusal::BadSignature)
}

/// Signatures that are checked together, at about half the price.
#[derive(Default)]
pub struct Batch {
    items: Vec<Item>,
    seed: blake3::Hasher,
}

impl Batch {
    /// Adds a signature; its index in the outcome is the number of those before.
    pub fn push(&mut self, key: &[u8; 32], message: &[u8; 32], signature: &Signature) {
        self.seed.update(key).update(message).update(signature);
        let parts = (
            VerificationKeyBytes::from(*key),
            ZebraSignature::from_bytes(signature),
            message,
        );
        self.items.push(Item::from(parts));
    }

    /// How many were added.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The indexes of those that don't check; empty if all do.
    pub fn failures(self) -> Vec<usize> {
        let mut failures = Vec::new();
        let seed = self.seed.finalize();
        for (number, chunk) in self.items.chunks(BATCH_MAX).enumerate() {
            let start = number * BATCH_MAX;
            if chunk.len() > 1 {
                let mut verifier = Verifier::new();
                chunk.iter().for_each(|item| verifier.queue(item.clone()));
                if verifier
                    .verify(Coefficients::new(seed.as_bytes(), start))
                    .is_ok()
                {
                    continue;
                }
            }
            let bad = chunk
                .iter()
                .enumerate()
                .filter(|(_, item)| (*item).clone().verify_single().is_err());
            failures.extend(bad.map(|(index, _)| start + index));
        }
        failures
    }
}

/// The random coefficients of a batch check, drawn from a hash over all that is
/// checked: whoever makes the signatures can't choose them against it, and no
/// randomness from outside is needed.
struct Coefficients(blake3::OutputReader);

impl Coefficients {
    fn new(seed: &[u8; 32], start: usize) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(seed);
        hasher.update(&(start as u64).to_le_bytes());
        Self(hasher.finalize_xof())
    }
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(target);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;

    #[test]
    fn a_batch_names_the_bad_ones() {
        let mut batch = Batch::default();
        for index in 0..5_000u32 {
            let secret = SecretKey::from_seed([(index % 7) as u8 + 1; 32]);
            let message = [(index % 251) as u8; 32];
            let mut signature = secret.sign(&message);
            if index == 5 || index == 4_200 {
                signature[3] ^= 1;
            }
            batch.push(&secret.public(), &message, &signature);
        }
        assert_eq!(batch.failures(), [5, 4_200]);
    }
}
