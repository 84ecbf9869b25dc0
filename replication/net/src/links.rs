//! Which links there are: one for each node, whoever called whom.

use std::collections::BTreeMap;

use synlog_replication::peer::{LinkId, NodeId};

/// Links at once: beyond this the memory that they may take is no longer small.
pub(crate) const LINKS_MAX: usize = 256;

/// What is known of a link when it is about to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its number.
    pub link: LinkId,
    /// Who is there.
    pub node: NodeId,
    /// Names the run of the process there.
    pub run: [u8; 16],
    /// Whether this node called.
    pub dialed: bool,
}

/// What becomes of a link that is about to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It counts.
    Stays,
    /// It counts, and an older one goes.
    Replaces(LinkId),
    /// The older one stays.
    Goes,
    /// There is no room.
    Full,
}

/// The links that count.
#[derive(Debug)]
pub(crate) struct Links {
    own: NodeId,
    by_node: BTreeMap<NodeId, Candidate>,
}

impl Links {
    /// None yet.
    pub(crate) fn new(own: NodeId) -> Self {
        Self {
            own,
            by_node: BTreeMap::new(),
        }
    }

    /// Decides between links of the same two nodes. Both ends decide alike: of two that
    /// were called at the same time from both ends, that of the smaller id stays; what
    /// belongs to an earlier run of the other process, or was called again by the same
    /// end, is dead.
    pub(crate) fn admit(&mut self, new: Candidate) -> Ruling {
        let ruling = match self.by_node.get(&new.node) {
            None if self.by_node.len() >= LINKS_MAX => Ruling::Full,
            None => Ruling::Stays,
            Some(old) if old.run != new.run || old.dialed == new.dialed => {
                Ruling::Replaces(old.link)
            }
            Some(old) => {
                let own_call_stays = self.own < new.node;
                if new.dialed == own_call_stays {
                    Ruling::Replaces(old.link)
                } else {
                    Ruling::Goes
                }
            }
        };
        if matches!(ruling, Ruling::Stays | Ruling::Replaces(_)) {
            self.by_node.insert(new.node, new);
        }
        ruling
    }

    /// Forgets a link, unless another one has taken its place.
    pub(crate) fn remove(&mut self, node: &NodeId, link: LinkId) {
        if self.by_node.get(node).is_some_and(|old| old.link == link) {
            self.by_node.remove(node);
        }
    }

    /// Whether there is a link to a node.
    pub(crate) fn has(&self, node: &NodeId) -> bool {
        self.by_node.contains_key(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: NodeId = NodeId([1; 32]);
    const HIGH: NodeId = NodeId([2; 32]);

    fn candidate(link: u64, node: NodeId, run: u8, dialed: bool) -> Candidate {
        Candidate {
            link: LinkId(link),
            node,
            run: [run; 16],
            dialed,
        }
    }

    #[test]
    fn both_ends_keep_the_same_of_two_calls() {
        // call 1 is that of the low node, call 2 that of the high one
        for order in [[1, 2], [2, 1]] {
            let (mut low, mut high) = (Links::new(LOW), Links::new(HIGH));
            for call in order {
                low.admit(candidate(call, HIGH, 0, call == 1));
                high.admit(candidate(call, LOW, 0, call == 2));
            }
            assert_eq!(low.by_node[&HIGH].link, LinkId(1), "{order:?}");
            assert_eq!(high.by_node[&LOW].link, LinkId(1), "{order:?}");
        }
    }

    #[test]
    fn what_is_dead_makes_room() {
        let mut links = Links::new(LOW);
        assert_eq!(links.admit(candidate(1, HIGH, 0, true)), Ruling::Stays);
        // it was started again and calls
        let again = links.admit(candidate(2, HIGH, 1, false));
        assert_eq!(again, Ruling::Replaces(LinkId(1)));
        // it lost the link before this end did, and calls again
        let again = links.admit(candidate(3, HIGH, 1, false));
        assert_eq!(again, Ruling::Replaces(LinkId(2)));
        links.remove(&HIGH, LinkId(2));
        assert!(
            links.has(&HIGH),
            "an old link does not take the new one along"
        );
        links.remove(&HIGH, LinkId(3));
        assert!(!links.has(&HIGH));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut links = Links::new(LOW);
        for number in 0..LINKS_MAX as u64 {
            let mut node = HIGH;
            node.0[..8].copy_from_slice(&(number + 9).to_be_bytes());
            let ruling = links.admit(candidate(number, node, 0, false));
            assert_eq!(ruling, Ruling::Stays);
        }
        let ruling = links.admit(candidate(999, NodeId([7; 32]), 0, false));
        assert_eq!(ruling, Ruling::Full);
    }
}
