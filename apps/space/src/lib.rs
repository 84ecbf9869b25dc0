//! The app `space`: a provider's public page. Who it is, what it offers and where, what
//! of it is taken, and which hours can be booked.
//!
//! A space is one public ordered topic, sequenced by the provider. Its events, codes and
//! tables are on one page in `apps/space/README.md`; the rules are in the modules here,
//! one for each kind of aggregate. All of it is pure.

mod ad;
mod app;
pub mod capability;
mod cell;
pub mod code;
mod commitment;
mod field;
mod hours;
mod image;
mod item;
mod manifest;
mod place;
mod profile;
mod resource;
mod rows;
mod schema;
mod slot;
mod take;
mod terms;
#[cfg(test)]
mod tests;

pub use ad::{AdPut, AdRemove};
pub use app::{Event, SpaceApp, State};
pub use capability::{Capability, Grant, GrantCapability, RevokeCapability};
pub use cell::cell;
pub use commitment::{CONTEXT as TAKE_CONTEXT, take_commitment};
pub use hours::{Except, Hours, Offset, Rule};
pub use item::{
    Choice, FULFILMENT, Item, ItemPut, ItemState, ItemStock, Offer, OptionGroup, REVISIONS_MAX,
    Revision, Stage,
};
pub use place::{PlacePut, PlaceRemove};
pub use profile::{Brand, Create, PaymentTypes, Policy, Space};
pub use resource::{AvailabilityPut, BOOKED_MAX, Booked, Resource, ResourcePut};
pub use schema::{ATTRIBUTES, ATTRIBUTES_MAX, Family, Price, Shape};
pub use slot::{Slot, SlotFree, SlotTake};
pub use take::{ItemFree, ItemTake, Take};
pub use terms::{ReturnTerms, STAGES, Term};

synlog_reducer::reducer!(SpaceApp);
