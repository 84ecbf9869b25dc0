//! Blobs over HTTP: what may be shown in a page, and what is only ever saved.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use crate::backend::{Backend, BlobInfo};
use crate::problem::Problem;
use crate::ranges::{Part, part};
use crate::stream::blocking;

/// Bytes that are read at a time.
const PIECE: u64 = 256 << 10;

/// What bytes may be shown as, by how they begin. Only raster images: an SVG or a page
/// could bring scripts along.
pub fn shown_as(front: &[u8]) -> Option<&'static str> {
    let brand = front.get(4..12).unwrap_or_default();
    match front {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', ..] if front.get(8..12) == Some(b"WEBP") => Some("image/webp"),
        _ if brand == b"ftypavif" || brand == b"ftypavis" => Some("image/avif"),
        _ => None,
    }
}

/// Where blobs are read.
pub(crate) trait Source: Send + Sync + 'static {
    /// What is known of a blob.
    fn info(&self, hash: &str) -> Result<BlobInfo, Problem>;

    /// Bytes of it.
    fn bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem>;
}

/// All blobs of a node.
pub(crate) struct All(pub(crate) Arc<dyn Backend>);

impl Source for All {
    fn info(&self, hash: &str) -> Result<BlobInfo, Problem> {
        self.0.blob(hash)
    }

    fn bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem> {
        self.0.blob_bytes(hash, range)
    }
}

/// The answer to a question for a blob.
pub(crate) async fn answer(
    backend: Arc<dyn Source>,
    hash: String,
    range: Option<String>,
) -> Result<Response, Problem> {
    let asked = Arc::clone(&backend);
    let BlobInfo { size, front, hash } = blocking(move || asked.info(&hash)).await?;
    let (status, range) = match part(range.as_deref(), size) {
        Part::Whole => (StatusCode::OK, 0..size),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Nowhere => {
            let mut response = crate::answering::refused(&Problem::new(
                416,
                "range",
                "nothing of the blob is there",
            ));
            set(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes */{size}"),
            );
            return Ok(response);
        }
    };
    let length = range.end - range.start;
    let content_range = format!(
        "bytes {}-{}/{size}",
        range.start,
        range.end.saturating_sub(1)
    );
    let read_from = hash.clone();
    let pieces = stream::unfold(range.start, move |at| {
        let (backend, hash, end) = (Arc::clone(&backend), read_from.clone(), range.end);
        async move {
            if at >= end {
                return None;
            }
            let upto = end.min(at.saturating_add(PIECE));
            let read = blocking(move || backend.bytes(&hash, at..upto)).await;
            let next = if read.is_ok() { upto } else { end };
            Some((read.map_err(std::io::Error::other), next))
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(
        &mut response,
        header::CACHE_CONTROL,
        "private, max-age=31536000, immutable",
    );
    set(&mut response, header::ETAG, &format!("\"{hash}\""));
    if status == StatusCode::PARTIAL_CONTENT {
        set(&mut response, header::CONTENT_RANGE, &content_range);
    }
    match shown_as(&front) {
        Some(media_type) => set(&mut response, header::CONTENT_TYPE, media_type),
        None => {
            set(
                &mut response,
                header::CONTENT_TYPE,
                "application/octet-stream",
            );
            set(&mut response, header::CONTENT_DISPOSITION, "attachment");
        }
    }
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox",
    );
    Ok(response)
}

/// Sets a header to a text that is made here.
pub(crate) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_raster_images_are_shown() {
        assert_eq!(shown_as(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(shown_as(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(shown_as(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(shown_as(b"\0\0\0\x1cftypavif"), Some("image/avif"));
        for other in [
            &b"<svg xmlns=\"http://www.w3.org/2000/svg\">"[..],
            b"<!doctype html>",
            b"%PDF-1.7",
            b"RIFF\0\0\0\0WAVE",
            b"",
            b"\x89PN",
        ] {
            assert_eq!(shown_as(other), None, "{other:?}");
        }
    }
}
