//! Private topics (`spec/07-sealed.md`): who has the keys reads, everybody else can
//! still order, check and erase.
//!
//! [`seal`] and [`open`] are about one payload, [`Keyring`] finds the epoch keys of a
//! topic in its entries, [`access`] is what keepers are told about who may fetch,
//! [`disclosure`] shows one entry, [`inbox`] is first contact, [`blob`] seals large things.

pub mod access;
pub mod blob;
pub mod disclosure;
mod epochs;
pub mod inbox;
mod keyring;
pub mod letter;
pub mod opening;
mod payload;

pub use epochs::{Wrap, previous_key, seal_previous, wraps_for};
pub use keyring::{KeyOffer, Keyring, Secrets};
pub use payload::{
    EntryKey, NONCE_LEN, Nonces, Opened, Part, SEALED_KIND, SealedEntry, disclose, epoch_key_hash,
    open, seal, seal_front,
};
