//! Hashes and how they are written.

/// BLAKE3 over parts put one after the other. With a context it is the derive-key mode
/// (`spec/01-encoding.md` 1.2); without one the plain hash. Parts have no lengths of
/// their own: give all but one of them a fixed size.
pub fn hash(context: Option<&str>, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = match context {
        Some(context) => blake3::Hasher::new_derive_key(context),
        None => blake3::Hasher::new(),
    };
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}
