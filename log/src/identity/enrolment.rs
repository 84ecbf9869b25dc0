//! How a new device joins an entity by two texts (`spec/02-identity.md` 2.5): it asks,
//! and is answered by a device that has the root at hand.

use crate::hash::Context;
use crate::identity::{Action, IdentityLog, SignedStatement, Statement};
use crate::ids::{DeviceId, EntityId};
use crate::keys::{SecretKey, Signature, admit, verify};
use crate::limits::{ANSWER_SEALED_MAX, ANSWER_STATEMENTS_MAX, NAME_MAX, STATEMENT_MAX};
use crate::refusal::Refusal;
use crate::wire::{Reader, Writer};

/// The version in the first byte of both.
const VERSION: u8 = 1;

/// What a new device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The entity that it wants to belong to.
    pub entity: EntityId,
    /// Its key.
    pub device: DeviceId,
    /// X25519 key that secrets of the answer are sealed to; used once.
    pub sealing: [u8; 32],
    /// Its agreement, as the statement will carry it.
    pub acceptance: Signature,
    /// Its name for people.
    pub name: String,
}

/// A request with its device's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// What is asked for.
    pub request: DeviceRequest,
    /// By the device.
    pub signature: Signature,
}

impl DeviceRequest {
    /// The request of a device's key.
    pub fn new(entity: EntityId, key: &SecretKey, sealing: [u8; 32], name: &str) -> Self {
        Self {
            entity,
            device: DeviceId(key.public()),
            sealing,
            acceptance: Statement::acceptance(&entity, key),
            name: name.to_owned(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.entity.0);
        out.extend_from_slice(&self.device.0);
        out.extend_from_slice(&self.sealing);
        out.extend_from_slice(&self.acceptance);
        out.put_bytes(self.name.as_bytes());
        out
    }

    /// What the device signs, and what the answer names.
    pub fn hash(&self) -> [u8; 32] {
        Context::DeviceRequest.hash(&self.encode())
    }

    /// Signs it with the device's key.
    pub fn sign(self, key: &SecretKey) -> SignedRequest {
        let signature = key.sign(&self.hash());
        SignedRequest {
            request: self,
            signature,
        }
    }

    /// What the root is to say of it.
    pub fn action(&self) -> Action {
        Action::Certify {
            device: self.device,
            acceptance: self.acceptance,
            name: self.name.clone(),
        }
    }
}

impl SignedRequest {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.request.encode();
        out.extend_from_slice(&self.signature);
        out
    }

    /// Decodes and checks the device's signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Refusal::NotCanonical);
        }
        let request = DeviceRequest {
            entity: EntityId(reader.array()?),
            device: DeviceId(reader.array()?),
            sealing: reader.array()?,
            acceptance: reader.array()?,
            name: reader.text(NAME_MAX)?.to_owned(),
        };
        let signature = reader.array()?;
        reader.end()?;
        admit(&request.device.0)?;
        verify(&request.device.0, &request.hash(), &signature)?;
        Ok(Self { request, signature })
    }
}

/// What a new device gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAnswer {
    /// Hash of the request.
    pub request: [u8; 32],
    /// The device that answers.
    pub issuer: DeviceId,
    /// The identity log from its beginning, with the new device's certificate.
    pub statements: Vec<SignedStatement>,
    /// What only the new device can open; empty where there is nothing.
    pub sealed: Vec<u8>,
}

impl DeviceAnswer {
    fn hash(&self) -> [u8; 32] {
        Context::DeviceAnswer.hash(&self.body())
    }

    fn body(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.request);
        out.extend_from_slice(&self.issuer.0);
        out.put_varint(self.statements.len() as u64);
        self.statements
            .iter()
            .for_each(|signed| out.put_bytes(&signed.encode()));
        out.put_bytes(&self.sealed);
        out
    }

    /// The one encoding, signed by the device that answers.
    pub fn encode(&self, issuer: &SecretKey) -> Vec<u8> {
        let mut out = self.body();
        out.extend_from_slice(&issuer.sign(&self.hash()));
        out
    }

    /// Decodes and checks the signature. Whether the issuer may answer is told by
    /// [`DeviceAnswer::check`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Refusal::NotCanonical);
        }
        let request = reader.array()?;
        let issuer = DeviceId(reader.array()?);
        let mut statements = Vec::new();
        for _ in 0..reader.length(ANSWER_STATEMENTS_MAX)? {
            statements.push(SignedStatement::decode(reader.bytes(STATEMENT_MAX)?)?);
        }
        let sealed = reader.bytes(ANSWER_SEALED_MAX)?.to_vec();
        let signature = reader.array()?;
        reader.end()?;
        let answer = Self {
            request,
            issuer,
            statements,
            sealed,
        };
        admit(&issuer.0)?;
        verify(&issuer.0, &answer.hash(), &signature)?;
        Ok(answer)
    }

    /// Checks that it answers a request: the statements are the entity's identity log,
    /// whose root certifies the new device and the one that answers, and has revoked
    /// neither. Gives the log; every fault is `bad_certificate`.
    pub fn check(&self, request: &DeviceRequest) -> Result<IdentityLog, Refusal> {
        if self.request != request.hash() {
            return Err(Refusal::BadCertificate);
        }
        let mut log = IdentityLog::new(request.entity);
        for (number, signed) in self.statements.iter().enumerate() {
            if signed.statement.number != number as u64 {
                return Err(Refusal::BadCertificate);
            }
            log.add(signed.clone())
                .map_err(|_| Refusal::BadCertificate)?;
        }
        for device in [&request.device, &self.issuer] {
            let certificate = log.certificate(device).ok_or(Refusal::BadCertificate)?;
            certificate.verify(device)?;
            if log.is_revoked(device) {
                return Err(Refusal::BadCertificate);
            }
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Scene {
        root: SecretKey,
        old: SecretKey,
        new: SecretKey,
        log: IdentityLog,
        request: DeviceRequest,
    }

    fn scene() -> Scene {
        let [root, old, new] = [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]));
        let mut log = IdentityLog::new(EntityId(root.public()));
        let first = DeviceRequest::new(log.entity(), &old, [0; 32], "old");
        log.issue(first.action(), 10, &root).unwrap();
        let request = DeviceRequest::new(log.entity(), &new, [9; 32], "phone");
        Scene {
            root,
            old,
            new,
            log,
            request,
        }
    }

    fn answer(scene: &Scene, issuer: &SecretKey) -> DeviceAnswer {
        DeviceAnswer {
            request: scene.request.hash(),
            issuer: DeviceId(issuer.public()),
            statements: scene.log.statements().cloned().collect(),
            sealed: vec![7; 40],
        }
    }

    #[test]
    fn a_request_comes_back_and_any_flipped_bit_shows() {
        let scene = scene();
        let bytes = scene.request.clone().sign(&scene.new).encode();
        assert_eq!(
            SignedRequest::decode(&bytes).unwrap().request,
            scene.request
        );
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(SignedRequest::decode(&other).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn an_answer_certifies_the_device_that_asked() {
        let mut scene = scene();
        let early = answer(&scene, &scene.old);
        assert_eq!(
            early.check(&scene.request).unwrap_err(),
            Refusal::BadCertificate
        );
        let action = scene.request.action();
        scene.log.issue(action, 20, &scene.root).unwrap();
        let good = answer(&scene, &scene.old);
        let bytes = good.encode(&scene.old);
        let read = DeviceAnswer::decode(&bytes).unwrap();
        assert_eq!(read, good);
        assert!(read.check(&scene.request).is_ok());
        let other = DeviceRequest::new(scene.log.entity(), &scene.new, [8; 32], "phone");
        assert!(read.check(&other).is_err());
        let stranger = answer(&scene, &scene.root);
        assert!(stranger.check(&scene.request).is_err());
        // signed by somebody else than it names
        assert!(DeviceAnswer::decode(&good.encode(&scene.new)).is_err());
    }

    #[test]
    fn a_revoked_device_answers_nobody() {
        let mut scene = scene();
        let action = scene.request.action();
        scene.log.issue(action, 20, &scene.root).unwrap();
        let device = DeviceId(scene.old.public());
        scene
            .log
            .issue(Action::Revoke { device }, 30, &scene.root)
            .unwrap();
        let late = answer(&scene, &scene.old);
        assert!(late.check(&scene.request).is_err());
    }

    #[test]
    fn a_log_with_a_gap_is_no_answer() {
        let mut scene = scene();
        let action = scene.request.action();
        scene.log.issue(action, 20, &scene.root).unwrap();
        let mut cut = answer(&scene, &scene.old);
        cut.statements.remove(0);
        assert!(cut.check(&scene.request).is_err());
    }
}
