//! Who may fetch a topic, and how keepers of a private one learn it: a list sealed under
//! an access key of its own, so that they need no epoch key (`spec/07-sealed.md` 7.5).

use std::collections::BTreeSet;

use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::cbor::Value;
use crate::ids::{DeviceId, EntityId, TopicId};
use crate::keys::{SUITE_X25519, seal_to};
use crate::refusal::Refusal;
use crate::sealed::{NONCE_LEN, Secrets, Wrap};
use crate::topic::{Policy, wraps};

/// What somebody may fetch of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing, not even that the topic is here.
    Nothing,
    /// The entries as they are, to keep them for the members.
    Ciphertext,
    /// The entries, as a member.
    Member,
    /// Everything: the topic is public.
    Public,
}

impl Access {
    /// The answer in one word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ciphertext => "ciphertext",
            Self::Member => "member",
            Self::Public => "public",
        }
    }
}

/// Who may fetch a private topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessList {
    /// Who reads it.
    pub members: BTreeSet<EntityId>,
    /// Who keeps it.
    pub keepers: BTreeSet<EntityId>,
}

impl AccessList {
    /// The list that follows from a policy all of which is known.
    pub fn of(policy: &Policy) -> Self {
        Self {
            members: policy.members.keys().copied().collect(),
            keepers: policy.keepers.clone(),
        }
    }

    /// What an entity may fetch.
    pub fn answer(&self, entity: &EntityId) -> Access {
        if self.members.contains(entity) {
            Access::Member
        } else if self.keepers.contains(entity) {
            Access::Ciphertext
        } else {
            Access::Nothing
        }
    }

    fn body(&self) -> Value {
        let list = |entities: &BTreeSet<EntityId>| {
            let entities = entities.iter().map(|it| Value::Bytes(it.0.to_vec()));
            Value::Array(entities.collect())
        };
        Value::map([
            ("keepers", list(&self.keepers)),
            ("members", list(&self.members)),
        ])
    }

    fn read(body: &Value) -> Option<Self> {
        let list = |key: &str| -> Option<BTreeSet<EntityId>> {
            let items = body.get(key)?.as_array()?;
            items.iter().map(|it| it.as_id().map(EntityId)).collect()
        };
        Some(Self {
            members: list("members")?,
            keepers: list("keepers")?,
        })
    }

    /// Seals it for keepers, each with its encryption key and a random seed. Key and nonce
    /// are random and new each time.
    pub fn seal(
        &self,
        topic: &TopicId,
        key: &[u8; 32],
        nonce: &[u8; NONCE_LEN],
        keepers: &[(EntityId, [u8; 32], [u8; 32])],
    ) -> Result<SealedAccess, Refusal> {
        let plain = self.body().encode();
        let message = AeadPayload {
            msg: &plain,
            aad: &topic.0,
        };
        let cipher = XChaCha20Poly1305::new(&Key::from(*key));
        let sealed = cipher.encrypt(&XNonce::from(*nonce), message);
        let wrap = |(keeper, public, seed): &(EntityId, [u8; 32], [u8; 32])| {
            Ok(Wrap {
                suite: SUITE_X25519 as i64,
                bytes: seal_to(public, PURPOSE, &bound(topic, keeper), key, seed)?,
            })
        };
        let mut wraps: Vec<Wrap> = keepers.iter().map(wrap).collect::<Result<_, Refusal>>()?;
        wraps.sort_by(|a, b| a.bytes.cmp(&b.bytes));
        Ok(SealedAccess {
            wraps,
            nonce: *nonce,
            sealed: sealed.map_err(|_| Refusal::TooLarge)?,
        })
    }
}

const PURPOSE: &str = "access key";

fn bound(topic: &TopicId, keeper: &EntityId) -> Vec<u8> {
    [topic.0, keeper.0].concat()
}

/// An access list as it stands in a `topic.access`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAccess {
    wraps: Vec<Wrap>,
    nonce: [u8; NONCE_LEN],
    sealed: Vec<u8>,
}

impl SealedAccess {
    pub(crate) fn read(body: &Value) -> Option<Self> {
        Some(Self {
            wraps: wraps(body)?,
            nonce: body.get("n")?.as_bytes()?.try_into().ok()?,
            sealed: body.get("x")?.as_bytes()?.to_vec(),
        })
    }

    /// The body of its event.
    pub fn body(&self) -> Value {
        Value::map([
            ("n", Value::Bytes(self.nonce.to_vec())),
            (
                "wraps",
                Value::Array(self.wraps.iter().map(Wrap::value).collect()),
            ),
            ("x", Value::Bytes(self.sealed.clone())),
        ])
    }

    /// The list, for a keeper.
    pub fn open(&self, topic: &TopicId, secrets: &Secrets) -> Option<AccessList> {
        let key = secrets.held().iter().find_map(|(entity, secret)| {
            let bound = bound(topic, entity);
            let mut opened = self
                .wraps
                .iter()
                .filter_map(|wrap| secret.open(PURPOSE, &bound, &wrap.bytes).ok());
            <[u8; 32]>::try_from(opened.next()?).ok()
        })?;
        let message = AeadPayload {
            msg: &self.sealed,
            aad: &topic.0,
        };
        let cipher = XChaCha20Poly1305::new(&Key::from(key));
        let plain = cipher.decrypt(&XNonce::from(self.nonce), message).ok()?;
        AccessList::read(&Value::decode_map(&plain).ok()?)
    }
}

/// What an entity's device may fetch of a topic, by what is known of it here: its policy,
/// whether all of that is known, and the list that a keeper was given.
pub fn may_fetch(
    policy: &Policy,
    all_known: bool,
    list: Option<&AccessList>,
    (entity, device): (&EntityId, &DeviceId),
) -> Access {
    if !policy.private {
        return Access::Public;
    }
    // statements are clear, so everybody knows who is revoked
    if policy.revoked.contains(&(*entity, *device)) {
        return Access::Nothing;
    }
    let known = AccessList::of(policy);
    match list.filter(|_| !all_known) {
        Some(list) => list.answer(entity),
        None => known.answer(entity),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::keys::EncryptionSecret;

    const TOPIC: TopicId = TopicId([9; 32]);

    fn entity(number: u8) -> EntityId {
        EntityId([number; 32])
    }

    fn list() -> AccessList {
        AccessList {
            members: [entity(1), entity(2)].into(),
            keepers: [entity(5)].into(),
        }
    }

    #[test]
    fn a_keeper_opens_its_list_and_nobody_else_does() {
        let secret = EncryptionSecret::derive(&[5; 32], 0);
        let wrap = [(entity(5), secret.public(), [3; 32])];
        let sealed = list().seal(&TOPIC, &[7; 32], &[8; 24], &wrap).unwrap();
        let again = SealedAccess::read(&sealed.body()).unwrap();
        assert_eq!(again, sealed);
        let keeper = Secrets::new(vec![(entity(5), secret.clone())]);
        assert_eq!(again.open(&TOPIC, &keeper), Some(list()));
        assert_eq!(again.open(&TopicId([8; 32]), &keeper), None);
        let other = Secrets::new(vec![(entity(6), secret)]);
        assert_eq!(again.open(&TOPIC, &other), None);
        assert_eq!(again.open(&TOPIC, &Secrets::default()), None);
    }

    /// Every cell: who asks, and what the node that is asked knows.
    #[test]
    fn who_may_fetch() {
        let mut policy = Policy {
            private: true,
            ..Policy::default()
        };
        policy.members.insert(entity(1), "owner".into());
        let device = DeviceId([7; 32]);
        let ask = |policy: &Policy, all, list: Option<&AccessList>, number| {
            may_fetch(policy, all, list, (&entity(number), &device))
        };
        use Access::{Ciphertext, Member, Nothing, Public};
        // a stranger's copy: only whoever began the topic is known
        assert_eq!(
            [1, 2, 5, 6].map(|it| ask(&policy, false, None, it)),
            [Member, Nothing, Nothing, Nothing]
        );
        // a keeper's
        let list = list();
        let keeper = |it| ask(&policy, false, Some(&list), it);
        assert_eq!(
            [1, 2, 5, 6].map(keeper),
            [Member, Member, Ciphertext, Nothing]
        );
        // a member's: the policy counts, not what keepers were told
        let mut full = policy.clone();
        full.members.insert(entity(3), "member".into());
        full.keepers.insert(entity(6));
        let member = |it| ask(&full, true, Some(&list), it);
        assert_eq!(
            [1, 2, 3, 5, 6].map(member),
            [Member, Nothing, Member, Nothing, Ciphertext]
        );
        // a revoked device gets nothing, whoever is asked
        full.revoked.insert((entity(3), device));
        assert_eq!(ask(&full, true, None, 3), Nothing);
        let public = Policy::default();
        assert_eq!(ask(&public, true, None, 6), Public);
    }
}
