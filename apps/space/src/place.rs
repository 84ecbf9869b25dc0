//! Aggregates `place/<slug>`: where the provider is, or how far it comes.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Geo};

use crate::code::UNKNOWN_PLACE;
use crate::field::{self, ADDRESS_MAX, TITLE_MAX, WORD_MAX, require};

/// Bytes of opening hours in OpenStreetMap's syntax.
const HOURS_MAX: usize = 1_000;
/// Metres of a service area: half the way around the globe.
const RADIUS_MAX_M: i64 = 20_040_000;

/// Body of `place.put`, and the state: the last one stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacePut {
    /// Its slug.
    pub place: String,
    /// What people call it.
    pub name: String,
    /// What it is, as in `shop/bakery`.
    pub category: String,
    /// Where it is.
    pub geo: Geo,
    /// Street, number, town.
    #[serde(default)]
    pub address: Option<String>,
    /// In the syntax of OpenStreetMap's `opening_hours`; not read by the reducer.
    #[serde(default)]
    pub opening_hours: Option<String>,
    /// IANA time zone.
    pub zone: String,
    /// Telephone number.
    #[serde(default)]
    pub phone: Option<String>,
    /// Web address.
    #[serde(default)]
    pub website: Option<String>,
    /// Mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Metres around `geo` within which the provider comes to the client.
    #[serde(default)]
    pub radius_m: Option<i64>,
    /// Where this is known from, and under which licence.
    #[serde(default)]
    pub source: Option<String>,
}

/// Body of `place.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlaceRemove {
    /// Its slug.
    pub place: String,
}

/// `place.put`.
pub(crate) fn put(state: &mut Option<PlacePut>, event: &PlacePut) -> Result<(), Code> {
    field::line(&event.name, TITLE_MAX)?;
    field::line(&event.category, WORD_MAX)?;
    field::geo(&event.geo)?;
    field::line_if(&event.address, ADDRESS_MAX)?;
    field::line_if(&event.opening_hours, HOURS_MAX)?;
    field::zone(&event.zone)?;
    field::line_if(&event.phone, ADDRESS_MAX)?;
    field::line_if(&event.website, ADDRESS_MAX)?;
    field::line_if(&event.email, ADDRESS_MAX)?;
    require((0..=RADIUS_MAX_M).contains(&event.radius_m.unwrap_or(0)))?;
    field::line_if(&event.source, ADDRESS_MAX)?;
    *state = Some(event.clone());
    Ok(())
}

/// `place.remove`: the aggregate is gone, and may be put again.
pub(crate) fn remove(state: &mut Option<PlacePut>) -> Result<(), Code> {
    state.take().map(|_| ()).ok_or(UNKNOWN_PLACE)
}
