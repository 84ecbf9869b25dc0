//! An event as it arrives: what is known of it, and its body.

use crate::fact::Fact;
use crate::wire::{BadInput, Reader};

/// What is known of an event beside its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The topic.
    pub topic: [u8; 32],
    /// The entry that the event is.
    pub id: [u8; 32],
    /// The device that wrote it.
    pub author: [u8; 32],
    /// Whose device it is.
    pub entity: [u8; 32],
    /// Its number in its feed.
    pub seq: u64,
    /// Its clock: UTC milliseconds of the writer in the upper 48 bits, a counter below.
    pub hlc: u64,
    /// Whether the sequencer has placed it. Always false in a causal topic.
    pub sequenced: bool,
    /// Role of the entity at the event's place.
    pub role: &'a str,
    /// Hash of the erasable part, if it has one, dropped or not.
    pub erasable_hash: Option<[u8; 32]>,
    /// What its evidence proves, in the order in which it carries it. At most 4.
    pub facts: &'a [Fact],
}

impl Meta<'_> {
    /// When it was written: UTC milliseconds by the writer's clock.
    pub fn at_ms(&self) -> u64 {
        self.hlc >> 16
    }
}

const SEQUENCED: u8 = 1;
const ERASABLE: u8 = 2;
/// Facts that one event can carry.
const FACTS_MAX: u64 = 4;

/// An event taken apart; the body is not decoded yet.
pub(crate) struct Raw<'a> {
    id: [u8; 32],
    author: [u8; 32],
    entity: [u8; 32],
    seq: u64,
    hlc: u64,
    flags: u8,
    role: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a [u8],
    erasable_hash: Option<[u8; 32]>,
    facts: Vec<Fact>,
}

impl<'a> Raw<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, BadInput> {
        let mut reader = Reader::new(bytes);
        let (id, author, entity) = (reader.array()?, reader.array()?, reader.array()?);
        let (seq, hlc, flags) = (reader.varint()?, reader.varint()?, reader.byte()?);
        let (role, kind, body) = (reader.text()?, reader.text()?, reader.bytes()?);
        let erasable_hash = match flags & ERASABLE {
            0 => None,
            _ => Some(reader.array()?),
        };
        let count = reader.varint()?;
        if count > FACTS_MAX {
            return Err(BadInput);
        }
        let mut facts = Vec::new();
        for _ in 0..count {
            facts.push(Fact::read(&mut reader)?);
        }
        reader.end()?;
        Ok(Self {
            id,
            author,
            entity,
            seq,
            hlc,
            flags,
            role,
            kind,
            body,
            erasable_hash,
            facts,
        })
    }

    pub(crate) fn meta<'b>(&'b self, topic: &[u8; 32]) -> Meta<'b> {
        Meta {
            topic: *topic,
            id: self.id,
            author: self.author,
            entity: self.entity,
            seq: self.seq,
            hlc: self.hlc,
            sequenced: self.flags & SEQUENCED != 0,
            role: self.role,
            erasable_hash: self.erasable_hash,
            facts: &self.facts,
        }
    }
}
