//! Nodes of other data directories on this machine, over a socket file.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use crate::link::{self, Wire};
use crate::shared::Shared;

/// How long to wait where accepting fails: no more files may be opened just now.
const PAUSE: Duration = Duration::from_millis(200);

/// Lets nodes in until the node stops.
pub(crate) async fn accept(shared: Arc<Shared>, listener: UnixListener) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(run(Arc::clone(&shared), stream, false));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Runs a link over a socket, if a process of the same user is at the other end.
pub(crate) async fn run(shared: Arc<Shared>, stream: UnixStream, dialed: bool) {
    let other = stream.peer_cred().map(|other| other.uid());
    if !other.is_ok_and(|uid| uid == rustix::process::geteuid().as_raw()) {
        return;
    }
    let (reader, writer) = stream.into_split();
    let wire = Wire {
        reader: Box::new(reader),
        writer: Box::new(writer),
        connection: None,
        dialed,
    };
    // what never counted has told the other end why
    let _ = link::run(shared, wire).await;
}
