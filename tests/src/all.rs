//! Tests across crates; each module says what it holds.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod hard_cases;
mod order_shuffles;
mod vectors;
