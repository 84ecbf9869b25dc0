//! Tests of the crate as a whole, with a reducer in native code.
#![allow(clippy::unwrap_used)]

mod causal;
mod damage;
mod hard_cases;
mod packing;
mod queries;
mod reducer;
mod shuffles;
mod watches;
mod world;
