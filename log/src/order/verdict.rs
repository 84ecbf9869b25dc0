//! What becomes of an entry: where it stands, and whether the kernel accepts it.

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
            Self::Sequenced(Verdict::Rejected(code)) | Self::Tentative(Verdict::Rejected(code)) => code.text(),
            Self::Void(reason) | Self::Held(reason) => reason.text(),
        }
    }

    /// Whether the app's reducer gets it.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Sequenced(Verdict::Accepted) | Self::Tentative(Verdict::Accepted))
    }
}
