//! The guests' server: one thread with its runtime, from the listener to the last answer.
//!
//! A shell file: it talks to sockets.

use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::middleware;
use axum::routing::{MethodFilter, get, on};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{broadcast, watch};

use crate::guests::ROOT;
use crate::guests::answering;
use crate::guests::asked::ROUTES;
use crate::guests::backend::GuestBackend;
use crate::guests::limits::{Rate, Source};
use crate::guests::pages::{self, PAGES, VERSION};
use crate::guests::sessions::Sessions;
use crate::guests::stream::{self, Grown};
use crate::pages::{UNTIL_ASKED, in_folder, named};
use crate::places::Places;
use crate::routes::Method;
use crate::serving::{self, Bounds};

/// Connections at once: what a small machine holds without noticing.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections of one address: five browsers behind one.
const OF_ADDRESS_MAX: usize = 32;
/// Streams at once; each has a connection.
const WATCHERS_MAX: usize = 768;
/// Streams of one entity: some tabs on some devices.
const WATCHERS_OF_ONE: usize = 8;
/// Streams of news of spaces at once, and of one address: five browsers behind one.
const LOOKERS_MAX: usize = 256;
const LOOKERS_OF_ONE: usize = 16;
/// Answers to pulls that are under way: each holds at most a mebibyte until it is taken.
const PULLS_MAX: usize = 64;
/// Those of one entity.
const PULLS_OF_ONE: usize = 4;
/// Questions that are answered at once; the store belongs to one at a time anyway.
const BLOCKING_MAX: usize = 8;
/// News of topics that may wait; who is behind looks again.
const NEWS_MAX: usize = 64;
/// How long those who are in may take when the server ends.
const PARTING: Duration = Duration::from_secs(1);

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Questions for public rows in a minute, of all: half of what the node answers.
const QUERIES_OF_ALL: usize = 30_000;
/// Challenges in a minute, of all.
const CHALLENGES_OF_ALL: usize = 3_000;
/// Sessions in a minute, of all: each costs a few signatures.
const LOGINS_OF_ALL: usize = 600;
/// Wishes for a relation in an hour, of all.
const WISHES_OF_ALL: usize = 1_000;
/// Pushes in a minute, of all: each costs a sync of the disk.
const PUSHES_OF_ALL: usize = 3_000;
/// Bytes that are pushed in an hour, of all.
const PUSHED_BYTES_OF_ALL: usize = 256 << 20;

/// What all requests share.
pub(super) struct Shared {
    pub(super) backend: Arc<dyn GuestBackend>,
    pub(super) sessions: Sessions,
    pub(super) seats: Places<String>,
    pub(super) looking: Places<Source>,
    pub(super) pulling: Places<String>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) news: broadcast::Sender<Grown>,
    pub(super) queries: Rate,
    pub(super) challenges: Rate,
    pub(super) logins: Rate,
    pub(super) wishes: Rate,
    pub(super) pushes: Rate,
    pub(super) pushed_bytes: Rate,
}

/// A connection that a gateway carried, with the name that it has for this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carried(pub(super) String);

/// What all requests share, on a backend.
pub(super) fn shared(backend: Arc<dyn GuestBackend>) -> Arc<Shared> {
    Arc::new(Shared {
        backend,
        sessions: Sessions::default(),
        seats: Places::new(WATCHERS_MAX, WATCHERS_OF_ONE),
        looking: Places::new(LOOKERS_MAX, LOOKERS_OF_ONE),
        pulling: Places::new(PULLS_MAX, PULLS_OF_ONE),
        stop: watch::Sender::new(false),
        news: broadcast::Sender::new(NEWS_MAX),
        queries: Rate::new(MINUTE_MS, QUERIES_OF_ALL),
        challenges: Rate::new(MINUTE_MS, CHALLENGES_OF_ALL),
        logins: Rate::new(MINUTE_MS, LOGINS_OF_ALL),
        wishes: Rate::new(HOUR_MS, WISHES_OF_ALL),
        pushes: Rate::new(MINUTE_MS, PUSHES_OF_ALL),
        pushed_bytes: Rate::new(HOUR_MS, PUSHED_BYTES_OF_ALL),
    })
}

/// All routes and pages.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let method = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let shared = Arc::clone(shared);
        let handler = move |path: Result<RawPathParams, _>, request: Request<Body>| {
            answering::answer(Arc::clone(&shared), route, path, request)
        };
        router = router.route(&format!("{ROOT}{}", route.path), on(method, handler));
    }
    for page in PAGES {
        let shared = Arc::clone(shared);
        let handler = move |request: Request<Body>| {
            let parts = request.into_parts().0;
            let response = answering::page(&shared, page, UNTIL_ASKED, &parts);
            std::future::ready(response)
        };
        router = router.route(page.path, get(handler));
    }
    let versioned = Arc::clone(shared);
    router = router.route(
        "/v/{version}/{name}",
        get(
            move |path: Result<RawPathParams, _>, request: Request<Body>| {
                let parts = request.into_parts().0;
                let (version, name) = named(path);
                let response =
                    match in_folder(PAGES, |page| page.path, (&version, Some(VERSION)), &name) {
                        Some((page, kept)) => answering::page(&versioned, page, kept, &parts),
                        None => answering::nowhere(&versioned, &parts, false),
                    };
                std::future::ready(response)
            },
        ),
    );
    let nowhere = |method_is_wrong| {
        let shared = Arc::clone(shared);
        move |request: Request<Body>| {
            let parts = request.into_parts().0;
            std::future::ready(answering::nowhere(&shared, &parts, method_is_wrong))
        }
    };
    router
        .fallback(nowhere(false))
        .method_not_allowed_fallback(nowhere(true))
        .layer(middleware::map_response(pages::dressed))
        .layer(middleware::from_fn({
            let shared = Arc::clone(shared);
            move |request, next| answering::ui(Arc::clone(&shared), request, next)
        }))
}

/// A running server.
pub struct GuestServer {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Handle,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl GuestServer {
    /// Serves what a backend has, at a listener if there is one, and what gateways carry.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(
        listener: Option<TcpListener>,
        backend: Arc<dyn GuestBackend>,
    ) -> io::Result<Self> {
        let shared = shared(backend);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(BLOCKING_MAX)
            .thread_name("guests")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let listener = {
            let _inside = runtime.enter();
            listener
                .map(tokio::net::TcpListener::from_std)
                .transpose()?
        };
        let stopped = Arc::new(AtomicBool::new(false));
        let (told, seen) = (Arc::clone(&shared), Arc::clone(&stopped));
        let waiting = std::thread::Builder::new()
            .name("guests-news".to_owned())
            .spawn(move || {
                let stopped = || seen.load(Ordering::Relaxed);
                stream::keep(&*told.backend, &told.news, &stopped);
            })?;
        let (router, mut stop) = (router(&shared), shared.stop.subscribe());
        let serving = std::thread::Builder::new()
            .name("guests-server".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let told = stop.clone();
                    let serve = async move {
                        let bounds = Bounds {
                            connections: CONNECTIONS_MAX,
                            of_address: OF_ADDRESS_MAX,
                        };
                        match listener {
                            Some(listener) => {
                                serving::accept(listener, router, bounds, None, told).await;
                            }
                            None => std::future::pending().await,
                        }
                    };
                    let late = async move {
                        let _ = stop.wait_for(|stop| *stop).await;
                        tokio::time::sleep(PARTING).await;
                    };
                    tokio::select! {
                        () = serve => {}
                        () = late => {}
                    }
                });
                runtime.shutdown_timeout(PARTING);
            })?;
        Ok(Self {
            shared,
            runtime: handle,
            stopped,
            threads: vec![waiting, serving],
        })
    }

    /// By what gateways bring their connections.
    pub fn carrier(&self) -> Carrier {
        Carrier {
            router: router(&self.shared),
            shared: Arc::clone(&self.shared),
            runtime: self.runtime.clone(),
        }
    }

    /// Lets nobody in any more, and ends when those who are in have been answered, or soon.
    pub fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.shared.stop.send_replace(true);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// Takes connections that did not come by a socket.
#[derive(Clone)]
pub struct Carrier {
    router: Router,
    shared: Arc<Shared>,
    runtime: tokio::runtime::Handle,
}

impl Carrier {
    /// Serves one connection: what comes, what goes, what the gateway calls this node, and
    /// what is dropped when it ends.
    pub fn carry(
        &self,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        name: String,
        seat: impl Send + 'static,
    ) {
        let (router, stop) = (self.router.clone(), self.shared.stop.subscribe());
        self.runtime.spawn(async move {
            serving::connection(Both(reader, writer), router, Carried(name), stop).await;
            drop(seat);
        });
    }
}

/// Two halves as one.
struct Both<R, W>(R, W);

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Both<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Both<R, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.1).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_shutdown(context)
    }
}
