//! The gateway: requests of browsers, carried to the node that their host name names.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use iroh::EndpointId;
use tokio::time::timeout;

use super::bodies::{Answer, Upload};
use super::clock::{now_ms, random};
use super::listen::Guest;
use super::nodes::Nodes;
use crate::headers;
use crate::limits::{
    ANSWER, BODY_BYTES, BUFFER_BYTES, CALLERS_MAX, REQUEST_BURST, REQUESTS_MAX,
    REQUESTS_PER_CALLER, REQUESTS_PER_CALLER_AND_NODE, REQUESTS_PER_NODE, REQUESTS_PER_SECOND,
};
use crate::metrics::Counts;
use crate::page::{Away, Body};
use crate::places::Places;
use crate::quota::{Caller, Quota};

/// How much one address may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    pub(crate) burst: u32,
    pub(crate) per_second: u32,
    pub(crate) at_once: usize,
    pub(crate) per_node: usize,
    pub(crate) per_both: usize,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            burst: REQUEST_BURST,
            per_second: REQUESTS_PER_SECOND,
            at_once: REQUESTS_PER_CALLER,
            per_node: REQUESTS_PER_NODE,
            per_both: REQUESTS_PER_CALLER_AND_NODE,
        }
    }
}

/// Counts a request while it is under way.
struct Open(Arc<Counts>);

impl Open {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.requests.add(1);
        counts.requests_open.add(1);
        Self(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.requests_open.sub(1);
    }
}

/// The gateway.
pub(crate) struct Gateway {
    nodes: Nodes,
    counts: Arc<Counts>,
    quota: Mutex<Quota<Caller>>,
    by_caller: Places<Caller>,
    by_node: Places<EndpointId>,
    by_both: Places<(Caller, EndpointId)>,
    /// Hides callers' addresses from nodes; another one at each start.
    pseudonyms: [u8; 32],
}

impl Gateway {
    pub(crate) fn new(nodes: Nodes, counts: Arc<Counts>, shares: Shares) -> Self {
        Self {
            nodes,
            counts,
            quota: Mutex::new(Quota::new(shares.burst, shares.per_second, 1, CALLERS_MAX)),
            by_caller: Places::new(REQUESTS_MAX, shares.at_once),
            by_node: Places::new(REQUESTS_MAX, shares.per_node),
            by_both: Places::new(REQUESTS_MAX, shares.per_both),
            pseudonyms: random(),
        }
    }

    /// The same word for the same caller, for one node.
    fn pseudonym(&self, node: &EndpointId, caller: Caller) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.pseudonyms);
        hasher.update(node.as_bytes()).update(caller.bytes());
        let hash = hasher.finalize();
        data_encoding::HEXLOWER.encode(&hash.as_bytes()[..8])
    }

    fn takes(&self, caller: Caller) -> bool {
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        quota.takes(caller, now_ms())
    }

    pub(crate) fn tidy(&self) {
        self.nodes.tidy();
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        quota.forget(now_ms());
    }

    /// Carries a request to a node, and its answer back.
    pub(crate) async fn carry(
        &self,
        node: EndpointId,
        request: Request<Incoming>,
        guest: &Guest,
    ) -> Response<Body> {
        let asked = request.headers().clone();
        match self.try_carry(node, request, guest).await {
            Ok(response) => response,
            Err(away) => {
                match away {
                    Away::TooMany | Away::TooLarge => self.counts.requests_refused.add(1),
                    _ => self.counts.requests_failed.add(1),
                }
                away.answer(&asked)
            }
        }
    }

    async fn try_carry(
        &self,
        node: EndpointId,
        request: Request<Incoming>,
        guest: &Guest,
    ) -> Result<Response<Body>, Away> {
        if !self.takes(guest.caller) {
            return Err(Away::TooMany);
        }
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > BODY_BYTES) {
            return Err(Away::TooLarge);
        }
        let own = self.by_caller.take(guest.caller).ok_or(Away::TooMany)?;
        let both = self.by_both.take((guest.caller, node));
        let both = both.ok_or(Away::TooMany)?;
        let its = self.by_node.take(node).ok_or(Away::Busy)?;
        let open = Open::new(&self.counts);
        let request = self.prepared(&node, request, guest)?;
        let stream = self.nodes.open(node).await?;
        let away = stream.witness();
        let io = TokioIo::new(tokio::io::join(stream.recv, stream.send));
        let shaken = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES)
            .handshake(io)
            .await;
        let (mut sender, connection) = shaken.map_err(|_| Away::Broken)?;
        // it ends when the answer has been taken, or nobody takes it any more
        tokio::spawn(connection);
        let answer = timeout(ANSWER, sender.send_request(request)).await;
        let answer = answer.map_err(|_| Away::Slow)?.map_err(|_| away())?;
        let (mut parts, body) = answer.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Away::Broken);
        }
        headers::for_browser(&mut parts.headers);
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let held = Box::new((own, both, its, open, sender));
        let pulse = Arc::clone(&guest.pulse);
        let body = Answer::new(body, pulse, Arc::clone(&self.counts), held);
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }

    fn prepared(
        &self,
        node: &EndpointId,
        request: Request<Incoming>,
        guest: &Guest,
    ) -> Result<Request<Upload>, Away> {
        let (mut parts, body) = request.into_parts();
        headers::for_node(&mut parts.headers, &self.pseudonym(node, guest.caller));
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let body = Upload::new(body, Arc::clone(&self.counts));
        Ok(Request::from_parts(parts, body))
    }
}
