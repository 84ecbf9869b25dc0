//! Who may write what, as it stands at one place of a topic.

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::Action;
use crate::ids::{DeviceId, EntityId};
use crate::topic::{Genesis, PolicyEvent, RootStatement};

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
    /// The latest key epoch.
    pub epoch: i64,
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
            ..Self::default()
        }
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
                self.members.insert(*entity, role.clone());
            }
            PolicyEvent::Remove { entity, .. } => {
                self.members.remove(entity);
            }
            PolicyEvent::Role { role, kinds } => {
                self.roles.insert(role.clone(), kinds.clone());
            }
            PolicyEvent::Key { epoch, .. } => self.epoch = *epoch,
            PolicyEvent::Reducer { hash, version } => self.reducer = Some((*hash, version.clone())),
            PolicyEvent::Identity { statement, .. } => self.apply_statement(statement),
            PolicyEvent::Genesis
            | PolicyEvent::Handover { .. }
            | PolicyEvent::Ack
            | PolicyEvent::Takeover { .. }
            | PolicyEvent::Tombstone { .. }
            | PolicyEvent::Sealed => {}
        }
    }

    /// Takes in a statement that was placed.
    pub fn apply_statement(&mut self, statement: &RootStatement) {
        match &statement.action {
            Action::Revoke { device } => {
                self.revoked.insert((statement.entity, *device));
            }
            Action::Rotate { .. } => self
                .rotated
                .entry(statement.entity)
                .or_default()
                .push(statement.hash),
            Action::Certify { .. } | Action::Takeover { .. } => {}
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
