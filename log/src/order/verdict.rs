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
    /// It stands unsealed in a private topic.
    NotSealed,
    /// A key epoch that does not follow on the one before.
    BadEpoch,
    /// It is sealed with the key of an epoch that was not announced before it.
    UnknownEpoch,
    /// The key that it names does not open it.
    Unsealable,
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
            Self::NotSealed => "not_sealed",
            Self::BadEpoch => "bad_epoch",
            Self::UnknownEpoch => "unknown_epoch",
            Self::Unsealable => "unsealable",
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
    /// Whoever has the keys knows; this reader does not.
    Sealed,
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

    /// `accepted`, the code of the rejection, `sealed`, or the reason.
    pub fn text(self) -> &'static str {
        match self {
            Self::Sequenced(Verdict::Accepted) | Self::Tentative(Verdict::Accepted) => "accepted",
            Self::Sequenced(Verdict::Rejected(code)) | Self::Tentative(Verdict::Rejected(code)) => {
                code.text()
            }
            Self::Sequenced(Verdict::Sealed) | Self::Tentative(Verdict::Sealed) => "sealed",
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
    let verdict = judge_kernel(content, standing);
    match content {
        Content::Policy(event) if verdict == Verdict::Accepted => {
            let fits = match &**event {
                PolicyEvent::Setup(_) => policy.private && policy.setup.is_none(),
                other => policy.private || !other.is_for_private_topics(),
            };
            match fits {
                true => verdict,
                false => Verdict::Rejected(Code::BadEvent),
            }
        }
        _ => verdict,
    }
}

/// How far this reader gets with a sealed entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// No epoch of that number was announced before it.
    UnknownEpoch,
    /// The key that it names is here and does not open it.
    Unsealable,
    /// The key is not here, or something before it could not be read.
    Locked,
    /// It is open; what is inside is judged.
    Open,
}

/// The verdict in a private topic (`spec/05-topic.md` 5.6). What stands clear has the same
/// verdict for everybody, so it depends on nothing that is sealed.
pub(super) fn judge_private(
    content: &Content,
    opening: Option<Opening>,
    policy: &Policy,
    entity: &EntityId,
    standing: Standing,
) -> Verdict {
    match opening {
        Some(Opening::UnknownEpoch) => return Verdict::Rejected(Code::UnknownEpoch),
        Some(Opening::Unsealable) => return Verdict::Rejected(Code::Unsealable),
        Some(Opening::Locked) => return Verdict::Sealed,
        Some(Opening::Open) => return judge(content, policy, entity, standing),
        None => {}
    }
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
    }
    if !content.is_clear() {
        return Verdict::Rejected(Code::NotSealed);
    }
    let verdict = judge_kernel(content, standing);
    match content {
        Content::Policy(event) if verdict == Verdict::Accepted => match &**event {
            PolicyEvent::Key(offer) if !policy.follows(offer) => Verdict::Rejected(Code::BadEpoch),
            _ => verdict,
        },
        _ => verdict,
    }
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
