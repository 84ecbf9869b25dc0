//! Worlds that must end well.
#![allow(clippy::unwrap_used)]

mod cases;
mod gathering;
mod simulation;
