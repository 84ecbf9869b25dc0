//! First contact: a letter sealed to an entity that shares no topic with its writer yet
//! (`spec/07-sealed.md` 7.9).

use crate::hash::Context;
use crate::identity::Certificate;
use crate::ids::{DeviceId, EntityId, TopicId};
use crate::keys::{PUBLIC_LEN, SUITE_X25519, SecretKey, Signature, admit, seal_to, verify};
use crate::limits::CERTIFICATE_MAX;
use crate::refusal::Refusal;
use crate::sealed::Secrets;
use crate::wire::{Reader, Writer};

/// Bytes of a letter: an invitation with a genesis run and a page of text.
pub const LETTER_MAX: usize = 32 * 1024;
/// Bytes of a letter's text.
pub const MESSAGE_MAX: usize = 4 * 1024;
/// Bytes of the first run of a topic in an invitation.
pub const RUN_MAX: usize = 16 * 1024;
/// Epoch keys in an invitation: the latest leads back to the others.
pub const KEYS_MAX: usize = 4;

const VERSION: u8 = 1;
const PURPOSE: &str = "letter";

/// What is in a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The topic to which it invites.
    pub topic: TopicId,
    /// The first run of the topic, with its genesis.
    pub run: Vec<u8>,
    /// Epoch keys, ascending.
    pub keys: Vec<(u64, [u8; 32])>,
    /// A few words.
    pub message: String,
}

impl Invitation {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.topic.0.to_vec();
        out.put_bytes(&self.run);
        out.put_varint(self.keys.len() as u64);
        for (epoch, key) in &self.keys {
            out.put_varint(*epoch);
            out.extend_from_slice(key);
        }
        out.put_bytes(self.message.as_bytes());
        out
    }

    /// Decodes it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let topic = TopicId(reader.array()?);
        let run = reader.bytes(RUN_MAX)?.to_vec();
        let mut keys: Vec<(u64, [u8; 32])> = Vec::new();
        for _ in 0..reader.length(KEYS_MAX)? {
            let epoch = reader.varint()?;
            if keys.last().is_some_and(|(last, _)| *last >= epoch) {
                return Err(Refusal::NotCanonical);
            }
            keys.push((epoch, reader.array()?));
        }
        let message = reader.text(MESSAGE_MAX)?.to_owned();
        reader.end()?;
        Ok(Self {
            topic,
            run,
            keys,
            message,
        })
    }
}

/// A letter as it travels: signed by a device of its writer, sealed to its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The entity to which it is sealed.
    pub to: EntityId,
    /// Claimed time, UTC milliseconds.
    pub written_ms: u64,
    /// How it is sealed.
    pub suite: u64,
    /// Certificate of the device that signed it.
    pub certificate: Vec<u8>,
    /// The device.
    pub device: DeviceId,
    sealed: Vec<u8>,
    signature: Signature,
}

/// Who writes to whom, and when.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The entity to which it is written.
    pub to: EntityId,
    /// Its encryption key.
    pub key: &'a [u8; PUBLIC_LEN],
    /// UTC milliseconds.
    pub now_ms: u64,
    /// Certificate of the writing device.
    pub certificate: &'a [u8],
}

impl Letter {
    /// Writes a letter. `seed` is random.
    pub fn write(
        device: &SecretKey,
        envelope: &Envelope<'_>,
        invitation: &Invitation,
        seed: &[u8; 32],
    ) -> Result<Self, Refusal> {
        let author = DeviceId(device.public());
        let bound = bound(&envelope.to, &author);
        Invitation::decode(&invitation.encode())?;
        let sealed = seal_to(envelope.key, PURPOSE, &bound, &invitation.encode(), seed)?;
        let mut letter = Self {
            to: envelope.to,
            written_ms: envelope.now_ms,
            suite: SUITE_X25519,
            certificate: envelope.certificate.to_vec(),
            device: author,
            sealed,
            signature: [0; 64],
        };
        letter.signature = device.sign(&letter.hash());
        // what is written is read back by the same rules that others will apply
        Self::decode(&letter.encode())?.verify()?;
        Ok(letter)
    }

    fn front(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.to.0);
        out.put_varint(self.written_ms);
        out.put_varint(self.suite);
        out.put_bytes(&self.certificate);
        out.extend_from_slice(&self.device.0);
        out.put_bytes(&self.sealed);
        out
    }

    /// Hash over all but the signature: what is signed, and the letter's id.
    pub fn hash(&self) -> [u8; 32] {
        Context::Letter.hash(&self.front())
    }

    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.front();
        out.extend_from_slice(&self.signature);
        out
    }

    /// Decodes it; [`Letter::verify`] says whether it is right.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > LETTER_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Refusal::NotCanonical);
        }
        let letter = Self {
            to: EntityId(reader.array()?),
            written_ms: reader.varint()?,
            suite: reader.varint()?,
            certificate: reader.bytes(CERTIFICATE_MAX)?.to_vec(),
            device: DeviceId(reader.array()?),
            sealed: reader.bytes(LETTER_MAX)?.to_vec(),
            signature: reader.array()?,
        };
        reader.end()?;
        Ok(letter)
    }

    /// Checks certificate and signature. Gives whose device wrote it.
    pub fn verify(&self) -> Result<EntityId, Refusal> {
        admit(&self.device.0)?;
        let certified = Certificate::verify_bytes(&self.certificate, &self.device)?;
        verify(&self.device.0, &self.hash(), &self.signature)?;
        Ok(certified.entity)
    }

    /// Opens it, for its reader.
    pub fn open(&self, secrets: &Secrets) -> Result<Invitation, Refusal> {
        let bound = bound(&self.to, &self.device);
        let held = secrets
            .held()
            .iter()
            .filter(|(entity, _)| *entity == self.to);
        let mut opened =
            held.filter_map(|(_, secret)| secret.open(PURPOSE, &bound, &self.sealed).ok());
        Invitation::decode(&opened.next().ok_or(Refusal::Unsealable)?)
    }
}

fn bound(to: &EntityId, from: &DeviceId) -> Vec<u8> {
    [to.0, from.0].concat()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::Person;

    fn invitation(number: u8) -> Invitation {
        Invitation {
            topic: TopicId([number; 32]),
            run: vec![1; 200],
            keys: vec![(2, [5; 32])],
            message: format!("hello {number}"),
        }
    }

    pub(in crate::sealed) fn letter(from: &Person, to: &Person, number: u8) -> Vec<u8> {
        let certificate = from.log.certificate(&from.device(0)).unwrap().encode();
        let envelope = Envelope {
            to: to.id(),
            key: &to.encryption().public(),
            now_ms: 5,
            certificate: &certificate,
        };
        let seed = [number.wrapping_add(1); 32];
        let letter = Letter::write(&from.devices[0], &envelope, &invitation(number), &seed);
        letter.unwrap().encode()
    }

    #[test]
    fn a_letter_is_read_by_its_reader_alone() {
        let [from, to, other] = [1, 41, 81].map(|number| Person::new(number, 1));
        let bytes = letter(&from, &to, 1);
        let read = Letter::decode(&bytes).unwrap();
        assert_eq!(read.verify(), Ok(from.id()));
        assert_eq!(read.open(&to.secrets()), Ok(invitation(1)));
        assert_eq!(read.open(&other.secrets()), Err(Refusal::Unsealable));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let right = Letter::decode(&changed).and_then(|letter| letter.verify());
            assert!(right.is_err(), "byte {at}");
        }
    }
}
