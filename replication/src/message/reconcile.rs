//! Parts of a comparison of rows.
//!
//! A side describes its rows under some prefix by the fingerprints of smaller parts
//! ([`Shape`]) or, where there are few, by one for each row. Each fingerprint of a shape,
//! and each list of rows, is a question to the other side, numbered in the order in
//! which they stand in the message. The answer names the questions whose rows differ.

use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use super::{RowLine, Short, bits, put_bits};

/// Rows in one list: a part with more is divided.
pub const LISTED_MAX: usize = 256;
/// Leaves of all shapes of a message.
pub const SHAPE_MAX: usize = 4_096;
/// Rows that one answer may tell.
const ROWS_MAX: usize = 2 * LISTED_MAX;
/// Bits of topic ‖ author.
const BITS_MAX: u64 = 512;
/// Bits of a topic.
const TOPIC_BITS: u64 = 256;

/// The rows under a prefix as a trie that is cut off somewhere, its nodes in preorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Fingerprint of all rows here.
    Leaf(Short),
    /// All rows here are of one topic: the first bytes of what stands for it.
    Topic {
        /// The first four.
        name: [u8; 4],
        /// Its rows.
        below: Box<Self>,
    },
    /// The rows share some more bits, and differ in the bit behind them.
    Fork {
        /// How many bits more they share.
        skip: u16,
        /// These bits, packed.
        bits: Box<[u8]>,
        /// Those with a 0 behind, and those with a 1.
        halves: Box<[Self; 2]>,
    },
}

/// An answer to a question, or the first question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which question of the last message of the other side is answered; 0 in the first.
    pub question: usize,
    /// The answer.
    pub body: PartBody,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartBody {
    /// No rows are here.
    Nothing,
    /// Many rows are here: a question for each leaf.
    Shape(Shape),
    /// Fingerprints of all rows here, in order of topic ‖ author: one question.
    Listed(Vec<Short>),
    /// The answer to a list: which of its rows are not here in this form, and the rows here
    /// that were not in it.
    Told {
        /// A bit for each row of the list: not here.
        missing: Vec<bool>,
        /// Rows that are here and not in the list.
        rows: Vec<RowLine>,
    },
}

impl Shape {
    /// How many leaves it has.
    pub fn leaves(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Topic { below, .. } => below.leaves(),
            Self::Fork { halves, .. } => halves.iter().map(Self::leaves).sum(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leaf(fingerprint) => {
                out.put_varint(0);
                out.extend_from_slice(fingerprint);
            }
            Self::Topic { name, below } => {
                out.put_varint(1);
                out.extend_from_slice(name);
                below.write(out);
            }
            Self::Fork { skip, bits, halves } => {
                out.put_varint(u64::from(*skip) + 2);
                out.extend_from_slice(bits);
                halves.iter().for_each(|half| half.write(out));
            }
        }
    }

    /// `depth` bits are above it: no shape is deeper than a key.
    fn read(reader: &mut Reader<'_>, depth: u64, leaves: &mut usize) -> Result<Self, Refusal> {
        let skip = match reader.varint()? {
            0 => {
                *leaves += 1;
                if *leaves > SHAPE_MAX {
                    return Err(Refusal::TooLarge);
                }
                return Ok(Self::Leaf(reader.array()?));
            }
            1 => {
                if depth >= TOPIC_BITS {
                    return Err(Refusal::NotCanonical);
                }
                let name = reader.array()?;
                let below = Self::read(reader, TOPIC_BITS, leaves)?;
                return Ok(Self::Topic {
                    name,
                    below: Box::new(below),
                });
            }
            more => more - 2,
        };
        let below = depth.saturating_add(skip).saturating_add(1);
        if below > BITS_MAX {
            return Err(Refusal::TooLarge);
        }
        let skip = skip as usize;
        let bits = Box::from(reader.take(skip.div_ceil(8))?);
        if !skip.is_multiple_of(8)
            && <[u8]>::last(&bits).is_some_and(|last| last << (skip % 8) != 0)
        {
            return Err(Refusal::NotCanonical);
        }
        let left = Self::read(reader, below, leaves)?;
        let right = Self::read(reader, below, leaves)?;
        Ok(Self::Fork {
            skip: skip as u16,
            bits,
            halves: Box::new([left, right]),
        })
    }
}

impl Part {
    /// Writes it behind one whose question is `next - 1`; gives what `next` is then.
    pub(super) fn write(&self, out: &mut Vec<u8>, next: usize) -> usize {
        out.put_varint(self.question.saturating_sub(next) as u64);
        match &self.body {
            PartBody::Nothing => out.push(0),
            PartBody::Shape(shape) => {
                out.push(1);
                shape.write(out);
            }
            PartBody::Listed(rows) => {
                out.push(2);
                out.put_varint(rows.len() as u64);
                rows.iter().for_each(|row| out.extend_from_slice(row));
            }
            PartBody::Told { missing, rows } => {
                out.push(3);
                out.put_varint(missing.len() as u64);
                put_bits(out, missing);
                out.put_varint(rows.len() as u64);
                rows.iter().for_each(|row| row.write(out));
            }
        }
        self.question + 1
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        next: usize,
        leaves: &mut usize,
    ) -> Result<Self, Refusal> {
        let skipped = reader.length(SHAPE_MAX)?;
        let body = match reader.byte()? {
            0 => PartBody::Nothing,
            1 => PartBody::Shape(Shape::read(reader, 0, leaves)?),
            2 => {
                let rows = super::list(reader, LISTED_MAX, super::short)?;
                PartBody::Listed(super::some(rows)?)
            }
            3 => {
                let count = reader.length(LISTED_MAX)?;
                let missing = bits(reader, count)?;
                let rows = super::list(reader, ROWS_MAX, RowLine::read)?;
                PartBody::Told { missing, rows }
            }
            _ => return Err(Refusal::NotCanonical),
        };
        Ok(Self {
            question: next + skipped,
            body,
        })
    }
}
