//! What two nodes say to each other (`spec/13-sync.md`).
//!
//! One encoding for each message; whatever else is refused. Nothing is allocated that
//! the bytes at hand could not fill.

mod lines;
mod reconcile;
#[cfg(test)]
mod tests;

pub use lines::{Check, Head, Hello, RowLine, Wish};
pub use reconcile::{LISTED_MAX, Part, PartBody, SHAPE_MAX, Shape};

use synlog_log::ids::{DeviceId, EntryId};
use synlog_log::limits::{FORK_PROOF_MAX, PROOF_MAX, RUN_READ_BYTES_MAX, STATEMENT_MAX};
use synlog_log::refusal::Refusal;
use synlog_log::sealed::letter::LETTER_MAX;
use synlog_log::wire::{Reader, Writer};

use crate::blobs::BlobMessage;

/// Bit of [`Hello::features`]: the sender understands words about blobs.
pub const FEATURE_BLOBS: u64 = 1;
/// Bit of [`Hello::features`]: the sender takes letters of first contact.
pub const FEATURE_LETTERS: u64 = 2;
/// The version of these messages.
pub const VERSION: u64 = 1;
/// Bytes of a message: a run of the largest size with its frame.
pub const MESSAGE_MAX: usize = RUN_READ_BYTES_MAX + 64;
/// Topics in one message.
pub const TOPICS_MAX: usize = 8_192;
/// Rows, requests or hashes in one message.
pub const LIST_MAX: usize = 8_192;
/// Answers in one message.
pub const PARTS_MAX: usize = 2_048;
/// Runs or statements in one message.
pub const PIECES_MAX: usize = 4_096;
/// Places at which two branches of a feed are compared: a feed of 2^64 entries has as many.
pub const TRAIL_MAX: usize = 66;

/// Items for which room is made before they are read.
const FIRST_ROOM: usize = 256;

/// Eight bytes that stand for something between these two nodes, in this meeting only.
pub type Short = [u8; 8];

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The first of all.
    Hello(Hello),
    /// Topics that the sender would share, and some that it does not share any more.
    Topics {
        /// Ascending.
        added: Vec<Short>,
        /// Ascending.
        dropped: Vec<Short>,
    },
    /// Which of the topics of the message that is answered are shared: a bit each.
    Matched(Vec<bool>),
    /// A comparison of rows, or an answer to one.
    Reconcile(Vec<Part>),
    /// Entries.
    Runs {
        /// How many entries the sender will send after these.
        left: u64,
        /// The runs.
        runs: Vec<Vec<u8>>,
    },
    /// Feeds that went on.
    Heads(Vec<Head>),
    /// Feeds of which the sender wants what lies behind a height.
    Want(Vec<Wish>),
    /// Entries that the sender wants, with their topics.
    WantEntries(Vec<(Short, EntryId)>),
    /// Entries of a feed at some seqs, descending: where branches part.
    Trail {
        /// The feed.
        feed: Short,
        /// Seq and entry.
        marks: Vec<(u64, Short)>,
    },
    /// The proof of a fork.
    Proof(Vec<u8>),
    /// Identity statements.
    Statements(Vec<Vec<u8>>),
    /// Statements that the sender has: the receiver sends those that are missing here.
    Known(Vec<Short>),
    /// A receipt for entries that were delivered.
    Receipt(Vec<u8>),
    /// How many bytes of [`Message::Runs`] have been taken in since the beginning.
    Credit(u64),
    /// The state of the sender.
    Check(Check),
    /// Feeds of which the sender had what was pushed: a word is enough from now on.
    Prune(Vec<Short>),
    /// A word about a blob.
    Blob(BlobMessage),
    /// A letter of first contact, by whoever hands it over.
    Letter(Vec<u8>),
}

fn ascending(shorts: &[Short]) -> Result<(), Refusal> {
    match shorts.windows(2).all(|pair| pair[0] < pair[1]) {
        true => Ok(()),
        false => Err(Refusal::NotCanonical),
    }
}

/// A list of at most `limit`. The limits are such that no list takes much more memory
/// than its bytes and some hundred kilobytes.
fn list<T>(
    reader: &mut Reader<'_>,
    limit: usize,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let count = reader.length(limit)?;
    let mut items = Vec::with_capacity(count.min(FIRST_ROOM));
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Ok(items)
}

fn short(reader: &mut Reader<'_>) -> Result<Short, Refusal> {
    reader.array()
}

fn some<T>(items: Vec<T>) -> Result<Vec<T>, Refusal> {
    if items.is_empty() {
        Err(Refusal::NotCanonical)
    } else {
        Ok(items)
    }
}

/// Packs bits, the first into the highest bit of the first byte.
fn put_bits(out: &mut Vec<u8>, bits: &[bool]) {
    for chunk in bits.chunks(8) {
        let byte = chunk.iter().enumerate();
        out.push(byte.fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at)));
    }
}

fn bits(reader: &mut Reader<'_>, count: usize) -> Result<Vec<bool>, Refusal> {
    let bytes = reader.take(count.div_ceil(8))?;
    let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1 == 1;
    if (count..bytes.len() * 8).any(bit) {
        return Err(Refusal::NotCanonical);
    }
    Ok((0..count).map(bit).collect())
}

impl Message {
    fn number(&self) -> u8 {
        match self {
            Self::Hello(_) => 0,
            Self::Topics { .. } => 1,
            Self::Matched(_) => 2,
            Self::Reconcile(_) => 3,
            Self::Runs { .. } => 4,
            Self::Heads(_) => 5,
            Self::Want(_) => 6,
            Self::WantEntries(_) => 7,
            Self::Trail { .. } => 8,
            Self::Proof(_) => 9,
            Self::Statements(_) => 10,
            Self::Known(_) => 11,
            Self::Receipt(_) => 12,
            Self::Credit(_) => 13,
            Self::Check(_) => 14,
            Self::Prune(_) => 15,
            Self::Blob(_) => 16,
            Self::Letter(_) => 17,
        }
    }

    /// The name of its kind.
    pub fn name(&self) -> &'static str {
        const NAMES: [&str; 18] = [
            "hello",
            "topics",
            "matched",
            "reconcile",
            "runs",
            "heads",
            "want",
            "want_entries",
            "trail",
            "proof",
            "statements",
            "known",
            "receipt",
            "credit",
            "check",
            "prune",
            "blob",
            "letter",
        ];
        NAMES[usize::from(self.number())]
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.number()];
        let shorts = |out: &mut Vec<u8>, shorts: &[Short]| {
            out.put_varint(shorts.len() as u64);
            shorts.iter().for_each(|short| out.extend_from_slice(short));
        };
        let pieces = |out: &mut Vec<u8>, pieces: &[Vec<u8>]| {
            out.put_varint(pieces.len() as u64);
            pieces.iter().for_each(|piece| out.put_bytes(piece));
        };
        match self {
            Self::Hello(hello) => hello.write(&mut out),
            Self::Topics { added, dropped } => {
                shorts(&mut out, added);
                shorts(&mut out, dropped);
            }
            Self::Matched(matched) => {
                out.put_varint(matched.len() as u64);
                put_bits(&mut out, matched);
            }
            Self::Reconcile(parts) => {
                out.put_varint(parts.len() as u64);
                let mut next = 0;
                for part in parts {
                    next = part.write(&mut out, next);
                }
            }
            Self::Runs { left, runs } => {
                out.put_varint(*left);
                pieces(&mut out, runs);
            }
            Self::Heads(rows) => {
                out.put_varint(rows.len() as u64);
                for head in rows {
                    out.extend_from_slice(&head.topic);
                    out.extend_from_slice(&head.author.0);
                    head.line.write_state(&mut out);
                }
            }
            Self::Want(wishes) => {
                out.put_varint(wishes.len() as u64);
                for wish in wishes {
                    out.extend_from_slice(&wish.feed);
                    out.put_varint(wish.from);
                    if wish.from > 0 {
                        out.extend_from_slice(&wish.head);
                    }
                }
            }
            Self::WantEntries(wants) => {
                out.put_varint(wants.len() as u64);
                for (topic, id) in wants {
                    out.extend_from_slice(topic);
                    out.extend_from_slice(&id.0);
                }
            }
            Self::Trail { feed, marks } => {
                out.extend_from_slice(feed);
                out.put_varint(marks.len() as u64);
                for (seq, id) in marks {
                    out.put_varint(*seq);
                    out.extend_from_slice(id);
                }
            }
            Self::Proof(bytes) | Self::Receipt(bytes) | Self::Letter(bytes) => {
                out.put_bytes(bytes);
            }
            Self::Statements(statements) => pieces(&mut out, statements),
            Self::Known(known) | Self::Prune(known) => shorts(&mut out, known),
            Self::Credit(bytes) => out.put_varint(*bytes),
            Self::Check(check) => check.write(&mut out),
            Self::Blob(blob) => blob.write(&mut out),
        }
        out
    }

    /// Decodes a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MESSAGE_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let message = Self::read(&mut reader)?;
        reader.end()?;
        Ok(message)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(match reader.byte()? {
            0 => Self::Hello(Hello::read(reader)?),
            1 => {
                let added = list(reader, TOPICS_MAX, short)?;
                let dropped: Vec<Short> = list(reader, TOPICS_MAX, short)?;
                ascending(&added)?;
                ascending(&dropped)?;
                if added.is_empty() && dropped.is_empty() {
                    return Err(Refusal::NotCanonical);
                }
                Self::Topics { added, dropped }
            }
            2 => {
                let count = reader.length(TOPICS_MAX)?;
                Self::Matched(bits(reader, count)?)
            }
            3 => {
                let mut next = 0;
                let mut leaves = 0;
                let parts = list(reader, PARTS_MAX, |reader| {
                    let part = Part::read(reader, next, &mut leaves)?;
                    next = part.question + 1;
                    Ok(part)
                })?;
                Self::Reconcile(parts)
            }
            4 => Self::Runs {
                left: reader.varint()?,
                runs: some(list(reader, PIECES_MAX, |reader| {
                    Ok(reader.bytes(RUN_READ_BYTES_MAX)?.to_vec())
                })?)?,
            },
            5 => Self::Heads(some(list(reader, LIST_MAX, |reader| {
                Ok(Head {
                    topic: reader.array()?,
                    author: DeviceId(reader.array()?),
                    line: RowLine::read_state(reader, [0; 8])?,
                })
            })?)?),
            6 => Self::Want(some(list(reader, LIST_MAX, |reader| {
                let (feed, from) = (reader.array()?, reader.varint()?);
                let head = if from > 0 { reader.array()? } else { [0; 8] };
                Ok(Wish { feed, from, head })
            })?)?),
            7 => Self::WantEntries(some(list(reader, LIST_MAX, |reader| {
                Ok((reader.array()?, EntryId(reader.array()?)))
            })?)?),
            8 => {
                let feed = reader.array()?;
                let marks: Vec<(u64, Short)> = list(reader, TRAIL_MAX, |reader| {
                    Ok((reader.varint()?, reader.array()?))
                })?;
                if !marks.windows(2).all(|pair| pair[0].0 > pair[1].0) {
                    return Err(Refusal::NotCanonical);
                }
                Self::Trail { feed, marks }
            }
            9 => Self::Proof(reader.bytes(FORK_PROOF_MAX)?.to_vec()),
            10 => Self::Statements(some(list(reader, PIECES_MAX, |reader| {
                Ok(reader.bytes(STATEMENT_MAX)?.to_vec())
            })?)?),
            11 => {
                let known: Vec<Short> = list(reader, LIST_MAX, short)?;
                ascending(&known)?;
                Self::Known(known)
            }
            12 => Self::Receipt(reader.bytes(PROOF_MAX)?.to_vec()),
            13 => Self::Credit(reader.varint()?),
            14 => Self::Check(Check::read(reader)?),
            15 => Self::Prune(some(list(reader, LIST_MAX, short)?)?),
            16 => Self::Blob(BlobMessage::read(reader)?),
            17 => Self::Letter(reader.bytes(LETTER_MAX)?.to_vec()),
            _ => return Err(Refusal::NotCanonical),
        })
    }
}
