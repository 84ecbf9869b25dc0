//! Signed feeds that a stranger can check.
//!
//! Entries ([`header`], [`payload`], [`run`]) are written ([`draft`]), admitted
//! ([`admission`]), kept ([`store`] on a [`disk`]) and put in order ([`order`],
//! [`topic`]); what leaves the machine is a [`bundle`]. This crate knows nothing
//! of sockets, reducers or screens, and reads no clock and no randomness.

pub mod admission;
pub mod attestation;
pub mod blob;
pub mod bundle;
pub mod cbor;
pub mod decoded;
pub mod disk;
pub mod draft;
pub mod fold;
pub mod fork;
pub mod hash;
pub mod header;
pub mod identity;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod order;
pub mod owned;
pub mod payload;
pub mod proof;
pub mod refusal;
pub mod replica;
pub mod run;
pub mod scenario;
pub mod sealed;
pub mod skiplink;
pub mod store;
pub mod topic;
pub mod wire;
