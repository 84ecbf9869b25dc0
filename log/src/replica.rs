//! What a node makes of runs, in memory: admission, ledger and order together.
//!
//! Verifying a bundle is this and nothing else; a node with a store does the
//! same with its store as the ledger.

use std::collections::BTreeMap;

use crate::admission::{Admission, Admit, MemoryLedger};
use crate::identity::Certified;
use crate::ids::{FeedKey, TopicId};
use crate::order::{Content, OrderEntry, OrderError, TopicOrder};
use crate::run::{EntryView, RunView};
use crate::topic::Genesis;

/// Entries in memory with their order.
#[derive(Default)]
pub struct Replica {
    /// What was admitted.
    pub ledger: MemoryLedger,
    /// The order of each topic.
    pub orders: BTreeMap<TopicId, TopicOrder>,
    admission: Admission,
}

/// What order needs of an entry of a run. `certified` is for a feed's first entry.
pub fn order_entry(
    run: &RunView<'_>,
    entry: &EntryView<'_>,
    certified: Option<Certified>,
) -> OrderEntry {
    OrderEntry {
        id: entry.id,
        author: run.feed.author,
        seq: entry.seq,
        backlink: entry.backlink,
        deps: entry.deps().collect(),
        hlc: entry.hlc,
        certified,
        content: Content::of(
            &entry.payload,
            &run.feed.author,
            run.genesis && entry.seq == 0,
        ),
    }
}

/// What the genesis at the front of a run says.
pub fn genesis_of(run: &RunView<'_>) -> Option<Genesis> {
    let first = run.entries.first().filter(|_| run.genesis)?;
    let payload = first.payload.split().ok()?;
    Genesis::parse(&payload.check().ok()?).ok()
}

impl Replica {
    /// Takes in a run that is known to be authentic. What waits is for the caller to keep.
    pub fn offer(&mut self, run: &RunView<'_>) -> Admit {
        let Ok(outcome) = self.admission.admit(run, &self.ledger, None);
        if let Admit::Fresh(fresh) = &outcome {
            self.ledger.add(run);
            if let Some(genesis) = genesis_of(run) {
                self.orders
                    .entry(run.feed.topic)
                    .or_insert_with(|| TopicOrder::new(run.feed.topic, genesis));
            }
            let mut certified = fresh.certified.clone();
            if let Some(order) = self.orders.get_mut(&run.feed.topic) {
                for entry in &run.entries[fresh.known..] {
                    let inserted = order.insert(order_entry(run, entry, certified.take()));
                    // admission lets nothing in without its ancestors
                    debug_assert!(!matches!(inserted, Err(OrderError::MissingAncestor)));
                }
            }
            if let Some(seq) = fresh.fork {
                self.insert_fork(&run.feed, seq);
            }
        }
        outcome
    }

    /// Takes in that a feed is forked.
    pub fn insert_fork(&mut self, feed: &FeedKey, seq: u64) {
        if let Some(order) = self.orders.get_mut(&feed.topic) {
            order.insert_fork(feed.author, seq);
        }
    }
}
