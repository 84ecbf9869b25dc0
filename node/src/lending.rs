//! An open node changes hands: it belongs to one command at a time, and comes back to
//! the process that keeps it open, however the command ends.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::failure::Failure;
use crate::node::Node;

/// How long one who steps aside is away at least.
const STEP: Duration = Duration::from_millis(1);

/// Where a running node keeps the open store between uses.
#[derive(Default)]
pub struct Desk {
    place: Mutex<Place>,
    back: Condvar,
    /// Where the store ended when the node last came back.
    end: Mutex<u64>,
    grown: Condvar,
    /// How many wait for the node.
    waiting: AtomicUsize,
    /// Told at once when somebody wrote something.
    wakes: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// What is on the desk.
#[derive(Default)]
enum Place {
    /// The node, free for whoever comes next.
    Here(Box<Node>),
    /// Somebody uses it.
    Lent,
    /// The node could not be opened again.
    Lost(String),
    /// The running node is ending.
    #[default]
    Closed,
}

impl Desk {
    /// A desk with an open node on it.
    pub fn new(node: Node) -> Arc<Self> {
        Arc::new(Self {
            end: Mutex::new(node.store.end()),
            place: Mutex::new(Place::Here(Box::new(node))),
            ..Self::default()
        })
    }

    /// From now on this is called when the node comes back with more than it left with,
    /// from anybody but the loop of the running node itself.
    pub fn wake_by(&self, wakes: impl Fn() + Send + Sync + 'static) {
        // once is enough: a desk has one loop
        let _ = self.wakes.set(Box::new(wakes));
    }

    /// Takes the node for the loop of the running node.
    pub fn lend_to_loop(self: &Arc<Self>) -> Result<Lent, Failure> {
        let mut lent = self.lend()?;
        lent.wakes = false;
        Ok(lent)
    }

    /// Takes the node, as soon as nobody else uses it.
    pub fn lend(self: &Arc<Self>) -> Result<Lent, Failure> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match std::mem::replace(&mut *place, Place::Lent) {
                Place::Here(node) => {
                    return Ok(Lent {
                        node: Some(node),
                        desk: Some(Arc::clone(self)),
                        wakes: true,
                    });
                }
                Place::Lent => {
                    self.waiting.fetch_add(1, Ordering::Relaxed);
                    place = self
                        .back
                        .wait(place)
                        .unwrap_or_else(PoisonError::into_inner);
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                }
                gone @ (Place::Closed | Place::Lost(_)) => {
                    *place = gone;
                    return Err(Failure::NodeStopped);
                }
            }
        }
    }

    /// Takes the node if it is there just now.
    pub fn try_lend(self: &Arc<Self>) -> Option<Lent> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *place, Place::Lent) {
            Place::Here(node) => Some(Lent {
                node: Some(node),
                desk: Some(Arc::clone(self)),
                wakes: true,
            }),
            other => {
                *place = other;
                None
            }
        }
    }

    /// The same, unless it has not come back after some time: then it is lost to this
    /// process, and what was acknowledged is safe.
    pub fn close_within(self: &Arc<Self>, patience: Duration) -> Result<Option<Node>, Failure> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lent = |place: &mut Place| matches!(place, Place::Lent);
        let waited = self.back.wait_timeout_while(place, patience, is_lent);
        let (place, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(place);
        match waited.timed_out() {
            true => Ok(None),
            false => self.close().map(Some),
        }
    }

    /// Takes the node for good: whoever asks for it later is told that it has ended.
    pub fn close(self: &Arc<Self>) -> Result<Node, Failure> {
        let mut lent = self.lend()?;
        lent.desk = None;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Place::Closed;
        self.back.notify_all();
        lent.node
            .take()
            .map(|node| *node)
            .ok_or(Failure::NodeStopped)
    }

    /// Nothing comes back: whoever waits is told.
    fn lose(&self, why: String) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Place::Lost(why);
        self.back.notify_all();
    }

    /// Why there is no node any more, if there is none.
    pub fn lost(&self) -> Option<String> {
        match &*self.place.lock().unwrap_or_else(PoisonError::into_inner) {
            Place::Lost(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// Where the store ended when the node last came back.
    pub fn end(&self) -> u64 {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the store ends elsewhere than there, or some time has passed.
    pub fn wait_for_growth(&self, seen: u64, patience: Duration) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        // what woke it is looked at by the caller
        let _ = self
            .grown
            .wait_timeout_while(end, patience, |end| *end == seen);
    }

    fn give_back(&self, node: Box<Node>, wakes: bool) {
        let end = node.store.end();
        let before = {
            let mut known = self.end.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, end)
        };
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Place::Here(node);
        self.back.notify_one();
        if before != end {
            self.grown.notify_all();
            if let Some(wake) = self.wakes.get().filter(|_| wakes) {
                wake();
            }
        }
    }
}

/// A node in use: of one's own, or lent by a running node.
pub struct Lent {
    // both are there until it is closed or dropped
    node: Option<Box<Node>>,
    desk: Option<Arc<Desk>>,
    /// Whether the loop is woken when something was written.
    wakes: bool,
}

impl Lent {
    /// A node that belongs to nobody else.
    pub fn own(node: Node) -> Self {
        Self {
            node: Some(Box::new(node)),
            desk: None,
            wakes: false,
        }
    }

    /// The node itself, where it is an own one.
    pub fn into_own(mut self) -> Result<Node, Failure> {
        match (self.node.take(), self.desk.take()) {
            (Some(node), None) => Ok(*node),
            (Some(node), Some(desk)) => {
                desk.give_back(node, self.wakes);
                Err(Failure::NodeRuns)
            }
            (None, _) => Err(Failure::NodeStopped),
        }
    }

    /// Lets those who wait use the node in between; nothing where nobody waits, or the node
    /// is an own one. What is known of it may be of yesterday afterwards.
    pub fn step_aside(&mut self) -> Result<(), Failure> {
        let Some(desk) = &self.desk else {
            return Ok(());
        };
        if desk.waiting.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let desk = Arc::clone(desk);
        if let Some(node) = self.node.take() {
            desk.give_back(node, self.wakes);
        }
        // who was woken must be there before this one asks again
        std::thread::sleep(STEP);
        let mut lent = desk.lend()?;
        self.node = lent.node.take();
        Ok(())
    }

    /// Ends the use: closes an own node, which makes the next opening fast, or gives it back.
    pub fn close(mut self) -> Result<(), Failure> {
        match (self.node.take(), self.desk.take()) {
            (Some(node), Some(desk)) => {
                desk.give_back(node, self.wakes);
                Ok(())
            }
            (Some(node), None) => node.close(),
            (None, _) => Ok(()),
        }
    }
}

impl Lent {
    /// Puts another node in place of the lent one. Where there is none afterwards the
    /// running node must end.
    pub fn replaced(
        mut self,
        with: impl FnOnce(Node) -> Result<Node, Failure>,
    ) -> Result<(), Failure> {
        let (Some(node), Some(desk)) = (self.node.take(), self.desk.take()) else {
            return Err(Failure::NodeStopped);
        };
        match with(*node) {
            Ok(node) => {
                desk.give_back(Box::new(node), self.wakes);
                Ok(())
            }
            Err(failure) => {
                desk.lose(failure.to_string());
                Err(failure)
            }
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(node), Some(desk)) = (self.node.take(), self.desk.take()) {
            desk.give_back(node, self.wakes);
        }
    }
}

impl Deref for Lent {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node.as_deref().expect("a node in use is there")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Node {
        self.node.as_deref_mut().expect("a node in use is there")
    }
}
