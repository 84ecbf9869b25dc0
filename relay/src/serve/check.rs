//! Whether a relay is there: it says at its URL who it is, and lets a node in.

use std::future::{Future, ready};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

use iroh::dns::{BoxIter, DnsError, DnsResolver, Resolver, TxtRecordData};
use iroh::{RelayUrl, SecretKey};
use iroh_relay::client::ClientBuilder;
use tokio::time::timeout;

use super::clock::random;
use super::fetch::Fetch;
use crate::limits::FETCH;
use crate::wellknown::{PATH, WellKnown};

/// Gives the addresses that were looked at, whatever the name says by now.
#[derive(Debug, Clone)]
struct Pinned(Vec<IpAddr>);

type Found<T> = Pin<Box<dyn Future<Output = Result<BoxIter<T>, DnsError>> + Send>>;

impl Resolver for Pinned {
    fn lookup_ipv4(&self, _host: String) -> Found<Ipv4Addr> {
        let addresses = self.0.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        let addresses: Vec<_> = addresses.collect();
        Box::pin(ready(Ok(Box::new(addresses.into_iter()) as BoxIter<_>)))
    }

    fn lookup_ipv6(&self, _host: String) -> Found<Ipv6Addr> {
        let addresses = self.0.iter().filter_map(|address| match address {
            IpAddr::V6(address) => Some(*address),
            IpAddr::V4(_) => None,
        });
        let addresses: Vec<_> = addresses.collect();
        Box::pin(ready(Ok(Box::new(addresses.into_iter()) as BoxIter<_>)))
    }

    fn lookup_txt(&self, _host: String) -> Found<TxtRecordData> {
        Box::pin(ready(Ok(Box::new(std::iter::empty()) as BoxIter<_>)))
    }

    fn clear_cache(&self) {}

    fn reset(&self) -> Box<dyn Resolver> {
        Box::new(self.clone())
    }
}

/// Reaches a relay; gives what it says of itself, or why it is none.
pub(crate) async fn check(fetch: &Fetch, url: &RelayUrl) -> Result<WellKnown, String> {
    let (status, body) = fetch
        .get(url, PATH)
        .await
        .map_err(|error| format!("it can't be reached: {error}"))?;
    if status != 200 {
        return Err(format!("it answers {status} at {PATH}"));
    }
    let known = WellKnown::read(&body).ok_or("it does not say what it is")?;
    let addresses = fetch.addresses(url).await;
    let addresses = addresses.map_err(|error| format!("it can't be reached: {error}"))?;
    let pinned = Pinned(addresses.iter().map(std::net::SocketAddr::ip).collect());
    // a key of nobody: it is the relay that is tried
    let key = SecretKey::from_bytes(&random());
    let client = ClientBuilder::new(url.clone(), key, DnsResolver::custom(pinned))
        .tls_client_config(fetch.tls());
    match timeout(FETCH, client.connect()).await {
        Ok(Ok(_client)) => Ok(known),
        Ok(Err(error)) => Err(format!("its relay lets nobody in: {error}")),
        Err(_) => Err("its relay does not answer".into()),
    }
}
