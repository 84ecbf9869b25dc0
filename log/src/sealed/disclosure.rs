//! One sealed entry, shown to somebody who holds none of the topic's keys
//! (`spec/07-sealed.md` 7.6): a proof that it was signed, and the keys of this entry alone.

use crate::cbor::Value;
use crate::limits::{PAYLOAD_MAX, PROOF_MAX};
use crate::proof::{Proof, ProofPayload, Proven};
use crate::refusal::Refusal;
use crate::sealed::{EntryKey, SealedEntry};
use crate::wire::{Reader, Writer};

/// The first bytes of a disclosure.
pub const MAGIC: &[u8; 20] = b"synlog disclosure 1\n";

/// Bytes of a disclosure.
pub const DISCLOSURE_MAX: usize = 128 + PROOF_MAX + PAYLOAD_MAX;

/// A disclosure of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The entry's proof. Its payload stands apart: it may be larger than a proof's.
    pub proof: Proof,
    /// The sealed payload.
    pub payload: ProofPayload,
    /// Key of kind, body and evidence.
    pub body_key: EntryKey,
    /// Key of the erasable part, where that is disclosed too.
    pub erasable_key: Option<EntryKey>,
}

/// What a right disclosure shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// Whose device signed which entry.
    pub proven: Proven,
    /// Kind, body and evidence, encoded.
    pub part: Vec<u8>,
    /// The erasable data, where it is there, disclosed and opens.
    pub erasable: Option<Value>,
}

impl Disclosure {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.body_key.0);
        out.put_option(self.erasable_key.as_ref().map(|key| &key.0[..]));
        out.put_bytes(&self.proof.encode());
        self.payload.write(&mut out);
        out
    }

    /// Decodes; [`Disclosure::verify`] says whether it is right.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > DISCLOSURE_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        if reader.array()? != *MAGIC {
            return Err(Refusal::BadProof);
        }
        let body_key = EntryKey(reader.array()?);
        let erasable_key = match reader.option()? {
            true => Some(EntryKey(reader.array()?)),
            false => None,
        };
        let proof = Proof::decode(reader.bytes(PROOF_MAX)?)?;
        let payload = ProofPayload::read(&mut reader)?;
        reader.end()?;
        // the payload is in its own place, and there
        if proof.payload != ProofPayload::Absent || payload == ProofPayload::Absent {
            return Err(Refusal::NotCanonical);
        }
        Ok(Self {
            proof,
            payload,
            body_key,
            erasable_key,
        })
    }

    /// Checks signature, links and payload, and opens the entry. `unsealable` where the
    /// keys are not those of the entry.
    pub fn verify(&self) -> Result<Disclosed, Refusal> {
        let proven = self.proof.verify()?;
        let payload = self.payload.of_header(&proven.header)?;
        let payload = payload.ok_or(Refusal::PayloadMismatch)?;
        let payload = payload.map_err(|_| Refusal::BadPayload)?;
        let sealed = SealedEntry::of(&proven.header, &payload).ok_or(Refusal::BadPayload)?;
        let part = sealed
            .open_with(&self.body_key)
            .ok_or(Refusal::Unsealable)?;
        let outer = self.erasable_key.as_ref().zip(payload.erasable);
        let erasable = outer.and_then(|(key, outer)| sealed.open_erasable_with(key, outer.data));
        Ok(Disclosed {
            proven,
            part,
            erasable,
        })
    }
}
