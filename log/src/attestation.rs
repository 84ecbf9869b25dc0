//! Attestations: facts that a device signs outside of any feed
//! (`spec/10-reducer.md` 10.8). Inside a payload they are evidence.

use crate::fold::Fact;
use crate::hash::Context;
use crate::header::Header;
use crate::identity::Certificate;
use crate::ids::{DeviceId, EntityId, EntryId, TopicId};
use crate::keys::{SecretKey, Signature, admit, verify};
use crate::limits::{CERTIFICATE_MAX, PROOF_MAX};
use crate::payload::Payload;
use crate::proof::{Proof, ProofPayload};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// What a device attests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claims {
    /// Somebody may review an entity.
    Grant {
        /// The entity: that of the device which signs.
        subject: EntityId,
        /// [`holder_hash`] of who may.
        holder: [u8; 32],
        /// Random: each grant is used once.
        tag: [u8; 16],
        /// Year × 12 + month − 1, UTC.
        month: u32,
    },
    /// The device was given an entry, and so all of its feed before it.
    Receipt {
        /// The topic.
        topic: TopicId,
        /// Author of the feed.
        author: DeviceId,
        /// Number of the entry.
        seq: u64,
        /// The entry.
        entry: EntryId,
        /// How many entries the device that signs had written in the topic.
        height: u64,
        /// UTC milliseconds by its clock.
        at_ms: u64,
    },
}

/// Bytes of claims; the longest are those of a receipt.
const CLAIMS_MAX: usize = 160;

/// Hash by which a grant names who may review without telling it.
pub fn holder_hash(salt: &[u8; 32], entity: &EntityId) -> [u8; 32] {
    Context::Holder.hash_parts(&[salt, &entity.0])
}

impl Claims {
    fn number(&self) -> u8 {
        match self {
            Self::Grant { .. } => 1,
            Self::Receipt { .. } => 2,
        }
    }

    fn context(&self) -> Context {
        match self {
            Self::Grant { .. } => Context::Grant,
            Self::Receipt { .. } => Context::Receipt,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Grant {
                subject,
                holder,
                tag,
                month,
            } => {
                out.extend_from_slice(&subject.0);
                out.extend_from_slice(holder);
                out.extend_from_slice(tag);
                out.put_varint(u64::from(*month));
            }
            Self::Receipt {
                topic,
                author,
                seq,
                entry,
                height,
                at_ms,
            } => {
                out.extend_from_slice(&topic.0);
                out.extend_from_slice(&author.0);
                out.put_varint(*seq);
                out.extend_from_slice(&entry.0);
                out.put_varint(*height);
                out.put_varint(*at_ms);
            }
        }
        out
    }

    fn decode(kind: u8, bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let claims = match kind {
            1 => Self::Grant {
                subject: EntityId(reader.array()?),
                holder: reader.array()?,
                tag: reader.array()?,
                month: u32::try_from(reader.varint()?).map_err(|_| Refusal::TooLarge)?,
            },
            2 => Self::Receipt {
                topic: TopicId(reader.array()?),
                author: DeviceId(reader.array()?),
                seq: reader.varint()?,
                entry: EntryId(reader.array()?),
                height: reader.varint()?,
                at_ms: reader.varint()?,
            },
            _ => return Err(Refusal::NotCanonical),
        };
        reader.end()?;
        Ok(claims)
    }
}

/// Claims with the signature of a device and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// Who signed.
    pub device: DeviceId,
    /// Its certificate, encoded.
    pub certificate: Vec<u8>,
    /// What it says.
    pub claims: Claims,
    /// Over the hash of the claims.
    pub signature: Signature,
}

/// Tells an attestation from a proof, which begins with the length of a certificate.
const MARK: u8 = 0;

impl Attestation {
    /// Signs claims.
    pub fn sign(key: &SecretKey, certificate: &[u8], claims: Claims) -> Self {
        let hash = claims.context().hash(&claims.encode());
        Self {
            device: DeviceId(key.public()),
            certificate: certificate.to_vec(),
            claims,
            signature: key.sign(&hash),
        }
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![MARK, self.claims.number()];
        out.extend_from_slice(&self.device.0);
        out.put_bytes(&self.certificate);
        out.put_bytes(&self.claims.encode());
        out.extend_from_slice(&self.signature);
        out
    }

    /// Decodes; [`Attestation::verify`] says whether it is right. Every fault is `bad_evidence`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(bytes).map_err(|_| Refusal::BadEvidence)
    }

    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if bytes.len() > PROOF_MAX || reader.byte()? != MARK {
            return Err(Refusal::NotCanonical);
        }
        let kind = reader.byte()?;
        let device = DeviceId(reader.array()?);
        let certificate = reader.bytes(CERTIFICATE_MAX)?.to_vec();
        let claims = Claims::decode(kind, reader.bytes(CLAIMS_MAX)?)?;
        let signature = reader.array()?;
        reader.end()?;
        Ok(Self {
            device,
            certificate,
            claims,
            signature,
        })
    }

    /// Checks key, certificate, signature, and that a grant is for the signer's own entity.
    pub fn verify(&self) -> Result<Fact, Refusal> {
        admit(&self.device.0)?;
        let certified = Certificate::verify_bytes(&self.certificate, &self.device)?;
        let hash = self.claims.context().hash(&self.claims.encode());
        verify(&self.device.0, &hash, &self.signature)?;
        match self.claims {
            Claims::Grant { subject, .. } if subject != certified.entity => {
                Err(Refusal::BadEvidence)
            }
            _ => Ok(self.fact(certified.entity)),
        }
    }

    fn fact(&self, entity: EntityId) -> Fact {
        match self.claims {
            Claims::Grant {
                subject,
                holder,
                tag,
                month,
            } => Fact::Grant {
                subject,
                device: self.device,
                holder,
                tag,
                month,
            },
            Claims::Receipt {
                topic,
                author,
                seq,
                entry,
                height,
                at_ms,
            } => Fact::Receipt {
                topic,
                device: self.device,
                entity,
                entry,
                author,
                seq,
                height,
                at_ms,
            },
        }
    }
}

/// Checks a receipt that stands by itself, as in a bundle.
pub fn check_receipt(bytes: &[u8]) -> Result<Fact, Refusal> {
    match Attestation::decode(bytes)?.verify()? {
        fact @ Fact::Receipt { .. } => Ok(fact),
        _ => Err(Refusal::BadEvidence),
    }
}

/// What a piece of evidence proves, checked from its own bytes.
pub fn check_evidence(bytes: &[u8]) -> Result<Fact, Refusal> {
    if bytes.first() == Some(&MARK) {
        return Attestation::decode(bytes)?.verify();
    }
    let proof = Proof::decode(bytes)?;
    let proven = proof.verify()?;
    fact_of_proof(&proof, proven.id, proven.certified.entity)
}

/// What the evidence of a payload proves that was checked when it came: signatures
/// are not looked at again.
pub fn checked_facts(payload: &Payload<'_>) -> Result<Vec<Fact>, Refusal> {
    let entity = |certificate: &[u8]| -> Result<EntityId, Refusal> {
        Ok(Certificate::decode(certificate)?.certify.statement.entity)
    };
    let fact = |bytes: &&[u8]| {
        if bytes.first() == Some(&MARK) {
            let attestation = Attestation::decode(bytes)?;
            return Ok(attestation.fact(entity(&attestation.certificate)?));
        }
        let proof = Proof::decode(bytes)?;
        let id = proof.path.last().map(Header::id).ok_or(Refusal::BadProof)?;
        fact_of_proof(&proof, id, entity(&proof.certificate)?)
    };
    payload.evidence.iter().map(fact).collect()
}

fn fact_of_proof(proof: &Proof, id: EntryId, entity: EntityId) -> Result<Fact, Refusal> {
    let header = proof.path.last().ok_or(Refusal::BadProof)?;
    let (kind, body) = content(&proof.payload).unwrap_or_default();
    Ok(Fact::Entry {
        id,
        topic: header.feed().topic,
        device: header.author,
        entity,
        seq: header.seq,
        hlc: header.hlc,
        kind,
        body,
    })
}

/// Kind and body of a payload that is there and decodes.
fn content(payload: &ProofPayload) -> Option<(String, Vec<u8>)> {
    let split = match payload {
        ProofPayload::Absent => return None,
        ProofPayload::Whole(bytes) => Payload::split(bytes).ok()?,
        ProofPayload::Erased { part, .. } => Payload::split_erased(part).ok()?,
    };
    split.check().ok()?;
    Some((split.kind.to_owned(), split.body.to_vec()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::Person;
    use proptest::prelude::*;

    fn receipt() -> Claims {
        Claims::Receipt {
            topic: TopicId([1; 32]),
            author: DeviceId([2; 32]),
            seq: 3,
            entry: EntryId([4; 32]),
            height: 5,
            at_ms: 1_700_000_000_000,
        }
    }

    fn signed(claims: Claims) -> Attestation {
        let person = Person::new(1, 1);
        let certificate = person.log.certificate(&person.device(0)).unwrap();
        Attestation::sign(&person.devices[0], &certificate.encode(), claims)
    }

    #[test]
    fn a_receipt_is_a_fact_and_any_other_byte_is_none() {
        let bytes = signed(receipt()).encode();
        let fact = check_evidence(&bytes).unwrap();
        assert!(matches!(
            fact,
            Fact::Receipt {
                seq: 3,
                height: 5,
                ..
            }
        ));
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(check_evidence(&other).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_grant_is_for_the_signers_own_entity() {
        let person = Person::new(1, 1);
        let grant = |subject| Claims::Grant {
            subject,
            holder: holder_hash(&[7; 32], &EntityId([8; 32])),
            tag: [9; 16],
            month: 24_322,
        };
        assert!(check_evidence(&signed(grant(person.id())).encode()).is_ok());
        let other = check_evidence(&signed(grant(EntityId([3; 32]))).encode());
        assert_eq!(other, Err(Refusal::BadEvidence));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            bytes[0] = 0;
            prop_assert!(check_evidence(&bytes).is_err());
        }
    }
}
