//! Randomness: the only place of this crate that asks the system for it.

use crate::failure::Failure;

/// Fresh random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::System(format!("no randomness: {error}")))?;
    Ok(bytes)
}
