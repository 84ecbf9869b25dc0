//! A small HTTP client for our own requests: bounded in bytes and time, and it goes nowhere
//! but to the address that was checked.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use iroh::RelayUrl;
use iroh_relay::tls::{CaTlsConfig, default_provider};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::limits::{FETCH, FETCHED_BYTES};

/// The client.
#[derive(Debug, Clone)]
pub struct Fetch {
    tls: Arc<ClientConfig>,
    /// Addresses of this machine and of networks at home are reached as well.
    near: bool,
}

/// Whether anybody on the internet reaches the same machine by an address as we do.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            // what is given out to the public, without tunnels and examples in it
            (0x2000..0x4000).contains(&a)
                && a != 0x2002
                && !(a == 0x2001 && (b == 0xdb8 || b < 0x200))
        }
    }
}

impl Fetch {
    /// A client that trusts these roots.
    pub fn new(roots: &CaTlsConfig, near: bool) -> Result<Self> {
        let mut tls = roots.client_config(default_provider())?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: Arc::new(tls),
            near,
        })
    }

    /// TLS as it is used here.
    pub(crate) fn tls(&self) -> ClientConfig {
        let mut tls = (*self.tls).clone();
        tls.alpn_protocols.clear();
        tls
    }

    /// Asks for something: status and body.
    pub async fn get(&self, base: &RelayUrl, path: &str) -> Result<(u16, Bytes)> {
        self.send(Method::GET, base, path, Bytes::new()).await
    }

    /// Sends JSON: status and body.
    pub async fn post(&self, base: &RelayUrl, path: &str, json: String) -> Result<(u16, Bytes)> {
        self.send(Method::POST, base, path, json.into()).await
    }

    async fn send(
        &self,
        method: Method,
        base: &RelayUrl,
        path: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes)> {
        let sent = timeout(FETCH, self.send_at_once(method, base, path, body)).await;
        sent.map_err(|_| Error::from(ErrorKind::TimedOut))?
    }

    /// The addresses of a URL's host that may be reached.
    pub(crate) async fn addresses(&self, base: &RelayUrl) -> Result<Vec<SocketAddr>> {
        let host = base.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = base.port_or_known_default().unwrap_or(443);
        let found = lookup_host((bare, port)).await?;
        let found: Vec<_> = found
            .filter(|address| self.near || is_public(address.ip()))
            .collect();
        if found.is_empty() {
            let why = "it leads to no public address";
            return Err(Error::new(ErrorKind::AddrNotAvailable, why));
        }
        Ok(found)
    }

    async fn send_at_once(
        &self,
        method: Method,
        base: &RelayUrl,
        path: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes)> {
        let addresses = self.addresses(base).await?;
        let stream = TcpStream::connect(&*addresses).await?;
        let host = base.host_str().unwrap_or_default();
        let authority = match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(Error::other)?;
        if base.scheme() == "https" {
            let name = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let name = ServerName::try_from(name).map_err(Error::other)?;
            let tls = TlsConnector::from(Arc::clone(&self.tls));
            exchange(tls.connect(name, stream).await?, request).await
        } else {
            exchange(stream, request).await
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(u16, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shaken = http1::Builder::new()
        .max_buf_size(FETCHED_BYTES)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = shaken.map_err(Error::other)?;
    let connection = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(Error::other)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), FETCHED_BYTES);
        let body = body.collect().await.map_err(Error::other)?;
        Ok((status, body.to_bytes()))
    };
    let answered = answered.await;
    connection.abort();
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_others() {
        let is = |text: &str| is_public(text.parse().expect("an address"));
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "2001:db8::1",
            "2002:a00:1::",
            "ff02::1",
            "64:ff9b::a00:1",
            "::127.0.0.1",
        ] {
            assert!(!is(near), "{near}");
        }
        for public in [
            "1.1.1.1",
            "203.1.1.1",
            "2606:4700::1111",
            "2a01:4f8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is(public), "{public}");
        }
    }
}
