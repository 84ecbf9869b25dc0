//! The names under which the owner's server is asked: at this machine, and from elsewhere.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::keys::SESSION_MS;

/// One door: what it is called, and how a session is kept behind it.
pub(crate) struct Site {
    /// Values that Host may have.
    pub(crate) hosts: Vec<String>,
    /// The name of the cookie: cookies don't know ports.
    pub(crate) cookie: String,
    /// Whether it is TLS, and others than this machine come by it.
    pub(crate) is_remote: bool,
    /// Where it is.
    pub(crate) url: String,
    /// The port at which user interfaces of apps have names of their own, if they have.
    pub(crate) apps: Option<u16>,
}

/// Why a name is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a server, as in counter.example.org or counter.example.org:4443")]
pub struct BadName(String);

impl Site {
    /// The door of this machine alone, at an address.
    pub(crate) fn here(address: SocketAddr) -> Self {
        let port = address.port();
        let mut hosts = vec![address.to_string(), format!("localhost:{port}")];
        if port == 80 {
            let ip = match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            hosts.extend([ip, "localhost".to_owned()]);
        }
        Self {
            hosts,
            cookie: format!("synlog-{port}"),
            is_remote: false,
            url: format!("http://{address}/"),
            apps: Some(port),
        }
    }

    /// The door for others, by its names; one without a port has the port at which it
    /// listens.
    pub(crate) fn elsewhere(names: &[String], port: u16) -> Result<Self, BadName> {
        let hosts = names.iter().map(|name| host(name, port));
        let hosts: Vec<String> = hosts.collect::<Result<_, _>>()?;
        let first = hosts.first().ok_or_else(|| BadName(String::new()))?;
        Ok(Self {
            url: format!("https://{first}/"),
            // browsers take it from TLS alone, for this very host and nothing beside it
            cookie: "__Host-synlog".to_owned(),
            is_remote: true,
            apps: None,
            hosts,
        })
    }

    /// What stands before a name in the origin of a page.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_remote {
            "https://"
        } else {
            "http://"
        }
    }

    /// The cookie that opens a session.
    pub(crate) fn opened(&self, session: &str) -> String {
        let secure = if self.is_remote { "; Secure" } else { "" };
        let name = &self.cookie;
        let seconds = SESSION_MS / 1000;
        format!("{name}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    /// The cookie that ends it.
    pub(crate) fn ended(&self) -> String {
        let secure = if self.is_remote { "; Secure" } else { "" };
        format!("{}=; Path=/; Max-Age=0{secure}", self.cookie)
    }
}

/// Whether all names are some.
///
/// # Errors
/// The first that is none.
pub fn check(names: &[String]) -> Result<(), BadName> {
    names.iter().try_for_each(|name| host(name, 443).map(drop))
}

/// A name as Host says it.
fn host(name: &str, listens: u16) -> Result<String, BadName> {
    let bad = || BadName(name.to_owned());
    let (host, port) = match name.rsplit_once(':') {
        // the end of an address of IPv6
        Some(_) if name.ends_with(']') => (name, listens),
        Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
        None => (name, listens),
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    let is_label = |label: &str| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        !label.is_empty() && label.len() <= 63 && label.chars().all(letters)
    };
    if !is_address && (host.len() > 253 || !host.split('.').all(is_label)) {
        return Err(bad());
    }
    let host = host.to_ascii_lowercase();
    Ok(match port {
        443 => host,
        port => format!("{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_what_host_says() {
        for (name, said) in [
            ("Counter.example", "counter.example:4443"),
            ("counter.example:443", "counter.example"),
            ("192.0.2.1", "192.0.2.1:4443"),
            ("[2001:db8::1]", "[2001:db8::1]:4443"),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ] {
            assert_eq!(host(name, 4443).unwrap(), said);
        }
        for name in [
            "",
            "a b",
            "https://counter.example",
            "counter.example/",
            "counter.example:x",
            "counter.example:70000",
            "*.example",
            "a..b",
            "[::1",
            "2001:db8::1:1",
            "a\r\nb",
        ] {
            assert!(host(name, 4443).is_err(), "{name:?}");
        }
        assert!(Site::elsewhere(&[], 1).is_err());
    }
}
