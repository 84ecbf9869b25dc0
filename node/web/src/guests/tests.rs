//! The whole door in memory, on a backend of one space and one guest: which routes want a
//! session, that a session ends, and that nothing that is sent makes it fall over.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use futures_util::StreamExt;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::backend::{BlobInfo, Rows};
use crate::guests::ROOT;
use crate::guests::asked::ROUTES;
use crate::guests::backend::{Founded, Guest, GuestBackend, Heights, Proof, Proven, Pulled};
use crate::guests::pages::VERSION;
use crate::guests::server::{Carried, router, shared};
use crate::guests::sessions::SESSION_MS;
use crate::pages::{FOR_EVER, UNTIL_ASKED};
use crate::problem::Problem;
use crate::routes::Method;
use crate::serving::Ends;

/// A node whose clock stands where it is put.
#[derive(Default)]
struct Fake {
    now_ms: AtomicU64,
}

fn no() -> Problem {
    Problem::new(404, "not_here", "no")
}

impl GuestBackend for Fake {
    fn here(&self) -> Result<Json, Problem> {
        Ok(json!({ "here": true }))
    }

    fn rows(&self, rows: &Rows) -> Result<Json, Problem> {
        Ok(json!({ "asked": format!("{rows:?}") }))
    }

    fn search(&self, rows: &Rows, words: &str) -> Result<Json, Problem> {
        Ok(json!({ "asked": format!("{words} {rows:?}") }))
    }

    fn catalog(&self, rows: &Rows, words: Option<&str>) -> Result<Json, Problem> {
        Ok(json!({ "sorted": format!("{words:?} {rows:?}") }))
    }

    fn space(&self, space: &str) -> Result<String, Problem> {
        match space {
            "gone" => Err(no()),
            space => Ok(space.to_owned()),
        }
    }

    fn manifest(&self, _: &str) -> Result<Json, Problem> {
        Err(no())
    }

    fn image(&self, _: &str) -> Result<BlobInfo, Problem> {
        Err(no())
    }

    fn image_bytes(&self, _: &str, _: Range<u64>) -> Result<Vec<u8>, Problem> {
        Err(no())
    }

    fn module(&self, _: &str) -> Result<Vec<u8>, Problem> {
        Ok(vec![0])
    }

    fn prove(&self, proof: &Proof) -> Result<Proven, Problem> {
        Ok(Proven {
            guest: Guest {
                entity: "ana".to_owned(),
                device: proof.device.clone(),
                profile: None,
            },
            relations: json!([]),
        })
    }

    fn found(&self, _: &Guest, _: &str) -> Result<Founded, Problem> {
        Ok(Founded::Topic("t".to_owned()))
    }

    fn waits(&self, _: &Guest) -> bool {
        false
    }

    fn pull(&self, _: &Guest, _: &str, _: &Heights) -> Result<Pulled, Problem> {
        Ok(Pulled {
            bundle: vec![1, 2],
            more: true,
        })
    }

    fn push(&self, _: &Guest, _: &str, bundle: &[u8]) -> Result<u64, Problem> {
        Ok(bundle.len() as u64)
    }

    fn heights(&self, _: &Guest, _: &str) -> Result<Heights, Problem> {
        Ok(vec![("d".to_owned(), 3)])
    }

    fn grown(&self, _: u64) -> Result<(Vec<String>, u64), Problem> {
        Ok((Vec::new(), 0))
    }

    fn end(&self) -> u64 {
        0
    }

    fn wait(&self, _: u64, _: Duration) {}

    fn node(&self) -> [u8; 32] {
        [7; 32]
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn hourly(&self) -> usize {
        20
    }

    fn random(&self) -> Result<[u8; 32], Problem> {
        Ok([5; 32])
    }

    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

struct Door {
    backend: Arc<Fake>,
    router: Router,
}

fn door() -> Door {
    let backend = Arc::new(Fake::default());
    let shared = shared(Arc::clone(&backend) as Arc<dyn GuestBackend>);
    Door {
        router: router(&shared),
        backend,
    }
}

/// A request that came to this address.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request<Body> {
    let here = "192.0.2.1:4480".parse().unwrap();
    let there = "192.0.2.9:999".parse().unwrap();
    let mut request = Request::builder().method(method).uri(path).extension(Ends {
        here,
        there,
        is_secure: false,
    });
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "192.0.2.1:4480");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_vec())).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

async fn send(door: &Door, request: Request<Body>) -> (u16, Json) {
    let response: Response<Body> = door.router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("content-security-policy"));
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
}

/// Logs in. Gives the header.
async fn log_in(door: &Door) -> String {
    let challenge = request("POST", &format!("{ROOT}/challenge"), &[], b"");
    let (_, told) = send(door, challenge).await;
    assert_eq!(told["node"], "07".repeat(32));
    let body = json!({
        "device": "ab".repeat(32), "challenge": told["challenge"], "signature": "cd".repeat(64),
    });
    let body = body.to_string();
    let session = request("POST", &format!("{ROOT}/session"), &[], body.as_bytes());
    let (status, told) = send(door, session).await;
    assert_eq!(status, 200, "{told}");
    format!("Bearer {}", told["token"].as_str().unwrap())
}

#[test]
fn rows_are_not_read_from_their_end() {
    run(async {
        let door = door();
        let ask = |query: &str| {
            let path = format!("{ROOT}/spaces/aa/views/items?index=by_title{query}");
            request("GET", &path, &[], b"")
        };
        assert_eq!(send(&door, ask("")).await.0, 200);
        let (status, told) = send(&door, ask("&desc=true")).await;
        assert_eq!((status, &told["code"]), (400, &json!("usage")));
    });
}

#[test]
fn a_catalog_is_sorted_without_an_index() {
    run(async {
        let door = door();
        for (asked, status) in [
            ("views/items?sorted=true", 200),
            ("views/items?sorted=true&words=rye&limit=5&after=at:x", 200),
            ("views/items?sorted=true&index=by_title", 400),
            ("views/items?sorted=true&prefix=item", 400),
            ("views/slots?sorted=true", 400),
            ("views/items?sorted=perhaps", 400),
        ] {
            let asked = format!("{ROOT}/spaces/aa/{asked}");
            let (answered, told) = send(&door, request("GET", &asked, &[], b"")).await;
            assert_eq!(answered, status, "{asked}: {told}");
            assert_eq!(told["sorted"].is_string(), status == 200);
        }
    });
}

#[test]
fn what_is_a_guests_own_wants_a_session_that_ends() {
    run(async {
        let door = door();
        let token = log_in(&door).await;
        for route in ROUTES.iter().filter(|route| route.session) {
            let path = route.path.replace("{topic}", "aa");
            let path = format!("{ROOT}{path}");
            let method = match route.method {
                Method::Get => "GET",
                Method::Post => "POST",
            };
            let ask = |headers: &[(&str, &str)]| request(method, &path, headers, b"");
            for wrong in ["Bearer x", "Basic x", "Bearer", ""] {
                let (status, told) = send(&door, ask(&[("authorization", wrong)])).await;
                assert_eq!(
                    (status, &told["code"]),
                    (401, &json!("no_session")),
                    "{path}"
                );
            }
            assert_eq!(send(&door, ask(&[])).await.0, 401, "{path}");
        }
        let wish = || {
            let headers = [("authorization", &token[..])];
            let body = b"{\"space\":\"aa\"}";
            request("POST", &format!("{ROOT}/relations"), &headers, body)
        };
        assert_eq!(send(&door, wish()).await.0, 200);
        door.backend.now_ms.store(SESSION_MS - 1, Ordering::Relaxed);
        assert_eq!(send(&door, wish()).await.0, 200);
        door.backend.now_ms.store(SESSION_MS, Ordering::Relaxed);
        assert_eq!(send(&door, wish()).await.0, 401);
    });
}

#[test]
fn a_request_that_came_by_no_known_way_is_refused() {
    run(async {
        let door = door();
        let ask = |carried: Option<&str>| {
            let mut request = request("GET", &format!("{ROOT}/here"), &[("host", "a.b")], b"");
            request.extensions_mut().clear();
            if let Some(name) = carried {
                request.extensions_mut().insert(Carried(name.to_owned()));
            }
            request
        };
        assert_eq!(send(&door, ask(None)).await.0, 403);
        assert_eq!(send(&door, ask(Some("a.b"))).await.0, 200);
        assert_eq!(send(&door, ask(Some("c.b"))).await.0, 403);
    });
}

proptest! {
    #[test]
    fn nothing_makes_it_fall_over(
        number in 0..ROUTES.len(),
        part in "[ -~]{0,20}",
        query in "[ -~]{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        post: bool,
    ) {
        let encoded = |text: &str| -> String {
            form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let mut path = ROUTES[number].path.to_owned();
        for name in ["{topic}", "{view}", "{*key}", "{hash}"] {
            path = path.replace(name, &encoded(&part));
        }
        let path = format!("{ROOT}{path}?{}", query.replace([' ', '#', '"', '<', '>', '`', '{', '}', '|', '\\', '^'], "%20"));
        run(async {
            let door = door();
            let token = log_in(&door).await;
            let method = if post { "POST" } else { "GET" };
            let headers = [("authorization", &token[..])];
            // a stream has no end
            if !path.contains("/stream") {
                let (status, told) = send(&door, request(method, &path, &headers, &body)).await;
                assert!(status < 500, "{path}: {told}");
            }
        });
    }
}

#[test]
fn files_of_this_version_are_kept() {
    run(async {
        let door = door();
        let get = |path: &str| {
            let asked = request("GET", path, &[], b"");
            door.router.clone().oneshot(asked)
        };
        let first = get("/").await.unwrap();
        assert_eq!(first.headers()["cache-control"], UNTIL_ASKED);
        let bytes = to_bytes(first.into_body(), 1 << 20).await.unwrap();
        let first = String::from_utf8(bytes.to_vec()).unwrap();
        let folder = format!("/v/{VERSION}/");
        for name in ["app.js", "guest.css", "guest.wasm"] {
            assert!(first.contains(&format!("{folder}{name}\"")) || name == "guest.wasm");
            for (path, kept) in [
                (format!("{folder}{name}"), FOR_EVER),
                (format!("/v/0123456789abcdef/{name}"), UNTIL_ASKED),
                (format!("/{name}"), UNTIL_ASKED),
            ] {
                let response = get(&path).await.unwrap();
                assert_eq!(response.status(), 200, "{path}");
                assert_eq!(response.headers()["cache-control"], kept, "{path}");
            }
        }
        for name in ["none.js", "", "index.html"] {
            let response = get(&format!("{folder}{name}")).await.unwrap();
            assert_eq!(response.status(), 404, "{name}");
        }
        // what is no text in a path goes through the same door
        for path in ["/v/%ff/app.js", "/v/0123456789abcdef/%ff"] {
            let response = get(path).await.unwrap();
            assert_eq!(response.status(), 404, "{path}");
            let evil = request("GET", path, &[("host", "evil.example")], b"");
            let (status, told) = send(&door, evil).await;
            assert_eq!(
                (status, &told["code"]),
                (403, &json!("wrong_host")),
                "{path}"
            );
        }
    });
}

#[test]
fn a_space_tells_everybody_that_it_changed() {
    run(async {
        let shared = shared(Arc::new(Fake::default()));
        let router = router(&shared);
        let look = |space: &str| {
            let path = format!("{ROOT}/spaces/{space}/stream");
            router.clone().oneshot(request("GET", &path, &[], b""))
        };
        assert_eq!(look("gone").await.unwrap().status(), 404);
        let mut events = look("aa").await.unwrap().into_body().into_data_stream();
        const LONG: Duration = Duration::from_secs(60);
        const SHORT: Duration = Duration::from_secs(2);
        let mut next = async |patience| {
            let next = tokio::time::timeout(patience, events.next()).await;
            next.map(|event| String::from_utf8(event.unwrap().unwrap().to_vec()).unwrap())
        };
        assert!(next(LONG).await.unwrap().contains("event: grown"));
        let grown = |topic: &str| {
            let topics = std::iter::once(topic.to_owned()).collect();
            shared.news.send(Arc::new(topics)).unwrap();
        };
        grown("bb");
        assert!(next(SHORT).await.is_err(), "another space is no news");
        // several entries are told once
        grown("aa");
        grown("aa");
        assert!(next(LONG).await.unwrap().contains("event: grown"));
        assert!(next(SHORT).await.is_err());

        // one address has so many, and no more
        let mut held = Vec::new();
        loop {
            let response = look("aa").await.unwrap();
            if response.status() != 200 {
                assert_eq!(response.status(), 503);
                break;
            }
            held.push(response);
            assert!(held.len() < 100);
        }
        held.pop();
        assert_eq!(look("aa").await.unwrap().status(), 200);
    });
}
