//! `synlog bootstrap`: a registry of relays, and where nodes are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iroh_relay::tls::CaTlsConfig;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::bootstrap_desk::Desk;
use super::certificate::Certificate;
use super::check::check;
use super::clock::{now_ms, number};
use super::dht::{Dht, Entrance};
use super::fetch::Fetch;
use super::listen::Listener;
use super::publishing::Publishing;
use super::relay::{Tell, Word};
use super::{ServeError, files};
use crate::dice::Dice;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_CALLER, PARTING, TICK};
use crate::metrics::Counts;
use crate::places::Places;
use crate::registration::Refusal;
use crate::registry::{Input, Output, Registry};

/// How a registry is to run.
#[derive(Debug, Clone)]
pub struct BootstrapOptions {
    /// Where it keeps what it knows.
    pub home: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Files of certificate and key; without them it is plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether nodes are looked up in the DHT as well.
    pub dht: Dht,
    /// Relays without TLS or on this network are taken, too.
    pub near: bool,
    /// Whose certificates of relays are trusted.
    pub roots: CaTlsConfig,
}

impl BootstrapOptions {
    /// On this machine alone.
    pub fn new(home: PathBuf, listen: SocketAddr) -> Self {
        Self {
            home,
            listen,
            tls: None,
            dht: Dht::Off,
            near: listen.ip().is_loopback(),
            roots: CaTlsConfig::default(),
        }
    }
}

/// The registry with what happens to it.
pub(crate) struct Book {
    registry: Mutex<Registry>,
    todo: tokio::sync::mpsc::UnboundedSender<Output>,
}

impl Book {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what happened; what is to be done goes its way.
    pub(crate) fn handle(&self, input: Input) -> Result<(), Refusal> {
        let mut source = number;
        let mut dice = Dice::new(&mut source);
        let outputs = self.registry().handle(input, now_ms(), &mut dice)?;
        for output in outputs {
            // as many as the registry allows to be under way
            let _ = self.todo.send(output);
        }
        Ok(())
    }
}

/// A running registry.
pub struct Bootstrap {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    listener: JoinHandle<()>,
    keeper: JoinHandle<Result<(), ServeError>>,
    helpers: Vec<JoinHandle<()>>,
    book: Arc<Book>,
}

impl Bootstrap {
    /// Starts one.
    pub async fn start(options: BootstrapOptions, tell: Tell) -> Result<Self, ServeError> {
        files::prepare(&options.home)?;
        let path = options.home.join("relays.json");
        let registry = match files::read(&path)? {
            None => Registry::default(),
            Some(bytes) => Registry::from_state(&bytes)
                .map_err(|error| ServeError::BadFile(path.clone(), error.to_string()))?,
        };
        let tls = options.tls.as_ref();
        let certificate = tls.map(|(chain, key)| Certificate::load(chain, key));
        let certificate = certificate.transpose()?;
        let config = certificate.as_ref().map(Certificate::server).transpose()?;
        let acceptor = config.map(|config| TlsAcceptor::from(Arc::new(config)));
        let (stopping, stop) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let places = Arc::new(Places::new(CONNECTIONS_MAX, CONNECTIONS_PER_CALLER));
        let listener = Listener::bind(
            options.listen,
            acceptor,
            places,
            Arc::clone(&counts),
            stop.clone(),
        );
        let listener = listener.await?;
        let address = listener.address().unwrap_or(options.listen);
        let fetch = Fetch::new(&options.roots, options.near);
        let fetch = fetch.map_err(|error| ServeError::Setting(error.to_string()))?;
        let (todo, work) = tokio::sync::mpsc::unbounded_channel();
        let book = Arc::new(Book {
            registry: Mutex::new(registry),
            todo,
        });
        let publishing = Publishing::new(Entrance::enter(&options.dht)?, Arc::clone(&counts));
        let desk = Desk::new(
            Arc::clone(&book),
            publishing,
            fetch.clone(),
            options.near,
            counts,
        );
        let listener = tokio::spawn(listener.run(Arc::new(desk)));
        let keeper = tokio::spawn(keep(Arc::clone(&book), work, fetch, path, stop));
        let mut helpers = vec![tokio::spawn(tick(Arc::clone(&book)))];
        if let Some(certificate) = certificate {
            let watched = certificate.watch(move |result| tell(Word::Certificate(result)));
            helpers.push(tokio::spawn(watched));
        }
        Ok(Self {
            address,
            stopping,
            listener,
            keeper,
            helpers,
            book,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many relays it would choose from, and how many it has in all.
    pub fn relays(&self) -> (usize, usize) {
        let registry = self.book.registry();
        (registry.good(now_ms()).count(), registry.all().count())
    }

    /// Ends it; what it knows is kept.
    pub async fn stop(self) -> Result<(), ServeError> {
        let _ = self.stopping.send(true);
        for helper in &self.helpers {
            helper.abort();
        }
        let _ = timeout(PARTING, self.listener).await;
        self.keeper.await.unwrap_or(Ok(()))
    }
}

/// Lets time pass.
async fn tick(book: Arc<Book>) {
    loop {
        let _ = book.handle(Input::Tick);
        sleep(TICK).await;
    }
}

/// Does what the registry asks for: checks relays, writes down what it knows.
async fn keep(
    book: Arc<Book>,
    mut work: tokio::sync::mpsc::UnboundedReceiver<Output>,
    fetch: Fetch,
    path: PathBuf,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let mut checks = JoinSet::new();
    loop {
        let output = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = checks.join_next() => continue,
            output = work.recv() => output,
        };
        match output {
            None => break,
            Some(Output::Check { endpoint, url }) => {
                let (book, fetch) = (Arc::clone(&book), fetch.clone());
                checks.spawn(async move {
                    let found = check(&fetch, &url).await;
                    let _ = book.handle(Input::Checked {
                        endpoint,
                        url,
                        found,
                    });
                });
            }
            Some(Output::Keep) => {
                let state = book.registry().to_state();
                // a full disk is no reason to stop: it is tried again with the next change
                let _ = files::replace(&path, &state);
            }
        }
    }
    let state = book.registry().to_state();
    files::replace(&path, &state)
}
