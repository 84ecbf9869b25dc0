//! Who is at the other end of a link (`spec/12-link.md` 12.3).
//!
//! Both sides say hello with a nonce; then each signs both nodes' ids and both nonces with
//! its device key. What is signed on one link is worth nothing on another.

use synlog_log::identity::Certificate;
use synlog_log::ids::DeviceId;
use synlog_log::keys::{SecretKey, admit, verify};
use synlog_log::limits::CERTIFICATE_MAX;
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};
use synlog_replication::peer::{NodeId, Proven};

use crate::config::Identity;
use crate::event::Why;

/// Version of the frames of a link.
const VERSION: u8 = 1;
/// What is hashed to be signed.
const CONTEXT: &str = "synlog v1 link";
/// Bytes of a hello.
pub const HELLO_LEN: usize = 81;
/// Bytes of a proof.
pub const PROOF_MAX: usize = CERTIFICATE_MAX + 256;

/// The first frame of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The transport key of the node.
    pub node: NodeId,
    /// Names the run of its process.
    pub run: [u8; 16],
    /// Random, for this link alone.
    pub nonce: [u8; 32],
}

impl Hello {
    /// The one encoding.
    pub fn encode(&self) -> [u8; HELLO_LEN] {
        let mut out = [VERSION; HELLO_LEN];
        out[1..33].copy_from_slice(&self.node.0);
        out[33..49].copy_from_slice(&self.run);
        out[49..].copy_from_slice(&self.nonce);
        out
    }

    /// Decodes one of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Why> {
        if bytes.first().is_some_and(|version| *version != VERSION) {
            return Err(Why::OtherVersion);
        }
        let read = || -> Result<Self, Refusal> {
            let mut reader = Reader::new(bytes);
            reader.byte()?;
            let hello = Self {
                node: NodeId(reader.array()?),
                run: reader.array()?,
                nonce: reader.array()?,
            };
            reader.end()?;
            Ok(hello)
        };
        read().map_err(|_| Why::BadFrame)
    }
}

/// Which side signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who called.
    Dialer,
    /// Who was called.
    Acceptor,
}

/// What both sides said, in the order of their roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    /// Hello of who called.
    pub dialer: Hello,
    /// Hello of who was called.
    pub acceptor: Hello,
}

impl Greeting {
    /// What a side signs, with its device key and, over a socket file, its transport key.
    pub fn hash(&self, side: Side) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&[match side {
            Side::Dialer => 0,
            Side::Acceptor => 1,
        }]);
        hasher.update(&self.dialer.encode());
        hasher.update(&self.acceptor.encode());
        *hasher.finalize().as_bytes()
    }

    fn of(&self, side: Side) -> &Hello {
        match side {
            Side::Dialer => &self.dialer,
            Side::Acceptor => &self.acceptor,
        }
    }
}

/// The second frame of each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The device, unless a stranger wants to stay one.
    pub device: Option<DeviceProof>,
    /// Signature of the transport key, where the way itself doesn't prove it.
    pub transport: Option<[u8; 64]>,
}

/// That a device is at this end of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProof {
    /// The device.
    pub device: DeviceId,
    /// Its signature over the greeting.
    pub signature: [u8; 64],
    /// Its certificate.
    pub certificate: Vec<u8>,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Device and entity.
    pub proven: Proven,
    /// The device's name.
    pub name: String,
}

impl Proof {
    /// Proves a side.
    pub fn of(
        greeting: &Greeting,
        side: Side,
        identity: Option<&Identity>,
        transport: Option<&SecretKey>,
    ) -> Self {
        let hash = greeting.hash(side);
        Self {
            device: identity.map(|identity| DeviceProof {
                device: DeviceId(identity.key.public()),
                signature: identity.key.sign(&hash),
                certificate: identity.certificate.clone(),
            }),
            transport: transport.map(|key| key.sign(&hash)),
        }
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.device {
            None => out.push(0),
            Some(proof) => {
                out.push(1);
                out.extend_from_slice(&proof.device.0);
                out.extend_from_slice(&proof.signature);
                out.put_bytes(&proof.certificate);
            }
        }
        out.put_option(self.transport.as_ref().map(|signature| &signature[..]));
        out
    }

    /// Decodes one; [`Proof::verify`] says whether it is right.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let device = match reader.option()? {
            false => None,
            true => Some(DeviceProof {
                device: DeviceId(reader.array()?),
                signature: reader.array()?,
                certificate: reader.bytes(CERTIFICATE_MAX)?.to_vec(),
            }),
        };
        let transport = match reader.option()? {
            false => None,
            true => Some(reader.array()?),
        };
        reader.end()?;
        Ok(Self { device, transport })
    }

    /// Checks a proof of one side. Where the way itself doesn't prove the transport key,
    /// its signature is needed. `None` is a stranger.
    pub fn verify(
        &self,
        greeting: &Greeting,
        side: Side,
        transport_is_proven: bool,
    ) -> Result<Option<Shown>, Refusal> {
        let hash = greeting.hash(side);
        if !transport_is_proven {
            let signature = self.transport.as_ref().ok_or(Refusal::BadSignature)?;
            let key = greeting.of(side).node.0;
            admit(&key)?;
            verify(&key, &hash, signature)?;
        }
        let Some(proof) = &self.device else {
            return Ok(None);
        };
        admit(&proof.device.0)?;
        verify(&proof.device.0, &hash, &proof.signature)?;
        let certified = Certificate::verify_bytes(&proof.certificate, &proof.device)?;
        Ok(Some(Shown {
            proven: Proven {
                device: proof.device,
                entity: certified.entity,
            },
            name: certified.name,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use synlog_log::identity::{Action, Statement};

    fn hello(byte: u8) -> Hello {
        Hello {
            node: NodeId(SecretKey::from_seed([byte; 32]).public()),
            run: [byte; 16],
            nonce: [byte; 32],
        }
    }

    fn greeting() -> Greeting {
        Greeting {
            dialer: hello(1),
            acceptor: hello(2),
        }
    }

    fn identity(root: u8, device: u8) -> Identity {
        let (root, key) = (
            SecretKey::from_seed([root; 32]),
            SecretKey::from_seed([device; 32]),
        );
        let certificate = certificate(&root, &key);
        Identity { key, certificate }
    }

    fn certificate(root: &SecretKey, device: &SecretKey) -> Vec<u8> {
        let entity = synlog_log::ids::EntityId(root.public());
        let statement = Statement {
            entity,
            number: 0,
            prev: None,
            issued_ms: 1,
            action: Action::Certify {
                device: DeviceId(device.public()),
                acceptance: Statement::acceptance(&entity, device),
                name: "laptop".to_owned(),
            },
        };
        let certify = statement.sign(root);
        let rotations = Vec::new();
        Certificate { rotations, certify }.encode()
    }

    #[test]
    fn a_proof_holds_on_its_link_and_side_alone() {
        let (greeting, ana) = (greeting(), identity(7, 8));
        let proof = Proof::of(&greeting, Side::Dialer, Some(&ana), None);
        let shown = proof
            .verify(&greeting, Side::Dialer, true)
            .unwrap()
            .unwrap();
        assert_eq!(shown.proven.device.0, ana.key.public());
        assert_eq!(
            shown.proven.entity.0,
            SecretKey::from_seed([7; 32]).public()
        );
        assert_eq!(shown.name, "laptop");
        assert!(proof.verify(&greeting, Side::Acceptor, true).is_err());
        let mut other = greeting;
        other.acceptor.nonce[0] ^= 1;
        assert!(proof.verify(&other, Side::Dialer, true).is_err());
        let mut other = greeting;
        other.acceptor.node = NodeId([9; 32]);
        assert!(proof.verify(&other, Side::Dialer, true).is_err());
    }

    #[test]
    fn somebody_elses_certificate_proves_nothing() {
        let (greeting, mut eve) = (greeting(), identity(7, 8));
        eve.key = SecretKey::from_seed([66; 32]);
        let proof = Proof::of(&greeting, Side::Dialer, Some(&eve), None);
        assert!(proof.verify(&greeting, Side::Dialer, true).is_err());
        let mut proof = Proof::of(&greeting, Side::Dialer, Some(&identity(7, 8)), None);
        if let Some(device) = &mut proof.device {
            device.certificate = identity(9, 10).certificate;
        }
        assert!(proof.verify(&greeting, Side::Dialer, true).is_err());
    }

    #[test]
    fn over_a_socket_file_the_transport_key_signs_too() {
        let greeting = greeting();
        let transport = SecretKey::from_seed([1; 32]);
        let proof = Proof::of(&greeting, Side::Dialer, None, Some(&transport));
        assert_eq!(proof.verify(&greeting, Side::Dialer, false), Ok(None));
        let none = Proof::of(&greeting, Side::Dialer, None, None);
        assert!(none.verify(&greeting, Side::Dialer, false).is_err());
        assert_eq!(none.verify(&greeting, Side::Dialer, true), Ok(None));
        let other = SecretKey::from_seed([3; 32]);
        let wrong = Proof::of(&greeting, Side::Dialer, None, Some(&other));
        assert!(wrong.verify(&greeting, Side::Dialer, false).is_err());
    }

    #[test]
    fn another_version_is_told_as_one() {
        let mut bytes = hello(1).encode();
        assert_eq!(Hello::decode(&bytes), Ok(hello(1)));
        bytes[0] = 2;
        assert_eq!(Hello::decode(&bytes), Err(Why::OtherVersion));
        assert_eq!(Hello::decode(&[1, 2, 3]), Err(Why::BadFrame));
        assert_eq!(Hello::decode(&[]), Err(Why::BadFrame));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            front in prop_oneof![Just(0u8), Just(1u8), any::<u8>()],
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            bytes.insert(0, front);
            if let Ok(hello) = Hello::decode(&bytes) {
                prop_assert_eq!(&hello.encode()[..], &bytes[..]);
            }
            if let Ok(proof) = Proof::decode(&bytes) {
                prop_assert_eq!(proof.encode(), &bytes[..]);
                let _ = proof.verify(&greeting(), Side::Dialer, false);
            }
        }

        #[test]
        fn proofs_come_back(certificate in proptest::collection::vec(any::<u8>(), 0..200), key: bool) {
            let proof = Proof {
                device: Some(DeviceProof {
                    device: DeviceId([5; 32]),
                    signature: [6; 64],
                    certificate,
                }),
                transport: key.then_some([7; 64]),
            };
            prop_assert_eq!(Proof::decode(&proof.encode()), Ok(proof));
        }
    }
}
