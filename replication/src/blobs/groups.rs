//! Which groups of a blob are held.

use super::{GROUP_BYTES, PIECE_GROUPS, Span};

/// A bit for each chunk group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    bits: Vec<bool>,
    held: u32,
}

impl Groups {
    /// None of a blob of a size. The size must be one that a blob may have.
    pub fn none(size: u64) -> Self {
        let count = usize::try_from(size.div_ceil(GROUP_BYTES)).unwrap_or(0);
        Self {
            bits: vec![false; count],
            held: 0,
        }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.bits.len() as u32
    }

    /// How many are held.
    pub fn held(&self) -> u32 {
        self.held
    }

    /// Whether all are held.
    pub fn is_whole(&self) -> bool {
        self.held == self.count()
    }

    /// Whether one is held.
    pub fn has(&self, group: u32) -> bool {
        self.bits.get(group as usize).copied().unwrap_or(false)
    }

    /// These are held now.
    pub fn put(&mut self, span: Span) {
        for group in span.first..span.end() {
            if let Some(bit) = self.bits.get_mut(group as usize)
                && !*bit
            {
                *bit = true;
                self.held += 1;
            }
        }
    }

    /// The first piece that lacks and is not `asked` for: neighbours that lack, at most
    /// [`PIECE_GROUPS`].
    pub fn next_missing(&self, asked: impl Fn(u32) -> bool) -> Option<Span> {
        let lacks = |group: u32| group < self.count() && !self.has(group) && !asked(group);
        let first = (0..self.count()).find(|group| lacks(*group))?;
        let more = (first..first.saturating_add(PIECE_GROUPS)).take_while(|group| lacks(*group));
        Some(Span {
            first,
            count: more.count() as u32,
        })
    }

    /// The last group: it proves the size.
    pub fn last(&self) -> Span {
        Span {
            first: self.count().saturating_sub(1),
            count: 1,
        }
    }

    /// As bytes, the first group in the highest bit of the first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let bits = bits.iter().enumerate();
            bits.fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.bits.chunks(8).map(byte).collect()
    }

    /// From bytes, of a blob of a size; `None` where they are of another length.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let mut groups = Self::none(size);
        if bytes.len() != groups.bits.len().div_ceil(8) {
            return None;
        }
        for (at, bit) in groups.bits.iter_mut().enumerate() {
            *bit = bytes[at / 8] >> (7 - at % 8) & 1 == 1;
        }
        groups.held = groups.bits.iter().filter(|bit| **bit).count() as u32;
        Some(groups)
    }
}
