//! The whole server in memory, on a backend of a few entries: who is let in, what streams
//! tell, and that nothing that is sent makes it fall over.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod probes;
mod streams;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::Problem;
use crate::access::Scope;
use crate::backend::{Arrived, Ask, Backend, BlobInfo, Changed};
use crate::routes::{Method, ROOT, ROUTES};
use crate::server::{Shared, router, shared};

/// Entries, of which each third is of the topic `b`, and every one changes a row.
#[derive(Default)]
struct Fake {
    entries: Mutex<Vec<String>>,
    blob: Vec<u8>,
}

impl Fake {
    fn write(&self, count: usize) {
        let mut entries = self.entries.lock().unwrap();
        for _ in 0..count {
            let topic = if entries.len().is_multiple_of(3) {
                "b"
            } else {
                "a"
            };
            entries.push(topic.to_owned());
        }
    }
}

impl Backend for Fake {
    fn answer(&self, ask: &Ask) -> Result<Json, Problem> {
        match ask {
            Ask::Topic(topic) if topic == "none" => {
                Err(Problem::new(404, "no_topic", "no such topic").hint("look again"))
            }
            ask => Ok(json!({ "asked": format!("{ask:?}") })),
        }
    }

    fn arrivals(
        &self,
        after: u64,
        topic: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Arrived>, u64), Problem> {
        let entries = self.entries.lock().unwrap();
        let mut found = Vec::new();
        for (at, of) in entries.iter().enumerate().skip(after as usize) {
            if topic.is_none_or(|topic| topic == of) {
                found.push(Arrived {
                    cursor: at as u64 + 1,
                    topic: of.clone(),
                    json: Arc::from(json!({ "n": at }).to_string()),
                });
            }
            if found.len() == limit {
                return Ok((found, at as u64 + 1));
            }
        }
        Ok((found, entries.len() as u64))
    }

    fn changes(&self, topic: &str, cursor: Option<&str>, limit: usize) -> Result<Changed, Problem> {
        let entries = self.entries.lock().unwrap();
        let end = format!("{:04x}", entries.len());
        let Some(since) = cursor.and_then(|cursor| usize::from_str_radix(cursor, 16).ok()) else {
            return Ok(Changed::Reset(end));
        };
        let of_topic = entries
            .iter()
            .enumerate()
            .skip(since)
            .filter(|(_, of)| *of == topic);
        let all: Vec<usize> = of_topic.map(|(at, _)| at).take(limit).collect();
        let more = all.len() == limit;
        let cursor = all
            .last()
            .filter(|_| more)
            .map_or(end, |at| format!("{:04x}", at + 1));
        Ok(Changed::Since {
            changes: (!all.is_empty()).then(|| Arc::from(json!(all).to_string())),
            cursor,
            more,
        })
    }

    fn topic_id(&self, name: &str) -> Result<String, Problem> {
        match name {
            "a" | "b" => Ok(name.to_owned()),
            _ => Err(Problem::new(404, "no_topic", "no such topic")),
        }
    }

    fn end(&self) -> u64 {
        self.entries.lock().unwrap().len() as u64
    }

    fn wait(&self, seen: u64, patience: Duration) {
        let mut left = patience;
        while self.end() == seen && !left.is_zero() {
            std::thread::sleep(Duration::from_millis(1));
            left = left.saturating_sub(Duration::from_millis(1));
        }
    }

    fn blob(&self, hash: &str) -> Result<BlobInfo, Problem> {
        match hash {
            "here" => Ok(BlobInfo {
                size: self.blob.len() as u64,
                front: self.blob[..16.min(self.blob.len())].to_vec(),
                hash: "here".to_owned(),
            }),
            _ => Err(Problem::new(404, "no_blob", "the blob is not here")),
        }
    }

    fn blob_bytes(&self, _: &str, range: Range<u64>) -> Result<Vec<u8>, Problem> {
        Ok(self.blob[range.start as usize..range.end as usize].to_vec())
    }

    fn add_blob(&self, _: Option<&str>, bytes: &[u8]) -> Result<Json, Problem> {
        Ok(json!({ "size": bytes.len() }))
    }

    fn token(&self, secret: &str) -> Option<Scope> {
        match secret {
            "reader" => Some(Scope::Read),
            "writer" => Some(Scope::Write),
            _ => None,
        }
    }

    fn random(&self) -> Result<[u8; 32], Problem> {
        Ok([7; 32])
    }

    fn now_ms(&self) -> u64 {
        0
    }
}

const HOST: &str = "127.0.0.1:4477";

fn place() -> (Arc<Fake>, Arc<Shared>, Router) {
    let fake = Arc::new(Fake {
        blob: b"\x89PNG\r\n\x1a\n"
            .iter()
            .copied()
            .chain(0..=255)
            .collect(),
        ..Fake::default()
    });
    let address: SocketAddr = HOST.parse().unwrap();
    let shared = shared(Arc::clone(&fake) as Arc<dyn Backend>, address, 1 << 20);
    let router = router(&shared);
    (fake, shared, router)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

async fn sent(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

async fn read(response: Response<Body>) -> Json {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Json::Null)
}

/// A request by a line of its parts: method, path, headers.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body.to_owned())).unwrap()
}

/// Opens a session. Gives its cookie.
async fn logged_in(shared: &Shared, router: &Router) -> String {
    shared.keys.expect("once");
    let headers = [("host", HOST), ("origin", "http://127.0.0.1:4477")];
    let response = sent(
        router,
        request("POST", "/api/v1/login", &headers, r#"{"token":"once"}"#),
    );
    let response = response.await;
    assert_eq!(response.status(), 200);
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    cookie.split(';').next().unwrap().to_owned()
}

/// Method, path, headers; status and code of the answer.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);

#[test]
fn who_is_let_in() {
    let ours = "http://127.0.0.1:4477";
    let table: &[Case] = &[
        // nobody
        ("GET", "/topics", &[("host", HOST)], 401, "not_logged_in"),
        ("GET", "/openapi.json", &[("host", HOST)], 200, ""),
        ("GET", "/nothing", &[("host", HOST)], 404, "no_such_page"),
        (
            "DELETE",
            "/topics",
            &[("host", HOST), ("origin", ours)],
            405,
            "wrong_method",
        ),
        // other names for this address
        (
            "GET",
            "/openapi.json",
            &[("host", "evil.example:4477")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "127.0.0.1:4478")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "127.0.0.1")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "127.0.0.1:4477.evil.example")],
            403,
            "wrong_host",
        ),
        ("GET", "/openapi.json", &[], 403, "wrong_host"),
        (
            "GET",
            "/openapi.json",
            &[("host", HOST), ("host", "evil.example")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "LOCALHOST:4477")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", "evil.example"), ("cookie", "OURS")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/nothing",
            &[("host", "evil.example")],
            403,
            "wrong_host",
        ),
        // sessions
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "OURS")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "a=b; OURS; c=d")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "synlog-4477=guess")],
            401,
            "unknown_login",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "synlog-4478=guess")],
            401,
            "not_logged_in",
        ),
        // pages of others
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "http://evil.example"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("sec-fetch-site", "cross-site"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("sec-fetch-site", "same-site"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("sec-fetch-site", "same-origin"),
            ],
            200,
            "",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("cookie", "OURS"), ("origin", ours)],
            200,
            "",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("cookie", "OURS")],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("cookie", "OURS"), ("origin", "null")],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "http://127.0.0.1:4478"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "https://127.0.0.1:4477"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "http://localhost:4477"),
            ],
            403,
            "foreign_origin",
        ),
        ("POST", "/login", &[("host", HOST)], 403, "foreign_origin"),
        (
            "POST",
            "/login",
            &[("host", HOST), ("origin", "http://evil.example")],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/logout",
            &[("host", HOST), ("origin", ours)],
            401,
            "not_logged_in",
        ),
        // programs
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer reader")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer guess")],
            401,
            "unknown_login",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer")],
            401,
            "not_logged_in",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Basic cmVhZGVy")],
            401,
            "not_logged_in",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("authorization", "Bearer guess"),
                ("cookie", "OURS"),
            ],
            401,
            "unknown_login",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("authorization", "Bearer reader")],
            403,
            "scope",
        ),
        (
            "POST",
            "/blobs",
            &[("host", HOST), ("authorization", "Bearer reader")],
            403,
            "scope",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("authorization", "Bearer writer")],
            200,
            "",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("authorization", "Bearer writer"),
                ("origin", "http://evil.example"),
            ],
            403,
            "foreign_origin",
        ),
    ];
    runtime().block_on(async {
        let (_, shared, router) = place();
        let session = logged_in(&shared, &router).await;
        for (method, path, headers, status, code) in table {
            let headers: Vec<(&str, String)> = headers
                .iter()
                .map(|(name, value)| (*name, value.replace("OURS", &session)))
                .collect();
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (*name, &value[..]))
                .collect();
            let path = format!("{ROOT}{path}");
            let response = sent(&router, request(method, &path, &headers, "{}")).await;
            assert_eq!(response.status(), *status, "{method} {path} {headers:?}");
            let held = response.headers();
            assert!(
                held["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .contains("default-src 'none'")
            );
            assert_eq!(held["x-content-type-options"], "nosniff");
            assert!(held.get("access-control-allow-origin").is_none());
            if !code.is_empty() {
                assert_eq!(held["content-type"], "application/problem+json");
                assert_eq!(read(response).await["code"], *code, "{method} {path}");
            }
        }
    });
}

#[test]
fn pages_may_be_linked_to_and_hold_no_inline_script() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let from_elsewhere = [("host", HOST), ("sec-fetch-site", "cross-site")];
        let response = sent(&router, request("GET", "/", &from_elsewhere, "")).await;
        assert_eq!(response.status(), 200);
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let again = [("host", HOST), ("if-none-match", &tag[..])];
        assert_eq!(
            sent(&router, request("GET", "/", &again, ""))
                .await
                .status(),
            304
        );
        let evil = [("host", "evil.example")];
        assert_eq!(
            sent(&router, request("GET", "/", &evil, "")).await.status(),
            403
        );
    });
    for page in crate::pages::PAGES {
        for inline in [
            "<script>",
            " onclick=",
            " onload=",
            " style=\"",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!page.text.contains(inline), "{}: {inline}", page.path);
        }
        assert!(
            !page.text.contains("https://") || page.path.ends_with(".d.ts"),
            "{}",
            page.path
        );
    }
}

#[test]
fn a_link_logs_in_once_and_guessing_ends() {
    runtime().block_on(async {
        let (_, shared, router) = place();
        let headers = [("host", HOST), ("origin", "http://127.0.0.1:4477")];
        let cookie = logged_in(&shared, &router).await;
        for _ in 0..10 {
            let again = request("POST", "/api/v1/login", &headers, r#"{"token":"once"}"#);
            assert_eq!(sent(&router, again).await.status(), 401);
        }
        let late = request("POST", "/api/v1/login", &headers, r#"{"token":"guess"}"#);
        let late = sent(&router, late).await;
        assert_eq!(late.status(), 429);
        assert_eq!(late.headers()["retry-after"], "60");
        shared.keys.expect("right");
        let right = request("POST", "/api/v1/login", &headers, r#"{"token":"right"}"#);
        assert_eq!(sent(&router, right).await.status(), 200);
        // who is in stays in, until it leaves
        let mine = [
            ("host", HOST),
            ("cookie", &cookie[..]),
            ("origin", "http://127.0.0.1:4477"),
        ];
        let session = sent(&router, request("GET", "/api/v1/session", &mine, "")).await;
        assert_eq!(read(session).await, json!({ "scope": "write" }));
        assert_eq!(
            sent(&router, request("POST", "/api/v1/logout", &mine, ""))
                .await
                .status(),
            200
        );
        assert_eq!(
            sent(&router, request("GET", "/api/v1/session", &mine, ""))
                .await
                .status(),
            401
        );
    });
}

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
        use futures_util::FutureExt;
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
        route in 0..ROUTES.len(),
        parts in proptest::collection::vec("[ -~]{0,12}|\\PC{0,6}", 4),
        query in "[ -~]{0,40}|(topic|after|limit|from|last|equal|index)=[ -~]{0,12}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        json in proptest::option::of("\\{\"(body|name|app|token|for|prove|members)\":[ -~]{0,30}\\}"),
        header in proptest::collection::vec(32_u8..255, 0..40),
        which in prop::sample::select(vec!["range", "cookie", "last-event-id", "origin", "authorization", "host", "if-none-match", "x"]),
    ) {
        let route = &ROUTES[route];
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
