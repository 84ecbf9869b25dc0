//! Who may write what, as it stands at one place of a topic.

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::Action;
use crate::ids::{DeviceId, EntityId};
use crate::sealed::KeyOffer;
use crate::sealed::access::SealedAccess;
use crate::topic::{Genesis, PolicyEvent, RootStatement, Setup};

/// Members, roles and what statements did, as of some entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Members and their roles.
    pub members: BTreeMap<EntityId, String>,
    /// Role of whoever is not a member; `None`: others may not write.
    pub open: Option<String>,
    /// What roles may write; a role that is not here may write all that is not the kernel's.
    pub roles: BTreeMap<String, Vec<String>>,
    /// The active reducer, its hash and version.
    pub reducer: Option<([u8; 32], String)>,
    /// Whether the topic is private.
    pub private: bool,
    /// What a private topic is, once that is said.
    pub setup: Option<Setup>,
    /// Public names of the keys, by epoch from 1.
    pub epochs: BTreeMap<i64, [u8; 32]>,
    /// Whether a member or a device left since the latest key: the next write begins an epoch.
    pub rekey_due: bool,
    /// Who keeps a private topic without reading it.
    pub keepers: BTreeSet<EntityId>,
    /// What keepers were told last about who may fetch.
    pub access: Option<SealedAccess>,
    /// Whether that changed since.
    pub access_due: bool,
    /// Devices revoked here, and by the root of which entity.
    pub revoked: BTreeSet<(EntityId, DeviceId)>,
    /// Rotations of roots, by entity.
    pub rotated: BTreeMap<EntityId, Vec<[u8; 32]>>,
}

impl Policy {
    /// The policy that a genesis of an entity sets up.
    pub fn new(genesis: &Genesis, owner: &EntityId) -> Self {
        let mut members = genesis.members.clone();
        members.entry(*owner).or_insert_with(|| "owner".to_owned());
        Self {
            members,
            open: genesis.open.clone(),
            roles: genesis.roles.clone(),
            private: genesis.is_private(),
            ..Self::default()
        }
    }

    /// The latest key epoch; 0 before the first.
    pub fn epoch(&self) -> i64 {
        let last = self.epochs.last_key_value();
        last.map_or(0, |(epoch, _)| *epoch)
    }

    /// Whether a key offer follows on the epochs so far: the next one, or more wraps of the
    /// latest.
    pub fn follows(&self, offer: &KeyOffer) -> bool {
        let latest = self.epoch();
        offer.epoch == latest + 1
            || self.epochs.get(&latest) == Some(&offer.key_hash) && offer.epoch == latest
    }

    /// Role of an entity, if it may write at all.
    pub fn role(&self, entity: &EntityId) -> Option<&str> {
        self.members
            .get(entity)
            .or(self.open.as_ref())
            .map(String::as_str)
    }

    /// Whether a role may write a kind.
    pub fn permits(&self, role: &str, kind: &str) -> bool {
        self.roles
            .get(role)
            .is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, kind)))
    }

    /// Takes in an accepted event.
    pub fn apply(&mut self, event: &PolicyEvent) {
        match event {
            PolicyEvent::Member { entity, role } => {
                let known = self.members.insert(*entity, role.clone());
                self.access_due |= known.is_none();
            }
            PolicyEvent::Remove { entity, .. } => {
                let left = self.members.remove(entity).is_some();
                self.rekey_due |= left;
                self.access_due |= left;
            }
            PolicyEvent::Keeper { entity, keeps } => {
                self.access_due |= match keeps {
                    true => self.keepers.insert(*entity),
                    false => self.keepers.remove(entity),
                };
            }
            PolicyEvent::Setup(setup) => {
                self.members.extend(setup.members.clone());
                self.open.clone_from(&setup.open);
                self.roles.clone_from(&setup.roles);
                self.setup = Some(setup.clone());
            }
            PolicyEvent::Access(sealed) => {
                self.access = Some(sealed.clone());
                self.access_due = false;
            }
            PolicyEvent::Role { role, kinds } => {
                self.roles.insert(role.clone(), kinds.clone());
            }
            PolicyEvent::Key(offer) => {
                if self.epochs.insert(offer.epoch, offer.key_hash).is_none() {
                    self.rekey_due = false;
                }
            }
            PolicyEvent::Reducer { hash, version } => self.reducer = Some((*hash, version.clone())),
            PolicyEvent::Identity { statement, .. } => self.apply_statement(statement),
            PolicyEvent::Genesis
            | PolicyEvent::Handover { .. }
            | PolicyEvent::Ack
            | PolicyEvent::Takeover { .. }
            | PolicyEvent::Tombstone { .. } => {}
        }
    }

    /// Takes in a statement that was placed.
    pub fn apply_statement(&mut self, statement: &RootStatement) {
        match &statement.action {
            Action::Revoke { device } => {
                if self.revoked.insert((statement.entity, *device))
                    && self.members.contains_key(&statement.entity)
                {
                    self.rekey_due = true;
                    self.access_due = true;
                }
            }
            Action::Rotate { .. } => self
                .rotated
                .entry(statement.entity)
                .or_default()
                .push(statement.hash),
            Action::Certify { .. } | Action::Takeover { .. } | Action::Encryption { .. } => {}
        }
    }
}

/// Whether a pattern (a kind, or a prefix and `*`) matches.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => pattern == kind,
    }
}
