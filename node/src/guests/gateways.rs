//! Gateways that bring guests from elsewhere: as they are named, and what they call this node.

use data_encoding::BASE32_NOPAD;
use serde_json::Value as Json;
use synlog_log::ids::unhex;
use synlog_replication::peer::NodeId;

use crate::guests::book::Gateway;

/// Bytes of a domain, by DNS.
const DOMAIN_MAX: usize = 253;
/// Bytes of a relay's URL.
const RELAY_MAX: usize = 256;

/// A gateway as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By its URL, where it says the rest.
    Url(String),
    /// By all that matters: `ID@DOMAIN`.
    Whole(Gateway),
}

fn endpoint(text: &str) -> Option<NodeId> {
    Some(NodeId(unhex(text)?.try_into().ok()?))
}

fn domain(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    let right = (1..=DOMAIN_MAX).contains(&text.len()) && text.bytes().all(fits);
    right.then(|| text.to_ascii_lowercase())
}

/// Reads what somebody typed.
///
/// # Errors
/// What is wrong with it.
pub fn named(text: &str) -> Result<Named, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Named::Url(text.trim_end_matches('/').to_owned()));
    }
    let whole = text.split_once('@').and_then(|(id, at)| {
        Some(Gateway {
            endpoint: endpoint(id)?,
            domain: domain(at)?,
            tls: true,
            relay: None,
            url: None,
        })
    });
    whole.map(Named::Whole).ok_or_else(|| {
        "a gateway is named by its URL, as in https://relay.example.org, or by ID@DOMAIN".to_owned()
    })
}

/// Where a gateway says who it is.
pub fn question(url: &str) -> String {
    format!("{url}/.well-known/synlog")
}

/// Reads what a gateway says of itself; `None` where it makes no sense.
pub fn answer(url: &str, body: &[u8]) -> Option<Gateway> {
    let json: Json = serde_json::from_slice(body).ok()?;
    let mut domain = domain(json.get("domain")?.as_str()?)?;
    let authority = url.split_once("://")?.1.split('/').next()?;
    // a domain without a port is at that of the URL
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let port = port.filter(|port| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()));
    if let Some(port) = port.filter(|_| !domain.contains(':')) {
        domain = format!("{domain}:{port}");
    }
    let relay = json.get("relay").and_then(Json::as_str);
    Some(Gateway {
        endpoint: endpoint(json.get("endpoint")?.as_str()?)?,
        domain,
        tls: url.starts_with("https://"),
        relay: relay
            .filter(|relay| relay.len() <= RELAY_MAX)
            .map(str::to_owned),
        url: Some(url.to_owned()),
    })
}

/// What a gateway calls a node.
pub fn name_of(node: &NodeId, gateway: &Gateway) -> String {
    let label = BASE32_NOPAD.encode(&node.0).to_ascii_lowercase();
    format!("{label}.{}", gateway.domain)
}

/// Where a node is behind a gateway.
pub fn url_of(node: &NodeId, gateway: &Gateway) -> String {
    let scheme = if gateway.tls { "https" } else { "http" };
    format!("{scheme}://{}/", name_of(node, gateway))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gateways_are_named_by_url_or_whole() {
        let id = "5f".repeat(32);
        assert_eq!(
            named("https://relay.example.org/"),
            Ok(Named::Url("https://relay.example.org".to_owned()))
        );
        let Ok(Named::Whole(gateway)) = named(&format!("{id}@Gate.Example")) else {
            panic!("{id}");
        };
        assert_eq!((&gateway.domain[..], gateway.tls), ("gate.example", true));
        let url = url_of(&NodeId([0; 32]), &gateway);
        assert_eq!(url, format!("https://{}.gate.example/", "a".repeat(52)));
        for wrong in [
            "",
            "relay.example.org",
            "5f@gate.example",
            &format!("{id}@"),
            &format!("{id}@a/b"),
        ] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_gateway_says() {
        let id = "5f".repeat(32);
        let body = format!(
            "{{\"endpoint\":\"{id}\",\"relay\":\"http://127.0.0.1:3340/\",\"domain\":\"localhost\",\"version\":\"1\"}}"
        );
        let told = answer("http://127.0.0.1:7000", body.as_bytes()).unwrap();
        assert_eq!(told.endpoint, NodeId([0x5f; 32]));
        assert_eq!((&told.domain[..], told.tls), ("localhost:7000", false));
        assert_eq!(told.relay.as_deref(), Some("http://127.0.0.1:3340/"));
        let told = answer("https://gate.example", body.as_bytes()).unwrap();
        assert_eq!((&told.domain[..], told.tls), ("localhost", true));
        for wrong in ["", "{}", "[]", "{\"endpoint\":\"5f\",\"domain\":\"a\"}"] {
            assert_eq!(
                answer("https://gate.example", wrong.as_bytes()),
                None,
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said(url in "\\PC{0,40}", body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = named(&url);
            let _ = answer(&url, &body);
        }
    }
}
