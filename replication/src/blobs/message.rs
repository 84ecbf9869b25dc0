//! What two nodes say to each other about a blob.

use synlog_log::ids::BlobHash;
use synlog_log::limits::BLOB_MAX;
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use super::{GROUP_BYTES, HOPS_MAX, PIECE_BYTES_MAX, PIECE_GROUPS, Span};
use crate::message::Short;

/// Groups of the largest blob.
const GROUPS_MAX: u64 = BLOB_MAX.div_ceil(GROUP_BYTES);

/// A word about a blob of a topic that both share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobMessage {
    /// The topic.
    pub topic: Short,
    /// The blob.
    pub hash: BlobHash,
    /// What is said.
    pub word: BlobWord,
}

/// What is said about a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobWord {
    /// The sender wants it. The receiver says whether it has it, at once or when it comes
    /// to have it.
    Want {
        /// How often this may still be passed on; at most [`HOPS_MAX`].
        hops: u8,
    },
    /// The sender has all of it.
    Have {
        /// Its size, bytes.
        size: u64,
    },
    /// The sender wants these groups of it now.
    Read(Span),
    /// Groups of it, with their proof.
    Piece {
        /// Which.
        span: Span,
        /// The hashes and bytes, in pre-order of the tree.
        bytes: Vec<u8>,
    },
    /// Not from the sender.
    Refuse(Reason),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not here, and nobody looks for it.
    Lacking,
    /// The sender looks for too much already.
    Busy,
}

fn put_span(out: &mut Vec<u8>, span: Span) {
    out.put_varint(u64::from(span.first));
    out.put_varint(u64::from(span.count));
}

fn span(reader: &mut Reader<'_>) -> Result<Span, Refusal> {
    let (first, count) = (reader.varint()?, reader.varint()?);
    let fits = count >= 1 && count <= u64::from(PIECE_GROUPS);
    if !fits || first.saturating_add(count) > GROUPS_MAX {
        return Err(Refusal::TooLarge);
    }
    // both are below the number of groups of the largest blob
    Ok(Span {
        first: first as u32,
        count: count as u32,
    })
}

impl BlobMessage {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.topic);
        out.extend_from_slice(&self.hash.0);
        match &self.word {
            BlobWord::Want { hops } => out.extend_from_slice(&[0, *hops]),
            BlobWord::Have { size } => {
                out.push(1);
                out.put_varint(*size);
            }
            BlobWord::Read(span) => {
                out.push(2);
                put_span(out, *span);
            }
            BlobWord::Piece { span, bytes } => {
                out.push(3);
                put_span(out, *span);
                out.put_bytes(bytes);
            }
            BlobWord::Refuse(Reason::Lacking) => out.extend_from_slice(&[4, 0]),
            BlobWord::Refuse(Reason::Busy) => out.extend_from_slice(&[4, 1]),
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let topic = reader.array()?;
        let hash = BlobHash(reader.array()?);
        let word = match reader.byte()? {
            0 => match reader.byte()? {
                hops if hops <= HOPS_MAX => BlobWord::Want { hops },
                _ => return Err(Refusal::NotCanonical),
            },
            1 => match reader.varint()? {
                size if (1..=BLOB_MAX).contains(&size) => BlobWord::Have { size },
                _ => return Err(Refusal::TooLarge),
            },
            2 => BlobWord::Read(span(reader)?),
            3 => BlobWord::Piece {
                span: span(reader)?,
                bytes: reader.bytes(PIECE_BYTES_MAX)?.to_vec(),
            },
            4 => BlobWord::Refuse(match reader.byte()? {
                0 => Reason::Lacking,
                1 => Reason::Busy,
                _ => return Err(Refusal::NotCanonical),
            }),
            _ => return Err(Refusal::NotCanonical),
        };
        Ok(Self { topic, hash, word })
    }
}
