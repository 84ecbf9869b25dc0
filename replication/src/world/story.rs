//! A story made from a seed: who there is, what they share, and what befalls them.

use std::collections::BTreeSet;

use synlog_log::disk::Seeded;
use synlog_log::ids::{EntityId, TopicId};
use synlog_log::scenario::START_MS;
use synlog_log::topic::{Genesis, Mode, Visibility};

use super::cast;
use super::disk::{Record, RecordDisk};
use super::host::Host;
use super::lies::Lies;
use super::memory::Audience;
use super::network::Conditions;
use super::run::World;
use super::{begin_topic, payload};
use crate::engine::{Input, Source};
use crate::policy::{Follow, Mode as Openness};

/// How long things go wrong.
pub const TROUBLE_MS: u64 = 60_000;
/// How long after that all honest hosts have to agree.
pub const PEACE_MS: u64 = 40 * 60_000;
const YEARS_10_MS: i64 = 10 * 365 * 86_400_000;

/// A topic of the story.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Its id.
    pub topic: TopicId,
    /// The hosts that are to have it.
    pub hosts: BTreeSet<usize>,
    /// Those who write in it.
    pub writers: Vec<usize>,
}

/// A world and what is expected of it.
pub struct Story {
    /// The world.
    pub world: World,
    /// Hosts that keep to the rules.
    pub honest: BTreeSet<usize>,
    /// What is shared.
    pub topics: Vec<Shared>,
    /// What happens, by number of the deed.
    random: Seeded,
}

fn entity(person: usize) -> EntityId {
    cast::device(person as u8, 0).entity
}

impl Story {
    /// The story of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let mut story = Self {
            world: World::new(random.bits()),
            honest: BTreeSet::new(),
            topics: Vec::new(),
            random: random.clone(),
        };
        let honest = 2 + random.below(4) as usize;
        let liars = [0, 0, 1, 2][random.below(4) as usize];
        for person in 0..honest + liars {
            let mut host = Host::new(person as u8, &mut random);
            if person < honest {
                story.honest.insert(person);
            } else {
                host.lies = Some(some_lies(&mut random));
            }
            for statement in Host::statements(person as u8) {
                host.disk.records.push(Record::Statement(statement));
            }
            story.world.hosts.push(host);
        }
        // a liar may be somebody whom the others trust
        let trusted = random.one_in(2);
        story.share(&mut random, honest, trusted);
        story.acquaint(&mut random, honest, trusted);
        story.random = random;
        story
    }

    /// Makes topics, public ones for all and private ones for some.
    fn share(&mut self, random: &mut Seeded, honest: usize, trusted: bool) {
        let publics = 1 + random.below(3);
        let privates = random.below(3);
        let all = self.world.hosts.len();
        for number in 0..publics + privates {
            let is_public = number < publics;
            let owner = random.below(honest as u64) as usize;
            let mut hosts: BTreeSet<usize> = (0..honest).collect();
            let mut keepers = BTreeSet::new();
            if !is_public {
                hosts.retain(|it| *it == owner || !random.one_in(3));
                let others: Vec<usize> = (0..honest).filter(|it| !hosts.contains(it)).collect();
                if !others.is_empty() {
                    keepers.insert(others[random.below(others.len() as u64) as usize]);
                }
            }
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&random.bits().to_le_bytes());
            let mut writers: Vec<usize> = hosts.iter().copied().collect();
            if is_public && trusted {
                writers.extend(honest..all);
            }
            let genesis = Genesis {
                app: "test".into(),
                major: 1,
                mode: [Mode::Ordered, Mode::Causal][random.below(2) as usize],
                visibility: [Visibility::Private, Visibility::Public][usize::from(is_public)],
                nonce,
                name: None,
                members: writers
                    .iter()
                    .map(|it| (entity(*it), "member".to_owned()))
                    .collect(),
                open: is_public.then(|| "guest".to_owned()),
                roles: std::collections::BTreeMap::new(),
            };
            let device = cast::device(owner as u8, 0);
            let Some((topic, run)) = begin_topic(&device, &genesis, START_MS) else {
                continue;
            };
            self.world.hosts[owner].disk.records.push(Record::Run(run));
            let audience = Audience {
                members: hosts.iter().map(|it| entity(*it)).collect(),
                keepers: keepers.iter().map(|it: &usize| entity(*it)).collect(),
            };
            hosts.extend(keepers);
            let knowing: Vec<usize> = if is_public {
                (0..all).collect()
            } else {
                hosts.iter().copied().collect()
            };
            for host in knowing {
                let host = &mut self.world.hosts[host];
                host.interests.topics.insert(topic);
                if !is_public {
                    host.audiences.insert(topic, audience.clone());
                }
            }
            if !is_public {
                self.world.secrets.push(topic);
                // who shares a private topic knows how to reach another of them
                let ring: Vec<usize> = hosts.iter().copied().collect();
                for (at, host) in ring.iter().enumerate() {
                    let next = self.world.hosts[ring[(at + 1) % ring.len()]].node;
                    self.world.hosts[*host].heard.push((next, Source::Ticket));
                }
            }
            self.topics.push(Shared {
                topic,
                hosts,
                writers,
            });
        }
    }

    /// Says who knows whom: the honest in a ring at least.
    fn acquaint(&mut self, random: &mut Seeded, honest: usize, trusted: bool) {
        let all = self.world.hosts.len();
        let nodes: Vec<_> = self.world.hosts.iter().map(|host| host.node).collect();
        for number in 0..all {
            let host = &mut self.world.hosts[number];
            if number < honest {
                let next = nodes[(number + 1) % honest];
                host.interests.pinned.insert(next);
                host.heard.push((next, Source::Ticket));
            }
            let known = if trusted { all } else { honest };
            for other in (0..known).filter(|it| *it != number) {
                host.interests
                    .follows
                    .insert(entity(other), Follow::default());
            }
            for other in (0..all).filter(|it| *it != number) {
                if random.one_in(2) || number >= honest {
                    let source = [Source::Lan, Source::Record][random.below(2) as usize];
                    host.heard.push((nodes[other], source));
                }
            }
            if number < honest && random.one_in(4) {
                host.interests.mode = Openness::Invite;
            }
        }
    }

    /// Lives through the trouble, and then through peace until all agree. What they don't
    /// agree on after a long peace is the error.
    pub fn live(&mut self) -> Result<[u8; 32], String> {
        let deeds = 15 + self.random.below(45);
        for deed in 0..deeds {
            let at_ms = self.random.below(TROUBLE_MS);
            self.world.plan(at_ms, deed as u32);
        }
        for host in 0..self.world.hosts.len() {
            self.world.start(host);
        }
        while self.world.run_until(TROUBLE_MS).is_some() {
            self.deed();
        }
        self.make_peace();
        let mut why = String::new();
        while self.world.now_ms < TROUBLE_MS + PEACE_MS {
            let next_ms = self.world.now_ms + 5_000;
            self.world.run_until(next_ms);
            match self.agree() {
                Ok(()) => {
                    self.check_bounds()?;
                    return Ok(self.world.trace());
                }
                Err(differs) => why = differs,
            }
        }
        Err(why + &self.explain())
    }

    fn some_host(&mut self) -> usize {
        self.random.below(self.world.hosts.len() as u64) as usize
    }

    fn some_honest(&mut self) -> usize {
        self.random.below(self.honest.len() as u64) as usize
    }

    fn deed(&mut self) {
        match self.random.below(24) {
            0..=8 => self.somebody_writes(),
            9 => {
                let topic = self.random.below(self.topics.len() as u64) as usize;
                let host = self.some_honest();
                for _ in 0..2 + self.random.below(30) {
                    self.world.write(host, self.topics[topic].topic, 0);
                }
            }
            10 | 11 => {
                let host = self.some_host();
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
                for host in 0..self.world.hosts.len() {
                    let part = self.random.below(2) as u8;
                    self.world.conditions.parts.insert(host, part);
                }
                self.world.part();
            }
            19 => self.world.conditions.parts.clear(),
            20 => {
                let host = self.some_honest();
                let skews = [
                    0,
                    1_000,
                    -90_000,
                    300_000,
                    -300_000,
                    YEARS_10_MS,
                    -YEARS_10_MS,
                ];
                let skew = skews[self.random.below(skews.len() as u64) as usize];
                self.world.hosts[host].clock_ms = skew;
            }
            21 => {
                let links = self.world.wires.links_where(|_| true);
                let at = self.random.below(links.len().max(1) as u64) as usize;
                if let Some(link) = links.into_iter().nth(at) {
                    self.world.cut(link, None);
                }
            }
            22 => {
                let parts = std::mem::take(&mut self.world.conditions.parts);
                self.world.conditions = Conditions {
                    latency_ms: 1 + self.random.below(300),
                    jitter_ms: self.random.below(400),
                    bytes_per_ms: 1 << self.random.below(12),
                    cut_one_in: [0, 20, 100][self.random.below(3) as usize],
                    parts,
                };
            }
            _ => self.a_writer_forks(),
        }
    }

    fn somebody_writes(&mut self) {
        let topic = self.random.below(self.topics.len() as u64) as usize;
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
        let machine = &mut self.world.hosts[host];
        machine.disk = disk;
        machine.memories.clear();
        if !keeps_key && !machine.take_next_device() {
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
        let epoch = RecordDisk::new(&mut self.random).epoch;
        let machine = &mut self.world.hosts[host];
        machine.disk = copy;
        // a restore that the store knows of; otherwise the disk's image itself was put back
        if guarded {
            machine.disk.epoch = epoch;
            if !machine.take_next_device() {
                return;
            }
        }
        self.world.start(host);
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
        let branch = life
            .repo
            .sign_entry(topic, tip, &[], &payload("note", number, 0), now.utc_ms);
        self.world.write(liar, topic, 0);
        if let Ok(Some(run)) = branch
            && let Some(life) = &mut self.world.hosts[receiver].life
        {
            // as if the other branch had come to it by a file
            life.repo.publish(run, now.utc_ms);
            self.world
                .feed(receiver, Input::Stored { feeds: vec![feed] });
        }
    }

    /// Ends the trouble: everybody is up, connected, and has the right time. Liars go on.
    fn make_peace(&mut self) {
        self.world.conditions = Conditions::good(20);
        for host in 0..self.world.hosts.len() {
            self.world.hosts[host].clock_ms = 0;
            if self.world.hosts[host].life.is_none() {
                self.world.start(host);
            }
        }
    }
}

fn some_lies(random: &mut Seeded) -> Lies {
    let mut chance = |one_in: &[u64]| one_in[random.below(one_in.len() as u64) as usize];
    Lies {
        turns_bits: chance(&[0, 0, 5, 30]),
        omits: chance(&[0, 0, 5, 30]),
        replays: chance(&[0, 0, 5, 30]),
        garbage: chance(&[0, 0, 5, 30]),
        twists: chance(&[0, 0, 3, 20]),
        floods: chance(&[0, 0, 0, 20]),
        claims: chance(&[0, 0, 2, 5]),
        withholds: chance(&[0, 0, 2, 5]),
        spoils: chance(&[0, 0, 2, 5]),
        ..Lies::default()
    }
}
