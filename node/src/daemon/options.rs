//! How a node is to run, by its settings.

use std::path::PathBuf;

use synlog_net::Dht;

use crate::config::{Config, Key};
use crate::daemon::notifying::Target;
use crate::daemon::running::Options;
use crate::daemon::serving::{RemoteWeb, Web};
use crate::daemon::socket;
use crate::home::Home;

impl Options {
    /// As the settings say.
    pub fn of(settings: &Config) -> Self {
        let offline = settings.flag(Key::NetOffline);
        let neighbours = settings.texts(Key::NetNeighbours).iter();
        let text = |key| settings.text(key).filter(|_| !offline);
        Self {
            offline,
            no_mdns: offline || !settings.flag(Key::NetMdns),
            no_gossip: !settings.flag(Key::NetGossip),
            dht: match !offline && settings.flag(Key::NetDht) {
                true => Dht::Public,
                false => Dht::Off,
            },
            relay: text(Key::NetRelay).map(str::to_owned),
            records: text(Key::NetBootstrap).map(str::to_owned),
            bind: text(Key::NetBind).and_then(|bind| bind.parse().ok()),
            neighbours: neighbours
                .map(|home| socket::peers_path(&Home::at(home.as_ref())))
                .collect(),
            announce: settings.flag(Key::NetAnnounce) && !offline,
            notify: settings
                .text(Key::NotifyHook)
                .and_then(|hook| Target::read(hook).ok()),
            web: match (
                settings.flag(Key::WebServe),
                settings.address(Key::WebAddress),
            ) {
                (false, _) => Web::Off,
                (true, Some(address)) => Web::At(address),
                (true, None) => Web::Usual,
            },
            remote: settings.address(Key::WebRemote).map(|address| RemoteWeb {
                address,
                names: settings.texts(Key::WebNames).to_vec(),
                certificate: settings.text(Key::WebCertificate).map(PathBuf::from),
                key: settings.text(Key::WebKey).map(PathBuf::from),
            }),
            open_metrics: settings.text(Key::WebMetrics) == Some("loopback"),
        }
    }
}
