//! Large things of private topics, sealed before they are hashed (`spec/07-sealed.md` 7.8):
//! whoever stores or hands on a blob sees ciphertext and its hash.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::hash::Context;
use crate::refusal::Refusal;

/// Bytes of plaintext in a chunk: what a reader holds before it can show any of it.
pub const CHUNK_LEN: usize = 64 * 1024;
/// Bytes that sealing adds to each chunk.
pub const TAG_LEN: usize = 16;

/// The key of one blob. It stands in the sealed entry that names the blob, and is random:
/// one key never seals two blobs.
#[derive(Clone)]
pub struct BlobKey(Zeroizing<[u8; 32]>);

impl BlobKey {
    /// From 32 random bytes, or as it stands in an entry.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for the entry.
    pub fn to_bytes(&self) -> [u8; 32] {
        *self.0
    }

    /// The cipher of one chunk. Its key is used once, so that its nonce is zero; number and
    /// "last" are in it, so that chunks can't be moved, left out or added.
    fn chunk(&self, number: u64, last: bool) -> XChaCha20Poly1305 {
        let parts: [&[u8]; 3] = [&self.0[..], &number.to_le_bytes(), &[u8::from(last)]];
        XChaCha20Poly1305::new(&Key::from(Context::BlobKey.hash_parts(&parts)))
    }
}

impl std::fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobKey(secret)")
    }
}

/// How long a blob of some bytes is when it is sealed.
pub fn sealed_len(plain_len: u64) -> u64 {
    let chunks = plain_len.div_ceil(CHUNK_LEN as u64).max(1);
    plain_len + chunks * TAG_LEN as u64
}

/// Seals one chunk: all of them but the last have [`CHUNK_LEN`] bytes. An empty blob is one
/// empty last chunk.
pub fn seal_chunk(
    key: &BlobKey,
    number: u64,
    last: bool,
    plain: &[u8],
) -> Result<Vec<u8>, Refusal> {
    if plain.len() > CHUNK_LEN || (!last && plain.len() < CHUNK_LEN) {
        return Err(Refusal::TooLarge);
    }
    let sealed = key
        .chunk(number, last)
        .encrypt(&XNonce::from([0; 24]), plain);
    sealed.map_err(|_| Refusal::TooLarge)
}

/// Opens one chunk, so that a range can be read without the rest.
pub fn open_chunk(
    key: &BlobKey,
    number: u64,
    last: bool,
    sealed: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let opened = key
        .chunk(number, last)
        .decrypt(&XNonce::from([0; 24]), sealed);
    opened.map_err(|_| Refusal::Unsealable)
}

/// Seals a blob chunk by chunk.
pub fn seal(key: &BlobKey, plain: &[u8], mut put: impl FnMut(&[u8])) -> Result<(), Refusal> {
    let count = plain.len().div_ceil(CHUNK_LEN).max(1);
    for number in 0..count {
        let rest = &plain[number * CHUNK_LEN..];
        let chunk = &rest[..rest.len().min(CHUNK_LEN)];
        put(&seal_chunk(key, number as u64, number + 1 == count, chunk)?);
    }
    Ok(())
}

/// Opens a blob chunk by chunk; what was put before an error is right as far as it goes.
pub fn open(key: &BlobKey, sealed: &[u8], mut put: impl FnMut(&[u8])) -> Result<(), Refusal> {
    const SEALED_CHUNK: usize = CHUNK_LEN + TAG_LEN;
    let count = sealed.len().div_ceil(SEALED_CHUNK).max(1);
    for number in 0..count {
        let rest = &sealed[number * SEALED_CHUNK..];
        let chunk = &rest[..rest.len().min(SEALED_CHUNK)];
        put(&open_chunk(key, number as u64, number + 1 == count, chunk)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        seal(&BlobKey::from_bytes([7; 32]), plain, |chunk| {
            out.extend_from_slice(chunk)
        })
        .unwrap();
        out
    }

    fn opened(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        open(&BlobKey::from_bytes([7; 32]), bytes, |chunk| {
            out.extend_from_slice(chunk)
        })?;
        Ok(out)
    }

    #[test]
    fn blobs_of_all_lengths_come_back_and_nothing_can_be_moved() {
        for len in [
            0,
            1,
            CHUNK_LEN - 1,
            CHUNK_LEN,
            CHUNK_LEN + 1,
            3 * CHUNK_LEN,
            200_000,
        ] {
            let plain: Vec<u8> = (0..len).map(|at| (at / 7) as u8).collect();
            let bytes = sealed(&plain);
            assert_eq!(bytes.len() as u64, sealed_len(len as u64));
            assert_eq!(opened(&bytes).unwrap(), plain);
        }
        let bytes = sealed(&vec![1; 3 * CHUNK_LEN]);
        let step = CHUNK_LEN + TAG_LEN;
        let swapped = [&bytes[step..2 * step], &bytes[..step], &bytes[2 * step..]].concat();
        for wrong in [
            &swapped[..],
            &bytes[..2 * step],
            &bytes[step..],
            &bytes[..bytes.len() - 1],
        ] {
            assert_eq!(opened(wrong), Err(Refusal::Unsealable));
        }
        let mut flipped = bytes.clone();
        flipped[step + 3] ^= 1;
        assert_eq!(opened(&flipped), Err(Refusal::Unsealable));
        let middle = open_chunk(
            &BlobKey::from_bytes([7; 32]),
            1,
            false,
            &bytes[step..2 * step],
        );
        assert_eq!(middle.unwrap(), vec![1; CHUNK_LEN]);
        assert_eq!(opened(&[]), Err(Refusal::Unsealable));
    }
}
