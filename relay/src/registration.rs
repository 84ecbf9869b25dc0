//! The message by which a relay registers itself (`spec/16-bootstrap.md`).

use iroh::{EndpointId, RelayUrl, SecretKey};
use serde_json::{Value, json};

use crate::limits::{CAPACITY_MAX, REGISTER_SKEW_MS, REGISTERED_MS};
use crate::name;
use crate::wellknown::relay_url;

/// Sets these signatures apart from all others.
const CONTEXT: &str = "synlog v1 relay registration";

/// A relay's word on itself, signed by its endpoint key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where it is.
    pub url: RelayUrl,
    /// Its endpoint.
    pub endpoint: EndpointId,
    /// How many nodes it has room for.
    pub capacity: u32,
    /// When it said so; a later one replaces it.
    pub at_ms: u64,
    /// Until when it means to be there; not after `at_ms`: it is going.
    pub until_ms: u64,
    /// By the endpoint key.
    pub signature: [u8; 64],
}

/// Why a registration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is none.
    #[error("this is no registration: url, endpoint, capacity, at_ms, until_ms, signature")]
    Malformed,
    /// Somebody else signed it, or nobody.
    #[error("the signature is not by the endpoint's key")]
    BadSignature,
    /// Its maker's clock or ours is wrong, or it is an old one.
    #[error("its time is too far off this server's clock")]
    BadTime,
    /// It would last too long.
    #[error("it lasts longer than 24 hours")]
    TooLong,
    /// A newer one is here.
    #[error("a newer registration of this relay is here")]
    Replayed,
    /// Another relay has the URL.
    #[error("another relay is registered with this URL")]
    UrlTaken,
    /// The registry is full.
    #[error("there is no room for more relays just now")]
    Full,
    /// Too many from one address.
    #[error("too many registrations from this address")]
    TooMany,
    /// The URL leads to a machine that strangers can't reach.
    #[error("the URL must be https and lead to a public address")]
    NotPublic,
}

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::BadTime => "bad_time",
            Self::TooLong => "too_long",
            Self::Replayed => "replayed",
            Self::UrlTaken => "url_taken",
            Self::Full => "full",
            Self::TooMany => "too_many",
            Self::NotPublic => "not_public",
        }
    }
}

/// What is signed: the hash of all fields under its own context.
fn signed(url: &RelayUrl, endpoint: &EndpointId, capacity: u32, times: [u64; 2]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(64 + url.as_str().len());
    bytes.extend(endpoint.as_bytes());
    bytes.extend(capacity.to_le_bytes());
    bytes.extend(times[0].to_le_bytes());
    bytes.extend(times[1].to_le_bytes());
    bytes.extend(url.as_str().as_bytes());
    blake3::derive_key(CONTEXT, &bytes)
}

impl Registration {
    /// Makes and signs one.
    pub fn sign(key: &SecretKey, url: RelayUrl, capacity: u32, at_ms: u64, until_ms: u64) -> Self {
        let endpoint = key.public();
        let hash = signed(&url, &endpoint, capacity, [at_ms, until_ms]);
        Self {
            url,
            endpoint,
            capacity,
            at_ms,
            until_ms,
            signature: key.sign(&hash).to_bytes(),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "url": self.url.as_str(),
            "endpoint": name::hex(&self.endpoint),
            "capacity": self.capacity,
            "at_ms": self.at_ms,
            "until_ms": self.until_ms,
            "signature": data_encoding::HEXLOWER.encode(&self.signature),
        })
    }

    /// Reads one; nothing is checked but its shape.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| Refusal::Malformed)?;
        Self::from_json(&value).ok_or(Refusal::Malformed)
    }

    /// The same from JSON that was read.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        let url = relay_url(text("url")?)?;
        // one text for each URL, so that one hash is signed
        if url.as_str() != text("url")? {
            return None;
        }
        Some(Self {
            url,
            endpoint: EndpointId::from_bytes(&name::bytes32(text("endpoint")?)?).ok()?,
            capacity: u32::try_from(number("capacity")?).ok()?,
            at_ms: number("at_ms")?,
            until_ms: number("until_ms")?,
            signature: name::bytes::<64>(text("signature")?)?,
        })
    }

    /// Whether it may count now, whatever else is known.
    pub fn check(&self, now_ms: u64) -> Result<(), Refusal> {
        let hash = signed(
            &self.url,
            &self.endpoint,
            self.capacity,
            [self.at_ms, self.until_ms],
        );
        let signature = iroh::Signature::from_bytes(&self.signature);
        let checked = self.endpoint.verify(&hash, &signature);
        checked.map_err(|_| Refusal::BadSignature)?;
        if self.at_ms.abs_diff(now_ms) > REGISTER_SKEW_MS {
            return Err(Refusal::BadTime);
        }
        if self.until_ms.saturating_sub(self.at_ms) > REGISTERED_MS {
            return Err(Refusal::TooLong);
        }
        Ok(())
    }

    /// Whether it says that the relay is going.
    pub fn ends(&self) -> bool {
        self.until_ms <= self.at_ms
    }

    /// What its capacity counts.
    pub fn weight(&self) -> u64 {
        u64::from(self.capacity.clamp(1, CAPACITY_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000_000;

    fn registration() -> Registration {
        let key = SecretKey::from_bytes(&[9; 32]);
        let url = relay_url("https://relay.example.org").expect("a URL");
        Registration::sign(&key, url, 100, NOW, NOW + 3_600_000)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let registration = registration();
        let text = registration.to_json().to_string();
        assert_eq!(
            Registration::read(text.as_bytes()),
            Ok(registration.clone())
        );
        assert_eq!(registration.check(NOW), Ok(()));
    }

    /// The vector of `spec/16-bootstrap.md`.
    #[test]
    fn the_page_of_the_protocol_says_the_same() {
        let page = include_str!("../../spec/16-bootstrap.md");
        let registration = registration();
        let hash = signed(
            &registration.url,
            &registration.endpoint,
            100,
            [NOW, NOW + 3_600_000],
        );
        assert!(
            page.contains(&data_encoding::HEXLOWER.encode(&hash)),
            "{}",
            data_encoding::HEXLOWER.encode(&hash)
        );
        let text = registration.to_json().to_string();
        assert!(page.contains(&text), "{text}");
    }

    #[test]
    fn each_field_is_signed() {
        let good = registration();
        let other = SecretKey::from_bytes(&[8; 32]).public();
        let url = relay_url("https://relay.example.com").expect("a URL");
        let bent = [
            Registration {
                url,
                ..good.clone()
            },
            Registration {
                endpoint: other,
                ..good.clone()
            },
            Registration {
                capacity: 101,
                ..good.clone()
            },
            Registration {
                at_ms: NOW + 1,
                ..good.clone()
            },
            Registration {
                until_ms: NOW + 1,
                ..good.clone()
            },
        ];
        for bent in bent {
            assert_eq!(bent.check(NOW), Err(Refusal::BadSignature));
        }
    }

    #[test]
    fn times_are_bounded() {
        let good = registration();
        assert_eq!(good.check(NOW + REGISTER_SKEW_MS), Ok(()));
        assert_eq!(
            good.check(NOW + REGISTER_SKEW_MS + 1),
            Err(Refusal::BadTime)
        );
        assert_eq!(
            good.check(NOW - REGISTER_SKEW_MS - 1),
            Err(Refusal::BadTime)
        );
        let key = SecretKey::from_bytes(&[9; 32]);
        let long = Registration::sign(&key, good.url.clone(), 1, NOW, NOW + REGISTERED_MS + 1);
        assert_eq!(long.check(NOW), Err(Refusal::TooLong));
        let endless = Registration::sign(&key, good.url, 1, NOW, u64::MAX);
        assert_eq!(endless.check(NOW), Err(Refusal::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in ".*") {
            let _ = (Registration::read(&bytes), Registration::read(text.as_bytes()));
        }

        #[test]
        fn no_registration_panics(
            capacity in any::<u32>(), at_ms in any::<u64>(), until_ms in any::<u64>(),
            now_ms in any::<u64>(),
        ) {
            let key = SecretKey::from_bytes(&[9; 32]);
            let url = relay_url("https://relay.example.org").expect("a URL");
            let made = Registration::sign(&key, url, capacity, at_ms, until_ms);
            let read = Registration::read(made.to_json().to_string().as_bytes());
            prop_assert_eq!(read, Ok(made.clone()));
            let _ = made.check(now_ms);
            prop_assert!(made.weight() >= 1);
        }
    }
}
