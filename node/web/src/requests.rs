//! Each request has an id: it is in the answer and in all that is logged on the way.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;

/// Where it stands.
pub(crate) const HEADER: &str = "x-request-id";
/// Letters of one that a caller brings.
const LEN_MAX: usize = 64;

/// Where ids come from.
pub(crate) struct Ids {
    front: u32,
    next: AtomicU64,
}

impl Ids {
    /// Ids of a run of the server, which differ from those of others by a random front.
    pub(crate) fn new(front: u32) -> Self {
        Self {
            front,
            next: AtomicU64::new(1),
        }
    }

    /// The id that the caller brings, if it is a modest one, or a fresh one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> String {
        let brought = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let modest = |id: &&str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !id.is_empty() && id.len() <= LEN_MAX && id.bytes().all(letter)
        };
        match brought.filter(modest) {
            Some(id) => id.to_owned(),
            None => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                format!("{:08x}-{number}", self.front)
            }
        }
    }
}

/// The route that answered, put into an answer for the log: never the path as it was
/// written, which may say more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route(pub(crate) &'static str);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn modest_ids_are_kept() {
        let ids = Ids::new(0xab);
        let mut headers = HeaderMap::new();
        assert_eq!(ids.of(&headers), "000000ab-1");
        let long = "x".repeat(65);
        for (brought, kept) in [
            ("a-B_9.", true),
            ("", false),
            ("a b", false),
            ("ä", false),
            (&long, false),
        ] {
            headers.insert(
                HEADER,
                axum::http::HeaderValue::from_bytes(brought.as_bytes()).unwrap(),
            );
            assert_eq!(ids.of(&headers) == brought, kept, "{brought}");
        }
    }
}
