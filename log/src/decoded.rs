//! A run that was decoded, to be looked at again without hashing its entries again.

use crate::ids::EntryId;
use crate::refusal::Refusal;
use crate::run::{EntryView, RunView};

/// What hashing an entry gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hashes {
    /// Its id.
    pub(crate) id: EntryId,
    /// Hash of its payload.
    pub(crate) payload: [u8; 32],
}

impl Hashes {
    fn of(entry: &EntryView<'_>) -> Self {
        Self {
            id: entry.id,
            payload: entry.payload_hash,
        }
    }
}

/// The bytes of a run that decodes, with the ids of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedRun {
    bytes: Vec<u8>,
    hashes: Vec<Hashes>,
}

impl DecodedRun {
    /// Decodes a run.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let run = RunView::decode(&bytes)?;
        let hashes = run.entries.iter().map(Hashes::of).collect();
        Ok(Self { bytes, hashes })
    }

    /// The run. Fails only as [`DecodedRun::new`] would have.
    pub fn view(&self) -> Result<RunView<'_>, Refusal> {
        RunView::read(&self.bytes, Some(&self.hashes))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes, for keeping.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
