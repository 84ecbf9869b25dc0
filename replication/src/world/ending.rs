//! What must hold at the end of a story.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::hash::Context;
use synlog_log::ids::TopicId;
use synlog_log::order::{Status, TopicOrder};
use synlog_log::scenario::START_MS;

use super::deeds::puppet;
use super::host::Life;
use super::memory::MemoryRepo;
use super::story::Story;
use crate::repo::Repo;
use crate::row::Row;

/// Bytes that may wait for one peer: what is on its way, read ahead and made ready.
const HELD_MAX: usize = 4 * 1024 * 1024;

/// How a host sees a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Its frontier.
    pub rows: Vec<Row>,
    /// What it makes of the entries: order and verdicts.
    pub digest: [u8; 32],
    /// What is known of the identities of its members.
    pub statements: Vec<Vec<u8>>,
}

impl MemoryRepo {
    /// How a topic is seen here. What a forked or withdrawn feed holds beyond what others
    /// cite may differ between nodes, is folded by nobody, and is left out.
    pub fn sight(&mut self, topic: &TopicId) -> Sight {
        let rows = self.rows_of(topic);
        let order = self.replica.orders.get_mut(topic);
        let digest = order.map_or([0; 32], |order| {
            order.settle();
            digest_of(order)
        });
        let Ok(statements) = self.statements(topic);
        Sight {
            rows,
            digest,
            statements,
        }
    }
}

fn digest_of(order: &TopicOrder) -> [u8; 32] {
    let mut hasher = Context::Order.hasher();
    let sequenced = order.prefix_from(0);
    let tentative = order
        .tentative()
        .filter(|line| !matches!(line.status, Status::Held(_) | Status::Void(_)));
    for line in sequenced.chain(tentative) {
        hasher.update(&line.id.0);
        hasher.update(&[line.status.number()]);
        hasher.update(line.status.text().as_bytes());
    }
    hasher.update(format!("{:?}", order.state()).as_bytes());
    *hasher.finalize().as_bytes()
}

impl Story {
    /// Whether all honest hosts see the same in all that they share; entries from the
    /// future aside, which nobody takes in yet.
    pub fn agree(&mut self) -> Result<(), String> {
        let now_ms = START_MS + self.world.now_ms;
        for shared in self.topics.clone() {
            let mut first: Option<(usize, Sight)> = None;
            for host in shared.hosts.intersection(&self.honest.clone()) {
                let sight = self.with_repo(*host, now_ms, |repo| repo.sight(&shared.topic));
                let sight = sight.ok_or_else(|| format!("host {host} is down"))?;
                match &first {
                    None => first = Some((*host, sight)),
                    Some((other, seen)) if *seen != sight => {
                        return Err(format!(
                            "hosts {other} and {host} differ in {}:\n{}",
                            shared.topic.short(),
                            differences(seen, &sight)
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// What a host's store says, without what is from the future; nothing where it is down.
    fn with_repo<T>(
        &mut self,
        host: usize,
        now_ms: u64,
        ask: impl FnOnce(&mut MemoryRepo) -> T,
    ) -> Option<T> {
        let machine = &mut self.world.hosts[host];
        let (waiting, device) = (machine.waiting, machine.identity());
        let life = machine.life.as_mut()?;
        if life.repo.is_ahead_of(now_ms) {
            let disk = life.repo.disk().clone();
            let mut repo = MemoryRepo::open_at(disk, device, waiting, now_ms);
            Some(ask(&mut repo))
        } else {
            Some(ask(&mut life.repo))
        }
    }

    /// What honest hosts hold at this moment of what they share.
    pub(super) fn rows_held(&mut self) -> Vec<(TopicId, Row)> {
        let now_ms = START_MS + self.world.now_ms;
        let mut held = Vec::new();
        for shared in self.topics.clone() {
            for host in shared.hosts.intersection(&self.honest.clone()) {
                let rows = self.with_repo(*host, now_ms, |repo| repo.rows_of(&shared.topic));
                held.extend(rows.into_iter().flatten().map(|row| (shared.topic, row)));
            }
        }
        held
    }

    /// All that honest hosts held is where it is shared, forked feeds above the fork aside.
    pub(super) fn check_held(&mut self) -> Result<(), String> {
        let now_ms = START_MS + self.world.now_ms;
        let held = std::mem::take(&mut self.held);
        for (topic, row) in held {
            let shared = self.topics.iter().find(|it| it.topic == topic);
            let hosts = shared.map(|it| it.hosts.intersection(&self.honest).copied());
            for host in hosts.into_iter().flatten().collect::<Vec<_>>() {
                let has = self.with_repo(host, now_ms, |repo| repo.holds(&row));
                if has != Some(true) {
                    return Err(format!(
                        "host {host} lacks {row:?}, which an honest host held"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What must hold at any time: what waits in memory for peers that don't read is bounded,
    /// and nothing is compared with those who may not have it.
    pub(super) fn check_links(&self) -> Result<(), String> {
        for host in &self.honest {
            let life = self.world.hosts[*host].life.as_ref();
            let links = life.into_iter().flat_map(|life| life.engine.links());
            for (link, peer, _, progress) in links {
                if progress.held_bytes > HELD_MAX {
                    let bytes = progress.held_bytes;
                    return Err(format!("host {host} holds {bytes} bytes for link {link:?}"));
                }
                for secret in &self.world.secrets {
                    let life = self.world.hosts[*host].life.as_ref();
                    let has =
                        |it: &&Life| it.repo.has_topic(secret) && it.engine.shares(link, secret);
                    let Some(life) = life.filter(has) else {
                        continue;
                    };
                    if !life.repo.access(secret, &peer).may_fetch() {
                        return Err(format!("host {host} compares what is secret with {peer:?}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// How often each thing befell, and each lie was told.
    pub fn befell(&self) -> BTreeMap<&'static str, u64> {
        let mut befell = self.world.counts.befell.clone();
        for host in &self.world.hosts {
            if let Some(life) = &host.life {
                host.note_lies(&life.repo);
            }
            for (name, times) in host.lies.iter().flat_map(|lies| lies.told.take()) {
                *befell.entry(name).or_default() += times;
            }
        }
        befell
    }

    /// What waits at each host, to be read by people who look for an error.
    pub fn explain(&mut self) -> String {
        let mut told = String::new();
        let now_ms = START_MS + self.world.now_ms;
        for (number, host) in self.world.hosts.iter_mut().enumerate() {
            let ahead = host.life.as_ref().map(|life| life.repo.is_ahead_of(now_ms));
            let device = host.identity().id.short();
            let number_of = host.device;
            told += &format!("  host {number}: device {number_of} {device}, ahead {ahead:?}\n");
            for line in host.life.iter_mut().flat_map(|life| life.repo.what_waits()) {
                told += &format!("  host {number} {line}\n");
            }
        }
        told
    }

    /// What must hold whatever happened: nobody has what is not for them, nobody honest
    /// was shunned by the honest, and what is kept for strangers is bounded.
    pub fn check_bounds(&self) -> Result<(), String> {
        for ((host, node), (why, times)) in &self.world.counts.breaches {
            let accused = self.world.hosts.iter().position(|it| it.node == *node);
            let both = accused.is_some_and(|it| self.honest.contains(&it));
            if both && self.honest.contains(host) {
                return Err(format!(
                    "{host} accuses {accused:?}, who is honest, of {why}, {times} times"
                ));
            }
        }
        for (number, host) in self.world.hosts.iter().enumerate() {
            let Some(life) = &host.life else {
                continue;
            };
            for secret in &self.world.secrets {
                if life.repo.has_topic(secret) && !host.audiences.contains_key(secret) {
                    return Err(format!("host {number} has a topic that is not for it"));
                }
            }
            let (stored, distinct) = life.repo.stored_entries();
            if stored != distinct {
                return Err(format!(
                    "host {number} stored {stored} entries for {distinct}"
                ));
            }
            if self.honest.contains(&number) && !self.trusts_liars {
                self.check_strangers(number, &life.repo)?;
            }
            for other in &self.world.hosts {
                let (_, bytes) = life.repo.waiting_of(&other.node);
                if bytes > host.waiting.bytes {
                    return Err(format!("host {number} keeps {bytes} bytes waiting"));
                }
            }
        }
        Ok(())
    }
}

impl Story {
    /// Whom strangers bring takes no room on anybody's disk.
    fn check_strangers(&self, host: usize, repo: &MemoryRepo) -> Result<(), String> {
        let topics = repo.topic_ids();
        let rows = topics.iter().flat_map(|topic| repo.rows_of(topic));
        let entities: BTreeSet<_> = rows.filter_map(|row| repo.entity_of(&row.feed)).collect();
        for liar in (0..self.world.hosts.len()).filter(|it| !self.honest.contains(it)) {
            if entities.contains(&puppet(liar).entity) {
                return Err(format!("host {host} stored a feed of a stranger of {liar}"));
            }
        }
        Ok(())
    }
}

fn differences(one: &Sight, other: &Sight) -> String {
    if one.digest != other.digest && one.rows == other.rows {
        return "  the same rows, another order".to_owned();
    }
    if one.rows == other.rows {
        let counts = [one, other].map(|it| it.statements.len());
        return format!("  the same rows, other statements: {counts:?}");
    }
    let line = |row: &Row| {
        let head = row.head.map(|it| it.short());
        format!(
            "{} height {} head {head:?} forked {:?}",
            row.feed.author.short(),
            row.height,
            row.forked_at
        )
    };
    let only = |a: &Sight, b: &Sight, mark: &str| {
        let rows = a.rows.iter().filter(|row| !b.rows.contains(row));
        rows.map(|row| format!("  {mark} {}\n", line(row)))
            .collect::<String>()
    };
    only(one, other, "-") + &only(other, one, "+")
}
