//! The reducer of the app `relation`: orders, bookings and messages of one provider and
//! one client, in a topic that the provider sequences. `README.md` beside it shows the
//! events, the states and the codes on one page.

mod app;
pub mod booking;
pub mod evidence;
mod manifest;
pub mod order;
pub mod party;
pub mod relation;
mod rows;

pub use app::{Event, RELATION_KEY, RelationApp, State, UNKNOWN_BOOKING, UNKNOWN_ORDER};

#[cfg(test)]
mod tests;
