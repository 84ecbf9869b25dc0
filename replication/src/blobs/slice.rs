//! Pieces of a blob that prove themselves against its hash: verified streaming over the
//! tree that BLAKE3 makes of its input, in groups of 16 chunks.

use std::io::{self, Read};

use bao_tree::io::BaoContentItem;
use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::io::sync::{
    CreateOutboard, DecodeResponseIter, ReadAt, WriteAt, encode_ranges_validated,
};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};

use synlog_log::ids::BlobHash;
use synlog_log::limits::BLOB_MAX;

use super::{GROUP_BYTES, PIECE_BYTES_MAX, PIECE_GROUPS};

/// Chunks of a group, as a power of two.
const GROUP_LOG: u8 = 4;
/// A group as the tree knows it.
const BLOCK: BlockSize = BlockSize::from_chunk_log(GROUP_LOG);

/// Groups that follow on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Span {
    /// The group behind the last one.
    pub fn end(self) -> u32 {
        self.first.saturating_add(self.count)
    }

    /// Whether it is some groups of a blob of a size, and not more than a piece has.
    pub fn fits(self, size: u64) -> bool {
        let groups = size.div_ceil(GROUP_BYTES);
        (1..=PIECE_GROUPS).contains(&self.count) && u64::from(self.end()) <= groups
    }

    /// Its bytes in a blob of a size.
    pub fn bytes(self, size: u64) -> std::ops::Range<u64> {
        let at = |group: u32| (u64::from(group) * GROUP_BYTES).min(size);
        at(self.first)..at(self.end())
    }

    fn ranges(self, size: u64) -> ChunkRanges {
        let at = |group: u32| ChunkNum(u64::from(group) << GROUP_LOG);
        // the last group may be short; the tree knows where it ends
        if u64::from(self.end()) >= size.div_ceil(GROUP_BYTES) {
            ChunkRanges::from(at(self.first)..)
        } else {
            ChunkRanges::from(at(self.first)..at(self.end()))
        }
    }
}

/// Why a piece can't be made, or is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    /// It does not follow from the hash: whoever sent it lied, or the disk did.
    #[error("the bytes are not those of the hash")]
    Wrong,
    /// It could not be read or written.
    #[error("reading or writing failed")]
    Io(#[source] io::Error),
}

/// Hashes of the tree over a blob, in pre-order: what its pieces are proven with.
pub struct Tree<D> {
    outboard: PreOrderOutboard<D>,
}

/// Length of the hashes beside a blob of a size.
fn tree(size: u64) -> BaoTree {
    BaoTree::new(size, BLOCK)
}

/// Makes the tree of a blob and its hash, in one pass.
pub fn tree_of<D: WriteAt + Default>(
    data: impl Read,
    size: u64,
) -> Result<(BlobHash, Tree<D>), io::Error> {
    let outboard = PreOrderOutboard::<D>::create_sized(data, size, BLOCK)?;
    Ok((BlobHash(*outboard.root.as_bytes()), Tree { outboard }))
}

impl<D> Tree<D> {
    /// A tree whose hashes stand somewhere.
    pub fn at(hash: &BlobHash, size: u64, data: D) -> Self {
        Self {
            outboard: PreOrderOutboard {
                root: hash.0.into(),
                tree: tree(size),
                data,
            },
        }
    }

    /// Bytes that it takes.
    pub fn len(&self) -> u64 {
        self.outboard.tree.outboard_size()
    }

    /// Whether it has no hashes: the blob is one group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What its hashes stand in.
    pub fn into_data(self) -> D {
        self.outboard.data
    }
}

/// A piece of a blob, with its proof, from what is stored. What is stored is checked on the
/// way: damage is noticed here, not by whoever asked.
pub fn encode<D: ReadAt, T: ReadAt>(
    data: D,
    tree: &Tree<T>,
    span: Span,
) -> Result<Vec<u8>, SliceError> {
    let size = tree.outboard.tree.size();
    if !span.fits(size) {
        return Err(SliceError::Wrong);
    }
    let mut bytes = Vec::new();
    match encode_ranges_validated(data, &tree.outboard, &span.ranges(size), &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => match io::Error::from(error) {
            // a file that is too short is damaged, too
            error
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Err(SliceError::Wrong)
            }
            error => Err(SliceError::Io(error)),
        },
    }
}

/// A piece that was checked against the hash: what may be stored.
#[derive(Debug)]
pub struct Piece {
    hash: BlobHash,
    size: u64,
    span: Span,
    items: Vec<BaoContentItem>,
}

impl Piece {
    /// Checks what a peer sent. Nothing but these groups may be in it.
    pub fn check(hash: &BlobHash, size: u64, span: Span, bytes: &[u8]) -> Result<Self, SliceError> {
        if !(1..=BLOB_MAX).contains(&size) || !span.fits(size) || bytes.len() > PIECE_BYTES_MAX {
            return Err(SliceError::Wrong);
        }
        let mut rest = bytes;
        let ranges = span.ranges(size);
        let decoded = DecodeResponseIter::new(hash.0.into(), tree(size), &mut rest, &ranges);
        let items: Result<Vec<BaoContentItem>, _> = decoded.collect();
        let items = items.map_err(|_| SliceError::Wrong)?;
        if !rest.is_empty() {
            return Err(SliceError::Wrong);
        }
        Ok(Self {
            hash: *hash,
            size,
            span,
            items,
        })
    }

    /// The blob.
    pub fn hash(&self) -> &BlobHash {
        &self.hash
    }

    /// The size of the whole blob, bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its groups.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether it proves the size, too: the tree of another size ends otherwise.
    pub fn proves_size(&self) -> bool {
        u64::from(self.span.end()) == self.size.div_ceil(GROUP_BYTES)
    }

    /// Its bytes, without the proof.
    pub fn data(&self) -> Vec<u8> {
        let leaf = |item: &BaoContentItem| match item {
            BaoContentItem::Leaf(leaf) => leaf.data.to_vec(),
            BaoContentItem::Parent(_) => Vec::new(),
        };
        self.items.iter().flat_map(leaf).collect()
    }

    /// Writes it to where it belongs.
    pub fn write<D: WriteAt, T: WriteAt>(&self, data: &mut D, hashes: &mut T) -> io::Result<()> {
        use bao_tree::io::sync::OutboardMut;
        let mut outboard = PreOrderOutboard {
            root: self.hash.0.into(),
            tree: tree(self.size),
            data: Target(hashes),
        };
        for item in &self.items {
            match item {
                BaoContentItem::Parent(parent) => outboard.save(parent.node, &parent.pair)?,
                BaoContentItem::Leaf(leaf) => data.write_all_at(leaf.offset, &leaf.data)?,
            }
        }
        Ok(())
    }
}

/// What is written to, borrowed.
struct Target<'a, T>(&'a mut T);

impl<T: WriteAt> WriteAt for Target<'_, T> {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(at, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
