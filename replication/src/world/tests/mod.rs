//! Worlds that must end well.

mod simulation;
