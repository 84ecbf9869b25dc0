//! The stream of a relation: says how far its feeds go, each time that they went on; and that
//! of a space, which says that it went on, to everybody.
//!
//! One thread waits for the store to grow and tells all streams which topics went on; a
//! stream looks at its own topic only then.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::answering::HEARTBEAT;
use crate::blobs::set;
use crate::guests::backend::{Guest, GuestBackend, Heights, told_heights};
use crate::guests::limits::Source;
use crate::guests::server::Shared;
use crate::places::Place;
use crate::problem::Problem;
use crate::stream::blocking;

/// How long the waiting thread goes without looking whether it is to end.
const LOOK: Duration = Duration::from_millis(250);

/// How long entries of a space are collected that are told as one: an import is many.
const CALM: Duration = Duration::from_millis(500);

/// Topics that went on.
pub(super) type Grown = Arc<BTreeSet<String>>;

/// Waits for the store to grow and tells which topics did, until told to stop. Blocks.
pub(super) fn keep(
    backend: &dyn GuestBackend,
    news: &broadcast::Sender<Grown>,
    stopped: &dyn Fn() -> bool,
) {
    let mut seen = backend.end();
    while !stopped() {
        backend.wait(seen, LOOK);
        let end = backend.end();
        if end == seen {
            continue;
        }
        if news.receiver_count() == 0 {
            seen = end;
            continue;
        }
        match backend.grown(seen) {
            Ok((topics, upto)) => {
                seen = upto.max(end);
                // nobody may listen just now
                let _ = news.send(Arc::new(topics.into_iter().collect()));
            }
            // whoever listens meets the same, and tells it
            Err(_) => seen = end,
        }
    }
}

struct Watcher {
    shared: Arc<Shared>,
    guest: Guest,
    token: String,
    topic: String,
    news: broadcast::Receiver<Grown>,
    stop: watch::Receiver<bool>,
    told: Option<Heights>,
    _seat: Place<String>,
}

impl Watcher {
    async fn look(&self) -> Result<Heights, Problem> {
        let backend = Arc::clone(&self.shared.backend);
        let (guest, topic) = (self.guest.clone(), self.topic.clone());
        blocking(move || backend.heights(&guest, &topic)).await
    }

    /// The next event; `None`: the node ends, or the session has, or the guest is shut out.
    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if *self.stop.borrow() || !self.is_open() {
                return None;
            }
            match self.look().await {
                Ok(heights) if self.told.as_ref() != Some(&heights) => {
                    let data = json!({ "heights": told_heights(&heights) }).to_string();
                    self.told = Some(heights);
                    return Some((Ok(Event::default().event("grown").data(data)), self));
                }
                // it is not the guest's any more: who asks again is told why
                Err(problem) if (400..500).contains(&problem.status) => return None,
                _ => {}
            }
            self.rest().await?;
        }
    }

    fn is_open(&self) -> bool {
        let now_ms = self.shared.backend.now_ms();
        self.shared.sessions.find(&self.token, now_ms).is_some()
    }

    async fn rest(&mut self) -> Option<()> {
        rest(&mut self.news, &mut self.stop, &self.topic).await
    }
}

/// Waits until a topic went on, or may have.
async fn rest(
    news: &mut broadcast::Receiver<Grown>,
    stop: &mut watch::Receiver<bool>,
    topic: &str,
) -> Option<()> {
    loop {
        let news = tokio::select! {
            news = news.recv() => news,
            _ = stop.wait_for(|stop| *stop) => return None,
        };
        match news {
            Ok(topics) if topics.contains(topic) => return Some(()),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Some(()),
            Err(RecvError::Closed) => return None,
        }
    }
}

/// Somebody who looks at a space.
struct Looker {
    topic: String,
    news: broadcast::Receiver<Grown>,
    stop: watch::Receiver<bool>,
    is_told: bool,
    _seat: Place<Source>,
}

impl Looker {
    /// The next event, the first at once; `None`: the node ends.
    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.is_told {
            rest(&mut self.news, &mut self.stop, &self.topic).await?;
            tokio::time::sleep(CALM).await;
            self.news = self.news.resubscribe();
        }
        if *self.stop.borrow() {
            return None;
        }
        self.is_told = true;
        Some((Ok(Event::default().event("grown").data("{}")), self))
    }
}

/// Opens the stream of a space.
pub(super) fn news(
    shared: &Arc<Shared>,
    source: Source,
    topic: String,
) -> Result<Response, Problem> {
    let seat = shared.looking.take(source).ok_or_else(too_many)?;
    let looker = Looker {
        topic,
        news: shared.news.subscribe(),
        stop: shared.stop.subscribe(),
        is_told: false,
        _seat: seat,
    };
    let events = stream::unfold(looker, Looker::step);
    Ok(opened(
        Sse::new(events)
            .keep_alive(KeepAlive::new().interval(HEARTBEAT))
            .into_response(),
    ))
}

fn too_many() -> Problem {
    Problem::new(503, "too_many_watchers", "too many streams are open")
}

/// An answer that goes on and on.
fn opened(mut response: Response) -> Response {
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// Opens a stream.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    guest: Guest,
    token: String,
    topic: String,
) -> Result<Response, Problem> {
    let seat = shared.seats.take(guest.entity.clone());
    let seat = seat.ok_or_else(too_many)?;
    let watcher = Watcher {
        news: shared.news.subscribe(),
        stop: shared.stop.subscribe(),
        shared: Arc::clone(shared),
        guest,
        token,
        topic: topic.to_lowercase(),
        told: None,
        _seat: seat,
    };
    // what is not the guest's is refused before anything is sent
    watcher.look().await?;
    let events = stream::unfold(watcher, Watcher::step);
    Ok(opened(
        Sse::new(events)
            .keep_alive(KeepAlive::new().interval(HEARTBEAT))
            .into_response(),
    ))
}
