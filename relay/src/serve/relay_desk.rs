//! Who asks the relay for what.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use iroh::{Endpoint, Watcher};
use iroh_relay::http::{RELAY_PATH, RELAY_PROBE_PATH};
use iroh_relay::server::Metrics;
use iroh_relay::server::http_server::{RelayService, RelayServiceWithNotify};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::clock::now_ms;
use super::gateway::Gateway;
use super::listen::{Answers, Guest};
use super::publishing::{self, Publishing};
use crate::access::{Door, SEAT};
use crate::limits::PROOF;
use crate::metrics::{Counts, Text};
use crate::name::{self, Host};
use crate::page::{Away, Body, answer, json_answer, problem, redirect};
use crate::wellknown::{self, WellKnown};

/// By which nodes find out whether something stands between them and the network.
const NO_CONTENT: &str = "/generate_204";
/// Where they say what they expect, and where it is given back.
const CHALLENGE: [&str; 2] = ["x-iroh-challenge", "x-iroh-response"];

/// What answers.
pub(crate) struct Desk {
    pub(crate) service: RelayService,
    pub(crate) door: Door,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) publishing: Arc<Publishing>,
    pub(crate) known: WellKnown,
    pub(crate) counts: Arc<Counts>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) endpoint: Endpoint,
}

impl Answers for Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, guest: Guest) -> Response<Body> {
        let wire = guest.take_wire();
        let named = request.headers().get(header::HOST);
        let named = named.and_then(|host| host.to_str().ok());
        let authority = request
            .uri()
            .authority()
            .map(|authority| authority.as_str());
        let host = authority.or(named).unwrap_or_default();
        match name::host(host, &self.known.domain) {
            Host::Node(node) => self.gateway.carry(node, request, &guest).await,
            Host::Nobody => Away::NoSuchName.answer(request.headers()),
            Host::Own if request.uri().path() == RELAY_PATH => {
                self.relay(request, &guest, wire).await
            }
            Host::Own => self.own(request, &guest).await,
        }
    }
}

impl Desk {
    /// A connection that becomes a node's to the relay. Its place is held until it ends; who
    /// does not prove in time who he is is cut off.
    async fn relay(
        &self,
        mut request: Request<Incoming>,
        guest: &Guest,
        wire: Option<std::net::TcpStream>,
    ) -> Response<Body> {
        let status = StatusCode::BAD_REQUEST;
        let Some(wire) = wire else {
            let title = "a relay's client begins with this request";
            return problem(status, "no_relay_client", title, "");
        };
        let seat = self.door.seat(Box::new(Arc::clone(&guest.place)));
        request.headers_mut().insert(SEAT, HeaderValue::from(seat));
        let service = self.service.clone();
        let service = RelayServiceWithNotify::new(service, Arc::new(Notify::new()));
        let Ok(response) = service.call(request).await else {
            self.door.leave(seat);
            return problem(status, "no_relay_client", "no relay client", "");
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let door = self.door.clone();
            tokio::spawn(async move {
                sleep(PROOF).await;
                if door.leave(seat) {
                    let _ = wire.shutdown(std::net::Shutdown::Both);
                }
            });
        } else {
            self.door.leave(seat);
        }
        response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
    }

    async fn own(&self, request: Request<Incoming>, guest: &Guest) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path.starts_with(publishing::PATH) {
            let publishing = &self.publishing;
            return publishing.answer(request, guest.caller, now_ms()).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return problem(status, "bad_method", "only GET is answered here", "");
        }
        let text = |text: String| answer(StatusCode::OK, "text/plain; charset=utf-8", text);
        match path.as_str() {
            "/" => text(self.about()),
            wellknown::PATH => json_answer(StatusCode::OK, &self.known.to_json()),
            RELAY_PROBE_PATH => {
                let mut response = text(String::new());
                let all = HeaderValue::from_static("*");
                let headers = response.headers_mut();
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, all);
                response
            }
            NO_CONTENT => no_content(&request),
            "/robots.txt" => text("User-agent: *\nDisallow: /\n".into()),
            "/healthz" => text("ok\n".into()),
            "/readyz" => self.ready(),
            "/metrics" if guest.is_local(request.headers()) => {
                let text = self.told();
                answer(StatusCode::OK, "text/plain; version=0.0.4", text)
            }
            path => self.name(path),
        }
    }

    /// To a node's own name. What stands behind `#` the browser keeps.
    fn name(&self, path: &str) -> Response<Body> {
        let Some(id) = path.strip_prefix("/n/") else {
            return problem(StatusCode::NOT_FOUND, "not_found", "nothing is here", "");
        };
        match name::read(id.trim_end_matches('/')) {
            Some(node) => redirect(&self.known.page_of(&node)),
            None => {
                let title = "this is no node's id";
                let hint = "64 hex digits, or 52 characters of base32";
                problem(StatusCode::BAD_REQUEST, "bad_node", title, hint)
            }
        }
    }

    fn ready(&self) -> Response<Body> {
        let relays = self.endpoint.home_relay_status().get();
        let ready = relays.iter().any(iroh::endpoint::RelayStatus::is_connected);
        let status = match ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        json_answer(status, &json!({ "ready": ready, "gateway": ready }))
    }

    fn about(&self) -> String {
        let node = "a".repeat(52);
        format!(
            "This is a synlog relay: nodes that can't reach each other meet here, and browsers \
             reach\nnodes under names of their own ({}). What nodes say to each \
             other\nit can't read.\n",
            self.known.page_of(&self.known.endpoint).replace(
                &name::label(&self.known.endpoint),
                &format!("{}…", &node[..3])
            )
        )
    }

    fn told(&self) -> String {
        let (mut text, metrics) = (Text::default(), &self.metrics);
        text.counts(&self.counts);
        text.gauge(
            "pkarr_records",
            "address records kept",
            self.publishing.len() as u64,
        );
        let counters = [
            (
                "bytes_received",
                "bytes of nodes that came",
                metrics.bytes_recv.get(),
            ),
            (
                "bytes_sent",
                "bytes of nodes that were given on",
                metrics.bytes_sent.get(),
            ),
            (
                "packets_received",
                "packets of nodes that came",
                metrics.send_packets_recv.get(),
            ),
            (
                "packets_sent",
                "packets of nodes that were given on",
                metrics.send_packets_sent.get(),
            ),
            (
                "packets_dropped",
                "packets of nodes that went nowhere",
                metrics.send_packets_dropped.get(),
            ),
            (
                "bytes_slowed",
                "bytes that waited for a node's limit",
                metrics.bytes_rx_ratelimited_total.get(),
            ),
            ("accepts", "connections of nodes", metrics.accepts.get()),
        ];
        for (name, help, value) in counters {
            text.counter(&format!("relay_{name}"), help, value);
        }
        text.into_text()
    }
}

/// Says back what was asked, so that it is known who answered.
fn no_content(request: &Request<Incoming>) -> Response<Body> {
    let mut response = answer(StatusCode::NO_CONTENT, "text/plain", "");
    let asked = request.headers().get(CHALLENGE[0]);
    let asked = asked.and_then(|asked| asked.to_str().ok());
    let fits = |asked: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        asked.len() <= 64 && asked.bytes().all(plain)
    };
    if let Some(asked) = asked.filter(fits)
        && let Ok(value) = HeaderValue::from_str(&format!("response {asked}"))
    {
        response.headers_mut().insert(CHALLENGE[1], value);
    }
    response
}
