//! What happens, sent as it happens: server-sent events that resume where they broke off.
//!
//! The id of each event says up to where its reader has seen: the cursor of entries (the
//! arrival position in this store, and which store that is) and, where rows are sent, that of
//! rows. A batch of
//! changed rows is one event, so an id is never in the middle of it. One thread waits for
//! the store to grow and reads what came once, for all; a watcher holds a cursor and at
//! most one page of shared entries, and reads from the store itself where it is behind.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use tokio::sync::watch;

use crate::backend::{Arrived, Backend, Changed};
use crate::problem::Problem;

/// Entries kept for watchers that are nearly up to date.
const RING_MAX: usize = 1_024;
/// Bytes of them.
const RING_BYTES_MAX: usize = 4 << 20;
/// Entries that are read at a time.
const PAGE: usize = 64;
/// Keys in one event of changed rows.
const CHANGES: usize = 64;
/// Answers about rows that are kept for others with the same question.
const ANSWERS_MAX: usize = 64;
/// How long the waiting thread goes without looking whether it is to end.
const LOOK: Duration = Duration::from_millis(250);
/// How long a watcher leaves the threads to others where what came is not read yet.
const UNREAD: Duration = Duration::from_millis(5);

/// Up to where somebody has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The cursor of entries.
    pub entries: u64,
    /// The mark of the store; a cursor that is only a number has none.
    pub store: Option<String>,
    /// The cursor of rows.
    pub rows: Option<String>,
}

impl Place {
    /// Reads the id of an event, or a cursor of entries.
    pub fn read(text: &str) -> Option<Self> {
        let (entries, rows) = match text.split_once('.') {
            Some((entries, rows)) => (entries, Some(rows)),
            None => (text, None),
        };
        let hex = |text: &str| {
            let right = !text.is_empty() && text.len() <= 128;
            right && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let (entries, store) = match entries.split_once('-') {
            Some((entries, store)) => (entries, Some(store)),
            None => (entries, None),
        };
        let are_right = [store, rows].into_iter().flatten().all(hex);
        if !are_right || entries.starts_with('+') {
            return None;
        }
        Some(Self {
            entries: entries.parse().ok()?,
            store: store.map(str::to_owned),
            rows: rows.map(str::to_owned),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.entries)?;
        if let Some(store) = &self.store {
            write!(out, "-{store}")?;
        }
        match &self.rows {
            Some(rows) => write!(out, ".{rows}"),
            None => Ok(()),
        }
    }
}

/// The last entries, for all watchers.
#[derive(Default)]
struct Ring {
    /// All entries behind this cursor are in it.
    from: u64,
    /// Up to here.
    upto: u64,
    items: VecDeque<Arrived>,
    bytes: usize,
}

impl Ring {
    fn begin(&mut self, at: u64) {
        *self = Self {
            from: at,
            upto: at,
            ..Self::default()
        };
    }

    fn add(&mut self, items: Vec<Arrived>, upto: u64) {
        for item in items {
            self.bytes += item.json.len();
            self.items.push_back(item);
        }
        self.upto = upto;
        while self.items.len() > RING_MAX || self.bytes > RING_BYTES_MAX {
            let Some(gone) = self.items.pop_front() else {
                break;
            };
            self.bytes -= gone.json.len();
            self.from = gone.cursor;
        }
    }

    /// Entries behind a cursor; `None` where they are not all here.
    fn take(&self, after: u64, topic: Option<&str>, limit: usize) -> Option<(Vec<Arrived>, u64)> {
        if after < self.from || after > self.upto {
            return None;
        }
        let first = self.items.partition_point(|item| item.cursor <= after);
        let mut found = Vec::new();
        for item in self.items.range(first..) {
            if topic.is_some_and(|topic| topic != item.topic) {
                continue;
            }
            found.push(item.clone());
            if found.len() == limit {
                return Some((found, item.cursor));
            }
        }
        Some((found, self.upto))
    }
}

/// A question about rows, and as of where the store ended.
type Question = (String, Option<String>, u64);

/// What all watchers share.
pub struct Hub {
    backend: Arc<dyn Backend>,
    /// What tells the store from others.
    mark: String,
    end: watch::Sender<u64>,
    ring: Mutex<Ring>,
    answers: tokio::sync::Mutex<VecDeque<(Question, Changed)>>,
}

impl Hub {
    /// Begins where the store ends.
    pub fn new(backend: Arc<dyn Backend>) -> Arc<Self> {
        let end = backend.end();
        let mut ring = Ring::default();
        ring.begin(end);
        Arc::new(Self {
            mark: backend.mark(),
            backend,
            end: watch::Sender::new(end),
            ring: Mutex::new(ring),
            answers: tokio::sync::Mutex::default(),
        })
    }

    /// Waits for the store to grow, and wakes the watchers, until told to stop. Blocks.
    pub fn keep(&self, stopped: &dyn Fn() -> bool) {
        let mut seen = *self.end.borrow();
        while !stopped() {
            self.backend.wait(seen, LOOK);
            let end = self.backend.end();
            if end == seen {
                continue;
            }
            self.read_up_to(end);
            seen = end;
            self.end.send_replace(end);
        }
    }

    fn ring<T>(&self, run: impl FnOnce(&mut Ring) -> T) -> T {
        run(&mut self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what arrived, where somebody watches.
    fn read_up_to(&self, end: u64) {
        if self.end.receiver_count() == 0 {
            return self.ring(|ring| ring.begin(end));
        }
        loop {
            let after = self.ring(|ring| ring.upto);
            match self.backend.arrivals(after, None, PAGE) {
                Ok((items, upto)) if upto > after => self.ring(|ring| ring.add(items, upto)),
                // who watches meets the same, and tells it
                _ => return self.ring(|ring| ring.begin(end.max(ring.upto))),
            }
            if self.ring(|ring| ring.upto) >= end {
                return;
            }
        }
    }

    async fn arrivals(
        &self,
        after: u64,
        topic: Option<&str>,
    ) -> Result<(Vec<Arrived>, u64), Problem> {
        if let Some(found) = self.ring(|ring| ring.take(after, topic, PAGE)) {
            return Ok(found);
        }
        let (backend, topic) = (Arc::clone(&self.backend), topic.map(str::to_owned));
        blocking(move || backend.arrivals(after, topic.as_deref(), PAGE)).await
    }

    async fn changes(
        &self,
        topic: &str,
        cursor: Option<&str>,
        end: u64,
    ) -> Result<Changed, Problem> {
        let question = (topic.to_owned(), cursor.map(str::to_owned), end);
        // the first who asks answers for all
        let mut answers = self.answers.lock().await;
        if let Some((_, answer)) = answers.iter().find(|(known, _)| *known == question) {
            return Ok(answer.clone());
        }
        let (backend, asked) = (Arc::clone(&self.backend), question.clone());
        let answer =
            blocking(move || backend.changes(&asked.0, asked.1.as_deref(), CHANGES)).await?;
        answers.push_back((question, answer.clone()));
        if answers.len() > ANSWERS_MAX {
            answers.pop_front();
        }
        Ok(answer)
    }
}

/// Runs something that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let broken = |_| Problem::new(500, "system", "the node broke off");
    // what is logged there belongs to the same request
    let span = tracing::Span::current();
    let run = move || span.in_scope(run);
    tokio::task::spawn_blocking(run).await.map_err(broken)?
}

/// Somebody who watches.
pub struct Watcher {
    hub: Arc<Hub>,
    topic: Option<String>,
    place: Place,
    end: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    queue: VecDeque<Event>,
    /// Where the store ended when rows were last asked for.
    rows_seen: Option<u64>,
    greeted: bool,
    ended: bool,
}

impl Watcher {
    /// From a place on, or from now on.
    pub fn new(
        hub: &Arc<Hub>,
        topic: Option<String>,
        from: Option<Place>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let end = hub.end.subscribe();
        // a thread may be between the growth of the store and the news of it
        let now = hub.backend.end();
        let place = from.unwrap_or(Place {
            entries: now,
            store: None,
            rows: None,
        });
        Self {
            hub: Arc::clone(hub),
            topic,
            place,
            end,
            stop,
            queue: VecDeque::new(),
            rows_seen: None,
            greeted: false,
            ended: false,
        }
    }

    /// The next event; `None`: the node ends, or something went wrong, and that was told.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            if *self.stop.borrow() {
                self.ended = true;
                self.push("bye", "{}");
                continue;
            }
            if let Err(problem) = self.look().await {
                self.ended = true;
                self.push("problem", &problem.json().to_string());
            }
        }
    }

    /// For a stream of a response.
    pub(crate) async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let event = self.next().await?;
        Some((Ok(event), self))
    }

    fn push(&mut self, name: &str, data: &str) {
        let id = self.place.to_string();
        self.queue
            .push_back(Event::default().id(id).event(name).data(data));
    }

    async fn look(&mut self) -> Result<(), Problem> {
        let end = (*self.end.borrow_and_update()).max(self.hub.backend.end());
        if !self.greeted {
            self.greeted = true;
            return self.greet(end).await;
        }
        if self.place.entries < end {
            let (topic, before) = (self.topic.clone(), self.place.entries);
            let found = self
                .hub
                .arrivals(self.place.entries, topic.as_deref())
                .await;
            let (entries, upto) = found?;
            for entry in entries {
                self.place.entries = entry.cursor;
                self.push("entry", &entry.json);
            }
            self.place.entries = upto.max(self.place.entries);
            if !self.queue.is_empty() {
                return Ok(());
            }
            if self.place.entries < end {
                // the store has grown, and what came is not read yet
                if self.place.entries == before {
                    tokio::time::sleep(UNREAD).await;
                }
                return Ok(());
            }
        }
        if self.rows_seen != Some(end) {
            return self.look_at_rows(end).await;
        }
        tokio::select! {
            _ = self.end.changed() => {}
            _ = self.stop.changed() => {}
        }
        Ok(())
    }

    /// The first event says from where on it goes.
    async fn greet(&mut self, end: u64) -> Result<(), Problem> {
        let mark = self.hub.mark.clone();
        let of_another = self.place.store.take().is_some_and(|of| of != mark);
        self.place.store = Some(mark);
        if of_another || self.place.entries > end {
            // a cursor of another store, or of one that was put back
            self.place.entries = end;
            self.place.rows = None;
            self.push("reset", "{}");
        }
        if self.place.rows.is_none()
            && let Some(topic) = self.topic.clone()
            && let Changed::Reset(cursor) = self.hub.changes(&topic, None, end).await?
        {
            self.place.rows = Some(cursor);
        }
        self.push("hello", "{}");
        Ok(())
    }

    async fn look_at_rows(&mut self, end: u64) -> Result<(), Problem> {
        let Some(topic) = self.topic.clone() else {
            self.rows_seen = Some(end);
            return Ok(());
        };
        let cursor = self.place.rows.clone();
        match self.hub.changes(&topic, cursor.as_deref(), end).await? {
            Changed::None => self.rows_seen = Some(end),
            Changed::Reset(cursor) => {
                self.place.rows = Some(cursor);
                self.rows_seen = Some(end);
                self.push("reset", "{}");
            }
            Changed::Since {
                changes,
                cursor,
                more,
            } => {
                self.place.rows = Some(cursor);
                if !more {
                    self.rows_seen = Some(end);
                }
                if let Some(changes) = changes {
                    self.push("rows", &format!("{{\"changes\":{changes}}}"));
                }
            }
        }
        Ok(())
    }
}
