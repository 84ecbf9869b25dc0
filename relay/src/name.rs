//! Names of nodes in host names and paths.
//!
//! Each node has a host name of its own, so that to a browser each is an origin of its own:
//! no shop's page reads what another's keeps there.

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use iroh::EndpointId;

/// Characters of a node's id in a host name.
const LABEL: usize = 52;

/// The id as it stands in host names: RFC 4648 base32 in lower case, without padding.
pub fn label(node: &EndpointId) -> String {
    BASE32_NOPAD.encode(node.as_bytes()).to_lowercase()
}

/// The id in hex.
pub fn hex(node: &EndpointId) -> String {
    HEXLOWER_PERMISSIVE.encode(node.as_bytes())
}

/// Reads an id as it stands in a host name; upper and lower case are the same there.
pub fn from_label(text: &str) -> Option<EndpointId> {
    if text.len() != LABEL || !text.is_ascii() {
        return None;
    }
    let upper = text.to_ascii_uppercase();
    let bytes = BASE32_NOPAD.decode(upper.as_bytes()).ok()?;
    EndpointId::from_bytes(bytes.as_slice().try_into().ok()?).ok()
}

/// Reads an id in hex or as in a host name.
pub fn read(text: &str) -> Option<EndpointId> {
    if text.len() == 64 {
        return EndpointId::from_bytes(&bytes32(text)?).ok();
    }
    from_label(text)
}

/// Reads an id as records are asked for: z-base-32, as pkarr has it.
pub fn from_z32(text: &str) -> Option<EndpointId> {
    (text.len() == LABEL)
        .then(|| EndpointId::from_z32(text).ok())
        .flatten()
        // one text for each id
        .filter(|node| node.to_z32() == text)
}

/// Reads 32 bytes in hex.
pub(crate) fn bytes32(text: &str) -> Option<[u8; 32]> {
    bytes::<32>(text)
}

/// Reads some bytes in hex.
pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    bytes.as_slice().try_into().ok()
}

/// Whom a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// This server itself.
    Own,
    /// A node.
    Node(EndpointId),
    /// A name below our domain that is no node's.
    Nobody,
}

/// Reads the `Host` of a request to a gateway of a domain.
pub fn host(host: &str, domain: &str) -> Host {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some(front) = name.len().checked_sub(domain.len()) else {
        return Host::Own;
    };
    let Some(end) = name.get(front..) else {
        return Host::Own;
    };
    if !end.eq_ignore_ascii_case(domain) {
        return Host::Own;
    }
    match name.get(..front) {
        None | Some("") => Host::Own,
        Some(below) => match below.strip_suffix('.') {
            // another name that only ends alike
            None => Host::Own,
            Some(label) => from_label(label).map_or(Host::Nobody, Host::Node),
        },
    }
}

/// Whether a text may be the domain of a gateway.
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    // a node's name and a dot must fit in front of it
    text.len() <= 200 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(seed: u8) -> EndpointId {
        iroh::SecretKey::from_bytes(&[seed; 32]).public()
    }

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for seed in 0..50 {
            let node = node(seed);
            assert_eq!(label(&node).len(), LABEL);
            assert_eq!(read(&label(&node)), Some(node));
            assert_eq!(read(&hex(&node)), Some(node));
            assert_eq!(read(&hex(&node).to_uppercase()), Some(node));
            assert_eq!(from_z32(&node.to_z32()), Some(node));
        }
    }

    #[test]
    fn hosts_are_told_apart() {
        let (node, domain) = (node(7), "relay.example.org");
        let of = |text: &str| host(text, domain);
        let name = label(&node);
        assert_eq!(of(&format!("{name}.{domain}")), Host::Node(node));
        assert_eq!(of(&format!("{name}.{domain}.:443")), Host::Node(node));
        let loud = format!("{}.RELAY.Example.org:8443", name.to_uppercase());
        assert_eq!(of(&loud), Host::Node(node));
        assert_eq!(of(domain), Host::Own);
        assert_eq!(of("127.0.0.1:4480"), Host::Own);
        assert_eq!(of("[::1]:4480"), Host::Own);
        assert_eq!(of(""), Host::Own);
        assert_eq!(of(&format!("www.{domain}")), Host::Nobody);
        assert_eq!(of(&format!("x.{name}.{domain}")), Host::Nobody);
        assert_eq!(of(&format!("{name}.other.org")), Host::Own);
        assert_eq!(of(&format!("{name}{domain}")), Host::Own);
        assert_eq!(
            host(&format!("{name}.localhost:4480"), "localhost"),
            Host::Node(node)
        );
    }

    #[test]
    fn domains() {
        for good in ["localhost", "relay.example.org", "a-b.c1"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in [
            "", ".", "a..b", "-a", "a-", "Ä.org", "A.org", "a b", "a/b", "a:1",
        ] {
            assert!(!is_domain(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", domain in "[a-z.]{0,30}") {
            let _ = (read(&text), from_z32(&text), is_domain(&text), host(&text, &domain));
        }

        #[test]
        fn one_text_for_each_label(text in "[a-z2-7]{52}") {
            if let Some(node) = from_label(&text) {
                prop_assert_eq!(label(&node), text);
            }
        }
    }
}
