//! The whole server in memory, on a backend of a few entries: who is let in, what streams
//! tell, and that nothing that is sent makes it fall over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod door;
mod probes;
mod remote;
mod streams;
mod uis;
mod versions;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::Problem;
use crate::access::Scope;
use crate::backend::{Arrived, Ask, Backend, BlobInfo, Changed, NewImport};
use crate::server::{Shared, router, shared};
use crate::sites::Site;
use crate::uis::Package;

/// Entries, of which each third is of the topic `b`, and every one changes a row.
#[derive(Default)]
pub(crate) struct Fake {
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
            Ask::Rows(rows) if rows.view == "panic" => panic!("a question that breaks"),
            Ask::Manifest(_) => Ok(json!({ "events": [
                { "kind": "tally.close", "erasable": [{ "name": "amount", "type": "text" }] },
                { "kind": "tally.add", "erasable": [
                    { "name": "note", "type": "text" },
                    { "name": "place", "type": "geo" },
                    { "name": "key", "type": "bytes" },
                    { "name": "steps", "type": "list" },
                    { "name": "steps[].way", "type": "text" },
                ] },
            ] })),
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

    fn mark(&self) -> String {
        "c0de".to_owned()
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
            "here" | "of-another" => Ok(BlobInfo {
                size: self.blob.len() as u64,
                front: self.blob[..16.min(self.blob.len())].to_vec(),
                hash: hash.to_owned(),
            }),
            "text" => Ok(BlobInfo {
                size: 4,
                front: b"text".to_vec(),
                hash: hash.to_owned(),
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

    fn add_import(&self, new: &NewImport, bytes: &[u8]) -> Result<Json, Problem> {
        Ok(json!({ "asked": format!("{new:?}"), "size": bytes.len() }))
    }

    fn uis(&self) -> Vec<Arc<Package>> {
        let json = r#"{"format":1,"app":"tally","major":1,"title":{"en":"Tally"},
            "reads":["tallies"],"writes":["tally.add"]}"#;
        let files = [("ui.json", json), ("index.html", "<!doctype html>")];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        vec![Arc::new(Package::of(files.into()).unwrap())]
    }

    fn topic_app(&self, topic: &str) -> Result<Option<(String, u16)>, Problem> {
        match topic {
            "a" => Ok(Some(("tally".to_owned(), 1))),
            other => self
                .topic_id(other)
                .map(|_| Some(("relation".to_owned(), 1))),
        }
    }

    fn blob_apps(&self, hash: &str) -> Result<Vec<(String, u16)>, Problem> {
        let of = |app: &str| (app.to_owned(), 1);
        match hash {
            "of-another" => Ok(vec![of("relation")]),
            _ => Ok(vec![of("relation"), of("tally")]),
        }
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
    let remote = Site::elsewhere(&["counter.example".to_owned()], 4443).unwrap();
    let backend = Arc::clone(&fake) as Arc<dyn Backend>;
    let shared = shared(backend, address, Some(remote), 1 << 20);
    let router = router(&shared);
    (fake, shared, router)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
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
    shared.keys.expect("once", 0);
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
