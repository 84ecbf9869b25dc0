//! Bodies on their way through the gateway: nothing is gathered, a slow reader slows the
//! writer down, and what stands still for too long is broken off.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{BODY_BYTES, STILL};
use crate::metrics::{Count, Counts};
use crate::page::Broken;

/// Whether what is written to a connection is taken.
#[derive(Debug)]
pub(crate) struct Pulse {
    begun: Instant,
    /// When something was handed over that has not been taken yet, in milliseconds since
    /// the beginning and one; 0: nothing.
    handed: AtomicU64,
    counts: std::sync::OnceLock<Arc<Counts>>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            handed: AtomicU64::new(0),
            counts: std::sync::OnceLock::new(),
        }
    }
}

impl Pulse {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn hand_over(&self) {
        let now = self.now().saturating_add(1);
        let _ = self
            .handed
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn taken(&self) {
        self.handed.store(0, Ordering::Relaxed);
    }

    /// Whether the other end has taken nothing for too long.
    pub(crate) fn stands_still(&self) -> bool {
        let handed = self.handed.load(Ordering::Relaxed);
        let still =
            handed > 0 && Duration::from_millis(self.now().saturating_sub(handed - 1)) > STILL;
        if still && let Some(counts) = self.counts.get() {
            counts.stalled.add(1);
        }
        still
    }
}

/// An answer on its way to a browser.
pub(crate) struct Answer {
    inner: Incoming,
    still: Pin<Box<Sleep>>,
    pulse: Arc<Pulse>,
    counts: Arc<Counts>,
    /// What is held as long as it goes on.
    _held: Box<dyn Send>,
}

impl Answer {
    pub(crate) fn new(
        inner: Incoming,
        pulse: Arc<Pulse>,
        counts: Arc<Counts>,
        held: Box<dyn Send>,
    ) -> Self {
        let _ = pulse.counts.set(Arc::clone(&counts));
        Self {
            inner,
            still: Box::pin(sleep(STILL)),
            pulse,
            counts,
            _held: held,
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pulse.taken();
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

/// Takes what comes next, and looks whether it was long in coming.
fn next(
    inner: &mut Incoming,
    still: &mut Pin<Box<Sleep>>,
    count: &Count,
    stalled: &Count,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
    match Pin::new(inner).poll_frame(cx) {
        Poll::Ready(Some(Ok(frame))) => {
            count.add(length(&frame));
            still.as_mut().reset(Instant::now() + STILL);
            Poll::Ready(Some(Ok(frame)))
        }
        Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
        Poll::Ready(None) => Poll::Ready(None),
        Poll::Pending => match still.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                stalled.add(1);
                Poll::Ready(Some(Err("nothing came for too long".into())))
            }
        },
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        // who asks for more has taken what was before
        this.pulse.taken();
        let counts = &this.counts;
        let polled = next(
            &mut this.inner,
            &mut this.still,
            &counts.body_bytes_out,
            &counts.stalled,
            cx,
        );
        if let Poll::Ready(Some(Ok(_))) = &polled {
            this.pulse.hand_over();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request's body on its way to a node.
pub(crate) struct Upload {
    inner: Incoming,
    still: Pin<Box<Sleep>>,
    left: u64,
    counts: Arc<Counts>,
}

impl Upload {
    pub(crate) fn new(inner: Incoming, counts: Arc<Counts>) -> Self {
        Self {
            inner,
            still: Box::pin(sleep(STILL)),
            left: BODY_BYTES,
            counts,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        let counts = &this.counts;
        let polled = next(
            &mut this.inner,
            &mut this.still,
            &counts.body_bytes_in,
            &counts.stalled,
            cx,
        );
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = length(frame);
            if length > this.left {
                return Poll::Ready(Some(Err("the body is too large".into())));
            }
            this.left -= length;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
