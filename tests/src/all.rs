//! Tests across crates; each module says what it holds.
#![allow(missing_docs, clippy::unwrap_used)]

mod hard_cases;
mod order_shuffles;
