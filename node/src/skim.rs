//! What a running node needs to know of a public topic all the time, found by reading it
//! once and kept up to date, so that its order need not be in memory for it.

use std::collections::BTreeSet;

use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::run::{EntryView, RunView};
use synlog_log::topic::{Genesis, Policy, TOMBSTONE_KIND, Visibility, may_change_members};

use crate::failure::Failure;
use crate::ledger::read;
use crate::node::Node;
use crate::pipeline::Staged;

/// What was skimmed of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skim {
    /// Those of the genesis; `None` where entries since then may say otherwise, so that
    /// the order has to be asked.
    members: Option<BTreeSet<EntityId>>,
    /// Whether something of it may be erased.
    has_tombstones: bool,
}

/// Topics that are remembered before the memory of them is started anew.
const TOPICS_MAX: usize = 1 << 14;

impl Node {
    /// Whether an entity is a member of a topic or, in a private one, may write.
    pub(crate) fn is_member(&mut self, topic: &TopicId, entity: &EntityId) -> bool {
        // what can't be read leaves the question to the order
        let skim = self.skim(topic, &[]).ok().flatten();
        if let Some(members) = skim.and_then(|skim| skim.members.as_ref()) {
            return members.contains(entity);
        }
        let Ok(order) = self.order(topic) else {
            return false;
        };
        let policy = order.policy();
        policy.members.contains_key(entity) || (policy.private && policy.role(entity).is_some())
    }

    /// Whether a run may erase something of its topic, or something of it may be erased.
    /// `staged` is on its way into the store.
    pub(crate) fn may_erase(
        &mut self,
        run: &RunView<'_>,
        staged: &[Staged],
    ) -> Result<bool, Failure> {
        if !run.entries.iter().any(concerns_erasing) {
            return Ok(false);
        }
        let skim = self.skim(&run.feed.topic, staged)?;
        let quiet = skim.is_some_and(|skim| !skim.has_tombstones);
        Ok(!quiet || run.entries.iter().any(is_tombstone))
    }

    /// Notes what a run brings that is on its way into the store.
    pub(crate) fn note_in_skim(&mut self, run: &RunView<'_>) {
        if let Some(skim) = self.skims.get_mut(&run.feed.topic) {
            skim.note(run);
        }
    }

    /// What is known of a topic without its order; `None` where it is private or its
    /// genesis is not here.
    fn skim(&mut self, topic: &TopicId, staged: &[Staged]) -> Result<Option<&Skim>, Failure> {
        if !self.skims.contains_key(topic) {
            let Some(mut skim) = self.read_skim(topic)? else {
                return Ok(None);
            };
            for run in staged.iter().filter(|run| run.facts.feed.topic == *topic) {
                if let Ok(run) = RunView::decode(&run.bytes) {
                    skim.note(&run);
                }
            }
            if self.skims.len() >= TOPICS_MAX {
                self.skims.clear();
            }
            self.skims.insert(*topic, skim);
        }
        Ok(self.skims.get(topic))
    }

    /// Reads all of a topic once.
    fn read_skim(&self, topic: &TopicId) -> Result<Option<Skim>, Failure> {
        let genesis = self.genesis(topic);
        let Some(genesis) = genesis.filter(|it| it.visibility == Visibility::Public) else {
            return Ok(None);
        };
        let mut skim = Skim {
            members: self.first_members(topic, &genesis)?,
            has_tombstones: false,
        };
        for feed in self.store.feeds_of(topic) {
            self.visit_runs(&feed.key, &mut |_, bytes| {
                // what doesn't decode counts for nothing in the order either
                if let Ok(run) = RunView::decode(bytes) {
                    skim.note(&run);
                }
                !skim.is_settled()
            })?;
        }
        Ok(Some(skim))
    }

    /// Who are members when a topic begins, if it can be told who began it.
    fn first_members(
        &self,
        topic: &TopicId,
        genesis: &Genesis,
    ) -> Result<Option<BTreeSet<EntityId>>, Failure> {
        let Some(position) = self.store.locate(&EntryId(topic.0))? else {
            return Ok(None);
        };
        let Some(record) = read(&self.store, position)? else {
            return Ok(None);
        };
        let run = RunView::decode(&record.bytes).map_err(Failure::refused("a stored run"))?;
        let owner = self.certified_of(&run).map(|certified| certified.entity);
        Ok(owner.map(|owner| {
            let policy = Policy::new(genesis, &owner);
            policy.members.into_keys().collect()
        }))
    }
}

impl Skim {
    fn note(&mut self, run: &RunView<'_>) {
        if self.is_settled() {
            return;
        }
        for entry in &run.entries {
            let Ok(payload) = entry.payload.split() else {
                continue;
            };
            if may_change_members(payload.kind) {
                self.members = None;
            }
            self.has_tombstones |= payload.kind == TOMBSTONE_KIND;
        }
    }

    /// Whether nothing that comes could change it.
    fn is_settled(&self) -> bool {
        self.members.is_none() && self.has_tombstones
    }
}

/// Whether an entry may be erased by one that is here, or may erase one.
fn concerns_erasing(entry: &EntryView<'_>) -> bool {
    entry.payload.is_erased()
        || entry
            .payload
            .split()
            .is_ok_and(|payload| payload.erasable.is_some() || payload.kind == TOMBSTONE_KIND)
}

fn is_tombstone(entry: &EntryView<'_>) -> bool {
    let payload = entry.payload.split();
    payload.is_ok_and(|payload| payload.kind == TOMBSTONE_KIND)
}
