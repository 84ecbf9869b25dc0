//! What all tasks of the network share: who this node is, and which links there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synlog_log::keys::SecretKey;
use synlog_replication::peer::{LinkId, NodeId, Peer, Proven};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::config::{Config, Identity};
use crate::event::{Event, Why};
use crate::frame::BODY_MAX;
use crate::handshake::{Greeting, Hello, Proof, Shown, Side};
use crate::link::Handle;
use crate::links::{Candidate, Links, Ruling};

/// Bytes of messages of all links that may wait to be read by the engine.
const ROOM: usize = 32 * BODY_MAX;
/// Nodes of which something is remembered for people.
const REMEMBERED_MAX: usize = 4_096;

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) own: NodeId,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) stopping: watch::Sender<bool>,
    transport: SecretKey,
    run: [u8; 16],
    nonce_seed: [u8; 32],
    numbers: AtomicU64,
    /// Bytes of messages, of all links that ever were.
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    /// Whether somebody wants to be heard who may not have found room among the events.
    pub(crate) poked: AtomicBool,
    identity: Mutex<Option<Identity>>,
    /// Links that are under way, those included that don't count (yet or any more).
    pub(crate) active: Arc<AtomicUsize>,
    state: Mutex<State>,
}

/// Counts a link as under way.
pub(crate) struct Active(Arc<AtomicUsize>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

struct State {
    links: Links,
    handles: BTreeMap<LinkId, (NodeId, Handle)>,
    dialing: BTreeSet<NodeId>,
    notes: BTreeMap<NodeId, Note>,
}

impl State {
    fn note(&mut self, node: NodeId, change: impl FnOnce(&mut Note)) {
        if self.notes.len() >= REMEMBERED_MAX && !self.notes.contains_key(&node) {
            self.notes.retain(|_, note| note.link.is_some());
        }
        change(self.notes.entry(node).or_default());
    }
}

/// What is remembered of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pub(crate) link: Option<LinkId>,
    pub(crate) proven: Option<Proven>,
    pub(crate) name: Option<String>,
    pub(crate) dialed: bool,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) is_near: bool,
    pub(crate) why_not: Option<String>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("own", &self.own).finish()
    }
}

impl Shared {
    /// No link yet.
    pub(crate) fn new(config: &Config, transport: SecretKey, events: mpsc::Sender<Event>) -> Self {
        let own = NodeId(transport.public());
        Self {
            own,
            events,
            room: Arc::new(Semaphore::new(ROOM)),
            stopping: watch::Sender::new(false),
            transport,
            run: config.run,
            nonce_seed: config.nonce_seed,
            numbers: AtomicU64::new(1),
            sent_bytes: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            poked: AtomicBool::new(false),
            identity: Mutex::new(config.identity.clone()),
            active: Arc::default(),
            state: Mutex::new(State {
                links: Links::new(own),
                handles: BTreeMap::new(),
                dialing: BTreeSet::new(),
                notes: BTreeMap::new(),
            }),
        }
    }

    /// From now on somebody else proves itself.
    pub(crate) fn set_identity(&self, identity: Option<Identity>) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self) -> Active {
        self.active.fetch_add(1, Ordering::AcqRel);
        Active(Arc::clone(&self.active))
    }

    pub(crate) fn new_link(&self) -> LinkId {
        LinkId(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// A hello with a nonce that is never used again.
    pub(crate) fn hello(&self) -> Hello {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new_keyed(&self.nonce_seed);
        hasher.update(&number.to_le_bytes());
        Hello {
            node: self.own,
            run: self.run,
            nonce: *hasher.finalize().as_bytes(),
        }
    }

    pub(crate) fn prove(&self, greeting: &Greeting, side: Side, way_proves: bool) -> Proof {
        let identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let transport = (!way_proves).then_some(&self.transport);
        Proof::of(greeting, side, identity.as_ref(), transport)
    }

    /// Lets a link count, and ends the one whose place it takes. What is remembered and
    /// what is told of it are one step with that: of two links that come at once, the one
    /// that stays is told of last.
    pub(crate) fn admit(
        &self,
        candidate: Candidate,
        handle: Handle,
        shown: Option<Shown>,
        telling: mpsc::Permit<'_, Event>,
    ) -> Ruling {
        let mut state = self.state();
        state.dialing.remove(&candidate.node);
        let ruling = state.links.admit(candidate);
        if let Ruling::Replaces(old) = ruling
            && let Some((_, old)) = state.handles.get(&old)
        {
            old.end(Why::Duplicate);
        }
        if matches!(ruling, Ruling::Stays | Ruling::Replaces(_)) {
            let proven = shown.as_ref().map(|shown| shown.proven);
            let name = shown.map(|shown| shown.name);
            telling.send(Event::Connected {
                link: candidate.link,
                peer: Peer {
                    node: candidate.node,
                    proven,
                },
                name: name.clone(),
                dialed: candidate.dialed,
                via: handle.via(),
            });
            let place = (candidate.node, handle);
            state.handles.insert(candidate.link, place);
            state.note(candidate.node, |note| {
                note.link = Some(candidate.link);
                note.proven = proven;
                note.name = name;
                note.dialed = candidate.dialed;
                note.why_not = None;
            });
        }
        ruling
    }

    /// A link has ended.
    pub(crate) fn forget(&self, node: &NodeId, link: LinkId, why: &Why) {
        let mut state = self.state();
        state.links.remove(node, link);
        state.handles.remove(&link);
        if let Some(note) = state.notes.get_mut(node)
            && note.link == Some(link)
        {
            note.link = None;
            note.why_not = Some(why.to_string());
        }
    }

    /// Whether a call should be made: none is on its way, and there is no link.
    pub(crate) fn begin_dial(&self, node: NodeId) -> bool {
        let mut state = self.state();
        !state.links.has(&node) && state.dialing.insert(node)
    }

    pub(crate) fn end_dial(&self, node: &NodeId) {
        self.state().dialing.remove(node);
    }

    pub(crate) fn note_failed(&self, node: &NodeId, why: &Why) {
        self.state()
            .note(*node, |note| note.why_not = Some(why.to_string()));
    }

    /// Whether it is news: there is no link to it.
    pub(crate) fn note_heard(&self, node: NodeId) -> bool {
        let mut state = self.state();
        state.note(node, |note| note.is_near = true);
        !state.links.has(&node)
    }

    pub(crate) fn note_sent(&self, link: LinkId, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.count(link, |note| note.sent_bytes += bytes as u64);
    }

    pub(crate) fn note_received(&self, link: LinkId, bytes: usize) {
        self.received_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        self.count(link, |note| note.received_bytes += bytes as u64);
    }

    fn count(&self, link: LinkId, change: impl FnOnce(&mut Note)) {
        let mut state = self.state();
        let node = state.handles.get(&link).map(|(node, _)| *node);
        if let Some(note) = node.and_then(|node| state.notes.get_mut(&node)) {
            change(note);
        }
    }

    /// What is known of each node, with the handle of its link.
    pub(crate) fn each_note<T>(
        &self,
        mut of: impl FnMut(&NodeId, &Note, Option<&Handle>) -> T,
    ) -> Vec<T> {
        let state = self.state();
        let notes = state.notes.iter();
        notes
            .map(|(node, note)| {
                let handle = note.link.and_then(|link| state.handles.get(&link));
                of(node, note, handle.map(|(_, handle)| handle))
            })
            .collect()
    }

    pub(crate) fn with_link(&self, link: LinkId, act: impl FnOnce(&Handle)) {
        if let Some((_, handle)) = self.state().handles.get(&link) {
            act(handle);
        }
    }
}
