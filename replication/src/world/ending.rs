//! What must hold at the end of a story.

use synlog_log::hash::Context;
use synlog_log::ids::TopicId;
use synlog_log::order::{Status, TopicOrder};
use synlog_log::scenario::START_MS;

use super::memory::MemoryRepo;
use super::story::Story;
use crate::row::Row;

/// How a host sees a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Its frontier.
    pub rows: Vec<Row>,
    /// What it makes of the entries: order and verdicts.
    pub digest: [u8; 32],
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
        Sight { rows, digest }
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
                let machine = &mut self.world.hosts[*host];
                let (waiting, device) = (machine.waiting, machine.identity());
                let Some(life) = &mut machine.life else {
                    return Err(format!("host {host} is down"));
                };
                let sight = if life.repo.is_ahead_of(now_ms) {
                    let disk = life.repo.disk().clone();
                    MemoryRepo::open_at(disk, device, waiting, now_ms).sight(&shared.topic)
                } else {
                    life.repo.sight(&shared.topic)
                };
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

fn differences(one: &Sight, other: &Sight) -> String {
    if one.rows == other.rows {
        return "  the same rows, another order".to_owned();
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
