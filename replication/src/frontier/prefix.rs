//! The first bits of topic ‖ author: a part of a frontier.

use synlog_log::ids::{FeedKey, TopicId};

use super::trie::bit_of;

/// Bits of topic ‖ author.
const KEY_BITS: usize = 512;

/// Some first bits; those behind are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    bytes: [u8; 64],
    bits: u16,
}

impl Prefix {
    /// The prefix of everything.
    pub const ALL: Self = Self {
        bytes: [0; 64],
        bits: 0,
    };

    /// The first bits of a key; bits behind them are dropped.
    pub fn of(key: &[u8; 64], bits: usize) -> Self {
        let bits = bits.min(KEY_BITS);
        let mut bytes = *key;
        let whole = bits / 8;
        if whole < 64 {
            bytes[whole] &= !(0xff_u8 >> (bits % 8));
            bytes[whole + 1..].fill(0);
        }
        Self {
            bytes,
            bits: bits as u16,
        }
    }

    /// All bits of a feed's key.
    pub fn of_feed(feed: &FeedKey) -> Self {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&feed.topic.0);
        key[32..].copy_from_slice(&feed.author.0);
        Self::of(&key, KEY_BITS)
    }

    /// All bits of a topic.
    pub fn of_topic(topic: &TopicId) -> Self {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&topic.0);
        Self::of(&key, 256)
    }

    /// How many bits.
    pub fn bits(&self) -> usize {
        usize::from(self.bits)
    }

    /// The topic's part.
    pub fn topic(&self) -> TopicId {
        let mut topic = [0; 32];
        topic.copy_from_slice(&self.bytes[..32]);
        TopicId(topic)
    }

    /// The author's part.
    pub fn author(&self) -> [u8; 32] {
        let mut author = [0; 32];
        author.copy_from_slice(&self.bytes[32..]);
        author
    }

    /// With one bit more; `None` where all bits are there.
    pub fn child(&self, side: usize) -> Option<Self> {
        let mut child = *self;
        if self.bits() >= KEY_BITS {
            return None;
        }
        if side == 1 {
            child.bytes[self.bits() / 8] |= 0x80 >> (self.bits() % 8);
        }
        child.bits += 1;
        Some(child)
    }

    /// Whether another one begins with it.
    pub fn holds(&self, other: &Self) -> bool {
        self.bits <= other.bits && Self::of(&other.bytes, self.bits()) == *self
    }

    /// The bits from `from` on, packed from the highest bit of the first byte.
    pub fn tail(&self, from: usize) -> Vec<u8> {
        let count = self.bits().saturating_sub(from);
        let mut packed = vec![0; count.div_ceil(8)];
        for index in 0..count {
            packed[index / 8] |= (bit_of(&self.bytes, from + index) as u8) << (7 - index % 8);
        }
        packed
    }

    /// With so many bits more, packed as by [`Prefix::tail`]. `None` where that is too long,
    /// too short, or bits behind the last are not zero.
    pub fn with_tail(&self, packed: &[u8], count: usize) -> Option<Self> {
        let bits = self.bits() + count;
        if bits > KEY_BITS || packed.len() != count.div_ceil(8) {
            return None;
        }
        let mut longer = *self;
        for index in 0..packed.len() * 8 {
            let bit = bit_of(packed, index);
            if index >= count {
                if bit == 1 {
                    return None;
                }
                continue;
            }
            let at = self.bits() + index;
            longer.bytes[at / 8] |= (bit as u8) << (7 - at % 8);
        }
        longer.bits = bits as u16;
        Some(longer)
    }
}
