//! Questions of those who watch over a node: does it live, can it work, how much of what.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::access::Scope;
use crate::answering::{enter, refused, told};
use crate::blobs::set;
use crate::metrics::{self, Kind, Measure};
use crate::requests::Route as Named;
use crate::server::{Shared, WATCHERS_MAX};
use crate::stream::blocking;

/// A question of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether the process answers.
    Health,
    /// Whether the node can do its work.
    Ready,
    /// Numbers.
    Metrics,
}

/// All of them, by their paths.
pub(crate) const PROBES: &[(&str, Probe)] = &[
    ("/healthz", Probe::Health),
    ("/readyz", Probe::Ready),
    ("/metrics", Probe::Metrics),
];

/// Answers one.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    path: &'static str,
    probe: Probe,
    parts: Parts,
) -> Response {
    let mut response = attempt(&shared, probe, &parts).await;
    response.extensions_mut().insert(Named(path));
    response
}

async fn attempt(shared: &Arc<Shared>, probe: Probe, parts: &Parts) -> Response {
    let wants = match probe {
        // from elsewhere it is nobody else's business how the node is
        _ if shared.site(&parts.extensions).is_remote => Scope::Read,
        Probe::Metrics if !shared.backend.metrics_are_open() => Scope::Read,
        _ => Scope::Nobody,
    };
    if let Err(problem) = enter(shared, parts, wants, false) {
        return refused(&problem);
    }
    match probe {
        Probe::Health => told(&json!({ "alive": true })),
        Probe::Ready => ready(shared),
        Probe::Metrics => numbers(shared).await,
    }
}

fn ready(shared: &Shared) -> Response {
    let trouble = shared.backend.trouble();
    let mut response = told(&json!({ "ready": trouble.is_none(), "why": trouble }));
    if trouble.is_some() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

async fn numbers(shared: &Arc<Shared>) -> Response {
    let watchers = WATCHERS_MAX.saturating_sub(shared.seats.available_permits());
    let mut all = shared.counts.measures();
    all.push(Measure::one(
        "synlog_stream_watchers",
        "Streams that are open",
        Kind::Gauge,
        watchers as u64,
    ));
    let backend = Arc::clone(&shared.backend);
    match blocking(move || Ok(backend.measures())).await {
        Ok(measures) => all.extend(measures),
        Err(problem) => return refused(&problem),
    }
    let mut response = Response::new(Body::from(metrics::text(&all)));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    set(&mut response, header::CONTENT_TYPE, kind);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}
