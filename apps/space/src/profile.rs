//! The aggregate `space`: the provider's profile, policies and capabilities.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::capability::{self, Capability, Grant, GrantCapability, RevokeCapability};
use crate::code::{EXISTS, UNKNOWN_SPACE};
use crate::field::{self, ADDRESS_MAX, DESCRIPTION_MAX, TITLE_MAX, WORD_MAX, require};
use crate::terms::{self, ReturnTerms, Term};

/// Ways of payment that a space names.
const PAYMENT_TYPES_MAX: usize = 32;
/// Seconds of notice, at most a year.
pub(crate) const NOTICE_MAX_S: i64 = 366 * 86_400;

/// Body of `space.create`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Create {
    /// What people call it.
    pub name: String,
    /// What it is, as in `shop/bakery`.
    #[serde(default)]
    pub category: Option<String>,
    /// What it does, in a few sentences.
    #[serde(default)]
    pub about: Option<String>,
    /// IANA time zone.
    pub zone: String,
    /// Currency of its prices where nothing else is said.
    #[serde(default)]
    pub currency: Option<String>,
}

/// Body of `space.brand`: what is given replaces what was.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Brand {
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// What it does.
    #[serde(default)]
    pub about: Option<String>,
    /// Colour, as `#rrggbb`.
    #[serde(default)]
    pub colour: Option<String>,
    /// Hash of a picture.
    #[serde(default)]
    pub logo: Option<Id>,
    /// Web address.
    #[serde(default)]
    pub website: Option<String>,
}

/// Body of `space.policy`: what is given replaces what was.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Policy {
    /// Fees of cancelling, for items that name none of their own.
    #[serde(default)]
    pub cancellation_terms: Option<Vec<Term>>,
    /// Terms of return, for items that name none of their own.
    #[serde(default)]
    pub return_terms: Option<ReturnTerms>,
    /// Seconds of notice that the provider asks for.
    #[serde(default)]
    pub notice_s: Option<i64>,
}

/// Body of `space.payment_types`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentTypes {
    /// Names such as `cash`, `card`, `invoice`; they replace those before.
    pub types: Vec<String>,
}

/// The state of the aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub category: Option<String>,
    /// What it does.
    pub about: Option<String>,
    /// IANA time zone.
    pub zone: String,
    /// Currency of its prices where nothing else is said.
    pub currency: Option<String>,
    /// Colour, as `#rrggbb`.
    pub colour: Option<String>,
    /// Hash of a picture.
    pub logo: Option<Id>,
    /// Web address.
    pub website: Option<String>,
    /// Fees of cancelling.
    pub cancellation_terms: Vec<Term>,
    /// Terms of return.
    pub return_terms: Option<ReturnTerms>,
    /// Seconds of notice.
    pub notice_s: Option<i64>,
    /// Ways of payment.
    pub payment_types: Vec<String>,
    /// Capabilities; those that have lapsed go at the next grant.
    pub grants: Vec<Grant>,
}

fn existing(state: &mut Option<Space>) -> Result<&mut Space, Code> {
    state.as_mut().ok_or(UNKNOWN_SPACE)
}

fn grants(state: &Option<Space>) -> &[Grant] {
    state.as_ref().map_or(&[], |space| &space.grants)
}

/// Checks that the writer of an event that changes another aggregate may do so.
pub(crate) fn permit(
    state: &Option<Space>,
    needed: Capability,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    capability::check(grants(state), needed, meta)
}

/// `space.create`, by the owner, once.
pub(crate) fn create(
    state: &mut Option<Space>,
    event: &Create,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    capability::owner_only(meta)?;
    if state.is_some() {
        return Err(EXISTS);
    }
    field::line(&event.name, TITLE_MAX)?;
    field::line_if(&event.category, WORD_MAX)?;
    field::text_if(&event.about, DESCRIPTION_MAX)?;
    field::zone(&event.zone)?;
    require(event.currency.as_deref().is_none_or(field::is_currency))?;
    *state = Some(Space {
        name: event.name.clone(),
        category: event.category.clone(),
        about: event.about.clone(),
        zone: event.zone.clone(),
        currency: event.currency.clone(),
        colour: None,
        logo: None,
        website: None,
        cancellation_terms: Vec::new(),
        return_terms: None,
        notice_s: None,
        payment_types: Vec::new(),
        grants: Vec::new(),
    });
    Ok(())
}

/// `space.brand`.
pub(crate) fn brand(state: &mut Option<Space>, event: &Brand, meta: &Meta<'_>) -> Result<(), Code> {
    permit(state, Capability::All, meta)?;
    let space = existing(state)?;
    field::line_if(&event.name, TITLE_MAX)?;
    field::text_if(&event.about, DESCRIPTION_MAX)?;
    require(event.colour.as_deref().is_none_or(is_colour))?;
    field::line_if(&event.website, ADDRESS_MAX)?;
    if let Some(name) = &event.name {
        space.name.clone_from(name);
    }
    replace(&mut space.about, &event.about);
    replace(&mut space.colour, &event.colour);
    replace(&mut space.logo, &event.logo);
    replace(&mut space.website, &event.website);
    Ok(())
}

/// `space.policy`.
pub(crate) fn policy(
    state: &mut Option<Space>,
    event: &Policy,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    permit(state, Capability::All, meta)?;
    let space = existing(state)?;
    terms::check_terms(event.cancellation_terms.as_deref().unwrap_or_default())?;
    terms::check_return(&event.return_terms)?;
    require((0..=NOTICE_MAX_S).contains(&event.notice_s.unwrap_or(0)))?;
    if let Some(terms) = &event.cancellation_terms {
        space.cancellation_terms.clone_from(terms);
    }
    replace(&mut space.return_terms, &event.return_terms);
    replace(&mut space.notice_s, &event.notice_s);
    Ok(())
}

/// `space.payment_types`.
pub(crate) fn payment_types(
    state: &mut Option<Space>,
    event: &PaymentTypes,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    permit(state, Capability::All, meta)?;
    let space = existing(state)?;
    field::lines(&event.types, PAYMENT_TYPES_MAX, WORD_MAX)?;
    space.payment_types.clone_from(&event.types);
    Ok(())
}

/// `space.grant`, by the owner.
pub(crate) fn grant(
    state: &mut Option<Space>,
    event: &GrantCapability,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    capability::owner_only(meta)?;
    capability::grant(&mut existing(state)?.grants, event, meta)
}

/// `space.revoke`, by the owner.
pub(crate) fn revoke(
    state: &mut Option<Space>,
    event: &RevokeCapability,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    capability::owner_only(meta)?;
    capability::revoke(&mut existing(state)?.grants, event)
}

fn replace<T: Clone>(field: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        field.clone_from(given);
    }
}

fn is_colour(text: &str) -> bool {
    text.len() == 7
        && text.starts_with('#')
        && text.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit())
}
