//! What of a head goes through the gateway.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Tells a node which of its requests come from the same caller, as 16 hex digits that
/// mean nothing to anybody else. A node may rely on it on streams of its own gateway.
pub const CALLER: HeaderName = HeaderName::from_static("synlog-caller");

/// Words between two neighbours on the way, not from end to end.
const HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Words by which other gateways tell whom they speak for: here they could only be lies.
const FORGEABLE: [&str; 6] = [
    "forwarded",
    "via",
    "x-real-ip",
    "expect",
    "x-forwarded-for",
    "x-client-ip",
];

fn remove_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|value| value.split(','));
    let named = named.filter_map(|name| name.trim().parse::<HeaderName>().ok());
    for name in named.collect::<Vec<_>>() {
        // a browser can't have these taken away
        if name != header::HOST && name != header::CONTENT_LENGTH {
            headers.remove(name);
        }
    }
    for name in HOP {
        headers.remove(name);
    }
}

/// Makes a browser's head one for a node.
pub fn for_node(headers: &mut HeaderMap, caller: &str) {
    remove_hop(headers);
    for name in FORGEABLE {
        headers.remove(name);
    }
    let own = headers.keys().filter(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || name.starts_with("synlog-")
    });
    for name in own.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    if let Ok(caller) = HeaderValue::from_str(caller) {
        headers.insert(CALLER, caller);
    }
}

/// Makes a node's head one for a browser. Names of nodes share a domain, so a node must not
/// set cookies for all of it, or have those of others cleared.
pub fn for_browser(headers: &mut HeaderMap) {
    remove_hop(headers);
    headers.remove("clear-site-data");
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let own: Vec<_> = cookies.filter_map(own_cookie).collect();
    headers.remove(header::SET_COOKIE);
    for cookie in own {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// The cookie for the node's own name alone.
fn own_cookie(cookie: &HeaderValue) -> Option<HeaderValue> {
    let text = cookie.to_str().ok()?;
    let parts = text.split(';').filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        !name.trim().eq_ignore_ascii_case("domain")
    });
    HeaderValue::from_str(&parts.collect::<Vec<_>>().join(";")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn nobody_forges_a_caller() {
        let mut headers = heads(&[
            ("host", "x"),
            ("synlog-caller", "me"),
            ("synlog-seat", "1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=1"),
            ("x-real-ip", "1"),
            ("authorization", "Bearer x"),
            ("connection", "keep-alive, x-mine, host"),
            ("x-mine", "1"),
            ("upgrade", "websocket"),
        ]);
        for_node(&mut headers, "0011223344556677");
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "host", "synlog-caller"]);
        assert_eq!(headers[CALLER], "0011223344556677");
    }

    #[test]
    fn nodes_set_cookies_for_themselves_alone() {
        let mut headers = heads(&[
            (
                "set-cookie",
                "a=1; Domain=relay.example; Path=/; DOMAIN = x",
            ),
            ("set-cookie", "domain2=1; HttpOnly"),
            ("clear-site-data", "\"*\""),
            ("content-type", "text/html"),
        ]);
        for_browser(&mut headers);
        let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; Path=/", "domain2=1; HttpOnly"]);
        assert!(!headers.contains_key("clear-site-data"));
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "[ -~]{0,80}") {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONNECTION, value.clone());
                headers.insert(header::SET_COOKIE, value);
                for_browser(&mut headers);
                prop_assert!(!headers.contains_key(header::CONNECTION));
            }
        }
    }
}
