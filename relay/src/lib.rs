//! The relay: where nodes that can't reach each other meet, and browsers reach nodes.
//!
//! `synlog relay` is [`serve::relay::Relay`]: an iroh relay, the gateway by which browsers
//! reach nodes under names of their own, and address records (pkarr), all at one port.
//! `synlog bootstrap` is [`serve::bootstrap::Bootstrap`]: a registry of relays.
//! What is decided is decided in pure modules ([`registry`], [`packets`], [`quota`],
//! [`name`], [`headers`]); `serve` has the sockets, files, clocks and random numbers.

pub mod access;
pub mod dice;
pub mod headers;
pub mod limits;
pub mod metrics;
pub mod name;
pub mod packets;
pub mod page;
pub mod places;
pub mod quota;
pub mod registration;
pub mod registry;
pub mod serve;
pub mod wellknown;

/// The protocol between the gateway and a node: each stream carries one HTTP/1.1 connection.
pub const GUEST_ALPN: &[u8] = b"synlog/guest/1";
