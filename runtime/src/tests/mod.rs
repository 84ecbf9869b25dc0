#![allow(clippy::unwrap_used)]

#[cfg(unix)]
mod caching;
mod guest;
mod loading;
mod metering;
mod outcomes;
mod second_engine;
