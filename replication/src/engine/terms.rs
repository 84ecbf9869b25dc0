//! What policy says of one peer, as its session asks for it.

use synlog_log::ids::{EntityId, FeedKey, TopicId};

use crate::peer::{NodeId, Peer};
use crate::policy::{Act, Charge, Circle, Interests, Quotas, Standing, authorise};
use crate::repo::Access;
use crate::session::{Arrival, Terms};

/// Policy for one peer, at one time.
pub(super) struct PeerTerms<'a> {
    pub own: EntityId,
    pub interests: &'a Interests,
    pub circle: &'a Circle,
    pub quotas: &'a Quotas,
    pub standing: Standing,
    pub now_ms: u64,
}

/// How the author of entries stands. Of a topic's members the topic itself answers for.
pub(super) fn author_standing(
    arrival: &Arrival,
    own: &EntityId,
    interests: &Interests,
    circle: &Circle,
) -> Standing {
    let Some(entity) = arrival.author else {
        return Standing::Stranger;
    };
    let standing = circle.of_entity(&entity, own, interests);
    if standing == Standing::Blocked {
        standing
    } else if arrival.is_member {
        standing.max(Standing::Member)
    } else if arrival.is_vouched && interests.topics.contains(&arrival.feed.topic) {
        // who asked for a topic wants what is written in it, within the quotas; what a
        // stranger brings of others is of nobody
        standing.max(Standing::Introduced)
    } else {
        standing
    }
}

/// Who answers for a new feed, where its author alone doesn't.
pub(super) fn charge_of(arrival: &Arrival, circle: &Circle, node: NodeId) -> Charge {
    let introducer = arrival.author.and_then(|it| circle.introducer(&it));
    introducer.map_or(Charge::Peer(node), Charge::Introducer)
}

impl Terms for PeerTerms<'_> {
    fn shares(&self, _peer: &Peer, topic: &TopicId) -> bool {
        // what access the peer has was asked before; any will do here
        let act = Act::Serve(Access::Member);
        !self.interests.left.contains(topic)
            && authorise(self.interests.mode, self.standing, act).may()
    }

    fn wanted(&self, _peer: &Peer) -> Vec<TopicId> {
        let kept = |topic: &&TopicId| !self.interests.left.contains(*topic);
        self.interests.topics.iter().filter(kept).copied().collect()
    }

    fn takes(&self, peer: &Peer, arrival: &Arrival) -> bool {
        let author = author_standing(arrival, &self.own, self.interests, self.circle);
        let act = Act::Store {
            author,
            known: arrival.is_known,
        };
        if !authorise(self.interests.mode, self.standing, act).may() {
            return false;
        }
        if author >= Standing::Followed {
            return true;
        }
        let charge = charge_of(arrival, self.circle, peer.node);
        let room = arrival.is_known || self.quotas.has_room_for_feed(&charge, self.now_ms);
        room && self.quotas.has_room_in_feed(&arrival.feed, self.now_ms)
    }
}

/// A feed of which nothing but its name is known.
pub(super) fn arrival_of(feed: FeedKey, author: Option<EntityId>, is_member: bool) -> Arrival {
    Arrival {
        feed,
        author,
        is_member,
        is_vouched: false,
        is_known: true,
    }
}
