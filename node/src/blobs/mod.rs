//! Blobs on this machine: the files, which topics name them, what may stay and what goes
//! (`spec/15-blobs.md` 15.5).
//!
//! Files are named by the hash of what is in them. Which topics name a blob follows from
//! the entries and is found again when it is lost; what a person said of it (pins), and
//! what members asked a keeper to hold, stands in the journal beside.

mod error;
mod files;
mod keeping;
mod naming;
mod quota;
mod reading;
mod table;
#[cfg(test)]
mod tests;

pub use error::BlobError;
pub use files::Files;
pub use keeping::{Added, Blobs, Request, Standing};
pub use naming::FETCHED_MAX;
pub use quota::Quota;
pub use reading::media_type_of;
pub use table::{Name, Table};

use std::path::Path;

use crate::failure::Failure;

/// The quotas of a directory of blobs: what was said, else what fits most.
pub(crate) fn quota_of(root: &Path) -> Result<Quota, Failure> {
    let text = files::read_text(&root.join("quota.json"))?;
    let wrong = |_| {
        Failure::System(format!(
            "{} is damaged: remove it",
            root.join("quota.json").display()
        ))
    };
    text.map_or(Ok(Quota::default()), |text| {
        serde_json::from_str(&text).map_err(wrong)
    })
}

/// Writes the quotas down.
pub(crate) fn save_quota(root: &Path, quota: &Quota) -> Result<(), Failure> {
    let text = serde_json::to_string(quota).unwrap_or_default();
    files::make(root)?;
    crate::home::write_secret(&root.join("quota.json"), text.as_bytes())
}
