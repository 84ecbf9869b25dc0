//! One link: greets, proves, and passes messages both ways until it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use iroh::endpoint::{Connection, ConnectionError, VarInt};
use synlog_replication::peer::{LinkId, NodeId};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tracing::Instrument;

use crate::event::{Event, Incoming, TOLD_MAX, Via, Why};
use crate::frame::{self, BODY_MAX, Kind};
use crate::handshake::{Greeting, HELLO_LEN, Hello, PROOF_MAX, Proof, Shown, Side};
use crate::links::{Candidate, Ruling};
use crate::shared::Shared;

/// How long greeting and proving may take.
const GREETING: Duration = Duration::from_secs(10);
/// Bytes of one link that may wait to be read by the engine: a few of the largest messages.
const ROOM_OF_LINK: usize = 3 * BODY_MAX;
/// Bytes that may wait to leave. The engine sends more only when some has left, so that
/// this is never reached by one that keeps to it.
const QUEUE_MAX: usize = 16 << 20;
/// How long a last word may take.
const LAST_WORD: Duration = Duration::from_millis(500);

/// A way to another node, before anything was said on it.
pub(crate) struct Wire {
    /// What comes.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What goes.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The QUIC connection, which proves the transport key; a socket file has none.
    pub connection: Option<Connection>,
    /// Whether this node called.
    pub dialed: bool,
}

impl Wire {
    /// Ends it, and tells why.
    async fn close(mut self, why: &Why, between_frames: bool) {
        let told = why.told().as_bytes();
        let told = &told[..told.len().min(TOLD_MAX)];
        match &self.connection {
            Some(connection) => connection.close(VarInt::from_u32(1), told),
            None if between_frames => {
                let word = frame::write(&mut self.writer, Kind::Bye, told);
                let _ = timeout(LAST_WORD, word).await;
            }
            None => {}
        }
    }

    /// What the other end said when the connection broke.
    fn said(&self, why: Why) -> Why {
        let reason = self.connection.as_ref().map(Connection::close_reason);
        match (why, reason) {
            (Why::Lost, Some(Some(ConnectionError::ApplicationClosed(closed)))) => {
                Why::there(&closed.reason)
            }
            (Why::Lost, Some(Some(ConnectionError::TimedOut))) => Why::TimedOut,
            (why, _) => why,
        }
    }
}

/// How the rest of the process reaches a link.
pub(crate) struct Handle {
    /// What waits to leave.
    queue: mpsc::UnboundedSender<Vec<u8>>,
    queued: Arc<AtomicUsize>,
    close: watch::Sender<Option<Why>>,
    connection: Option<Connection>,
}

impl Handle {
    /// Queues a message; closes the link where too much waits already.
    pub(crate) fn send(&self, bytes: Vec<u8>) {
        if bytes.len() > BODY_MAX {
            return self.end(Why::TooLong);
        }
        let waiting = self.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        if waiting > QUEUE_MAX {
            return self.end(Why::TooSlow);
        }
        // a link that has just ended tells so itself
        let _ = self.queue.send(bytes);
    }

    /// Ends the link.
    pub(crate) fn end(&self, why: Why) {
        self.close.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(why);
            first
        });
    }

    /// How it goes, as of now.
    pub(crate) fn via(&self) -> Via {
        self.connection.as_ref().map_or(Via::Socket, via)
    }

    /// Round trip, microseconds.
    pub(crate) fn rtt_us(&self) -> Option<u64> {
        let paths = self.connection.as_ref()?.paths();
        let selected = paths.iter().find(|path| path.is_selected())?;
        u64::try_from(selected.rtt().as_micros()).ok()
    }
}

/// The front of a node's id, as people know it.
fn short(node: &NodeId) -> String {
    node.0[..5]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn via(connection: &Connection) -> Via {
    let paths = connection.paths();
    let selected = paths.iter().find(|path| path.is_selected());
    let selected = selected.or_else(|| paths.iter().next());
    match selected.map(|path| path.remote_addr().clone()) {
        Some(iroh::TransportAddr::Ip(address)) if is_near(&address) => Via::Lan(address),
        Some(iroh::TransportAddr::Ip(address)) => Via::Direct(address),
        Some(iroh::TransportAddr::Relay(url)) => Via::Relay(url.to_string()),
        _ => Via::Unknown,
    }
}

/// Whether an address is one of a local network.
fn is_near(address: &std::net::SocketAddr) -> bool {
    match address.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        std::net::IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

/// Runs a link to its end. An error is one that never counted.
pub(crate) async fn run(shared: Arc<Shared>, mut wire: Wire) -> Result<(), (Option<NodeId>, Why)> {
    let _active = shared.begin();
    let met = timeout(GREETING, meet(&shared, &mut wire)).await;
    let (hello, shown) = match met.unwrap_or(Err(Why::TimedOut)) {
        Ok(met) => met,
        Err(why) => {
            let why = wire.said(why);
            tracing::debug!(why = why.to_string(), dialed = wire.dialed, "no link");
            wire.close(&why, true).await;
            return Err((None, why));
        }
    };
    let node = hello.node;
    let link = shared.new_link();
    let (queue, waiting) = mpsc::unbounded_channel();
    let (close, closed) = watch::channel(None);
    let queued = Arc::new(AtomicUsize::new(0));
    let handle = Handle {
        queue,
        queued: Arc::clone(&queued),
        close,
        connection: wire.connection.clone(),
    };
    let candidate = Candidate {
        link,
        node,
        run: hello.run,
        dialed: wire.dialed,
    };
    let via = handle.via().word();
    // whoever listens has gone only where all of it ends
    let ruling = match shared.events.reserve().await {
        Ok(telling) => Some(shared.admit(candidate, handle, shown, telling)),
        Err(_) => None,
    };
    let refused = match ruling {
        Some(Ruling::Stays | Ruling::Replaces(_)) => None,
        Some(Ruling::Goes) => Some(Why::Duplicate),
        Some(Ruling::Full) => Some(Why::Full),
        None => Some(Why::Stopping),
    };
    if let Some(why) = refused {
        wire.close(&why, true).await;
        return Err((Some(node), why));
    }
    let id = short(&node);
    let span = tracing::info_span!("link", link = link.0, node = %id, dialed = wire.dialed);
    span.in_scope(|| tracing::info!(via, "connected"));
    let passing = pass(&shared, &mut wire, link, waiting, &queued, closed);
    let (why, between_frames) = passing.instrument(span.clone()).await;
    let why = wire.said(why);
    span.in_scope(|| tracing::info!(why = why.to_string(), "closed"));
    shared.forget(&node, link, &why);
    wire.close(&why, between_frames).await;
    let _ = shared.events.send(Event::Closed { link, why }).await;
    Ok(())
}

/// Both sides say hello and prove who they are.
async fn meet(shared: &Shared, wire: &mut Wire) -> Result<(Hello, Option<Shown>), Why> {
    let own = shared.hello();
    let (reader, writer) = (&mut wire.reader, &mut wire.writer);
    let (own_side, their_side) = match wire.dialed {
        true => (Side::Dialer, Side::Acceptor),
        false => (Side::Acceptor, Side::Dialer),
    };
    if wire.dialed {
        frame::write(writer, Kind::Hello, &own.encode()).await?;
    }
    let theirs = Hello::decode(&expect(reader, Kind::Hello, HELLO_LEN).await?)?;
    let known = wire.connection.as_ref();
    let known = known.map(|connection| NodeId(*connection.remote_id().as_bytes()));
    if known.is_some_and(|known| known != theirs.node) {
        return Err(Why::BadProof);
    }
    if theirs.node == own.node {
        return Err(Why::ThisNode);
    }
    let greeting = match wire.dialed {
        true => Greeting {
            dialer: own,
            acceptor: theirs,
        },
        false => Greeting {
            dialer: theirs,
            acceptor: own,
        },
    };
    if !wire.dialed {
        frame::write(writer, Kind::Hello, &own.encode()).await?;
    }
    let proof = shared.prove(&greeting, own_side, known.is_some());
    frame::write(writer, Kind::Proof, &proof.encode()).await?;
    let proof = expect(reader, Kind::Proof, PROOF_MAX).await?;
    let proof = Proof::decode(&proof).map_err(|_| Why::BadFrame)?;
    let shown = proof.verify(&greeting, their_side, known.is_some());
    Ok((theirs, shown.map_err(|_| Why::BadProof)?))
}

/// Reads a frame of one kind, or why the other end leaves.
async fn expect(
    reader: &mut (dyn AsyncRead + Send + Unpin),
    kind: Kind,
    max: usize,
) -> Result<Vec<u8>, Why> {
    match frame::read(&mut &mut *reader, max.max(TOLD_MAX)).await? {
        (found, body) if found == kind => Ok(body),
        (Kind::Bye, body) => Err(Why::there(&body)),
        _ => Err(Why::BadFrame),
    }
}

/// Passes messages both ways. Gives why it ended, and whether a last word can be said.
async fn pass(
    shared: &Shared,
    wire: &mut Wire,
    link: LinkId,
    waiting: mpsc::UnboundedReceiver<Vec<u8>>,
    queued: &AtomicUsize,
    mut closed: watch::Receiver<Option<Why>>,
) -> (Why, bool) {
    let writing = AtomicBool::new(false);
    let mut stopping = shared.stopping.subscribe();
    let why = tokio::select! {
        why = receive(shared, &mut wire.reader, link) => why,
        why = send(shared, &mut wire.writer, link, waiting, queued, &writing) => why,
        end = closed.wait_for(Option::is_some) => {
            end.ok().and_then(|why| why.clone()).unwrap_or(Why::Lost)
        }
        _ = stopping.wait_for(|stopping| *stopping) => Why::Stopping,
    };
    (why, !writing.load(Ordering::Relaxed))
}

async fn receive(
    shared: &Shared,
    reader: &mut (dyn AsyncRead + Send + Unpin),
    link: LinkId,
) -> Why {
    let room_of_link = Arc::new(Semaphore::new(ROOM_OF_LINK));
    loop {
        let body = match frame::read(&mut &mut *reader, BODY_MAX).await {
            Ok((Kind::Message, body)) => body,
            Ok((Kind::Bye, body)) => return Why::there(&body),
            Ok(_) => return Why::BadFrame,
            Err(why) => return why,
        };
        // nothing more is read until there is room: the other end waits then
        let size = u32::try_from(body.len().max(1)).unwrap_or(u32::MAX);
        let own = Arc::clone(&room_of_link).acquire_many_owned(size).await;
        let all = Arc::clone(&shared.room).acquire_many_owned(size).await;
        let (Ok(own), Ok(all)) = (own, all) else {
            return Why::Stopping;
        };
        shared.note_received(link, body.len());
        tracing::trace!(bytes = body.len(), "message came");
        let message = Incoming::new(body, [own, all]);
        if shared
            .events
            .send(Event::Message { link, message })
            .await
            .is_err()
        {
            return Why::Stopping;
        }
    }
}

async fn send(
    shared: &Shared,
    writer: &mut (dyn AsyncWrite + Send + Unpin),
    link: LinkId,
    mut waiting: mpsc::UnboundedReceiver<Vec<u8>>,
    queued: &AtomicUsize,
    writing: &AtomicBool,
) -> Why {
    while let Some(message) = waiting.recv().await {
        writing.store(true, Ordering::Relaxed);
        if let Err(why) = frame::write(&mut &mut *writer, Kind::Message, &message).await {
            return why;
        }
        writing.store(false, Ordering::Relaxed);
        let bytes = message.len();
        queued.fetch_sub(bytes, Ordering::Relaxed);
        shared.note_sent(link, bytes);
        tracing::trace!(bytes, "message sent");
        if shared
            .events
            .send(Event::Sent { link, bytes })
            .await
            .is_err()
        {
            return Why::Stopping;
        }
    }
    Why::Lost
}
