//! Facts from elsewhere.

use serde::de::DeserializeOwned;

use crate::cbor;
use crate::wire::{BadInput, Reader};

/// A fact from elsewhere, proven by evidence that the node has checked. What it means is
/// for the app to judge: an entry was signed, but its own topic may have rejected it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An entry was signed.
    Entry {
        /// The entry.
        id: [u8; 32],
        /// Its topic.
        topic: [u8; 32],
        /// The device that signed it.
        device: [u8; 32],
        /// Whose device it was.
        entity: [u8; 32],
        /// Its number in its feed.
        seq: u64,
        /// Its clock, as [`crate::Meta::hlc`].
        hlc: u64,
        /// Its kind; empty where the proof came without the payload.
        kind: String,
        /// Its body, CBOR; empty where the proof came without the payload.
        body: Vec<u8>,
    },
    /// A device of an entity granted the right to review it.
    Grant {
        /// The entity that may be reviewed.
        subject: [u8; 32],
        /// Its device that signed.
        device: [u8; 32],
        /// `hash("synlog v1 holder", [salt, entity])` of whoever may review.
        holder: [u8; 32],
        /// Random, so that each grant is used once.
        tag: [u8; 16],
        /// Year × 12 + month − 1, UTC.
        month: u32,
    },
    /// A device confirmed that it was given an entry.
    Receipt {
        /// The topic.
        topic: [u8; 32],
        /// Who confirms.
        device: [u8; 32],
        /// Whose device that is.
        entity: [u8; 32],
        /// What was delivered.
        entry: [u8; 32],
        /// The author of what was delivered.
        author: [u8; 32],
        /// The number of what was delivered in its feed.
        seq: u64,
        /// How many entries the confirming device had written in the topic.
        height: u64,
        /// UTC milliseconds by the confirming device's clock.
        at_ms: u64,
    },
}

impl Fact {
    /// The body of a signed entry. `None` for other facts, where the proof came without
    /// the payload, and where the body is not a `T`. Look at the kind first.
    pub fn entry_body<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Entry { body, .. } => cbor::from_slice(body).ok(),
            _ => None,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, BadInput> {
        Ok(match reader.byte()? {
            1 => Self::Entry {
                id: reader.array()?,
                topic: reader.array()?,
                device: reader.array()?,
                entity: reader.array()?,
                seq: reader.varint()?,
                hlc: reader.varint()?,
                kind: reader.text()?.to_owned(),
                body: reader.bytes()?.to_vec(),
            },
            2 => Self::Grant {
                subject: reader.array()?,
                device: reader.array()?,
                holder: reader.array()?,
                tag: reader.array()?,
                month: u32::try_from(reader.varint()?).map_err(|_| BadInput)?,
            },
            3 => Self::Receipt {
                topic: reader.array()?,
                device: reader.array()?,
                entity: reader.array()?,
                entry: reader.array()?,
                author: reader.array()?,
                seq: reader.varint()?,
                height: reader.varint()?,
                at_ms: reader.varint()?,
            },
            _ => return Err(BadInput),
        })
    }
}
