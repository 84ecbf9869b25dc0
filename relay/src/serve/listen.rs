//! A listener for HTTP, plain or with TLS: who is let in, how long they may take.

use std::future::Future;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
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

impl Guest {
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
