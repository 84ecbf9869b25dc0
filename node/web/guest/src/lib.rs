//! A customer's side, for a browser: it has keys of its own, signs what it writes, and
//! checks, orders and folds what it is given.
//!
//! [`guest::Guest`] is a state machine with everything passed in: time, randomness, what
//! was stored, and who runs reducers ([`rules::Engine`]). [`ops`] is the same as requests
//! in bytes, [`abi`] how a browser brings them into the module. What a browser has to keep
//! is handed out before it counts, and counts when the browser says that it is kept.

pub mod audit;
pub mod fold;
pub mod guest;
pub mod identity;
pub mod intake;
pub mod ops;
pub mod rules;
pub mod vectors;
pub mod writing;
pub mod wrong;

#[cfg(target_arch = "wasm32")]
mod abi;

#[cfg(test)]
mod tests;
