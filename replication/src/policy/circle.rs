//! How near an entity stands: by following and by what the followed say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use synlog_log::ids::EntityId;

use crate::peer::Peer;
use crate::policy::Interests;

/// How somebody stands to this node, nearest last but one: whoever is blocked is only that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Shut out by the person here.
    Blocked,
    /// Nothing is known of them.
    Stranger,
    /// They hold an invitation of this node.
    Invited,
    /// Somebody who is followed follows or vouches for them.
    Introduced,
    /// The person here follows them.
    Followed,
    /// They share a private topic with this node, as members or keepers.
    Member,
    /// The person here pinned their node.
    Pinned,
    /// A device of the same person.
    Own,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Blocked,
        Self::Stranger,
        Self::Invited,
        Self::Introduced,
        Self::Followed,
        Self::Member,
        Self::Pinned,
        Self::Own,
    ];
}

/// Who was introduced, and by whom of those that the person here follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circle {
    introduced: BTreeMap<EntityId, EntityId>,
}

impl Circle {
    /// Walks from the followed along what each says of others, breadth first, as far as
    /// each follow reaches. Whom two introduce is counted for the nearer one, or else
    /// for the one with the smaller id. Blocked entities introduce nobody.
    pub fn new(interests: &Interests, says: &BTreeMap<EntityId, BTreeSet<EntityId>>) -> Self {
        let mut introduced = BTreeMap::new();
        let mut counts: BTreeMap<EntityId, u32> = BTreeMap::new();
        let follows = interests.follows.iter();
        let mut queue: VecDeque<(EntityId, EntityId, u8)> = follows
            .filter(|(entity, _)| !interests.blocked.contains(entity))
            .map(|(entity, follow)| (*entity, *entity, follow.hops))
            .collect();
        while let Some((at, introducer, hops)) = queue.pop_front() {
            let limit = interests.follows.get(&introducer);
            let limit = limit.map_or(0, |follow| follow.entities_max);
            for next in says.get(&at).filter(|_| hops > 0).into_iter().flatten() {
                let known = interests.follows.contains_key(next)
                    || interests.blocked.contains(next)
                    || introduced.contains_key(next);
                let count = counts.entry(introducer).or_default();
                if known || *count >= limit {
                    continue;
                }
                *count += 1;
                introduced.insert(*next, introducer);
                queue.push_back((*next, introducer, hops - 1));
            }
        }
        Self { introduced }
    }

    /// Who introduced an entity.
    pub fn introducer(&self, entity: &EntityId) -> Option<EntityId> {
        self.introduced.get(entity).copied()
    }

    /// How an author stands, whom this node knows by entity alone.
    pub fn of_entity(&self, entity: &EntityId, own: &EntityId, interests: &Interests) -> Standing {
        if entity == own {
            Standing::Own
        } else if interests.blocked.contains(entity) {
            Standing::Blocked
        } else if interests.follows.contains_key(entity) {
            Standing::Followed
        } else if self.introduced.contains_key(entity) {
            Standing::Introduced
        } else {
            Standing::Stranger
        }
    }

    /// How a peer stands. `shares_private`: whether it is a member or keeper of a private
    /// topic that is here. `invited`: whether it showed an invitation.
    pub fn of_peer(
        &self,
        peer: &Peer,
        own: &EntityId,
        interests: &Interests,
        shares_private: bool,
        invited: bool,
    ) -> Standing {
        let entity = peer.proven.map(|proven| proven.entity);
        let by_entity = entity.map_or(Standing::Stranger, |entity| {
            self.of_entity(&entity, own, interests)
        });
        if by_entity == Standing::Own {
            return Standing::Own;
        }
        if by_entity == Standing::Blocked || interests.blocked_nodes.contains(&peer.node) {
            return Standing::Blocked;
        }
        let by_node = interests
            .pinned
            .contains(&peer.node)
            .then_some(Standing::Pinned);
        let by_topic = shares_private.then_some(Standing::Member);
        let by_ticket = invited.then_some(Standing::Invited);
        let others = [by_node, by_topic, by_ticket];
        others.into_iter().flatten().fold(by_entity, Standing::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{NodeId, Proven};
    use crate::policy::Follow;
    use synlog_log::ids::DeviceId;

    fn entity(number: u8) -> EntityId {
        EntityId([number; 32])
    }

    fn says(pairs: &[(u8, &[u8])]) -> BTreeMap<EntityId, BTreeSet<EntityId>> {
        let set = |others: &[u8]| others.iter().map(|it| entity(*it)).collect();
        pairs
            .iter()
            .map(|(who, others)| (entity(*who), set(others)))
            .collect()
    }

    fn following(pairs: &[(u8, u8, u32)]) -> Interests {
        let follow = |(who, hops, entities_max): &(u8, u8, u32)| {
            let follow = Follow {
                hops: *hops,
                entities_max: *entities_max,
            };
            (entity(*who), follow)
        };
        Interests {
            follows: pairs.iter().map(follow).collect(),
            ..Interests::default()
        }
    }

    #[test]
    fn follows_reach_as_far_as_they_say_and_loops_end() {
        let says = says(&[(1, &[2, 3]), (2, &[4, 1]), (4, &[5]), (3, &[2])]);
        let introduced = |hops| {
            let circle = Circle::new(&following(&[(1, hops, 100)]), &says);
            (1..8)
                .filter(|it| circle.introducer(&entity(*it)).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(introduced(0), []);
        assert_eq!(introduced(1), [2, 3]);
        assert_eq!(introduced(2), [2, 3, 4]);
        assert_eq!(introduced(4), [2, 3, 4, 5]);
    }

    #[test]
    fn a_flood_of_vouches_is_cut_and_counted_for_whom_it_comes_from() {
        let many: Vec<u8> = (10..250).collect();
        let says = says(&[(1, &many), (2, &[200, 251])]);
        let circle = Circle::new(&following(&[(1, 3, 20), (2, 1, 20)]), &says);
        let by = |who| {
            let by = (0..=255).filter(|it| circle.introducer(&entity(*it)) == Some(entity(who)));
            by.count()
        };
        assert_eq!((by(1), by(2)), (20, 2));
    }

    #[test]
    fn blocking_wins_over_all_but_oneself() {
        let mut interests = following(&[(1, 2, 100)]);
        let node = NodeId([9; 32]);
        interests.pinned.insert(node);
        let peer = |who: u8| Peer {
            node,
            proven: Some(Proven {
                device: DeviceId([who; 32]),
                entity: entity(who),
            }),
        };
        let standing = |interests: &Interests, who: u8| {
            let circle = Circle::new(interests, &says(&[(1, &[2])]));
            circle.of_peer(&peer(who), &entity(7), interests, true, true)
        };
        assert_eq!(standing(&interests, 1), Standing::Pinned);
        interests.blocked.extend([entity(1), entity(7)]);
        assert_eq!(standing(&interests, 1), Standing::Blocked);
        assert_eq!(standing(&interests, 7), Standing::Own);
        // the blocked introduce nobody
        interests.pinned.clear();
        let circle = Circle::new(&interests, &says(&[(1, &[2])]));
        let of = circle.of_peer(&peer(2), &entity(7), &interests, false, false);
        assert_eq!(of, Standing::Stranger);
    }
}
