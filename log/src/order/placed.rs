//! The sequenced prefix as a fold reads it: a million lines without a look-up each.

use std::sync::Arc;

use crate::ids::EntryId;
use crate::order::{Engine, Status, TopicOrder};

/// One line of the sequenced prefix, and the role of its entity there.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The entry.
    pub id: EntryId,
    /// Where it stands.
    pub status: &'a Status,
    /// As [`TopicOrder::role`] gives it.
    pub role: &'a Arc<str>,
    node: u32,
}

impl TopicOrder {
    /// Lines of the sequenced prefix as [`TopicOrder::prefix_from`] gives them, with roles.
    pub fn placed_from(&self, from: usize) -> impl Iterator<Item = Placed<'_>> + '_ {
        let placed = match &self.engine {
            Engine::Ordered(placement) => Some(placement.prefix_with_roles(from)),
            Engine::Causal(_) => None,
        };
        placed
            .into_iter()
            .flatten()
            .map(|(node, status, role)| Placed {
                id: self.graph.nodes[node as usize].id,
                status,
                role,
                node,
            })
    }

    /// Whether an entry is among the ancestors of one that is placed.
    pub fn leads_to(&self, ancestor: &EntryId, placed: &Placed<'_>) -> bool {
        let ancestor = self.graph.find(ancestor);
        ancestor.is_some_and(|ancestor| self.graph.is_ancestor(ancestor, placed.node))
    }
}
