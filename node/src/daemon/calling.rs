//! Whom to call next: the nodes that were named to this one, until there is a link.

use std::collections::BTreeMap;

use synlog_replication::peer::NodeId;

/// Wait after the first call that came to nothing.
const FIRST_WAIT_MS: u64 = 1_000;
/// Longest wait between two calls.
const WAIT_MAX_MS: u64 = 60_000;

/// Nodes to be called, and when.
#[derive(Debug, Default)]
pub struct Calling {
    nodes: BTreeMap<NodeId, Call>,
}

#[derive(Debug)]
struct Call {
    due_ms: u64,
    wait_ms: u64,
    linked: bool,
}

impl Calling {
    /// A node was named: it is called at once, whatever happened before.
    pub fn named(&mut self, node: NodeId, now_ms: u64) {
        let call = self.nodes.entry(node).or_insert(Call {
            due_ms: now_ms,
            wait_ms: FIRST_WAIT_MS,
            linked: false,
        });
        call.due_ms = now_ms;
        call.wait_ms = FIRST_WAIT_MS;
    }

    /// There is a link.
    pub fn linked(&mut self, node: &NodeId) {
        if let Some(call) = self.nodes.get_mut(node) {
            call.linked = true;
            call.wait_ms = FIRST_WAIT_MS;
        }
    }

    /// A link ended, or a call came to nothing. `jitter` is any number: nodes that lost
    /// each other at the same time don't call at the same time.
    pub fn failed(&mut self, node: &NodeId, now_ms: u64, jitter: u64) {
        if let Some(call) = self.nodes.get_mut(node) {
            call.linked = false;
            call.due_ms = now_ms + call.wait_ms / 2 + jitter % (call.wait_ms / 2 + 1);
            call.wait_ms = (call.wait_ms * 2).min(WAIT_MAX_MS);
        }
    }

    /// A node is no longer wanted.
    pub fn dropped(&mut self, node: &NodeId) {
        self.nodes.remove(node);
    }

    /// The nodes to call now; each is due again after its wait, should nothing be heard.
    pub fn due(&mut self, now_ms: u64) -> Vec<NodeId> {
        let due = self.nodes.iter_mut();
        due.filter(|(_, call)| !call.linked && call.due_ms <= now_ms)
            .map(|(node, call)| {
                call.due_ms = now_ms + WAIT_MAX_MS;
                *node
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_grow_rarer_until_there_is_a_link() {
        let (node, mut calling) = (NodeId([1; 32]), Calling::default());
        calling.named(node, 100);
        let (mut now, mut waits) = (100, Vec::new());
        for _ in 0..9 {
            assert_eq!(calling.due(now), [node]);
            assert!(calling.due(now).is_empty(), "one call at a time");
            calling.failed(&node, now, u64::MAX);
            let next = calling.nodes[&node].due_ms;
            waits.push(next - now);
            now = next;
        }
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
        assert!((FIRST_WAIT_MS / 2..=FIRST_WAIT_MS).contains(&waits[0]));
        assert!((WAIT_MAX_MS / 2..=WAIT_MAX_MS).contains(&waits[8]));
        calling.linked(&node);
        assert!(calling.due(u64::MAX / 2).is_empty());
        calling.failed(&node, now, 0);
        assert!(calling.due(now).is_empty());
        assert_eq!(calling.due(now + FIRST_WAIT_MS), [node]);
        calling.dropped(&node);
        assert!(calling.due(u64::MAX / 2).is_empty());
    }
}
