//! From connections to requests: how many there may be at once, and how long each may take.
//!
//! A shell file: it talks to sockets.

use core::net::{IpAddr, SocketAddr};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::places::Places;

/// How long a request's head may take, and how long a connection may rest between two.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long the other end may take nothing of what is sent to it.
const STALL_PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_MAX: usize = 64 << 10;
/// How long a connection that has asked nothing yet may still ask when the server stops: its
/// request may be on the way.
const LAST_WORD: Duration = Duration::from_millis(100);
/// How long nobody is let in where the system refuses a connection: it lacks files, mostly.
const PAUSE: Duration = Duration::from_millis(50);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// In all.
    pub(crate) connections: usize,
    /// From one address.
    pub(crate) of_address: usize,
}

/// Where a connection was accepted, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) here: SocketAddr,
    pub(crate) there: SocketAddr,
    /// Whether it is TLS.
    pub(crate) is_secure: bool,
}

/// By what somebody is counted: an address; of IPv6, where one household has as many as it
/// likes, the network.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// Listens at any address.
///
/// # Errors
/// What the system says.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Lets connections in until told to stop, then waits for those who are in. Requests have
/// the [`Ends`] of their connection among their extensions.
pub(crate) async fn accept(
    listener: tokio::net::TcpListener,
    router: Router,
    bounds: Bounds,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let seats = Places::new(bounds.connections, bounds.of_address);
    let mut tasks = JoinSet::new();
    loop {
        // who stands at the door already is let in when told to stop: closing it would break
        // connections that the other end believes it has
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        while tasks.try_join_next().is_some() {}
        let Ok((stream, there)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(seat) = seats.take(source(there.ip())) else {
            continue;
        };
        let Ok(here) = stream.local_addr() else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        tasks.spawn(async move {
            let is_secure = tls.is_some();
            let ends = Ends {
                here,
                there,
                is_secure,
            };
            match tls {
                None => connection(stream, router, ends, stop).await,
                Some(tls) => {
                    let shaken = timeout(HEAD_PATIENCE, tls.accept(stream)).await;
                    if let Ok(Ok(stream)) = shaken {
                        connection(stream, router, ends, stop).await;
                    }
                }
            }
            drop(seat);
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Serves one connection to its end. Requests have `mark` among their extensions.
pub(crate) async fn connection<W, M>(
    wire: W,
    router: Router,
    mark: M,
    mut stop: watch::Receiver<bool>,
) where
    W: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    M: Clone + Send + Sync + 'static,
{
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(mark.clone());
        let router = router.clone();
        async move { Ok::<Response, Infallible>(answered(router, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_MAX);
    let connection = builder.serve_connection(TokioIo::new(Patient::new(wire)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stopped(&mut stop) => {}
    }
    if !asked.load(Ordering::Relaxed) {
        let heard = timeout(LAST_WORD, connection.as_mut()).await;
        if heard.is_ok() {
            return;
        }
    }
    connection.as_mut().graceful_shutdown();
    // whoever stops the server sets the end of its patience
    let _ = connection.await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn answered(router: Router, request: Request<Body>) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A wire that breaks where the other end takes nothing for too long.
struct Patient<W> {
    wire: W,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<W> Patient<W> {
    fn new(wire: W) -> Self {
        Self {
            wire,
            stalled: None,
        }
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(STALL_PATIENCE)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Patient<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Patient<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.wire).poll_write(context, bytes);
        self.bounded(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.wire).poll_flush(context);
        self.bounded(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.wire).poll_shutdown(context);
        self.bounded(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.wire).poll_write_vectored(context, pieces);
        self.bounded(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let of = |text: &str| source(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    /// Connections that are made before the server is told to stop, and ask after it.
    #[tokio::test]
    async fn who_came_before_the_end_is_answered() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().route("/", axum::routing::get(async || "here"));
        let (end, told) = watch::channel(false);
        let bounds = Bounds {
            connections: 8,
            of_address: 8,
        };
        let mut waiting = Vec::new();
        for _ in 0..4 {
            waiting.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
        let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
        end.send_replace(true);
        let server = tokio::spawn(accept(listener, router, bounds, None, told));
        for stream in &mut waiting {
            let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(request).await.unwrap();
        }
        for stream in &mut waiting {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("here"), "{answer:?}");
        }
        let mut rest = Vec::new();
        assert_eq!(silent.read_to_end(&mut rest).await.unwrap(), 0);
        server.await.unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
