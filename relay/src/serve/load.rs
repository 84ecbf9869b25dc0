//! What the bench measures: bytes through a relay, and the relay of iroh by itself.

use std::io::{Error, Result};
use std::net::Ipv4Addr;

use iroh::endpoint::{PortmapperConfig, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode, RelayUrl, SecretKey};
use iroh_relay::server::{RelayConfig, Server, ServerConfig};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::clock::random;
use crate::limits::FETCH;

const ALPN: &[u8] = b"synlog/load/1";
/// Bytes that are written at once.
const PIECE: usize = 64 << 10;

/// The relay of iroh alone, on this machine; where it is.
pub async fn bare() -> Result<(Server, String)> {
    let mut config = ServerConfig::default();
    config.relay = Some(RelayConfig::new((Ipv4Addr::LOCALHOST, 0)));
    let server = Server::spawn(config).await.map_err(Error::other)?;
    let address = server.http_addr();
    let address = address.ok_or_else(|| Error::other("it listens nowhere"))?;
    Ok((server, format!("http://{address}")))
}

/// An endpoint that has no other way than the relay.
async fn endpoint(relay: &RelayUrl) -> Result<Endpoint> {
    let endpoint = Endpoint::builder(presets::Minimal)
        .secret_key(SecretKey::from_bytes(&random()))
        .alpns(vec![ALPN.to_vec()])
        .relay_mode(RelayMode::custom([relay.clone()]))
        .portmapper_config(PortmapperConfig::Disabled)
        .clear_ip_transports()
        .bind()
        .await
        .map_err(Error::other)?;
    timeout(FETCH, endpoint.online()).await?;
    Ok(endpoint)
}

/// Sends so many bytes from one endpoint to another.
async fn one(relay: RelayUrl, bytes: usize) -> Result<()> {
    let (from, to) = (endpoint(&relay).await?, endpoint(&relay).await?);
    let address = EndpointAddr::new(to.id()).with_relay_url(relay);
    let taking = tokio::spawn(async move {
        let incoming = to.accept().await;
        let incoming = incoming.ok_or_else(|| Error::other("it was closed"))?;
        let connection = incoming.await.map_err(Error::other)?;
        let (mut send, mut recv) = connection.accept_bi().await.map_err(Error::other)?;
        let (mut piece, mut taken) = (vec![0; PIECE], 0);
        while let Some(count) = recv.read(&mut piece).await.map_err(Error::other)? {
            taken += count;
        }
        send.write_all(b"all").await.map_err(Error::other)?;
        send.finish().map_err(Error::other)?;
        connection.closed().await;
        to.close().await;
        Ok::<_, Error>(taken)
    });
    let connection = from.connect(address, ALPN).await.map_err(Error::other)?;
    let (mut send, mut recv) = connection.open_bi().await.map_err(Error::other)?;
    let piece = vec![7; PIECE];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(PIECE);
        send.write_all(&piece[..count])
            .await
            .map_err(Error::other)?;
        left -= count;
    }
    send.finish().map_err(Error::other)?;
    recv.read_to_end(8).await.map_err(Error::other)?;
    connection.close(0_u32.into(), b"done");
    from.close().await;
    match taking.await.map_err(Error::other)?? {
        taken if taken == bytes => Ok(()),
        taken => Err(Error::other(format!("{taken} of {bytes} bytes came"))),
    }
}

/// Sends bytes between so many pairs of endpoints at once, through a relay alone.
pub async fn send(relay: &str, pairs: usize, bytes: usize) -> Result<()> {
    let relay: RelayUrl = relay.parse().map_err(Error::other)?;
    let mut sending = JoinSet::new();
    for _ in 0..pairs {
        sending.spawn(one(relay.clone(), bytes));
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(Error::other)??;
    }
    Ok(())
}
