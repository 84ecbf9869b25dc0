//! The app as a whole: through the calls of the interface, with events as they arrive.
#![allow(clippy::unwrap_used)]

mod cancelling;
mod codes;
mod host;
mod invariants;
mod lives;
mod properties;
mod scenes;
mod writer;
