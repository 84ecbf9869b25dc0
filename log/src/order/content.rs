//! What order needs to know of a payload: found once, when the entry arrives.

use std::sync::Arc;

use crate::attestation::check_evidence;
use crate::cbor::Value;
use crate::header::Header;
use crate::ids::DeviceId;
use crate::refusal::Refusal;
use crate::run::PayloadForm;
use crate::sealed::{NONCE_LEN, SEALED_KIND, SealedEntry};
use crate::topic::{GENESIS_KIND, ParsedPolicy, PolicyEvent, parse_policy_event};

/// What a payload turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// It does not decode.
    BadPayload,
    /// It carries evidence that does not check.
    BadEvidence,
    /// An event of the topic's app.
    App {
        /// Its kind.
        kind: Arc<str>,
    },
    /// An event of the kernel.
    Policy(Box<PolicyEvent>),
    /// Its kind is the kernel's, its body does not fit.
    BadEvent {
        /// Whether only the sequencer may write the kind.
        sequencers: bool,
        /// What is wrong with the keys and signatures of a statement that it carries.
        refusal: Option<Refusal>,
    },
    /// Its kind would be the kernel's, but there is none such.
    UnknownKind,
    /// It is sealed.
    Sealed {
        /// The epoch that it names.
        epoch: i64,
        /// What opening it needs; `None` where nobody means to.
        entry: Option<Arc<SealedEntry>>,
    },
}

/// The epoch of a sealed body that has all it needs.
fn sealed_epoch(body: &Value) -> Option<i64> {
    body.get("c")?.as_id()?;
    body.get("n")?
        .as_bytes()
        .filter(|nonce| nonce.len() == NONCE_LEN)?;
    body.get("x")?.as_bytes()?;
    body.get("e")?.as_int().filter(|epoch| *epoch >= 1)
}

impl Content {
    /// As [`Content::of`], ready to be opened when a key is there.
    pub fn of_entry(header: &Header, payload: &PayloadForm<'_>) -> Self {
        match Self::of(payload, &header.author, header.is_genesis()) {
            Self::Sealed { epoch, .. } => {
                let split = payload.split().ok();
                let entry = split.and_then(|split| SealedEntry::of(header, &split));
                let entry = entry.map(Arc::new);
                Self::Sealed { epoch, entry }
            }
            other => other,
        }
    }

    /// What the part inside a sealed payload turned out to be.
    pub(super) fn of_part(part: &[u8], author: &DeviceId) -> Self {
        let form = PayloadForm::Erased {
            len: 0,
            part,
            erasable_hash: [0; 32],
        };
        match Self::of(&form, author, false) {
            // what must be clear counts for nobody where only some can read it
            Self::Policy(event) if event.is_clear() => Self::BadEvent {
                sequencers: event.is_the_sequencers(),
                refusal: None,
            },
            other => other,
        }
    }

    /// Whether it may stand unsealed in a private topic.
    pub fn is_clear(&self) -> bool {
        match self {
            Self::Policy(event) => event.is_clear(),
            Self::App { .. } | Self::UnknownKind => false,
            Self::BadPayload | Self::BadEvidence | Self::BadEvent { .. } => true,
            Self::Sealed { .. } => true,
        }
    }

    /// Looks into the payload of an entry. Checks its evidence too.
    pub fn of(payload: &PayloadForm<'_>, author: &DeviceId, is_genesis: bool) -> Self {
        let Ok(split) = payload.split() else {
            return Self::BadPayload;
        };
        let Ok(event) = split.check() else {
            return Self::BadPayload;
        };
        let proves = |bytes: &&[u8]| check_evidence(bytes).is_ok();
        if !split.evidence.iter().all(proves) {
            return Self::BadEvidence;
        }
        if !event.kind.starts_with("topic.") {
            return Self::App {
                kind: event.kind.into(),
            };
        }
        if event.kind == GENESIS_KIND && !is_genesis {
            return Self::BadEvent {
                sequencers: false,
                refusal: None,
            };
        }
        if event.kind == SEALED_KIND {
            // evidence outside would stand there for everybody to read
            let epoch = sealed_epoch(&event.body).filter(|_| split.evidence.is_empty());
            return match epoch {
                Some(epoch) => Self::Sealed { epoch, entry: None },
                None => Self::BadEvent {
                    sequencers: false,
                    refusal: None,
                },
            };
        }
        match parse_policy_event(&event, author) {
            ParsedPolicy::Event(event) => Self::Policy(event),
            ParsedPolicy::BadEvent {
                sequencers,
                refusal,
            } => Self::BadEvent {
                sequencers,
                refusal,
            },
            ParsedPolicy::UnknownKind => Self::UnknownKind,
        }
    }
}
