//! Relay, gateway and registry in one process, with nodes that have no way to each other
//! but through them.

mod gateway;
mod limits;
mod registry;
mod relayed;
mod stage;
