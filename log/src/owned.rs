//! Payloads that are held by themselves.

use crate::run::PayloadForm;

/// A payload as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedPayload {
    /// All of it.
    Whole(Vec<u8>),
    /// Its erasable part was dropped.
    Erased {
        /// Kind, body and evidence.
        part: Vec<u8>,
        /// What was dropped.
        erasable_hash: [u8; 32],
        /// Bytes that the whole payload had.
        len: u32,
    },
}

impl OwnedPayload {
    /// A copy of a payload.
    pub fn of(form: &PayloadForm<'_>) -> Self {
        match form {
            PayloadForm::Whole(bytes) => Self::Whole(bytes.to_vec()),
            PayloadForm::Erased {
                part,
                erasable_hash,
                len,
            } => Self::Erased {
                part: part.to_vec(),
                erasable_hash: *erasable_hash,
                len: *len,
            },
        }
    }

    /// Borrowed, to look into it.
    pub fn form(&self) -> PayloadForm<'_> {
        match self {
            Self::Whole(bytes) => PayloadForm::Whole(bytes),
            Self::Erased {
                part,
                erasable_hash,
                len,
            } => PayloadForm::Erased {
                len: *len,
                part,
                erasable_hash: *erasable_hash,
            },
        }
    }
}
