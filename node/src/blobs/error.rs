//! What goes wrong with blobs.

use synlog_log::ids::BlobHash;
use synlog_log::limits::BLOB_MAX;

use crate::failure::Exit;

/// What goes wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not here.
    #[error("the blob {} is not here", .0.short())]
    Missing(BlobHash),
    /// It was here, and what stood on the disk was not it.
    #[error("the blob {} was damaged on this disk and is dropped", .0.short())]
    Damaged(BlobHash),
    /// Nothing is no blob, and neither is too much.
    #[error("a blob has 1 to {BLOB_MAX} bytes, this has {0}")]
    Size(u64),
    /// Nobody here can open it.
    #[error("the blob {} is sealed, and no entry that can be read here has its key", .0.short())]
    NoKey(BlobHash),
    /// What an entry says of it is not so.
    #[error("the blob {} does not open with the key that an entry gives", .0.short())]
    Unsealable(BlobHash),
    /// It did not come in time.
    #[error("the blob {} did not come within {patience_s} s", .hash.short())]
    Late {
        /// Which.
        hash: BlobHash,
        /// How long was waited.
        patience_s: u64,
    },
    /// The quotas leave no room for it.
    #[error("there is no room for the blob {}: the quotas are used up", .0.short())]
    NoRoom(BlobHash),
}

impl BlobError {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Size(_) => Exit::Usage,
            Self::NoRoom(_) => Exit::Refused,
            _ => Exit::Findings,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "with `synlog up` running, `synlog blob get` fetches what an entry of a topic here names"
            }
            Self::Damaged(_) => {
                "with `synlog up` running, `synlog blob get` fetches it anew; look after the disk"
            }
            Self::Size(_) => "cut it into parts, or keep it elsewhere and name it by a link",
            Self::NoKey(_) => "give the key with --key, or --sealed to get it as it is stored",
            Self::Unsealable(_) => "ask whoever wrote the entry; --sealed gives it as it is stored",
            Self::Late { .. } => {
                "`synlog peers` shows who is there; it goes on where it ended when you ask again"
            }
            Self::NoRoom(_) => {
                "`synlog blob quota` shows and changes the quotas, `synlog blob gc` drops what can go"
            }
        }
    }

    /// A stable word for `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "no_blob",
            Self::Damaged(_) => "blob_damaged",
            Self::Size(_) => "blob_size",
            Self::NoKey(_) => "blob_no_key",
            Self::Unsealable(_) => "blob_unsealable",
            Self::Late { .. } => "blob_late",
            Self::NoRoom(_) => "blob_no_room",
        }
    }
}
