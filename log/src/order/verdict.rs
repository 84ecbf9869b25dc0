//! What becomes of an entry: where it stands, and whether the kernel accepts it.

use crate::ids::EntityId;
use crate::order::Content;
use crate::topic::{Policy, PolicyEvent};

/// Why the kernel rejects an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The payload does not decode.
    BadPayload,
    /// A piece of evidence does not check.
    BadEvidence,
    /// The device is revoked here.
    Revoked,
    /// The certificate is older than a rotation known here.
    StaleCertificate,
    /// The entity may not write here.
    NotMember,
    /// The role may not write this kind.
    NotPermitted,
    /// A kernel kind that does not exist.
    UnknownKind,
    /// Only the sequencer may write this.
    NotSequencer,
    /// The body does not fit its kind.
    BadEvent,
}

impl Code {
    /// The stable code, as in `spec/`.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadPayload => "bad_payload",
            Self::BadEvidence => "bad_evidence",
            Self::Revoked => "revoked",
            Self::StaleCertificate => "stale_certificate",
            Self::NotMember => "not_member",
            Self::NotPermitted => "not_permitted",
            Self::UnknownKind => "unknown_kind",
            Self::NotSequencer => "not_sequencer",
            Self::BadEvent => "bad_event",
        }
    }
}

/// What the kernel says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The app's reducer gets it.
    Accepted,
    /// It changes nothing.
    Rejected(Code),
}

/// Why an entry counts for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoidReason {
    /// Its device signed two branches.
    Fork,
    /// Its device was taken over.
    Withdrawn,
    /// Its feed was ended by a removal.
    Removed,
}

impl VoidReason {
    /// The stable word, as in `spec/`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Withdrawn => "withdrawn",
            Self::Removed => "removed",
        }
    }
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Placed by the sequencer.
    Sequenced(Verdict),
    /// Not placed yet; may still move.
    Tentative(Verdict),
    /// Excluded for good.
    Void(VoidReason),
    /// Not placed, shown, folded by nobody.
    Held(VoidReason),
}

impl Status {
    /// Its number in the order digest.
    pub fn number(self) -> u8 {
        match self {
            Self::Sequenced(_) => 0,
            Self::Tentative(_) => 1,
            Self::Void(_) => 2,
            Self::Held(_) => 3,
        }
    }

    /// The status in one word.
    pub fn word(self) -> &'static str {
        ["sequenced", "tentative", "void", "held"][self.number() as usize]
    }

    /// `accepted`, the code of the rejection, or the reason.
    pub fn text(self) -> &'static str {
        match self {
            Self::Sequenced(Verdict::Accepted) | Self::Tentative(Verdict::Accepted) => "accepted",
            Self::Sequenced(Verdict::Rejected(code)) | Self::Tentative(Verdict::Rejected(code)) => {
                code.text()
            }
            Self::Void(reason) | Self::Held(reason) => reason.text(),
        }
    }

    /// Whether the app's reducer gets it.
    pub fn is_accepted(self) -> bool {
        matches!(
            self,
            Self::Sequenced(Verdict::Accepted) | Self::Tentative(Verdict::Accepted)
        )
    }
}

/// How an entry's device stands at its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub revoked: bool,
    pub stale: bool,
    /// It is an entry of the chain: the sequencer's own.
    pub in_chain: bool,
    /// It begins a leg by a takeover.
    pub takes_over: bool,
}

/// The first code that applies (`spec/05-topic.md` 5.3).
pub(super) fn judge(
    content: &Content,
    policy: &Policy,
    entity: &EntityId,
    standing: Standing,
) -> Verdict {
    match content {
        Content::BadPayload => return Verdict::Rejected(Code::BadPayload),
        Content::BadEvidence => return Verdict::Rejected(Code::BadEvidence),
        _ => {}
    }
    if !standing.in_chain {
        if standing.revoked {
            return Verdict::Rejected(Code::Revoked);
        }
        if standing.stale {
            return Verdict::Rejected(Code::StaleCertificate);
        }
        let Some(role) = policy.role(entity) else {
            return Verdict::Rejected(Code::NotMember);
        };
        if let Content::App { kind } = content
            && !policy.permits(role, kind)
        {
            return Verdict::Rejected(Code::NotPermitted);
        }
    }
    judge_kernel(content, standing)
}

/// Place 7 of the list: events of the kernel itself.
pub(super) fn judge_kernel(content: &Content, standing: Standing) -> Verdict {
    let code = match content {
        Content::UnknownKind => Code::UnknownKind,
        Content::BadEvent {
            sequencers: true, ..
        } if !standing.in_chain => Code::NotSequencer,
        Content::BadEvent { .. } => Code::BadEvent,
        Content::Policy(event) if event.is_the_sequencers() && !standing.in_chain => {
            Code::NotSequencer
        }
        Content::Policy(event)
            if matches!(**event, PolicyEvent::Takeover { .. }) && !standing.takes_over =>
        {
            Code::NotSequencer
        }
        _ => return Verdict::Accepted,
    };
    Verdict::Rejected(code)
}
