//! Worlds put together by hand, for what must hold in one particular case.

use synlog_log::ids::{EntityId, TopicId};
use synlog_log::scenario::START_MS;
use synlog_log::topic::{Genesis, Mode, Visibility};

use super::disk::Record;
use super::host::Host;
use super::memory::Audience;
use super::run::World;
use super::{begin_topic, cast};
use crate::engine::Source;
use crate::policy::Follow;

/// What a topic is to be.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The host that begins it.
    pub owner: usize,
    /// Who reads and writes.
    pub members: &'a [usize],
    /// Who keeps it without reading.
    pub keepers: &'a [usize],
    /// How it is ordered.
    pub mode: Mode,
    /// Whether everybody may read and write.
    pub public: bool,
}

impl World {
    /// A further machine, of a person of its own.
    pub fn add_host(&mut self) -> usize {
        let number = self.hosts.len();
        let mut host = Host::new(number as u8, &mut self.random);
        for statement in Host::statements(number as u8) {
            host.disk.records.push(Record::Statement(statement));
        }
        self.hosts.push(host);
        number
    }

    /// Whose machine it is.
    pub fn entity(&self, host: usize) -> EntityId {
        self.hosts[host].identity().entity
    }

    /// A topic on the owner's disk, which members and keepers want.
    pub fn found(&mut self, plan: Plan<'_>) -> TopicId {
        let ids = |hosts: &[usize]| -> Vec<EntityId> {
            hosts
                .iter()
                .map(|it| cast::device(*it as u8, 0).entity)
                .collect()
        };
        let members = ids(plan.members);
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.random.bits().to_le_bytes());
        let genesis = Genesis {
            app: "test".into(),
            major: 1,
            mode: plan.mode,
            visibility: [Visibility::Private, Visibility::Public][usize::from(plan.public)],
            nonce,
            name: None,
            members: members
                .iter()
                .take(32)
                .map(|it| (*it, "member".to_owned()))
                .collect(),
            open: plan.public.then(|| "guest".to_owned()),
            roles: std::collections::BTreeMap::new(),
        };
        let device = self.hosts[plan.owner].identity();
        let Some((topic, run)) = begin_topic(&device, &genesis, START_MS) else {
            panic!("a genesis that can't be written");
        };
        self.hosts[plan.owner].disk.records.push(Record::Run(run));
        let audience = Audience {
            members: members.into_iter().collect(),
            keepers: ids(plan.keepers).into_iter().collect(),
        };
        for host in plan.members.iter().chain(plan.keepers) {
            let host = &mut self.hosts[*host];
            host.interests.topics.insert(topic);
            if !plan.public {
                host.audiences.insert(topic, audience.clone());
            }
        }
        if !plan.public {
            self.secrets.push(topic);
        }
        topic
    }

    /// One person follows another, and their machine knows how to reach the other's.
    pub fn befriend(&mut self, one: usize, other: usize, pins: bool) {
        let (entity, node) = (self.entity(other), self.hosts[other].node);
        let host = &mut self.hosts[one];
        host.interests.follows.insert(entity, Follow::default());
        host.heard.push((node, Source::Ticket));
        if pins {
            host.interests.pinned.insert(node);
        }
    }

    /// Goes on for so long.
    pub fn run_for(&mut self, time_ms: u64) {
        let until_ms = self.now_ms + time_ms;
        while self.run_until(until_ms).is_some() {}
    }

    /// How far the feed of a host's device goes, as another host sees it.
    pub fn height_at(&self, at: usize, topic: TopicId, writer: usize) -> u64 {
        let author = self.hosts[writer].identity().id;
        let Some(life) = &self.hosts[at].life else {
            return 0;
        };
        let rows = life.repo.rows_of(&topic);
        let row = rows.iter().find(|row| row.feed.author == author);
        row.map_or(0, |row| row.height)
    }
}
