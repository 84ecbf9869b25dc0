//! Signed feeds that a stranger can check.
//!
//! This crate knows nothing of sockets, reducers or screens.

pub mod disk;
pub mod ids;
pub mod store;
