//! The epoch keys of a topic as they are found in its entries: unwrapped with an
//! entity's encryption keys, and back from epoch to epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{EntityId, TopicId};
use crate::keys::{EncryptionSecret, SUITE_X25519, WrapBinding};
use crate::sealed::{Wrap, epoch_key_hash, previous_key};

/// Whose keys a reader has: the secret encryption keys of entities, in all their generations.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    held: Arc<Vec<(EntityId, EncryptionSecret)>>,
}

impl Secrets {
    /// The keys of a reader.
    pub fn new(held: Vec<(EntityId, EncryptionSecret)>) -> Self {
        Self {
            held: Arc::new(held),
        }
    }

    /// Whether there is none: such a reader is a keeper at most.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The keys, with whose they are.
    pub fn held(&self) -> &[(EntityId, EncryptionSecret)] {
        &self.held
    }
}

/// A `topic.key` as far as keys follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOffer {
    /// The epoch.
    pub epoch: i64,
    /// Public name of its key.
    pub key_hash: [u8; 32],
    /// The key, wrapped for members.
    pub wraps: Vec<Wrap>,
    /// The key of the epoch before, sealed under it.
    pub previous: Option<Vec<u8>>,
}

/// The keys of one topic.
#[derive(Debug, Clone)]
pub struct Keyring {
    topic: TopicId,
    secrets: Secrets,
    /// By epoch and public name: two branches of a forked sequencer have two keys.
    keys: BTreeMap<(i64, [u8; 32]), [u8; 32]>,
    /// The key before, sealed under keys that are here or may still come.
    previous: BTreeMap<(i64, [u8; 32]), BTreeSet<Vec<u8>>>,
}

impl Keyring {
    /// An empty one.
    pub fn new(topic: TopicId, secrets: Secrets) -> Self {
        Self {
            topic,
            secrets,
            keys: BTreeMap::new(),
            previous: BTreeMap::new(),
        }
    }

    /// Whose keys the reader has.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether nothing can ever be opened.
    pub fn is_blind(&self) -> bool {
        self.secrets.is_empty() && self.keys.is_empty()
    }

    /// The key of an epoch with a public name, if it is held.
    pub fn key(&self, epoch: i64, key_hash: &[u8; 32]) -> Option<&[u8; 32]> {
        self.keys.get(&(epoch, *key_hash))
    }

    /// Takes in what an accepted `topic.key` offers. Tells whether a key was found.
    pub fn learn(&mut self, offer: &KeyOffer) -> bool {
        let place = (offer.epoch, offer.key_hash);
        if let Some(sealed) = &offer.previous {
            self.previous
                .entry(place)
                .or_default()
                .insert(sealed.clone());
        }
        if self.keys.contains_key(&place) {
            return self.go_back(place);
        }
        match self.unwrap(offer) {
            Some(key) => self.insert(offer.epoch, key),
            None => false,
        }
    }

    fn unwrap(&self, offer: &KeyOffer) -> Option<[u8; 32]> {
        self.secrets.held().iter().find_map(|(entity, secret)| {
            let binding = WrapBinding {
                topic: self.topic,
                epoch: offer.epoch as u64,
                key_hash: offer.key_hash,
                recipient: *entity,
            };
            let fits = |wrap: &&Wrap| wrap.suite == SUITE_X25519 as i64;
            let mut tried = offer.wraps.iter().filter(fits);
            tried.find_map(|wrap| secret.unwrap_key(&binding, &wrap.bytes).ok())
        })
    }

    /// Takes in a key, and those before it that it opens. Tells whether it is news.
    pub fn insert(&mut self, epoch: i64, key: [u8; 32]) -> bool {
        let place = (epoch, epoch_key_hash(&key));
        if self.keys.insert(place, key).is_some() {
            return false;
        }
        self.go_back(place);
        true
    }

    /// Follows the keys before back from an epoch. Tells whether one was found.
    fn go_back(&mut self, from: (i64, [u8; 32])) -> bool {
        let (mut news, mut todo) = (false, vec![from]);
        while let Some((epoch, hash)) = todo.pop() {
            let Some(key) = self.key(epoch, &hash).copied() else {
                continue;
            };
            let sealed = self.previous.get(&(epoch, hash)).into_iter().flatten();
            let opened = sealed.filter_map(|sealed| previous_key(&self.topic, epoch, &key, sealed));
            for before in opened.collect::<Vec<_>>() {
                let place = (epoch - 1, epoch_key_hash(&before));
                if self.keys.insert(place, before).is_none() {
                    news = true;
                    todo.push(place);
                }
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sealed::{seal_previous, wraps_for};

    const TOPIC: TopicId = TopicId([1; 32]);

    fn person(number: u8) -> (EntityId, EncryptionSecret) {
        let entity = EntityId([number; 32]);
        (entity, EncryptionSecret::derive(&[number; 32], 0))
    }

    fn offer(epoch: i64, members: &[u8], previous: bool) -> KeyOffer {
        let key = [epoch as u8; 32];
        let recipients: Vec<_> = members
            .iter()
            .map(|number| {
                let (entity, secret) = person(*number);
                (entity, secret.public(), [epoch as u8 * 16 + number; 32])
            })
            .collect();
        KeyOffer {
            epoch,
            key_hash: epoch_key_hash(&key),
            wraps: wraps_for(&TOPIC, epoch, &key, &recipients).unwrap(),
            previous: previous
                .then(|| seal_previous(&TOPIC, epoch, &key, &[epoch as u8 - 1; 32]).unwrap()),
        }
    }

    fn held(ring: &Keyring) -> Vec<i64> {
        ring.keys.keys().map(|(epoch, _)| *epoch).collect()
    }

    #[test]
    fn a_late_member_finds_all_epochs_whatever_arrives_first() {
        let offers = [
            offer(1, &[1, 2], false),
            offer(2, &[1], true),
            offer(3, &[1, 3], true),
        ];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut rings =
                [1, 2, 3].map(|number| Keyring::new(TOPIC, Secrets::new(vec![person(number)])));
            for index in order {
                rings.iter_mut().for_each(|ring| {
                    ring.learn(&offers[index]);
                });
            }
            assert_eq!(held(&rings[0]), [1, 2, 3]);
            assert_eq!(held(&rings[1]), [1], "removed before epoch 2");
            assert_eq!(held(&rings[2]), [1, 2, 3], "came at epoch 3");
        }
    }

    #[test]
    fn who_lies_about_the_key_before_breaks_nothing() {
        let mut lie = offer(2, &[1], true);
        lie.previous = Some(vec![9; 48]);
        let mut ring = Keyring::new(TOPIC, Secrets::new(vec![person(1)]));
        assert!(ring.learn(&lie));
        assert_eq!(held(&ring), [2]);
        assert!(ring.learn(&offer(2, &[1], true)));
        assert_eq!(held(&ring), [1, 2]);
    }
}
