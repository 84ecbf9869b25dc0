//! A listener for HTTP, plain or with TLS: who is let in, how long they may take.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use iroh_relay::server::streams::MaybeTlsStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::ServeError;
use super::bodies::Pulse;
use crate::limits::{BUFFER_BYTES, HANDSHAKE, HEAD, PARTING};
use crate::metrics::Counts;
use crate::page::Body;
use crate::places::{Place, Places};
use crate::quota::Caller;

/// How long a listener rests that can't take connections, for want of descriptors mostly.
const REST: Duration = Duration::from_millis(100);
/// How often it is looked whether what is written stands still.
const LOOK: Duration = Duration::from_secs(5);

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) address: SocketAddr,
    pub(crate) caller: Caller,
    pub(crate) pulse: Arc<Pulse>,
    /// The connection's place.
    pub(crate) place: Arc<Place<Caller>>,
    /// The connection itself, until its first request: a relay's must be ended from outside
    /// where nobody proves who he is.
    pub(crate) wire: Arc<Mutex<Option<std::net::TcpStream>>>,
}

/// Whether a request of this machine was made by whoever sent it: a server that hands on what
/// others ask says for whom, or by which name it was asked.
fn is_direct(headers: &HeaderMap) -> bool {
    let handed_on = headers.keys().map(HeaderName::as_str).any(|name| {
        matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded")
    });
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_own = |host: Authority| match host.host().trim_matches(['[', ']']) {
        "localhost" => true,
        ip => ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    !handed_on && host.is_some_and(is_own)
}

impl Guest {
    /// Whether a request came from this very machine, and for nobody else.
    pub(crate) fn is_local(&self, headers: &HeaderMap) -> bool {
        self.address.ip().to_canonical().is_loopback() && is_direct(headers)
    }

    /// Takes the connection's handle; only the first request gets it.
    pub(crate) fn take_wire(&self) -> Option<std::net::TcpStream> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        wire.take()
    }
}

/// Who answers.
pub(crate) trait Answers: Send + Sync + 'static {
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        guest: Guest,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A listener that is not running yet.
pub(crate) struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    places: Arc<Places<Caller>>,
    counts: Arc<Counts>,
    stopping: watch::Receiver<bool>,
}

impl Listener {
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        places: Arc<Places<Caller>>,
        counts: Arc<Counts>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, ServeError> {
        let socket = TcpListener::bind(address).await;
        let socket = socket.map_err(|error| ServeError::Listen(address, error))?;
        Ok(Self {
            socket,
            tls,
            places,
            counts,
            stopping,
        })
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// Serves until it is told to stop, and those who are in a little longer.
    pub(crate) async fn run<A: Answers>(mut self, answers: Arc<A>) {
        let mut served = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                _ = self.stopping.wait_for(|stopping| *stopping) => break,
                Some(_) = served.join_next() => continue,
                accepted = self.socket.accept() => accepted,
            };
            let Ok((stream, address)) = accepted else {
                sleep(REST).await;
                continue;
            };
            let caller = Caller::from(address.ip());
            let Some(place) = self.places.take(caller) else {
                self.counts.connections_refused.add(1);
                continue;
            };
            let guest = Guest {
                address,
                caller,
                pulse: Arc::default(),
                place: Arc::new(place),
                wire: Arc::new(Mutex::new(handle(&stream))),
            };
            let (answers, counts) = (Arc::clone(&answers), Arc::clone(&self.counts));
            let (tls, stopping) = (self.tls.clone(), self.stopping.clone());
            served.spawn(async move {
                counts.connections.add(1);
                if let Some(io) = shake(stream, tls).await {
                    serve(io, answers, guest, stopping).await;
                }
                counts.connections.sub(1);
            });
        }
        drop(self.socket);
        let all = async { while served.join_next().await.is_some() {} };
        let _ = timeout(PARTING, all).await;
    }
}

fn handle(stream: &TcpStream) -> Option<std::net::TcpStream> {
    Some(stream.as_fd().try_clone_to_owned().ok()?.into())
}

async fn shake(stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<MaybeTlsStream> {
    let _ = stream.set_nodelay(true);
    match tls {
        None => Some(MaybeTlsStream::Plain(stream)),
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => Some(MaybeTlsStream::Tls(stream)),
            _ => None,
        },
    }
}

/// Serves one connection to its end, or until it becomes a relay's.
async fn serve<A: Answers>(
    io: MaybeTlsStream,
    answers: Arc<A>,
    guest: Guest,
    mut stopping: watch::Receiver<bool>,
) {
    let pulse = Arc::clone(&guest.pulse);
    let service = service_fn(move |request| {
        let (answers, guest) = (Arc::clone(&answers), guest.clone());
        async move { Ok::<_, std::convert::Infallible>(answers.answer(request, guest).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stopping| *stopping), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep(LOOK) => if pulse.stands_still() {
                return;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn who_asks_for_others_is_not_local() {
        let direct = |headers: &[(&'static str, &'static str)]| {
            let named = |(name, value): &(&'static str, &'static str)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            };
            is_direct(&headers.iter().map(named).collect())
        };
        for host in ["127.0.0.1", "127.0.0.1:3340", "localhost:1", "[::1]:443"] {
            assert!(direct(&[("host", host)]), "{host}");
            let scraped = ("x-prometheus-scrape-timeout-seconds", "10");
            assert!(direct(&[("host", host), scraped]));
            for handed_on in ["forwarded", "via", "x-real-ip", "x-forwarded-for"] {
                assert!(!direct(&[("host", host), (handed_on, "x")]));
            }
        }
        for host in ["relay.example", "10.0.0.1", "", "localhost.example", "a b"] {
            assert!(!direct(&[("host", host)]), "{host}");
        }
        assert!(!direct(&[]));
    }
}
