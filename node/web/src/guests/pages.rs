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
    /// By what its content is known.
    pub tag: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// The same, packed by gzip.
    pub packed: &'static [u8],
}

/// All of them: what is in `node/web/guest/pages`, and a few modules of the owner's.
pub static PAGES: &[GuestPage] = include!(concat!(env!("OUT_DIR"), "/guest_pages.rs"));

/// By what all of them together are known. The first page names them in the folder of that
/// version, so that a browser asks for none of them again.
pub(crate) const VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/guest_version"));

/// Headers of every answer. Scripts come from this server alone; WebAssembly may be
/// compiled, since the guest's own core and the rules of the app are modules. The one policy
/// that may make scripts of texts is that of the worker which keeps the pages
/// (`node/web/guest/pages/keeping.js`).
pub const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; \
         worker-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types synlog",
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

/// The answer to a question for a file, which may be kept for so long.
pub(super) fn answer(page: &'static GuestPage, headers: &HeaderMap, kept: &str) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // what does not get shorter is sent as it is
    let packs = page.packed.len() < page.bytes.len()
        && text(header::ACCEPT_ENCODING).is_some_and(takes_gzip);
    let (bytes, end) = match packs {
        true => (page.packed, "-gzip"),
        false => (page.bytes, ""),
    };
    let tag = format!("\"{}{end}\"", page.tag);
    let known = text(header::IF_NONE_MATCH);
    let mut response = match known == Some(&tag) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => Response::new(Body::from(Bytes::from_static(bytes))),
    };
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CACHE_CONTROL, kept);
    set(&mut response, header::CONTENT_TYPE, page.media_type);
    set(&mut response, header::VARY, "accept-encoding");
    if packs {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    response
}

/// Whether `Accept-Encoding` has gzip, and does not turn it down by a weight of zero.
fn takes_gzip(text: &str) -> bool {
    text.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let is_gzip = words
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = words.find_map(|word| word.strip_prefix("q="));
        is_gzip && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|it| it > 0.0))
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pages::FOR_EVER;

    #[test]
    fn the_worker_keeps_all_pages_and_nothing_else() {
        let worker = PAGES.iter().find(|page| page.path == "/worker.js").unwrap();
        let text = std::str::from_utf8(worker.bytes).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap(),
            format!("const VERSION = \"{VERSION}\";")
        );
        let list = lines.next().unwrap();
        let kept: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        let pages = PAGES.iter().filter(|page| page.path != "/worker.js");
        let mut others: Vec<String> = pages
            .map(|page| match page.path {
                "/" => "/".to_owned(),
                path => format!("/v/{VERSION}{path}"),
            })
            .collect();
        others.sort_unstable();
        let mut sorted = kept.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, others);
        assert!(kept.contains(&"/"));
    }

    #[test]
    fn packed_for_who_takes_it() {
        let page = PAGES.iter().find(|page| page.path == "/").unwrap();
        for (said, packs) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, said.parse().unwrap())]);
            let response = answer(page, &headers, FOR_EVER);
            let of = |name: header::HeaderName| response.headers().get(name).cloned();
            assert_eq!(of(header::CONTENT_ENCODING).is_some(), packs, "{said}");
            // the tag of one form is not that of the other
            let tag = of(header::ETAG).unwrap();
            assert_eq!(tag.to_str().unwrap().contains("gzip"), packs);
            let mut again = headers.clone();
            again.insert(header::IF_NONE_MATCH, tag);
            assert_eq!(
                answer(page, &again, FOR_EVER).status(),
                StatusCode::NOT_MODIFIED
            );
        }
    }
}
