#![allow(clippy::unwrap_used)]

mod caching;
mod guest;
mod loading;
mod outcomes;
mod second_engine;
