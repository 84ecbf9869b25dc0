//! The root key: which one is in use, and a new one in its place.

use age::secrecy::SecretString;
use synlog_log::identity::{Action, IdentityLog, SignedStatement, Statement};
use synlog_log::ids::{DeviceId, TopicId};
use synlog_log::keys::SecretKey;
use synlog_log::limits::ROTATIONS_MAX;

use crate::devices::fresh_key;
use crate::failure::Failure;
use crate::home::RootSlot;
use crate::identity::retirement::{Feeds, Progress, Told};
use crate::node::Node;

/// What a rotation did.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The new root key.
    pub root: SecretKey,
    /// Number of the statement that says so.
    pub number: u64,
    /// An earlier rotation had been interrupted, and was ended instead of a new one.
    pub resumed: bool,
    /// Devices that have a certificate by the new root now.
    pub certified: Vec<DeviceId>,
    /// Topics that were told, and those that wait for others.
    pub told: Told,
}

impl Node {
    /// The root key of this node's entity as of now, wherever it is at hand.
    pub fn root(&self) -> Result<SecretKey, Failure> {
        let log = self.identities.get(&self.entity);
        let wanted = log.map_or(self.entity.0, IdentityLog::root);
        let held = self.held_root.as_ref();
        if let Some(held) = held.filter(|held| held.public() == wanted) {
            return Ok(held.clone());
        }
        self.home.find_root(|key| key.public() == wanted)
    }

    /// Has the root key at hand for as long as the node is open, without keeping it.
    pub fn hold_root(&mut self, root: SecretKey) {
        self.held_root = Some(root);
    }

    /// Signs and stores a statement of this node's entity with a root key.
    pub fn state_with(
        &mut self,
        root: &SecretKey,
        action: Action,
        now_ms: u64,
    ) -> Result<SignedStatement, Failure> {
        let entity = self.entity;
        let log = self.identities.get(&entity).cloned();
        let mut log = log.unwrap_or_else(|| IdentityLog::new(entity));
        let signed = log
            .issue(action, now_ms, root)
            .map_err(Failure::refused("the statement"))?;
        self.take_in_statement(&signed)?;
        Ok(signed)
    }

    /// Puts a new root key in place of the old one, certifies all devices that are not
    /// revoked by it, and tells the entity's topics. Where an earlier rotation was
    /// interrupted, it ends that one.
    pub fn rotate_root(
        &mut self,
        passphrase: Option<&SecretString>,
        now_ms: u64,
        progress: Progress<'_>,
    ) -> Result<Rotated, Failure> {
        let root = self.root()?;
        let log = self.identities.get(&self.entity);
        let rotations = log.map(IdentityLog::rotations).unwrap_or_default();
        let unfinished = rotations.last().filter(|last| {
            let by_it = self.behind_rotation();
            matches!(&last.statement.action, Action::Rotate { next_root, .. } if *next_root == root.public())
                && !by_it.is_empty()
        });
        let (root, rotation, resumed) = match unfinished.cloned() {
            Some(rotation) => (root, rotation, true),
            None => {
                if rotations.len() >= ROTATIONS_MAX {
                    return Err(Failure::NoEffect(format!(
                        "this root was rotated {ROTATIONS_MAX} times: certificates carry no more rotations"
                    )));
                }
                let next = fresh_key()?;
                // before it is named anywhere it must be sure to last
                self.home.write_root(RootSlot::Next, &next, passphrase)?;
                let action = Action::Rotate {
                    next_root: next.public(),
                    acceptance: Statement::acceptance(&self.entity, &next),
                };
                let rotation = self.state_with(&root, action, now_ms)?;
                (next, rotation, false)
            }
        };
        self.home.promote_next_root()?;
        let mut certified = Vec::new();
        for action in self.behind_rotation() {
            if let Action::Certify { device, .. } = &action {
                certified.push(*device);
            }
            self.state_with(&root, action, now_ms)?;
        }
        // the recovery words of the new root alone must lead to all that was sealed
        self.renew_encryption_key(now_ms)?;
        let number = rotation.statement.number;
        let told = self.settle_topics(&[], &[rotation], Feeds::Keep, now_ms, progress)?;
        Ok(Rotated {
            root,
            number,
            resumed,
            certified,
            told,
        })
    }

    /// For each device that is not revoked and whose certificate lacks a rotation: what
    /// the new root has to say of it. Its agreement stands.
    fn behind_rotation(&self) -> Vec<Action> {
        let Some(log) = self.identities.get(&self.entity) else {
            return Vec::new();
        };
        let rotations = log.rotations().len();
        let mut actions: Vec<Action> = Vec::new();
        for signed in log.statements() {
            let Action::Certify { device, .. } = &signed.statement.action else {
                continue;
            };
            let known = actions.iter().any(
                |action| matches!(action, Action::Certify { device: known, .. } if known == device),
            );
            let current = log.certificate(device);
            let behind = current
                .as_ref()
                .is_some_and(|current| current.rotations.len() < rotations);
            if !known && behind && !log.is_revoked(device) {
                actions.extend(current.map(|current| current.certify.statement.action));
            }
        }
        actions
    }

    /// Topics of this node that know of a rotation already.
    pub(crate) fn knows_rotation(
        &mut self,
        topic: &TopicId,
        hash: &[u8; 32],
    ) -> Result<bool, Failure> {
        let entity = self.entity;
        let policy = self.order(topic)?.policy();
        let rotated = policy.rotated.get(&entity);
        Ok(rotated.is_some_and(|rotated| rotated.contains(hash)))
    }
}
