//! Where a node is that is not at our own relay: as its address record says.

use std::sync::Arc;

use iroh::{EndpointId, RelayUrl};
use iroh_dns::pkarr::SignedPacket;

use super::clock::now_ms;
use super::fetch::Fetch;
use super::publishing::Publishing;
use crate::packets;

/// Relays of one record that count.
const RELAYS_MAX: usize = 2;

/// Looks nodes up.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) publishing: Arc<Publishing>,
    pub(crate) fetch: Fetch,
    /// Registries that know records, too.
    pub(crate) bootstraps: Vec<RelayUrl>,
    /// Our own URLs.
    pub(crate) own: Vec<RelayUrl>,
    /// Relays without TLS, or without a name, are used as well.
    pub(crate) plain: bool,
}

impl Lookup {
    /// The relays at which a node says that it is, ours aside.
    pub(crate) async fn relays(&self, node: &EndpointId) -> Vec<RelayUrl> {
        let Some(packet) = self.record(node).await else {
            return Vec::new();
        };
        let relays = packets::relays(&packet).into_iter();
        // a record is its maker's word: it must not lead into our own network
        let named = |url: &RelayUrl| {
            let host = url.host_str().unwrap_or_default();
            url.scheme() == "https"
                && host.contains('.')
                && host.parse::<std::net::IpAddr>().is_err()
                && !host.starts_with('[')
        };
        let relays = relays.filter(|url| !self.own.contains(url) && (self.plain || named(url)));
        relays.take(RELAYS_MAX).collect()
    }

    async fn record(&self, node: &EndpointId) -> Option<SignedPacket> {
        if let Some(packet) = self.publishing.find(node, now_ms()).await {
            return Some(packet);
        }
        for bootstrap in &self.bootstraps {
            let path = format!("/pkarr/{}", node.to_z32());
            if let Ok((200, payload)) = self.fetch.get(bootstrap, &path).await
                && let Ok(packet) = packets::read(node, &payload)
            {
                return Some(packet);
            }
        }
        None
    }
}
