//! The pieces that messages are made of.

use synlog_log::ids::DeviceId;
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use super::Short;
use crate::repo::Epoch;

/// The first message of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Version of the protocol.
    pub version: u64,
    /// Fresh random bytes.
    pub random: [u8; 32],
    /// The history of the sender's store.
    pub epoch: Epoch,
    /// Up to where the sender has what the receiver stored.
    pub cursor: Option<(Epoch, u64)>,
    /// What both remember of the topics that they shared.
    pub tag: Option<[u8; 16]>,
    /// The sender's clock, UTC milliseconds.
    pub clock_ms: u64,
    /// What the sender can do beside this version, a bit each.
    pub features: u64,
}

/// A row, said in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLine {
    /// The feed.
    pub feed: Short,
    /// Its height.
    pub height: u64,
    /// Its head; zero where the height is.
    pub head: Short,
    /// Where it is forked.
    pub forked_at: Option<u64>,
}

/// A row that went on, of a feed that the receiver may not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The topic.
    pub topic: Short,
    /// The author.
    pub author: DeviceId,
    /// The row; its `feed` is not sent and zero.
    pub line: RowLine,
}

/// A feed that the sender wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The feed.
    pub feed: Short,
    /// From this seq on.
    pub from: u64,
    /// The entry before that the sender has; zero where `from` is.
    pub head: Short,
}

/// The state of the sender, as far as it is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Fingerprint of all rows that are shared.
    pub rows: Short,
    /// Fingerprint of the statements that concern the shared topics.
    pub statements: Short,
    /// How many messages of the receiver have been taken in (those that count).
    pub seen: u64,
    /// How many requests of the receiver have been answered.
    pub answered: u64,
    /// The sender's position: what it stored before is in `rows`.
    pub position: u64,
}

fn put_option_varint(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        out.put_varint(value);
    }
}

fn option_varint(reader: &mut Reader<'_>) -> Result<Option<u64>, Refusal> {
    Ok(if reader.option()? {
        Some(reader.varint()?)
    } else {
        None
    })
}

impl RowLine {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.feed);
        self.write_state(out);
    }

    pub(super) fn write_state(&self, out: &mut Vec<u8>) {
        out.put_varint(self.height);
        if self.height > 0 {
            out.extend_from_slice(&self.head);
        }
        put_option_varint(out, self.forked_at);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let feed = reader.array()?;
        Self::read_state(reader, feed)
    }

    pub(super) fn read_state(reader: &mut Reader<'_>, feed: Short) -> Result<Self, Refusal> {
        let height = reader.varint()?;
        let head = if height > 0 { reader.array()? } else { [0; 8] };
        let forked_at = option_varint(reader)?;
        Ok(Self {
            feed,
            height,
            head,
            forked_at,
        })
    }
}

impl Hello {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.put_varint(self.version);
        out.extend_from_slice(&self.random);
        out.extend_from_slice(&self.epoch.0);
        out.push(u8::from(self.cursor.is_some()));
        if let Some((epoch, position)) = &self.cursor {
            out.extend_from_slice(&epoch.0);
            out.put_varint(*position);
        }
        out.put_option(self.tag.as_ref().map(|tag| &tag[..]));
        out.put_varint(self.clock_ms);
        out.put_varint(self.features);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let version = reader.varint()?;
        let random = reader.array()?;
        let epoch = Epoch(reader.array()?);
        let cursor = if reader.option()? {
            Some((Epoch(reader.array()?), reader.varint()?))
        } else {
            None
        };
        let tag = if reader.option()? {
            Some(reader.array()?)
        } else {
            None
        };
        Ok(Self {
            version,
            random,
            epoch,
            cursor,
            tag,
            clock_ms: reader.varint()?,
            features: reader.varint()?,
        })
    }
}

impl Check {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.rows);
        out.extend_from_slice(&self.statements);
        out.put_varint(self.seen);
        out.put_varint(self.answered);
        out.put_varint(self.position);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            rows: reader.array()?,
            statements: reader.array()?,
            seen: reader.varint()?,
            answered: reader.varint()?,
            position: reader.varint()?,
        })
    }
}
