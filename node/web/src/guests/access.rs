//! Which requests are for this server: a pure function of their line and headers.
//!
//! The door may be open to a whole network, so any page in a guest's browser can send
//! requests to it, and any name can be made to lead there. The Host must be the very address
//! at which the connection was accepted, a name that the owner gave, or the gateway's name
//! for this node; and what another page sent is refused.

use core::net::SocketAddr;

use crate::access::Denied;
use crate::problem::Problem;

/// How a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To an address of this machine.
    Direct(SocketAddr),
    /// Through a gateway that the owner named, which calls this node so.
    Gateway(String),
}

/// What of a request matters here.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Whether the method changes nothing (GET, HEAD).
    pub is_safe: bool,
    /// Whether it is for a page, which other pages may link to.
    pub is_page: bool,
    /// The Host header, all of them.
    pub hosts: &'a [&'a str],
    /// The authority of the request line, where it has one.
    pub authority: Option<&'a str>,
    /// The Origin header.
    pub origin: Option<&'a str>,
    /// The Sec-Fetch-Site header.
    pub site: Option<&'a str>,
    /// How it came.
    pub way: &'a Way,
}

/// A host without its port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a host is what somebody calls it: with its port where the name has one. A dot behind
/// a name says that it is whole, and is nothing else than the name.
fn is_called(host: &str, name: &str) -> bool {
    let plain = bare(host);
    let (port, whole) = (&host[plain.len()..], plain.strip_suffix('.'));
    let (named, wants) = (bare(name), &name[bare(name).len()..]);
    let same_port = wants.is_empty() || wants == port;
    same_port && whole.unwrap_or(plain).eq_ignore_ascii_case(named)
}

fn is_ours(host: &str, way: &Way, names: &[String]) -> bool {
    match way {
        // whoever carries it may listen at any port
        Way::Gateway(name) => is_called(bare(host), bare(name)),
        Way::Direct(address) => {
            let here = SocketAddr::new(address.ip().to_canonical(), address.port());
            let port = here.port();
            let of_port_80 = || {
                let ip = here.ip();
                let ip = if ip.is_ipv6() {
                    format!("[{ip}]")
                } else {
                    ip.to_string()
                };
                host == ip || host.eq_ignore_ascii_case("localhost")
            };
            host == here.to_string()
                || host.eq_ignore_ascii_case(&format!("localhost:{port}"))
                || (port == 80 && of_port_80())
                || names.iter().any(|name| is_called(host, name))
        }
    }
}

/// Whether a request is for this server and from nobody else's page.
///
/// # Errors
/// The first reason why not.
pub fn check(facts: &Facts<'_>, names: &[String]) -> Result<(), Denied> {
    let [host] = facts.hosts else {
        return Err(Denied::Host);
    };
    let other = |it: &str| !it.eq_ignore_ascii_case(host);
    if !is_ours(host, facts.way, names) || facts.authority.is_some_and(other) {
        return Err(Denied::Host);
    }
    // a gateway, or what stands before a name, may end TLS
    let same = |origin: &str| {
        let named = origin.strip_prefix("http://");
        let named = named.or_else(|| origin.strip_prefix("https://"));
        named.is_some_and(|named| named.eq_ignore_ascii_case(host))
    };
    if facts.origin.is_some_and(|origin| !same(origin)) {
        return Err(Denied::Origin);
    }
    let site = facts.site;
    let from_elsewhere = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if from_elsewhere && !(facts.is_page && facts.is_safe) {
        return Err(Denied::Origin);
    }
    Ok(())
}

/// A denial, as guests are told.
pub(super) fn told(denied: Denied) -> Problem {
    let mut problem = denied.problem();
    problem.hint = match denied {
        Denied::Host => Some("open the link or scan the code that you were given".to_owned()),
        _ => None,
    };
    problem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ask(host: &str, origin: Option<&str>, site: Option<&str>, way: &Way) -> Result<(), Denied> {
        let facts = Facts {
            is_safe: false,
            is_page: false,
            hosts: &[host],
            authority: None,
            origin,
            site,
            way,
        };
        check(
            &facts,
            &["shop.example".to_owned(), "till.example:8443".to_owned()],
        )
    }

    #[test]
    fn only_its_own_names_lead_here() {
        let lan = Way::Direct("192.168.1.5:4480".parse().unwrap());
        let mapped = Way::Direct("[::ffff:192.168.1.5]:4480".parse().unwrap());
        let plain = Way::Direct("192.168.1.5:80".parse().unwrap());
        let six = Way::Direct("[2001:db8::5]:4480".parse().unwrap());
        let gateway = Way::Gateway("abc.gate.example".to_owned());
        let cases = [
            ("192.168.1.5:4480", &lan, true),
            ("192.168.1.5:4480", &mapped, true),
            ("LocalHost:4480", &lan, true),
            ("shop.example", &lan, true),
            ("Shop.Example:99", &lan, true),
            ("till.example:8443", &lan, true),
            ("till.example", &lan, false),
            ("till.example:4480", &lan, false),
            ("192.168.1.5", &lan, false),
            ("192.168.1.6:4480", &lan, false),
            ("192.168.1.5", &plain, true),
            ("192.168.1.5:80", &plain, true),
            ("[2001:db8::5]:4480", &six, true),
            ("[2001:db8::6]:4480", &six, false),
            ("evil.example:4480", &lan, false),
            ("evil.example", &lan, false),
            ("192.168.1.5.evil.example:4480", &lan, false),
            ("", &lan, false),
            ("abc.gate.example", &gateway, true),
            ("abc.gate.example:8443", &gateway, true),
            // the same name, said to be whole; a gateway carries it
            ("abc.gate.example.", &gateway, true),
            ("ABC.gate.example.:8443", &gateway, true),
            ("shop.example.", &lan, true),
            ("till.example.:8443", &lan, true),
            ("till.example.:80", &lan, false),
            ("abc.gate.example..", &gateway, false),
            (".", &gateway, false),
            ("abd.gate.example", &gateway, false),
            ("gate.example", &gateway, false),
            ("shop.example", &gateway, false),
            ("localhost:4480", &gateway, false),
        ];
        for (host, way, fits) in cases {
            assert_eq!(ask(host, None, None, way).is_ok(), fits, "{host} {way:?}");
        }
    }

    #[test]
    fn other_pages_are_refused() {
        let lan = Way::Direct("192.168.1.5:4480".parse().unwrap());
        let host = "192.168.1.5:4480";
        for (origin, site, fits) in [
            (None, None, true),
            (Some("http://192.168.1.5:4480"), Some("same-origin"), true),
            (Some("https://192.168.1.5:4480"), None, true),
            (Some("http://192.168.1.5"), None, false),
            (Some("http://evil.example"), None, false),
            (Some("null"), None, false),
            (Some(""), None, false),
            (None, Some("cross-site"), false),
            (None, Some("same-site"), false),
            (None, Some("none"), true),
        ] {
            let found = ask(host, origin, site, &lan);
            assert_eq!(found.is_ok(), fits, "{origin:?} {site:?}");
        }
    }

    #[test]
    fn pages_may_be_linked_to() {
        let lan = Way::Direct("192.168.1.5:4480".parse().unwrap());
        let facts = Facts {
            is_safe: true,
            is_page: true,
            hosts: &["192.168.1.5:4480"],
            authority: None,
            origin: None,
            site: Some("cross-site"),
            way: &lan,
        };
        assert_eq!(check(&facts, &[]), Ok(()));
        let two = ["192.168.1.5:4480", "192.168.1.5:4480"];
        let twice = Facts {
            hosts: &two,
            ..facts
        };
        assert_eq!(check(&twice, &[]), Err(Denied::Host));
    }
}
