//! How a running node is, for those who watch over it: numbers that its loop notes now and
//! then, so that who asks never waits for the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use synlog_web::metrics::{Kind, Measure};

use crate::daemon::client::VERSION;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::node::Node;

/// The store is asked at most this often.
const PAUSE: Duration = Duration::from_secs(1);
/// A loop that has not turned for so long stands still, or waits for a command that has the
/// store.
const STILL: Duration = Duration::from_secs(30);

/// What the loop notes.
pub struct Meter {
    begun: Instant,
    begun_ms: u64,
    /// When the loop turned last, milliseconds since the start.
    turned_ms: AtomicU64,
    /// Whether all of this machine may have the numbers.
    pub is_open: bool,
    noted: Mutex<Noted>,
}

/// What was noted of the store.
#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    at: Option<Instant>,
    end: u64,
    feeds: u64,
    topics: u64,
    bytes: u64,
    waiting: u64,
    dropped: u64,
    unfolded: u64,
    refused: u64,
}

impl Meter {
    /// Of a node that starts now.
    pub fn new(is_open: bool, now_ms: u64) -> Self {
        Self {
            begun: Instant::now(),
            begun_ms: now_ms,
            turned_ms: AtomicU64::default(),
            is_open,
            noted: Mutex::default(),
        }
    }

    fn since_start_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn noted(&self) -> Noted {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop has turned; if it is time, what the store knows without looking for it is
    /// noted. Where a command has the store it is noted another time.
    pub(crate) fn turn(&self, service: &Service) -> Result<(), Failure> {
        self.turned_ms
            .store(self.since_start_ms(), Ordering::Relaxed);
        let before = self.noted();
        if before.at.is_some_and(|at| at.elapsed() < PAUSE) {
            return Ok(());
        }
        let Some(node) = service.desk.try_lend() else {
            return Ok(());
        };
        let noted = read(&node, &before);
        node.close()?;
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = noted?;
        Ok(())
    }

    /// One word for why the node can't do its work just now, if so.
    pub fn trouble(&self, service: &Service) -> Option<&'static str> {
        if service.stopping.load(Ordering::Relaxed) {
            return Some("stopping");
        }
        if service.desk.lost().is_some() {
            return Some("store_lost");
        }
        let turned_ms = self.turned_ms.load(Ordering::Relaxed);
        let still_ms = self.since_start_ms().saturating_sub(turned_ms);
        (Duration::from_millis(still_ms) > STILL).then_some("busy")
    }

    /// All numbers.
    pub fn measures(&self, service: &Service) -> Vec<Measure> {
        let noted = self.noted();
        // what follows from others is read before them: who waits here for the board, which
        // the loop has, must not tell of a round that no byte was received for
        let rounds = {
            let board = service.board.lock();
            board.unwrap_or_else(PoisonError::into_inner).sync_rounds
        };
        let (sent, received) = service.net.traffic();
        let mut paths: BTreeMap<&str, u64> = BTreeMap::new();
        // kinds of which there are none are told, too: nothing is not silence
        for word in ["lan", "direct", "relay", "socket", "unknown"] {
            paths.insert(word, 0);
        }
        let peers = service.net.peers();
        for peer in peers.iter().filter(|peer| peer.link.is_some()) {
            *paths.entry(peer.via.word()).or_default() += 1;
        }
        let gauge = |name, about, value| Measure::one(name, about, Kind::Gauge, value);
        let counter = |name, about, value| Measure::one(name, about, Kind::Counter, value);
        vec![
            Measure::by(
                "synlog_build_info",
                "The version that runs",
                Kind::Gauge,
                "version",
                [(VERSION.to_owned(), 1)],
            ),
            gauge(
                "synlog_start_time_seconds",
                "When the node was started, Unix time",
                self.begun_ms / 1000,
            ),
            gauge(
                "synlog_ready",
                "Whether the node can do its work",
                u64::from(self.trouble(service).is_none()),
            ),
            gauge(
                "synlog_entries",
                "Entries and statements that were stored",
                noted.end,
            ),
            gauge("synlog_feeds", "Feeds that are here", noted.feeds),
            gauge("synlog_topics", "Topics that are here", noted.topics),
            gauge(
                "synlog_store_bytes",
                "Bytes of the store's segments",
                noted.bytes,
            ),
            gauge(
                "synlog_waiting_entries",
                "Runs that wait for what they build on",
                noted.waiting,
            ),
            counter(
                "synlog_waiting_dropped_total",
                "Runs that were let go because too many waited",
                noted.dropped,
            ),
            gauge(
                "synlog_fold_lag_entries",
                "Entries that came since the rows of their topics were last asked for",
                noted.unfolded,
            ),
            counter(
                "synlog_rejected_total",
                "Runs from others that were not taken",
                noted.refused,
            ),
            Measure::by(
                "synlog_peers",
                "Nodes that are linked, by the kind of path",
                Kind::Gauge,
                "path",
                paths
                    .into_iter()
                    .map(|(word, count)| (word.to_owned(), count)),
            ),
            counter(
                "synlog_net_sent_bytes_total",
                "Bytes of messages to other nodes",
                sent,
            ),
            counter(
                "synlog_net_received_bytes_total",
                "Bytes of messages from other nodes",
                received,
            ),
            counter(
                "synlog_sync_rounds_total",
                "Times that this node and another came to hold the same",
                rounds,
            ),
        ]
    }
}

/// What a store knows of itself; what follows from its end and feeds is read where those
/// have changed.
fn read(node: &Node, before: &Noted) -> Result<Noted, Failure> {
    let (end, feeds) = (node.store.end(), node.store.feed_count() as u64);
    let is_known = before.at.is_some();
    Ok(Noted {
        at: Some(Instant::now()),
        end,
        feeds,
        topics: match is_known && feeds == before.feeds {
            true => before.topics,
            false => node.store.topics().len() as u64,
        },
        bytes: match is_known && end == before.end {
            true => before.bytes,
            false => node.store.segment_bytes()?,
        },
        waiting: node.waiting.len() as u64,
        dropped: node.waiting.dropped(),
        unfolded: node.counted.unfolded(),
        refused: node.counted.refused,
    })
}
