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

use serde_json::Value as Json;

use crate::failure::Failure;
use crate::formats;

/// Version of the file of quotas.
const QUOTA_VERSION: u64 = 1;

/// The quotas of a directory of blobs: what was said, else what fits most.
pub(crate) fn quota_of(root: &Path) -> Result<Quota, Failure> {
    let text = files::read_text(&root.join("quota.json"))?;
    let wrong = |_| {
        Failure::System(format!(
            "{} is damaged: remove it",
            root.join("quota.json").display()
        ))
    };
    let Some(text) = text else {
        return Ok(Quota::default());
    };
    let json: Json = serde_json::from_str(&text).map_err(wrong)?;
    // the first ones did not say it
    let version = json["version"].as_u64().unwrap_or(QUOTA_VERSION);
    formats::check(&root.join("quota.json"), version, QUOTA_VERSION)?;
    serde_json::from_value(json).map_err(wrong)
}

/// Writes the quotas down.
pub(crate) fn save_quota(root: &Path, quota: &Quota) -> Result<(), Failure> {
    let mut json = serde_json::to_value(quota).unwrap_or_default();
    json["version"] = QUOTA_VERSION.into();
    let text = json.to_string();
    files::make(root)?;
    crate::home::write_secret(&root.join("quota.json"), text.as_bytes())
}
