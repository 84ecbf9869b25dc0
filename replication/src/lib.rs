//! Who gets which feeds, and how two nodes come to hold the same.
//!
//! Everything here is `handle(input, now) → outputs`: no socket, no clock, no
//! randomness, no disk. An [`Engine`](engine::Engine) owns one session for each
//! connected peer ([`session`]) and decides whom to call ([`schedule`]), who may have
//! what ([`policy`]) and what is pushed to whom ([`live`]); large things follow by name
//! ([`blobs`]). What it knows of stored
//! entries it asks a [`repo::Repo`].

pub mod blobs;
pub mod engine;
pub mod frontier;
pub mod message;
pub mod peer;
pub mod policy;
pub mod repo;
pub mod row;
pub mod schedule;
pub mod session;
#[cfg(any(test, feature = "world"))]
pub mod world;
