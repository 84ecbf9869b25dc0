//! Aggregates `resource/<slug>`: what can be booked, when, and what of it is booked.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

use crate::capability::at_ms;
use crate::code::{FULL, OUTSIDE_HOURS, SHORT_NOTICE, SLOT_TAKEN, UNKNOWN_RESOURCE, UNKNOWN_TAKE};
use crate::field::{self, TITLE_MAX, ms, require};
use crate::hours::{self, Hours, Offset};
use crate::profile::NOTICE_MAX_S;
use crate::slot::{SlotFree, SlotTake};

/// Seats of a resource: the largest hall of a small town.
const CAPACITY_MAX: i64 = 10_000;
/// Seconds that a resource rests after a slot: a week.
const BUFFER_MAX_S: i64 = 7 * 86_400;
/// A slot lasts at most a year.
const LENGTH_MAX_MS: i64 = 366 * 86_400_000;
/// A slot begins at most two years ahead: offsets further on are guesses.
const AHEAD_MAX_MS: i64 = 2 * 366 * 86_400_000;
/// What ended so long ago is forgotten.
const KEPT_MS: i64 = 30 * 86_400_000;
/// Slots that a resource remembers: what one event can go through within its budget.
pub const BOOKED_MAX: usize = 2_048;

/// Body of `resource.put`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourcePut {
    /// Its slug.
    pub resource: String,
    /// What people call it.
    pub title: String,
    /// IANA time zone, of which `offsets` are.
    pub zone: String,
    /// Seats.
    pub capacity: i64,
    /// Seconds that its seats are not free after a slot: for tidying up or the way there.
    #[serde(default)]
    pub buffer_s: i64,
    /// Seconds between the booking of a slot and its start, at least.
    #[serde(default)]
    pub notice_s: i64,
    /// Offsets of the zone from UTC: `[from_ms, offset_s]`, ascending.
    pub offsets: Vec<Offset>,
}

/// Body of `availability.put`: replaces what was.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AvailabilityPut {
    /// The resource.
    pub resource: String,
    /// Weekly rules.
    pub rules: Vec<hours::Rule>,
    /// Exceptions.
    #[serde(default)]
    pub except: Option<Vec<hours::Except>>,
}

/// A slot that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// The entry that took it.
    pub id: Id,
    /// First instant, UTC ms.
    pub start: i64,
    /// Instant from when on it is over, UTC ms.
    pub end: i64,
    /// Seats.
    pub seats: i64,
}

/// The state of the aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What people call it.
    pub title: String,
    /// IANA time zone.
    pub zone: String,
    /// Seats.
    pub capacity: i64,
    /// Seconds that its seats are not free after a slot.
    pub buffer_s: i64,
    /// Seconds of notice.
    pub notice_s: i64,
    /// Offsets of the zone.
    pub offsets: Vec<Offset>,
    /// When it is available.
    pub hours: Hours,
    /// What is booked, by start.
    pub booked: Vec<Booked>,
    /// Slots that ended before this instant are forgotten. None is taken there, nor in the
    /// longest time that those could rest.
    pub closed_ms: i64,
}

/// Whether so many seats hold all of these slots at every instant, each of them until
/// `buffer_ms` after its end.
fn hold<'a>(slots: impl Iterator<Item = &'a Booked>, capacity: i64, buffer_ms: i64) -> bool {
    // The number changes only where a slot begins or ends. Ends sort before beginnings
    // of the same instant.
    let mut changes: Vec<(i64, i64)> = slots
        .flat_map(|slot| {
            [
                (slot.start, slot.seats),
                (slot.end + buffer_ms, -slot.seats),
            ]
        })
        .collect();
    changes.sort_unstable();
    let mut taken = 0;
    changes.iter().all(|(_, seats)| {
        taken += seats;
        taken <= capacity
    })
}

/// `resource.put`: a new resource, or other terms for one. What is booked stays, and so
/// must fit.
pub(crate) fn put(
    state: &mut Option<Resource>,
    event: &ResourcePut,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    field::line(&event.title, TITLE_MAX)?;
    field::zone(&event.zone)?;
    require((1..=CAPACITY_MAX).contains(&event.capacity))?;
    require((0..=BUFFER_MAX_S).contains(&event.buffer_s))?;
    require((0..=NOTICE_MAX_S).contains(&event.notice_s))?;
    hours::check_offsets(&event.offsets)?;
    let (hours, booked, closed_ms) = match state.take() {
        Some(resource) => (resource.hours, resource.booked, resource.closed_ms),
        None => (Hours::default(), Vec::new(), 0),
    };
    let buffer_ms = ms(event.buffer_s);
    let at_ms = at_ms(meta);
    let to_come = booked.iter().filter(|slot| slot.end + buffer_ms > at_ms);
    if !hold(to_come, event.capacity, buffer_ms) {
        return Err(SLOT_TAKEN);
    }
    *state = Some(Resource {
        title: event.title.clone(),
        zone: event.zone.clone(),
        capacity: event.capacity,
        buffer_s: event.buffer_s,
        notice_s: event.notice_s,
        offsets: event.offsets.clone(),
        hours,
        booked,
        closed_ms,
    });
    Ok(())
}

/// `availability.put`.
pub(crate) fn availability(
    state: &mut Option<Resource>,
    event: &AvailabilityPut,
) -> Result<(), Code> {
    let resource = state.as_mut().ok_or(UNKNOWN_RESOURCE)?;
    let hours = Hours {
        rules: event.rules.clone(),
        except: event.except.clone().unwrap_or_default(),
    };
    hours.check()?;
    resource.hours = hours;
    Ok(())
}

/// `slot.take`, as far as it concerns the resource.
pub(crate) fn take(
    state: &mut Option<Resource>,
    event: &SlotTake,
    meta: &Meta<'_>,
) -> Result<(), Code> {
    let resource = state.as_mut().ok_or(UNKNOWN_RESOURCE)?;
    let at_ms = at_ms(meta);
    field::instant(event.start)?;
    field::instant(event.end)?;
    require(event.start < event.end && event.end - event.start <= LENGTH_MAX_MS)?;
    require((1..=CAPACITY_MAX).contains(&event.seats))?;
    if event.start < at_ms + ms(resource.notice_s)
        || event.start < resource.closed_ms + ms(BUFFER_MAX_S)
    {
        return Err(SHORT_NOTICE);
    }
    if event.start > at_ms + AHEAD_MAX_MS {
        return Err(OUTSIDE_HOURS);
    }
    resource
        .hours
        .cover(&resource.offsets, event.start, event.end)?;
    if let Some(replaced) = &event.replaces {
        remove(&mut resource.booked, replaced)?;
    }
    resource.closed_ms = resource.closed_ms.max(at_ms - KEPT_MS);
    let closed_ms = resource.closed_ms;
    resource.booked.retain(|slot| slot.end >= closed_ms);
    let slot = Booked {
        id: Id(meta.id),
        start: event.start,
        end: event.end,
        seats: event.seats,
    };
    let buffer_ms = ms(resource.buffer_s);
    let meets =
        |other: &&Booked| other.start < slot.end + buffer_ms && slot.start < other.end + buffer_ms;
    let met = resource.booked.iter().filter(meets);
    if !hold(met.chain([&slot]), resource.capacity, buffer_ms) {
        return Err(SLOT_TAKEN);
    }
    if resource.booked.len() >= BOOKED_MAX {
        return Err(FULL);
    }
    let place = resource
        .booked
        .partition_point(|other| other.start <= slot.start);
    resource.booked.insert(place, slot);
    Ok(())
}

/// `slot.free`, as far as it concerns the resource.
pub(crate) fn free(state: &mut Option<Resource>, event: &SlotFree) -> Result<(), Code> {
    let resource = state.as_mut().ok_or(UNKNOWN_RESOURCE)?;
    remove(&mut resource.booked, &event.take)
}

fn remove(booked: &mut Vec<Booked>, id: &Id) -> Result<(), Code> {
    let found = booked.iter().position(|slot| slot.id == *id);
    booked.remove(found.ok_or(UNKNOWN_TAKE)?);
    Ok(())
}
