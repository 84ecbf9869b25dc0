//! Tickets: where a node is, and what one is invited to, as a short text
//! (`spec/12-link.md` 12.5).
//!
//! A text of letters and digits that survives being read aloud, typed and photographed:
//! case does not matter, and a slip of the pen is noticed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use data_encoding::{DecodeError, Encoding, Specification};
use synlog_log::ids::{EntityId, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};
use synlog_replication::peer::NodeId;

/// What a ticket begins with.
pub const FRONT: &str = "synlog1";
/// Addresses of one node: more are of no use.
pub const ADDRESSES_MAX: usize = 16;
/// Bytes of the URL of a relay.
pub const RELAY_MAX: usize = 256;
/// Bytes of the name of a topic.
pub const NAME_MAX: usize = 64;
/// Letters of a ticket.
pub const TEXT_MAX: usize = 2_048;
/// Bytes of the check at the end.
const CHECK: usize = 4;
/// What the check is a hash of.
const CONTEXT: &str = "synlog v1 ticket";

/// Where a node is, and what one is invited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Transport key of the node.
    pub node: NodeId,
    /// Relay through which it can be reached.
    pub relay: Option<String>,
    /// Addresses at which it can be reached, while they are as they were.
    pub addresses: Vec<SocketAddr>,
    /// Whose node it is.
    pub entity: Option<EntityId>,
    /// What one is invited to.
    pub topic: Option<TopicId>,
    /// What the topic is called there.
    pub name: Option<String>,
}

/// Why a text is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not begin like one.
    #[error("it does not begin with {FRONT}")]
    NoTicket,
    /// It is cut, or a letter is wrong.
    #[error("a letter is missing or wrong")]
    Mistyped,
    /// It is from another version.
    #[error("it is of a version that this program does not know")]
    OtherVersion,
    /// What is in it makes no sense.
    #[error("what is in it makes no sense")]
    Wrong,
}

impl Ticket {
    /// A ticket that says where a node is.
    pub fn new(node: NodeId) -> Self {
        Self {
            node,
            relay: None,
            addresses: Vec::new(),
            entity: None,
            topic: None,
            name: None,
        }
    }

    /// The bytes of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![1];
        out.extend_from_slice(&self.node.0);
        put_text(&mut out, self.relay.as_deref());
        out.put_varint(self.addresses.len() as u64);
        for address in &self.addresses {
            match address.ip() {
                IpAddr::V4(ip) => {
                    out.push(4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(6);
                    out.extend_from_slice(&ip.octets());
                }
            }
            out.extend_from_slice(&address.port().to_le_bytes());
        }
        out.put_option(self.entity.as_ref().map(|entity| &entity.0[..]));
        out.put_option(self.topic.as_ref().map(|topic| &topic.0[..]));
        put_text(&mut out, self.name.as_deref());
        out
    }

    /// Reads the bytes of one; anything may be in them.
    pub fn decode(bytes: &[u8]) -> Result<Self, TicketError> {
        match bytes.first() {
            Some(1) => {}
            Some(_) => return Err(TicketError::OtherVersion),
            None => return Err(TicketError::Mistyped),
        }
        Self::read(bytes).map_err(|_| TicketError::Wrong)
    }

    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        reader.byte()?;
        let node = NodeId(reader.array()?);
        let relay = text(&mut reader, RELAY_MAX)?;
        let mut addresses = Vec::new();
        for _ in 0..reader.length(ADDRESSES_MAX)? {
            let ip = match reader.byte()? {
                4 => IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)),
                6 => IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)),
                _ => return Err(Refusal::NotCanonical),
            };
            let port = u16::from_le_bytes(reader.array()?);
            addresses.push(SocketAddr::new(ip, port));
        }
        let entity = match reader.option()? {
            true => Some(EntityId(reader.array()?)),
            false => None,
        };
        let topic = match reader.option()? {
            true => Some(TopicId(reader.array()?)),
            false => None,
        };
        let name = text(&mut reader, NAME_MAX)?;
        reader.end()?;
        Ok(Self {
            node,
            relay,
            addresses,
            entity,
            topic,
            name,
        })
    }
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            out.put_bytes(text.as_bytes());
        }
    }
}

fn text(reader: &mut Reader<'_>, max: usize) -> Result<Option<String>, Refusal> {
    if !reader.option()? {
        return Ok(None);
    }
    let text = reader.text(max)?;
    // it is shown to people, who trust what they see
    if text.chars().any(char::is_control) {
        return Err(Refusal::NotCanonical);
    }
    Ok(Some(text.to_owned()))
}

/// Base 32 of RFC 4648 in small letters, without padding.
fn base32() -> Encoding {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification
        .encoding()
        .unwrap_or(data_encoding::BASE32_NOPAD)
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let hash = blake3::derive_key(CONTEXT, bytes);
    [hash[0], hash[1], hash[2], hash[3]]
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.encode();
        bytes.extend(check(&bytes));
        write!(f, "{FRONT}{}", base32().encode(&bytes))
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        if text.len() > 2 * TEXT_MAX {
            return Err(TicketError::Wrong);
        }
        // mail programs break long words
        let text: String = text.split_whitespace().collect();
        let text = text.to_ascii_lowercase();
        let text = text.strip_prefix(FRONT).ok_or(TicketError::NoTicket)?;
        if text.len() > TEXT_MAX {
            return Err(TicketError::Wrong);
        }
        let decoded: Result<_, DecodeError> = base32().decode(text.as_bytes());
        let bytes = decoded.map_err(|_| TicketError::Mistyped)?;
        let end = bytes
            .len()
            .checked_sub(CHECK)
            .ok_or(TicketError::Mistyped)?;
        let (body, found) = bytes.split_at(end);
        if check(body) != found {
            return Err(TicketError::Mistyped);
        }
        Self::decode(body)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn tickets() -> impl Strategy<Value = Ticket> {
        let addresses = proptest::collection::vec(any::<(IpAddr, u16)>(), 0..ADDRESSES_MAX);
        (
            any::<[u8; 32]>(),
            proptest::option::of("[a-z:/.]{0,40}"),
            addresses,
            any::<Option<[u8; 32]>>(),
            any::<Option<[u8; 32]>>(),
            proptest::option::of("[a-zäöü ]{0,20}"),
        )
            .prop_map(|(node, relay, addresses, entity, topic, name)| Ticket {
                node: NodeId(node),
                relay,
                addresses: addresses.into_iter().map(SocketAddr::from).collect(),
                entity: entity.map(EntityId),
                topic: topic.map(TopicId),
                name,
            })
    }

    proptest! {
        #[test]
        fn tickets_come_back_in_any_case(ticket in tickets()) {
            let text = ticket.to_string();
            prop_assert!(text.len() <= TEXT_MAX);
            prop_assert_eq!(text.parse(), Ok(ticket.clone()));
            let broken = format!(" {}\n{} ", &text[..20], &text[20..]);
            prop_assert_eq!(broken.parse(), Ok(ticket.clone()));
            prop_assert_eq!(text.to_uppercase().parse(), Ok(ticket));
        }

        #[test]
        fn a_wrong_letter_is_noticed(ticket in tickets(), at: usize, step in 1usize..31) {
            let mut text = ticket.to_string().into_bytes();
            let letters = b"abcdefghijklmnopqrstuvwxyz234567";
            let at = FRONT.len() + at % (text.len() - FRONT.len());
            let letter = letters.iter().position(|letter| *letter == text[at]).unwrap();
            text[at] = letters[(letter + step) % 32];
            let read: Result<Ticket, _> = String::from_utf8(text).unwrap().parse();
            prop_assert!(read.is_err());
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..150),
            plain: bool,
        ) {
            if plain {
                // most bytes of a ticket are 0 or 1 beside its ids
                bytes.iter_mut().skip(32).for_each(|byte| *byte %= 5);
            }
            bytes.insert(0, 1);
            if let Ok(ticket) = Ticket::decode(&bytes) {
                prop_assert_eq!(ticket.encode(), bytes);
            }
        }
    }

    #[test]
    fn what_is_none_is_told() {
        let none: Result<Ticket, _> = "hello".parse();
        assert_eq!(none, Err(TicketError::NoTicket));
        let cut: Result<Ticket, _> = "synlog1abc".parse();
        assert_eq!(cut, Err(TicketError::Mistyped));
        assert_eq!(Ticket::decode(&[2; 60]), Err(TicketError::OtherVersion));
        let mut ticket = Ticket::new(NodeId([3; 32]));
        ticket.name = Some("a\x1b[2Jb".to_owned());
        assert_eq!(Ticket::decode(&ticket.encode()), Err(TicketError::Wrong));
    }
}
