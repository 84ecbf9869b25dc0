//! Worlds that must end well.

mod cases;
mod gathering;
mod simulation;
