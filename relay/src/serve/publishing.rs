//! `PUT` and `GET` of address records, as iroh's publisher and resolver ask.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use iroh::EndpointId;
use iroh_dns::pkarr::SignedPacket;
use tokio::time::timeout;

use super::dht::Entrance;
use crate::limits::{CALLERS_MAX, HEAD, PUBLISH_BURST, PUBLISHES_PER_SECOND};
use crate::metrics::Counts;
use crate::name;
use crate::packets::Packets;
use crate::page::{Body, answer, problem};
use crate::quota::{Caller, Quota};

/// Where records are.
pub(crate) const PATH: &str = "/pkarr/";

/// The records of this server.
pub(crate) struct Publishing {
    packets: Mutex<Packets>,
    quota: Mutex<Quota<Caller>>,
    dht: Option<Entrance>,
    counts: Arc<Counts>,
}

impl Publishing {
    pub(crate) fn new(dht: Option<Entrance>, counts: Arc<Counts>) -> Arc<Self> {
        Arc::new(Self {
            packets: Mutex::default(),
            quota: Mutex::new(Quota::new(
                PUBLISH_BURST,
                PUBLISHES_PER_SECOND,
                1,
                CALLERS_MAX,
            )),
            dht,
            counts,
        })
    }

    fn packets(&self) -> MutexGuard<'_, Packets> {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takes(&self, caller: Caller, now_ms: u64) -> bool {
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        quota.takes(caller, now_ms)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.packets().len()
    }

    /// The record of a node: one that is here, else what the DHT knows.
    pub(crate) async fn find(&self, node: &EndpointId, now_ms: u64) -> Option<SignedPacket> {
        let here = self.packets().get(node, now_ms).cloned();
        match (here, &self.dht) {
            (None, Some(dht)) => dht.find(node).await,
            (here, _) => here,
        }
    }

    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        caller: Caller,
        now_ms: u64,
    ) -> Response<Body> {
        let key = request.uri().path().strip_prefix(PATH).unwrap_or_default();
        let Some(node) = name::from_z32(key) else {
            let title = "this is no key: 52 characters of z-base-32";
            return problem(StatusCode::BAD_REQUEST, "bad_key", title, "");
        };
        if !self.takes(caller, now_ms) {
            let title = "too many records from this address";
            let status = StatusCode::TOO_MANY_REQUESTS;
            return problem(status, "too_many", title, "try again in a minute");
        }
        match *request.method() {
            Method::GET => self.get(&node, now_ms).await,
            Method::PUT => self.put(request, node, now_ms).await,
            _ => problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "bad_method",
                "GET or PUT",
                "",
            ),
        }
    }

    async fn get(&self, node: &EndpointId, now_ms: u64) -> Response<Body> {
        let Some(packet) = self.find(node, now_ms).await else {
            return problem(
                StatusCode::NOT_FOUND,
                "no_record",
                "no record of this key",
                "",
            );
        };
        let payload = packet.to_relay_payload();
        let mut response = answer(
            StatusCode::OK,
            "application/pkarr.org/relays#payload",
            payload,
        );
        let all = HeaderValue::from_static("*");
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, all);
        response
    }

    async fn put(
        self: &Arc<Self>,
        request: Request<Incoming>,
        node: EndpointId,
        now_ms: u64,
    ) -> Response<Body> {
        let body = Limited::new(request.into_body(), SignedPacket::MAX_BYTES);
        let Ok(Ok(body)) = timeout(HEAD, body.collect()).await else {
            self.counts.packets_refused.add(1);
            let title = "the record is too large, or did not come";
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title, "");
        };
        let taken = self.packets().put(&node, &body.to_bytes(), now_ms);
        match taken {
            Ok(taken) => {
                self.counts.packets_put.add(1);
                if taken.for_dht && self.dht.is_some() {
                    let this = Arc::clone(self);
                    tokio::spawn(async move { this.give_on(node, now_ms).await });
                }
                answer(StatusCode::NO_CONTENT, "text/plain", "")
            }
            Err(error) => {
                self.counts.packets_refused.add(1);
                let status = match error {
                    crate::packets::PacketError::Older => StatusCode::CONFLICT,
                    _ => StatusCode::BAD_REQUEST,
                };
                problem(status, "bad_record", &error.to_string(), "")
            }
        }
    }

    async fn give_on(&self, node: EndpointId, now_ms: u64) {
        let packet = self.packets().get(&node, now_ms).cloned();
        if let (Some(packet), Some(dht)) = (packet, &self.dht)
            && dht.put(&packet).await
        {
            self.counts.packets_to_dht.add(1);
        }
    }
}
