//! The network between simulated hosts: reliable streams with latency and a width, cut
//! and parted at will.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::disk::Seeded;

use crate::peer::LinkId;

/// How the network is at the moment.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Least time from one host to another.
    pub latency_ms: u64,
    /// What comes on top at random, for each pair of hosts and each message.
    pub jitter_ms: u64,
    /// Bytes that a link carries in a millisecond.
    pub bytes_per_ms: u64,
    /// A link is cut, once in so many messages; 0 = never.
    pub cut_one_in: u64,
    /// Which part each host is in; hosts of two parts don't reach each other.
    pub parts: BTreeMap<usize, u8>,
}

impl Conditions {
    /// All good.
    pub fn good(latency_ms: u64) -> Self {
        Self {
            latency_ms,
            jitter_ms: 0,
            bytes_per_ms: 10_000,
            cut_one_in: 0,
            parts: BTreeMap::new(),
        }
    }

    /// Whether one host reaches another.
    pub fn reaches(&self, one: usize, other: usize) -> bool {
        self.parts.get(&one) == self.parts.get(&other)
    }
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The host.
    pub host: usize,
    /// How often that host had been started when the connection was made.
    pub start: u32,
    /// What the host calls it.
    pub link: LinkId,
}

#[derive(Debug, Clone)]
struct Wire {
    ends: [End; 2],
    /// When each end has sent all that it was given, and when the last of it arrives.
    sent_ms: [u64; 2],
    arrives_ms: [u64; 2],
}

/// A message on its way: when it has left, when it arrives and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// When it has left.
    pub left_ms: u64,
    /// When it arrives.
    pub arrives_ms: u64,
    /// Where.
    pub to: End,
}

/// All connections.
#[derive(Debug, Clone, Default)]
pub struct Wires {
    wires: BTreeMap<u64, Wire>,
    by_link: BTreeMap<LinkId, u64>,
    next: u64,
    /// Bytes that were sent in all.
    pub bytes: u64,
    /// Messages that were sent in all.
    pub messages: u64,
}

impl Wires {
    /// Connects two hosts; the first one called.
    pub fn connect(&mut self, hosts: [(usize, u32); 2]) -> [End; 2] {
        let number = self.next;
        self.next += 1;
        let end = |side: usize| End {
            host: hosts[side].0,
            start: hosts[side].1,
            link: LinkId(number * 2 + side as u64),
        };
        let ends = [end(0), end(1)];
        for end in &ends {
            self.by_link.insert(end.link, number);
        }
        let wire = Wire {
            ends,
            sent_ms: [0; 2],
            arrives_ms: [0; 2],
        };
        self.wires.insert(number, wire);
        ends
    }

    /// The other end of a link, while it is up.
    pub fn other(&self, link: LinkId) -> Option<End> {
        let wire = self.wires.get(self.by_link.get(&link)?)?;
        let side = usize::from(wire.ends[0].link == link);
        Some(wire.ends[side])
    }

    /// Sends a message; `None` where the link is gone.
    pub fn send(
        &mut self,
        link: LinkId,
        bytes: usize,
        now_ms: u64,
        conditions: &Conditions,
        random: &mut Seeded,
    ) -> Option<Passage> {
        let wire = self.wires.get_mut(self.by_link.get(&link)?)?;
        let side = usize::from(wire.ends[1].link == link);
        let takes_ms = bytes as u64 / conditions.bytes_per_ms.max(1);
        let left_ms = wire.sent_ms[side].max(now_ms) + takes_ms;
        let on_way_ms = conditions.latency_ms + random.below(conditions.jitter_ms + 1);
        // a stream keeps its order
        let arrives_ms = (left_ms + on_way_ms).max(wire.arrives_ms[side]);
        wire.sent_ms[side] = left_ms;
        wire.arrives_ms[side] = arrives_ms;
        self.bytes += bytes as u64;
        self.messages += 1;
        Some(Passage {
            left_ms,
            arrives_ms,
            to: wire.ends[1 - side],
        })
    }

    /// Takes a connection away and gives both of its ends. What is on its way is lost.
    pub fn cut(&mut self, link: LinkId) -> Option<[End; 2]> {
        let number = *self.by_link.get(&link)?;
        let wire = self.wires.remove(&number)?;
        for end in &wire.ends {
            self.by_link.remove(&end.link);
        }
        Some(wire.ends)
    }

    /// Links of which an end fits, one for each connection.
    pub fn links_where(&self, fits: impl Fn(&[End; 2]) -> bool) -> BTreeSet<LinkId> {
        let wires = self.wires.values().filter(|wire| fits(&wire.ends));
        wires.map(|wire| wire.ends[0].link).collect()
    }
}
