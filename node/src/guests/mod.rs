//! Customers without an install: what a running node answers to the guests' door
//! (`node/web/src/guests`), and what its owner decides about it.
//!
//! A guest is an entity whose device lives in a browser. It gets public rows of the spaces
//! that are offered, and the entries of one relation, which this node founds with it. What a
//! stranger says of itself stays in memory until there is a relation.

mod backend;
pub mod book;
mod catalog;
mod exchange;
mod founding;
pub mod gateways;
mod identity;
mod returning;
pub(crate) mod search;
mod spaces;
mod state;

pub use backend::GuestsBackend;
pub use exchange::pull;
pub use founding::accept;
pub use state::{Asked, Guests};
