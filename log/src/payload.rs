//! What an entry carries: kind, body, evidence, and a part that may be erased.

use crate::cbor::Value;
use crate::hash::Context;
use crate::limits::{
    BODY_MAX, EVIDENCE_COUNT_MAX, EVIDENCE_MAX, KIND_MAX, PAYLOAD_MAX, SALT_LEN, SEALED_BODY_MAX,
};
use crate::refusal::Refusal;
use crate::sealed::SEALED_KIND;
use crate::wire::{Reader, Writer};

/// A payload split into its fields. What is in them is looked at by [`Payload::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The encoding of kind, body and evidence, which is never erased.
    pub part: &'a [u8],
    /// What kind of event it is; its grammar is not looked at yet.
    pub kind: &'a str,
    /// The event, CBOR.
    pub body: &'a [u8],
    /// Proofs of facts from elsewhere.
    pub evidence: Vec<&'a [u8]>,
    /// What may be dropped later.
    pub erasable: Option<Erasable<'a>>,
}

/// The part of a payload that may be dropped without breaking a link or a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasable<'a> {
    /// Random, so that the data can't be guessed from the hash.
    pub salt: [u8; SALT_LEN],
    /// UTC milliseconds from when on it may be dropped; 0 = never.
    pub expires_ms: u64,
    /// CBOR map.
    pub data: &'a [u8],
    /// The encoding of the three.
    pub encoded: &'a [u8],
}

impl Erasable<'_> {
    /// Hash under which the part is committed to.
    pub fn hash(&self) -> [u8; 32] {
        Context::Erasable.hash(self.encoded)
    }
}

/// What a body may have: a sealed one holds kind, body and evidence of another.
fn body_max(kind: &str) -> usize {
    if kind == SEALED_KIND {
        SEALED_BODY_MAX
    } else {
        BODY_MAX
    }
}

fn split_part<'a>(reader: &mut Reader<'a>) -> Result<Payload<'a>, Refusal> {
    let start = reader.position();
    let kind = reader.text(KIND_MAX)?;
    if kind.is_empty() {
        return Err(Refusal::NotCanonical);
    }
    let body = reader.bytes(body_max(kind))?;
    let count = reader.length(EVIDENCE_COUNT_MAX)?;
    let (mut evidence, mut room) = (Vec::new(), EVIDENCE_MAX);
    for _ in 0..count {
        let proof = reader.bytes(room)?;
        room -= proof.len();
        evidence.push(proof);
    }
    Ok(Payload {
        part: reader.since(start),
        kind,
        body,
        evidence,
        erasable: None,
    })
}

impl<'a> Payload<'a> {
    /// Splits whole payload bytes into their fields.
    #[inline]
    pub fn split(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > PAYLOAD_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let mut payload = split_part(&mut reader)?;
        if reader.option()? {
            let start = reader.position();
            let (salt, expires_ms) = (reader.array()?, reader.varint()?);
            let data = reader.bytes(PAYLOAD_MAX)?;
            payload.erasable = Some(Erasable {
                salt,
                expires_ms,
                data,
                encoded: reader.since(start),
            });
        }
        reader.end()?;
        Ok(payload)
    }

    /// Splits what is left of a payload whose erasable part was dropped.
    pub fn split_erased(part: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(part);
        let payload = split_part(&mut reader)?;
        reader.end()?;
        Ok(payload)
    }

    /// Looks into the fields: the kind's grammar and the CBOR of the body. Evidence is
    /// checked apart; the erasable data never, since another node may have dropped it.
    pub fn check(&self) -> Result<Event<'a>, Refusal> {
        if !kind_is_right(self.kind) {
            return Err(Refusal::BadPayload);
        }
        let body = Value::decode_map(self.body).map_err(|_| Refusal::BadPayload)?;
        Ok(Event {
            kind: self.kind,
            body,
        })
    }
}

/// The event of a payload, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// What kind of event it is.
    pub kind: &'a str,
    /// Its body, a map.
    pub body: Value,
}

/// Payload hash of whole payload bytes.
#[inline]
pub fn payload_hash(bytes: &[u8]) -> [u8; 32] {
    match Payload::split(bytes) {
        Err(_) => Context::Body.hash(bytes),
        Ok(Payload {
            part,
            erasable: None,
            ..
        }) => Context::Body.hash(part),
        Ok(Payload {
            part,
            erasable: Some(erasable),
            ..
        }) => erased_payload_hash(part, &erasable.hash()),
    }
}

/// Payload hash of a payload with an erasable part of which only the hash is left.
pub fn erased_payload_hash(part: &[u8], erasable_hash: &[u8; 32]) -> [u8; 32] {
    Context::Payload.hash_parts(&[&Context::Body.hash(part), erasable_hash])
}

/// Whether a text is two or more names joined by dots, each `[a-z][a-z0-9_-]*`.
pub fn kind_is_right(kind: &str) -> bool {
    kind.len() <= KIND_MAX && kind.contains('.') && kind.split('.').all(name_is_right)
}

/// Whether a text is `[a-z][a-z0-9_-]*`.
pub fn name_is_right(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Builds payload bytes. Errors: `bad_payload` for a wrong kind, `too_large`, `bad_cbor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadBuilder {
    /// What kind of event it is.
    pub kind: String,
    /// The body, a CBOR map.
    pub body: Value,
    /// Encoded proofs.
    pub evidence: Vec<Vec<u8>>,
    /// Salt, expiry (UTC ms, 0 = never) and data of the erasable part.
    pub erasable: Option<([u8; SALT_LEN], u64, Value)>,
}

impl PayloadBuilder {
    /// A payload of only kind and body.
    pub fn new(kind: &str, body: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            body,
            evidence: Vec::new(),
            erasable: None,
        }
    }

    /// Encodes the part that is never erased.
    pub fn encode_part(&self) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        out.put_bytes(self.kind.as_bytes());
        out.put_bytes(&self.body.encode());
        out.put_varint(self.evidence.len() as u64);
        self.evidence.iter().for_each(|proof| out.put_bytes(proof));
        Payload::split_erased(&out)?.check()?;
        Ok(out)
    }

    /// Encodes the whole payload.
    pub fn encode(&self) -> Result<Vec<u8>, Refusal> {
        let mut out = self.encode_part()?;
        match &self.erasable {
            None => out.push(0),
            Some((salt, expires_ms, data)) => {
                out.push(1);
                out.extend_from_slice(salt);
                out.put_varint(*expires_ms);
                out.put_bytes(&data.encode());
            }
        }
        // what is written is read back by the same rules that others will apply
        Payload::split(&out)?.check()?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn erasing_keeps_the_hash() {
        let mut builder = PayloadBuilder::new("order.request", Value::map([("n", Value::Int(3))]));
        builder.erasable = Some((
            [9; 16],
            0,
            Value::map([("street", Value::Text("Bulevardi 7".into()))]),
        ));
        let bytes = builder.encode().unwrap();
        let payload = Payload::split(&bytes).unwrap();
        let erasable = payload.erasable.unwrap();
        assert_eq!(
            payload_hash(&bytes),
            erased_payload_hash(payload.part, &erasable.hash())
        );
        assert_eq!(
            Payload::split_erased(payload.part).unwrap().kind,
            "order.request"
        );
    }

    #[test]
    fn kinds() {
        for good in ["a.b", "order.request", "x.y.z-1_2"] {
            assert!(kind_is_right(good), "{good}");
        }
        for bad in [
            "",
            "order",
            "order.",
            ".a",
            "Order.x",
            "a..b",
            "a.1",
            &format!("a.{}", "b".repeat(64)),
        ] {
            assert!(!kind_is_right(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            payload_hash(&bytes);
            if let Ok(payload) = Payload::split(&bytes) {
                let _ = payload.check();
            }
        }
    }
}
