//! Signed feeds that a stranger can check.
//!
//! This crate knows nothing of sockets, reducers or screens.

pub mod admission;
pub mod bundle;
pub mod cbor;
pub mod draft;
pub mod fork;
pub mod hash;
pub mod header;
pub mod identity;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod order;
pub mod payload;
pub mod proof;
pub mod refusal;
pub mod replica;
pub mod run;
pub mod scenario;
pub mod skiplink;
pub mod topic;
pub mod wire;
