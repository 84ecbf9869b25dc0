//! The restore guard: signs that own entries may be lost, after which a device
//! must never write its old feeds again.

/// Why the guard tripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardReason {
    /// HEAD says that more was durable than is there: an older state of the
    /// segments was put back, or they were damaged.
    WatermarkAhead,
    /// An own entry that HEAD knows of is not in the store.
    OwnSeqMissing,
    /// Bytes above the watermark of a store with own feeds are damaged in a
    /// way that a torn write does not explain.
    BadTail,
    /// HEAD is another physical file than before: the store was copied,
    /// moved to another disk or restored from a backup.
    IdentityChanged,
    /// There are segments but no readable HEAD.
    HeadMissing,
    /// Own entries came in from outside that the store does not have.
    SeenOutside,
}

impl GuardReason {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::WatermarkAhead => 1,
            Self::OwnSeqMissing => 2,
            Self::BadTail => 3,
            Self::IdentityChanged => 4,
            Self::HeadMissing => 5,
            Self::SeenOutside => 6,
        }
    }

    /// A code of a later version counts as tripped, for whatever reason.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => None,
            1 => Some(Self::WatermarkAhead),
            2 => Some(Self::OwnSeqMissing),
            3 => Some(Self::BadTail),
            4 => Some(Self::IdentityChanged),
            5 => Some(Self::HeadMissing),
            _ => Some(Self::SeenOutside),
        }
    }
}

impl std::fmt::Display for GuardReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WatermarkAhead => "more was stored durably than is there now",
            Self::OwnSeqMissing => "an entry that this device wrote is not in the store",
            Self::BadTail => "the end of the log is damaged",
            Self::IdentityChanged => "the files were copied or restored from a backup",
            Self::HeadMissing => "the HEAD file is missing or unreadable",
            Self::SeenOutside => "others have entries of this device that the store lacks",
        })
    }
}
