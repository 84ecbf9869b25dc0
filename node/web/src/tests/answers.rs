//! What is answered: what was asked wrongly, blobs, and whatever strangers send.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use futures_util::FutureExt;
use proptest::prelude::*;

use super::{HOST, place, read, request, runtime, sent};
use crate::routes::{self, Method, ROOT};

#[test]
fn what_is_wrong_is_told() {
    let read_as = [("host", HOST), ("authorization", "Bearer writer")];
    let table: &[(&str, &str, &str, u16, &str)] = &[
        ("GET", "/topics/none", "", 404, "no_topic"),
        ("GET", "/topics?all=1", "", 400, "usage"),
        ("GET", "/entries?after=-1", "", 400, "usage"),
        ("GET", "/entries?after=1&after=2", "", 400, "usage"),
        (
            "GET",
            "/entries?after=99999999999999999999",
            "",
            400,
            "usage",
        ),
        ("GET", "/entries?last=perhaps", "", 400, "usage"),
        ("GET", "/topics/a/views/b?equal=1", "", 400, "usage"),
        ("GET", "/topics/%ff", "", 400, "usage"),
        ("POST", "/topics", "{}", 400, "usage"),
        (
            "POST",
            "/topics",
            "{\"name\":1,\"app\":\"x\"}",
            400,
            "usage",
        ),
        ("POST", "/topics", "[]", 400, "usage"),
        ("POST", "/topics", "{", 400, "usage"),
        ("POST", "/topics/a/events/b", "{\"bdoy\":{}}", 400, "usage"),
        ("POST", "/topics/a/events/b", "{\"body\":[]}", 400, "usage"),
        ("GET", "/stream?from=x", "", 400, "usage"),
        ("GET", "/stream?topic=none", "", 404, "no_topic"),
        ("GET", "/blobs/none", "", 404, "no_blob"),
    ];
    runtime().block_on(async {
        let (_, _, router) = place();
        for (method, path, body, status, code) in table {
            let path = format!("{ROOT}{path}");
            let response = sent(&router, request(method, &path, &read_as, body)).await;
            assert_eq!(response.status(), *status, "{method} {path}");
            assert_eq!(read(response).await["code"], *code, "{method} {path}");
        }
        let long = " ".repeat(300_000);
        let response = sent(&router, request("POST", "/api/v1/topics", &read_as, &long)).await;
        assert_eq!(response.status(), 413);
    });
}

#[test]
fn blobs_come_whole_or_in_parts() {
    runtime().block_on(async {
        let (fake, _, router) = place();
        let get = |range: &'static str| {
            let mut headers = vec![("host", HOST), ("authorization", "Bearer reader")];
            if !range.is_empty() {
                headers.push(("range", range));
            }
            sent(&router, request("GET", "/api/v1/blobs/here", &headers, "")).boxed()
        };
        let whole = get("").await;
        assert_eq!(whole.status(), 200);
        assert_eq!(whole.headers()["content-type"], "image/png");
        assert_eq!(
            to_bytes(whole.into_body(), 1 << 20).await.unwrap(),
            fake.blob[..]
        );
        let part = get("bytes=8-11").await;
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], "bytes 8-11/264");
        assert_eq!(
            to_bytes(part.into_body(), 99).await.unwrap(),
            [0, 1, 2, 3][..]
        );
        assert_eq!(get("bytes=264-").await.status(), 416);
    });
}

#[test]
fn only_this_machine_is_listened_to() {
    for address in ["0.0.0.0:0", "192.168.1.5:4477", "[::]:0", "8.8.8.8:80"] {
        let error = crate::server::listen(address.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    crate::server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is sent, there is an answer with a status of ours.
    #[test]
    fn no_request_breaks_it(
        route in 0..routes::all().count(),
        parts in proptest::collection::vec("[ -~]{0,12}|\\PC{0,6}", 4),
        query in "[ -~]{0,40}|(topic|after|limit|from|last|equal|index)=[ -~]{0,12}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        json in proptest::option::of("\\{\"(body|name|app|token|for|prove|members)\":[ -~]{0,30}\\}"),
        header in proptest::collection::vec(32_u8..255, 0..40),
        which in prop::sample::select(vec!["range", "cookie", "last-event-id", "origin", "authorization", "host", "if-none-match", "x"]),
    ) {
        let route = routes::all().nth(route).unwrap();
        let mut path = ROOT.to_owned();
        let mut parts = parts.iter();
        for part in route.path.split('/').skip(1) {
            path.push('/');
            match part.starts_with('{') {
                true => {
                    let part = parts.next().unwrap();
                    path.extend(form_urlencoded::byte_serialize(part.as_bytes()));
                }
                false => path.push_str(part),
            }
        }
        let query: String = query.chars().map(|letter| if letter.is_ascii_alphanumeric() || "=&%+".contains(letter) { letter } else { '_' }).collect();
        let method = match route.method { Method::Get => "GET", Method::Post => "POST" };
        let mut builder = Request::builder().method(method).uri(format!("{path}?{query}"));
        if which != "host" {
            builder = builder.header("host", HOST);
        }
        if which != "authorization" {
            builder = builder.header("authorization", "Bearer writer");
        }
        if let Ok(value) = axum::http::HeaderValue::from_bytes(&header) {
            builder = builder.header(which, value);
        }
        let body = json.map_or(body, String::into_bytes);
        let Ok(request) = builder.body(Body::from(body)) else { return Ok(()) };
        let status = runtime().block_on(async {
            let (_, _, router) = place();
            sent(&router, request).await.status()
        });
        prop_assert!(status.as_u16() < 500, "{status}");
    }
}
