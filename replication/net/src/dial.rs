//! Calling other nodes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::{ConnectError, ConnectWithOptsError};
use iroh::{Endpoint, EndpointAddr, EndpointId};
use synlog_replication::peer::NodeId;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::ALPN;
use crate::event::{Event, Why};
use crate::link::{self, Wire};
use crate::shared::Shared;

/// How long a call may take; left alone it would be half a minute.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait until a socket file is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Calls a node, unless there is a link to it or a call on its way. Whatever comes of it is
/// told: who asked for the call waits for an answer.
pub(crate) fn node(shared: &Arc<Shared>, endpoint: Option<&Endpoint>, node: NodeId) {
    let begins = shared.begin_dial(node);
    let (shared, endpoint) = (Arc::clone(shared), endpoint.cloned());
    tokio::spawn(async move {
        if !begins {
            return failed(&shared, node, Why::Duplicate).await;
        }
        let wire = match &endpoint {
            Some(endpoint) => open(endpoint, node).await,
            None => Err(Why::Offline),
        };
        let ended = match wire {
            Ok(wire) => link::run(Arc::clone(&shared), wire).await,
            Err(why) => Err((None, why)),
        };
        if let Err((_, why)) = ended {
            shared.end_dial(&node);
            failed(&shared, node, why).await;
        }
    });
}

/// A call that lost against another link to the same node is no trouble for people. It is
/// told all the same: the other end may have a link that is already lost at this one, and
/// whoever waited for it would wait for ever.
async fn failed(shared: &Shared, node: NodeId, why: Why) {
    if why != Why::Duplicate {
        shared.note_failed(&node, &why);
    }
    let _ = shared.events.send(Event::DialFailed { node, why }).await;
}

async fn open(endpoint: &Endpoint, node: NodeId) -> Result<Wire, Why> {
    let id = EndpointId::from_bytes(&node.0)
        .map_err(|_| Why::Unreachable("its id is no key".to_owned()))?;
    let call = async {
        let connection = endpoint.connect(EndpointAddr::new(id), ALPN).await;
        let connection = connection.map_err(why)?;
        let (writer, reader) = connection.open_bi().await.map_err(|_| Why::Lost)?;
        Ok(Wire {
            reader: Box::new(reader),
            writer: Box::new(writer),
            connection: Some(connection),
            dialed: true,
        })
    };
    timeout(PATIENCE, call).await.unwrap_or(Err(Why::TimedOut))
}

fn why(error: ConnectError) -> Why {
    match error {
        ConnectError::Connect { source, .. } => match source {
            ConnectWithOptsError::NoAddress { .. } => Why::NoAddress,
            ConnectWithOptsError::SelfConnect { .. } => Why::ThisNode,
            other => Why::Unreachable(other.to_string()),
        },
        other => Why::Unreachable(other.to_string()),
    }
}

/// Calls whoever listens at a socket file, and again whenever the link has ended.
pub(crate) fn socket(shared: &Arc<Shared>, path: PathBuf) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut stopping = shared.stopping.subscribe();
        loop {
            let stream = timeout(PATIENCE, UnixStream::connect(&path)).await;
            if let Ok(Ok(stream)) = stream {
                crate::socket::run(Arc::clone(&shared), stream, true).await;
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    });
}
