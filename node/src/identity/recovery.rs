//! A new device of an entity from nothing but its root key, which the recovery words
//! make again.

use std::path::PathBuf;

use synlog_log::identity::{Action, IdentityLog};
use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::keys::SecretKey;

use crate::devices::{certify, fresh_key};
use crate::failure::Failure;
use crate::home::Home;
use crate::identity::retirement::{Feeds, Progress, Told};
use crate::node::Node;

/// What recovering did.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The entity.
    pub entity: EntityId,
    /// The new device.
    pub device: DeviceId,
    /// Number of the statement that certifies it.
    pub number: u64,
    /// The latest statement that was known before: its number and time.
    pub known: Option<(u64, u64)>,
    /// Other devices that are not revoked, with their names.
    pub others: Vec<(DeviceId, String)>,
    /// What was taken over from the device whose data was restored.
    pub replaced: Option<(DeviceId, Told)>,
}

/// Whether a recovery needs to know what the root said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It must: otherwise two statements get one number.
    Known,
    /// The root has said nothing yet, or all of it is lost.
    Nothing,
}

/// Makes a device in an empty directory, or in one that was restored from a backup.
pub fn recover(
    home: Home,
    root: SecretKey,
    name: &str,
    bundles: &[PathBuf],
    before: Before,
    now_ms: u64,
    progress: Progress<'_>,
) -> Result<(Node, Recovered), Failure> {
    let restored = home.restored_note()?;
    if home.exists() {
        return match restored {
            Some((_, old)) => finish(home, root, old, now_ms, progress),
            None => Err(Failure::HomeExists(home.path().to_path_buf())),
        };
    }
    home.create()?;
    let device = fresh_key()?;
    let mut node = Node::open_with(home.clone(), device.clone())?;
    for bundle in bundles {
        node.read_bundle(bundle, now_ms, &mut |_| {})?;
    }
    let entity = node.entity_of_root(&root)?;
    let entity = match (entity, restored) {
        (Some(entity), _) => entity,
        (None, Some((restored, _))) if restored.0 != root.public() => {
            return Err(Failure::OtherRoot(home.restored_path()));
        }
        (None, _) if before == Before::Nothing => EntityId(root.public()),
        (None, _) => {
            return Err(Failure::Usage(
                "nothing here tells what this root key has said before, and two statements under one number would divide your identity: bring a bundle or a backup of any of your topics with --from FILE; if the key was never used, or all is lost, say --first".into(),
            ));
        }
    };
    node.entity = entity;
    node.hold_root(root);
    let known = node
        .identities
        .get(&entity)
        .and_then(|log| log.statements().last())
        .map(|last| (last.statement.number, last.statement.issued_ms));
    let certified = node.state(certify(&entity, &device, name), now_ms)?;
    // it follows from the root, and with it all that was sealed to the entity opens again
    node.ensure_encryption_key(now_ms)?;
    let this = DeviceId(device.public());
    node.store.clear_guard(this)?;
    home.write_key(&home.device_key_path(), &device)?;
    let replaced = match restored {
        Some((_, old)) if old != this => Some((old, node.replace(&old, now_ms, progress)?)),
        _ => None,
    };
    home.remove_secret(&home.restored_path())?;
    let recovered = Recovered {
        entity,
        device: this,
        number: certified.statement.number,
        known,
        others: node.other_devices(),
        replaced,
    };
    Ok((node, recovered))
}

/// Ends a recovery that was interrupted: this device is certified, and the one whose data
/// was restored is still in its place.
fn finish(
    home: Home,
    root: SecretKey,
    old: DeviceId,
    now_ms: u64,
    progress: Progress<'_>,
) -> Result<(Node, Recovered), Failure> {
    let mut node = Node::open(home)?;
    node.hold_root(root);
    node.root()?;
    let number = node.certificate().map(|own| own.certify.statement.number);
    let told = node.replace(&old, now_ms, progress)?;
    node.home.remove_secret(&node.home.restored_path())?;
    let recovered = Recovered {
        entity: node.entity(),
        device: node.device(),
        number: number.unwrap_or_default(),
        known: None,
        others: node.other_devices(),
        replaced: Some((old, told)),
    };
    Ok((node, recovered))
}

impl Node {
    /// The entity whose root key this is now, by the statements that are here.
    fn entity_of_root(&self, root: &SecretKey) -> Result<Option<EntityId>, Failure> {
        let public = root.public();
        let current = |log: &&IdentityLog| log.root() == public;
        if let Some(log) = self.identities.values().find(current) {
            return Ok(Some(log.entity()));
        }
        // an older root key of somebody whose newer one is known
        for log in self.identities.values() {
            let next = log.statements().any(|signed| {
                matches!(&signed.statement.action, Action::Rotate { next_root, .. } if *next_root == public)
            });
            if next || log.entity().0 == public {
                return Err(Failure::NoEffect(format!(
                    "this root key of {} was rotated: only the newest one can certify devices",
                    log.entity().short()
                )));
            }
        }
        Ok(None)
    }

    /// Puts this device in the place of another one of the entity.
    fn replace(
        &mut self,
        old: &DeviceId,
        now_ms: u64,
        progress: Progress<'_>,
    ) -> Result<Told, Failure> {
        self.revocation(old, now_ms)?;
        let retired = self.retired_devices();
        self.settle_topics(&retired, &retired, Feeds::Keep, now_ms, progress)
    }

    /// Devices of this entity beside this one that are not revoked, with their names.
    pub fn other_devices(&self) -> Vec<(DeviceId, String)> {
        let Some(log) = self.identities.get(&self.entity) else {
            return Vec::new();
        };
        let mut others: Vec<(DeviceId, String)> = Vec::new();
        for signed in log.statements() {
            if let Action::Certify { device, name, .. } = &signed.statement.action
                && *device != self.device()
                && !log.is_revoked(device)
            {
                others.retain(|(known, _)| known != device);
                others.push((*device, name.clone()));
            }
        }
        others
    }
}
