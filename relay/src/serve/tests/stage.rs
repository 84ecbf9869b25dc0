//! Nodes, browsers and servers for tests.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use iroh::endpoint::presets;
use iroh::{Endpoint, EndpointId, RelayMode, RelayUrl, SecretKey};
use iroh_relay::tls::CaTlsConfig;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::GUEST_ALPN;
use crate::name;
use crate::page::{Body, Broken};
use crate::serve::relay::{Relay, RelayOptions};

/// How long anything may take here.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A relay and the directory that it lives in.
pub(super) struct Stage {
    pub(super) relay: Relay,
    _home: TempDir,
}

pub(super) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut RelayOptions)) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let mut options = RelayOptions::new(home.path().join("relay"), loopback());
        change(&mut options);
        let relay = Relay::start(options, Arc::new(|_| {})).await;
        let relay = relay.expect("a relay");
        Self { relay, _home: home }
    }

    pub(super) fn url(&self) -> RelayUrl {
        self.relay.known().relay.clone()
    }

    /// Asks as a browser does.
    pub(super) async fn ask(
        &self,
        host: &str,
        request: Request<Full<Bytes>>,
    ) -> Response<Incoming> {
        ask(self.relay.address(), host, request).await
    }

    /// Asks for a node's page.
    pub(super) async fn get(&self, node: &EndpointId, path: &str) -> Response<Incoming> {
        let request = Request::get(path).body(Full::default()).expect("a request");
        self.ask(&host(node), request).await
    }
}

pub(super) fn host(node: &EndpointId) -> String {
    format!("{}.localhost", name::label(node))
}

pub(super) async fn ask(
    address: SocketAddr,
    host: &str,
    mut request: Request<Full<Bytes>>,
) -> Response<Incoming> {
    let headers = request.headers_mut();
    headers.insert("host", host.parse().expect("a host"));
    let stream = TcpStream::connect(address).await.expect("it listens");
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.expect("HTTP");
    tokio::spawn(connection);
    let answered = timeout(PATIENCE, sender.send_request(request)).await;
    let response = answered.expect("in time").expect("an answer");
    // the connection goes on as long as somebody can ask
    tokio::spawn(async move {
        sleep(PATIENCE).await;
        drop(sender);
    });
    response
}

pub(super) async fn text(response: Response<Incoming>) -> String {
    let body = timeout(PATIENCE, response.into_body().collect()).await;
    let body = body.expect("in time").expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("a text")
}

pub(super) fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32])
}

/// An endpoint that reaches others through a relay alone.
pub(super) async fn endpoint(key: SecretKey, relay: &RelayUrl, alpns: &[&[u8]]) -> Endpoint {
    endpoint_with(key, relay, alpns, CaTlsConfig::default()).await
}

pub(super) async fn endpoint_with(
    key: SecretKey,
    relay: &RelayUrl,
    alpns: &[&[u8]],
    roots: CaTlsConfig,
) -> Endpoint {
    let endpoint = Endpoint::builder(presets::Minimal)
        .secret_key(key)
        .alpns(alpns.iter().map(|alpn| alpn.to_vec()).collect())
        .relay_mode(RelayMode::custom([relay.clone()]))
        .ca_tls_config(roots)
        .clear_ip_transports()
        .bind()
        .await
        .expect("an endpoint");
    timeout(PATIENCE, endpoint.online())
        .await
        .expect("the relay lets it in");
    endpoint
}

/// A node that takes guests.
pub(super) struct Node {
    pub(super) endpoint: Endpoint,
    /// Bytes of the endless answer that were made.
    pub(super) made: Arc<AtomicU64>,
}

impl Node {
    pub(super) async fn start(key: SecretKey, relay: &RelayUrl) -> Self {
        Self::on(endpoint(key, relay, &[GUEST_ALPN]).await)
    }

    pub(super) fn on(endpoint: Endpoint) -> Self {
        let made = Arc::new(AtomicU64::new(0));
        tokio::spawn(serve(endpoint.clone(), Arc::clone(&made)));
        Self { endpoint, made }
    }

    pub(super) fn id(&self) -> EndpointId {
        self.endpoint.id()
    }
}

async fn serve(endpoint: Endpoint, made: Arc<AtomicU64>) {
    while let Some(incoming) = endpoint.accept().await {
        let made = Arc::clone(&made);
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else {
                return;
            };
            while let Ok((send, recv)) = connection.accept_bi().await {
                let made = Arc::clone(&made);
                let service = service_fn(move |request| answer(request, Arc::clone(&made)));
                let io = TokioIo::new(tokio::io::join(recv, send));
                let served = hyper::server::conn::http1::Builder::new();
                tokio::spawn(served.serve_connection(io, service));
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    made: Arc<AtomicU64>,
) -> Result<Response<Body>, Broken> {
    let (parts, body) = request.into_parts();
    let whole = |text: String| crate::page::whole(text);
    let body = match parts.uri.path() {
        "/" => whole("<h1>Bakery</h1>".into()),
        "/echo" => {
            let body = body.collect().await?.to_bytes();
            whole(format!("{} {}", body.len(), blake3::hash(&body)))
        }
        "/head" => {
            let lines = parts.headers.iter();
            let lines = lines
                .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or_default()));
            whole(lines.collect())
        }
        "/live" => Endless::boxed(Duration::from_millis(100), b"data: tick\n\n", made),
        "/flood" => Endless::boxed(Duration::ZERO, &[b'x'; 16_384], made),
        "/never" => {
            sleep(PATIENCE * 10).await;
            whole(String::new())
        }
        _ => {
            let mut response = Response::new(whole("no such page".into()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return Ok(response);
        }
    };
    let mut response = Response::new(body);
    let cookie = "a=1; Domain=localhost; HttpOnly";
    let headers = response.headers_mut();
    headers.insert("set-cookie", cookie.parse()?);
    Ok(response)
}

/// A body without end, a piece at a time.
struct Endless {
    every: Duration,
    piece: &'static [u8],
    rest: Pin<Box<tokio::time::Sleep>>,
    made: Arc<AtomicU64>,
}

impl Endless {
    fn boxed(every: Duration, piece: &'static [u8], made: Arc<AtomicU64>) -> Body {
        let rest = Box::pin(sleep(Duration::ZERO));
        Self {
            every,
            piece,
            rest,
            made,
        }
        .boxed_unsync()
    }
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if this.every > Duration::ZERO {
            if this.rest.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.rest
                .as_mut()
                .reset(tokio::time::Instant::now() + this.every);
        }
        this.made
            .fetch_add(this.piece.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(this.piece)))))
    }
}
