//! How the network of a node is set up.

use std::net::{SocketAddr, SocketAddrV4};
use std::os::unix::net::UnixListener;

use synlog_log::keys::SecretKey;

use crate::guests::Gate;

/// Who a node is: what it proves at the beginning of each link.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The device key.
    pub key: SecretKey,
    /// The device's certificate, encoded.
    pub certificate: Vec<u8>,
}

/// Whether nodes are looked up in the mainline DHT, and this one is published there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Dht {
    /// Not at all.
    #[default]
    Off,
    /// In the public one.
    Public,
    /// In one that is entered at these addresses.
    At(Vec<SocketAddrV4>),
}

/// How the network is set up.
#[derive(Debug)]
pub struct Config {
    /// Seed of the transport key; a key of its own, never the device's.
    pub transport_seed: [u8; 32],
    /// Names this run of the process: a new one tells that older links are dead.
    pub run: [u8; 16],
    /// Seeds the nonces of links.
    pub nonce_seed: [u8; 32],
    /// Who proves itself; nobody is a stranger everywhere.
    pub identity: Option<Identity>,
    /// Whether there is an endpoint for other machines at all.
    pub online: bool,
    /// Where it listens; anywhere by default.
    pub bind: Option<SocketAddr>,
    /// The port that is taken where any would do, if it is free: addresses that others know
    /// then hold over a new start.
    pub usual_port: Option<u16>,
    /// Whether nodes on the local network find each other.
    pub mdns: bool,
    /// The DHT.
    pub dht: Dht,
    /// Relay that is used where there is no direct way.
    pub relay: Option<String>,
    /// Socket file on which nodes of this machine are let in.
    pub socket: Option<UnixListener>,
    /// Gateways that may bring guests, if any may.
    pub guests: Option<Gate>,
}

impl Config {
    /// No way to other machines but by address; to be changed as wanted.
    pub fn new(transport_seed: [u8; 32], run: [u8; 16], nonce_seed: [u8; 32]) -> Self {
        Self {
            transport_seed,
            run,
            nonce_seed,
            identity: None,
            online: true,
            bind: None,
            usual_port: None,
            mdns: false,
            dht: Dht::Off,
            relay: None,
            socket: None,
            guests: None,
        }
    }
}
