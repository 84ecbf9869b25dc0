//! An entity's identity log as far as it is known: its statements in order,
//! and two statements under one number where the root signed both.

use std::collections::BTreeMap;

use crate::identity::{Action, Certificate, SignedStatement, Statement};
use crate::ids::{DeviceId, EntityId};
use crate::keys::{
    EncryptionSecret, PUBLIC_LEN, SUITE_X25519, SecretKey, admit_encryption_key, seal_to,
};
use crate::refusal::Refusal;

/// Two different statements of one entity under one number, both rightly signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementConflict {
    /// The one that came first here.
    pub kept: SignedStatement,
    /// The other one.
    pub other: SignedStatement,
}

/// The statements of one entity.
#[derive(Debug, Clone)]
pub struct IdentityLog {
    entity: EntityId,
    statements: BTreeMap<u64, SignedStatement>,
    conflicts: Vec<StatementConflict>,
}

/// Conflicts kept for one entity: one is proof enough.
const CONFLICTS_MAX: usize = 16;

impl IdentityLog {
    /// An empty log.
    pub fn new(entity: EntityId) -> Self {
        Self {
            entity,
            statements: BTreeMap::new(),
            conflicts: Vec::new(),
        }
    }

    /// The entity.
    pub fn entity(&self) -> EntityId {
        self.entity
    }

    /// The statements, by number.
    pub fn statements(&self) -> impl Iterator<Item = &SignedStatement> {
        self.statements.values()
    }

    /// The conflicts that were seen.
    pub fn conflicts(&self) -> &[StatementConflict] {
        &self.conflicts
    }

    /// Adds the next statement, or one that is known already. One that does not
    /// follow on the last is `missing_ancestor`: the ones between are needed first.
    pub fn add(&mut self, signed: SignedStatement) -> Result<(), Refusal> {
        let number = signed.statement.number;
        if signed.statement.entity != self.entity {
            return Err(Refusal::BadStatement);
        }
        if let Some(kept) = self.statements.get(&number) {
            if kept.statement == signed.statement {
                return Ok(());
            }
            signed.verify(&self.root_before(number))?;
            if self.conflicts.len() < CONFLICTS_MAX {
                self.conflicts.push(StatementConflict {
                    kept: kept.clone(),
                    other: signed,
                });
            }
            return Ok(());
        }
        let last = self
            .statements
            .last_key_value()
            .map(|(number, last)| (*number, last.statement.hash()));
        let follows = match (last, signed.statement.prev) {
            (None, None) => number == 0,
            (Some((last, hash)), Some(prev)) if number == last + 1 => {
                if prev != hash {
                    return Err(Refusal::BadStatement);
                }
                true
            }
            _ => false,
        };
        if !follows {
            return Err(Refusal::MissingAncestor);
        }
        signed.verify(&self.root_before(number))?;
        self.statements.insert(number, signed);
        Ok(())
    }

    fn rotations_before(&self, number: u64) -> impl Iterator<Item = &SignedStatement> {
        let statements = self.statements.range(..number).map(|(_, signed)| signed);
        statements.filter(|signed| matches!(signed.statement.action, Action::Rotate { .. }))
    }

    fn root_before(&self, number: u64) -> [u8; 32] {
        match self
            .rotations_before(number)
            .last()
            .map(|signed| &signed.statement.action)
        {
            Some(Action::Rotate { next_root, .. }) => *next_root,
            _ => self.entity.0,
        }
    }

    /// The root key that signs the next statement.
    pub fn root(&self) -> [u8; 32] {
        self.root_before(u64::MAX)
    }

    /// All rotations so far.
    pub fn rotations(&self) -> Vec<SignedStatement> {
        self.rotations_before(u64::MAX).cloned().collect()
    }

    /// Signs the next statement and adds it. Error: `bad_statement` if the key is not
    /// the root as of now.
    pub fn issue(
        &mut self,
        action: Action,
        now_ms: u64,
        root: &SecretKey,
    ) -> Result<SignedStatement, Refusal> {
        if root.public() != self.root() {
            return Err(Refusal::BadStatement);
        }
        let last = self.statements.last_key_value();
        let statement = Statement {
            entity: self.entity,
            number: last.map_or(0, |(number, _)| number + 1),
            prev: last.map(|(_, signed)| signed.statement.hash()),
            issued_ms: now_ms,
            action,
        };
        let signed = statement.sign(root);
        self.add(signed.clone())?;
        Ok(signed)
    }

    /// The certificate of a device, if the log certifies it.
    pub fn certificate(&self, device: &DeviceId) -> Option<Certificate> {
        let certify = self.statements.values().rev().find(
            |signed| matches!(&signed.statement.action, Action::Certify { device: named, .. } if named == device),
        )?;
        let rotations = self
            .rotations_before(certify.statement.number)
            .cloned()
            .collect();
        Some(Certificate {
            rotations,
            certify: certify.clone(),
        })
    }

    /// The encryption key that was announced last, if it is of a suite that is known here:
    /// its generation and the public key.
    pub fn encryption_key(&self) -> Option<(u32, [u8; PUBLIC_LEN])> {
        let mut actions = self.statements.values().rev();
        actions.find_map(|signed| match &signed.statement.action {
            Action::Encryption {
                generation,
                suite,
                key,
                ..
            } => Some((*generation, admit_encryption_key(*suite, key).ok()?)),
            _ => None,
        })
    }

    /// The action that announces an encryption key. `last` is the secret of the generation
    /// before, which goes with it, sealed; `seed` is random.
    pub fn announcement(
        &self,
        secret: &EncryptionSecret,
        last: Option<&EncryptionSecret>,
        seed: &[u8; 32],
    ) -> Result<Action, Refusal> {
        let bound = self.previous_bound(secret.generation());
        let seal = |last: &EncryptionSecret| {
            let mut plain = last.generation().to_le_bytes().to_vec();
            plain.extend_from_slice(&last.to_bytes()[..]);
            seal_to(&secret.public(), PREVIOUS_PURPOSE, &bound, &plain, seed)
        };
        Ok(Action::Encryption {
            generation: secret.generation(),
            suite: SUITE_X25519,
            key: secret.public().to_vec(),
            previous: last.map(seal).transpose()?,
        })
    }

    fn previous_bound(&self, generation: u32) -> Vec<u8> {
        [&self.entity.0[..], &generation.to_le_bytes()].concat()
    }

    /// All secret keys that follow from one: itself and those that statements hand back.
    pub fn secrets_from(&self, secret: EncryptionSecret) -> Vec<EncryptionSecret> {
        let mut found = vec![secret];
        let announced = self.statements.values().rev();
        for action in announced.map(|signed| &signed.statement.action) {
            let Action::Encryption {
                generation,
                key,
                previous: Some(sealed),
                ..
            } = action
            else {
                continue;
            };
            let bound = self.previous_bound(*generation);
            let holder = found.iter().find(|secret| secret.public()[..] == key[..]);
            let opened =
                holder.and_then(|secret| secret.open(PREVIOUS_PURPOSE, &bound, sealed).ok());
            if let Some((generation, secret)) = opened.as_deref().and_then(previous_secret)
                && !found.iter().any(|known| known.to_bytes()[..] == secret)
            {
                found.push(EncryptionSecret::from_bytes(generation, secret));
            }
        }
        found
    }

    /// Whether the log has revoked a device.
    pub fn is_revoked(&self, device: &DeviceId) -> bool {
        let mut actions = self
            .statements
            .values()
            .map(|signed| &signed.statement.action);
        actions.any(|action| matches!(action, Action::Revoke { device: named } if named == device))
    }
}

const PREVIOUS_PURPOSE: &str = "next encryption key";

fn previous_secret(plain: &[u8]) -> Option<(u32, [u8; 32])> {
    let (generation, secret) = plain.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*generation), secret.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn certify(log: &IdentityLog, device: &SecretKey) -> Action {
        Action::Certify {
            device: DeviceId(device.public()),
            acceptance: Statement::acceptance(&log.entity(), device),
            name: "laptop".into(),
        }
    }

    #[test]
    fn certificates_outlive_rotation_and_other_roots_are_refused() {
        let (root, next, device) = (1u8, 2u8, 3u8);
        let [root, next, device] =
            [root, next, device].map(|seed| SecretKey::from_seed([seed; 32]));
        let mut log = IdentityLog::new(EntityId(root.public()));
        log.issue(certify(&log, &device), 10, &root).unwrap();
        let early = log.certificate(&DeviceId(device.public())).unwrap();
        let rotate = Action::Rotate {
            next_root: next.public(),
            acceptance: Statement::acceptance(&log.entity(), &next),
        };
        log.issue(rotate, 20, &root).unwrap();
        assert_eq!(
            log.issue(certify(&log, &device), 30, &root),
            Err(Refusal::BadStatement)
        );
        log.issue(certify(&log, &device), 30, &next).unwrap();
        let late = log.certificate(&DeviceId(device.public())).unwrap();
        assert_eq!((early.rotations.len(), late.rotations.len()), (0, 1));
        for certificate in [early, late.clone()] {
            let bytes = certificate.encode();
            let certified = Certificate::verify_bytes(&bytes, &DeviceId(device.public())).unwrap();
            assert_eq!(certified.entity, EntityId(root.public()));
            assert_eq!(
                Certificate::verify_bytes(&bytes, &DeviceId(next.public())),
                Err(Refusal::BadCertificate)
            );
        }
        let mut cut = late;
        cut.rotations.clear();
        assert_eq!(
            cut.verify(&DeviceId(device.public())),
            Err(Refusal::BadCertificate)
        );
    }

    #[test]
    fn two_statements_at_one_number_are_both_kept() {
        let [root, a, b] = [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]));
        let mut log = IdentityLog::new(EntityId(root.public()));
        let other = log.clone().issue(certify(&log, &b), 10, &root).unwrap();
        log.issue(certify(&log, &a), 10, &root).unwrap();
        log.add(other).unwrap();
        assert_eq!(log.conflicts().len(), 1);
    }

    #[test]
    fn the_latest_encryption_key_opens_the_way_to_all_before() {
        let root = SecretKey::from_seed([1; 32]);
        let mut log = IdentityLog::new(EntityId(root.public()));
        let secrets = [0, 1, 2].map(|generation| EncryptionSecret::of_root(&root, generation));
        for (index, secret) in secrets.iter().enumerate() {
            let last = index.checked_sub(1).map(|last| &secrets[last]);
            let action = log.announcement(secret, last, &[9; 32]).unwrap();
            log.issue(action, 10, &root).unwrap();
        }
        assert_eq!(log.encryption_key(), Some((2, secrets[2].public())));
        let found = log.secrets_from(secrets[2].clone());
        let generations: Vec<u32> = found.iter().map(EncryptionSecret::generation).collect();
        assert_eq!(generations, [2, 1, 0]);
        assert_eq!(found[2].public(), secrets[0].public());
        assert_eq!(log.secrets_from(secrets[0].clone()).len(), 1);
    }
}
