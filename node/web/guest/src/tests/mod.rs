//! What a customer's side does, natively: the app's own code is the engine.

#![allow(clippy::unwrap_used)]

mod boundary;
mod hostile;
mod keeping;
mod module;
mod scene;
mod vectors;
