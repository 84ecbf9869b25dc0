//! Why bytes are refused. The codes are part of the protocol (`spec/`) and stable.

/// A refusal: what is wrong with some bytes. The code is the name that `spec/` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Input ends early.
    Truncated,
    /// Not the one encoding of its value.
    NotCanonical,
    /// A length or count above its limit.
    TooLarge,
    /// CBOR outside of the deterministic subset.
    BadCbor,
    /// A public key that is not admitted.
    BadKey,
    /// A signature that does not check.
    BadSignature,
    /// A key did not sign that it belongs to the entity.
    BadAcceptance,
    /// An identity statement that breaks its rules.
    BadStatement,
    /// A certificate that is not right for its device.
    BadCertificate,
    /// A header whose fields contradict each other.
    BadHeader,
    /// A payload that does not decode.
    BadPayload,
    /// A payload that is not the one that its header names.
    PayloadMismatch,
    /// A run whose framing is wrong.
    BadRun,
    /// A proof whose path does not lead to its entry.
    BadProof,
    /// A fork proof that proves none.
    BadForkProof,
    /// Evidence that does not check.
    BadEvidence,
    /// A genesis without a payload that says what the topic is.
    BadGenesis,
    /// The backlink is not the previous entry of the feed.
    BadBacklink,
    /// The skiplink contradicts the backlinks.
    BadSkiplink,
    /// A dep that is not an entry of the topic.
    BadDep,
    /// The clock does not run forward from the ancestors.
    BadHlc,
    /// A first entry that does not cite its topic's genesis.
    NoGenesis,
    /// A second beginning of the feed that begins with the genesis.
    SecondFirst,
    /// An ancestor is invalid.
    InvalidAncestor,
    /// An ancestor is not there.
    MissingAncestor,
    /// Too far ahead of our clock.
    AheadOfClock,
    /// A bundle whose frame is wrong.
    BadBundle,
    /// No key of that epoch is held.
    UnknownEpoch,
    /// The sealed payload does not open.
    Unsealable,
}

impl Refusal {
    /// All refusals, for tables and tests.
    pub const ALL: &[Self] = &[
        Self::Truncated,
        Self::NotCanonical,
        Self::TooLarge,
        Self::BadCbor,
        Self::BadKey,
        Self::BadSignature,
        Self::BadAcceptance,
        Self::BadStatement,
        Self::BadCertificate,
        Self::BadHeader,
        Self::BadPayload,
        Self::PayloadMismatch,
        Self::BadRun,
        Self::BadProof,
        Self::BadForkProof,
        Self::BadEvidence,
        Self::BadGenesis,
        Self::BadBacklink,
        Self::BadSkiplink,
        Self::BadDep,
        Self::BadHlc,
        Self::NoGenesis,
        Self::SecondFirst,
        Self::InvalidAncestor,
        Self::MissingAncestor,
        Self::AheadOfClock,
        Self::BadBundle,
        Self::UnknownEpoch,
        Self::Unsealable,
    ];

    /// The stable code, as in `spec/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotCanonical => "not_canonical",
            Self::TooLarge => "too_large",
            Self::BadCbor => "bad_cbor",
            Self::BadKey => "bad_key",
            Self::BadSignature => "bad_signature",
            Self::BadAcceptance => "bad_acceptance",
            Self::BadStatement => "bad_statement",
            Self::BadCertificate => "bad_certificate",
            Self::BadHeader => "bad_header",
            Self::BadPayload => "bad_payload",
            Self::PayloadMismatch => "payload_mismatch",
            Self::BadRun => "bad_run",
            Self::BadProof => "bad_proof",
            Self::BadForkProof => "bad_fork_proof",
            Self::BadEvidence => "bad_evidence",
            Self::BadGenesis => "bad_genesis",
            Self::BadBacklink => "bad_backlink",
            Self::BadSkiplink => "bad_skiplink",
            Self::BadDep => "bad_dep",
            Self::BadHlc => "bad_hlc",
            Self::NoGenesis => "no_genesis",
            Self::SecondFirst => "second_first",
            Self::InvalidAncestor => "invalid_ancestor",
            Self::MissingAncestor => "missing_ancestor",
            Self::AheadOfClock => "ahead_of_clock",
            Self::BadBundle => "bad_bundle",
            Self::UnknownEpoch => "unknown_epoch",
            Self::Unsealable => "unsealable",
        }
    }

    /// The same for people.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Truncated => "the input ends early",
            Self::NotCanonical => "the bytes are not the one right encoding of their value",
            Self::TooLarge => "a length is above its limit",
            Self::BadCbor => "the body is not deterministic CBOR",
            Self::BadKey => "the public key is not admitted",
            Self::BadSignature => {
                "the signature does not match: these bytes are not what was signed"
            }
            Self::BadAcceptance => "the key never agreed to belong to this entity",
            Self::BadStatement => "the identity statement breaks its rules",
            Self::BadCertificate => "the certificate is not right for this device",
            Self::BadHeader => "the header contradicts itself",
            Self::BadPayload => "the payload does not decode",
            Self::PayloadMismatch => "the payload is not the one that was signed",
            Self::BadRun => "the run is framed wrongly",
            Self::BadProof => "the path of the proof does not lead to its entry",
            Self::BadForkProof => "the proof shows no fork",
            Self::BadEvidence => "evidence that it carries does not check",
            Self::BadGenesis => "the genesis does not say what the topic is",
            Self::BadBacklink => "the entry does not link to the one before it",
            Self::BadSkiplink => "the skiplink contradicts the backlinks",
            Self::BadDep => "the entry cites something that is not an entry of its topic",
            Self::BadHlc => "the entry claims to be older than what it cites",
            Self::NoGenesis => "a feed's first entry does not cite the genesis of its topic",
            Self::SecondFirst => "this author's feed already begins with the genesis",
            Self::InvalidAncestor => "it builds on an entry that is invalid",
            Self::MissingAncestor => "it builds on an entry that is not here",
            Self::AheadOfClock => "it claims a time more than two minutes ahead of this clock",
            Self::BadBundle => "the file is not a whole bundle",
            Self::UnknownEpoch => "the key of its epoch is not held",
            Self::Unsealable => "it is sealed with another key or was changed",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.explain(), self.code())
    }
}

impl std::error::Error for Refusal {}
