//! The local HTTP API and the web pages of a running node.
//!
//! This crate speaks HTTP and knows nothing of the node: whoever serves implements
//! [`Backend`]. Who may do what is decided by [`access::authorise`], a pure function;
//! all routes stand in one table ([`routes::all`]) from which the server, the scopes
//! and the OpenAPI document are made. [`guests`] is another server, for people without an
//! install: another address, other routes, other rules.

pub mod access;
mod asks;
pub mod backend;
pub mod blobs;
pub mod guests;
pub mod keys;
pub mod metrics;
pub mod openapi;
pub mod pages;
pub mod problem;
pub mod ranges;
mod reading;
pub mod routes;
pub mod server;
pub mod stream;
pub mod uis;

mod answering;
mod disk;
mod inputs;
mod owner;
mod places;
mod probes;
mod requests;
pub mod serving;
mod several;
pub mod sites;
mod table;
#[cfg(test)]
mod tests;

pub use backend::{Ask, Backend};
pub use problem::Problem;
pub use server::{Desk, Server};
