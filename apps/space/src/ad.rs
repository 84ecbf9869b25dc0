//! Aggregates `ad/<slug>`: what the provider shows for some time to who looks for it.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Geo};

use crate::code::UNKNOWN_AD;
use crate::field::{self, DESCRIPTION_MAX, TITLE_MAX, require};

/// Body of `ad.put`, and the state: the last one stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdPut {
    /// Its slug.
    pub ad: String,
    /// The words that it is found under.
    pub terms: String,
    /// What it says.
    #[serde(default)]
    pub text: Option<String>,
    /// The item that it is for.
    #[serde(default)]
    pub item: Option<String>,
    /// Where it is meant for.
    #[serde(default)]
    pub geo: Option<Geo>,
    /// First instant, UTC ms.
    pub from: i64,
    /// Instant from when on it is not shown, UTC ms.
    pub until: i64,
}

/// Body of `ad.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AdRemove {
    /// Its slug.
    pub ad: String,
}

/// `ad.put`.
pub(crate) fn put(state: &mut Option<AdPut>, event: &AdPut) -> Result<(), Code> {
    field::line(&event.terms, TITLE_MAX)?;
    field::text_if(&event.text, DESCRIPTION_MAX)?;
    field::slug_if(&event.item)?;
    event.geo.as_ref().map_or(Ok(()), field::geo)?;
    field::instant(event.from)?;
    field::instant(event.until)?;
    require(event.from < event.until)?;
    *state = Some(event.clone());
    Ok(())
}

/// `ad.remove`: the aggregate is gone, and may be put again.
pub(crate) fn remove(state: &mut Option<AdPut>) -> Result<(), Code> {
    state.take().map(|_| ()).ok_or(UNKNOWN_AD)
}
