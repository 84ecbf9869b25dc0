//! What a guest brings back: a node that was restored from a backup lacks what was written
//! since, and its guests have their side of it, signed by whoever wrote it.

use std::collections::BTreeMap;

use synlog_log::ids::{DeviceId, EntityId, TopicId};
use synlog_log::replica::genesis_of;
use synlog_log::run::RunView;
use synlog_web::Problem;

use crate::guests::exchange::{Member, read, take};
use crate::guests::founding::look;
use crate::guests::spaces::{nothing, problem};
use crate::guests::state::Guests;
use crate::node::Node;

/// Whose devices write in a relation: a run is let in where its author is one of them.
pub(super) struct Writers {
    entities: Vec<EntityId>,
    /// Devices whose certificate came with what is pushed.
    shown: BTreeMap<DeviceId, EntityId>,
}

impl Writers {
    /// The owner, the guest, and who else is a member as far as is known here.
    pub(super) fn of(node: &mut Node, topic: &TopicId, guest: &EntityId) -> Self {
        let mut entities = vec![node.entity(), *guest];
        if node.genesis(topic).is_some()
            && let Ok(order) = node.order(topic)
        {
            entities.extend(order.policy().members.keys());
        }
        Self {
            entities,
            shown: BTreeMap::new(),
        }
    }

    /// Whether one of them wrote a run; its signature is checked with all others.
    pub(super) fn wrote(&mut self, node: &Node, run: &RunView<'_>) -> bool {
        let author = run.feed.author;
        if let Some(certified) = node.certified_of(run) {
            self.shown.insert(author, certified.entity);
        }
        let shown = self.shown.get(&author).copied();
        let entity = shown.or_else(|| node.author_of(&run.feed).ok().flatten());
        entity.is_some_and(|entity| self.entities.contains(&entity))
    }
}

/// Takes in a relation that this owner founded and this node does not know: it was begun
/// after the backup. Gives how many entries were new.
///
/// # Errors
/// Where it is no such relation of the guest's.
pub(super) fn bring_back(
    node: &mut Node,
    guests: &Guests,
    member: &Member,
    id: &str,
    bytes: &[u8],
    now_ms: u64,
) -> Result<u64, Problem> {
    let topic: TopicId = id.parse().map_err(|_| nothing())?;
    let other = guests.read(|book| book.relations.contains_key(&member.entity));
    let pushed = read(bytes)?;
    let owner = node.entity();
    let begins = |bytes: &Vec<u8>| {
        let run = RunView::decode(bytes).ok()?;
        let genesis = genesis_of(&run).filter(|_| TopicId(run.first().id.0) == topic)?;
        let of_owner = node.certified_of(&run)?.entity == owner;
        // which app it is of stands in what is sealed
        (of_owner && genesis.is_private()).then_some(())
    };
    if other || !pushed.runs.iter().any(|run| begins(run).is_some()) {
        return Err(nothing());
    }
    let took = take(node, member, &topic, pushed, now_ms)?;
    // whose it is stands in it
    let found = look(node, guests, &member.entity).map_err(|failure| problem(&failure))?;
    (found == Some(topic)).then_some(took).ok_or_else(nothing)
}
