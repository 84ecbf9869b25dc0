//! The app as a whole: through the calls of the interface, with events as they arrive.
#![allow(clippy::unwrap_used)]

mod booking;
mod catalog;
mod host;
mod properties;
mod stock;
