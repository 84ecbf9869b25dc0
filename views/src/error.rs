//! What can go wrong with views, as types.

use synlog_log::fold::Halt;

/// Why an operation on views did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// What is stored is damaged. Views hold nothing that the log does not: throw the
    /// directory away ([`crate::Views::discard`]) and open it again.
    #[error("the stored views are damaged ({0}); they have to be rebuilt from the log")]
    Damaged(String),
    /// The database or the disk under it failed.
    #[error("the database of the views failed")]
    Database(#[from] sled::Error),
    /// A file could not be read, made or removed.
    #[error("the directory of the views could not be used")]
    Directory(#[from] std::io::Error),
    /// The events of a topic could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The reducer can't go on.
    #[error(transparent)]
    Halted(#[from] Halt),
    /// Rows and states take more bytes than the caller allows.
    #[error("rows and states take more than {0} bytes")]
    OverBudget(u64),
    /// A query that the tables can't answer.
    #[error("the query is wrong: {0}")]
    Query(String),
    /// There are no views of this topic.
    #[error("there are no views of this topic")]
    UnknownTopic,
}

/// What gives out events failed, or gave out something that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("events could not be read: {0}")]
pub struct SourceError(pub String);
