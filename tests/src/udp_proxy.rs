//! A wire that can be spoiled: UDP between two real nodes, with seeded loss, delay,
//! reordering, duplicates and partition.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use synlog_log::disk::Seeded;

/// Larger than any datagram.
const DATAGRAM_MAX: usize = 1 << 16;
/// How long it rests where nothing is to be done.
const REST: Duration = Duration::from_micros(500);

/// What the wire does to datagrams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Of a hundred so many are lost.
    pub(crate) lost_percent: u64,
    /// Of a hundred so many come twice.
    pub(crate) twice_percent: u64,
    /// How long each takes.
    pub(crate) delay_ms: u64,
    /// How much longer at most: later ones overtake earlier ones.
    pub(crate) jitter_ms: u64,
    /// Nothing comes through.
    pub(crate) parted: bool,
}

impl Weather {
    /// Bad weather of some kind.
    pub(crate) fn bad(random: &mut Seeded) -> Self {
        Self {
            lost_percent: [0, 2, 10, 40][random.below(4) as usize],
            twice_percent: [0, 0, 5, 30][random.below(4) as usize],
            delay_ms: random.below(120),
            jitter_ms: random.below(120),
            parted: random.one_in(4),
        }
    }
}

/// What became of datagrams.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed_bytes: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) doubled: AtomicU64,
    pub(crate) overtaken: AtomicU64,
    pub(crate) parted: AtomicU64,
}

/// The wire. Callers send to its address, and what it passes on comes from one of its own.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    weather: Arc<Mutex<Weather>>,
    ending: Arc<AtomicBool>,
    worker: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    /// A wire from an address (port 0: any) to another one; both may be of different
    /// families, so that the ends reach each other in no other way.
    pub(crate) fn start(listen: &str, target: SocketAddr, seed: u64) -> Self {
        let front = socket(listen.parse().unwrap());
        let address = front.local_addr().unwrap();
        let (counts, weather, ending): (Arc<Counts>, Arc<Mutex<Weather>>, Arc<AtomicBool>) =
            Default::default();
        let mut wire = Wire {
            front,
            target,
            backs: BTreeMap::new(),
            waiting: BinaryHeap::new(),
            number: 0,
            last_due: BTreeMap::new(),
            random: Seeded::new(seed),
            counts: Arc::clone(&counts),
            weather: Arc::clone(&weather),
        };
        let ended = Arc::clone(&ending);
        let worker = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                if !wire.turn() {
                    std::thread::sleep(REST);
                }
            }
        });
        Self {
            address,
            counts,
            weather,
            ending,
            worker: Some(worker),
        }
    }

    /// From now on the weather is this.
    pub(crate) fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

fn socket(at: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(at).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Whose datagram it is (the caller's address) and whether it goes to the target.
type Way = (SocketAddr, bool);

/// When it goes on, what tells it from others of that instant, where to, and what.
type Delayed = (Instant, u64, Way, Vec<u8>);

struct Wire {
    front: UdpSocket,
    target: SocketAddr,
    /// For each caller the socket by which the target knows it.
    backs: BTreeMap<SocketAddr, UdpSocket>,
    waiting: BinaryHeap<Reverse<Delayed>>,
    number: u64,
    /// When the last datagram of a way is due, to see what overtakes it.
    last_due: BTreeMap<Way, Instant>,
    random: Seeded,
    counts: Arc<Counts>,
    weather: Arc<Mutex<Weather>>,
}

impl Wire {
    /// Takes what came and passes on what is due; whether there was anything.
    fn turn(&mut self) -> bool {
        let mut buffer = vec![0; DATAGRAM_MAX];
        let mut came: Vec<(Way, Vec<u8>)> = Vec::new();
        // of both sides in turn, so that none is starved
        for _ in 0..64 {
            let before = came.len();
            if let Ok((len, caller)) = self.front.recv_from(&mut buffer) {
                came.push(((caller, true), buffer[..len].to_vec()));
            }
            for (caller, back) in &self.backs {
                if let Ok((len, _)) = back.recv_from(&mut buffer) {
                    came.push(((*caller, false), buffer[..len].to_vec()));
                }
            }
            if came.len() == before {
                break;
            }
        }
        let busy = !came.is_empty();
        for (way, bytes) in came {
            self.take(way, bytes);
        }
        let now = Instant::now();
        while self.waiting.peek().is_some_and(|next| next.0.0 <= now) {
            if let Some(Reverse((_, _, way, bytes))) = self.waiting.pop() {
                self.pass(way, &bytes);
            }
        }
        busy
    }

    fn take(&mut self, way: Way, bytes: Vec<u8>) {
        let weather = *self.weather.lock().unwrap();
        if weather.parted {
            self.counts.parted.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if self.random.below(100) < weather.lost_percent {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let doubled = self.random.below(100) < weather.twice_percent;
        self.counts
            .doubled
            .fetch_add(u64::from(doubled), Ordering::Relaxed);
        for _ in 0..1 + u64::from(doubled) {
            let takes_ms = weather.delay_ms + self.random.below(weather.jitter_ms + 1);
            let due = Instant::now() + Duration::from_millis(takes_ms);
            let last = self.last_due.entry(way).or_insert(due);
            if due < *last {
                self.counts.overtaken.fetch_add(1, Ordering::Relaxed);
            }
            *last = due.max(*last);
            self.number += 1;
            self.waiting
                .push(Reverse((due, self.number, way, bytes.clone())));
        }
    }

    /// A datagram that can't be passed on is lost, as on any wire.
    fn pass(&mut self, (caller, to_target): Way, bytes: &[u8]) {
        let sent = if to_target {
            let any = match self.target {
                SocketAddr::V4(_) => "127.0.0.1:0",
                SocketAddr::V6(_) => "[::1]:0",
            };
            let back = self.backs.entry(caller);
            let back = back.or_insert_with(|| socket(any.parse().unwrap()));
            back.send_to(bytes, self.target)
        } else {
            self.front.send_to(bytes, caller)
        };
        if let Ok(sent) = sent {
            self.counts
                .passed_bytes
                .fetch_add(sent as u64, Ordering::Relaxed);
        }
    }
}
