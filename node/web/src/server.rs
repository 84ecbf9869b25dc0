//! The server: one thread with its runtime, from the listener to the last answer.
//!
//! A shell file: it talks to sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, get, on};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::Instrument;

use crate::answering;
use crate::backend::Backend;
use crate::keys::{self, Keys};
use crate::metrics::Counts;
use crate::pages::{self, PAGES, UNTIL_ASKED};
use crate::probes::{self, PROBES};
use crate::problem::Problem;
use crate::reading::Reader;
use crate::requests::{self, Ids};
use crate::routes::{self, Method, ROOT};
use crate::serving::{self, Bounds, Ends};
use crate::sites::Site;
use crate::stream::Hub;
use crate::uis;

/// Streams at once.
pub(crate) const WATCHERS_MAX: usize = 2_000;
/// Connections beside them.
const BESIDES_MAX: usize = 128;
/// Connections from other machines: some browsers and programs of the owner.
const REMOTE: Bounds = Bounds {
    connections: 256,
    of_address: 64,
};
/// Questions that are answered at once; the store belongs to one at a time anyway.
const BLOCKING_MAX: usize = 16;
/// How long those who are in may take when the server ends.
const PARTING: Duration = Duration::from_secs(1);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) keys: Keys,
    pub(crate) hub: Arc<Hub>,
    pub(crate) reader: Reader,
    /// The door of this machine.
    here: Site,
    /// The one for others, if there is one.
    elsewhere: Option<Site>,
    pub(crate) seats: Arc<Semaphore>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) blob_max: usize,
    pub(crate) counts: Counts,
    pub(crate) uis: uis::Door,
    ids: Ids,
}

impl Shared {
    /// Writes down who is logged in. It waits for the disk.
    pub(crate) fn keep_sessions(&self) -> Result<(), Problem> {
        self.keys.keep(|all| self.backend.keep_sessions(all))
    }

    /// The same where nothing is lost but that somebody logs in again.
    pub(crate) fn note_sessions(&self) {
        if let Err(problem) = self.keep_sessions() {
            tracing::warn!(code = %problem.code, "sessions are not kept: {}", problem.message);
        }
    }

    /// Whether a session is open. That it was used is written down, which is once a day.
    pub(crate) fn is_open(&self, session: &str) -> bool {
        let open = self.keys.is_open(session, self.backend.now_ms());
        if open == Some(true) {
            self.note_sessions();
        }
        open.is_some()
    }

    /// The same where it is not used by that.
    pub(crate) fn is_known(&self, session: &str) -> bool {
        self.keys.is_known(session, self.backend.now_ms())
    }

    /// The door by which a request came.
    pub(crate) fn site(&self, extensions: &Extensions) -> &Site {
        let ends = extensions.get::<Ends>();
        let remote = self.elsewhere.as_ref();
        let remote = remote.filter(|_| ends.is_some_and(|ends| ends.is_secure));
        remote.unwrap_or(&self.here)
    }
}

/// A door for the owner's browsers and programs on other machines.
pub struct Remote {
    /// Where it listens; see [`serving::listen`].
    pub listener: TcpListener,
    /// How it proves who it is.
    pub tls: Arc<ServerConfig>,
    /// What browsers call it, with the port if it isn't that at which it listens.
    pub names: Vec<String>,
}

/// What a running server is asked from outside of it.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

impl Desk {
    /// Where it is.
    pub fn url(&self) -> String {
        self.0.here.url.clone()
    }

    /// A link that logs one browser in, once, within ten minutes. The token stands behind
    /// the `#`, which browsers send to nobody.
    ///
    /// # Errors
    /// Where the system has no random bytes.
    pub fn link(&self) -> Result<String, Problem> {
        self.link_at(&self.0.here)
    }

    /// Logs all browsers out, and takes the links back that were not used. Gives how many
    /// were logged in.
    ///
    /// # Errors
    /// Where it can't be written down: they would be back after the next start.
    pub fn log_all_out(&self) -> Result<usize, Problem> {
        let ended = self.0.keys.logout_all(self.0.backend.now_ms());
        self.0.keep_sessions()?;
        Ok(ended)
    }

    /// Where it is for others, if it is.
    pub fn remote_url(&self) -> Option<String> {
        Some(self.0.elsewhere.as_ref()?.url.clone())
    }

    /// The same for a browser elsewhere, if there is a door for it.
    ///
    /// # Errors
    /// Where the system has no random bytes.
    pub fn remote_link(&self) -> Result<Option<String>, Problem> {
        let site = self.0.elsewhere.as_ref();
        site.map(|site| self.link_at(site)).transpose()
    }

    fn link_at(&self, site: &Site) -> Result<String, Problem> {
        let token = keys::text(&self.0.backend.random()?);
        self.0.keys.expect(&token, self.0.backend.now_ms());
        Ok(format!("{}#login={token}", site.url))
    }
}

/// A running server.
pub struct Server {
    desk: Desk,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Listens at an address of this machine alone.
///
/// # Errors
/// `InvalidInput` for an address that others can reach, or what the system says.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{address} can be reached from other machines, and there is no TLS here: use 127.0.0.1 or [::1], or web.remote"
            ),
        ));
    }
    serving::listen(address)
}

/// What all requests share, for a server at an address.
pub(crate) fn shared(
    backend: Arc<dyn Backend>,
    address: SocketAddr,
    elsewhere: Option<Site>,
    blob_max: usize,
) -> Arc<Shared> {
    let front = backend
        .random()
        .map_or([0; 4], |[a, b, c, d, ..]| [a, b, c, d]);
    Arc::new(Shared {
        counts: Counts::default(),
        uis: uis::Door::new(backend.random().unwrap_or_default()),
        ids: Ids::new(u32::from_be_bytes(front)),
        hub: Hub::new(Arc::clone(&backend)),
        reader: Reader::start(Arc::clone(&backend)),
        keys: Keys::of(backend.sessions()),
        backend,
        here: Site::here(address),
        elsewhere,
        seats: Arc::new(Semaphore::new(WATCHERS_MAX)),
        stop: watch::Sender::new(false),
        blob_max,
    })
}

/// All routes and pages.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in routes::all() {
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
                let (version, name) = pages::named(path);
                let response = match pages::in_folder(
                    PAGES,
                    |page| page.path,
                    (&version, pages::version()),
                    &name,
                ) {
                    Some((page, kept)) => answering::page(&versioned, page, kept, &parts),
                    None => answering::nowhere(&versioned, &parts, false),
                };
                std::future::ready(response)
            },
        ),
    );
    for (path, probe) in PROBES {
        let shared = Arc::clone(shared);
        let handler = move |request: Request<Body>| {
            let parts = request.into_parts().0;
            probes::answer(Arc::clone(&shared), path, *probe, parts)
        };
        router = router.route(path, get(handler));
    }
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
        .layer(middleware::map_response(answering::dressed))
        .layer(middleware::from_fn({
            let shared = Arc::clone(shared);
            move |request, next| uis::before(Arc::clone(&shared), request, next)
        }))
        .layer(middleware::from_fn({
            let shared = Arc::clone(shared);
            move |request, next| watched(Arc::clone(&shared), request, next)
        }))
}

/// Counts a request and logs how it was answered, under its id.
async fn watched(shared: Arc<Shared>, request: Request<Body>, next: Next) -> Response {
    let begun = Instant::now();
    let id = shared.ids.of(request.headers());
    let span = tracing::info_span!("request", id, method = %request.method());
    let mut response = next.run(request).instrument(span.clone()).await;
    let (took, status) = (begun.elapsed(), response.status().as_u16());
    shared.counts.note(status, took);
    let named = response.extensions().get::<requests::Route>();
    let route = named.map_or("", |route| route.0);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| match status {
        500.. => tracing::warn!(status, route, took_us, "answered"),
        _ => tracing::info!(status, route, took_us, "answered"),
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(requests::HEADER), id);
    }
    response
}

impl Server {
    /// Serves what a backend has, at a listener of [`listen`]. Blobs have at most
    /// `blob_max` bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(
        listener: TcpListener,
        remote: Option<Remote>,
        backend: Arc<dyn Backend>,
        blob_max: usize,
    ) -> io::Result<Self> {
        let elsewhere = remote.as_ref().map(|remote| {
            let port = remote.listener.local_addr()?.port();
            Site::elsewhere(&remote.names, port)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
        });
        let address = listener.local_addr()?;
        let shared = shared(backend, address, elsewhere.transpose()?, blob_max);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(BLOCKING_MAX)
            .thread_name("web")
            .enable_all()
            .build()?;
        let (listener, remote) = {
            let _inside = runtime.enter();
            let remote = remote.map(|remote| {
                let listener = tokio::net::TcpListener::from_std(remote.listener)?;
                Ok::<_, io::Error>((listener, TlsAcceptor::from(remote.tls)))
            });
            let listener = tokio::net::TcpListener::from_std(listener)?;
            (listener, remote.transpose()?)
        };
        let stopped = Arc::new(AtomicBool::new(false));
        let (hub, seen) = (Arc::clone(&shared.hub), Arc::clone(&stopped));
        let waiting = std::thread::Builder::new()
            .name("web-hub".to_owned())
            .spawn(move || hub.keep(&|| seen.load(Ordering::Relaxed)))?;
        let (router, mut stop) = (router(&shared), shared.stop.subscribe());
        let serving = std::thread::Builder::new()
            .name("web-server".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let told = stop.clone();
                    let bounds = Bounds {
                        connections: WATCHERS_MAX + BESIDES_MAX,
                        // all of them come from this machine
                        of_address: usize::MAX,
                    };
                    let from_afar = async {
                        if let Some((listener, tls)) = remote {
                            let (router, told) = (router.clone(), told.clone());
                            serving::accept(listener, router, REMOTE, Some(tls), told).await;
                        }
                    };
                    let serve =
                        serving::accept(listener, router.clone(), bounds, None, told.clone());
                    let serve = async { tokio::join!(serve, from_afar) };
                    let late = async move {
                        let _ = stop.wait_for(|stop| *stop).await;
                        tokio::time::sleep(PARTING).await;
                    };
                    tokio::select! {
                        _ = serve => {}
                        () = late => {}
                    }
                });
                runtime.shutdown_timeout(PARTING);
            })?;
        Ok(Self {
            desk: Desk(shared),
            stopped,
            threads: vec![waiting, serving],
        })
    }

    /// What it is asked from outside of it.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Lets nobody in any more, and ends when those who are in have been answered, or soon.
    pub fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.desk.0.stop.send_replace(true);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}
