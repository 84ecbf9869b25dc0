//! A story made from a seed: who there is, what they share, and what befalls them.

use std::collections::BTreeSet;

use synlog_log::disk::Seeded;
use synlog_log::ids::{EntityId, TopicId};
use synlog_log::scenario::START_MS;
use synlog_log::topic::{Genesis, Mode, Visibility};

use super::begin_topic;
use super::cast;
use super::disk::Record;
use super::host::Host;
use super::lies::Lies;
use super::memory::Audience;
use super::run::World;
use crate::engine::Source;
use crate::policy::{Follow, Mode as Openness};
use crate::row::Row;

/// How long things go wrong.
pub const TROUBLE_MS: u64 = 60_000;
/// How long after that all honest hosts have to agree.
pub const PEACE_MS: u64 = 40 * 60_000;
/// How long what is written then may take to come to all: links may be down, and hosts wait
/// before they call again.
const LAST_WORDS_MS: u64 = 20 * 60_000;

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
    /// Whether the others follow those who lie.
    pub(super) trusts_liars: bool,
    /// What honest hosts held when the trouble ended: none of it may go.
    pub(super) held: Vec<(TopicId, Row)>,
    /// What happens.
    pub(super) random: Seeded,
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
            trusts_liars: false,
            held: Vec::new(),
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
        story.trusts_liars = trusted;
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
            for liar in honest..all {
                // somebody has told them its id, and that is all they have
                self.world.hosts[liar].interests.topics.insert(topic);
            }
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
            self.check_links()?;
        }
        self.make_peace();
        self.held = self.rows_held();
        self.settle(TROUBLE_MS + PEACE_MS)?;
        self.check_held()?;
        // and it goes on: what is written now comes to all
        for (number, topic) in self.topics.clone().into_iter().enumerate() {
            let honest = topic.writers.iter().filter(|it| self.honest.contains(it));
            let honest: Vec<usize> = honest.copied().collect();
            if !honest.is_empty() {
                let writer = honest[number % honest.len()];
                self.world.write(writer, topic.topic, 0);
            }
        }
        self.held = self.rows_held();
        self.settle(self.world.now_ms + LAST_WORDS_MS)?;
        self.check_held()?;
        self.check_bounds()?;
        Ok(self.world.trace())
    }

    /// Goes on until all agree.
    fn settle(&mut self, until_ms: u64) -> Result<(), String> {
        loop {
            let next_ms = self.world.now_ms + 5_000;
            self.world.run_until(next_ms);
            self.check_links()?;
            match self.agree() {
                Ok(()) => return Ok(()),
                Err(differs) if next_ms > until_ms => return Err(differs + &self.explain()),
                Err(_) => {}
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
        swaps: chance(&[0, 0, 4, 30]),
        hoards: chance(&[0, 1]),
        ..Lies::default()
    }
}
