//! Sockets, files, clocks and random numbers: all that touches the outside.

mod bodies;
pub mod bootstrap;
mod bootstrap_desk;
pub mod certificate;
mod check;
mod clock;
pub mod dht;
pub mod enlist;
pub mod fetch;
mod files;
mod gateway;
mod listen;
pub mod load;
mod lookup;
mod nodes;
mod publishing;
pub mod relay;
mod relay_desk;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use self::dht::Dht;
/// Where a server is.
pub use iroh::RelayUrl as Url;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address.
    #[error("can't listen at {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that is there and says nothing of use.
    #[error("{0}: {1}")]
    BadFile(PathBuf, String),
    /// What was asked for can't be.
    #[error("{0}")]
    Setting(String),
    /// The endpoint of the gateway.
    #[error("the gateway's endpoint can't start: {0}")]
    Endpoint(String),
    /// QUIC address discovery.
    #[error("address discovery can't start: {0}")]
    Quic(String),
    /// The DHT.
    #[error("the DHT can't be entered: {0}")]
    Dht(std::io::Error),
}

/// Waits until the process is asked to end: Ctrl-C or SIGTERM. Whoever asks from this call on
/// is heard, and not only once somebody waits.
pub fn asked_to_end() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
    let [terminate, interrupt] = kinds.map(signal);
    async move {
        let heard = async |asked: std::io::Result<tokio::signal::unix::Signal>| match asked {
            Ok(mut asked) => {
                asked.recv().await;
            }
            // the system ends the process then, as it does by itself
            Err(_) => std::future::pending().await,
        };
        tokio::select! {
            () = heard(terminate) => {}
            () = heard(interrupt) => {}
        }
    }
}
