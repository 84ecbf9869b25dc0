//! The network: connections over iroh and over socket files, behind two queues.
//!
//! What to say and to whom is decided elsewhere (`synlog-replication`); here is how the
//! words travel. [`Net`](service::Net) takes [`Command`](event::Command)s and gives
//! [`Event`](event::Event)s; both ends of a link prove their devices before it counts
//! ([`handshake`]), frames are bounded ([`frame`]), and a reader that is slow slows its
//! writer down instead of filling memory ([`link`]).

pub mod config;
mod dial;
mod endpoint;
pub mod event;
pub mod frame;
pub mod gossip;
pub mod guests;
pub mod handshake;
mod link;
mod links;
pub mod service;
mod shared;
mod socket;
pub mod ticket;

pub use config::{Config, Dht, Identity};
pub use event::{Command, Event, GossipTopic, Incoming, Via, Why};
pub use guests::{GUEST_ALPN, Gate, GuestStream};
pub use service::{Net, NetDesk, NetError, PeerInfo, Poke, Standing};
pub use ticket::Ticket;

/// The protocol of a link. Another version has another name, and a node may speak several.
pub const ALPN: &[u8] = b"synlog/sync/1";
