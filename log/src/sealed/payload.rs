//! One sealed payload: body and erasable part apart, each bound to its place.

use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::cbor::Value;
use crate::hash::Context;
use crate::header::Header;
use crate::ids::DeviceId;
use crate::limits::SALT_LEN;
use crate::payload::{Payload, PayloadBuilder};
use crate::refusal::Refusal;

/// Kind of a sealed payload.
pub const SEALED_KIND: &str = "topic.sealed";

/// Bytes of a nonce of XChaCha20-Poly1305.
pub const NONCE_LEN: usize = 24;

/// Which half of a payload a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Kind, body and evidence.
    Body = 0,
    /// The erasable data.
    Erasable = 1,
}

/// The key of one part of one entry. Handing it over discloses that part and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryKey(pub [u8; 32]);

impl EntryKey {
    /// Derives it from the epoch key.
    pub fn derive(epoch_key: &[u8; 32], author: &DeviceId, seq: u64, part: Part) -> Self {
        let part = [part as u8];
        Self(Context::EntryKey.hash_parts(&[epoch_key, &author.0, &seq.to_le_bytes(), &part]))
    }
}

impl std::fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EntryKey(secret)")
    }
}

/// Public name of an epoch key.
pub fn epoch_key_hash(key: &[u8; 32]) -> [u8; 32] {
    Context::EpochKey.hash(key)
}

/// What a payload says when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The encoded part: kind, body, evidence.
    pub part: Vec<u8>,
    /// The erasable data, where it is there and opens.
    pub erasable: Option<Value>,
}

/// What sealing needs beside keys and plaintext.
#[derive(Debug, Clone, Copy)]
pub struct Nonces {
    /// For the body.
    pub body: [u8; NONCE_LEN],
    /// For the erasable data.
    pub erasable: [u8; NONCE_LEN],
    /// Salt of the erasable part.
    pub salt: [u8; SALT_LEN],
}

/// Header bytes that a ciphertext is bound to.
fn associated(front: &[u8], part: Part) -> Vec<u8> {
    let mut bytes = front.to_vec();
    bytes.push(part as u8);
    bytes
}

fn commitment(key: &EntryKey, nonce: &[u8; NONCE_LEN], associated: &[u8]) -> [u8; 32] {
    Context::Commitment.hash_parts(&[&key.0, nonce, associated])
}

fn seal_part(
    key: &EntryKey,
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    plaintext: &[u8],
    epoch: i64,
) -> Result<Value, Refusal> {
    let cipher = XChaCha20Poly1305::new(&Key::from(key.0));
    let message = AeadPayload {
        msg: plaintext,
        aad: associated,
    };
    let sealed = cipher.encrypt(&XNonce::from(*nonce), message);
    Ok(Value::map([
        (
            "c",
            Value::Bytes(commitment(key, nonce, associated).to_vec()),
        ),
        ("e", Value::Int(epoch)),
        ("n", Value::Bytes(nonce.to_vec())),
        ("x", Value::Bytes(sealed.map_err(|_| Refusal::TooLarge)?)),
    ]))
}

fn open_part(key: &EntryKey, associated: &[u8], sealed: &Value) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = sealed.get("n")?.as_bytes()?.try_into().ok()?;
    if sealed.get("c")?.as_id()? != commitment(key, &nonce, associated) {
        return None;
    }
    let cipher = XChaCha20Poly1305::new(&Key::from(key.0));
    let message = AeadPayload {
        msg: sealed.get("x")?.as_bytes()?,
        aad: associated,
    };
    cipher.decrypt(&XNonce::from(nonce), message).ok()
}

/// Seals a payload for the entry whose header this will be (its payload hash and
/// length are not looked at). Gives the payload bytes.
pub fn seal(
    header: &Header,
    payload: &PayloadBuilder,
    epoch: i64,
    epoch_key: &[u8; 32],
    nonces: &Nonces,
) -> Result<Vec<u8>, Refusal> {
    let place = (&header.author, header.seq);
    let plain = payload.encode()?;
    let payload = &Payload::split(&plain)?;
    seal_front(
        &header.encode_front(),
        place,
        payload,
        (epoch, epoch_key),
        nonces,
    )
}

/// As [`seal`], for the front of a header that is being written; `place` is its author
/// and seq.
pub fn seal_front(
    front: &[u8],
    place: (&DeviceId, u64),
    payload: &Payload<'_>,
    (epoch, epoch_key): (i64, &[u8; 32]),
    nonces: &Nonces,
) -> Result<Vec<u8>, Refusal> {
    let key = |part| EntryKey::derive(epoch_key, place.0, place.1, part);
    let body = seal_part(
        &key(Part::Body),
        &nonces.body,
        &associated(front, Part::Body),
        payload.part,
        epoch,
    )?;
    let mut sealed = PayloadBuilder::new(SEALED_KIND, body);
    if let Some(erasable) = &payload.erasable {
        let associated = associated(front, Part::Erasable);
        let data = seal_part(
            &key(Part::Erasable),
            &nonces.erasable,
            &associated,
            erasable.data,
            epoch,
        )?;
        sealed.erasable = Some((nonces.salt, erasable.expires_ms, data));
    }
    sealed.encode()
}

/// What a holder of a key needs of a sealed entry to open its body, whenever the key comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEntry {
    epoch: i64,
    author: DeviceId,
    seq: u64,
    front: Vec<u8>,
    body: Value,
}

impl SealedEntry {
    /// Takes it from an entry; `None` if it is not a sealed payload.
    pub fn of(header: &Header, payload: &Payload<'_>) -> Option<Self> {
        let event = payload.check().ok()?;
        let epoch = event.body.get("e").and_then(Value::as_int)?;
        let sealed = event.kind == SEALED_KIND && payload.evidence.is_empty();
        sealed.then(|| Self {
            epoch,
            author: header.author,
            seq: header.seq,
            front: header.encode_front(),
            body: event.body,
        })
    }

    /// The epoch whose key it names.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    fn key(&self, epoch_key: &[u8; 32], part: Part) -> EntryKey {
        EntryKey::derive(epoch_key, &self.author, self.seq, part)
    }

    /// The part inside, if the key opens it and it is one.
    pub fn open(&self, epoch_key: &[u8; 32]) -> Option<Vec<u8>> {
        self.open_with(&self.key(epoch_key, Part::Body))
    }

    /// As [`SealedEntry::open`], with the key of the body of this one entry.
    pub fn open_with(&self, key: &EntryKey) -> Option<Vec<u8>> {
        let part = open_part(key, &associated(&self.front, Part::Body), &self.body)?;
        let inner = Payload::split_erased(&part).and_then(|inner| inner.check());
        let fits = inner.is_ok_and(|inner| inner.kind != SEALED_KIND);
        fits.then_some(part)
    }

    /// The erasable data inside what stands outside, if it opens.
    pub fn open_erasable(&self, epoch_key: &[u8; 32], data: &[u8]) -> Option<Value> {
        self.open_erasable_with(&self.key(epoch_key, Part::Erasable), data)
    }

    /// As [`SealedEntry::open_erasable`], with the key of the erasable part of this entry.
    pub fn open_erasable_with(&self, key: &EntryKey, data: &[u8]) -> Option<Value> {
        let map = Value::decode_map(data).ok()?;
        let same_epoch = map.get("e").and_then(Value::as_int) == Some(self.epoch);
        let bound_to = associated(&self.front, Part::Erasable);
        let plain = open_part(key, &bound_to, &map).filter(|_| same_epoch)?;
        Value::decode_map(&plain).ok()
    }
}

/// Opens a sealed payload. `epoch_key` gives the key of an epoch, if it is held.
/// Errors: `unknown_epoch`, `unsealable`; `bad_payload` if it is not a sealed payload.
pub fn open(
    header: &Header,
    payload: &Payload<'_>,
    epoch_key: impl Fn(i64) -> Option<[u8; 32]>,
) -> Result<Opened, Refusal> {
    let sealed = SealedEntry::of(header, payload).ok_or(Refusal::BadPayload)?;
    let epoch_key = epoch_key(sealed.epoch).ok_or(Refusal::UnknownEpoch)?;
    let part = sealed.open(&epoch_key).ok_or(Refusal::Unsealable)?;
    // who dropped the erasable part could not tell whether it opens, so that must not matter
    let erasable = payload.erasable.as_ref();
    let erasable = erasable.and_then(|outer| sealed.open_erasable(&epoch_key, outer.data));
    Ok(Opened { part, erasable })
}

/// What is handed over to disclose one part of one entry: its key.
pub fn disclose(
    key: &EntryKey,
    header: &Header,
    part: Part,
    sealed: &Value,
) -> Result<Vec<u8>, Refusal> {
    let bound_to = associated(&header.encode_front(), part);
    open_part(key, &bound_to, sealed).ok_or(Refusal::Unsealable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::TopicId;

    fn header() -> Header {
        Header {
            author: DeviceId([1; 32]),
            topic: TopicId([2; 32]),
            seq: 0,
            backlink: None,
            skiplink: None,
            hlc: 77 << 16,
            deps: vec![],
            payload_hash: [0; 32],
            payload_len: 0,
            certificate: Some(vec![3; 10]),
        }
    }

    #[test]
    fn opens_for_the_key_and_for_nothing_else() {
        let mut plain = PayloadBuilder::new("order.request", Value::map([("n", Value::Int(2))]));
        plain.erasable = Some((
            [0; 16],
            9,
            Value::map([("phone", Value::Text("+358".into()))]),
        ));
        let nonces = Nonces {
            body: [4; 24],
            erasable: [5; 24],
            salt: [6; 16],
        };
        let bytes = seal(&header(), &plain, 1, &[7; 32], &nonces).unwrap();
        let sealed = Payload::split(&bytes).unwrap();
        let opened = open(&header(), &sealed, |epoch| (epoch == 1).then_some([7; 32])).unwrap();
        assert_eq!(opened.part, plain.encode_part().unwrap());
        assert_eq!(opened.erasable, plain.erasable.map(|(_, _, data)| data));
        assert_eq!(
            open(&header(), &sealed, |_| None),
            Err(Refusal::UnknownEpoch)
        );
        assert_eq!(
            open(&header(), &sealed, |_| Some([8; 32])),
            Err(Refusal::Unsealable)
        );
        let elsewhere = Header {
            hlc: 78 << 16,
            ..header()
        };
        assert_eq!(
            open(&elsewhere, &sealed, |_| Some([7; 32])),
            Err(Refusal::Unsealable)
        );
        let key = EntryKey::derive(&[7; 32], &DeviceId([1; 32]), 0, Part::Body);
        let body = sealed.check().unwrap().body;
        assert_eq!(
            disclose(&key, &header(), Part::Body, &body).unwrap(),
            opened.part
        );
    }
}
