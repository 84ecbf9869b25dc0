#![allow(clippy::unwrap_used)]

mod slices;
mod worlds;
