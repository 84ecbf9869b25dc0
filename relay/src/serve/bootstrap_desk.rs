//! Who asks the registry for what.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use iroh::{EndpointId, RelayUrl};
use iroh_dns::pkarr::SignedPacket;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::bootstrap::Book;
use super::clock::{now_ms, number};
use super::fetch::{Fetch, is_public};
use super::listen::{Answers, Guest};
use super::publishing::{self, Publishing};
use crate::dice::Dice;
use crate::limits::{
    ASKED_MAX, CALLERS_MAX, HEAD, QUESTION_BURST, QUESTIONS_PER_SECOND, REGISTER_BYTES,
};
use crate::metrics::{Counts, Text};
use crate::page::{Away, Body, answer, json_answer, problem, redirect};
use crate::quota::{Caller, Quota};
use crate::registration::{Refusal, Registration};
use crate::registry::{Entry, Input};
use crate::{name, packets};

/// Relays that one is given who doesn't say how many.
const CHOICE_USUAL: usize = 3;

/// What answers.
pub(crate) struct Desk {
    book: Arc<Book>,
    publishing: Arc<Publishing>,
    fetch: Fetch,
    near: bool,
    questions: Mutex<Quota<Caller>>,
    counts: Arc<Counts>,
}

impl Answers for Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, guest: Guest) -> Response<Body> {
        drop(guest.take_wire());
        let path = request.uri().path().to_owned();
        if path.starts_with(publishing::PATH) {
            let publishing = &self.publishing;
            return publishing.answer(request, guest.caller, now_ms()).await;
        }
        if path == "/relays" && *request.method() == Method::POST {
            return self.register(request, guest.caller).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return problem(status, "bad_method", "only GET is answered here", "");
        }
        let text =
            |text: &str| answer(StatusCode::OK, "text/plain; charset=utf-8", text.to_owned());
        match path.as_str() {
            "/" => text("This is a registry of synlog relays: GET /relays, /relays/choice?n=3.\n"),
            "/relays" => self.list(),
            "/relays/choice" => self.choose(request.uri().query().unwrap_or_default()),
            "/robots.txt" => text("User-agent: *\nDisallow: /\n"),
            "/healthz" | "/readyz" => text("ok\n"),
            "/metrics" if guest.is_local(request.headers()) => {
                answer(StatusCode::OK, "text/plain; version=0.0.4", self.told())
            }
            path => self.node(path, &request, guest.caller).await,
        }
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    let (status, hint) = match refusal {
        Refusal::TooMany => (StatusCode::TOO_MANY_REQUESTS, "try again in a minute"),
        Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "try again in some minutes"),
        Refusal::Replayed | Refusal::UrlTaken => (StatusCode::CONFLICT, ""),
        Refusal::BadSignature => (StatusCode::FORBIDDEN, ""),
        Refusal::BadTime => (StatusCode::BAD_REQUEST, "set the clock"),
        Refusal::NotPublic => (
            StatusCode::BAD_REQUEST,
            "a registry for one machine or network is started with --near",
        ),
        Refusal::Malformed | Refusal::TooLong => (StatusCode::BAD_REQUEST, ""),
    };
    problem(status, refusal.code(), &refusal.to_string(), hint)
}

impl Desk {
    pub(crate) fn new(
        book: Arc<Book>,
        publishing: Arc<Publishing>,
        fetch: Fetch,
        near: bool,
        counts: Arc<Counts>,
    ) -> Self {
        let questions = Quota::new(QUESTION_BURST, QUESTIONS_PER_SECOND, 1, CALLERS_MAX);
        Self {
            book,
            publishing,
            fetch,
            near,
            questions: Mutex::new(questions),
            counts,
        }
    }

    fn takes(&self, from: Caller) -> bool {
        let questions = self.questions.lock();
        let mut questions = questions.unwrap_or_else(PoisonError::into_inner);
        questions.takes(from, now_ms())
    }

    async fn register(&self, request: Request<Incoming>, from: Caller) -> Response<Body> {
        let body = Limited::new(request.into_body(), REGISTER_BYTES);
        let Ok(Ok(body)) = timeout(HEAD, body.collect()).await else {
            let title = "the registration is too large, or did not come";
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title, "");
        };
        let registered = Registration::read(&body.to_bytes()).and_then(|registration| {
            // whoever leaves need not be anywhere
            if !self.near && !registration.ends() && !leads_out(&registration.url) {
                return Err(Refusal::NotPublic);
            }
            self.book.handle(Input::Register { registration, from })
        });
        match registered {
            Ok(()) => json_answer(StatusCode::ACCEPTED, &json!({ "state": "registered" })),
            Err(refusal) => refused(refusal),
        }
    }

    fn list(&self) -> Response<Body> {
        let (registry, now_ms) = (self.book.registry(), now_ms());
        let relays: Vec<_> = registry.all().map(|entry| told(entry, now_ms)).collect();
        drop(registry);
        json_answer(StatusCode::OK, &json!({ "relays": relays }))
    }

    fn choose(&self, query: &str) -> Response<Body> {
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("n="));
        let count = match asked.map(str::parse) {
            None => CHOICE_USUAL,
            Some(Ok(count)) => count,
            Some(Err(_)) => {
                let status = StatusCode::BAD_REQUEST;
                return problem(status, "bad_number", "n is how many relays you want", "");
            }
        };
        let (registry, now_ms, mut source) = (self.book.registry(), now_ms(), number);
        let chosen = registry.choose(count, now_ms, &mut Dice::new(&mut source));
        let relays: Vec<_> = chosen
            .into_iter()
            .map(|entry| told(entry, now_ms))
            .collect();
        drop(registry);
        json_answer(StatusCode::OK, &json!({ "relays": relays }))
    }

    /// Where a node is: `/nodes/ID` tells it, `/n/ID` leads there.
    async fn node(&self, path: &str, request: &Request<Incoming>, from: Caller) -> Response<Body> {
        let (id, leads) = match (path.strip_prefix("/nodes/"), path.strip_prefix("/n/")) {
            (Some(id), _) => (id, false),
            (_, Some(id)) => (id, true),
            _ => return problem(StatusCode::NOT_FOUND, "not_found", "nothing is here", ""),
        };
        let Some(node) = name::read(id.trim_end_matches('/')) else {
            let title = "this is no node's id";
            let hint = "64 hex digits, or 52 characters of base32";
            return problem(StatusCode::BAD_REQUEST, "bad_node", title, hint);
        };
        if !self.takes(from) {
            return Away::TooMany.answer(request.headers());
        }
        let Some(packet) = self.record(&node).await else {
            return Away::Absent.answer(request.headers());
        };
        let places = self.places(&node, &packet);
        if leads {
            let page = places.iter().find_map(|(_, page)| page.as_ref());
            return match page {
                Some(page) => redirect(page),
                None => Away::Absent.answer(request.headers()),
            };
        }
        let relays = places.iter();
        let relays = relays.map(|(url, page)| json!({ "url": url.as_str(), "page": page }));
        let relays: Vec<_> = relays.collect();
        json_answer(
            StatusCode::OK,
            &json!({
                "node": name::hex(&node),
                "at_ms": packet.timestamp().as_micros() / 1_000,
                "relays": relays,
            }),
        )
    }

    /// The relays at which a node is, and its pages there, as far as we know the relays.
    fn places(&self, node: &EndpointId, packet: &SignedPacket) -> Vec<(RelayUrl, Option<String>)> {
        let (registry, now_ms) = (self.book.registry(), now_ms());
        let places = packets::relays(packet).into_iter().map(|url| {
            let known = registry.at(&url, now_ms).and_then(Entry::known);
            (url, known.map(|known| known.page_of(node)))
        });
        places.collect()
    }

    /// The record of a node: ours, the DHT's, else the newest that some relays know.
    async fn record(&self, node: &EndpointId) -> Option<SignedPacket> {
        if let Some(packet) = self.publishing.find(node, now_ms()).await {
            return Some(packet);
        }
        let mut source = number;
        let chosen: Vec<RelayUrl> = {
            let registry = self.book.registry();
            let dice = &mut Dice::new(&mut source);
            let chosen = registry.choose(ASKED_MAX, now_ms(), dice).into_iter();
            chosen.map(|entry| entry.registration.url.clone()).collect()
        };
        let mut asked = JoinSet::new();
        for relay in chosen {
            let (fetch, node) = (self.fetch.clone(), *node);
            asked.spawn(async move {
                let path = format!("{}{}", publishing::PATH, node.to_z32());
                let (status, payload) = fetch.get(&relay, &path).await.ok()?;
                let packet = packets::read(&node, &payload).ok()?;
                (status == 200).then_some(packet)
            });
        }
        let mut newest: Option<SignedPacket> = None;
        while let Some(found) = asked.join_next().await {
            if let Ok(Some(packet)) = found
                && newest
                    .as_ref()
                    .is_none_or(|newest| packet.more_recent_than(newest))
            {
                newest = Some(packet);
            }
        }
        newest
    }

    fn told(&self) -> String {
        let mut text = Text::default();
        let (registry, now_ms) = (self.book.registry(), now_ms());
        let (good, all) = (registry.good(now_ms).count(), registry.all().count());
        drop(registry);
        text.gauge("bootstrap_relays", "relays in the registry", all as u64);
        text.gauge(
            "bootstrap_relays_good",
            "relays that may be chosen",
            good as u64,
        );
        text.gauge(
            "pkarr_records",
            "address records kept",
            self.publishing.len() as u64,
        );
        let connections = self.counts.connections.get();
        text.gauge("bootstrap_connections", "TCP connections", connections);
        text.into_text()
    }
}

/// A relay as it is told.
fn told(entry: &Entry, now_ms: u64) -> Value {
    json!({
        "url": entry.registration.url.as_str(),
        "endpoint": name::hex(&entry.registration.endpoint),
        "domain": entry.domain,
        "capacity": entry.registration.capacity,
        "until_ms": entry.registration.until_ms,
        "seen_ms": entry.seen_ms,
        "good": entry.is_good(now_ms),
        "why": entry.why,
    })
}

/// Whether a URL may lead to a machine that everybody reaches; what a name leads to is
/// looked at when it is.
fn leads_out(url: &RelayUrl) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>().ok();
    url.scheme() == "https" && address.is_none_or(is_public)
}
