//! Those who called this node and share nothing with it yet: what they said of themselves,
//! in memory alone, until somebody here wants to invite them. Strangers cost no disk.

use std::collections::{BTreeMap, VecDeque};

use synlog_log::identity::SignedStatement;
use synlog_log::ids::EntityId;

/// Entities that are remembered; whoever called first is forgotten first.
const ENTITIES_MAX: usize = 256;
/// Statements of each.
const STATEMENTS_MAX: usize = 64;

/// Their statements, as they came.
#[derive(Debug, Default)]
pub(crate) struct Met {
    logs: BTreeMap<EntityId, Vec<SignedStatement>>,
    /// In the order in which they first called.
    order: VecDeque<EntityId>,
}

impl Met {
    /// Remembers a statement, unless there are too many of its entity.
    pub(crate) fn add(&mut self, signed: SignedStatement) {
        let entity = signed.statement.entity;
        if !self.logs.contains_key(&entity) {
            if self.order.len() >= ENTITIES_MAX
                && let Some(first) = self.order.pop_front()
            {
                self.logs.remove(&first);
            }
            self.order.push_back(entity);
        }
        let log = self.logs.entry(entity).or_default();
        if log.len() < STATEMENTS_MAX && !log.contains(&signed) {
            log.push(signed);
        }
    }

    /// Who they are.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &EntityId> {
        self.logs.keys()
    }

    /// Gives out what an entity said of itself, and forgets it.
    pub(crate) fn take(&mut self, entity: &EntityId) -> Vec<SignedStatement> {
        self.order.retain(|known| known != entity);
        self.logs.remove(entity).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use synlog_log::scenario::Person;

    fn statements(number: u8) -> Vec<SignedStatement> {
        let person = Person::new(number, 2);
        person.log.statements().cloned().collect()
    }

    #[test]
    fn whoever_called_last_is_remembered() {
        let mut met = Met::default();
        let said = statements(1);
        assert!(said.len() >= 2);
        for _ in 0..2 {
            said.iter().for_each(|it| met.add(it.clone()));
        }
        let entity = said[0].statement.entity;
        assert_eq!(met.take(&entity), said);
        assert_eq!(met.take(&entity), []);
        assert!(met.order.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut met = Met::default();
        let said = statements(1).remove(0);
        for number in 0..ENTITIES_MAX + 10 {
            let mut other = said.clone();
            other.statement.entity = EntityId(*blake3::hash(&number.to_le_bytes()).as_bytes());
            met.add(other);
        }
        for number in 0..2 * STATEMENTS_MAX as u64 {
            let mut more = said.clone();
            more.statement.number = number;
            met.add(more);
        }
        assert_eq!(met.logs.len(), ENTITIES_MAX);
        assert_eq!(met.order.len(), ENTITIES_MAX);
        assert_eq!(met.take(&said.statement.entity).len(), STATEMENTS_MAX);
    }
}
