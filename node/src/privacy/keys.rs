//! The encryption key of this node's entity: made from the root, announced by it, shared
//! by the entity's devices.

use std::path::PathBuf;

use synlog_log::ids::EntityId;
use synlog_log::keys::{EncryptionSecret, PUBLIC_LEN};
use synlog_log::sealed::Secrets;

use crate::entropy::random;
use crate::failure::Failure;
use crate::home::Home;
use crate::node::Node;

impl Home {
    /// Path of the entity's encryption key.
    pub fn encryption_key_path(&self) -> PathBuf {
        self.path().join("keys/encryption.key")
    }

    /// The entity's encryption key, if it is here.
    pub fn encryption_key(&self) -> Result<Option<EncryptionSecret>, Failure> {
        let path = self.encryption_key_path();
        let Some(text) = self.read_secret(&path)? else {
            return Ok(None);
        };
        let key = EncryptionSecret::from_file(&text);
        key.map(Some)
            .map_err(|source| Failure::KeyFile { path, source })
    }

    /// Puts an encryption key in the place of the one before, from which it leads back to it.
    pub fn write_encryption_key(&self, key: &EncryptionSecret) -> Result<(), Failure> {
        self.write_secret(&self.encryption_key_path(), key.to_file().as_bytes())
    }
}

impl Node {
    /// Reads the encryption key, if there is one, with those of earlier generations that
    /// statements hand back. Orders that were made without it are made again.
    pub(crate) fn load_secrets(&mut self) -> Result<(), Failure> {
        self.secrets = Secrets::default();
        if let Some(secret) = self.home.encryption_key()? {
            let found = match self.identities.get(&self.entity) {
                Some(log) => log.secrets_from(secret),
                None => vec![secret],
            };
            let entity = self.entity;
            self.secrets = Secrets::new(found.into_iter().map(|secret| (entity, secret)).collect());
        }
        self.orders.retain(|_, order| !order.is_private());
        Ok(())
    }

    /// With which this node reads private topics.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The public encryption key that an entity announced last, as far as is known here.
    pub fn encryption_key_of(&self, entity: &EntityId) -> Result<[u8; PUBLIC_LEN], Failure> {
        let announced = self.identities.get(entity);
        let announced = announced.and_then(|log| log.encryption_key());
        announced
            .map(|(_, key)| key)
            .ok_or(Failure::NoEncryptionKey(*entity))
    }

    /// Sees to it that things can be sealed to an entity: what it said of itself when it
    /// called is kept from now on.
    pub fn get_to_know(&mut self, entity: &EntityId) -> Result<(), Failure> {
        for statement in self.met.take(entity) {
            match self.take_in_statement(&statement) {
                Ok(_) | Err(Failure::Refused { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.encryption_key_of(entity).map(drop)
    }

    /// Sees to it that this entity has an encryption key that is announced. Needs the root
    /// where it has none.
    pub fn ensure_encryption_key(&mut self, now_ms: u64) -> Result<(), Failure> {
        let announced = self.identities.get(&self.entity);
        let announced = announced.and_then(|log| log.encryption_key());
        let held = self.home.encryption_key()?;
        match (announced, held) {
            (Some((_, key)), Some(held)) if held.public() == key => Ok(()),
            // the key of another generation, or one that was never announced
            (announced, _) => {
                let root = self.root()?;
                let generation = announced.map_or(0, |(generation, _)| generation);
                let secret = EncryptionSecret::of_root(&root, generation);
                if announced.is_some_and(|(_, key)| key == secret.public()) {
                    self.home.write_encryption_key(&secret)?;
                    return self.load_secrets();
                }
                let generation = announced.map_or(0, |(generation, _)| generation + 1);
                self.announce_encryption_key(generation, now_ms)
            }
        }
    }

    /// Begins a new generation of the entity's encryption key: whoever has only the old
    /// one, a lost device for example, opens no epoch that begins from here on.
    pub fn renew_encryption_key(&mut self, now_ms: u64) -> Result<(), Failure> {
        let announced = self.identities.get(&self.entity);
        let announced = announced.and_then(|log| log.encryption_key());
        let next = announced.map_or(0, |(generation, _)| generation + 1);
        self.announce_encryption_key(next, now_ms)
    }

    fn announce_encryption_key(&mut self, generation: u32, now_ms: u64) -> Result<(), Failure> {
        let root = self.root()?;
        let secret = EncryptionSecret::of_root(&root, generation);
        let last = self.home.encryption_key()?;
        let last = last.filter(|last| last.public() != secret.public());
        let log = self.identities.get(&self.entity).cloned();
        let log = log.unwrap_or_else(|| synlog_log::identity::IdentityLog::new(self.entity));
        let action = log.announcement(&secret, last.as_ref(), &random()?);
        let action = action.map_err(Failure::refused("the encryption key"))?;
        // first the statement: the key follows from the root, so it can't be lost
        self.state(action, now_ms)?;
        self.home.write_encryption_key(&secret)?;
        self.load_secrets()
    }
}
