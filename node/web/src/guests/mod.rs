//! The guests' door: what a running node serves to people who have no install.
//!
//! Another listener, another origin and other rules than the owner's. A guest reaches the
//! public rows of the spaces that are offered, and with a session, for which its device
//! signs, the entries of its own relations: nothing else has a route here. There are no
//! cookies; a token stands in a header, and only its hash is kept, in memory.

pub mod access;
pub mod backend;
pub mod limits;
pub mod pages;
pub mod server;
pub mod sessions;

mod answering;
mod asked;
mod stream;
#[cfg(test)]
mod tests;

pub use backend::{Founded, Guest, GuestBackend, Proof, Proven, Pulled};
pub use server::{Carrier, GuestServer};

/// Where the guests' API begins.
pub const ROOT: &str = "/api/guest/v1";
