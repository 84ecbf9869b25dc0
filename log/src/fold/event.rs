//! An event as a reducer sees it.

use crate::ids::{DeviceId, EntityId, EntryId, TopicId};
use crate::limits::{BODY_MAX, EVIDENCE_COUNT_MAX, EVIDENCE_MAX, KIND_MAX};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// An event with all that a reducer may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldEvent {
    /// The entry.
    pub id: EntryId,
    /// The device that wrote it.
    pub author: DeviceId,
    /// Whose device it is.
    pub entity: EntityId,
    /// Its number in its feed.
    pub seq: u64,
    /// Its clock: milliseconds in the upper 48 bits.
    pub hlc: u64,
    /// Whether the topic's sequencer has placed it. Always false in a causal topic.
    pub sequenced: bool,
    /// Role of the entity at the event's place.
    pub role: String,
    /// The kind.
    pub kind: String,
    /// The body, a CBOR map.
    pub body: Vec<u8>,
    /// Hash of the erasable part, if it has one, dropped or not.
    pub erasable_hash: Option<[u8; 32]>,
    /// What its evidence proves, in the order in which it carries it.
    pub facts: Vec<Fact>,
}

/// A fact from elsewhere, proven by evidence that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An entry was signed. Its own topic may have rejected it.
    Entry {
        /// The entry.
        id: EntryId,
        /// Its topic.
        topic: TopicId,
        /// The device that signed it.
        device: DeviceId,
        /// Whose device it was.
        entity: EntityId,
        /// Its number in its feed.
        seq: u64,
        /// Its clock.
        hlc: u64,
        /// Its kind; empty where the proof came without the payload.
        kind: String,
        /// Its body; empty where the proof came without the payload.
        body: Vec<u8>,
    },
    /// A device of an entity granted the right to review it.
    Grant {
        /// The entity that may be reviewed.
        subject: EntityId,
        /// Its device that signed.
        device: DeviceId,
        /// Hash of a salt and the entity that may review.
        holder: [u8; 32],
        /// Random, so that each grant is used once.
        tag: [u8; 16],
        /// Year × 12 + month − 1, UTC.
        month: u32,
    },
    /// A device confirmed that it was given an entry.
    Receipt {
        /// The topic.
        topic: TopicId,
        /// Who confirms.
        device: DeviceId,
        /// Whose device that is.
        entity: EntityId,
        /// What was delivered.
        entry: EntryId,
        /// The author of what was delivered.
        author: DeviceId,
        /// The number of what was delivered in its feed.
        seq: u64,
        /// How many entries the confirming device had written in the topic.
        height: u64,
        /// UTC milliseconds by the confirming device's clock.
        at_ms: u64,
    },
}

const SEQUENCED: u8 = 1;
const ERASABLE: u8 = 2;
/// Bytes of a role: as in a genesis.
const ROLE_MAX: usize = 32;

impl FoldEvent {
    /// Appends the encoding.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.author.0);
        out.extend_from_slice(&self.entity.0);
        out.put_varint(self.seq);
        out.put_varint(self.hlc);
        let erasable = if self.erasable_hash.is_some() {
            ERASABLE
        } else {
            0
        };
        out.push(erasable | if self.sequenced { SEQUENCED } else { 0 });
        out.put_bytes(self.role.as_bytes());
        out.put_bytes(self.kind.as_bytes());
        out.put_bytes(&self.body);
        if let Some(hash) = &self.erasable_hash {
            out.extend_from_slice(hash);
        }
        out.put_varint(self.facts.len() as u64);
        self.facts.iter().for_each(|fact| fact.encode_to(out));
    }

    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + self.body.len());
        self.encode_to(&mut out);
        out
    }

    /// Decodes one event that takes up all of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let (id, author, entity) = (reader.array()?, reader.array()?, reader.array()?);
        let (seq, hlc, flags) = (reader.varint()?, reader.varint()?, reader.byte()?);
        if flags & !(SEQUENCED | ERASABLE) != 0 {
            return Err(Refusal::NotCanonical);
        }
        let role = reader.text(ROLE_MAX)?.to_owned();
        let kind = reader.text(KIND_MAX)?.to_owned();
        let body = reader.bytes(BODY_MAX)?.to_vec();
        let erasable_hash = match flags & ERASABLE {
            0 => None,
            _ => Some(reader.array()?),
        };
        let mut facts = Vec::new();
        for _ in 0..reader.length(EVIDENCE_COUNT_MAX)? {
            facts.push(Fact::read(&mut reader)?);
        }
        reader.end()?;
        Ok(Self {
            id: EntryId(id),
            author: DeviceId(author),
            entity: EntityId(entity),
            seq,
            hlc,
            sequenced: flags & SEQUENCED != 0,
            role,
            kind,
            body,
            erasable_hash,
            facts,
        })
    }
}

impl Fact {
    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Entry {
                id,
                topic,
                device,
                entity,
                seq,
                hlc,
                kind,
                body,
            } => {
                out.push(1);
                for part in [&id.0, &topic.0, &device.0, &entity.0] {
                    out.extend_from_slice(part);
                }
                out.put_varint(*seq);
                out.put_varint(*hlc);
                out.put_bytes(kind.as_bytes());
                out.put_bytes(body);
            }
            Self::Grant {
                subject,
                device,
                holder,
                tag,
                month,
            } => {
                out.push(2);
                for part in [&subject.0, &device.0, holder] {
                    out.extend_from_slice(part);
                }
                out.extend_from_slice(tag);
                out.put_varint(u64::from(*month));
            }
            Self::Receipt {
                topic,
                device,
                entity,
                entry,
                author,
                seq,
                height,
                at_ms,
            } => {
                out.push(3);
                for part in [&topic.0, &device.0, &entity.0, &entry.0, &author.0] {
                    out.extend_from_slice(part);
                }
                for number in [seq, height, at_ms] {
                    out.put_varint(*number);
                }
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(match reader.byte()? {
            1 => Self::Entry {
                id: EntryId(reader.array()?),
                topic: TopicId(reader.array()?),
                device: DeviceId(reader.array()?),
                entity: EntityId(reader.array()?),
                seq: reader.varint()?,
                hlc: reader.varint()?,
                kind: reader.text(KIND_MAX)?.to_owned(),
                body: reader.bytes(EVIDENCE_MAX)?.to_vec(),
            },
            2 => Self::Grant {
                subject: EntityId(reader.array()?),
                device: DeviceId(reader.array()?),
                holder: reader.array()?,
                tag: reader.array()?,
                month: u32::try_from(reader.varint()?).map_err(|_| Refusal::TooLarge)?,
            },
            3 => Self::Receipt {
                topic: TopicId(reader.array()?),
                device: DeviceId(reader.array()?),
                entity: EntityId(reader.array()?),
                entry: EntryId(reader.array()?),
                author: DeviceId(reader.array()?),
                seq: reader.varint()?,
                height: reader.varint()?,
                at_ms: reader.varint()?,
            },
            _ => return Err(Refusal::NotCanonical),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn event() -> FoldEvent {
        FoldEvent {
            id: EntryId([1; 32]),
            author: DeviceId([2; 32]),
            entity: EntityId([3; 32]),
            seq: 300,
            hlc: 1 << 40,
            sequenced: true,
            role: "client".to_owned(),
            kind: "order.request".to_owned(),
            body: vec![0xa0],
            erasable_hash: Some([4; 32]),
            facts: vec![
                Fact::Entry {
                    id: EntryId([5; 32]),
                    topic: TopicId([6; 32]),
                    device: DeviceId([7; 32]),
                    entity: EntityId([8; 32]),
                    seq: 9,
                    hlc: 10,
                    kind: "item.take".to_owned(),
                    body: vec![0xa0],
                },
                Fact::Grant {
                    subject: EntityId([1; 32]),
                    device: DeviceId([2; 32]),
                    holder: [3; 32],
                    tag: [4; 16],
                    month: 24_310,
                },
                Fact::Receipt {
                    topic: TopicId([1; 32]),
                    device: DeviceId([2; 32]),
                    entity: EntityId([3; 32]),
                    entry: EntryId([4; 32]),
                    author: DeviceId([5; 32]),
                    seq: 6,
                    height: 7,
                    at_ms: 8,
                },
            ],
        }
    }

    #[test]
    fn events_come_back() {
        assert_eq!(FoldEvent::decode(&event().encode()), Ok(event()));
    }

    proptest! {
        #[test]
        fn damaged_events_are_refused_or_other_events(at in 0usize..600, bit in 0u8..8) {
            let mut bytes = event().encode();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(other) = FoldEvent::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = FoldEvent::decode(&bytes);
        }
    }
}
