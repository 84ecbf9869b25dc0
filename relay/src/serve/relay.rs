//! `synlog relay`: relay, gateway and address records at one port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use iroh::{Endpoint, RelayUrl, SecretKey};
use iroh_relay::KeyCache;
use iroh_relay::defaults::DEFAULT_RELAY_QUIC_PORT;
use iroh_relay::server::http_server::{Handlers, RelayService};
use iroh_relay::server::{
    ClientRateLimit, Metrics, QuicConfig, Server as QuicServer, ServerConfig as QuicServerConfig,
};
use iroh_relay::tls::CaTlsConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::certificate::Certificate;
use super::dht::{Dht, Entrance};
use super::enlist::{self, Enlisted};
use super::fetch::Fetch;
use super::gateway::{Gateway, Shares};
use super::listen::Listener;
use super::lookup::Lookup;
use super::nodes::{self, Nodes};
use super::publishing::Publishing;
use super::relay_desk::Desk;
use super::{ServeError, files};
use crate::access::Door;
use crate::limits::{
    CLIENT_BURST, CLIENT_RATE, CLIENTS_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_CALLER, PARTING,
};
use crate::metrics::Counts;
use crate::name;
use crate::places::Places;
use crate::wellknown::{WellKnown, relay_url};

/// How often what nobody uses is let go.
const TIDYING: Duration = Duration::from_secs(15);
/// Keys whose decoding is remembered: a node each.
const KEYS: usize = 8 * CLIENTS_MAX;

/// How a relay is to run.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Where its key is.
    pub home: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Files of certificate and key; without them it is plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The domain below which nodes have their names.
    pub domain: String,
    /// How others reach the relay, where that doesn't follow from the rest.
    pub url: Option<String>,
    /// Whether address records go on to the DHT.
    pub dht: Dht,
    /// Registries in which it registers itself.
    pub bootstraps: Vec<RelayUrl>,
    /// Nodes that it has room for.
    pub clients_max: u32,
    /// Bytes a second that each may send.
    pub client_rate: u32,
    /// Connections of one address.
    pub per_caller: usize,
    /// Whose certificates of other servers are trusted.
    pub roots: CaTlsConfig,
}

impl RelayOptions {
    /// On this machine alone.
    pub fn new(home: PathBuf, listen: SocketAddr) -> Self {
        Self {
            home,
            listen,
            tls: None,
            domain: "localhost".into(),
            url: None,
            dht: Dht::Off,
            bootstraps: Vec::new(),
            clients_max: u32::try_from(CLIENTS_MAX).unwrap_or(u32::MAX),
            client_rate: CLIENT_RATE,
            per_caller: CONNECTIONS_PER_CALLER,
            roots: CaTlsConfig::default(),
        }
    }
}

/// What a relay tells whoever started it.
#[derive(Debug)]
pub enum Word {
    /// The certificate was read again, or could not be.
    Certificate(Result<(), ServeError>),
    /// A registry took it in, or why it did not.
    Enlisted(Enlisted),
}

/// Whoever is told.
pub type Tell = Arc<dyn Fn(Word) + Send + Sync>;

/// A running relay.
pub struct Relay {
    known: WellKnown,
    address: SocketAddr,
    counts: Arc<Counts>,
    metrics: Arc<Metrics>,
    service: RelayService,
    endpoint: Endpoint,
    quic: Option<QuicServer>,
    stopping: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    helpers: Vec<JoinHandle<()>>,
    enlisting: Vec<JoinHandle<()>>,
}

/// Where the relay is for processes of this machine.
fn near(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        ip => (ip, address.port()).into(),
    }
}

fn public_url(options: &RelayOptions, address: SocketAddr) -> Result<RelayUrl, ServeError> {
    let text = match (&options.url, &options.tls) {
        (Some(url), _) => url.clone(),
        (None, Some(_)) if address.port() == 443 => format!("https://{}", options.domain),
        (None, Some(_)) => format!("https://{}:{}", options.domain, address.port()),
        (None, None) if options.domain == "localhost" => format!("http://{}", near(address)),
        (None, None) => {
            let why = "without a certificate say by which --url others reach this relay";
            return Err(ServeError::Setting(why.into()));
        }
    };
    let bad = || ServeError::Setting(format!("{text:?} is no URL of a relay"));
    relay_url(&text).ok_or_else(bad)
}

fn relay_service(options: &RelayOptions, door: &Door, metrics: &Arc<Metrics>) -> RelayService {
    let rate = NonZeroU32::new(options.client_rate).map(|rate| {
        let mut limit = ClientRateLimit::new(rate);
        limit.max_burst_bytes = NonZeroU32::new(CLIENT_BURST.max(options.client_rate / 4));
        limit
    });
    RelayService::new(
        Handlers::default(),
        hyper::HeaderMap::new(),
        rate,
        KeyCache::new(KEYS),
        Arc::new(door.clone()),
        Arc::clone(metrics),
    )
}

impl Relay {
    /// Starts one.
    pub async fn start(options: RelayOptions, tell: Tell) -> Result<Self, ServeError> {
        if !name::is_domain(&options.domain) {
            let why = format!("{:?} is no domain", options.domain);
            return Err(ServeError::Setting(why));
        }
        let key = files::key(&options.home)?;
        let tls = options.tls.as_ref();
        let certificate = tls.map(|(chain, key)| Certificate::load(chain, key));
        let certificate = certificate.transpose()?;
        let config = certificate.as_ref().map(Certificate::server).transpose()?;
        let acceptor = config
            .clone()
            .map(|config| TlsAcceptor::from(Arc::new(config)));
        let (stopping, stop) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let places = Arc::new(Places::new(CONNECTIONS_MAX, options.per_caller));
        let bind = |address, tls| {
            let (places, counts) = (Arc::clone(&places), Arc::clone(&counts));
            Listener::bind(address, tls, places, counts, stop.clone())
        };
        let listener = bind(options.listen, acceptor).await?;
        let address = listener.address().unwrap_or(options.listen);
        let url = public_url(&options, address)?;
        // the gateway reaches nodes by the relay beside it: with TLS through a plain door of
        // its own, on this machine alone
        let inside = match &config {
            None => None,
            Some(_) => Some(bind((Ipv4Addr::LOCALHOST, 0).into(), None).await?),
        };
        let own = inside.as_ref().and_then(Listener::address);
        let own = format!("http://{}", own.unwrap_or(near(address)));
        let own = relay_url(&own).ok_or_else(|| ServeError::Setting(own.clone()))?;
        let quic = match &config {
            None => None,
            Some(config) => Some(discovery(address.ip(), config.clone()).await?),
        };
        let known = WellKnown {
            endpoint: key.public(),
            relay: url,
            domain: options.domain.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        let metrics = Arc::new(Metrics::default());
        let room = usize::try_from(options.clients_max).unwrap_or(CLIENTS_MAX);
        let door = Door::new(Arc::clone(&counts), room);
        let service = relay_service(&options, &door, &metrics);
        let publishing = Publishing::new(Entrance::enter(&options.dht)?, Arc::clone(&counts));
        let plain = config.is_none() && address.ip().is_loopback();
        let fetch = Fetch::new(&options.roots, true);
        let fetch = fetch.map_err(|error| ServeError::Setting(error.to_string()))?;
        let lookup = Lookup {
            publishing: Arc::clone(&publishing),
            fetch: fetch.clone(),
            bootstraps: options.bootstraps.clone(),
            own: vec![own.clone(), known.relay.clone()],
            plain,
        };
        let endpoint = nodes::endpoint(key.clone(), &own).await?;
        let nodes = Nodes::new(
            endpoint.clone(),
            own,
            door.clone(),
            lookup,
            Arc::clone(&counts),
        );
        let gateway = Arc::new(Gateway::new(nodes, Arc::clone(&counts), Shares::default()));
        let desk = Arc::new(Desk {
            service: service.clone(),
            door,
            gateway: Arc::clone(&gateway),
            publishing,
            known: known.clone(),
            counts: Arc::clone(&counts),
            metrics: Arc::clone(&metrics),
            endpoint: endpoint.clone(),
        });
        let listeners = [Some(listener), inside].into_iter().flatten();
        let listeners = listeners.map(|listener| tokio::spawn(listener.run(Arc::clone(&desk))));
        let listeners = listeners.collect();
        let mut helpers = vec![tokio::spawn(tidy(gateway))];
        if let Some(certificate) = certificate {
            let tell = Arc::clone(&tell);
            let watched = certificate.watch(move |result| tell(Word::Certificate(result)));
            helpers.push(tokio::spawn(watched));
        }
        let enlisting = enlist_all(&options, &fetch, &key, &known, &stop, &tell);
        Ok(Self {
            known,
            address,
            counts,
            metrics,
            service,
            endpoint,
            quic,
            stopping,
            listeners,
            helpers,
            enlisting,
        })
    }

    /// What it says of itself.
    pub fn known(&self) -> &WellKnown {
        &self.known
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers about addresses over QUIC, if it does.
    pub fn discovery(&self) -> Option<SocketAddr> {
        self.quic.as_ref().and_then(QuicServer::quic_addr)
    }

    /// What it counts.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Bytes of nodes that it took, and gave on.
    pub fn relayed_bytes(&self) -> (u64, u64) {
        (self.metrics.bytes_recv.get(), self.metrics.bytes_sent.get())
    }

    /// Ends it: who is being served has a moment.
    pub async fn stop(self) {
        let _ = self.stopping.send(true);
        // it says in the registries that it goes
        for task in self.enlisting {
            let _ = timeout(PARTING, task).await;
        }
        for task in &self.helpers {
            task.abort();
        }
        let served = async {
            for listener in self.listeners {
                let _ = listener.await;
            }
        };
        let _ = timeout(PARTING, served).await;
        let _ = timeout(PARTING, self.endpoint.close()).await;
        let _ = timeout(PARTING, self.service.shutdown()).await;
        if let Some(quic) = self.quic {
            let _ = timeout(PARTING, quic.shutdown()).await;
        }
    }
}

async fn tidy(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(TIDYING).await;
        gateway.tidy();
    }
}

/// Tells nodes what their addresses look like from here, so that they reach each other.
async fn discovery(ip: IpAddr, config: rustls::ServerConfig) -> Result<QuicServer, ServeError> {
    // on loopback several may run beside each other
    let port = match ip.is_loopback() {
        true => 0,
        false => DEFAULT_RELAY_QUIC_PORT,
    };
    let mut quic = QuicConfig::new((ip, port));
    quic.server_config = Some(config);
    let mut server = QuicServerConfig::default();
    server.quic = Some(quic);
    let started = QuicServer::spawn(server).await;
    started.map_err(|error| ServeError::Quic(error.to_string()))
}

fn enlist_all(
    options: &RelayOptions,
    fetch: &Fetch,
    key: &SecretKey,
    known: &WellKnown,
    stop: &watch::Receiver<bool>,
    tell: &Tell,
) -> Vec<JoinHandle<()>> {
    let bootstraps = options.bootstraps.iter();
    let tasks = bootstraps.map(|bootstrap| {
        let tell = Arc::clone(tell);
        tokio::spawn(enlist::keep_up(
            fetch.clone(),
            bootstrap.clone(),
            key.clone(),
            known.relay.clone(),
            options.clients_max,
            stop.clone(),
            move |enlisted| tell(Word::Enlisted(enlisted)),
        ))
    });
    tasks.collect()
}
