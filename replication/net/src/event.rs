//! What the network tells, and what it is told.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use synlog_replication::peer::{LinkId, NodeId, Peer};
use tokio::sync::OwnedSemaphorePermit;

use crate::config::Identity;
use crate::ticket::Ticket;

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// A link is up, and both ends know who is there.
    Connected {
        /// Its number.
        link: LinkId,
        /// Who is there.
        peer: Peer,
        /// The name that the certificate gives the device.
        name: Option<String>,
        /// Whether this node called.
        dialed: bool,
        /// How it goes.
        via: Via,
    },
    /// A message came in.
    Message {
        /// Over which link.
        link: LinkId,
        /// Its bytes.
        message: Incoming,
    },
    /// A message has left.
    Sent {
        /// Over which link.
        link: LinkId,
        /// Its bytes.
        bytes: usize,
    },
    /// A link is gone.
    Closed {
        /// Which.
        link: LinkId,
        /// Why.
        why: Why,
    },
    /// A call came to nothing. Each [`Command::Dial`] is answered by this or by a link; that
    /// there is another link to the same node ([`Why::Duplicate`]) is an answer, too.
    DialFailed {
        /// Who could not be reached.
        node: NodeId,
        /// Why.
        why: Why,
    },
    /// A node was seen on the local network.
    Heard {
        /// Which.
        node: NodeId,
    },
    /// A payload of gossip. Who passed it on need not have written it.
    Gossip {
        /// Its topic.
        topic: GossipTopic,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Gossip was missed: what it would have told must be asked for.
    GossipLagged {
        /// Its topic.
        topic: GossipTopic,
    },
    /// Somebody in this process wants a look: see [`Poke`](crate::service::Poke).
    Poked,
}

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Call a node at any address known of it.
    Dial {
        /// Which.
        node: NodeId,
    },
    /// Call whoever listens at a socket file, from now on whenever there is no link to it.
    DialSocket {
        /// Its path.
        path: PathBuf,
    },
    /// Remember the addresses of a node.
    Learn(Ticket),
    /// Send a message. [`Event::Sent`] says when it has left.
    Send {
        /// Over which link.
        link: LinkId,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Close a link.
    Close {
        /// Which.
        link: LinkId,
        /// Why: the other side is told.
        why: &'static str,
    },
    /// A node says itself where it is now: nothing else is known of it any more.
    Relearn(Ticket),
    /// Listen to the gossip of a topic.
    JoinGossip {
        /// Which.
        topic: GossipTopic,
        /// Some nodes that listen, too.
        nodes: Vec<NodeId>,
    },
    /// Stop listening.
    LeaveGossip {
        /// Which.
        topic: GossipTopic,
    },
    /// Say something to all who listen to a topic.
    Broadcast {
        /// Which.
        topic: GossipTopic,
        /// What.
        bytes: Vec<u8>,
    },
    /// From now on this is who proves itself on new links.
    Become(Option<Identity>),
}

/// The topic of some gossip: the id of a public topic, or a secret one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipTopic(pub [u8; 32]);

/// A message that came in. As long as it lives its bytes count against what a link, and
/// all links together, may have waiting.
pub struct Incoming {
    bytes: Vec<u8>,
    _room: Option<[OwnedSemaphorePermit; 2]>,
}

impl Incoming {
    pub(crate) fn new(bytes: Vec<u8>, room: [OwnedSemaphorePermit; 2]) -> Self {
        Self {
            bytes,
            _room: Some(room),
        }
    }

    /// The bytes, anything may be in them. The room that they took is free from here on.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.bytes.len())
    }
}

/// How a link goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// On the local network, or on this machine.
    Lan(SocketAddr),
    /// Across the internet, without anybody between.
    Direct(SocketAddr),
    /// Through a relay, which passes on what it can't read.
    Relay(String),
    /// Over a socket file on this machine.
    Socket,
    /// Not known (yet).
    Unknown,
}

impl Via {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Lan(_) => "lan",
            Self::Direct(_) => "direct",
            Self::Relay(_) => "relay",
            Self::Socket => "socket",
            Self::Unknown => "unknown",
        }
    }

    /// The address.
    pub fn address(&self) -> Option<String> {
        match self {
            Self::Lan(address) | Self::Direct(address) => Some(address.to_string()),
            Self::Relay(url) => Some(url.clone()),
            Self::Socket | Self::Unknown => None,
        }
    }
}

/// Why a link ended or never came to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The connection broke, or the other end went without a word.
    #[error("the connection was lost")]
    Lost,
    /// Nobody answered in time.
    #[error("no answer in time")]
    TimedOut,
    /// No address is known.
    #[error("no address is known for it")]
    NoAddress,
    /// It could not be reached.
    #[error("not reached: {0}")]
    Unreachable(String),
    /// There are two links to one node, and the other one stays.
    #[error("there is another link to the same node")]
    Duplicate,
    /// A frame is longer than may be.
    #[error("a frame was too long")]
    TooLong,
    /// A frame is none.
    #[error("a frame made no sense")]
    BadFrame,
    /// The other end speaks another version.
    #[error("the other end speaks another version of the protocol")]
    OtherVersion,
    /// The other end is not who it says it is.
    #[error("the other end could not prove who it is")]
    BadProof,
    /// It is this node.
    #[error("it is this node itself")]
    ThisNode,
    /// There are as many links as may be.
    #[error("too many links")]
    Full,
    /// What was to be sent did not leave fast enough, and more came.
    #[error("the other end takes too little of what is sent")]
    TooSlow,
    /// This side wanted it.
    #[error("{0}")]
    Here(&'static str),
    /// The other side said why.
    #[error("the other end closed: {0}")]
    There(String),
    /// This node ends.
    #[error("this node stops")]
    Stopping,
    /// This node has no network.
    #[error("this node is offline")]
    Offline,
}

impl Why {
    /// A short word of what the other side is told.
    pub(crate) fn told(&self) -> &'static str {
        match self {
            Self::Lost | Self::TimedOut | Self::Unreachable(_) | Self::NoAddress => "lost",
            Self::Duplicate => "duplicate",
            Self::TooLong => "frame too long",
            Self::BadFrame => "bad frame",
            Self::OtherVersion => "other version",
            Self::BadProof => "bad proof",
            Self::ThisNode => "same node",
            Self::Full => "full",
            Self::TooSlow => "too slow",
            Self::Here(why) => why,
            Self::There(_) => "closed",
            Self::Stopping | Self::Offline => "stopping",
        }
    }

    /// What the other side told, as far as it is printable and short.
    pub(crate) fn there(bytes: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(TOLD_MAX)])
            .chars()
            .filter(|letter| !letter.is_control())
            .collect();
        match &text[..] {
            "duplicate" => Self::Duplicate,
            "" => Self::Lost,
            _ => Self::There(text),
        }
    }
}

/// Bytes of a reason that somebody else gives.
pub(crate) const TOLD_MAX: usize = 100;
