//! The guests' pages: files inside the program, and the headers that go with every answer.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use crate::blobs::set;

/// A file of the guests' pages.
#[derive(Debug)]
pub struct GuestPage {
    /// Its path.
    pub path: &'static str,
    /// What it is.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// All of them: what is in `node/web/guest/pages`, and a few modules of the owner's.
pub static PAGES: &[GuestPage] = include!(concat!(env!("OUT_DIR"), "/guest_pages.rs"));

/// Headers of every answer. Scripts come from this server alone; WebAssembly may be
/// compiled, since the guest's own core and the rules of the app are modules.
pub const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; \
         worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// The answer to a question for a file.
pub(super) fn answer(page: &'static GuestPage, headers: &HeaderMap) -> Response {
    let hash = blake3::hash(page.bytes).to_hex();
    let tag = format!("\"{}\"", &hash[..32]);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = match known == Some(&tag) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => Response::new(Body::from(Bytes::from_static(page.bytes))),
    };
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::CONTENT_TYPE, page.media_type);
    response
}

/// Puts the headers on an answer.
pub(super) async fn dressed(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let name = header::HeaderName::from_static(name);
        // an image has a stricter policy of its own
        if !response.headers().contains_key(&name) {
            set(&mut response, name, value);
        }
    }
    response
}
