//! What befalls the hosts of a story while there is trouble.

use synlog_log::ids::FeedKey;

use super::cast::{self, Device};
use super::disk::{Record, RecordDisk};
use super::host::Host;
use super::network::Conditions;
use super::payload;
use super::story::Story;
use crate::engine::Input;

const YEARS_10_MS: i64 = 10 * 365 * 86_400_000;
/// How far clocks are off, and what that is called.
const SKEWS: &[(i64, &str)] = &[
    (0, "clock right"),
    (1_000, "clock ahead a little"),
    (-90_000, "clock behind a little"),
    (300_000, "clock ahead"),
    (-300_000, "clock behind"),
    (YEARS_10_MS, "clock ten years ahead"),
    (-YEARS_10_MS, "clock ten years behind"),
];

/// Somebody whom a liar made up.
pub(super) fn puppet(liar: usize) -> Device {
    cast::device(200 + liar as u8, 0)
}

impl Story {
    fn some_host(&mut self) -> usize {
        self.random.below(self.world.hosts.len() as u64) as usize
    }

    fn some_honest(&mut self) -> usize {
        self.random.below(self.honest.len() as u64) as usize
    }

    /// Something befalls somebody.
    pub(super) fn deed(&mut self) {
        match self.random.below(25) {
            0..=8 => self.somebody_writes(),
            9 => {
                let topic = self.random.below(self.topics.len() as u64) as usize;
                let host = self.some_honest();
                // now and then more than may be on its way at once
                let extra_bytes = [0, 40_000][usize::from(self.random.one_in(6))];
                self.world
                    .befalls(["burst", "heavy burst"][usize::from(extra_bytes > 0)]);
                for _ in 0..2 + self.random.below(30) {
                    self.world
                        .write(host, self.topics[topic].topic, extra_bytes);
                }
            }
            10 | 11 => {
                let host = self.some_host();
                self.world.befalls("crash");
                self.world.stop(host, self.random.clone().one_in(2));
                if !self.random.one_in(4) {
                    self.world.start(host);
                }
            }
            12 => {
                for host in 0..self.world.hosts.len() {
                    if self.world.hosts[host].life.is_none() {
                        self.world.start(host);
                    }
                }
            }
            13 => self.disk_is_lost(),
            14 | 15 => {
                let host = self.some_honest();
                if let Some(life) = &self.world.hosts[host].life {
                    let copy = life.repo.disk().clone();
                    self.world.hosts[host].copy = Some(copy);
                }
            }
            16 => self.disk_is_put_back(),
            17 | 18 => {
                self.world.befalls("partition");
                for host in 0..self.world.hosts.len() {
                    let part = self.random.below(2) as u8;
                    self.world.conditions.parts.insert(host, part);
                }
                self.world.part();
            }
            19 => {
                self.world.befalls("heal");
                self.world.conditions.parts.clear();
            }
            20 => {
                let host = self.some_honest();
                let at = self.random.below(SKEWS.len() as u64) as usize;
                let (skew_ms, name) = SKEWS[at];
                self.world.befalls(name);
                self.world.hosts[host].clock_ms = skew_ms;
            }
            21 => {
                let links = self.world.wires.links_where(|_| true);
                let at = self.random.below(links.len().max(1) as u64) as usize;
                if let Some(link) = links.into_iter().nth(at) {
                    self.world.befalls("cut");
                    self.world.cut(link, None);
                }
            }
            22 => {
                let parts = std::mem::take(&mut self.world.conditions.parts);
                self.world.befalls("weather");
                self.world.conditions = Conditions {
                    latency_ms: 1 + self.random.below(300),
                    jitter_ms: self.random.below(400),
                    bytes_per_ms: 1 << self.random.below(12),
                    cut_one_in: [0, 20, 100][self.random.below(3) as usize],
                    parts,
                };
            }
            23 => self.a_writer_forks(),
            _ => self.a_stranger_brings_others(),
        }
    }

    fn somebody_writes(&mut self) {
        let topic = self.random.below(self.topics.len() as u64) as usize;
        self.world.befalls("write");
        let writers = &self.topics[topic].writers;
        let writer = writers[self.random.below(writers.len() as u64) as usize];
        let extra_bytes = [0, 0, 0, 4_000][self.random.below(4) as usize];
        self.world
            .write(writer, self.topics[topic].topic, extra_bytes);
    }

    fn disk_is_lost(&mut self) {
        let host = self.some_honest();
        self.world.stop(host, false);
        let disk = RecordDisk::new(&mut self.random);
        let keeps_key = self.random.one_in(4);
        self.world
            .befalls(["wiped disk", "wiped disk, key kept"][usize::from(keeps_key)]);
        let machine = &mut self.world.hosts[host];
        machine.disk = disk;
        machine.memories.clear();
        if !keeps_key && !machine.take_next_device() {
            machine.retired = true;
            return;
        }
        for statement in Host::statements(host as u8) {
            machine.disk.records.push(Record::Statement(statement));
        }
        self.world.start(host);
    }

    fn disk_is_put_back(&mut self) {
        let host = self.some_honest();
        let Some(copy) = self.world.hosts[host].copy.clone() else {
            return;
        };
        let keeps_memories = self.random.one_in(2);
        self.world.stop(host, keeps_memories);
        let guarded = !self.random.one_in(3);
        self.world
            .befalls(["old disk put back", "restored backup"][usize::from(guarded)]);
        let epoch = RecordDisk::new(&mut self.random).epoch;
        let machine = &mut self.world.hosts[host];
        machine.disk = copy;
        // a restore that the store knows of; otherwise the disk's image itself was put back
        if guarded {
            machine.disk.epoch = epoch;
            if !machine.take_next_device() {
                machine.retired = true;
                return;
            }
        }
        self.world.start(host);
    }

    /// Somebody makes up people who write in an open topic, and passes it on.
    fn a_stranger_brings_others(&mut self) {
        let all = 0..self.world.hosts.len();
        let liar = all.clone().find(|it| !self.honest.contains(it));
        let topic = self.topics[self.random.below(self.topics.len() as u64) as usize].topic;
        let number = self.random.bits() >> 8;
        let Some(liar) = liar else {
            return self.somebody_writes();
        };
        let now = self.world.hosts[liar].now(self.world.now_ms);
        let puppet = puppet(liar);
        let Some(life) = &mut self.world.hosts[liar].life else {
            return;
        };
        if life.repo.has_topic(&topic) {
            let payload = payload("test.note", number, 0);
            life.repo.write_as(&puppet, topic, &payload, now.utc_ms);
            self.world.befalls("puppet");
            let author = puppet.id;
            let feeds = vec![FeedKey { author, topic }];
            self.world.feed(liar, Input::Stored { feeds });
        }
    }

    /// Somebody signs two branches of a feed: one stays here, and one goes to somebody else.
    fn a_writer_forks(&mut self) {
        let liars: Vec<usize> = (0..self.world.hosts.len())
            .filter(|it| !self.honest.contains(it))
            .collect();
        let Some(liar) = liars.first().copied() else {
            return self.somebody_writes();
        };
        let shared = &self.topics[self.random.below(self.topics.len() as u64) as usize];
        let topic = shared.topic;
        if !shared.writers.contains(&liar) {
            return;
        }
        let receiver = self.some_honest();
        let now = self.world.hosts[liar].now(self.world.now_ms);
        let number = self.random.bits() >> 8;
        let Some(life) = &self.world.hosts[liar].life else {
            return;
        };
        let feed = life.repo.own_feed(topic);
        let tip = life.repo.tip(&feed);
        let branch = life.repo.sign_entry(
            topic,
            tip,
            &[],
            &payload("test.note", number, 0),
            now.utc_ms,
        );
        self.world.write(liar, topic, 0);
        if let Ok(Some(run)) = branch
            && let Some(life) = &mut self.world.hosts[receiver].life
        {
            // as if the other branch had come to it by a file
            life.repo.publish(run, now.utc_ms);
            self.world.befalls("fork");
            self.world
                .feed(receiver, Input::Stored { feeds: vec![feed] });
        }
    }

    /// Ends the trouble: everybody is up, connected, and has the right time. Liars go on.
    pub(super) fn make_peace(&mut self) {
        self.world.conditions = Conditions::good(20);
        for host in 0..self.world.hosts.len() {
            self.world.hosts[host].clock_ms = 0;
            if self.world.hosts[host].life.is_none() {
                self.world.start(host);
            }
        }
    }
}
