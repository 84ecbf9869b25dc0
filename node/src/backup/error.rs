//! What can go wrong with a backup.

use crate::failure::Exit;

/// Why a backup is not written, read or restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The directory or bucket does not do what is asked.
    #[error("{0}")]
    Place(String),
    /// There is something else.
    #[error("there is no synlog backup, but other files")]
    NotABackup,
    /// There is nothing.
    #[error("there is no synlog backup")]
    Nothing,
    /// It is of another store.
    #[error("the backup there is of another store")]
    OtherStore,
    /// It holds what this store does not.
    #[error("the backup there holds entries that this store does not (segment {segment})")]
    Diverged {
        /// The first segment that differs.
        segment: u32,
    },
    /// This store is damaged.
    #[error("segment {segment} of this store is damaged: {what}")]
    DamagedStore {
        /// Which segment.
        segment: u32,
        /// What is wrong with it.
        what: String,
    },
    /// A segment was written anew while it was read.
    #[error("segment {segment} was written anew meanwhile")]
    Changed {
        /// Which segment.
        segment: u32,
    },
    /// Another process wrote a backup to the same place.
    #[error("another backup was written there at the same time")]
    Busy,
    /// A part of the backup is missing or not what it was.
    #[error("{part} {what}")]
    Damaged {
        /// Which part.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// The disk on which it is restored.
    #[error("{0}")]
    Disk(String),
}

impl BackupError {
    /// How a command ends that meets it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NotABackup | Self::Nothing => Exit::Usage,
            Self::OtherStore | Self::Diverged { .. } | Self::Busy => Exit::Refused,
            Self::DamagedStore { .. } | Self::Damaged { .. } => Exit::Findings,
            Self::Place(_) | Self::Changed { .. } | Self::Disk(_) => Exit::System,
        }
    }

    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Place(_) => "backup_place",
            Self::NotABackup => "not_a_backup",
            Self::Nothing => "no_backup",
            Self::OtherStore => "other_store",
            Self::Diverged { .. } => "diverged",
            Self::DamagedStore { .. } => "damaged_store",
            Self::Changed { .. } => "changed",
            Self::Busy => "busy",
            Self::Damaged { .. } => "damaged_backup",
            Self::Disk(_) => "disk",
        }
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotABackup => "name an empty directory, or a new one; nothing was changed",
            Self::Nothing => "look at the path: a backup has a file `synlog-backup` in it",
            Self::OtherStore => "use one directory or prefix for each data directory",
            Self::Diverged { .. } => {
                "this store was restored or lost data, or another copy of it was backed up there: restore that backup elsewhere and look, use another place, or --adopt to go on from here (the older backup stays until you prune it)"
            }
            Self::DamagedStore { .. } => {
                "a damaged store is not put in place of a good backup: run `synlog doctor scrub`, read bundles that bring back what is missing, or restore this backup"
            }
            Self::Changed { .. } | Self::Busy => "run it again",
            Self::Damaged { .. } => {
                "`synlog verify` on the backup tells all that is wrong; as long as the store is good, `synlog backup --full` makes it whole again"
            }
            Self::Place(_) | Self::Disk(_) => return None,
        };
        Some(text.to_owned())
    }
}
