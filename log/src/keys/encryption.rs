//! Encryption keys of entities, and small secrets sealed to them
//! (`spec/02-identity.md` 2.4, `spec/07-sealed.md` 7.3).
//!
//! An encryption key is a key of its own, never converted from a signing key; it
//! follows one way from the root's seed, so the recovery words of the root are enough
//! to read everything again.

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::hash::Context;
use crate::ids::{EntityId, TopicId, hex, unhex};
use crate::keys::{KeyFileError, SecretKey};
use crate::refusal::Refusal;

/// The suite that is used now: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305
/// in HPKE's base mode (RFC 9180).
pub const SUITE_X25519: u64 = 1;

/// Bytes of a public encryption key of suite 1.
pub const PUBLIC_LEN: usize = 32;

/// Bytes that sealing adds: the encapsulated key and the tag.
pub const SEAL_OVERHEAD: usize = 32 + 16;

/// Bytes of a wrapped epoch key.
pub const WRAP_LEN: usize = 32 + SEAL_OVERHEAD;

/// What HPKE is told a sealed message is for, before what it is bound to.
const INFO_PREFIX: &[u8] = b"synlog v1 sealed to ";

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The secret encryption key of an entity, which its devices share. Wiped when dropped.
#[derive(Clone)]
pub struct EncryptionSecret {
    generation: u32,
    secret: Zeroizing<[u8; 32]>,
}

/// First line of a key file.
const HEADING: &str = "synlog encryption key 1";

impl EncryptionSecret {
    /// The key that follows from the seed of a root key.
    pub fn derive(root_seed: &[u8; 32], generation: u32) -> Self {
        let parts: [&[u8]; 2] = [root_seed, &generation.to_le_bytes()];
        Self::from_bytes(generation, Context::EncryptionKey.hash_parts(&parts))
    }

    /// The key that follows from a root key.
    pub fn of_root(root: &SecretKey, generation: u32) -> Self {
        Self::derive(&Zeroizing::new(root.seed()), generation)
    }

    /// A key from its 32 bytes.
    pub fn from_bytes(generation: u32, secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        Self { generation, secret }
    }

    /// Which of the entity's keys it is, from 0.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The secret bytes, to be handed on to another device of the entity.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    fn private(&self) -> Result<PrivateKey, Refusal> {
        PrivateKey::from_bytes(&self.secret[..]).map_err(|_| Refusal::BadKey)
    }

    /// The public key that statements announce.
    pub fn public(&self) -> [u8; PUBLIC_LEN] {
        let mut public = [0; PUBLIC_LEN];
        // 32 bytes are always a private key of this suite: they are clamped
        if let Ok(private) = self.private() {
            public.copy_from_slice(&X25519HkdfSha256::sk_to_pk(&private).to_bytes());
        }
        public
    }

    /// Opens what was sealed to this key for a purpose and bound to some bytes.
    pub fn open(&self, purpose: &str, bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (encapped, ciphertext) = sealed.split_at_checked(32).ok_or(Refusal::Unsealable)?;
        let encapped = EncappedKey::from_bytes(encapped).map_err(|_| Refusal::Unsealable)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private()?,
            &encapped,
            &info(purpose, bound),
            ciphertext,
            &[],
        )
        .map_err(|_| Refusal::Unsealable)
    }

    /// Opens a wrapped epoch key. `unsealable` if it is not for this entity and key, or
    /// the key inside is not the one that the hash names.
    pub fn unwrap_key(&self, binding: &WrapBinding, wrap: &[u8]) -> Result<[u8; 32], Refusal> {
        let key = self.open(WRAP_PURPOSE, &binding.encode(), wrap)?;
        let key: [u8; 32] = key.try_into().map_err(|_| Refusal::Unsealable)?;
        if crate::sealed::epoch_key_hash(&key) == binding.key_hash {
            Ok(key)
        } else {
            Err(Refusal::Unsealable)
        }
    }

    /// The text of a key file that holds this key.
    pub fn to_file(&self) -> String {
        format!(
            "{HEADING}\ngeneration {}\npublic {}\nsecret {}\n",
            self.generation,
            hex(&self.public()),
            hex(&self.secret[..])
        )
    }

    /// Reads the text of a key file.
    pub fn from_file(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        if heading != HEADING {
            return Err(KeyFileError::of_heading(heading, HEADING));
        }
        let mut field = |name: &'static str| {
            let value = lines.next().and_then(|line| line.strip_prefix(name));
            value.map(str::trim).ok_or(KeyFileError::BadLine(name))
        };
        let generation = field("generation")?.parse();
        let generation = generation.map_err(|_| KeyFileError::BadLine("generation"))?;
        let bytes = |text: &str| unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let public = bytes(field("public")?).ok_or(KeyFileError::BadLine("public"))?;
        let secret = bytes(field("secret")?).ok_or(KeyFileError::BadLine("secret"))?;
        let key = Self::from_bytes(generation, secret);
        if key.public() == public {
            Ok(key)
        } else {
            Err(KeyFileError::Mismatch)
        }
    }
}

impl std::fmt::Debug for EncryptionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let public = self.public();
        write!(f, "EncryptionSecret(of {})", hex(&public[..5]))
    }
}

/// What a wrapped epoch key is bound to: it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrapBinding {
    /// The topic.
    pub topic: TopicId,
    /// The epoch of the key.
    pub epoch: u64,
    /// Public name of the key.
    pub key_hash: [u8; 32],
    /// For whom it is wrapped.
    pub recipient: EntityId,
}

const WRAP_PURPOSE: &str = "epoch key";

impl WrapBinding {
    fn encode(&self) -> Vec<u8> {
        let mut out = self.topic.0.to_vec();
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.key_hash);
        out.extend_from_slice(&self.recipient.0);
        out
    }
}

/// Whether an announced key can be sealed to: the suite is known, the key has its length
/// and is not a point of small order.
pub fn admit_encryption_key(suite: u64, key: &[u8]) -> Result<[u8; PUBLIC_LEN], Refusal> {
    let key: [u8; PUBLIC_LEN] = key.try_into().map_err(|_| Refusal::BadKey)?;
    // sealing to a point of small order gives zero as the shared secret, which HPKE refuses
    let sealed = seal_to(&key, "admission", &[], &[], &[1; 32]);
    if suite == SUITE_X25519 && sealed.is_ok() {
        Ok(key)
    } else {
        Err(Refusal::BadKey)
    }
}

/// Seals some bytes to a public key, for a purpose and bound to more bytes that the
/// reader must know. `seed` is random and never used twice.
pub fn seal_to(
    public: &[u8; PUBLIC_LEN],
    purpose: &str,
    bound: &[u8],
    plaintext: &[u8],
    seed: &[u8; 32],
) -> Result<Vec<u8>, Refusal> {
    let public = PublicKey::from_bytes(public).map_err(|_| Refusal::BadKey)?;
    let (encapped, ciphertext) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &info(purpose, bound),
            plaintext,
            &[],
            &mut Ikm::new(seed),
        )
        .map_err(|_| Refusal::BadKey)?;
    let mut out = encapped.to_bytes().to_vec();
    out.extend_from_slice(&ciphertext);
    Ok(out)
}

/// Wraps an epoch key for an entity's encryption key.
pub fn wrap_key(
    public: &[u8; PUBLIC_LEN],
    binding: &WrapBinding,
    key: &[u8; 32],
    seed: &[u8; 32],
) -> Result<Vec<u8>, Refusal> {
    seal_to(public, WRAP_PURPOSE, &binding.encode(), key, seed)
}

fn info(purpose: &str, bound: &[u8]) -> Vec<u8> {
    [INFO_PREFIX, purpose.as_bytes(), &[0], bound].concat()
}

/// Hands HPKE the caller's random bytes: exactly the seed for the 32 bytes that the
/// suite asks for (the input keying material of RFC 9180's `DeriveKeyPair`).
struct Ikm(Zeroizing<Vec<u8>>, usize);

impl Ikm {
    fn new(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(seed.to_vec()), 0)
    }

    fn take(&mut self, target: &mut [u8]) {
        for byte in target {
            // more than the seed would be a fault of ours, and must not repeat bytes
            if self.1 == self.0.len() {
                *self.0 = blake3::hash(&self.0).as_bytes().to_vec();
                self.1 = 0;
            }
            *byte = self.0[self.1];
            self.1 += 1;
        }
    }
}

impl TryRng for Ikm {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.take(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.take(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        self.take(target);
        Ok(())
    }
}

impl TryCryptoRng for Ikm {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sealed::epoch_key_hash;
    use proptest::prelude::*;

    fn binding(key: &[u8; 32]) -> WrapBinding {
        WrapBinding {
            topic: TopicId([1; 32]),
            epoch: 3,
            key_hash: epoch_key_hash(key),
            recipient: EntityId([2; 32]),
        }
    }

    #[test]
    fn a_wrap_opens_for_its_recipient_at_its_place_only() {
        let (mine, other) = (
            EncryptionSecret::derive(&[7; 32], 0),
            EncryptionSecret::derive(&[7; 32], 1),
        );
        let key = [9; 32];
        let wrap = wrap_key(&mine.public(), &binding(&key), &key, &[4; 32]).unwrap();
        assert_eq!(wrap.len(), WRAP_LEN);
        assert_eq!(mine.unwrap_key(&binding(&key), &wrap), Ok(key));
        let refused = Err(Refusal::Unsealable);
        assert_eq!(other.unwrap_key(&binding(&key), &wrap), refused);
        let elsewhere = [
            WrapBinding {
                topic: TopicId([3; 32]),
                ..binding(&key)
            },
            WrapBinding {
                epoch: 4,
                ..binding(&key)
            },
            WrapBinding {
                recipient: EntityId([3; 32]),
                ..binding(&key)
            },
            binding(&[8; 32]),
        ];
        for binding in elsewhere {
            assert_eq!(mine.unwrap_key(&binding, &wrap), refused);
        }
        // a sender who wraps another key than it names
        let lie = wrap_key(&mine.public(), &binding(&key), &[8; 32], &[4; 32]).unwrap();
        assert_eq!(mine.unwrap_key(&binding(&key), &lie), refused);
    }

    #[test]
    fn keys_of_small_order_and_other_suites_are_not_sealed_to() {
        let good = EncryptionSecret::derive(&[1; 32], 0).public();
        assert_eq!(admit_encryption_key(SUITE_X25519, &good), Ok(good));
        assert_eq!(admit_encryption_key(2, &good), Err(Refusal::BadKey));
        assert_eq!(
            admit_encryption_key(SUITE_X25519, &good[1..]),
            Err(Refusal::BadKey)
        );
        let mut one = [0; 32];
        one[0] = 1;
        for small in [[0; 32], one] {
            assert_eq!(
                admit_encryption_key(SUITE_X25519, &small),
                Err(Refusal::BadKey)
            );
        }
    }

    #[test]
    fn key_files_come_back_and_damage_is_told() {
        let key = EncryptionSecret::derive(&[5; 32], 2);
        let again = EncryptionSecret::from_file(&key.to_file()).unwrap();
        assert_eq!(
            (again.public(), again.generation()),
            (key.public(), key.generation())
        );
        let text = key.to_file();
        assert!(matches!(
            EncryptionSecret::from_file("hello"),
            Err(KeyFileError::NotAKey(_))
        ));
        let cut = &text[..text.len() - 9];
        let told = EncryptionSecret::from_file(cut).unwrap_err();
        assert_eq!(told, KeyFileError::BadLine("secret"));
        let other = text.replace(&hex(&key.secret[..]), &hex(&[8; 32]));
        let told = EncryptionSecret::from_file(&other).unwrap_err();
        assert_eq!(told, KeyFileError::Mismatch);
    }

    /// RFC 9180, A.2.1.1: base mode of the suite, its first encryption (without aad
    /// ours can't be compared, so only the encapsulated key is).
    #[test]
    fn the_ephemeral_key_is_that_of_the_rfc() {
        let ikm = unhex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b");
        let recipient = unhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
        let encapped = unhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
        let public: [u8; 32] = recipient.unwrap().try_into().unwrap();
        let seed: [u8; 32] = ikm.unwrap().try_into().unwrap();
        let sealed = seal_to(&public, "a test", &[], b"", &seed).unwrap();
        assert_eq!(sealed[..32], encapped.unwrap()[..]);
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 0..200), seed: [u8; 32]) {
            let key = EncryptionSecret::derive(&[6; 32], 0);
            let sealed = seal_to(&key.public(), "a test", b"bound", &plain, &seed).unwrap();
            prop_assert_eq!(key.open("a test", b"bound", &sealed), Ok(plain));
            prop_assert_eq!(key.open("another", b"bound", &sealed), Err(Refusal::Unsealable));
            prop_assert_eq!(key.open("a test", b"bond", &sealed), Err(Refusal::Unsealable));
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let key = EncryptionSecret::derive(&[6; 32], 0);
            prop_assert_eq!(key.open("a test", b"", &bytes), Err(Refusal::Unsealable));
        }
    }
}
