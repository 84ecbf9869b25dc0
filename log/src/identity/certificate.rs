//! Device certificates: what lets a stranger see whose device signed
//! (`spec/02-identity.md` 2.3).

use crate::identity::{Action, SignedStatement};
use crate::ids::{DeviceId, EntityId};
use crate::limits::{CERTIFICATE_MAX, ROTATIONS_MAX, STATEMENT_MAX};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// A chain from an entity's first root key to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The rotations of the root up to the one that certifies.
    pub rotations: Vec<SignedStatement>,
    /// The statement that certifies the device.
    pub certify: SignedStatement,
}

/// What a right certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Whose device it is.
    pub entity: EntityId,
    /// The device.
    pub device: DeviceId,
    /// Its name for people.
    pub name: String,
    /// Hashes of the rotations that the chain includes.
    pub rotations: Vec<[u8; 32]>,
}

impl Certificate {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(self.rotations.len() as u64);
        self.rotations
            .iter()
            .for_each(|rotation| out.put_bytes(&rotation.encode()));
        out.put_bytes(&self.certify.encode());
        out
    }

    /// Decodes; [`Certificate::verify`] says whether it is right.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > CERTIFICATE_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let mut rotations = Vec::new();
        for _ in 0..reader.length(ROTATIONS_MAX)? {
            rotations.push(SignedStatement::decode(reader.bytes(STATEMENT_MAX)?)?);
        }
        let certify = SignedStatement::decode(reader.bytes(STATEMENT_MAX)?)?;
        reader.end()?;
        Ok(Self { rotations, certify })
    }

    /// Checks that it is right for a device. Every fault is `bad_certificate`.
    pub fn verify(&self, device: &DeviceId) -> Result<Certified, Refusal> {
        self.check(device).map_err(|_| Refusal::BadCertificate)
    }

    /// Decodes and checks in one step; every fault is `bad_certificate`.
    pub fn verify_bytes(bytes: &[u8], device: &DeviceId) -> Result<Certified, Refusal> {
        Self::decode(bytes)
            .map_err(|_| Refusal::BadCertificate)?
            .verify(device)
    }

    fn check(&self, device: &DeviceId) -> Result<Certified, Refusal> {
        let entity = self.certify.statement.entity;
        let (root, last) = follow_rotations(&entity, &self.rotations)?;
        self.certify.verify(&root)?;
        let Action::Certify {
            device: named,
            name,
            ..
        } = &self.certify.statement.action
        else {
            return Err(Refusal::BadCertificate);
        };
        if named != device || last.is_some_and(|last| self.certify.statement.number <= last) {
            return Err(Refusal::BadCertificate);
        }
        let rotations = self
            .rotations
            .iter()
            .map(|rotation| rotation.statement.hash())
            .collect();
        Ok(Certified {
            entity,
            device: *device,
            name: name.clone(),
            rotations,
        })
    }
}

/// Follows rotations from an entity's first root key. Gives the root after them
/// and the number of the last one.
pub(crate) fn follow_rotations(
    entity: &EntityId,
    rotations: &[SignedStatement],
) -> Result<([u8; 32], Option<u64>), Refusal> {
    let (mut root, mut last) = (entity.0, None);
    for rotation in rotations {
        let statement = &rotation.statement;
        let Action::Rotate { next_root, .. } = &statement.action else {
            return Err(Refusal::BadCertificate);
        };
        if statement.entity != *entity || last.is_some_and(|last| statement.number <= last) {
            return Err(Refusal::BadCertificate);
        }
        rotation.verify(&root)?;
        (root, last) = (*next_root, Some(statement.number));
    }
    Ok((root, last))
}
