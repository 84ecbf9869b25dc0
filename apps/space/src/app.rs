//! Which aggregates an event touches, and what it does to each.

use serde::{Deserialize, Serialize};
use synlog_reducer::{App, Code, Id, Keys, Manifest, Meta, Rows, events};

use crate::ad::{self, AdPut, AdRemove};
use crate::capability::{Capability, GrantCapability, RevokeCapability, is_owner};
use crate::field;
use crate::item::{self, Item, ItemPut, ItemState, ItemStock};
use crate::place::{self, PlacePut, PlaceRemove};
use crate::profile::{self, Brand, Create, PaymentTypes, Policy, Space};
use crate::resource::{self, AvailabilityPut, Resource, ResourcePut};
use crate::slot::{self, Slot, SlotFree, SlotTake};
use crate::take::{self, ItemFree, ItemTake, Take};
use crate::{manifest, rows};

/// Key of the space's own aggregate.
const SPACE: &str = "space";

events! {
    /// What happens in a space.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Event {
        "space.create" => Create(Create),
        "space.brand" => Brand(Brand),
        "space.policy" => Policy(Policy),
        "space.payment_types" => PaymentTypes(PaymentTypes),
        "space.grant" => Grant(GrantCapability),
        "space.revoke" => Revoke(RevokeCapability),
        "place.put" => PlacePut(PlacePut),
        "place.remove" => PlaceRemove(PlaceRemove),
        "item.put" => ItemPut(ItemPut),
        "item.stock" => ItemStock(ItemStock),
        "item.state" => ItemState(ItemState),
        "item.take" => ItemTake(ItemTake),
        "item.free" => ItemFree(ItemFree),
        "resource.put" => ResourcePut(ResourcePut),
        "availability.put" => AvailabilityPut(AvailabilityPut),
        "slot.take" => SlotTake(SlotTake),
        "slot.free" => SlotFree(SlotFree),
        "ad.put" => AdPut(AdPut),
        "ad.remove" => AdRemove(AdRemove),
    }
}

/// The state of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// `space`
    Space(Space),
    /// `place/<slug>`
    Place(PlacePut),
    /// `item/<slug>`
    Item(Item),
    /// `take/<id>`
    Take(Take),
    /// `resource/<slug>`
    Resource(Resource),
    /// `slot/<id>`
    Slot(Slot),
    /// `ad/<slug>`
    Ad(AdPut),
}

/// The app.
#[derive(Debug, Clone, Copy)]
pub struct SpaceApp;

/// The capability that an event asks for which changes other aggregates than `space`.
fn needed(event: &Event) -> Option<Capability> {
    match event {
        Event::Create(_)
        | Event::Brand(_)
        | Event::Policy(_)
        | Event::PaymentTypes(_)
        | Event::Grant(_)
        | Event::Revoke(_) => None,
        Event::PlacePut(_)
        | Event::PlaceRemove(_)
        | Event::ItemPut(_)
        | Event::ItemState(_)
        | Event::AdPut(_)
        | Event::AdRemove(_) => Some(Capability::Catalog),
        Event::ItemStock(_) | Event::ItemTake(_) | Event::ItemFree(_) => Some(Capability::Stock),
        Event::ResourcePut(_)
        | Event::AvailabilityPut(_)
        | Event::SlotTake(_)
        | Event::SlotFree(_) => Some(Capability::Booking),
    }
}

fn named(prefix: &str, slug: &str) -> Result<Keys, Code> {
    field::slug(slug)?;
    Ok(Keys::one(format!("{prefix}/{slug}")))
}

fn take_key(id: &Id) -> String {
    format!("take/{}", id.hex())
}

fn slot_key(id: &Id) -> String {
    format!("slot/{}", id.hex())
}

/// Applies to the one kind of state that stands under keys of this prefix.
macro_rules! with {
    ($state:ident as $variant:ident, $apply:expr) => {{
        let mut inner = match $state.take() {
            Some(State::$variant(inner)) => Some(inner),
            _ => None,
        };
        let outcome = $apply(&mut inner);
        *$state = inner.map(State::$variant);
        outcome
    }};
}

impl App for SpaceApp {
    type State = State;
    type Event = Event;

    const TABLES: &'static [&'static str] = &manifest::TABLES;

    fn manifest() -> Manifest {
        manifest::manifest()
    }

    fn keys(event: &Event, meta: &Meta<'_>) -> Result<Keys, Code> {
        let own = Id(meta.id);
        let keys = match event {
            Event::Create(_)
            | Event::Brand(_)
            | Event::Policy(_)
            | Event::PaymentTypes(_)
            | Event::Grant(_)
            | Event::Revoke(_) => Keys::one(SPACE),
            Event::PlacePut(PlacePut { place, .. }) | Event::PlaceRemove(PlaceRemove { place }) => {
                named("place", place)?
            }
            Event::ItemPut(ItemPut { item, .. })
            | Event::ItemStock(ItemStock { item, .. })
            | Event::ItemState(ItemState { item, .. }) => named("item", item)?,
            Event::ItemTake(ItemTake { item, .. }) => named("item", item)?.and(take_key(&own)),
            Event::ItemFree(ItemFree { item, take, .. }) => {
                named("item", item)?.and(take_key(take))
            }
            Event::ResourcePut(ResourcePut { resource, .. })
            | Event::AvailabilityPut(AvailabilityPut { resource, .. }) => {
                named("resource", resource)?
            }
            Event::SlotTake(SlotTake {
                resource, replaces, ..
            }) => {
                let keys = named("resource", resource)?.and(slot_key(&own));
                match replaces {
                    Some(replaced) => keys.and(slot_key(replaced)),
                    None => keys,
                }
            }
            Event::SlotFree(SlotFree { resource, take }) => {
                named("resource", resource)?.and(slot_key(take))
            }
            Event::AdPut(AdPut { ad, .. }) | Event::AdRemove(AdRemove { ad }) => named("ad", ad)?,
        };
        // What others may do stands in the state of the space, so it has a say. The owner
        // needs no leave; most events are its own and touch one aggregate less.
        if is_owner(meta) {
            Ok(keys)
        } else {
            Ok(keys.and(SPACE))
        }
    }

    fn apply(
        state: &mut Option<State>,
        key: &str,
        event: &Event,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        if key == SPACE {
            return with!(state as Space, |space: &mut Option<Space>| match event {
                Event::Create(event) => profile::create(space, event, meta),
                Event::Brand(event) => profile::brand(space, event, meta),
                Event::Policy(event) => profile::policy(space, event, meta),
                Event::PaymentTypes(event) => profile::payment_types(space, event, meta),
                Event::Grant(event) => profile::grant(space, event, meta),
                Event::Revoke(event) => profile::revoke(space, event, meta),
                other => match needed(other) {
                    Some(needed) => profile::permit(space, needed, meta),
                    None => Ok(()),
                },
            });
        }
        match event {
            // Their only key is that of the space.
            Event::Create(_)
            | Event::Brand(_)
            | Event::Policy(_)
            | Event::PaymentTypes(_)
            | Event::Grant(_)
            | Event::Revoke(_) => Ok(()),
            Event::PlacePut(event) => with!(state as Place, |place| place::put(place, event)),
            Event::PlaceRemove(_) => with!(state as Place, place::remove),
            Event::ItemPut(event) => with!(state as Item, |item| item::put(item, event, meta)),
            Event::ItemStock(event) => with!(state as Item, |item| item::stock(item, event)),
            Event::ItemState(event) => with!(state as Item, |item| item::stage(item, event)),
            Event::ItemTake(event) if key.starts_with("item/") => {
                with!(state as Item, |item| item::take(item, event))
            }
            Event::ItemTake(event) => with!(state as Take, |take| {
                take::take(take, event, meta);
                Ok(())
            }),
            Event::ItemFree(event) if key.starts_with("item/") => {
                with!(state as Item, |item| item::free(item, event))
            }
            Event::ItemFree(event) => with!(state as Take, |take| take::free(take, event)),
            Event::ResourcePut(event) => {
                with!(state as Resource, |resource| resource::put(
                    resource, event, meta
                ))
            }
            Event::AvailabilityPut(event) => {
                with!(state as Resource, |resource| resource::availability(
                    resource, event
                ))
            }
            Event::SlotTake(event) if key.starts_with("resource/") => {
                with!(state as Resource, |resource| resource::take(
                    resource, event, meta
                ))
            }
            Event::SlotTake(event) if key == slot_key(&Id(meta.id)) => {
                with!(state as Slot, |slot| {
                    slot::take(slot, event, meta);
                    Ok(())
                })
            }
            Event::SlotTake(event) => {
                with!(state as Slot, |slot| slot::free(slot, &event.resource))
            }
            Event::SlotFree(event) if key.starts_with("resource/") => {
                with!(state as Resource, |resource| resource::free(
                    resource, event
                ))
            }
            Event::SlotFree(event) => {
                with!(state as Slot, |slot| slot::free(slot, &event.resource))
            }
            Event::AdPut(event) => with!(state as Ad, |ad| ad::put(ad, event)),
            Event::AdRemove(_) => with!(state as Ad, ad::remove),
        }
    }

    fn rows(key: &str, state: &State, rows: &mut Rows) {
        rows::show(key, state, rows);
    }
}
