//! What a simulated node has on its disk: it survives crashes, can be wiped, copied
//! and put back.

use synlog_log::disk::Seeded;

use super::blobs::MemoryBlobs;
use crate::repo::Epoch;

/// One thing that was made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A signed run.
    Run(Vec<u8>),
    /// A proof of a fork.
    Proof(Vec<u8>),
    /// A statement of an identity log.
    Statement(Vec<u8>),
    /// A receipt of somebody else.
    Receipt(Vec<u8>),
}

impl Record {
    /// How many bytes it takes.
    pub fn len(&self) -> usize {
        let (Self::Run(bytes) | Self::Proof(bytes) | Self::Statement(bytes) | Self::Receipt(bytes)) =
            self;
        bytes.len()
    }

    /// Whether it takes none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A disk: records in the order in which they became durable.
#[derive(Debug, Clone)]
pub struct RecordDisk {
    /// Which history this is.
    pub epoch: Epoch,
    /// What was written.
    pub records: Vec<Record>,
    /// Its blobs.
    pub blobs: MemoryBlobs,
}

impl RecordDisk {
    /// An empty disk with a new history.
    pub fn new(random: &mut Seeded) -> Self {
        let mut epoch = [0; 16];
        epoch[..8].copy_from_slice(&random.bits().to_le_bytes());
        epoch[8..].copy_from_slice(&random.bits().to_le_bytes());
        Self {
            epoch: Epoch(epoch),
            records: Vec::new(),
            blobs: MemoryBlobs::default(),
        }
    }

    /// Bytes of all records.
    pub fn bytes(&self) -> usize {
        self.records.iter().map(Record::len).sum()
    }
}
