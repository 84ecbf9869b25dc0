//! What those see who watch over a node, and that requests have ids.

use std::sync::Arc;

use axum::body::to_bytes;
use futures_util::StreamExt;
use serde_json::json;

use super::{Fake, HOST, logged_in, place, read, request, runtime, sent};
use crate::access::Scope;
use crate::backend::{Arrived, Ask, Backend, BlobInfo, Changed, NewImport};
use crate::metrics::{Kind, Measure};
use crate::problem::Problem;
use crate::server::{router, shared};

const OURS: (&str, &str) = ("host", HOST);
const READER: (&str, &str) = ("authorization", "Bearer reader");

/// A node that tells numbers to all, and can't work.
pub(super) struct Open(pub(super) Fake);

impl Backend for Open {
    fn answer(&self, ask: &Ask) -> Result<serde_json::Value, Problem> {
        self.0.answer(ask)
    }
    fn arrivals(
        &self,
        after: u64,
        topic: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Arrived>, u64), Problem> {
        self.0.arrivals(after, topic, limit)
    }
    fn changes(&self, topic: &str, cursor: Option<&str>, limit: usize) -> Result<Changed, Problem> {
        self.0.changes(topic, cursor, limit)
    }
    fn topic_id(&self, name: &str) -> Result<String, Problem> {
        self.0.topic_id(name)
    }
    fn end(&self) -> u64 {
        self.0.end()
    }
    fn mark(&self) -> String {
        self.0.mark()
    }
    fn wait(&self, seen: u64, patience: std::time::Duration) {
        self.0.wait(seen, patience);
    }
    fn blob(&self, hash: &str) -> Result<BlobInfo, Problem> {
        self.0.blob(hash)
    }
    fn blob_bytes(&self, hash: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, Problem> {
        self.0.blob_bytes(hash, range)
    }
    fn add_blob(&self, topic: Option<&str>, bytes: &[u8]) -> Result<serde_json::Value, Problem> {
        self.0.add_blob(topic, bytes)
    }
    fn add_import(&self, new: &NewImport, bytes: &[u8]) -> Result<serde_json::Value, Problem> {
        self.0.add_import(new, bytes)
    }
    fn token(&self, secret: &str) -> Option<Scope> {
        self.0.token(secret)
    }
    fn random(&self) -> Result<[u8; 32], Problem> {
        self.0.random()
    }
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }
    fn measures(&self) -> Vec<Measure> {
        vec![Measure::one("synlog_entries", "Entries", Kind::Gauge, 7)]
    }
    fn metrics_are_open(&self) -> bool {
        true
    }
    fn trouble(&self) -> Option<&'static str> {
        Some("store_lost")
    }
}

#[test]
fn who_may_know_how_a_node_is() {
    runtime().block_on(async {
        let (_, shared_one, closed) = place();
        let address = "127.0.0.1:4477".parse().unwrap();
        let open = router(&shared(
            Arc::new(Open(Fake::default())),
            address,
            None,
            1 << 20,
        ));
        let session = logged_in(&shared_one, &closed).await;
        let session = ("cookie", session.as_str());
        let evil = ("host", "evil.example:4477");
        let elsewhere = ("sec-fetch-site", "cross-site");
        let origin = ("origin", "http://evil.example");
        // path, headers; status where a token is needed, and where all of this machine may
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, u16);
        let table: &[Case<'_>] = &[
            ("/healthz", &[OURS], 200, 200),
            ("/healthz", &[evil], 403, 403),
            ("/healthz", &[OURS, elsewhere], 403, 403),
            ("/readyz", &[OURS], 200, 503),
            ("/readyz", &[evil], 403, 403),
            ("/readyz", &[OURS, origin], 403, 403),
            ("/metrics", &[OURS], 401, 200),
            (
                "/metrics",
                &[OURS, ("authorization", "Bearer guess")],
                401,
                200,
            ),
            ("/metrics", &[OURS, READER], 200, 200),
            ("/metrics", &[OURS, session], 200, 200),
            ("/metrics", &[evil, READER], 403, 403),
            ("/metrics", &[OURS, elsewhere], 403, 403),
            ("/metrics", &[OURS, origin], 403, 403),
        ];
        for (path, headers, status, when_open) in table {
            let of_closed = sent(&closed, request("GET", path, headers, "")).await;
            assert_eq!(of_closed.status(), *status, "{path} {headers:?}");
            let of_open = sent(&open, request("GET", path, headers, "")).await;
            assert_eq!(of_open.status(), *when_open, "{path} {headers:?}");
        }
        let ready = sent(&open, request("GET", "/readyz", &[OURS], "")).await;
        assert_eq!(
            read(ready).await,
            json!({ "ready": false, "why": "store_lost" })
        );
        let told = sent(&open, request("GET", "/metrics", &[OURS], "")).await;
        let kind = told.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        let text = to_bytes(told.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        for line in [
            "synlog_http_requests_total{status=\"503\"} 2",
            "synlog_stream_watchers 0",
            "synlog_entries 7",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    });
}

#[test]
fn each_answer_has_the_id_of_its_request() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let id = |response: &axum::http::Response<_>| {
            let id = response.headers()["x-request-id"].to_str().unwrap();
            id.to_owned()
        };
        let mut seen = Vec::new();
        for path in [
            "/",
            "/api/v1/openapi.json",
            "/api/v1/topics",
            "/nothing",
            "/healthz",
        ] {
            seen.push(id(&sent(&router, request("GET", path, &[OURS], "")).await));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5);
        let brought = [OURS, ("x-request-id", "till-7.a")];
        let kept = sent(&router, request("GET", "/healthz", &brought, "")).await;
        assert_eq!(id(&kept), "till-7.a");
        let odd = [OURS, ("x-request-id", "a\"b")];
        let other = sent(&router, request("GET", "/healthz", &odd, "")).await;
        assert_ne!(id(&other), "a\"b");
    });
}

#[test]
fn a_stream_says_goodbye_when_the_node_ends() {
    runtime().block_on(async {
        let (_, shared, router) = place();
        let headers = [OURS, READER];
        let stream = sent(
            &router,
            request("GET", "/api/v1/stream?topic=a", &headers, ""),
        )
        .await;
        let mut body = stream.into_body().into_data_stream();
        let mut text = String::new();
        while !text.contains("event: hello") {
            let piece = body.next().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        shared.stop.send_replace(true);
        // all that comes, to the end
        while let Some(piece) = body.next().await {
            text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.contains("event: bye"), "{text}");
    });
}
