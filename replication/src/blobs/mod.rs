//! Blobs: large things that entries name by their hash (`spec/15-blobs.md`).
//!
//! A node that wants a blob asks the peers with whom it shares a topic whose entries name
//! it. Who lacks it may look for it in turn, a few hops far. Who has it says so, and is
//! asked for it piece by piece; each piece proves itself against the hash before it is
//! stored, so it does not matter who sends it. Blobs come last: a piece leaves only over a
//! link on which no entry waits.
//!
//! Everything here is pure: [`Exchange`] is told what happens and says what to send, and
//! what is held it asks a [`Repo`](crate::repo::Repo).

mod exchange;
mod groups;
mod message;
mod serving;
mod slice;
#[cfg(test)]
mod tests;
mod wish;

pub use exchange::{Around, Exchange, Reach, Said, WishState};
pub use groups::Groups;
pub use message::{BlobMessage, BlobWord, Reason};
pub use slice::{Piece, SliceError, Span, Tree, encode, tree_of};

use synlog_log::ids::{BlobHash, TopicId};

/// Bytes of a chunk group: the least that is checked and asked for by itself. Smaller ones
/// would make more of proofs, larger ones more of what is lost when a peer lies.
pub const GROUP_BYTES: u64 = 16 * 1024;
/// Chunk groups of one piece: 64 KiB, so that an entry never waits longer for a link than
/// for a payload of the largest size.
pub const PIECE_GROUPS: u32 = 4;
/// Bytes of the proof beside a piece: at most 12 pairs of hashes lead to each of its groups
/// in the largest blob, and neighbours share most of them.
pub const PROOF_BYTES_MAX: usize = 64 * 64;
/// Bytes of a piece with its proof.
pub const PIECE_BYTES_MAX: usize = PIECE_GROUPS as usize * GROUP_BYTES as usize + PROOF_BYTES_MAX;
/// How often a want is passed on: neighbours of neighbours. Farther away everything asks
/// everything for what nobody has.
pub const HOPS_MAX: u8 = 2;

/// A blob as it belongs to a topic.
pub type BlobKey = (TopicId, BlobHash);

/// Bounds of the exchange of blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobLimits {
    /// Bytes of one blob that are taken.
    pub blob_bytes: u64,
    /// Blobs that are wanted here at once.
    pub wishes: usize,
    /// Blobs that are looked for at once because one peer asked for them.
    pub forwards: usize,
    /// Pieces that are asked for over one link at once: 512 KiB keep a home line busy.
    pub reads: usize,
    /// Milliseconds after which a piece that was asked for is asked of somebody else.
    pub patience_ms: u64,
    /// Milliseconds after which a peer that had nothing is asked again.
    pub again_ms: u64,
    /// Milliseconds for which a blob is looked for because a peer asked.
    pub forward_ms: u64,
}

impl Default for BlobLimits {
    fn default() -> Self {
        Self {
            blob_bytes: synlog_log::limits::BLOB_MAX,
            wishes: 4_096,
            forwards: 64,
            reads: 8,
            patience_ms: 30_000,
            again_ms: 15_000,
            forward_ms: 120_000,
        }
    }
}

/// How a topic stands to a blob, as far as this node can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// No entry of the topic that is here names it.
    Unknown,
    /// The topic is sealed to this node, which keeps its ciphertext and can't tell.
    Unreadable,
    /// An entry names it, or a member asked this node to hold it.
    Named {
        /// Its size in bytes, as far as it is said.
        size: Option<u64>,
    },
}

/// What became of a piece that was given to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is stored; others are still missing.
    Part,
    /// It is stored, and with it all of the blob, durably.
    Whole,
    /// There is no room for it.
    NoRoom,
}

/// Groups of a blob that is only partly here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// The size of the whole, in bytes; proven by its last group.
    pub size: u64,
    /// Which groups are here.
    pub groups: Groups,
}
