//! Statements of an identity log (`spec/02-identity.md` 2.2).

use crate::hash::Context;
use crate::ids::{DeviceId, EntityId, EntryId, TopicId};
use crate::keys::{SecretKey, Signature, admit, verify};
use crate::limits::{NAME_MAX, STATEMENT_MAX};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// The version in the first byte of a statement.
const VERSION: u8 = 1;

/// What the root says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The device belongs to the entity.
    Certify {
        /// The device's key.
        device: DeviceId,
        /// The device's signature that it agrees.
        acceptance: Signature,
        /// A name for people, at most 64 bytes.
        name: String,
    },
    /// The device does not act for the entity any more.
    Revoke {
        /// The device's key.
        device: DeviceId,
    },
    /// A new root key from the next number on.
    Rotate {
        /// The new root's public key.
        next_root: [u8; 32],
        /// Its signature that it agrees.
        acceptance: Signature,
    },
    /// Another device sequences a topic in place of a lost one.
    Takeover {
        /// The topic.
        topic: TopicId,
        /// The lost sequencer.
        old: DeviceId,
        /// The last seq of `old` that counts.
        last_seq: u64,
        /// The entry of `old` with that seq.
        head: EntryId,
        /// The device that goes on.
        next: DeviceId,
    },
    /// What is meant for the entity alone is sealed to this key from here on.
    Encryption {
        /// Which of the entity's encryption keys it is.
        generation: u32,
        /// How it is sealed to.
        suite: u64,
        /// The public key.
        key: Vec<u8>,
        /// The secret key of the generation before, sealed to this one: who has the new
        /// one reads what was sealed to the old ones too.
        previous: Option<Vec<u8>>,
    },
}

/// Bytes of a public encryption key in a statement.
const KEY_MAX: usize = 64;
/// Bytes of a sealed secret key in a statement.
const PREVIOUS_MAX: usize = 128;

/// A numbered, hash-linked statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The entity: its first root key.
    pub entity: EntityId,
    /// Number in the identity log, from 0.
    pub number: u64,
    /// Hash of the statement before.
    pub prev: Option<[u8; 32]>,
    /// Claimed time, UTC milliseconds.
    pub issued_ms: u64,
    /// What is said.
    pub action: Action,
}

impl Statement {
    /// The bytes that are hashed and signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.entity.0);
        out.put_varint(self.number);
        out.put_option(self.prev.as_ref().map(|hash| &hash[..]));
        out.put_varint(self.issued_ms);
        match &self.action {
            Action::Certify {
                device,
                acceptance,
                name,
            } => {
                out.put_varint(0);
                out.extend_from_slice(&device.0);
                out.extend_from_slice(acceptance);
                out.put_bytes(name.as_bytes());
            }
            Action::Revoke { device } => {
                out.put_varint(1);
                out.extend_from_slice(&device.0);
            }
            Action::Rotate {
                next_root,
                acceptance,
            } => {
                out.put_varint(2);
                out.extend_from_slice(next_root);
                out.extend_from_slice(acceptance);
            }
            Action::Takeover {
                topic,
                old,
                last_seq,
                head,
                next,
            } => {
                out.put_varint(3);
                out.extend_from_slice(&topic.0);
                out.extend_from_slice(&old.0);
                out.put_varint(*last_seq);
                out.extend_from_slice(&head.0);
                out.extend_from_slice(&next.0);
            }
            Action::Encryption {
                generation,
                suite,
                key,
                previous,
            } => {
                out.put_varint(4);
                out.put_varint(u64::from(*generation));
                out.put_varint(*suite);
                out.put_bytes(key);
                match previous {
                    None => out.push(0),
                    Some(sealed) => {
                        out.push(1);
                        out.put_bytes(sealed);
                    }
                }
            }
        }
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        if reader.byte()? != VERSION {
            return Err(Refusal::BadStatement);
        }
        let entity = EntityId(reader.array()?);
        let number = reader.varint()?;
        let prev = if reader.option()? {
            Some(reader.array()?)
        } else {
            None
        };
        let issued_ms = reader.varint()?;
        let action = match reader.varint()? {
            0 => Action::Certify {
                device: DeviceId(reader.array()?),
                acceptance: reader.array()?,
                name: reader.text(NAME_MAX)?.to_owned(),
            },
            1 => Action::Revoke {
                device: DeviceId(reader.array()?),
            },
            2 => Action::Rotate {
                next_root: reader.array()?,
                acceptance: reader.array()?,
            },
            3 => Action::Takeover {
                topic: TopicId(reader.array()?),
                old: DeviceId(reader.array()?),
                last_seq: reader.varint()?,
                head: EntryId(reader.array()?),
                next: DeviceId(reader.array()?),
            },
            4 => Action::Encryption {
                generation: u32::try_from(reader.varint()?).map_err(|_| Refusal::TooLarge)?,
                suite: reader.varint()?,
                key: reader.bytes(KEY_MAX)?.to_vec(),
                previous: match reader.option()? {
                    true => Some(reader.bytes(PREVIOUS_MAX)?.to_vec()),
                    false => None,
                },
            },
            _ => return Err(Refusal::NotCanonical),
        };
        if prev.is_some() != (number > 0) {
            return Err(Refusal::BadStatement);
        }
        Ok(Self {
            entity,
            number,
            prev,
            issued_ms,
            action,
        })
    }

    /// Hash over the encoding: what is signed, and what the next one links to.
    pub fn hash(&self) -> [u8; 32] {
        Context::Statement.hash(&self.encode())
    }

    /// Signs it with the root as of its number.
    pub fn sign(self, root: &SecretKey) -> SignedStatement {
        let signature = root.sign(&self.hash());
        SignedStatement {
            statement: self,
            signature,
        }
    }

    /// What a device or a next root signs to agree that it belongs to the entity.
    pub fn acceptance(entity: &EntityId, key: &SecretKey) -> Signature {
        key.sign(&acceptance_hash(entity, &key.public()))
    }
}

fn acceptance_hash(entity: &EntityId, key: &[u8; 32]) -> [u8; 32] {
    Context::Acceptance.hash_parts(&[&entity.0, key])
}

/// A statement with its root's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// What is said.
    pub statement: Statement,
    /// By the root as of the statement's number.
    pub signature: Signature,
}

impl SignedStatement {
    /// Encodes statement and signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.statement.encode();
        out.extend_from_slice(&self.signature);
        out
    }

    /// Decodes; signatures are checked apart. Every fault is `bad_statement`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(bytes).map_err(|_| Refusal::BadStatement)
    }

    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > STATEMENT_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let statement = Statement::read(&mut reader)?;
        let signature = reader.array()?;
        reader.end()?;
        Ok(Self {
            statement,
            signature,
        })
    }

    /// Checks the root's signature, and the acceptance where the action has one.
    pub fn verify(&self, root: &[u8; 32]) -> Result<(), Refusal> {
        admit(root)?;
        verify(root, &self.statement.hash(), &self.signature)?;
        let accepted = match &self.statement.action {
            Action::Certify {
                device, acceptance, ..
            } => Some((&device.0, acceptance)),
            Action::Rotate {
                next_root,
                acceptance,
            } => Some((next_root, acceptance)),
            Action::Revoke { .. } | Action::Takeover { .. } | Action::Encryption { .. } => None,
        };
        let Some((key, acceptance)) = accepted else {
            return Ok(());
        };
        admit(key)?;
        let hash = acceptance_hash(&self.statement.entity, key);
        verify(key, &hash, acceptance).map_err(|_| Refusal::BadAcceptance)
    }
}
