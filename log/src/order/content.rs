//! What order needs to know of a payload: found once, when the entry arrives.

use crate::attestation::check_evidence;
use crate::ids::DeviceId;
use crate::refusal::Refusal;
use crate::run::PayloadForm;
use crate::sealed::SEALED_KIND;
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
        kind: std::sync::Arc<str>,
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
}

impl Content {
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
        if event.kind == SEALED_KIND && !split.evidence.is_empty() {
            // what it proves would stand there for everybody to read
            return Self::BadEvent {
                sequencers: false,
                refusal: None,
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
