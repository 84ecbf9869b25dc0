//! The 32-byte names of things: entities, devices, topics, entries.
//!
//! Each is its own type so that the compiler tells them apart; all print as
//! lower-case hex and parse from it.

use std::fmt;
use std::str::FromStr;

/// Why a text is not a 32-byte id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 64 hexadecimal digits, got {0:?}")]
pub struct IdError(pub String);

/// Lower-case hex of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Bytes of a hex text of even length; `None` where a digit is wrong.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| (digit as char).to_digit(16).map(|d| d as u8);
    digits
        .chunks_exact(2)
        .map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?))
        .collect()
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// All zero bytes: "none" where the format says so.
            pub const ZERO: Self = Self([0; 32]);

            /// The raw bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first ten hex digits: enough for a person to tell ids apart on a screen.
            pub fn short(&self) -> String {
                hex(&self.0[..5])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = || IdError(text.chars().take(80).collect());
                let bytes = unhex(text).ok_or_else(wrong)?;
                Ok(Self(bytes.try_into().map_err(|_| wrong())?))
            }
        }
    };
}

id_type!(
    /// An entity (person, business, community): its first root public key.
    EntityId
);
id_type!(
    /// A device: the ed25519 public key that signs its feeds.
    DeviceId
);
id_type!(
    /// A topic: the id of its genesis entry.
    TopicId
);
id_type!(
    /// An entry: the hash of its header.
    EntryId
);
id_type!(
    /// A blob: the BLAKE3 hash of its bytes.
    BlobHash
);

/// A feed is what one device writes in one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedKey {
    /// The device that writes the feed.
    pub author: DeviceId,
    /// The topic in which it writes.
    pub topic: TopicId,
}
