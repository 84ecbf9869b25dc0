//! What a reader of a private topic can open, and who may fetch it.

use crate::ids::{DeviceId, EntityId, EntryId};
use crate::order::{Engine, TopicOrder};
use crate::sealed::access::{Access, AccessList, may_fetch};
use crate::sealed::{EntryKey, Part, Secrets};

/// Where reading a private topic stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// The first entry that can't be opened here.
    pub entry: EntryId,
    /// The epoch whose key is missing.
    pub epoch: i64,
}

impl TopicOrder {
    /// Whether the topic is private.
    pub fn is_private(&self) -> bool {
        self.graph.keyring.is_some()
    }

    /// Whose secrets the order reads with.
    pub fn secrets(&self) -> Option<&Secrets> {
        self.graph.keyring.as_ref().map(|ring| ring.secrets())
    }

    /// Where reading stops, if it does: rows are those up to there.
    pub fn locked(&self) -> Option<Locked> {
        let Engine::Ordered(placement) = &self.engine else {
            return None;
        };
        let node = placement.locked()?;
        Some(Locked {
            entry: self.graph.nodes[node as usize].id,
            epoch: self.graph.seal(node)?.epoch,
        })
    }

    /// Takes in an epoch key that came another way than by the topic's entries.
    pub fn insert_key(&mut self, epoch: i64, key: [u8; 32]) {
        let news = match &mut self.graph.keyring {
            Some(ring) => ring.insert(epoch, key),
            None => false,
        };
        if let (true, Engine::Ordered(placement)) = (news, &mut self.engine) {
            placement.unlock();
        }
    }

    /// The key of an epoch that the sequencer has announced, if it is held.
    pub fn epoch_key(&self, epoch: i64) -> Option<[u8; 32]> {
        let hash = *self.known_epochs().get(&epoch)?;
        self.graph.keyring.as_ref()?.key(epoch, &hash).copied()
    }

    fn known_epochs(&self) -> &std::collections::BTreeMap<i64, [u8; 32]> {
        static NONE: std::collections::BTreeMap<i64, [u8; 32]> = std::collections::BTreeMap::new();
        match &self.engine {
            Engine::Ordered(placement) => &placement.policy().epochs,
            Engine::Causal(_) => &NONE,
        }
    }

    /// The epochs whose keys are held, with the public names of the keys: part of what a
    /// digest of rows is named by.
    pub fn epochs_held(&self) -> Vec<(i64, [u8; 32])> {
        let held = self.known_epochs().iter();
        held.filter(|(epoch, _)| self.epoch_key(**epoch).is_some())
            .map(|(epoch, hash)| (*epoch, *hash))
            .collect()
    }

    /// The key with which an entry was opened, if it is sealed and was.
    pub fn opened_with(&self, id: &EntryId) -> Option<[u8; 32]> {
        let node = self.graph.find(id)?;
        let seal = self.graph.seal(node)?;
        let hash = seal.opened.as_ref()?;
        self.graph.keyring.as_ref()?.key(seal.epoch, hash).copied()
    }

    /// Whether an entry is sealed.
    pub fn is_sealed(&self, id: &EntryId) -> bool {
        let find = || self.graph.find(id);
        self.is_private() && find().is_some_and(|node| self.graph.seal(node).is_some())
    }

    /// The keys that disclose one sealed entry and nothing else: of its body and of its
    /// erasable part.
    pub fn entry_keys(&self, id: &EntryId) -> Option<(EntryKey, EntryKey)> {
        let epoch_key = self.opened_with(id)?;
        let node = self.graph.find(id)?;
        let (device, seq) = (self.graph.device(node), self.graph.nodes[node as usize].seq);
        let key = |part| EntryKey::derive(&epoch_key, device, seq, part);
        Some((key(Part::Body), key(Part::Erasable)))
    }

    /// What a device of an entity may fetch of this topic, as of now and as far as it is
    /// known here.
    pub fn access(&self, entity: &EntityId, device: &DeviceId) -> Access {
        let policy = self.policy();
        let list: Option<AccessList> = policy
            .access
            .as_ref()
            .zip(self.secrets())
            .and_then(|(sealed, secrets)| sealed.open(&self.topic, secrets));
        let all_known = policy.setup.is_some() && self.locked().is_none();
        may_fetch(&policy, all_known, list.as_ref(), (entity, device))
    }
}
