//! The guests' server of a running node: where it listens, who brings guests from elsewhere,
//! and by which links it is found.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use synlog_log::ids::{EntityId, TopicId};
use synlog_net::{Gate, GuestStream};
use synlog_replication::peer::NodeId;
use synlog_web::guests::GuestServer;
use synlog_web::serving;
use tokio::sync::mpsc::{Receiver, channel};

use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::guests::book::Gateway;
use crate::guests::{Guests, GuestsBackend, gateways};

/// Streams of gateways that may wait to be served.
const STREAMS_MAX: usize = 64;
/// How long a gateway may take to say who it is.
const ASKING: Duration = Duration::from_secs(5);
/// Bytes of what it says.
const ANSWER_MAX: usize = 16 << 10;

/// A door that is about to open.
#[derive(Default)]
pub struct Door {
    listener: Option<TcpListener>,
    streams: Option<Receiver<GuestStream>>,
    /// For the network: which gateways may bring guests.
    pub gate: Option<Gate>,
    /// A relay that a gateway has, for a node that has none.
    pub relay: Option<String>,
}

/// An address with or without a port.
///
/// # Errors
/// What is wrong with it.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let ip = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    text.parse().or_else(|_| ip()).map_err(|_| {
        "write an address of this machine, as in 192.168.1.5:4480 or 0.0.0.0".to_owned()
    })
}

/// Listens, as the owner wants it.
///
/// # Errors
/// Where the address can't be had.
pub fn listen(guests: &Guests) -> Result<Door, Failure> {
    let settings = guests.read(|book| book.settings.clone());
    let mut door = Door::default();
    if let Some(text) = &settings.address {
        let at = address(text).map_err(Failure::Usage)?;
        let usual = settings.port.filter(|_| at.port() == 0);
        let usual = usual.map(|port| SocketAddr::new(at.ip(), port));
        let listener = usual.and_then(|usual| serving::listen(usual).ok());
        let listener = listener.map_or_else(|| serving::listen(at), Ok);
        let listener = listener.map_err(|source| Failure::Web {
            address: at.to_string(),
            source,
        })?;
        let here = listener.local_addr().map_err(|source| Failure::Web {
            address: at.to_string(),
            source,
        })?;
        guests.listens(here);
        // links that were handed out stay right
        guests.change(|book| book.settings.port = Some(here.port()))?;
        door.listener = Some(listener);
    }
    if !settings.gateways.is_empty() {
        let (streams, waiting) = channel(STREAMS_MAX);
        let named = settings.gateways.iter().map(|gateway| gateway.endpoint);
        door.gate = Some(Gate {
            gateways: named.collect::<BTreeSet<NodeId>>(),
            streams,
        });
        door.streams = Some(waiting);
        let relays = settings.gateways.iter();
        door.relay = relays.filter_map(|gateway| gateway.relay.clone()).next();
    }
    Ok(door)
}

/// Serves guests; nobody where the door stays shut.
///
/// # Errors
/// What the system says.
pub fn start(door: Door, service: &Service) -> Result<Option<GuestServer>, Failure> {
    if door.listener.is_none() && door.streams.is_none() {
        return Ok(None);
    }
    let backend = Arc::new(GuestsBackend::new(service.clone()));
    let trouble = |error| Failure::System(format!("no server for guests: {error}"));
    let server = GuestServer::start(door.listener, backend).map_err(trouble)?;
    if let Some(mut streams) = door.streams {
        let (carrier, node) = (server.carrier(), service.net.node());
        let gateways = service.guests.read(|book| book.settings.gateways.clone());
        let thread = std::thread::Builder::new().name("guests-gate".to_owned());
        let carry = move || {
            while let Some(stream) = streams.blocking_recv() {
                let mut known = gateways.iter();
                let Some(gateway) = known.find(|it| it.endpoint == stream.from) else {
                    continue;
                };
                let name = gateways::name_of(&node, gateway);
                carrier.carry(stream.reader, stream.writer, name, stream.seat);
            }
        };
        thread.spawn(carry).map_err(trouble)?;
    }
    Ok(Some(server))
}

/// Asks a gateway who it is.
///
/// # Errors
/// Where it does not answer, or not as a gateway does.
pub fn ask(url: &str) -> Result<Gateway, Failure> {
    let trouble = |why: String| Failure::System(format!("the gateway {url}: {why}"));
    // another one may be there already, of the same kind
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| trouble(error.to_string()))?;
    let asking = async {
        let client = reqwest::Client::builder()
            .timeout(ASKING)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mut response = client.get(gateways::question(url)).send().await?;
        response.error_for_status_ref()?;
        let mut body = Vec::new();
        while body.len() <= ANSWER_MAX
            && let Some(piece) = response.chunk().await?
        {
            body.extend_from_slice(&piece);
        }
        Ok::<_, reqwest::Error>(body)
    };
    let body = runtime.block_on(asking);
    let body = body.map_err(|error| trouble(format!("it does not answer: {error}")))?;
    let told = gateways::answer(url, &body[..body.len().min(ANSWER_MAX)]);
    told.ok_or_else(|| trouble("it does not say who it is, as a synlog relay does".to_owned()))
}

/// Addresses of this machine in its networks: from where it would send, without sending.
fn lan() -> Vec<IpAddr> {
    let towards: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), [192, 0, 2, 1].into()),
        (
            Ipv6Addr::UNSPECIFIED.into(),
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
        ),
    ];
    let of = |(here, there): &(IpAddr, IpAddr)| {
        let socket = UdpSocket::bind(SocketAddr::new(*here, 0)).ok()?;
        socket.connect(SocketAddr::new(*there, 9)).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
    };
    towards.iter().filter_map(of).collect()
}

/// Where guests find a running node, the best first: through a gateway, by a name, by an
/// address.
pub fn urls(service: &Service) -> Vec<String> {
    let settings = service.guests.read(|book| book.settings.clone());
    let node = service.net.node();
    let gateways = settings.gateways.iter();
    let mut urls: Vec<String> = gateways.map(|it| gateways::url_of(&node, it)).collect();
    let Some(here) = service.guests.address() else {
        return urls;
    };
    let port = here.port();
    urls.extend(
        settings
            .names
            .iter()
            .map(|name| match name.contains("://") {
                true => format!("{}/", name.trim_end_matches('/')),
                false if name.contains(':') => format!("http://{name}/"),
                false => format!("http://{name}:{port}/"),
            }),
    );
    if !here.ip().is_unspecified() {
        urls.push(format!("http://{here}/"));
        return urls;
    }
    let standing = service.net.standing().addresses;
    let bound = standing.iter().map(SocketAddr::ip);
    let mut ips: Vec<IpAddr> = lan();
    ips.extend(bound.filter(|ip| !ip.is_loopback()));
    ips.retain(|ip| here.is_ipv6() || ip.is_ipv4());
    ips.push(Ipv4Addr::LOCALHOST.into());
    let mut seen = BTreeSet::new();
    ips.retain(|ip| seen.insert(*ip));
    let at = ips.into_iter().map(|ip| SocketAddr::new(ip, port));
    urls.extend(at.map(|at| format!("http://{at}/")));
    urls
}

/// A link that leads a guest to a space.
pub fn link(url: &str, space: &TopicId, entity: &EntityId) -> String {
    format!("{url}#space={space}&entity={entity}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_may_have_no_port() {
        assert_eq!(address("0.0.0.0"), Ok("0.0.0.0:0".parse().unwrap()));
        assert_eq!(address("::"), Ok("[::]:0".parse().unwrap()));
        assert_eq!(address("[::1]:80"), Ok("[::1]:80".parse().unwrap()));
        assert!(address("shop.example").is_err());
    }
}
