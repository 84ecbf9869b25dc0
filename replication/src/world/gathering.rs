//! Many nodes that all write: how fast entries spread, and how often they come twice.

use synlog_log::disk::Seeded;
use synlog_log::topic::Mode;

use super::network::Conditions;
use super::run::World;
use super::setting::Plan;
use crate::policy::Follow;

/// A gathering.
#[derive(Debug, Clone, Copy)]
pub struct Gathering {
    /// How many nodes.
    pub nodes: usize,
    /// How many others each knows and calls.
    pub calls: usize,
    /// How long all write before it is measured.
    pub warm_up_ms: u64,
    /// How long it is measured.
    pub measured_ms: u64,
    /// How long each waits between two entries.
    pub pause_ms: u64,
    /// Time from one node to the next.
    pub latency_ms: u64,
    /// Whatever is left to chance.
    pub seed: u64,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spreading {
    /// Entries that were written.
    pub entries: usize,
    /// Those that came to all.
    pub everywhere: usize,
    /// How many hops' latency the median entry took to the last of all nodes.
    pub median_hops: f64,
    /// The same of the slowest entry.
    pub worst_hops: f64,
    /// Entries that came in, those that were there already included, for each that was new.
    pub received_for_each_new: f64,
    /// Bytes of messages for each byte of entries that were new.
    pub bytes_for_each_byte: f64,
}

impl Gathering {
    /// Holds it.
    pub fn hold(self) -> Spreading {
        let mut random = Seeded::new(self.seed);
        let mut world = World::new(random.bits());
        world.conditions = Conditions::good(self.latency_ms);
        for _ in 0..self.nodes {
            world.add_host();
        }
        let all: Vec<usize> = (0..self.nodes).collect();
        let topic = world.found(Plan {
            owner: 0,
            members: &all,
            keepers: &[],
            mode: Mode::Causal,
            public: true,
        });
        let entities: Vec<_> = all.iter().map(|it| world.entity(*it)).collect();
        for host in &mut world.hosts {
            let follows = entities.iter().map(|it| (*it, Follow::default()));
            host.interests.follows.extend(follows);
        }
        for host in 0..self.nodes {
            world.befriend(host, (host + 1) % self.nodes, false);
            for _ in 1..self.calls {
                let other = random.below(self.nodes as u64) as usize;
                if other != host {
                    world.befriend(host, other, false);
                }
            }
        }
        for host in 0..self.nodes {
            world.start(host);
        }
        world.run_for(20_000);
        let begins_ms = world.now_ms;
        let measured_from_ms = begins_ms + self.warm_up_ms;
        let ends_ms = measured_from_ms + self.measured_ms;
        for host in 0..self.nodes {
            let mut at_ms = begins_ms + random.below(self.pause_ms);
            while at_ms < ends_ms {
                world.plan(at_ms, host as u32);
                at_ms += self.pause_ms;
            }
        }
        while let Some(host) = world.run_until(measured_from_ms) {
            world.write(host as usize, topic, 100);
        }
        world.counts.arrivals.clear();
        world.measures = true;
        let before = world.received();
        let bytes_before = world.wires.bytes;
        while let Some(host) = world.run_until(ends_ms) {
            world.write(host as usize, topic, 100);
        }
        world.run_for(10_000);
        let after = world.received();
        self.sum_up(&world, measured_from_ms, before, after, bytes_before)
    }

    fn sum_up(
        &self,
        world: &World,
        from_ms: u64,
        before: Received,
        after: Received,
        bytes_before: u64,
    ) -> Spreading {
        let mut slowest_ms: Vec<u64> = Vec::new();
        let mut entries = 0;
        for ((feed, _), arrivals) in &world.counts.arrivals {
            let Some((first, written_ms)) = arrivals.first() else {
                continue;
            };
            // an entry from before that came to somebody late is not counted
            let by_author = world.hosts[*first].identity().id == feed.author;
            if !by_author || *written_ms < from_ms {
                continue;
            }
            entries += 1;
            if arrivals.len() == self.nodes {
                let last_ms = arrivals.iter().map(|(_, at_ms)| *at_ms).max();
                slowest_ms.push(last_ms.unwrap_or(0) - written_ms);
            }
        }
        slowest_ms.sort_unstable();
        let hops = |time_ms: Option<&u64>| {
            time_ms.map_or(f64::INFINITY, |it| *it as f64 / self.latency_ms as f64)
        };
        let fresh = (after.fresh - before.fresh) as f64;
        let known = (after.known - before.known) as f64;
        let fresh_bytes = (after.fresh_bytes - before.fresh_bytes) as f64;
        Spreading {
            entries,
            everywhere: slowest_ms.len(),
            median_hops: hops(slowest_ms.get(slowest_ms.len() / 2)),
            worst_hops: hops(slowest_ms.last()),
            received_for_each_new: (fresh + known) / fresh,
            bytes_for_each_byte: (world.wires.bytes - bytes_before) as f64 / fresh_bytes,
        }
    }
}

/// What all hosts took in from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Entries that were new.
    pub fresh: u64,
    /// Bytes of runs that had new ones.
    pub fresh_bytes: u64,
    /// Entries that were there already.
    pub known: u64,
}

impl World {
    /// What all hosts that are up took in from others.
    pub fn received(&self) -> Received {
        let lives = self.hosts.iter().filter_map(|host| host.life.as_ref());
        lives.fold(Received::default(), |sum, life| Received {
            fresh: sum.fresh + life.repo.received.fresh,
            fresh_bytes: sum.fresh_bytes + life.repo.received.fresh_bytes,
            known: sum.known + life.repo.received.known,
        })
    }
}
