//! Tests of the store as a whole.
#![allow(clippy::unwrap_used)]

mod archive;
mod basics;
mod comparison;
mod guards;
mod life;
mod misfortunes;
mod regressions;
mod side_files;
mod simulation;
mod toy;
