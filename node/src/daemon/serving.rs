//! The web server of a running node: at which address, and that it is there again at the
//! same one next time.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use synlog_log::limits::BLOB_MAX;
use synlog_relay::serve::certificate;
use synlog_web::server::Remote;
use synlog_web::{Server, server, serving as web_serving, sites};

use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::home::Home;
use crate::web::NodeBackend;

/// Where the pages are to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Web {
    /// Nowhere.
    #[default]
    Off,
    /// On this machine, at the port of the last time if it is free. If there is no place
    /// for them the node runs without.
    Usual,
    /// Here, or the node does not start.
    At(SocketAddr),
}

/// The pages for the owner's other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteWeb {
    /// Where they are.
    pub address: SocketAddr,
    /// By which names.
    pub names: Vec<String>,
    /// File of the certificate.
    pub certificate: Option<PathBuf>,
    /// File of its key.
    pub key: Option<PathBuf>,
}

/// Listens for the owner's other machines, with TLS alone.
///
/// # Errors
/// Where something of it is not said, or can't be had.
pub fn listen_to_others(web: Web, remote: Option<RemoteWeb>) -> Result<Option<Remote>, Failure> {
    let Some(remote) = remote else {
        return Ok(None);
    };
    let lacks = |what: &str| Failure::Usage(format!("web.remote is set, and {what}"));
    if web == Web::Off {
        return Err(lacks("web.serve is false"));
    }
    if remote.names.is_empty() {
        return Err(lacks("web.names says by no name how browsers reach it"));
    }
    let file = |file: Option<PathBuf>, what| file.ok_or_else(|| lacks(what));
    let certificate = file(remote.certificate, "web.certificate names no file")?;
    let key = file(remote.key, "web.key names no file")?;
    let tls = certificate::kept(&certificate, &key, |read| match read {
        Ok(()) => tracing::info!("the certificate of the pages was read again"),
        Err(error) => tracing::warn!("the old certificate of the pages stays in use: {error}"),
    })?;
    let address = remote.address;
    sites::check(&remote.names).map_err(|error| Failure::Usage(error.to_string()))?;
    let listener = web_serving::listen(address).map_err(|source| Failure::Web {
        address: address.to_string(),
        source,
    })?;
    Ok(Some(Remote {
        listener,
        tls,
        names: remote.names,
    }))
}

/// File of the port of the last time.
fn port_path(home: &Home) -> PathBuf {
    home.path().join("run/web-port")
}

/// Listens; nothing where the pages are off.
///
/// # Errors
/// Where an address that was asked for can't be had.
pub fn listen(home: &Home, web: Web) -> Result<Option<TcpListener>, Failure> {
    match web {
        Web::Off => Ok(None),
        Web::At(address) => server::listen(address)
            .map(Some)
            .map_err(|source| Failure::Web {
                address: address.to_string(),
                source,
            }),
        Web::Usual => {
            let at = |port| server::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            let path = port_path(home);
            let before = std::fs::read_to_string(&path).ok();
            let before = before.and_then(|text| text.trim().parse().ok());
            let listener = before.map_or_else(|| at(0), |port| at(port).or_else(|_| at(0)));
            let Ok(listener) = listener else {
                return Ok(None);
            };
            let port = listener.local_addr().map(|address| address.port());
            if let Some(port) = port.ok().filter(|port| Some(*port) != before) {
                // only a convenience: bookmarks stay right
                let _ = std::fs::write(&path, port.to_string());
            }
            Ok(Some(listener))
        }
    }
}

/// Serves a running node.
///
/// # Errors
/// What the system says.
pub fn start(
    listener: TcpListener,
    remote: Option<Remote>,
    service: &Service,
) -> Result<Server, Failure> {
    let backend = Arc::new(NodeBackend::new(service.clone()));
    let max = usize::try_from(BLOB_MAX).unwrap_or(usize::MAX);
    let started = Server::start(listener, remote, backend, max);
    started.map_err(|error: io::Error| Failure::System(format!("no web server: {error}")))
}
