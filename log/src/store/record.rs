//! What goes into the store and comes out of it.

use super::format::{KIND_RUN, MAX_RECORD_BYTES, MAX_RUN_ENTRIES};
use crate::ids::{EntryId, FeedKey};

/// What the store must know of a run of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The feed that the run belongs to.
    pub feed: FeedKey,
    /// Sequence number of the first entry.
    pub first_seq: u64,
    /// Id of the entry before the first.
    pub backlink: Option<EntryId>,
    /// Ids of the entries in order; at least one.
    pub ids: Vec<EntryId>,
    /// Clock of the last entry.
    pub last_hlc: u64,
}

/// Reads what the store itself does not understand.
pub trait Decoder: Send + Sync {
    /// Facts of a run: parses and re-hashes it. An error means that the record
    /// is damaged.
    fn run_facts(&self, record: &[u8]) -> Result<RunFacts, String>;

    /// Id of a record of another kind.
    fn record_id(&self, kind: u8, record: &[u8]) -> Result<[u8; 32], String>;

    /// Deep check of a record for scrub; signatures are checked here.
    fn check(&self, kind: u8, record: &[u8]) -> Result<(), String> {
        if kind == KIND_RUN {
            self.run_facts(record).map(drop)
        } else {
            self.record_id(kind, record).map(drop)
        }
    }
}

/// What is known of a record when it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts<'a> {
    /// A run of entries, one position each.
    Run(&'a RunFacts),
    /// A record of another kind, one position.
    Other([u8; 32]),
}

/// A record to be stored.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Kind; 1 is a run.
    pub kind: u8,
    /// Its bytes, opaque to the store.
    pub bytes: &'a [u8],
    /// What is known of it.
    pub facts: Facts<'a>,
}

impl<'a> Record<'a> {
    /// A run of entries.
    pub fn run(bytes: &'a [u8], facts: &'a RunFacts) -> Self {
        Self {
            kind: KIND_RUN,
            bytes,
            facts: Facts::Run(facts),
        }
    }

    /// A record of another kind with its id.
    pub fn other(kind: u8, bytes: &'a [u8], id: [u8; 32]) -> Self {
        Self {
            kind,
            bytes,
            facts: Facts::Other(id),
        }
    }

    /// Positions that it takes.
    pub(crate) fn positions(&self) -> u32 {
        match self.facts {
            Facts::Run(facts) => facts.ids.len() as u32,
            Facts::Other(_) => 1,
        }
    }

    /// What speaks against storing it.
    pub(crate) fn objection(&self) -> Option<&'static str> {
        if self.bytes.len() > MAX_RECORD_BYTES as usize {
            return Some("larger than 16 MiB");
        }
        match self.facts {
            Facts::Run(_) if self.kind != KIND_RUN => Some("facts of a run on another kind"),
            Facts::Other(_) if self.kind == KIND_RUN => Some("a run without its facts"),
            Facts::Run(facts) if facts.ids.is_empty() => Some("a run without entries"),
            Facts::Run(facts) if facts.ids.len() > MAX_RUN_ENTRIES as usize => {
                Some("a run of more than 4096 entries")
            }
            Facts::Run(facts)
                if facts
                    .first_seq
                    .checked_add(facts.ids.len() as u64)
                    .is_none() =>
            {
                Some("sequence numbers beyond 64 bits")
            }
            _ => None,
        }
    }
}

/// An owned record, for handing it to another thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Kind; 1 is a run.
    pub kind: u8,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is known of it.
    pub facts: OwnedFacts,
}

/// What is known of an owned record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedFacts {
    /// A run of entries.
    Run(RunFacts),
    /// A record of another kind.
    Other([u8; 32]),
}

impl OwnedRecord {
    /// A run of entries.
    pub fn run(bytes: Vec<u8>, facts: RunFacts) -> Self {
        Self {
            kind: KIND_RUN,
            bytes,
            facts: OwnedFacts::Run(facts),
        }
    }

    /// A record of another kind with its id.
    pub fn other(kind: u8, bytes: Vec<u8>, id: [u8; 32]) -> Self {
        Self {
            kind,
            bytes,
            facts: OwnedFacts::Other(id),
        }
    }

    /// The record, borrowed.
    pub fn as_record(&self) -> Record<'_> {
        Record {
            kind: self.kind,
            bytes: &self.bytes,
            facts: match &self.facts {
                OwnedFacts::Run(facts) => Facts::Run(facts),
                OwnedFacts::Other(id) => Facts::Other(*id),
            },
        }
    }
}

/// A record as the store returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Kind; 1 is a run.
    pub kind: u8,
    /// Its bytes as they were committed (or as pruning left them).
    pub bytes: Vec<u8>,
    /// Position of the record's first entry.
    pub first_position: u64,
    /// Positions that the record takes.
    pub positions: u32,
    /// Which of its entries was asked for, counted from 0.
    pub index_in_run: u32,
}

/// Positions that a commit took: `first..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// First position.
    pub first: u64,
    /// Position behind the last.
    pub end: u64,
}
