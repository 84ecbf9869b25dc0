//! Private topics in scenarios: keys that follow from numbers, entries sealed with them.

use crate::cbor::Value;
use crate::ids::{EntryId, TopicId};
use crate::keys::EncryptionSecret;
use crate::payload::{Payload, PayloadBuilder};
use crate::scenario::{Node, Person, World};
use crate::sealed::{Nonces, Secrets, Wrap, epoch_key_hash, seal_front, seal_previous, wraps_for};
use crate::topic::{Genesis, SETUP_KIND};

/// The key of an epoch in a scenario.
pub fn epoch_key(epoch: i64) -> [u8; 32] {
    let mut key = [0x40; 32];
    key[..8].copy_from_slice(&epoch.to_le_bytes());
    key
}

impl Person {
    /// Its encryption key.
    pub fn encryption(&self) -> EncryptionSecret {
        EncryptionSecret::of_root(&self.root, 0)
    }

    /// Its encryption key, as a reader holds it.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(vec![(self.id(), self.encryption())])
    }
}

/// The body of a `topic.key`: the scenario's key of an epoch for some members. With
/// `previous` the key of the epoch before goes with it.
pub fn key_body(topic: &TopicId, epoch: i64, members: &[&Person], previous: bool) -> Value {
    let key = epoch_key(epoch);
    let recipients: Vec<_> = members
        .iter()
        .map(|member| {
            let mut seed = member.id().0;
            seed[0] ^= epoch as u8;
            (member.id(), member.encryption().public(), seed)
        })
        .collect();
    let wraps = match wraps_for(topic, epoch, &key, &recipients) {
        Ok(wraps) => wraps.iter().map(Wrap::value).collect(),
        Err(refusal) => panic!("the scenario's wraps: {refusal}"),
    };
    let mut pairs = vec![
        ("epoch", Value::Int(epoch)),
        ("key_hash", Value::Bytes(epoch_key_hash(&key).to_vec())),
        ("wraps", Value::Array(wraps)),
    ];
    if let (true, Ok(sealed)) = (
        previous,
        seal_previous(topic, epoch, &key, &epoch_key(epoch - 1)),
    ) {
        pairs.push(("previous", Value::Bytes(sealed)));
    }
    Value::map(pairs)
}

impl World {
    /// A private topic that one device of a person begins, with its first epoch and what it
    /// is. Gives the last entry too. Members are the owner and those of the genesis.
    pub fn private(
        owner: &Person,
        device: usize,
        genesis: &Genesis,
        members: &[&Person],
    ) -> (Self, EntryId) {
        let clear = Genesis::private(genesis.nonce);
        let mut world = Self::new(owner, device, &clear);
        let mut last = world.genesis();
        let body = key_body(&world.topic, 1, members, false);
        last = world.write(owner, device, Some(last), &[], "topic.key", body);
        let setup = PayloadBuilder::new(SETUP_KIND, genesis.setup().body());
        last = world.write_sealed(owner, device, Some(last), &[], 1, &setup);
        (world, last)
    }

    /// Writes an event sealed with the scenario's key of an epoch.
    pub fn write_sealed(
        &mut self,
        person: &Person,
        device: usize,
        after: Option<EntryId>,
        deps: &[EntryId],
        epoch: i64,
        event: &PayloadBuilder,
    ) -> EntryId {
        self.write_sealed_with(
            person,
            device,
            after,
            deps,
            (epoch, &epoch_key(epoch)),
            event,
        )
    }

    /// As [`World::write_sealed`], with any key.
    pub fn write_sealed_with(
        &mut self,
        person: &Person,
        device: usize,
        after: Option<EntryId>,
        deps: &[EntryId],
        key: (i64, &[u8; 32]),
        event: &PayloadBuilder,
    ) -> EntryId {
        let mut deps = deps.to_vec();
        let genesis = self.genesis();
        if after.is_none() && !deps.contains(&genesis) {
            deps.push(genesis);
        }
        let number = self.written.len() as u8;
        let nonces = Nonces {
            body: [number; 24],
            erasable: [number ^ 0x80; 24],
            salt: [number; 16],
        };
        self.add(person, device, after, &deps, |draft, now_ms, deps| {
            draft.add_sealed(now_ms, deps, |front, author, seq| {
                let plain = event.encode()?;
                seal_front(front, (author, seq), &Payload::split(&plain)?, key, &nonces)
            })
        })
    }
}

impl Node {
    /// An empty node of a reader with keys.
    pub fn with_secrets(secrets: Secrets) -> Self {
        Self {
            replica: crate::replica::Replica::with_secrets(secrets),
            ..Self::new()
        }
    }
}
