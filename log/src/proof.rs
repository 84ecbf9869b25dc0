//! Proofs: one entry, shown to be signed by a few headers (`spec/03-entry.md` 3.5).
//!
//! Inside a payload a proof is evidence: a fact from elsewhere that is checked
//! from its own bytes alone.

use crate::header::Header;
use crate::identity::{Certificate, Certified};
use crate::ids::EntryId;
use crate::keys::{Signature, admit, verify};
use crate::limits::{CERTIFICATE_MAX, HEADER_MAX, PATH_MAX, PAYLOAD_MAX, PROOF_MAX};
use crate::payload::{Payload, erased_payload_hash, payload_hash};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// What of the payload goes with a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofPayload {
    /// Nothing: only that the header was signed.
    Absent,
    /// All of it.
    Whole(Vec<u8>),
    /// Without the erasable part.
    Erased {
        /// Kind, body and evidence.
        part: Vec<u8>,
        /// What was dropped.
        erasable_hash: [u8; 32],
    },
}

impl ProofPayload {
    /// Appends the one encoding.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => out.put_varint(0),
            Self::Whole(bytes) => {
                out.put_varint(1);
                out.put_bytes(bytes);
            }
            Self::Erased {
                part,
                erasable_hash,
            } => {
                out.put_varint(2);
                out.put_bytes(part);
                out.extend_from_slice(erasable_hash);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(match reader.varint()? {
            0 => Self::Absent,
            1 => Self::Whole(reader.bytes(PAYLOAD_MAX)?.to_vec()),
            2 => Self::Erased {
                part: reader.bytes(PAYLOAD_MAX)?.to_vec(),
                erasable_hash: reader.array()?,
            },
            _ => return Err(Refusal::NotCanonical),
        })
    }

    /// What is split of the payload that hashes to what a header names; nothing where
    /// there is none. `payload_mismatch` where it is another.
    pub(crate) fn of_header(
        &self,
        header: &Header,
    ) -> Result<Option<Result<Payload<'_>, Refusal>>, Refusal> {
        let (payload, hash) = match self {
            Self::Absent => return Ok(None),
            Self::Whole(bytes) if bytes.len() != header.payload_len as usize => {
                return Err(Refusal::PayloadMismatch);
            }
            Self::Whole(bytes) => (Payload::split(bytes), payload_hash(bytes)),
            Self::Erased {
                part,
                erasable_hash,
            } => (
                Payload::split_erased(part),
                erased_payload_hash(part, erasable_hash),
            ),
        };
        if hash != header.payload_hash {
            return Err(Refusal::PayloadMismatch);
        }
        Ok(Some(payload))
    }
}

/// A proof that an entry was signed by a device that its entity had certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Certificate of the device.
    pub certificate: Vec<u8>,
    /// Headers from a signed one down to the entry, each linked from the one before.
    pub path: Vec<Header>,
    /// Over the id of the first header of the path.
    pub signature: Signature,
    /// The entry's payload.
    pub payload: ProofPayload,
}

/// What a right proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The entry.
    pub id: EntryId,
    /// Its header.
    pub header: Header,
    /// Whose device signed it.
    pub certified: Certified,
}

/// Checks that headers are of one feed and each links to the next. Gives their ids.
pub(crate) fn check_path(path: &[Header]) -> Result<Vec<EntryId>, Refusal> {
    let ids: Vec<EntryId> = path.iter().map(Header::id).collect();
    let feed = path.first().ok_or(Refusal::BadProof)?.feed();
    for (index, header) in path.iter().enumerate().skip(1) {
        let above = &path[index - 1];
        if header.feed() != feed
            || header.seq >= above.seq
            || above.commits_to(header.seq) != Some(ids[index])
        {
            return Err(Refusal::BadProof);
        }
    }
    Ok(ids)
}

pub(crate) fn read_path(reader: &mut Reader<'_>) -> Result<Vec<Header>, Refusal> {
    let mut path = Vec::new();
    for _ in 0..reader.length(PATH_MAX)? {
        path.push(Header::decode(reader.bytes(HEADER_MAX)?)?);
    }
    Ok(path)
}

pub(crate) fn write_path(out: &mut Vec<u8>, path: &[Header]) {
    out.put_varint(path.len() as u64);
    path.iter()
        .for_each(|header| out.put_bytes(&header.encode()));
}

impl Proof {
    /// The same proof without the erasable part of the payload.
    pub fn without_erasable(mut self) -> Self {
        if let ProofPayload::Whole(bytes) = &self.payload
            && let Ok(Payload {
                part,
                erasable: Some(erasable),
                ..
            }) = Payload::split(bytes)
        {
            self.payload = ProofPayload::Erased {
                part: part.to_vec(),
                erasable_hash: erasable.hash(),
            };
        }
        self
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_bytes(&self.certificate);
        write_path(&mut out, &self.path);
        out.extend_from_slice(&self.signature);
        self.payload.write(&mut out);
        out
    }

    /// Decodes; [`Proof::verify`] says whether it proves anything. Every fault is `bad_proof`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(bytes).map_err(|_| Refusal::BadProof)
    }

    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > PROOF_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let certificate = reader.bytes(CERTIFICATE_MAX)?.to_vec();
        let path = read_path(&mut reader)?;
        let signature = reader.array()?;
        let payload = ProofPayload::read(&mut reader)?;
        reader.end()?;
        Ok(Self {
            certificate,
            path,
            signature,
            payload,
        })
    }

    /// Checks links, certificate, signature and payload, from these bytes alone.
    pub fn verify(&self) -> Result<Proven, Refusal> {
        let ids = check_path(&self.path)?;
        let (Some(header), Some(id)) = (self.path.last(), ids.last()) else {
            return Err(Refusal::BadProof);
        };
        admit(&header.author.0)?;
        let certified = Certificate::verify_bytes(&self.certificate, &header.author)?;
        verify(&header.author.0, &ids[0].0, &self.signature)?;
        let payload = self.payload.of_header(header)?;
        if let (ProofPayload::Erased { .. }, Some(Err(_))) = (&self.payload, payload) {
            return Err(Refusal::PayloadMismatch);
        }
        Ok(Proven {
            id: *id,
            header: header.clone(),
            certified,
        })
    }
}
