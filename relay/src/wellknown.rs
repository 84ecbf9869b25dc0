//! What a relay says of itself at `/.well-known/synlog`.

use iroh::{EndpointId, RelayUrl};
use serde_json::{Value, json};

use crate::limits::URL_BYTES;
use crate::name;

/// Where it is.
pub const PATH: &str = "/.well-known/synlog";

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WellKnown {
    /// The relay's own endpoint, and the key of its registrations.
    pub endpoint: EndpointId,
    /// Where nodes reach the relay.
    pub relay: RelayUrl,
    /// The domain below which the gateway has a name for each node.
    pub domain: String,
    /// The program's version.
    pub version: String,
}

impl WellKnown {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "endpoint": name::hex(&self.endpoint),
            "relay": self.relay.as_str(),
            "domain": self.domain,
            "version": self.version,
        })
    }

    /// Reads it; what it doesn't know it passes over.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let domain = text("domain").filter(|domain| name::is_domain(domain))?;
        let version = text("version").filter(|version| version.len() <= 64)?;
        Some(Self {
            endpoint: EndpointId::from_bytes(&name::bytes32(text("endpoint")?)?).ok()?,
            relay: relay_url(text("relay")?)?,
            domain: domain.to_owned(),
            version: version.to_owned(),
        })
    }

    /// Where a browser reaches a node.
    pub fn page_of(&self, node: &EndpointId) -> String {
        let port = self.relay.port().map(|port| format!(":{port}"));
        format!(
            "{}://{}.{}{}/",
            self.relay.scheme(),
            name::label(node),
            self.domain,
            port.unwrap_or_default()
        )
    }
}

/// A URL that may be a relay's: a scheme of the web, a host, perhaps a port, nothing else.
pub fn relay_url(text: &str) -> Option<RelayUrl> {
    if text.len() > URL_BYTES {
        return None;
    }
    let url: RelayUrl = text.parse().ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let endpoint = iroh::SecretKey::from_bytes(&[3; 32]).public();
        let known = WellKnown {
            endpoint,
            relay: relay_url("https://relay.example.org:8443").expect("a URL"),
            domain: "relay.example.org".into(),
            version: "0.1.0".into(),
        };
        let text = known.to_json().to_string();
        assert_eq!(WellKnown::read(text.as_bytes()), Some(known.clone()));
        let page = known.page_of(&endpoint);
        let label = name::label(&endpoint);
        assert_eq!(page, format!("https://{label}.relay.example.org:8443/"));
    }

    #[test]
    fn urls_of_relays() {
        for good in [
            "http://127.0.0.1:4480",
            "https://a.example/",
            "http://[::1]:1",
        ] {
            assert!(relay_url(good).is_some(), "{good}");
        }
        let long = format!("https://{}.example", "a".repeat(300));
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://u@a.example",
            "https://a.example/x",
            "https://a.example/?q",
            "https://a.example/#f",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(relay_url(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in ".*") {
            let _ = (WellKnown::read(&bytes), WellKnown::read(text.as_bytes()), relay_url(&text));
        }
    }
}
