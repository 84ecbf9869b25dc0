//! Capabilities: what the owner lets managers do in the space.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::code::{BAD_FIELD, FULL, NO_CAPABILITY, UNKNOWN_GRANT};
use crate::field;

/// Role of the provider in the topic's policy; it needs no capability.
pub const OWNER: &str = "owner";
/// Capabilities that may run at a time: as many rows as a page shows.
pub const GRANTS_MAX: usize = 128;

/// What a manager may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capability {
    /// Places, items and ads.
    Catalog,
    /// Counting, taking and freeing of stock.
    Stock,
    /// Resources, their hours and slots.
    Booking,
    /// All of these, and the profile of the space.
    All,
}

impl Capability {
    /// All of them.
    pub const EVERY: [Self; 4] = [Self::Catalog, Self::Stock, Self::Booking, Self::All];

    /// Its name in events and rows.
    pub fn text(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Stock => "stock",
            Self::Booking => "booking",
            Self::All => "all",
        }
    }

    fn read(text: &str) -> Result<Self, Code> {
        let mut every = Self::EVERY.into_iter();
        every
            .find(|capability| capability.text() == text)
            .ok_or(BAD_FIELD)
    }

    fn covers(self, needed: Self) -> bool {
        self == Self::All || self == needed
    }
}

/// Body of `space.grant`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GrantCapability {
    /// The entity that gets it.
    pub subject: Id,
    /// `catalog`, `stock`, `booking` or `all`.
    pub capability: String,
    /// Instant after which it has lapsed, UTC ms; absent: until it is revoked.
    #[serde(default)]
    pub until: Option<i64>,
}

/// Body of `space.revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RevokeCapability {
    /// The entity that loses it.
    pub subject: Id,
    /// Which.
    pub capability: String,
}

/// A capability that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who has it.
    pub subject: Id,
    /// What.
    pub capability: Capability,
    /// Instant after which it has lapsed, UTC ms.
    pub until: Option<i64>,
}

impl Grant {
    fn runs_at(&self, at_ms: i64) -> bool {
        self.until.is_none_or(|until| until >= at_ms)
    }
}

/// The instant of an event: its own clock. A reducer sees no other for events that are
/// not the sequencer's own; the kernel keeps it above that of all its ancestors and at
/// most two minutes ahead of those who admit it.
pub fn at_ms(meta: &Meta<'_>) -> i64 {
    // 48 bits: always fits.
    (meta.hlc >> 16) as i64
}

/// Whether the event's writer is the owner.
pub fn is_owner(meta: &Meta<'_>) -> bool {
    meta.role == OWNER
}

/// `NO_CAPABILITY` unless the writer is the owner.
pub fn owner_only(meta: &Meta<'_>) -> Result<(), Code> {
    if is_owner(meta) {
        Ok(())
    } else {
        Err(NO_CAPABILITY)
    }
}

/// `NO_CAPABILITY` unless the writer is the owner or has what is needed.
pub fn check(grants: &[Grant], needed: Capability, meta: &Meta<'_>) -> Result<(), Code> {
    let at_ms = at_ms(meta);
    let has = |grant: &Grant| {
        grant.subject.0 == meta.entity && grant.capability.covers(needed) && grant.runs_at(at_ms)
    };
    if is_owner(meta) || grants.iter().any(has) {
        Ok(())
    } else {
        Err(NO_CAPABILITY)
    }
}

/// Grants; what was granted to this subject under this name before is replaced, what
/// has lapsed is forgotten.
pub fn grant(
    grants: &mut Vec<Grant>,
    event: &GrantCapability,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    let capability = Capability::read(&event.capability)?;
    event.until.map_or(Ok(()), field::instant)?;
    let at_ms = at_ms(meta);
    let stays = |grant: &&Grant| {
        grant.runs_at(at_ms)
            && (grant.subject.0 != event.subject.0 || grant.capability != capability)
    };
    if grants.iter().filter(stays).count() >= GRANTS_MAX {
        return Err(FULL);
    }
    grants.retain(|grant| stays(&grant));
    grants.push(Grant {
        subject: event.subject,
        capability,
        until: event.until,
    });
    Ok(())
}

/// Takes a capability back.
pub fn revoke(grants: &mut Vec<Grant>, event: &RevokeCapability) -> Result<(), Code> {
    let capability = Capability::read(&event.capability)?;
    let found = grants
        .iter()
        .position(|grant| grant.subject.0 == event.subject.0 && grant.capability == capability);
    grants.remove(found.ok_or(UNKNOWN_GRANT)?);
    Ok(())
}
